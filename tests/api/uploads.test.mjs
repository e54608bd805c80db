import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import tls from "node:tls";
import { Server, sleep } from "./lib/server.mjs";
import { xlsx, zip } from "./lib/zip.mjs";

let server, admin, officer;
before(async () => {
    server = await Server.start();
    admin = await server.setup();
    officer = await server.person(admin, "officer", ["data"]);
});
after(() => server?.stop());

// Announces `size` bytes, sends those given, and hangs up.
function cutOff(client, target, size, bytes) {
    return new Promise((done, fail) => {
        const socket = tls.connect({ port: client.server.port, host: "127.0.0.1", rejectUnauthorized: false }, () => {
            socket.write(`PUT ${target} HTTP/1.1\r\nHost: localhost\r\nCookie: ${client.cookie}\r\nX-Courtyard: 1\r\nContent-Length: ${size}\r\n\r\n`);
            socket.write(bytes, () => setTimeout(() => socket.destroy(), 200));
        });
        socket.on("error", fail);
        socket.on("close", done);
    });
}

const hashOf = (bytes) => createHash("sha256").update(bytes).digest("hex");

test("an upload that is cut is resumed where it stopped", async () => {
    const bytes = randomBytes(3 << 20);
    const upload = await officer.ok("POST", "/api/v1/uploads", { name: "a.csv", size: bytes.length }, 201);
    assert.equal(upload.complete, false);
    await cutOff(officer, `/api/v1/uploads/${upload.id}?offset=0`, bytes.length, bytes.subarray(0, 1 << 20));
    let state;
    for (let i = 0; i < 100; i++) {
        state = await officer.ok("GET", `/api/v1/uploads/${upload.id}`);
        if (state.received > 0) break;
        await sleep(50);
    }
    assert.ok(state.received > 0 && state.received <= 1 << 20, JSON.stringify(state));
    const wrong = await officer.fails("PUT", `/api/v1/uploads/${upload.id}?offset=0`, bytes.subarray(0, 10), 409, "upload.offset");
    assert.equal(wrong.json.error.detail, String(state.received));
    const rest = await officer.ok("PUT", `/api/v1/uploads/${upload.id}?offset=${state.received}`, bytes.subarray(state.received));
    assert.equal(rest.complete, true);
    assert.equal(hashOf(readFileSync(path.join(server.dir, "uploads", String(upload.id)))), hashOf(bytes));
});

test("an incomplete upload cannot be imported", async () => {
    const upload = await officer.ok("POST", "/api/v1/uploads", { name: "b.csv", size: 100 }, 201);
    await officer.ok("PUT", `/api/v1/uploads/${upload.id}?offset=0`, Buffer.from("a,b\n1,2\n"));
    await officer.fails("POST", "/api/v1/datasets", { name: "b", upload: upload.id }, 409, "upload.incomplete");
});

test("more than announced is refused, and nobody touches another's upload", async () => {
    const upload = await officer.ok("POST", "/api/v1/uploads", { name: "c.csv", size: 10 }, 201);
    const answer = await officer.call("PUT", `/api/v1/uploads/${upload.id}?offset=0`, Buffer.alloc(11, "a"));
    assert.ok(answer.status >= 400 && answer.status < 500, answer.text);
    const other = await server.person(admin, "other", ["data"]);
    assert.equal((await other.call("GET", `/api/v1/uploads/${upload.id}`)).status, 404);
    assert.equal((await other.call("PUT", `/api/v1/uploads/${upload.id}?offset=0`, Buffer.from("a"))).status, 404);
    await officer.ok("DELETE", `/api/v1/uploads/${upload.id}`, undefined, 204);
    assert.equal((await officer.call("GET", `/api/v1/uploads/${upload.id}`)).status, 404);
});

async function send(name, bytes) {
    const upload = await officer.ok("POST", "/api/v1/uploads", { name, size: bytes.length }, 201);
    return officer.ok("PUT", `/api/v1/uploads/${upload.id}?offset=0`, bytes);
}

async function imported(name, upload, options) {
    const made = await officer.ok("POST", "/api/v1/datasets", { name, upload: upload.id, options }, 202);
    for (let i = 0; i < 400; i++) {
        const dataset = await officer.ok("GET", `/api/v1/datasets/${made.dataset.id}`);
        if (dataset.rows > 0 && dataset.columns > 0) return dataset;
        const job = await officer.ok("GET", `/api/v1/jobs/${made.job.id}`);
        assert.notEqual(job.state, "failed", JSON.stringify(job));
        await sleep(50);
    }
    assert.fail("the import does not end");
}

