// The protocol itself: what is taken, what is refused, and that slow or silent clients harm nobody.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import net from "node:net";
import { after, before, test } from "node:test";
import tls from "node:tls";
import { gunzipSync } from "node:zlib";
import { api, Server, sleep } from "./lib/server.mjs";

let server, nobody;
before(async () => {
    server = await Server.start();
    nobody = server.anonymous();
});
after(() => server?.stop());

function dial(options = {}) {
    const socket = tls.connect({ port: server.port, host: "127.0.0.1", rejectUnauthorized: false, ...options });
    socket.text = "";
    socket.on("data", (piece) => (socket.text += piece));
    socket.on("error", () => {});
    socket.on("session", (session) => (socket.session_ = session));
    socket.closed_ = new Promise((done) => socket.on("close", done));
    return new Promise((done, fail) => socket.once("secureConnect", () => done(socket)).once("error", fail));
}

async function raw(bytes, wait = 5000) {
    const socket = await dial();
    socket.write(bytes);
    await Promise.race([socket.closed_, sleep(wait)]);
    socket.destroy();
    return socket.text;
}

test("TLS 1.2 and 1.3, nothing older", async () => {
    for (const version of ["TLSv1.2", "TLSv1.3"]) {
        const socket = await dial({ minVersion: version, maxVersion: version });
        assert.equal(socket.getProtocol(), version);
        socket.destroy();
    }
    await assert.rejects(dial({ minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "ALL:@SECLEVEL=0" }));
});

