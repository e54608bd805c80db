// The data disk is full: what the running service answers, what a job that meets it says, how a
// person makes room again, and that a start on such a disk serves. On a small file system of its own.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { appendFileSync, closeSync, existsSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync, rmdirSync, statfsSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { programRun } from "./lib/appliance.mjs";
import { csv } from "./lib/data.mjs";
import { binary, Server, root, sleep } from "./lib/server.mjs";

const MIB = 1 << 20;
const note = "满".repeat(5000); // 15,000 bytes: a small change that is not so small
let dir, skip, server, admin, officer, researcher, dataset, model, upload;

const free = () => { const { bavail, bsize } = statfsSync(dir); return bavail * bsize; };
const filler = () => path.join(dir, "filler");

// All but `left` bytes go to a file that is not the service's.
function fill(left = 0) {
    const file = openSync(filler(), "a");
    try {
        while (free() > left) writeSync(file, Buffer.alloc(Math.max(1, Math.min(MIB, free() - left))));
    } catch (error) {
        assert.equal(error.code, "ENOSPC");
    }
    closeSync(file);
    assert.ok(free() <= left);
}
const empty = () => rmSync(filler(), { force: true });

before(async () => {
    dir = mkdtempSync(path.join(tmpdir(), "courtyard-full-"));
    try {
        execFileSync("mount", ["-t", "tmpfs", "-o", "size=192m", "tmpfs", dir], { stdio: "ignore" });
    } catch {
        skip = "mounting a small file system needs root";
        rmdirSync(dir);
        return;
    }
    server = await Server.start({ dir });
    admin = await server.setup();
    officer = await server.person(admin, "officer", ["data"]);
    researcher = await server.person(admin, "researcher", ["research"]);
    const made = await officer.ok("POST", "/api/v1/datasets", { name: "stays", upload: await officer.upload("a.csv", csv(200000)) }, 202);
    dataset = made.dataset.id;
    await officer.job(made.job.id);
    for (let last = made.job.id, job; (job = (await officer.ok("GET", `/api/v1/datasets/${dataset}`)).job) && job !== last; last = job) {
        await officer.job(job); // its check
    }
    const file = readFileSync(path.join(root, "tests/fuzz/corpus/xgboost/binary_33.json"));
    model = (await researcher.ok("POST", "/api/v1/models", { name: "m", upload: await researcher.upload("m.json", file) }, 201)).id;
    upload = await officer.upload("left.csv", csv(100000));
});
after(async () => {
    if (skip) return;
    await server?.stop("SIGKILL");
    execFileSync("umount", ["-l", dir]);
    rmdirSync(dir);
});

async function reads() {
    for (const [who, target] of [[officer, `/api/v1/datasets/${dataset}`], [officer, `/api/v1/datasets/${dataset}/revisions/1/rows`],
        [officer, "/api/v1/datasets"], [officer, "/api/v1/jobs"], [officer, "/api/v1/home"], [researcher, `/api/v1/models/${model}`],
        [admin, "/api/v1/system"], [server.anonymous(), "/healthz"]]) {
        const answer = await who.call("GET", target);
        assert.equal(answer.status, 200, `${target}: ${answer.text}`);
    }
}

// Recipes are saved until one is refused; how many were not.
async function save_until_refused() {
    for (let i = 0; i < 4000; i++) {
        const answer = await officer.call("POST", "/api/v1/recipes", { name: `${process.hrtime.bigint()}`, text: `recipe 1\n# ${note}\n` });
        if (answer.status === 201) continue;
        assert.equal(answer.status, 507, answer.text);
        return { saved: i, code: answer.json.error.code };
    }
    assert.fail("never full");
}

