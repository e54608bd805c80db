// What a person says of when a job may run: hold and release, priority, a time, other jobs, a
// deadline that is promised or refused; all of it there again after the box was killed.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { csv } from "./lib/data.mjs";
import { Server, sleep } from "./lib/server.mjs";

const HOUR_MS = 3_600_000;
let server, admin, officer, auditor, other, dataset;

before(async () => {
    server = await Server.start();
    admin = await server.setup();
    officer = await server.person(admin, "officer", ["data"]);
    other = await server.person(admin, "other", ["data"]);
    auditor = await server.person(admin, "auditor", ["audit"]);
    const upload = await officer.upload("patients.csv", csv(500));
    const made = await officer.ok("POST", "/api/v1/datasets", { name: "病人", upload }, 202);
    await officer.job(made.job.id);
    dataset = made.dataset.id;
    await quiet();
});
after(() => server?.stop());

async function quiet() {
    for (let i = 0; i < 600; i++) {
        const moving = (await admin.ok("GET", "/api/v1/jobs")).items.filter((job) => job.state === "running"
            || (job.state === "queued" && !job.schedule.hold));
        if (moving.length === 0) return;
        await sleep(50);
    }
    throw new Error("jobs do not end");
}
const check = (schedule, who = officer) =>
    who.ok("POST", `/api/v1/datasets/${dataset}/check`, { schedule }, 202);
const refused = (schedule, status, code) =>
    officer.fails("POST", `/api/v1/datasets/${dataset}/check`, { schedule }, status, code);
const change = (job, body, who = officer) => who.ok("PATCH", `/api/v1/jobs/${job.id}`, body);
const show = (job) => officer.ok("GET", `/api/v1/jobs/${job.id}`);
async function reason(job, wanted) {
    for (let i = 0; i < 200; i++) {
        const now = await show(job);
        if (now.reason === wanted) return now;
        assert.equal(now.state, "queued", JSON.stringify(now));
        await sleep(20);
    }
    assert.fail(`${JSON.stringify(await show(job))} never waits for ${wanted}`);
}

test("without a word all is as it was", async () => {
    const job = await officer.ok("POST", `/api/v1/datasets/${dataset}/check`, {}, 202);
    assert.deepEqual(job.schedule, { priority: 0, not_before_ms: null, deadline_ms: null, promised_ms: null,
        hold: false, reservation: null, after: [], after_any: false });
    await officer.job(job.id);
});

test("on hold it waits until it is released, and only by whose it is", async () => {
    const job = await check({ hold: true });
    await reason(job, "held");
    await sleep(300);
    assert.equal((await show(job)).state, "queued");
    await other.fails("PATCH", `/api/v1/jobs/${job.id}`, { hold: false }, 404, "job.not_found");
    await auditor.fails("PATCH", `/api/v1/jobs/${job.id}`, { hold: false }, 403, "flow.denied");
    assert.equal((await change(job, { hold: false })).schedule.hold, false);
    await officer.job(job.id);
    await officer.fails("PATCH", `/api/v1/jobs/${job.id}`, { hold: true }, 409, "job.not_waiting");
});

test("the system role holds and releases too, and gives a priority above 0", async () => {
    const job = await check({ hold: true, priority: -20 });
    await officer.fails("PATCH", `/api/v1/jobs/${job.id}`, { priority: 1 }, 403, "schedule.priority_denied");
    await officer.fails("PATCH", `/api/v1/jobs/${job.id}`, { priority: 101 }, 400, "schedule.bad_priority");
    assert.equal((await change(job, { priority: 100 }, admin)).schedule.priority, 100);
    assert.equal((await change(job, { priority: -100 })).schedule.priority, -100);
    await change(job, { hold: false }, admin);
    await officer.job(job.id);
    const entries = (await auditor.ok("GET", "/api/v1/audit")).items.filter((one) => one.action === "job.schedule" && one.object === `job/${job.id}`);
    assert.equal(entries.length, 4);
    await refused({ priority: 1 }, 403, "schedule.priority_denied");
    await refused({ priority: -101 }, 400, "schedule.bad_priority");
    await refused({ priority: 0.5 }, 400, "schedule.bad_priority");
});

test("the higher priority goes first, whoever came first", async (context) => {
    await quiet();
    const room = (await admin.ok("GET", "/api/v1/system")).capacity.cpu_milli;
    if (room >= 4000) return context.skip("the box has room for both at once");
    const upload = await officer.upload("long.csv", csv(60_000));
    const before = await officer.ok("POST", "/api/v1/datasets", { name: "long", upload }, 202);
    const low = await check({ priority: -90 }), high = await check({ priority: -80 });
    const first = await check({ priority: -90 });
    await change(first, { priority: 0 }); // told anew while it waits
    await officer.job(before.job.id);
    const [a, b, c] = await Promise.all([low, high, first].map((job) => officer.job(job.id)));
    assert.ok(c.started_ms <= b.started_ms && b.started_ms <= a.started_ms,
        JSON.stringify([a, b, c].map((job) => job.started_ms)));
});

