// One row through an endpoint over HTTPS, connection kept: the time from the first byte written to
// the last one read, beside the same for /healthz, so that what TLS and the client cost can be told
// from what serving does; ten thousand rows; with reasons; and with a shadow behind it.
//   ./build.sh bench serving [CALLS]
import { readFileSync } from "node:fs";
import tls from "node:tls";
import { randomNumbers } from "../api/lib/data.mjs";
import { Server } from "../api/lib/server.mjs";

const calls = Number(process.argv[2] ?? 5000), COLUMNS = 30;

// Bytes in, bytes out: a client of its own, lest the measuring costs more than what is measured.
class Line {
    constructor(port) {
        this.socket = tls.connect({ port, host: "127.0.0.1", rejectUnauthorized: false });
        this.socket.setNoDelay(true);
        this.taken = Buffer.alloc(0);
        this.socket.on("data", (piece) => {
            this.taken = this.taken.length ? Buffer.concat([this.taken, piece]) : piece;
            const head = this.taken.indexOf("\r\n\r\n");
            if (head < 0) return;
            const size = Number(/content-length: (\d+)/i.exec(this.taken.toString("latin1", 0, head))?.[1]);
            if (this.taken.length < head + 4 + size) return;
            const answer = this.taken;
            this.taken = Buffer.alloc(0);
            this.done(answer);
        });
    }
    ask(bytes) {
        return new Promise((done) => {
            this.done = done;
            this.socket.write(bytes);
        });
    }
}

const request = (method, target, token, body) => {
    const text = body === undefined ? "" : JSON.stringify(body);
    return Buffer.from(`${method} ${target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n`
        + `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
};

async function measure(what, line, bytes, count) {
    for (let i = 0; i < Math.min(200, count); i++) await line.ask(bytes);
    const micros = [];
    for (let i = 0; i < count; i++) {
        const start = process.hrtime.bigint();
        const answer = await line.ask(bytes);
        micros.push(Number(process.hrtime.bigint() - start) / 1000);
        if (!answer.subarray(0, 15).includes("200")) throw new Error(answer.toString());
    }
    micros.sort((a, b) => a - b);
    const at = (share) => micros[Math.min(count - 1, Math.floor(share * count))];
    console.log(`${what.padEnd(40)} p50 ${at(0.5).toFixed(0).padStart(7)} µs   p99 ${at(0.99).toFixed(0).padStart(7)} µs   (${count} calls)`);
}

function table(rows) {
    const random = randomNumbers(5), lines = [[...Array(COLUMNS).keys()].map((i) => `c${i}`).concat("y").join(",")];
    for (let i = 0; i < rows; i++) {
        const values = Array.from({ length: COLUMNS }, () => Number((random() * 100).toFixed(2)));
        const risk = values[0] + values[1] * 0.5 - values[2] + (random() - 0.5) * 60;
        lines.push([...values, risk > 25 ? "yes" : "no"].join(","));
    }
    return Buffer.from(`${lines.join("\n")}\n`);
}

async function train(person, release, name, options) {
    const { model, job } = await person.ok("POST", `/api/v1/releases/${release}/models`, { name, target: "y", options }, 202);
    await person.job(job.id);
    return model.id;
}

const server = await Server.start();
const admin = await server.setup();
const person = await server.person(admin, "person", ["data", "research"]);
const upload = await person.upload("table.csv", table(20000));
const { dataset, job } = await person.ok("POST", "/api/v1/datasets", { name: "table", upload }, 202);
await person.job(job.id);
const sheet = { title: "t", purpose: "p", source: "s", licence: "l", contact: "", limits: "", sensitivity: "open" };
const release = (await person.ok("POST", `/api/v1/datasets/${dataset.id}/releases`, { sheet }, 201)).id;
await admin.ok("POST", `/api/v1/releases/${release}/approve`, {});
const model = await train(person, release, "model", { trees: 100, early_stop: 0 });
const shadow = await train(person, release, "shadow", { trees: 50, early_stop: 0 });
const endpoint = (await person.ok("POST", "/api/v1/endpoints", { name: "bench", model }, 201)).id;
const { secret: token } = await person.ok("POST", "/api/v1/me/tokens", { name: "bench", roles: ["research"], expires_days: 1 }, 201);

const row = Object.fromEntries([...Array(COLUMNS).keys()].map((i) => [`c${i}`, (i * 7919) % 100]));
const path = `/api/v1/endpoints/${endpoint}/predict`;
const line = new Line(server.port);
console.log(`100 trees of depth 6, ${COLUMNS} columns; ${/model name\s*: (.*)/.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1]}`);
for (let round = 0; round < 2; round++) {
    await measure("healthz", line, request("GET", "/healthz", token), calls);
    await measure("one row", line, request("POST", path, token, { rows: [row] }), calls);
    await measure("one row, all reasons", line, request("POST", path, token, { rows: [row], contributions: true }), calls);
    await person.ok("PATCH", `/api/v1/endpoints/${endpoint}`, { shadow });
    await measure("one row, with a shadow", line, request("POST", path, token, { rows: [row] }), calls);
    await person.ok("PATCH", `/api/v1/endpoints/${endpoint}`, { shadow: null });
    const many = Array.from({ length: 6000 }, () => row);
    await measure("6,000 rows", line, request("POST", path, token, { rows: many }), 20);
}
const used = await person.ok("GET", `/api/v1/endpoints/${endpoint}/usage`);
for (const one of used.versions) {
    console.log(`inside, ${one.shadow ? "with its shadow" : "all calls"}: p50 ${(one.pinned_ms.p50 * 1000).toFixed(0)} µs, p99 ${(one.pinned_ms.p99 * 1000).toFixed(0)} µs, skipped ${one.skipped}`);
}
line.socket.destroy();
await server.stop();
