// The box with --executor slurm on a real Slurm (cluster run): the data's way, refusals, a cancel,
// giving way with a checkpoint, and the box killed again and again while its jobs wait and run.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { binary, sleep } from "../../api/lib/server.mjs";
import { Box, by, ended, once, rest, shared, squeue, way } from "./box.mjs";

const by_commands = rest ? () => {} : test;

by_commands("sbatch absent and a partition unknown are sentences, in both languages", () => {
    const serve = (lang, env, ...more) => spawnSync(binary, ["serve", "--lang", lang, "--data", path.join(shared, "no"),
        "--listen", "127.0.0.1:0", "--executor", ...more], { encoding: "utf8", env: { ...process.env, ...env }, timeout: 30000 });
    for (const [lang, words] of [["en", /sbatch is not on this machine's PATH/], ["zh-CN", /没有 Slurm 命令 sbatch/]]) {
        const done = serve(lang, { PATH: "/nowhere" }, "slurm");
        assert.equal(done.status, 1);
        assert.match(done.stderr, words);
    }
    assert.match(serve("en", {}, "slurm", "--slurm-partition", "nope").stderr, /no such partition.*nope/);
    assert.match(serve("en", {}, "mesos").stderr, /no executor named mesos/);
});

test("import, check and train on the cluster", async () => {
    const box = await Box.open("way");
    const system = await box.admin.ok("GET", "/api/v1/system");
    const { name, partition, nodes } = system.executor;
    assert.deepEqual([name, partition, nodes, system.executor.by], ["slurm", "main", 2, by]);
    assert.equal(system.capacity.cpu_milli, 2 * 2000);
    await way(box);
    assert.equal((await box.admin.ok("GET", "/api/v1/system")).executor.by, by);
    await box.server.stop();
});

by_commands("the same where squeue knows no JSON", async () => {
    const bin = path.join(shared, "bin");
    mkdirSync(bin);
    const real = execFileSync("which", ["squeue"], { encoding: "utf8" }).trim();
    writeFileSync(path.join(bin, "squeue"), `#!/bin/sh\n[ "$1" != --json ] || exit 1\nexec ${real} "$@"\n`);
    chmodSync(path.join(bin, "squeue"), 0o755);
    const box = await Box.open("text", { env: { PATH: `${bin}:${process.env.PATH}` } });
    await way(box);
    assert.match(box.server.log, /slurm\.as_text/);
    await box.server.stop();
});

test("a cancel ends it there too", async () => {
    const box = await Box.open("cancel");
    const { dataset, job } = await box.dataset(40000);
    await box.officer.job(job.id);
    const release = await box.release(dataset);
    const { job: training } = await box.train(release, "long", 2000);
    const seen = await box.until(training.id, "training", (j) => j.engine?.state === "running" && j.done > 2);
    assert.equal(seen.engine.name, "slurm");
    await box.officer.ok("POST", `/api/v1/jobs/${training.id}/cancel`, {});
    assert.equal((await box.until(training.id, "ended", ended)).state, "cancelled");
    await sleep(1000);
    assert.ok(squeue("%i|%T").some((line) => line === `${seen.engine.id}|CANCELLED` || line === `${seen.engine.id}|FAILED`),
        squeue("%i|%T").join(" "));
    await box.server.stop();
});

test("a person's own program runs on a node behind its fence, all members in one allocation", async () => {
    const box = await Box.open("program", { more: ["--commands", ...(rest ? [] : ["--job-user", "nobody"])] });
    const run = async (body) => box.until((await box.officer.ok("POST", "/api/v1/jobs", body, 202)).id, "run", ended);
    const log = async (job) => (await box.officer.ok("GET", `/api/v1/jobs/${job.id}/log`)).text;
    const small = { cpu_milli: 1000, memory_bytes: 64 << 20, disk_bytes: 1 << 20 };
    const script = "echo rank $COURTYARD_RANK; cat ../../../state/* >/dev/null 2>&1 && echo open; true";
    const job = await run({ command: ["sh", "-c", script], members: 2, resources: small });
    assert.equal(job.state, "done", JSON.stringify(job));
    assert.match(await log(job), /rank 0/);
    assert.match(await log(job), /rank 1/);
    assert.doesNotMatch(await log(job), /open/);
    assert.ok(squeue("%k|%C").includes(`courtyard:${job.id}.1|2`), squeue("%k|%C").join(" "));
    await box.officer.fails("POST", "/api/v1/jobs", { command: ["true"], resources: { ...small, device_milli: 1000 } }, 409, "command.no_device");
    await box.officer.ok("POST", "/api/v1/jobs", { command: ["true"], resources: small, array: { count: 3 } }, 202);
    for (let i = 0; i < 3; i++) assert.equal((await box.until(job.id + 1 + i, "run", ended)).state, "done");
    once(box.dir);
    await box.server.stop();
});

test("asked by the cluster to give way it goes on from its checkpoint", async () => {
    const box = await Box.open("pause");
    const { dataset, job } = await box.dataset(40000);
    await box.officer.job(job.id);
    const release = await box.release(dataset);
    const { job: training } = await box.train(release, "paused", 1500);
    const seen = await box.until(training.id, "training", (j) => j.engine?.state === "running" && j.done > 5);
    execFileSync("scancel", ["--batch", "--signal=USR1", String(seen.engine.id)]);
    const done = await box.until(training.id, "trained", ended);
    assert.deepEqual([done.state, done.paused, done.attempt], ["done", 1, 2]);
    const log = (await box.officer.ok("GET", `/api/v1/jobs/${training.id}/log`)).text;
    assert.match(log, /train\.resumed rounds=/);
    once(box.dir);
    await box.server.stop();
});

test("killed while jobs run and wait: each is taken up again, none runs twice", async () => {
    const box = await Box.open("kill");
    const { dataset, job } = await box.dataset(20000);
    await box.officer.job(job.id);
    const release = await box.release(dataset);
    const jobs = [];
    for (let life = 0; life < 6; life++) {
        for (let i = 0; i < 2; i++) jobs.push((await box.train(release, `model ${life} ${i}`, 500)).job.id);
        // Some die while sbatch is on its way, some later.
        await sleep([5, 30, 80, 150, 400, 1500][life]);
        await box.kill();
        await box.start();
    }
    for (const id of jobs) {
        const done = await box.until(id, "trained", ended, 240);
        assert.equal(done.state, "done", JSON.stringify(done));
    }
    const all = once(box.dir);
    const attempts = await Promise.all(jobs.map(async (id) => (await box.job(id)).attempt));
    console.log(`jobs ${jobs.length}, submissions ${all.length}, attempts ${attempts.join(" ")}`);
    // What was submitted ran once. (An attempt may have died before it was submitted at all.)
    for (const id of jobs) {
        const begun = readFileSync(path.join(box.dir, "jobs", String(id), "log"), "utf8").match(/job\.begin/g).length;
        assert.equal(begun, all.filter((comment) => comment.startsWith(`courtyard:${id}.`)).length);
        assert.equal(begun, 1);
    }
    assert.equal((await box.admin.ok("GET", "/api/v1/system")).executor.by, by);
    await box.server.stop();
});
