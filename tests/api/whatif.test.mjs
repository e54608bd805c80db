// "If I submit this now?": what the answer says is what a real submission then comes to; who may
// ask, and what is said of others' jobs.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { csv } from "./lib/data.mjs";
import { Server, sleep } from "./lib/server.mjs";

const HOUR_MS = 3_600_000, GIB = 2 ** 30;
let server, admin, officer, other, researcher, dataset, room;

before(async () => {
    server = await Server.start();
    admin = await server.setup();
    officer = await server.person(admin, "officer", ["data"]);
    other = await server.person(admin, "other", ["data"]);
    researcher = await server.person(admin, "researcher", ["research"]);
    room = (await admin.ok("GET", "/api/v1/system")).capacity;
});
after(() => server?.stop());

async function quiet() {
    for (let i = 0; i < 1200; i++) {
        const { items } = await admin.ok("GET", "/api/v1/jobs");
        if (!items.some((job) => job.state === "running" || (job.state === "queued" && !job.schedule.hold))) return;
        await sleep(50);
    }
    throw new Error("jobs do not end");
}
const ask = (body, who = officer) => who.ok("POST", "/api/v1/jobs/what-if", body);
const check = (schedule, who = officer) => who.ok("POST", `/api/v1/datasets/${dataset}/check`, { schedule }, 202);
const show = (job) => admin.ok("GET", `/api/v1/jobs/${job.id}`);
async function until(job, holds) {
    for (let i = 0; i < 3000; i++) {
        const now = await show(job);
        if (holds(now)) return now;
        await sleep(20);
    }
    assert.fail(JSON.stringify(await show(job)));
}
// A job that runs until it is let go on: its process is stopped.
async function running() {
    const upload = await officer.upload("long.csv", csv(300_000));
    const { job } = await officer.ok("POST", "/api/v1/datasets", { name: "long", upload }, 202);
    const children = () => execFileSync("sh", ["-c", `pgrep -P ${server.child.pid} || true`]).toString().split("\n").filter(Boolean).map(Number);
    const state = (pid) => {
        try {
            return readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)[0];
        } catch { return "X"; } // gone
    };
    const stopped = new Set();
    const stop = (pid) => {
        try {
            process.kill(pid, "SIGSTOP");
            stopped.add(pid);
        } catch { stopped.delete(pid); } // it has ended
    };
    // A process of the job before may still be about to end: what counts is one that stands still.
    for (let i = 0; i < 3000 && ![...stopped].some((pid) => state(pid) === "T"); i++) {
        children().forEach(stop);
        await sleep(2);
    }
    assert.ok([...stopped].some((pid) => state(pid) === "T"));
    await until(job, (now) => now.state === "running");
    return { job, go_on: () => [...stopped].forEach((pid) => process.kill(pid, "SIGCONT")) };
}

test("on a fresh box it would start at once, and does", async () => {
    const answer = await ask({ step: "import" });
    assert.equal(answer.would, "start");
    assert.equal(answer.start_ms, answer.at_ms);
    assert.equal(answer.end_ms, null); // nothing of its kind has run yet
    assert.deepEqual([answer.blockers, answer.delays, answer.gives_way], [[], [], []]);
    assert.equal(answer.whole, true);
    const upload = await officer.upload("patients.csv", csv(500));
    const made = await officer.ok("POST", "/api/v1/datasets", { name: "病人", upload }, 202);
    dataset = made.dataset.id;
    const job = await officer.job(made.job.id);
    assert.ok(job.started_ms - job.created_ms < 1000, JSON.stringify(job));
    await quiet();
    const known = await ask({ step: "import" });
    assert.ok(known.estimate_ms >= 1000 && known.end_ms - known.start_ms === known.estimate_ms);
});

test("what can never run is refused, with the sentence of a real submission", async () => {
    const answer = await ask({ cpu_milli: room.cpu_milli * 1000, memory_bytes: GIB });
    assert.equal(answer.would, "refuse");
    assert.equal(answer.fault.code, "job.too_large");
    assert.equal(answer.start_ms, null);
    assert.equal((await ask({ cpu_milli: 100, memory_bytes: GIB, device_milli: 1000 })).would, "refuse");
    const soon = await ask({ step: "check", dataset, schedule: { deadline_ms: Date.now() + 1000 } });
    assert.equal(soon.fault.code, "schedule.deadline_taken");
    const far = await ask({ step: "check", dataset, schedule: { deadline_ms: Date.now() + HOUR_MS } });
    assert.ok(far.promised_ms > far.at_ms && far.promised_ms < far.at_ms + HOUR_MS);
});