test("a session is resumed by its ticket", async () => {
    for (const version of ["TLSv1.2", "TLSv1.3"]) {
        const first = await dial({ maxVersion: version });
        first.write("GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        await first.closed_;
        assert.ok(first.session_, version);
        const second = await dial({ maxVersion: version, session: first.session_ });
        assert.equal(second.isSessionReused(), true, version);
        second.destroy();
    }
});

test("keeps connections and the order of pipelined requests", async () => {
    const socket = await dial();
    socket.write("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET /api/v1/state HTTP/1.1\r\nHost: a\r\n\r\n"
        + "GET /api/v1/nothing HTTP/1.1\r\nHost: a\r\n\r\nGET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    await socket.closed_;
    const statuses = [...socket.text.matchAll(/HTTP\/1\.1 (\d+)/g)].map((m) => m[1]);
    assert.deepEqual(statuses, ["200", "200", "404", "200"]);
});

const refused = {
    "a bare LF": ["GET / HTTP/1.1\nHost: a\n\n", 400],
    "a folded line": ["GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n", 400],
    "two lengths": ["POST /api/v1/session HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\n", 400],
    "a length beside a coding": ["POST /api/v1/session HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400],
    "a body of unknown length": ["POST /api/v1/session HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411],
    "no host": ["GET / HTTP/1.1\r\n\r\n", 400],
    "two hosts": ["GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400],
    "a blank before the colon": ["GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400],
    "an endless address": [`GET /${"a".repeat(9000)} HTTP/1.1\r\nHost: a\r\n\r\n`, 414],
    "an endless head": [`GET / HTTP/1.1\r\nHost: a\r\nX: ${"a".repeat(17000)}\r\n\r\n`, 431],
    "too many fields": [`GET / HTTP/1.1\r\nHost: a\r\n${"X: a\r\n".repeat(70)}\r\n`, 431],
    "another protocol": ["GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505],
    "a body nobody asked for": ["GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", 413],
    "too large a body": ["POST /api/v1/session HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n", 413],
};
for (const [what, [bytes, status]] of Object.entries(refused)) {
    test(`refuses ${what}`, async () => {
        const answer = await raw(bytes);
        assert.match(answer, new RegExp(`^HTTP/1.1 ${status} `));
        assert.match(answer, /Connection: close/);
        assert.equal([...answer.matchAll(/HTTP\/1\.1 /g)].length, 1);
    });
}

test("methods: HEAD as GET, others with Allow", async () => {
    const head = await nobody.call("HEAD", "/healthz");
    assert.equal(head.status, 200);
    assert.equal(head.text, "");
    assert.ok(Number(head.headers["content-length"]) > 0);
    const put = await nobody.call("PUT", "/api/v1/state");
    assert.equal(put.status, 405);
    assert.equal(put.headers.allow, "GET, HEAD");
    assert.equal((await nobody.call("OPTIONS", "/api/v1/session")).headers.allow, "POST, DELETE");
    assert.equal((await nobody.call("POST", "/")).status, 405);
});

test("JSON: what is no JSON, too deep, or twice the same name is refused", async () => {
    for (const body of ["{", "[1,]", '{"a":1,"a":2}', "[".repeat(100) + "]".repeat(100), "\xff"]) {
        const answer = await nobody.call("POST", "/api/v1/session", Buffer.from(body, "latin1"));
        assert.ok(answer.status === 400 || answer.status === 413, `${body}: ${answer.status}`);
    }
});

test("plain HTTP is told where to go", async () => {
    const answer = await new Promise((done) => {
        const socket = net.connect(server.port, "127.0.0.1", () => socket.write("GET /people?x=1 HTTP/1.1\r\nHost: box:8443\r\n\r\n"));
        let text = "";
        socket.on("data", (piece) => (text += piece));
        socket.on("close", () => done(text));
    });
    assert.match(answer, /^HTTP\/1.1 308 /);
    assert.match(answer, /Location: https:\/\/box:8443\/people\?x=1\r\n/);
});

test("pages: security fields, gzip, ETag, and one page for all addresses", async () => {
    const page = await nobody.call("GET", "/datasets/3");
    assert.match(page.headers["content-security-policy"], /default-src 'self'.*frame-ancestors 'none'/);
    assert.equal(page.headers["x-content-type-options"], "nosniff");
    assert.equal(page.headers["referrer-policy"], "no-referrer");
    assert.ok(page.headers["strict-transport-security"]);
    const plain = await nobody.call("GET", "/messages/en.json");
    assert.equal(plain.status, 200);
    assert.equal(plain.headers["cache-control"], "no-cache");
    const packed = await nobody.call("GET", "/messages/en.json", undefined, { headers: { "accept-encoding": "gzip" } });
    assert.equal(packed.headers["content-encoding"], "gzip");
    assert.deepEqual(gunzipSync(packed.bytes), plain.bytes);
    const again = await nobody.call("GET", "/messages/en.json", undefined, { headers: { "if-none-match": plain.headers.etag } });
    assert.equal(again.status, 304);
    assert.equal(again.text, "");
    assert.equal((await nobody.call("GET", "/messages/en.json", undefined, { headers: { "if-none-match": '"other"' } })).status, 200);
});

test("the description is served as it stands in the source", async () => {
    const answer = await nobody.call("GET", "/api/v1/openapi.json");
    assert.deepEqual(answer.json, api);
    const packed = await nobody.call("GET", "/api/v1/openapi.json", undefined, { headers: { "accept-encoding": "gzip" } });
    assert.deepEqual(JSON.parse(gunzipSync(packed.bytes)), api);
});

// User and system time of the server's process, in seconds.
function cpu() {
    const fields = readFileSync(`/proc/${server.child.pid}/stat`, "utf8").split(") ")[1].split(" ");
    return (Number(fields[11]) + Number(fields[12])) / 100;
}

test("300 silent sockets cost nothing and shut nobody out", async () => {
    const sockets = await Promise.all(Array.from({ length: 300 }, () => new Promise((done) => {
        const socket = net.connect(server.port, "127.0.0.1", () => done(socket));
        socket.on("error", () => {});
    })));
    const start = cpu();
    await sleep(3000);
    assert.ok(cpu() - start < 0.15, `${cpu() - start} s of CPU`);
    assert.equal((await server.anonymous().call("GET", "/healthz")).status, 200);
    // None said a word: all are closed after the time of a handshake.
    await Promise.race([Promise.all(sockets.map((s) => new Promise((done) => s.on("close", done).resume()))), sleep(13000)]);
    assert.equal(sockets.filter((s) => !s.closed && !s.destroyed).length, 0);
});

test("a head that drips in is cut off, and others are served meanwhile", async () => {
    const socket = await dial();
    const begun = Date.now();
    const drip = setInterval(() => socket.writable && socket.write("X"), 300);
    socket.write("GET /healthz HTTP/1.1\r\nHost: a\r\nX-Slow: ");
    await Promise.race([socket.closed_, sleep(16000)]);
    clearInterval(drip);
    assert.match(socket.text, /^HTTP\/1.1 408 /);
    assert.ok(Date.now() - begun < 15000);
    socket.destroy();
    assert.equal((await nobody.call("GET", "/healthz")).status, 200);
});
