// The calendar: slots kept for a department, once or every week; answered at once, with who is in
// the way; jobs that wait for their slot, run in it and leave it; limits; all of it there again
// after the box was killed.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Server, sleep } from "./lib/server.mjs";

const HOUR_MS = 3_600_000, DAY_MS = 24 * HOUR_MS, MIB = 1 << 20;
const root = process.getuid() === 0;
const args = ["--commands", ...(root ? ["--job-user", "nobody"] : [])];
let server, admin, officer, stranger, auditor, own, other, cpu;

before(async () => {
    server = await Server.start({ args });
    admin = await server.setup();
    officer = await server.person(admin, "officer", ["data", "research"]); // of 内科
    stranger = await server.person(admin, "stranger", ["research"]);
    auditor = await server.person(admin, "auditor", ["audit"]);
    const p = await admin.ok("GET", "/api/v1/policy");
    own = p.tenants.find((one) => one.name === "内科");
    other = { ...own, id: p.next_tenant, name: "外科" };
    await save(p, [...p.tenants, other]);
    await admin.ok("PATCH", `/api/v1/people/${stranger.id}`, { department: "外科" });
    cpu = (await admin.ok("GET", "/api/v1/system")).capacity.cpu_milli;
});
after(() => server?.stop());

const save = (p, tenants = p.tenants) => admin.ok("POST", "/api/v1/policy", { version: p.version, note: "test",
    rate_micro: p.rate_micro, utc_offset_minutes: p.utc_offset_minutes, tenants });
async function limits(change) {
    const p = await admin.ok("GET", "/api/v1/policy");
    change(p.tenants.find((one) => one.id === own.id));
    return save(p);
}
const amount = (cpu_milli, memory_mib = 256) => ({ cpu_milli, memory_mib, disk_mib: 32 });
const wish = (from, hours, more = {}) => ({ title: "查房", tenant: own.id, amount: amount(cpu),
    from_ms: Date.now() + from * HOUR_MS, until_ms: Date.now() + (from + hours) * HOUR_MS, ...more });
const reserve = (body, who = admin) => who.ok("POST", "/api/v1/reservations", body, 201);
const refused = (body, status, code, who = admin) => who.fails("POST", "/api/v1/reservations", body, status, code);
const remove = (one, who = admin) => who.ok("DELETE", `/api/v1/reservations/${one.id}`, undefined, 204);
const open = async (query = "open=true") => (await officer.ok("GET", `/api/v1/reservations?${query}`)).items;
const program = (script, schedule, who = officer, more = {}) => who.ok("POST", "/api/v1/jobs", { command: ["sh", "-c", script],
    resources: { cpu_milli: cpu, memory_bytes: 64 * MIB, disk_bytes: 16 * MIB }, time_limit_ms: 60_000, schedule, ...more }, 202);
const show = (job, who = admin) => who.ok("GET", `/api/v1/jobs/${job.id}`);
const cancel = (job) => admin.ok("POST", `/api/v1/jobs/${job.id}/cancel`, {});
async function until(job, good, what) {
    for (let i = 0; i < 1500; i++) {
        const now = await show(job);
        if (good(now)) return now;
        await sleep(10);
    }
    assert.fail(`${what}: ${JSON.stringify(await show(job))}`);
}
const reason = (job, wanted) => until(job, (now) => now.reason === wanted, `never waits for ${wanted}`);
async function quiet() {
    for (const one of await open()) await remove(one);
    for (const state of ["queued", "running"]) {
        for (const job of (await admin.ok("GET", `/api/v1/jobs?state=${state}`)).items) await cancel(job);
    }
    while ((await admin.ok("GET", "/api/v1/jobs?state=running")).total) await sleep(20);
}