test("not before its time", async () => {
    const at = Date.now() + 1500;
    const job = await check({ not_before_ms: at });
    await reason(job, "not_before");
    assert.ok((await officer.job(job.id)).started_ms >= at);
    await refused({ not_before_ms: Date.now() + 400 * 24 * HOUR_MS }, 400, "schedule.bad_time");
    await refused({ not_before_ms: "soon" }, 400, "schedule.bad_time");
});

test("after other jobs: ended well, or however", async () => {
    const one = await check({ hold: true });
    const well = await check({ after: [one.id] });
    assert.equal((await reason(well, "after")).blocker, one.id);
    await change(one, { hold: false });
    const [before, later] = [await officer.job(one.id), await officer.job(well.id)];
    assert.ok(later.started_ms >= before.ended_ms);

    const gone = await check({ hold: true });
    const strict = await check({ after: [gone.id] }), any = await check({ after: [gone.id], after_any: true });
    await officer.ok("POST", `/api/v1/jobs/${gone.id}/cancel`, {});
    const failed = await officer.job(strict.id, "failed");
    assert.equal(failed.fault.code, "schedule.after_failed");
    assert.equal(failed.fault.detail, String(gone.id));
    await officer.job(any.id);
    await refused({ after: [gone.id] }, 409, "schedule.after_failed");
    await refused({ after: [999999] }, 400, "schedule.no_such_job");
    await refused({ after: [1, 2, 3, 4, 5, 6, 7, 8, 9] }, 400, "schedule.bad_after");
    const ended = await check({ after: [one.id, any.id] });
    await officer.job(ended.id);
});

test("a deadline: a promised start that is kept, or the reason why not", async () => {
    await quiet();
    const at = Date.now();
    const job = await check({ deadline_ms: at + 20 * 60_000 });
    const promised = job.schedule.promised_ms;
    assert.ok(promised > at && promised < at + 20 * 60_000, JSON.stringify(job.schedule));
    assert.ok((await officer.job(job.id)).started_ms <= promised);
    const answer = await refused({ deadline_ms: Date.now() + 20_000 }, 409, "schedule.deadline_too_soon");
    assert.equal(answer.json.error.detail, "1"); // from the history of this box: not the time limit
    await refused({ deadline_ms: Date.now() - 1000 }, 409, "schedule.deadline_too_soon");
    await refused({ deadline_ms: Date.now() + HOUR_MS, hold: true }, 400, "schedule.deadline_alone");
    // What was refused has left nothing behind.
    assert.ok((await admin.ok("GET", "/api/v1/jobs")).items.every((one) => one.state === "done" || one.state === "failed" || one.state === "cancelled"));
});

test("promises fill the box: one more is refused", async () => {
    await quiet();
    const later = Date.now() + 2 * HOUR_MS, schedule = { not_before_ms: Date.now() + HOUR_MS, deadline_ms: later };
    const made = [];
    let answer;
    for (let i = 0; i < 64; i++) {
        answer = await officer.call("POST", `/api/v1/datasets/${dataset}/check`, { schedule });
        if (answer.status !== 202) break;
        made.push(answer.json);
        await reason(answer.json, "not_before"); // the core knows it now
    }
    assert.equal(answer.status, 409);
    assert.equal(answer.json.error.code, "schedule.deadline_taken");
    assert.ok(made.length >= 1);
    await officer.fails("PATCH", `/api/v1/jobs/${made[0].id}`, { priority: -5 }, 409, "schedule.promised");
    for (const job of made) await officer.ok("POST", `/api/v1/jobs/${job.id}/cancel`, {});
});

test("after a kill all of it is there again", async () => {
    const held = await check({ hold: true, priority: -7 });
    const waits = await check({ after: [held.id] });
    const promised = await check({ not_before_ms: Date.now() + HOUR_MS, deadline_ms: Date.now() + 3 * HOUR_MS });
    await reason(promised, "not_before");
    server.child.kill("SIGKILL");
    await server.ended;
    const old = server;
    server = await Server.start({ dir: old.dir });
    server.ownsDir = true;
    for (const person of [admin, officer, auditor, other]) person.server = server;
    assert.equal((await reason(held, "held")).schedule.priority, -7);
    assert.deepEqual((await reason(waits, "after")).schedule.after, [held.id]);
    assert.equal((await reason(promised, "not_before")).schedule.promised_ms, promised.schedule.promised_ms);
    await officer.ok("POST", `/api/v1/jobs/${promised.id}/cancel`, {});
    await change(held, { hold: false });
    await officer.job(held.id);
    await officer.job(waits.id);
});