test("it would wait for who runs: the same reason, blocker and time as the real one", async () => {
    const before = await running();
    const whole = { cpu_milli: room.cpu_milli, memory_bytes: GIB, estimate_ms: 60_000 };
    const answer = await ask(whole, researcher);
    assert.equal(answer.would, "wait");
    assert.equal(answer.reason, "cpu");
    assert.equal(answer.proven, true);
    assert.equal(answer.blockers[0].job, before.job.id);
    assert.equal(answer.blockers[0].seen, false); // another's
    assert.deepEqual([answer.blockers[0].subject, answer.blockers[0].actor], ["", ""]);
    assert.ok(answer.start_ms > answer.at_ms);
    assert.equal(answer.end_ms, answer.start_ms + 60_000);

    const own = await ask({ step: "check", dataset });
    const real = await check(undefined);
    if (own.would === "wait") {
        const waits = await until(real, (job) => job.state === "queued" && job.reason !== "");
        assert.equal(waits.reason, own.reason);
        assert.equal(waits.blocker, own.blockers[0].job);
        assert.equal(own.blockers[0].subject, "long");
    } else {
        await until(real, (job) => job.state !== "queued");
    }
    before.go_on();
    await quiet();
});

test("what it would delay for others is what it delays", async (context) => {
    if (room.cpu_milli >= 4000) return context.skip("the box has room for both at once");
    const before = await running();
    const low = await check({ priority: -90 });
    await until(low, (job) => job.reason !== "");
    const plain = { step: "check", dataset };
    const behind = await ask({ ...plain, schedule: { priority: -100 } });
    assert.equal(behind.delays.length, 0, JSON.stringify(behind));
    const first = await ask(plain);
    assert.equal(first.would, "wait");
    assert.deepEqual(first.delays.map((one) => one.job), [low.id]);
    assert.ok(first.delays[0].after_ms > first.delays[0].before_ms);
    assert.equal(first.delayed, 1);
    assert.equal(first.delays[0].seen, true);
    const high = await check(undefined);
    await until(high, (job) => job.reason !== "");
    before.go_on();
    await officer.job(before.job.id);
    const [a, b] = await Promise.all([officer.job(high.id), officer.job(low.id)]);
    assert.ok(a.started_ms <= b.started_ms);
    await quiet();
});

test("held, later, after others: why, and no time that nobody knows", async () => {
    const hold = await ask({ step: "check", dataset, schedule: { hold: true } });
    assert.deepEqual([hold.would, hold.reason, hold.start_ms], ["wait", "held", null]);
    const at = Date.now() + HOUR_MS;
    const later = await ask({ step: "check", dataset, schedule: { not_before_ms: at } });
    assert.deepEqual([later.would, later.reason, later.start_ms], ["wait", "not_before", at]);
    const one = await check({ hold: true });
    const waits = await ask({ step: "check", dataset, schedule: { after: [one.id] } });
    assert.deepEqual([waits.would, waits.reason, waits.start_ms], ["wait", "after", null]);
    assert.equal(waits.blockers[0].job, one.id);
    await officer.ok("POST", `/api/v1/jobs/${one.id}/cancel`, {});
    const gone = await ask({ step: "check", dataset, schedule: { after: [one.id] } });
    assert.deepEqual([gone.would, gone.fault.code], ["refuse", "schedule.after_failed"]);
});

test("it is asked as it would be submitted", async () => {
    const fails = (body, status, code, who = officer) => who.fails("POST", "/api/v1/jobs/what-if", body, status, code);
    await fails({ step: "train" }, 403, "flow.denied");
    await fails({ step: "check" }, 403, "flow.denied", researcher);
    await fails({ step: "unmask" }, 400, "what_if.no_such_step");
    await fails({ step: "check", dataset: 999 }, 404, "dataset.not_found");
    await fails({ step: "train", release: 999 }, 404, "release.not_found", researcher);
    await fails({}, 400, "call.missing");
    await fails({ cpu_milli: 1000, memory_bytes: -1 }, 400, "what_if.bad_amount");
    assert.equal((await ask({ cpu_milli: 1000, schedule: { priority: 5 } })).fault.code, "schedule.priority_denied");
    assert.equal((await ask({ step: "train" }, researcher)).would, "start");
    // Nothing of all this has left a trace.
    const jobs = (await admin.ok("GET", "/api/v1/jobs")).items;
    assert.ok(jobs.every((job) => job.state !== "queued"));
});

test("a limit that would refuse it is said", async () => {
    const policy = await admin.ok("GET", "/api/v1/policy");
    const tenants = policy.tenants.map((one) => ({ ...one, caps: { ...one.caps, jobs: 0 } }));
    const body = { version: policy.version, rate_micro: policy.rate_micro, utc_offset_minutes: policy.utc_offset_minutes };
    await admin.ok("POST", "/api/v1/policy", { ...body, tenants });
    const answer = await ask({ step: "check", dataset });
    assert.equal(answer.would, "refuse");
    const real = await officer.call("POST", `/api/v1/datasets/${dataset}/check`, {});
    assert.equal(real.json.error.code, answer.fault.code);
    await admin.ok("POST", "/api/v1/policy", { ...body, version: policy.version + 1, tenants: policy.tenants });
});

