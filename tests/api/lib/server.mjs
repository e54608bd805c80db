// Starts the real binary on a folder of its own and talks to it over HTTPS. Each JSON answer is held
// against app/server/api.json.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync, mkdtempSync, rmSync, existsSync } from "node:fs";
import https from "node:https";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { after } from "node:test";
import { validate } from "./schema.mjs";

export const root = fileURLToPath(new URL("../../..", import.meta.url));
export const binary = process.env.COURTYARD ?? path.join(root, "build/courtyard");
export const api = JSON.parse(readFileSync(path.join(root, "app/server/api.json"), "utf8"));
export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

export const operations = Object.entries(api.paths).flatMap(([template, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
        method: method.toUpperCase(), template, operation, roles: operation["x-roles"],
        pattern: new RegExp(`^${template.replace(/\{word\}/g, "[^/]+").replace(/\{\w+\}/g, "[1-9][0-9]*").replace(/\./g, "\\.")}$`),
    })));

export function operationOf(method, target) {
    const bare = target.split("?")[0];
    return operations.find((o) => o.method === method && o.pattern.test(bare));
}

// What an answer must look like; throws where it does not.
function hold(method, target, answer) {
    const found = operationOf(method, target);
    if (!found) return;
    let description = found.operation.responses[answer.status];
    if (answer.status === 405 || answer.status === 408 || answer.status === 500) {
        description = api.components.responses.BadRequest; // may come from anywhere
    }
    if (answer.status === 507 && method !== "GET") description ??= api.components.responses.Full; // any write
    assert.ok(description, `${method} ${target}: ${answer.status} is not described: ${answer.text.slice(0, 300)}`);
    if (description.$ref) description = api.components.responses[description.$ref.split("/").pop()];
    if (!description.content) {
        assert.equal(answer.text, "", `${method} ${target}: has a body`);
        return;
    }
    const described = Object.entries(description.content);
    const [type, media] = described.find(([one]) => answer.headers["content-type"]?.startsWith(one)) ?? described[0];
    assert.ok(answer.headers["content-type"]?.startsWith(type), `${method} ${target}: ${answer.headers["content-type"]}`);
    if (type !== "application/json") return;
    const findings = validate(api, media.schema, answer.json);
    assert.deepEqual(findings, [], `${method} ${target} -> ${answer.status}`);
}

// A test that fails leaves its server behind; nothing may wait for that.
const running = new Set();
after(() => running.forEach((child) => child.kill("SIGKILL")));