test("a full disk: reads answer, writes say so, nothing is half-written", async (t) => {
    if (skip) return t.skip(skip);
    fill();
    await reads();
    assert.equal((await admin.ok("GET", "/api/v1/system")).disk_low, true);
    const refused = await officer.call("POST", "/api/v1/uploads", { name: "b.csv", size: MIB });
    assert.equal(refused.status, 507);
    assert.equal(refused.json.error.code, "upload.no_room");
    const { saved, code } = await save_until_refused();
    const total = async () => (await officer.ok("GET", "/api/v1/recipes")).total;
    const before = await total();
    assert.ok(before >= saved);
    assert.equal((await save_until_refused()).saved, 0);
    assert.equal(await total(), before);
    const again = await officer.call("PATCH", `/api/v1/datasets/${dataset}`, { name: "other" });
    assert.equal(again.status, 507);
    for (const language of ["en", "zh-CN"]) {
        const sentences = JSON.parse(readFileSync(path.join(root, `web/messages/${language}.json`), "utf8"));
        for (const told of [code, again.json.error.code, refused.json.error.code]) assert.ok(sentences[told], `${told} ${language}`);
        assert.ok(sentences[`${code}.hint`]);
    }
    assert.equal((await officer.ok("GET", `/api/v1/datasets/${dataset}`)).name, "stays");
    await reads();
});

test("copies that a full disk does not take say so, of the service's own and of the program's", async (t) => {
    if (skip) return t.skip(skip);
    await admin.ok("POST", "/api/v1/system/backups", {}, 202);
    let copies;
    for (let i = 0; i < 1200 && (!copies || copies.running); i++) {
        await sleep(50);
        copies = await admin.ok("GET", "/api/v1/system/backups");
    }
    assert.deepEqual([copies.running, copies.items], [false, []]);
    assert.equal(copies.fault.code, "backup.no_room");
    assert.ok(Number(copies.fault.detail) > 0, copies.fault.detail);
    const archive = path.join(dir, "courtyard.tar"), fault = await programRun(binary, "backup", "--data", dir, archive);
    assert.equal(fault.code, "base.disk_full", JSON.stringify(fault));
    assert.ok(fault.detail.startsWith(dir), fault.detail);
    const nowhere = path.join(dir, "absent", "courtyard.tar"), absent = await programRun(binary, "backup", "--data", dir, nowhere);
    assert.deepEqual(absent, { code: "base.no_such_file", detail: `${nowhere}.part` });
    assert.ok(!existsSync(archive) && !existsSync(`${archive}.part`));
    for (const language of ["en", "zh-CN"]) {
        const sentences = JSON.parse(readFileSync(path.join(root, `web/messages/${language}.json`), "utf8"));
        for (const { code } of [copies.fault, fault]) assert.ok(sentences[code] && sentences[`${code}.hint`], `${code} ${language}`);
    }
});

test("a person signs in and deletes on the full disk, and there is room", async (t) => {
    if (skip) return t.skip(skip);
    const person = server.anonymous();
    await person.ok("POST", "/api/v1/session", { name: "officer", password: officer.password });
    assert.equal(free(), 0);
    await person.ok("DELETE", `/api/v1/uploads/${upload}`, undefined, 204);
    assert.ok(free() > MIB, "an upload");
    fill();
    await researcher.ok("DELETE", `/api/v1/models/${model}`, undefined, 204);
    await researcher.ok("DELETE", `/api/v1/models/${model}`, undefined, 204); // from the bin
    assert.ok(free() > 0, "a model");
    assert.equal((await researcher.ok("GET", `/api/v1/models/${model}`)).hash, null);
    fill();
    await person.ok("DELETE", `/api/v1/datasets/${dataset}`, undefined, 204);
    const room = free();
    await person.ok("DELETE", `/api/v1/datasets/${dataset}`, undefined, 204); // from the bin
    assert.ok(free() > room + MIB, "a dataset");
    const other = await officer.call("PATCH", `/api/v1/datasets/${dataset}`, { note: "" });
    assert.equal(other.status, 200, other.text); // there is room again
    assert.equal((await person.ok("GET", `/api/v1/datasets/${dataset}`)).deleted, true);
    await person.ok("DELETE", "/api/v1/session", undefined, 204);
});

async function start_again(signal) {
    const end = await server.stop(signal);
    fill();
    server = await Server.start({ dir });
    for (const client of [admin, officer, researcher]) client.server = server;
    return end;
}

