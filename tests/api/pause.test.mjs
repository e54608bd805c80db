// A training that is told to give way keeps what it has learnt, waits for its turn and goes on; one
// that is killed goes on from the last checkpoint. Either way the model is the same to the byte.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { csv } from "./lib/data.mjs";
import { Server, sleep } from "./lib/server.mjs";

const TREES = 60, MANY = 400;
let server, admin, officer, researcher, urgent, release;
before(async () => {
    server = await Server.start();
    admin = await server.setup();
    officer = await server.person(admin, "officer", ["data"]);
    const reviewer = await server.person(admin, "reviewer", ["data"]);
    researcher = await server.person(admin, "researcher", ["research"]);
    release = await officer.publish("病人", csv(150_000), reviewer);
});
after(() => server?.stop());

async function train(name, trees = TREES) {
    return researcher.ok("POST", `/api/v1/releases/${release.id}/models`,
        { name, target: "outcome", options: { learner: "boost", seed: 3, trees, depth: 8, early_stop: 0 } }, 202);
}

// The process of the job once it has made some rounds.
async function pidAfter(job, rounds) {
    for (let i = 0; i < 6000; i++) {
        const now = await researcher.ok("GET", `/api/v1/jobs/${job.id}`);
        assert.notEqual(now.state, "done", "it ended before it could be told");
        if (now.state === "running" && now.phase === "train" && now.done >= rounds) {
            const file = path.join(server.dir, "jobs", String(job.id), "lock");
            return Number(readFileSync(file, "utf8").split("\n")[1].split(" ")[0]); // after the attempt
        }
        await sleep(10);
    }
    throw new Error("no rounds were made");
}

// Told to give way after some rounds; back when it has, for until then its process goes on.
async function givesWay(job, rounds) {
    const pid = await pidAfter(job, rounds);
    const { paused } = await researcher.ok("GET", `/api/v1/jobs/${job.id}`);
    process.kill(pid, "SIGUSR1");
    for (let i = 0; i < 3000; i++) {
        if ((await researcher.ok("GET", `/api/v1/jobs/${job.id}`)).paused > paused) return;
        await sleep(10);
    }
    throw new Error("it did not give way");
}

const hashOf = async (model) => (await researcher.ok("GET", `/api/v1/models/${model.id}`)).hash;
const logOf = async (job) => (await researcher.ok("GET", `/api/v1/jobs/${job.id}/log`)).text;

test("giving way three times changes nothing but the time", async () => {
    const plain = await train("undisturbed");
    await researcher.job(plain.job.id);
    const given = await train("gave way");
    for (const rounds of [1, 10, 20]) await givesWay(given.job, rounds);
    const end = await researcher.job(given.job.id);
    assert.equal(end.paused, 3);
    assert.equal(end.attempt, 4);
    assert.match(await logOf(given.job), /train\.resumed rounds=[2-6]\d/);
    assert.equal(await hashOf(given.model), await hashOf(plain.model));
    assert.ok(!existsSync(path.join(server.dir, "jobs", String(given.job.id), "checkpoint")), "the checkpoint is left behind");
    // A process that dies with a checkpoint behind it goes on from there too.
    const killed = await train("killed");
    await givesWay(killed.job, 5);
    process.kill(await pidAfter(killed.job, 10), "SIGKILL");
    assert.equal((await researcher.job(killed.job.id)).attempt, 3);
    assert.equal(await hashOf(killed.model), await hashOf(plain.model));
});

