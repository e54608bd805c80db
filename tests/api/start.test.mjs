// Starting, ending, being killed.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { binary, Server, sleep } from "./lib/server.mjs";
import { csv } from "./lib/data.mjs";

function startFails(dir, listen) {
    return spawnSync(binary, ["serve", "--data", dir, "--listen", listen], { encoding: "utf8", timeout: 20000, env: { ...process.env, LANG: "en_US.UTF-8" } });
}

test("a second server on the same folder, a port in use, a wrong address: each is said", async () => {
    const server = await Server.start();
    const second = startFails(server.dir, "127.0.0.1:0");
    assert.equal(second.status, 1);
    assert.match(second.stderr, /in use|another/i);
    const other = mkdtempSync(path.join(tmpdir(), "courtyard-start-"));
    const taken = startFails(other, `127.0.0.1:${server.port}`);
    assert.equal(taken.status, 1);
    assert.match(taken.stderr, /already in use/);
    assert.equal(startFails(other, "nonsense").status, 1);
    assert.match(startFails(other, "203.0.113.7:0").stderr, /no address/);
    assert.equal((await server.anonymous().call("GET", "/healthz")).status, 200);
    rmSync(other, { recursive: true });
    assert.deepEqual(await server.stop(), { code: 0, signal: null });
});

test("ends cleanly while requests and streams are open", async () => {
    const server = await Server.start();
    const admin = await server.setup();
    const stream = admin.call("GET", "/api/v1/events", undefined, { agent: false }).catch(() => "closed");
    const silent = net.connect(server.port, "127.0.0.1");
    silent.on("error", () => {});
    await sleep(200);
    const sign = admin.call("POST", "/api/v1/session", { name: "admin", password: admin.password });
    await sleep(20);
    const begun = Date.now();
    const end = await server.stop("SIGINT");
    assert.deepEqual(end, { code: 0, signal: null });
    assert.ok(Date.now() - begun < 5000);
    assert.equal((await sign).status, 200); // what runs is finished
    await stream;
    silent.destroy();
});

test("certificate, people and sessions outlive a kill", async () => {
    const server = await Server.start();
    const admin = await server.setup();
    await server.stop("SIGKILL");
    const again = await Server.start({ dir: server.dir });
    assert.equal(again.fingerprint, server.fingerprint);
    assert.equal(again.code, undefined);
    assert.equal(statSync(path.join(server.dir, "tls/key.pem")).mode & 0o777, 0o600);
    const client = again.anonymous();
    client.cookie = admin.cookie;
    assert.equal((await client.ok("GET", "/api/v1/me")).name, "admin");
    await again.stop();
    // A damaged key is told, not replaced behind one's back.
    const key = path.join(server.dir, "tls/key.pem");
    writeFileSync(key, readFileSync(key).subarray(0, 40));
    const damaged = startFails(server.dir, "127.0.0.1:0");
    assert.equal(damaged.status, 1);
    assert.match(damaged.stderr, /certificate/i);
    server.remove();
});

test("killed in the middle of an import: done once after the restart", async () => {
    const server = await Server.start();
    const admin = await server.setup();
    const officer = await server.person(admin, "officer", ["data"]);
    const upload = await officer.upload("many.csv", csv(600000));
    const { dataset, job } = await officer.ok("POST", "/api/v1/datasets", { name: "many", upload }, 202);
    for (let i = 0; i < 200; i++) {
        if ((await officer.ok("GET", `/api/v1/jobs/${job.id}`)).state === "running") break;
        await sleep(5);
    }
    await server.stop("SIGKILL");
    const again = await Server.start({ dir: server.dir });
    officer.server = again;
    const end = await officer.job(job.id);
    assert.equal(end.rows, 600000);
    const shown = await officer.ok("GET", `/api/v1/datasets/${dataset.id}`);
    assert.equal(shown.state, "ready");
    assert.equal(shown.rows, 600000);
    assert.equal(shown.revisions.length, 1);
    const list = await officer.ok("GET", "/api/v1/jobs");
    assert.equal(list.items.filter((j) => j.step === "import").length, 1);
    await again.stop();
    server.remove();
});

test("the folder is fine afterwards, by the command's own check", async () => {
    const server = await Server.start();
    await server.setup();
    await server.stop("SIGKILL");
    const out = execFileSync(binary, ["check", "--data", server.dir], { encoding: "utf8", env: { ...process.env, LANG: "en_US.UTF-8" } });
    assert.ok(out.length > 0);
    server.remove();
});