test("a start on the full disk serves, and deletes", async (t) => {
    if (skip) return t.skip(skip);
    empty();
    upload = await officer.upload("left.csv", csv(10000));
    fill();
    await save_until_refused();
    await start_again("SIGKILL");
    assert.equal((await officer.ok("GET", `/api/v1/uploads/${upload}`)).complete, true);
    fill();
    await officer.ok("DELETE", `/api/v1/uploads/${upload}`, undefined, 204);
    assert.ok(free() > 0);
    assert.deepEqual(await start_again("SIGTERM"), { code: 0, signal: null });
    assert.equal((await officer.ok("GET", "/api/v1/datasets?deleted=1")).items.length, 1);
});

test("a job that meets the full disk ends, says why, and leaves nothing", async (t) => {
    if (skip) return t.skip(skip);
    empty();
    const large = await officer.upload("large.csv", csv(600000));
    fill(2 * MIB);
    const blobs = readdirSync(path.join(dir, "blobs"), { recursive: true }).length;
    const made = await officer.ok("POST", "/api/v1/datasets", { name: "large", upload: large }, 202);
    const job = await officer.job(made.job.id, "failed");
    assert.equal(job.fault.code, "base.disk_full", JSON.stringify(job.fault));
    assert.equal((await officer.call("GET", `/api/v1/jobs/${made.job.id}/log`)).status, 200);
    assert.equal(readdirSync(path.join(dir, "blobs"), { recursive: true }).length, blobs);
    for (let i = 0; i < 600 && free() < MIB; i++) await sleep(50); // what it had written is gone
    assert.ok(free() >= MIB);
    const said = path.join(dir, "jobs", String(made.job.id), "log"); // as if it had said much
    appendFileSync(said, Buffer.alloc(1 << 19, "x"));
    fill();
    await officer.ok("DELETE", `/api/v1/jobs/${made.job.id}/log`, undefined, 204);
    assert.ok(free() > 0, "a log");
    assert.equal((await officer.ok("GET", `/api/v1/jobs/${made.job.id}/log`)).text, "");
    empty(); // with room again writes work, and the same import
    await researcher.fails("PATCH", `/api/v1/models/${model}`, { deleted: false }, 409, "model.emptied");
    await officer.fails("PATCH", `/api/v1/datasets/${dataset}`, { deleted: false }, 409, "dataset.emptied");
    const again = await officer.ok("POST", "/api/v1/datasets", { name: "large", upload: large }, 202);
    assert.equal((await officer.job(again.job.id)).state, "done");
    await officer.ok("PATCH", `/api/v1/datasets/${again.dataset.id}`, { note });
});

// Nothing is written while there is no room, which is told, and later it goes on by itself.
test("the scheduler's journal goes on, and tells what is missing", async (t) => {
    if (skip) return t.skip(skip);
    const told = (args, language) => execFileSync(process.env.COURTYARD ?? "build/courtyard", ["replay", "--data", dir, ...args],
        { encoding: "utf8", env: { ...process.env, LC_ALL: language } });
    const replay = () => JSON.parse(told(["--json"], "C"));
    let report = replay();
    for (let i = 0; i < 60 && !report.gap_until_ms; i++) { // an event ten seconds after the last try
        const made = await officer.ok("POST", "/api/v1/datasets", { name: `small ${i}`, upload: await officer.upload("s.csv", csv(10)) }, 202);
        await officer.job(made.job.id);
        await sleep(1000);
        report = replay();
    }
    assert.equal(report.gaps, 1, JSON.stringify(report));
    assert.ok(report.gap_from_ms > 0 && report.gap_until_ms > report.gap_from_ms, JSON.stringify(report));
    assert.deepEqual([report.torn, report.skipped, report.identical], [0, 0, true]);
    assert.match(told([], "en_GB.UTF-8"), /Not written down: .* from 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d until 20\S+:\d\d, as the disk was full/);
    assert.match(told([], "zh_CN.UTF-8"), /20\S+:\d\d 至 20\S+:\d\d 之间没有记录/);
});

test("the folder is whole afterwards", async (t) => {
    if (skip) return t.skip(skip);
    assert.deepEqual((await admin.ok("POST", "/api/v1/system/check", {})).findings, []);
});