test("a department gets what is guaranteed to it from a training that borrowed it", async () => {
    urgent = await server.person(admin, "urgent", ["data"]);
    await admin.ok("PATCH", `/api/v1/people/${urgent.id}`, { department: "急诊" });
    const policy = await admin.ok("GET", "/api/v1/policy");
    const department = policy.tenants.find((tenant) => tenant.name === "急诊");
    department.quota = { ...policy.capacity, disk_mib: 0, device_milli: 0 };
    const body = { version: policy.version, note: "急诊优先", rate_micro: policy.rate_micro,
        utc_offset_minutes: policy.utc_offset_minutes, tenants: policy.tenants };
    // What it would do is told before it is saved, and nothing happens by telling.
    const before = await train("before", MANY);
    await pidAfter(before.job, 3);
    const waiting = await urgent.ok("POST", "/api/v1/datasets",
        { name: "先到", upload: await urgent.upload("early.csv", csv(500)) }, 202);
    const told = async () => (await urgent.ok("GET", `/api/v1/jobs/${waiting.job.id}`)).reason;
    while ((await told()) === "") await sleep(20); // the scheduler has heard of it
    const preview = await admin.ok("POST", "/api/v1/policy/preview", body);
    assert.deepEqual(preview.at_once.map((one) => [one.job, one.what, one.for]),
        [[before.job.id, "gives_way", waiting.job.id]]);
    const moved = preview.waiting.find((one) => one.job === waiting.job.id);
    assert.ok(moved.after_ms < moved.before_ms, JSON.stringify(moved));
    assert.equal((await researcher.ok("GET", `/api/v1/jobs/${before.job.id}`)).paused, 0);
    await admin.ok("POST", "/api/v1/policy", body);
    await urgent.job(waiting.job.id);
    assert.equal((await researcher.ok("GET", `/api/v1/jobs/${before.job.id}`)).paused, 1);
    await researcher.ok("POST", `/api/v1/jobs/${before.job.id}/cancel`, {});
    const borrowed = await train("borrowed", MANY);
    await pidAfter(borrowed.job, 5);
    const held = await urgent.ok("GET", "/api/v1/resources");
    const [own, other] = ["急诊", "内科"].map((path) => held.tenants.find((tenant) => tenant.path === path));
    assert.equal(own.own && !other.own, true);
    assert.equal(other.used.cpu_milli, held.used.cpu_milli);
    assert.deepEqual(own.quota, { ...held.capacity, disk_mib: 0, device_milli: 0 });
    const running = held.jobs.find((one) => one.id === borrowed.job.id);
    assert.deepEqual([running.state, running.seen, running.subject, running.actor], ["running", false, "", ""]);
    assert.equal((await admin.ok("GET", "/api/v1/resources")).jobs[0].actor, "researcher");
    const upload = await urgent.upload("urgent.csv", csv(1000));
    const { job } = await urgent.ok("POST", "/api/v1/datasets", { name: "急诊", upload }, 202);
    const asked = Date.now();
    const imported = await urgent.job(job.id);
    assert.ok(imported.started_ms - asked < 10_000, `it waited ${imported.started_ms - asked} ms`);
    const end = await researcher.job(borrowed.job.id);
    assert.ok(end.paused >= 1, "nothing gave way");
    assert.match(await logOf(borrowed.job), /train\.resumed/);
});

test("and from a cleansing, which keeps nothing and is begun again", async () => {
    const { dataset, job: imported } = await officer.ok("POST", "/api/v1/datasets",
        { name: "many", upload: await officer.upload("many.csv", csv(900_000)) }, 202);
    await officer.job(imported.id);
    await officer.job((await officer.ok("GET", `/api/v1/datasets/${dataset.id}`)).job);
    const recipe = "recipe 1\nfield quasi=age,pressure,sex,ward\nkanon k=20\n";
    const { id } = await officer.ok("POST", `/api/v1/datasets/${dataset.id}/cleanse`, { recipe }, 202);
    for (let now = {}; now.state !== "running"; await sleep(5)) {
        now = await officer.ok("GET", `/api/v1/jobs/${id}`);
        assert.notEqual(now.state, "done", "it ended before anybody wanted its place");
    }
    const upload = await urgent.upload("again.csv", csv(500));
    const { job } = await urgent.ok("POST", "/api/v1/datasets", { name: "急诊二", upload }, 202);
    const regained = await urgent.job(job.id);
    assert.ok(regained.started_ms - job.created_ms < 10_000, `it waited ${regained.started_ms - job.created_ms} ms`);
    const end = await officer.job(id);
    assert.ok(end.paused >= 1, "nothing gave way"); // to the import, and mostly to its check as well
    assert.equal(end.attempt, end.paused + 1);
    assert.ok(end.started_ms >= regained.ended_ms, "both ran at once");
    assert.equal((await officer.ok("GET", `/api/v1/datasets/${dataset.id}`)).rows > 0, true);
});

test("a job that waits is told why, for whom, and until when", async () => {
    const first = await train("long", MANY);
    await pidAfter(first.job, 3);
    const second = await train("waits", 5);
    let told;
    for (let i = 0; i < 100 && told?.blocker !== first.job.id; i++) {
        told = await researcher.ok("GET", `/api/v1/jobs/${second.job.id}`);
        await sleep(20);
    }
    assert.equal(told.state, "queued");
    assert.equal(told.reason, "cpu");
    assert.equal(told.blocker, first.job.id);
    assert.ok(told.expected_ms > Date.now(), "no time is told");
    await researcher.ok("POST", `/api/v1/jobs/${first.job.id}/cancel`, {});
    assert.equal((await researcher.job(second.job.id)).state, "done");
});