test("a replay of what the box has run: three ways, the same from the command line", async () => {
    const auditor = await server.person(admin, "auditor", ["audit"]);
    const ended = (await admin.ok("GET", "/api/v1/jobs?size=200")).items.filter((job) => job.started_ms && job.ended_ms);
    const answer = await auditor.ok("POST", "/api/v1/replay", {});
    assert.equal(answer.jobs, ended.length);
    assert.deepEqual(answer.ways.map((one) => one.way), ["recorded", "present"]);
    const mean = ended.reduce((sum, job) => sum + Math.max(0, job.ended_ms - job.created_ms - (job.ended_ms - job.started_ms)), 0) / ended.length / 1000;
    assert.ok(answer.ways[0].wait_mean_s <= mean + 0.001, `${answer.ways[0].wait_mean_s} of ${mean}`);
    assert.equal(answer.ways[1].hash.length, 16);
    assert.equal(answer.ways[0].busy.length, 168);
    const body = { from_ms: answer.from_ms, until_ms: answer.until_ms };
    const again = await auditor.ok("POST", "/api/v1/replay", body);
    assert.equal(again.ways[1].hash, answer.ways[1].hash);

    const policy = await admin.ok("GET", "/api/v1/policy");
    const draft = { rate_micro: policy.rate_micro, tenants: policy.tenants.map((one) => ({ ...one, limit: { ...one.limit, cpu_milli: 500 } })) };
    const changed = await auditor.ok("POST", "/api/v1/replay", { ...body, policy: draft, capacity: { cpu_milli: room.cpu_milli * 2 } });
    assert.deepEqual(changed.ways.map((one) => one.way), ["recorded", "present", "changed"]);
    assert.equal(changed.ways[2].jobs, 0); // nobody may hold so much
    assert.equal(changed.ways[2].left_out, answer.jobs);
    assert.equal(changed.changed_capacity.cpu_milli, room.cpu_milli * 2);

    const program = process.env.COURTYARD ?? "build/courtyard";
    const told = JSON.parse(execFileSync(program, ["simulate", "box", "--data", server.dir, "--json",
        "--capacity", `cpu=${room.cpu_milli / 1000}`], { maxBuffer: 1 << 26 }));
    assert.equal(told.jobs, answer.jobs);
    assert.equal(told.ways[1].hash, answer.ways[1].hash);
    assert.equal(told.ways[2].hash, answer.ways[1].hash); // the same machine
    const words = execFileSync(program, ["simulate", "box", "--data", server.dir, "--lang", "en"]).toString();
    assert.match(words, /As it was: wait/);

    await officer.fails("POST", "/api/v1/replay", {}, 403, "server.role_needed");
    await auditor.fails("POST", "/api/v1/replay", { from_ms: 5, until_ms: 1 }, 400, "replay.bad_time");
    await auditor.ok("DELETE", "/api/v1/replay", undefined, 204);
});

test("what the live scheduler was told decides the same again, also after kill -9", async () => {
    const program = process.env.COURTYARD ?? "build/courtyard";
    const replay = () => JSON.parse(execFileSync(program, ["replay", "--data", server.dir, "--json"]));
    const before = replay(); // beside the running box
    assert.equal(before.identical, true, JSON.stringify(before));
    assert.ok(before.events > 20 && before.decisions > 10 && before.segments === 1);
    const held = await check({ hold: true });
    const jobs = await Promise.all(Array.from({ length: 10 }, () => check({ priority: -5 })));
    await officer.job(jobs[0].id);
    server.child.kill("SIGKILL");
    await server.ended;
    const killed = replay();
    assert.equal(killed.identical, true, JSON.stringify(killed));
    assert.ok(killed.events > before.events, JSON.stringify([before, killed]));
    const old = server;
    server = await Server.start({ dir: old.dir });
    server.ownsDir = true;
    for (const person of [admin, officer, other, researcher]) person.server = server;
    for (const job of jobs) await officer.job(job.id);
    // However many of those had ended before the kill, this life has decided on some of its own.
    const more = await Promise.all(Array.from({ length: 6 }, () => check({ priority: -5 })));
    for (const job of more) await officer.job(job.id);
    await officer.ok("POST", `/api/v1/jobs/${held.id}/cancel`, {});
    await quiet();
    const after = replay();
    assert.equal(after.identical, true, JSON.stringify(after));
    assert.equal(after.segments, 2); // each life begins one
    assert.ok(after.events > killed.events + 10, JSON.stringify([killed, after]));
    const words = execFileSync(program, ["replay", "--data", server.dir, "--lang", "en"]).toString();
    assert.match(words, /The same core decides the same: [0-9a-f]{16}/);
});
