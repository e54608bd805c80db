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

test("people by command: listed, a password given anew; a folder that serves nobody yet says so", async () => {
    const person = (...args) => spawnSync(binary, ["person", ...args], { encoding: "utf8", timeout: 60000, env: { ...process.env, LANG: "en_US.UTF-8" } });
    const dir = mkdtempSync(path.join(tmpdir(), "courtyard-start-"));
    const absent = person("list", "--data", dir);
    assert.equal(absent.status, 1);
    assert.match(absent.stderr, /is no data folder/);
    const server = await Server.start({ dir });
    await server.stop();
    for (const verb of [["list"], ["reset", "admin"]]) {
        const early = person(...verb, "--data", dir);
        assert.equal(early.status, 1);
        assert.match(early.stderr, /is not set up.*\n.*courtyard serve --data/);
    }
    const again = await Server.start({ dir });
    await again.setup();
    await again.stop();
    const list = person("list", "--data", dir);
    assert.equal(list.status, 0, list.stderr);
    assert.match(list.stdout, /admin.*system/);
    const reset = person("reset", "admin", "--data", dir);
    assert.equal(reset.status, 0, reset.stderr);
    assert.match(person("reset", "nobody", "--data", dir).stderr, /nobody/);
    const backups = spawnSync(binary, ["backups", "--data", path.join(dir, "absent")], { encoding: "utf8", env: { ...process.env, LANG: "en_US.UTF-8" } });
    assert.equal(backups.status, 1);
    assert.match(backups.stderr, /is no data folder/);
    rmSync(dir, { recursive: true });
});

test("after a kill every record is read again beside the service, and a damaged one is told", async () => {
    const server = await Server.start();
    const admin = await server.setup();
    const officer = await server.person(admin, "officer", ["data"]);
    const { dataset, job } = await officer.ok("POST", "/api/v1/datasets", { name: "marked", upload: await officer.upload("a.csv", csv(50)) }, 202);
    await officer.job(job.id);
    const mark = "a note that is found again 7f3a";
    await officer.ok("PATCH", `/api/v1/datasets/${dataset.id}`, { note: mark });
    assert.equal((await admin.ok("GET", "/api/v1/system")).records.state, "clean"); // a new folder
    await server.stop("SIGKILL");
    const read = async (again) => {
        admin.server = again;
        for (let i = 0; i < 1200; i++) {
            const { records } = await admin.ok("GET", "/api/v1/system");
            if (records.state === "read") return records;
            assert.equal(records.state, "reading");
            await sleep(50);
        }
        assert.fail("does not end");
    };
    let again = await Server.start({ dir: server.dir });
    const whole = await read(again);
    assert.equal(whole.finding_count, 0, JSON.stringify(whole));
    assert.ok(whole.read > 20);
    await again.stop("SIGKILL");
    // One letter of the note, wherever the record lies or lay.
    const file = path.join(server.dir, "state/data.mdb"), bytes = readFileSync(file);
    for (let at = -1; (at = bytes.indexOf(mark, at + 1)) >= 0;) bytes[at + 3] ^= 1;
    writeFileSync(file, bytes);
    again = await Server.start({ dir: server.dir });
    const damaged = await read(again);
    assert.deepEqual(damaged.findings.map((f) => [f.code, f.detail]), [["store.record_damaged", `dataset/${dataset.id}`]]);
    assert.equal(damaged.finding_count, 1);
    assert.match(again.log, /store\.reread .*record=dataset/);
    assert.equal((await admin.call("GET", "/api/v1/people")).status, 200); // all else goes on
    // An entry of the audit chain, which breaks there.
    const auditor = await again.person(admin, "auditor", ["audit"]);
    await admin.ok("PATCH", "/api/v1/system/backups", { nightly: true, minute: 754 });
    const entry = "on 12:34 UTC", { sequence } = (await auditor.ok("GET", "/api/v1/audit?limit=50")).items.find((one) => one.detail === entry);
    await again.stop("SIGKILL");
    const state = readFileSync(file);
    for (let at = -1; (at = state.indexOf(entry, at + 1)) >= 0;) state[at + 3] ^= 1;
    writeFileSync(file, state);
    again = await Server.start({ dir: server.dir });
    const broken = await read(again);
    assert.deepEqual(broken.findings.slice(-2), [{ code: "store.record_damaged", detail: `audit/${sequence}` }, { code: "audit.broken", row: sequence, detail: "" }]);
    assert.equal(broken.finding_count, 3); // and the dataset's
    assert.match(again.log, /store\.reread code=audit\.broken record=.* row=/);
    await again.stop();
    again = await Server.start({ dir: server.dir });
    admin.server = again;
    assert.equal((await admin.ok("GET", "/api/v1/system")).records.state, "clean"); // ended cleanly
    await again.stop();
    server.remove();
});