export class Server {
    static async start(options = {}) {
        const server = new Server();
        server.dir = options.dir ?? mkdtempSync(path.join(tmpdir(), "courtyard-api-"));
        server.ownsDir = !options.dir;
        server.begun = process.hrtime.bigint();
        server.log = "";
        server.child = spawn(binary, ["serve", "--data", server.dir, "--listen",
            options.listen ?? "127.0.0.1:0", ...(options.args ?? [])], { stdio: ["ignore", "pipe", "pipe"],
            env: { ...process.env, LANG: "en_US.UTF-8", ...options.env } });
        running.add(server.child);
        server.child.on("exit", () => running.delete(server.child));
        server.child.stderr.on("data", (piece) => (server.log += piece));
        let out = "";
        server.ended = new Promise((done) => server.child.on("exit", (code, signal) => done({ code, signal })));
        await new Promise((done, fail) => {
            server.child.stdout.on("data", (piece) => {
                out += piece;
                // The banner is written at once; a setup code, where there is one, is in its last line.
                if (/SHA-256 [0-9A-F:]{95}\n/.test(out)) done();
            });
            server.ended.then((end) => fail(Object.assign(new Error(`ended ${JSON.stringify(end)}: ${server.log}`), end)));
        });
        server.port = Number(/https:\/\/[^\s]*:(\d+)\//.exec(out)[1]);
        server.fingerprint = /SHA-256 ([0-9A-F:]{95})/.exec(out)[1];
        server.code = /setup code (\S+)/.exec(out)?.[1];
        return server;
    }
    async stop(signal = "SIGTERM") {
        this.child.kill(signal);
        const end = await this.ended;
        if (this.ownsDir && signal !== "SIGKILL") this.remove();
        return end;
    }
    remove() {
        if (existsSync(this.dir)) rmSync(this.dir, { recursive: true, force: true });
    }
    anonymous() {
        return new Client(this);
    }
    // The first person: system and security.
    async setup() {
        const admin = this.anonymous();
        await admin.ok("POST", "/api/v1/setup", { code: this.code, name: "admin", display_name: "管理员", password: "correct horse 1" }, 201);
        admin.name = "admin";
        admin.password = "correct horse 1";
        return admin;
    }
    // A person with these roles, signed in, their one-time password changed.
    async person(admin, name, roles, department = "内科") {
        const made = await admin.ok("POST", "/api/v1/people", { name, display_name: name, department }, 201);
        await admin.ok("PATCH", `/api/v1/people/${made.person.id}`, { roles });
        const person = this.anonymous();
        await person.ok("POST", "/api/v1/session", { name, password: made.one_time_password });
        person.password = `battery staple ${name.length} ok`;
        await person.ok("POST", "/api/v1/me/password", { old: made.one_time_password, new: person.password }, 204);
        await person.ok("POST", "/api/v1/session", { name, password: person.password });
        person.name = name;
        person.id = made.person.id;
        return person;
    }
}

export class Client {
    constructor(server) {
        this.server = server;
        this.agent = new https.Agent({ keepAlive: true, maxSockets: 4, rejectUnauthorized: false });
        this.patience_ms = server.patience_ms ?? 60000; // with one answer, and with a job
        this.cookie = undefined;
        this.token = undefined;
    }
    // {status, headers, text, json, bytes}
    call(method, target, body, options = {}) {
        const headers = { ...options.headers };
        if (this.token) headers.authorization = `Bearer ${this.token}`;
        else if (this.cookie) headers.cookie = this.cookie;
        if (method !== "GET" && options.csrf !== false) headers["x-courtyard"] = "1";
        let data = body;
        if (body !== undefined && !Buffer.isBuffer(body)) {
            data = Buffer.from(JSON.stringify(body));
            headers["content-type"] = "application/json";
        }
        if (data !== undefined) headers["content-length"] = data.length;
        return new Promise((done, fail) => {
            const request = https.request({ host: "127.0.0.1", port: this.server.port, method, path: target, headers,
                agent: options.agent ?? this.agent, rejectUnauthorized: false, ...options.tls }, (response) => {
                const pieces = [];
                response.on("data", (piece) => pieces.push(piece));
                response.on("error", fail);
                response.on("end", () => {
                    const bytes = Buffer.concat(pieces);
                    const answer = { status: response.statusCode, headers: response.headers, bytes, text: bytes.toString("utf8") };
                    try {
                        if (bytes.length && answer.headers["content-type"]?.startsWith("application/json") && !answer.headers["content-encoding"]) {
                            answer.json = JSON.parse(answer.text);
                        }
                        if (!answer.headers["content-encoding"] && options.hold !== false) hold(method, target, answer);
                        const cookie = /^courtyard=([^;]*)/.exec(answer.headers["set-cookie"]?.[0] ?? "");
                        if (cookie) this.cookie = cookie[1] ? `courtyard=${cookie[1]}` : undefined;
                        done(answer);
                    } catch (error) {
                        fail(error);
                    }
                });
            });
            request.on("error", fail);
            request.setTimeout(options.timeout ?? this.patience_ms, () => request.destroy(new Error(`${method} ${target}: no answer`)));
            request.end(data);
        });
    }
    async ok(method, target, body, status = 200) {
        const answer = await this.call(method, target, body);
        assert.equal(answer.status, status, `${method} ${target}: ${answer.text}`);
        return answer.json;
    }
    async fails(method, target, body, status, code) {
        const answer = await this.call(method, target, body);
        assert.equal(answer.status, status, `${method} ${target}: ${answer.text}`);
        assert.equal(answer.json.error.code, code);
        return answer;
    }
    async job(id, want = "done") {
        const from = Date.now();
        for (let i = 0; i < 1200 || Date.now() - from < this.patience_ms; i++) {
            const job = await this.ok("GET", `/api/v1/jobs/${id}`);
            if (["done", "failed", "cancelled"].includes(job.state)) {
                assert.equal(job.state, want, JSON.stringify(job));
                return job;
            }
            await sleep(50);
        }
        throw new Error(`job ${id} does not end`);
    }
    async upload(name, bytes) {
        const upload = await this.ok("POST", "/api/v1/uploads", { name, size: bytes.length }, 201);
        const after = await this.ok("PUT", `/api/v1/uploads/${upload.id}?offset=0`, bytes);
        assert.equal(after.complete, true);
        return upload.id;
    }
    // A CSV as a dataset, once it has been read.
    async dataset(name, bytes) {
        const upload = await this.upload(`${name}.csv`, bytes);
        const { dataset, job } = await this.ok("POST", "/api/v1/datasets", { name, upload }, 202);
        await this.job(job.id);
        return dataset;
    }
    // The same offered as a release, which nobody has approved; and approved by another.
    async offer(name, bytes) {
        const dataset = await this.dataset(name, bytes);
        const sheet = { title: name, purpose: "test", source: "made", licence: "CC0", contact: "", limits: "", sensitivity: "open" };
        return this.ok("POST", `/api/v1/datasets/${dataset.id}/releases`, { sheet }, 201);
    }
    async publish(name, bytes, approver) {
        const release = await this.offer(name, bytes);
        await approver.ok("POST", `/api/v1/releases/${release.id}/approve`, {});
        return release;
    }
}