test("a look tells a workbook's sheets and an archive's files, and the import follows it", async () => {
    const book = await send("病人.xls", xlsx({ 说明: [[null]], 病人: [["编号", "年龄"], ["001", 5]], 其他: [["a", "b"], ["x", "y"]] }));
    const look = await officer.ok("POST", `/api/v1/uploads/${book.id}/look`, {});
    assert.equal(look.options.format, "xlsx");
    assert.equal(look.options.sheet, "病人");
    assert.deepEqual(look.items.map((item) => item.state), ["visible", "used", "visible"]);
    assert.deepEqual(look.sample, [["001", "5"]]);
    const other = await officer.ok("POST", `/api/v1/uploads/${book.id}/look`, { sheet: "其他" });
    assert.deepEqual(other.options.columns.map((column) => column.name), ["a", "b"]);
    assert.equal((await imported("其他", book, other.options)).columns, 2);
    const files = await send("files.zip", zip({ "a.csv": "id,v\n001,1\n", "b.csv": "v,id\n2.5,7\n", "c.csv": "x\n1\n" }));
    const within = await officer.ok("POST", `/api/v1/uploads/${files.id}/look`, {});
    assert.deepEqual(within.items.map((item) => [item.name, item.state]), [["a.csv", "used"], ["b.csv", "used"], ["c.csv", "differs"]]);
    const dataset = await imported("全部", files, within.options);
    assert.equal(dataset.rows, 2);
    assert.equal(dataset.columns, 3);
    const texts = await send("notes.txt", Buffer.from("first, line\nsecond\n"));
    assert.equal((await imported("文本", texts)).columns, 1);
    const broken = await send("broken.xlsx", Buffer.from("PK\x03\x04 and no more"));
    await officer.fails("POST", `/api/v1/uploads/${broken.id}/look`, {}, 400, "zip.damaged");
});

test("what is wrong with an announcement is said", async () => {
    assert.equal((await officer.call("POST", "/api/v1/uploads", { name: "", size: 1 })).status, 400);
    assert.equal((await officer.call("POST", "/api/v1/uploads", { name: "a" })).status, 400);
    assert.equal((await officer.call("POST", "/api/v1/uploads", { name: "a", size: 1.5 })).status, 400);
    assert.equal((await officer.call("POST", "/api/v1/uploads", { name: "a".repeat(5000), size: 1 })).status, 413);
    assert.equal((await officer.call("POST", "/api/v1/uploads", { name: "huge", size: 2 ** 50 })).status >= 400, true);
});

test("the server's memory stays small while 300 MB come in", async () => {
    const size = 300 << 20, piece = randomBytes(1 << 20);
    const upload = await officer.ok("POST", "/api/v1/uploads", { name: "large.bin", size }, 201);
    const resident = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.child.pid}/status`, "utf8"))[1]) / 1024;
    const begun = resident();
    let most = 0;
    const socket = tls.connect({ port: server.port, host: "127.0.0.1", rejectUnauthorized: false });
    let text = "";
    socket.on("data", (d) => (text += d));
    socket.write(`PUT /api/v1/uploads/${upload.id}?offset=0 HTTP/1.1\r\nHost: localhost\r\nCookie: ${officer.cookie}\r\nX-Courtyard: 1\r\nContent-Length: ${size}\r\n\r\n`);
    for (let i = 0; i < size / piece.length; i++) {
        if (!socket.write(piece)) await new Promise((done) => socket.once("drain", done));
        most = Math.max(most, resident());
    }
    for (let i = 0; i < 400 && !text; i++) await sleep(50);
    socket.destroy();
    assert.match(text, /^HTTP\/1.1 200 /);
    assert.ok(most - begun < 8, `${begun.toFixed(1)} MB, then ${most.toFixed(1)} MB`);
    await officer.ok("DELETE", `/api/v1/uploads/${upload.id}`, undefined, 204);
});

test("a full disk is said, and what there was stays", async (t) => {
    const dir = mkdtempSync(path.join(tmpdir(), "courtyard-full-"));
    try {
        execFileSync("mount", ["-t", "tmpfs", "-o", "size=160m", "tmpfs", dir], { stdio: "ignore" });
    } catch {
        rmdirSync(dir);
        t.skip("mounting a small file system needs root");
        return;
    }
    let full;
    try {
        full = await Server.start({ dir });
        const boss = await full.setup();
        const person = await full.person(boss, "officer", ["data"]);
        // Too large from the start.
        assert.equal((await person.call("POST", "/api/v1/uploads", { name: "a", size: 500 << 20 })).status, 507);
        // Fills up on the way.
        const upload = await person.ok("POST", "/api/v1/uploads", { name: "a", size: 60 << 20 }, 201);
        execFileSync("dd", ["if=/dev/zero", `of=${dir}/filler`, "bs=1M", "count=130"], { stdio: "ignore" });
        const answer = await person.call("PUT", `/api/v1/uploads/${upload.id}?offset=0`, Buffer.alloc(60 << 20)).catch((error) => error);
        if (answer.status) assert.equal(answer.status, 507, answer.text);
        else assert.match(String(answer.code), /EPIPE|ECONNRESET/);
        assert.equal((await full.anonymous().call("GET", "/healthz")).status, 200);
        execFileSync("rm", [`${dir}/filler`]);
        const state = await person.ok("GET", `/api/v1/uploads/${upload.id}`);
        assert.ok(state.received < 60 << 20);
        const rest = await person.ok("PUT", `/api/v1/uploads/${upload.id}?offset=${state.received}`, Buffer.alloc((60 << 20) - state.received));
        assert.equal(rest.complete, true);
    } finally {
        await full?.stop();
        execFileSync("umount", [dir], { stdio: "ignore" });
        rmdirSync(dir);
    }
});