test("a slot is kept, shown, changed and given up", async () => {
    assert.deepEqual(await open(), []);
    const one = await reserve(wish(2, 3));
    assert.deepEqual([one.state, one.why, one.path, one.actor], ["kept", "", "内科", "admin"]);
    assert.deepEqual(one.amount, { cpu_milli: cpu, memory_mib: 256, disk_mib: 32, device_milli: 0 });
    assert.deepEqual(await officer.ok("GET", `/api/v1/reservations/${one.id}`), one);
    const { slots } = await officer.ok("GET", "/api/v1/calendar");
    assert.deepEqual(slots.map((slot) => [slot.id, slot.from_ms, slot.until_ms, slot.why]), [[one.id, one.from_ms, one.until_ms, ""]]);
    const moved = await admin.ok("PATCH", `/api/v1/reservations/${one.id}`,
        { title: "手术排班", from_ms: one.from_ms + HOUR_MS, until_ms: one.until_ms + HOUR_MS });
    assert.deepEqual([moved.title, moved.from_ms - one.from_ms, moved.amount], ["手术排班", HOUR_MS, one.amount]);
    await remove(one);
    assert.deepEqual(await open(), []);
    await admin.fails("DELETE", `/api/v1/reservations/${one.id}`, undefined, 404, "reservation.not_found");
    const entries = (await auditor.ok("GET", "/api/v1/audit")).items.filter((entry) => entry.object === `reservation/${one.id}`);
    assert.deepEqual(entries.map((entry) => entry.action).sort(), ["reservation.change", "reservation.create", "reservation.delete"]);
});

test("what makes no sense is refused", async () => {
    await refused({ ...wish(2, 1), title: "" }, 400, "call.missing");
    await refused(wish(-5, 2), 400, "reservation.bad_time");
    await refused(wish(3, 0), 400, "reservation.bad_time");
    await refused(wish(400 * 24, 1), 400, "reservation.bad_time");
    await refused(wish(1, 24 * 40), 400, "reservation.bad_time");
    await refused(wish(1, 24 * 8, { weekly_until_ms: Date.now() + 60 * DAY_MS }), 400, "reservation.bad_time");
    await refused(wish(1, 1, { amount: {} }), 400, "reservation.bad_amount");
    await refused(wish(1, 1, { amount: { device_milli: 500 } }), 400, "reservation.bad_amount");
    await refused(wish(1, 1, { amount: amount(cpu + 1000) }), 413, "reservation.too_large");
    await refused(wish(1, 1, { tenant: 999 }), 400, "reservation.no_tenant");
    const { title, ...nameless } = wish(1, 1);
    await refused(nameless, 400, "call.missing");
});

test("who is in the way is said in the same answer", async () => {
    const one = await reserve(wish(2, 2, { title: "肿瘤组" }));
    const answer = await refused(wish(3, 2), 409, "reservation.taken");
    assert.equal(answer.json.error.detail, "肿瘤组");
    await reserve(wish(4.1, 1)); // right after it
    await refused(wish(1, 6), 409, "reservation.taken_many"); // not without one alone
    const small = await reserve(wish(6, 2, { amount: amount(cpu - 1000) }));
    await reserve(wish(6, 2, { amount: amount(1000) })); // beside it
    await admin.fails("PATCH", `/api/v1/reservations/${small.id}`, { amount: amount(cpu) }, 409, "reservation.taken");
    assert.equal((await officer.ok("GET", `/api/v1/reservations/${small.id}`)).amount.cpu_milli, cpu - 1000);
    await remove(one);
    await reserve(wish(2, 2));
    await quiet();
    const running = await program("sleep 30", undefined, stranger, { time_limit_ms: 50_000 });
    await until(running, (now) => now.state === "running", "runs");
    const soon = { from_ms: Date.now() + 20_000, until_ms: Date.now() + 40_000 };
    const told = await refused(wish(1, 1, soon), 409, "reservation.taken_running");
    assert.equal(told.json.error.detail, String(running.id));
    await quiet();
});

