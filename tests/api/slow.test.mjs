// Clients that stop in the middle: each is let go after its time, and not before.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import tls from "node:tls";
import { Server, sleep } from "./lib/server.mjs";

let server, admin;
before(async () => {
    server = await Server.start();
    admin = await server.setup();
});
after(() => server?.stop());

// Seconds until the server hangs up after these bytes.
function patience(bytes, { reading = true, most = 90, drip = "" } = {}) {
    return new Promise((done, fail) => {
        const begun = Date.now();
        const socket = tls.connect({ port: server.port, host: "127.0.0.1", rejectUnauthorized: false }, () => {
            socket.write(bytes);
            if (reading) socket.resume();
        });
        const timer = drip ? setInterval(() => socket.writable && socket.write(drip), 1000) : undefined;
        const end = () => {
            clearInterval(timer);
            clearTimeout(late);
            done((Date.now() - begun) / 1000);
        };
        const late = setTimeout(() => {
            socket.destroy();
            fail(new Error(`still open after ${most} s`));
        }, most * 1000);
        // Unread data hides the end from node's streams: the raw socket's error or end tells.
        socket.on("error", end);
        socket.on("close", end);
        if (!reading) {
            socket.pause();
            const probe = setInterval(() => socket.write("\r\n", (error) => error && clearInterval(probe)), 1000);
            socket.on("close", () => clearInterval(probe));
        }
    });
}

describe("patience", { concurrency: true }, () => {
    test("an idle connection: a minute", async () => {
        const took = await patience("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
        assert.ok(took > 55 && took < 70, `${took} s`);
    });
    test("a body that does not come", async () => {
        const took = await patience("POST /api/v1/session HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{");
        assert.ok(took > 25 && took < 40, `${took} s`);
    });
    test("a body that drips", async () => {
        const took = await patience("POST /api/v1/session HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{", { drip: " " });
        assert.ok(took > 25 && took < 40, `${took} s`);
    });
    test("an answer nobody reads", async () => {
        const asks = "GET /api/v1/openapi.json HTTP/1.1\r\nHost: a\r\n\r\n".repeat(200);
        const took = await patience(asks, { reading: false });
        assert.ok(took > 25, `${took} s`);
    });
    test("others are served meanwhile", async () => {
        for (let i = 0; i < 20; i++) {
            assert.equal((await admin.call("GET", "/api/v1/me")).status, 200);
            await sleep(500);
        }
    });
});
