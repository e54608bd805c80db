// OpenAI's own client, in a process of its own (openai_worker.mjs), told what to do.
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import tls from "node:tls";
import { fileURLToPath } from "node:url";

// The certificate that the box shows, as a file.
function certificate(server, name) {
    return new Promise((done, fail) => {
        const socket = tls.connect({ host: "127.0.0.1", port: server.port, rejectUnauthorized: false }, () => {
            const pem = `-----BEGIN CERTIFICATE-----\n${socket.getPeerCertificate().raw.toString("base64").match(/.{1,64}/g).join("\n")}\n-----END CERTIFICATE-----\n`;
            const file = path.join(server.dir, name);
            writeFileSync(file, pem);
            socket.destroy();
            done(file);
        });
        socket.on("error", fail);
    });
}

export class Worker {
    constructor(env) {
        this.child = fork(fileURLToPath(new URL("openai_worker.mjs", import.meta.url)), { env: { ...process.env, ...env } });
        this.waiting = new Map();
        this.next = 1;
        this.ready = new Promise((done) => this.waiting.set(0, done));
        this.child.on("message", (message) => {
            this.waiting.get(message.id)(message);
            this.waiting.delete(message.id);
        });
    }
    // Trusts the certificate that the box shows.
    static async start(server, key) {
        const worker = new Worker({ NODE_EXTRA_CA_CERTS: await certificate(server, "box.pem"), BOX_URL: `https://localhost:${server.port}/v1`, BOX_KEY: key });
        await worker.ready;
        return worker;
    }
    stop() {
        this.child.kill();
    }
    // {value} or {error}
    try(deed, ...args) {
        return new Promise((done) => {
            this.waiting.set(this.next, done);
            this.child.send({ id: this.next++, deed, args });
        });
    }
    async do(deed, ...args) {
        const { value, error } = await this.try(deed, ...args);
        assert.equal(error, undefined, JSON.stringify(error));
        return value;
    }
    async fails(kind, status, code, deed, ...args) {
        const { value, error } = await this.try(deed, ...args);
        assert.deepEqual([error?.kind, error?.status, error?.code], [kind, status, code], JSON.stringify(error ?? value));
        assert.ok(error.message.length > 20 && error.type, JSON.stringify(error));
    }
}