test("a promise is in the way of a slot, and a slot of a promise", async () => {
    const job = await program("true", { not_before_ms: Date.now() + HOUR_MS, deadline_ms: Date.now() + HOUR_MS + 300_000 }, stranger, { time_limit_ms: 240_000 });
    await reason(job, "not_before");
    const answer = await refused(wish(0.5, 2), 409, "reservation.taken_promise");
    assert.equal(answer.json.error.detail, String(job.id));
    const { jobs } = await stranger.ok("GET", "/api/v1/calendar");
    assert.deepEqual(jobs.map((one) => [one.id, one.what, one.seen]), [[job.id, "promised", true]]);
    assert.equal((await officer.ok("GET", "/api/v1/calendar")).jobs[0].subject, ""); // another's
    await cancel(job);
    await reserve(wish(0.5, 2));
    await sleep(200);
    const late = { command: ["true"], resources: { cpu_milli: cpu, memory_bytes: 64 * MIB }, time_limit_ms: 240_000,
        schedule: { not_before_ms: Date.now() + HOUR_MS, deadline_ms: Date.now() + HOUR_MS + 300_000 } };
    await stranger.fails("POST", "/api/v1/jobs", late, 409, "schedule.deadline_taken");
    await quiet();
});

test("every week, across the ends of months, until a date", async () => {
    const from = Date.now() + 5 * DAY_MS, until = from + 2 * HOUR_MS;
    const weekly = await reserve(wish(0, 0, { title: "周会", from_ms: from, until_ms: until, weekly_until_ms: from + 70 * DAY_MS }));
    const { slots } = await officer.ok("GET", `/api/v1/calendar?from_ms=${from}&until_ms=${from + 62 * DAY_MS}`);
    assert.deepEqual(slots.map((slot) => slot.from_ms), [...Array(9).keys()].map((week) => from + week * 7 * DAY_MS));
    assert.deepEqual(slots.map((slot) => slot.number), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const local = (ms) => new Date(ms + 8 * HOUR_MS).toISOString().slice(0, 16).replace("T", " "); // as the policy says
    assert.equal(new Set(slots.map((slot) => local(slot.from_ms).slice(11))).size, 1); // the same hour each time
    const third = from + 21 * DAY_MS;
    await reserve(wish(0, 0, { title: "夜班", from_ms: from - HOUR_MS, until_ms: from, weekly_until_ms: third })); // the hour before
    // Which of the slots cannot be kept is said too.
    await quiet();
    await reserve(wish(0, 0, { title: "一次", from_ms: third, until_ms: third + HOUR_MS }));
    const told = await refused(wish(0, 0, { from_ms: from, until_ms: until, weekly_until_ms: from + 70 * DAY_MS }), 409, "reservation.taken");
    assert.equal(told.json.error.detail, `一次 (${local(third)})`);
    await quiet();
    const last = await reserve(wish(0, 0, { from_ms: from, until_ms: until, weekly_until_ms: from + 360 * DAY_MS - 2 * HOUR_MS }));
    assert.equal(last.state, "kept");
    assert.equal(weekly.weekly_until_ms, from + 70 * DAY_MS);
    await quiet();
});

test("a department reserves for itself, within its limit", async () => {
    const mine = (more = {}) => ({ ...wish(2, 1, { amount: amount(1000, 100) }), ...more });
    await refused(mine(), 403, "reservation.no_limit", officer);
    await limits((one) => (one.limit = { ...one.limit, cpu_milli: 1000, memory_mib: 300, disk_mib: 100 }));
    const made = await reserve(mine(), officer);
    const over = await refused(mine({ from_ms: Date.now() + 2.5 * HOUR_MS, until_ms: Date.now() + 4 * HOUR_MS }), 413, "reservation.over_limit", officer);
    assert.equal(over.json.error.detail, "内科");
    await refused(mine({ from_ms: Date.now() + 2.5 * HOUR_MS, until_ms: Date.now() + 4 * HOUR_MS }), 413, "reservation.over_limit"); // nor the system officer
    await reserve(mine({ from_ms: made.until_ms, until_ms: made.until_ms + HOUR_MS }), officer);
    await refused(mine({ tenant: other.id }), 403, "reservation.denied", officer);
    await stranger.fails("DELETE", `/api/v1/reservations/${made.id}`, undefined, 403, "reservation.denied");
    await stranger.fails("PATCH", `/api/v1/reservations/${made.id}`, { title: "x" }, 403, "reservation.denied");
    await refused(mine(), 403, "server.role_needed", auditor);
    assert.deepEqual((await stranger.ok("GET", "/api/v1/reservations?open=true&inside=true")).items, []);
    assert.equal((await open("open=true&inside=true")).length, 2);
    await remove(made, officer);
    await limits((one) => Object.assign(one, { limit: own.limit, quota: { cpu_milli: 1000, memory_mib: 200, disk_mib: 100, device_milli: 0 } }));
    await reserve(mine({ from_ms: Date.now() + 9 * HOUR_MS, until_ms: Date.now() + 10 * HOUR_MS }), officer);
    await refused(mine({ from_ms: Date.now() + 9 * HOUR_MS, until_ms: Date.now() + 10 * HOUR_MS }), 413, "reservation.over_limit", officer);
    await limits((one) => (one.quota = null));
    await quiet();
});

test("others wait for a slot to pass; its own jobs wait for it and run in it", async () => {
    const at = Date.now() + 2500;
    const slot = await reserve(wish(0, 0, { from_ms: at, until_ms: at + 4000 }));
    const inside = await program("sleep 1", { reservation: slot.id });
    assert.equal(inside.schedule.reservation, slot.id);
    await reason(inside, "reservation");
    const outside = await program("sleep 1", undefined, stranger, { time_limit_ms: 20_000 });
    const why = await reason(outside, "reserved");
    assert.deepEqual([why.reservation, why.blocker], [slot.id, 0]);
    const ran = await officer.job(inside.id), later = await stranger.job(outside.id);
    assert.ok(ran.started_ms >= at && ran.started_ms < at + 2000, `${ran.started_ms - at}`);
    assert.ok(later.started_ms >= at + 4000, `${later.started_ms - at}`);
    assert.equal((await officer.ok("GET", `/api/v1/reservations/${slot.id}`)).state, "over");
    assert.equal((await open()).length, 0);
});

test("who may run in it, and what fits", async () => {
    const slot = await reserve(wish(2, 1, { amount: amount(1000, 100) }));
    const ask = (schedule, who, more = {}) => who.call("POST", "/api/v1/jobs", { command: ["true"],
        resources: { cpu_milli: 1000, memory_bytes: 64 * MIB, disk_bytes: 16 * MIB }, schedule, ...more });
    assert.equal((await ask({ reservation: slot.id }, stranger)).json.error.code, "schedule.reservation_of_others");
    assert.equal((await ask({ reservation: 9999 }, officer)).json.error.code, "schedule.no_such_reservation");
    assert.equal((await ask({ reservation: slot.id, deadline_ms: Date.now() + DAY_MS }, officer)).json.error.code, "schedule.deadline_alone");
    const large = { resources: { cpu_milli: 1000, memory_bytes: 200 * MIB, disk_bytes: 16 * MIB } };
    assert.equal((await ask({ reservation: slot.id }, officer, large)).json.error.code, "schedule.reservation_too_small");
    const job = (await ask({ reservation: slot.id }, officer)).json;
    await reason(job, "reservation");
    await remove(slot); // then it is as any other
    await officer.job(job.id);
});

test("what runs at the end of its slot leaves it, and says why", async () => {
    const at = Date.now() + 1000;
    const slot = await reserve(wish(0, 0, { from_ms: at, until_ms: at + 2500 }));
    const job = await program("sleep 4", { reservation: slot.id }, officer, { restartable: true });
    const next = await program("true", undefined, stranger);
    const left = await until(job, (now) => now.paused > 0, "left its slot");
    assert.equal(left.gave_way, "reservation");
    assert.ok(Date.now() >= at + 2500);
    assert.ok((await stranger.job(next.id)).started_ms >= at + 2500 - 50);
    const done = await officer.job(job.id); // once more, outside
    assert.equal(done.attempt, 2);
});

test("of a weekly one it waits for the next week, until that is given up", async () => {
    const at = Date.now() + 1000;
    const slot = await reserve(wish(0, 0, { from_ms: at, until_ms: at + 2500, weekly_until_ms: at + 20 * DAY_MS }));
    // Asked to save what it has, and slow to leave.
    const runs = await program("trap '' USR1 TERM; sleep 5", { reservation: slot.id }, officer, { checkpoint_ms: 1000 });
    await until(runs, (now) => now.state === "running", "runs in it");
    const waits = await program("true", { reservation: slot.id }); // there is no more room inside
    await sleep(at + 3200 - Date.now());
    assert.equal((await show(runs)).state, "running");
    assert.equal((await show(waits)).reason, "reservation");
    await officer.job(runs.id);
    await sleep(1500); // the box is idle, and yet:
    const now = await show(waits);
    assert.deepEqual([now.state, now.reason, now.attempt], ["queued", "reservation", 0]);
    await remove(slot);
    await officer.job(waits.id);
});

test("nor does it start in the moment its slot ends", async () => {
    const at = Date.now() + 500;
    const slot = await reserve(wish(0, 0, { from_ms: at, until_ms: at + 1500, weekly_until_ms: at + 20 * DAY_MS }));
    const runs = await program("sleep 5", { reservation: slot.id }, officer, { restartable: true });
    await until(runs, (now) => now.state === "running", "runs in it");
    const waits = await program("true", { reservation: slot.id });
    await until(runs, (now) => now.paused === 1, "left its slot"); // the box is idle
    await sleep(1000);
    for (const job of [runs, waits]) {
        const now = await show(job);
        assert.deepEqual([now.state, now.reason, now.attempt], ["queued", "reservation", job === runs ? 1 : 0]);
    }
    await quiet();
});

test("a running slot is not moved under those in it", async () => {
    const at = Date.now() + 300;
    const slot = await reserve(wish(0, 0, { from_ms: at, until_ms: at + HOUR_MS }));
    const job = await program("sleep 30", { reservation: slot.id });
    await until(job, (now) => now.state === "running", "runs in it");
    await admin.fails("PATCH", `/api/v1/reservations/${slot.id}`, { until_ms: at + 2 * HOUR_MS }, 409, "reservation.running");
    assert.equal((await admin.ok("PATCH", `/api/v1/reservations/${slot.id}`, { title: "新名" })).title, "新名");
    assert.equal((await show(job)).attempt, 1);
    const { jobs } = await officer.ok("GET", "/api/v1/calendar");
    assert.deepEqual(jobs.map((one) => [one.id, one.what]), [[job.id, "running"]]);
    assert.equal(jobs[0].until_ms, jobs[0].from_ms + 60_000);
    await quiet();
});

test("after a kill all of it is there again, also what runs inside", async () => {
    const at = Date.now() + 500;
    const slot = await reserve(wish(0, 0, { title: "夜里", from_ms: at, until_ms: at + 15000, amount: amount(cpu) }));
    const weekly = await reserve(wish(3, 1, { title: "每周", weekly_until_ms: Date.now() + 40 * DAY_MS }));
    const runs = await program("sleep 30", { reservation: slot.id }, officer, { resources: { cpu_milli: 1000, memory_bytes: 64 * MIB, disk_bytes: 16 * MIB }, restartable: true });
    const waits = await program("true", { reservation: weekly.id });
    await until(runs, (now) => now.state === "running", "runs in it");
    await reason(waits, "reservation");
    server.child.kill("SIGKILL");
    await server.ended;
    const old = server;
    server = await Server.start({ dir: old.dir, args });
    server.ownsDir = true;
    for (const person of [admin, officer, stranger, auditor]) person.server = server;
    assert.deepEqual((await open()).map((one) => [one.title, one.state]), [["每周", "kept"], ["夜里", "kept"]]);
    assert.equal((await reason(waits, "reservation")).schedule.reservation, weekly.id);
    const adopted = await show(runs);
    assert.deepEqual([adopted.state, adopted.attempt], ["running", 1], JSON.stringify(adopted));
    const outside = await program("true", undefined, stranger);
    assert.equal((await reason(outside, "cpu")).state, "queued");
    // Its slot ends: it was inside, so it leaves as it would have without the kill.
    const left = await until(runs, (now) => now.paused > 0, "leaves at the end");
    assert.equal(left.gave_way, "reservation");
    assert.ok(Date.now() >= at + 15000 - 50, `${Date.now() - at}`);
    await refused(wish(3.5, 1), 409, "reservation.taken");
    await quiet();
    assert.equal((await auditor.ok("GET", "/api/v1/audit/verify")).ok, true);
});
