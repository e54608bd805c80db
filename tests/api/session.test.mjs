import assert from "node:assert/strict";
import { createHash, X509Certificate } from "node:crypto";
import { after, before, test } from "node:test";
import tls from "node:tls";
import { Client, Server } from "./lib/server.mjs";

let server, admin;
before(async () => {
    server = await Server.start();
});
after(() => server?.stop());

test("a fresh folder wants to be set up with the console's code", async () => {
    const nobody = server.anonymous();
    const state = await nobody.ok("GET", "/api/v1/state");
    assert.equal(state.setup_needed, true);
    assert.equal(state.person, null);
    const body = { code: "wrong", name: "admin", display_name: "A", password: "correct horse 1" };
    const refused = await nobody.call("POST", "/api/v1/setup", body);
    assert.equal(refused.status, 403);
    assert.equal((await nobody.call("POST", "/api/v1/setup", { ...body, code: server.code, password: "short" })).status, 400);
    admin = await server.setup();
    assert.equal((await nobody.ok("GET", "/api/v1/state")).setup_needed, false);
    assert.notEqual((await nobody.call("POST", "/api/v1/setup", { ...body, code: server.code })).status, 201);
    const me = await admin.ok("GET", "/api/v1/me");
    assert.deepEqual([...me.roles].sort(), ["security", "system"]);
    assert.equal(me.officers_joined, true);
});

test("the cookie cannot be read by scripts nor sent from other sites", async () => {
    const client = server.anonymous();
    const answer = await client.call("POST", "/api/v1/session", { name: "admin", password: admin.password });
    assert.match(answer.headers["set-cookie"][0], /^courtyard=[^;]+; Path=\/; HttpOnly; Secure; SameSite=Strict; Max-Age=\d+$/);
    assert.equal(answer.headers["cache-control"], "no-store");
    const without = await client.call("POST", "/api/v1/me/tokens", { name: "t" }, { csrf: false });
    assert.equal(without.status, 403);
    assert.equal(without.json.error.code, "server.no_csrf_header");
    const foreign = await client.call("POST", "/api/v1/me/tokens", { name: "t" }, { headers: { origin: "https://evil.example" } });
    assert.equal(foreign.json.error.code, "server.foreign_origin");
    await client.ok("DELETE", "/api/v1/session", undefined, 204);
    assert.equal(client.cookie, undefined);
});

test("a session ends when it is closed", async () => {
    const client = server.anonymous();
    await client.ok("POST", "/api/v1/session", { name: "admin", password: admin.password });
    const cookie = client.cookie;
    await client.ok("GET", "/api/v1/me");
    await client.ok("DELETE", "/api/v1/session", undefined, 204);
    client.cookie = cookie;
    await client.fails("GET", "/api/v1/me", undefined, 401, "server.not_signed_in");
});

test("API tokens work without a cookie, need no CSRF header, and end when deleted", async () => {
    const made = await admin.ok("POST", "/api/v1/me/tokens", { name: "script", roles: ["system"], expires_days: 3 }, 201);
    const script = new Client(server);
    script.token = made.secret;
    assert.equal((await script.ok("GET", "/api/v1/me")).name, "admin");
    const list = await admin.ok("GET", "/api/v1/me/tokens");
    assert.equal(list.items.find((t) => t.id === made.id).name, "script");
    assert.equal(JSON.stringify(list).includes(made.secret), false);
    assert.equal((await script.call("POST", "/api/v1/system/check", {}, { csrf: false })).status, 200);
    await admin.ok("DELETE", `/api/v1/me/tokens/${made.id}`, undefined, 204);
    await script.fails("GET", "/api/v1/me", undefined, 401, "server.not_signed_in");
});

test("a changed password ends all other sessions", async () => {
    const person = await server.person(admin, "changer", ["data"]);
    const other = server.anonymous();
    await other.ok("POST", "/api/v1/session", { name: "changer", password: person.password });
    await person.ok("POST", "/api/v1/me/password", { old: person.password, new: "another battery 2" }, 204);
    await other.fails("GET", "/api/v1/me", undefined, 401, "server.not_signed_in");
    await other.fails("POST", "/api/v1/session", { name: "changer", password: person.password }, 403, "people.wrong_password");
});

test("nobody gives themself a role, and audit stays apart", async () => {
    const me = await admin.ok("GET", "/api/v1/me");
    assert.equal((await admin.call("PATCH", `/api/v1/people/${me.id}`, { roles: ["audit"] })).status, 403);
    const made = await admin.ok("POST", "/api/v1/people", { name: "mixed", display_name: "M", department: "" }, 201);
    const mixed = await admin.call("PATCH", `/api/v1/people/${made.person.id}`, { roles: ["audit", "system"] });
    assert.ok(mixed.status >= 400 && mixed.status < 500, mixed.text);
});

test("the audit chain tells of sign-ins and is whole", async () => {
    const auditor = await server.person(admin, "auditor", ["audit"]);
    const list = await auditor.ok("GET", "/api/v1/audit?size=200");
    assert.ok(list.items.length > 5);
    assert.equal(JSON.stringify(list).includes("correct horse"), false);
    const verified = await auditor.ok("GET", "/api/v1/audit/verify");
    assert.equal(verified.ok, true);
    assert.ok(verified.count >= list.items.length);
});

test("the certificate is the one whose fingerprint the console shows", async () => {
    const socket = tls.connect({ port: server.port, host: "127.0.0.1", servername: "localhost", rejectUnauthorized: false, ALPNProtocols: ["http/1.1"] });
    await new Promise((done, fail) => socket.once("secureConnect", done).once("error", fail));
    assert.equal(socket.alpnProtocol, "http/1.1");
    const raw = socket.getPeerCertificate().raw;
    const hex = createHash("sha256").update(raw).digest("hex").toUpperCase();
    assert.equal(hex.match(/../g).join(":"), server.fingerprint);
    const certificate = new X509Certificate(raw);
    assert.equal(certificate.checkHost("localhost"), "localhost");
    assert.equal(certificate.checkIP("127.0.0.1"), "127.0.0.1");
    assert.ok(Date.parse(certificate.validTo) - Date.now() > 9 * 365 * 86400e3);
    assert.equal(certificate.verify(certificate.publicKey), true);
    socket.destroy();
});

// Last: it locks this address out.
test("wrong passwords lock, for unknown names too", async () => {
    for (const name of ["changer", "nobody-of-this-name"]) {
        const client = server.anonymous();
        let locked;
        for (let i = 0; i < 15 && !locked; i++) {
            const answer = await client.call("POST", "/api/v1/session", { name, password: "wrong wrong wrong" });
            if (answer.status === 429) locked = answer;
            else assert.equal(answer.json.error.code, "people.wrong_password");
        }
        assert.ok(locked, `${name}: never locked`);
        assert.equal(locked.json.error.code, "people.locked");
        assert.ok(Number(locked.headers["retry-after"]) >= 1);
    }
});
