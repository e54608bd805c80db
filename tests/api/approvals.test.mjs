// Large requests: a job over a department's threshold waits until another person has approved it,
// runs then as any other, or ends with the reason it was rejected for; all of it there again after
// the box was killed.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { csv } from "./lib/data.mjs";
import { Server, sleep } from "./lib/server.mjs";

const root = process.getuid() === 0;
const args = ["--commands", ...(root ? ["--job-user", "nobody"] : [])];
let server, admin, chief, officer, auditor, dataset;

before(async () => {
    server = await Server.start({ args });
    admin = await server.setup();
    officer = await server.person(admin, "officer", ["data", "research"]); // of 内科
    chief = await server.person(admin, "chief", ["system", "data"]);
    auditor = await server.person(admin, "auditor", ["audit"]);
    const upload = await officer.upload("patients.csv", csv(500));
    const made = await officer.ok("POST", "/api/v1/datasets", { name: "病人", upload }, 202);
    assert.equal(made.job.approval, null);
    await officer.job(made.job.id);
    dataset = made.dataset.id;
    await quiet();
});
after(() => server?.stop());

async function quiet() {
    for (let i = 0; i < 600; i++) {
        if ((await admin.ok("GET", "/api/v1/jobs?state=running")).total + (await admin.ok("GET", "/api/v1/jobs?state=queued")).total === 0) return;
        await sleep(50);
    }
    throw new Error("jobs do not end");
}
const NONE = { cpu_milli: -1, memory_mib: -1, device_milli: -1, cpu_hours: -1 };
async function thresholds(own, above = {}, name = "内科") {
    const p = await admin.ok("GET", "/api/v1/policy");
    p.tenants.find((one) => one.name === name).approval = { ...NONE, ...own };
    p.tenants.find((one) => one.id === 1).approval = { ...NONE, ...above };
    return admin.ok("POST", "/api/v1/policy", { version: p.version, note: "test", rate_micro: p.rate_micro,
        utc_offset_minutes: p.utc_offset_minutes, tenants: p.tenants });
}
const check = (who = officer, body = {}) => who.ok("POST", `/api/v1/datasets/${dataset}/check`, body, 202);
const show = (job, who = officer) => who.ok("GET", `/api/v1/jobs/${job.id}`);
async function waits(job) {
    for (let i = 0; i < 200; i++) {
        const now = await show(job, admin);
        if (now.reason === "approval" && now.approval.start_ms) return now;
        assert.equal(now.state, "queued", JSON.stringify(now));
        await sleep(20);
    }
    assert.fail(`${JSON.stringify(await show(job, admin))} never waits for approval`);
}
const waiting = async (who) => (await who.ok("GET", "/api/v1/jobs?approval=waiting")).items.map((job) => job.id);
const count = async (who) => (await who.ok("GET", "/api/v1/home")).counts.approvals;

test("under the thresholds nothing changes", async () => {
    const saved = await thresholds({ cpu_milli: 64_000, memory_mib: 1 << 20, cpu_hours: 10_000 });
    assert.deepEqual(saved.tenants.find((one) => one.name === "内科").approval,
        { cpu_milli: 64_000, memory_mib: 1 << 20, device_milli: -1, cpu_hours: 10_000 });
    const { items } = await admin.ok("GET", "/api/v1/policy/versions");
    assert.deepEqual(items[0].changes.map((c) => c.field), ["approval"]);
    const job = await check();
    assert.equal(job.approval, null);
    await officer.job(job.id);
});

test("over one it waits, says what it asks for and what approval would do now", async () => {
    await thresholds({ memory_mib: 100, cpu_hours: 5, cpu_milli: 64_000 });
    const job = await check();
    assert.equal(job.state, "queued");
    const now = await waits(job);
    assert.deepEqual(now.approval.over, [
        { threshold: "memory_mib", asks: now.memory_bytes / 2 ** 20, most: 100 },
        { threshold: "cpu_hours", asks: (12 * now.cpu_milli) / 1000, most: 5 },
    ]);
    assert.ok(Math.abs(now.approval.start_ms - Date.now()) < 60_000, "the box is idle: at once");
    await sleep(300);
    assert.equal((await show(job)).state, "queued");
    assert.deepEqual(await waiting(admin), [job.id]);
    assert.deepEqual(await waiting(officer), [job.id]); // one's own
    assert.equal(await count(admin), 1);
    assert.equal(await count(officer), 0); // may not decide
    await officer.fails("POST", `/api/v1/jobs/${job.id}/approve`, {}, 403, "server.role_needed");
    await auditor.fails("POST", `/api/v1/jobs/${job.id}/reject`, { reason: "no" }, 403, "server.role_needed");

    const approved = await admin.ok("POST", `/api/v1/jobs/${job.id}/approve`, { reason: "本周可以" });
    assert.equal(approved.approval.state, "approved");
    assert.equal(approved.approval.start_ms, null);
    const done = await officer.job(job.id);
    assert.equal(done.approval.decided_by, "admin");
    assert.equal(done.approval.reason, "本周可以");
    assert.ok(done.started_ms >= done.approval.decided_ms);
    assert.equal(await count(admin), 0);
    await admin.fails("POST", `/api/v1/jobs/${job.id}/approve`, {}, 409, "approval.not_waiting");
});

test("rejected it has failed, with the reason", async () => {
    const job = await check();
    await waits(job);
    await admin.fails("POST", `/api/v1/jobs/${job.id}/reject`, {}, 400, "call.missing");
    await admin.ok("POST", `/api/v1/jobs/${job.id}/reject`, { reason: "超过本月预算" });
    const failed = await officer.job(job.id, "failed");
    assert.equal(failed.fault.code, "approval.rejected");
    assert.equal(failed.fault.detail, "超过本月预算");
    assert.equal(failed.approval.state, "rejected");
    assert.equal(failed.attempt, 0);
    await admin.fails("POST", `/api/v1/jobs/${job.id}/approve`, {}, 409, "approval.not_waiting");
    assert.equal(await count(admin), 0);
});

test("nobody decides on a job of their own", async () => {
    await thresholds({}, { cpu_milli: 0 }, "默认部门"); // one that people are in
    await thresholds({ cpu_milli: 0 });
    const job = await check(chief);
    await waits(job);
    assert.equal(await count(chief), 0);
    assert.equal(await count(admin), 1);
    await chief.fails("POST", `/api/v1/jobs/${job.id}/approve`, {}, 403, "approval.same_person");
    await chief.fails("POST", `/api/v1/jobs/${job.id}/reject`, { reason: "x" }, 403, "approval.same_person");
    assert.equal((await show(job, admin)).state, "queued");
    const chain = (await auditor.ok("GET", "/api/v1/audit")).items.filter((one) => one.object === `job/${job.id}`);
    assert.equal(chain.filter((one) => one.action === "job.refused").length, 2);
    assert.equal(chain.filter((one) => one.action === "job.approval").length, 1);
    await admin.ok("POST", `/api/v1/jobs/${job.id}/approve`, {});
    await chief.job(job.id);
});

test("what is not said is as above says", async () => {
    await thresholds({});
    const p = await admin.ok("GET", "/api/v1/policy");
    const own = p.tenants.find((one) => one.name === "内科"), below = { ...own, id: p.next_tenant, parent: own.id, kind: "project", name: "影像组" };
    own.approval = { ...NONE, memory_mib: 10 };
    below.approval = { ...NONE, cpu_milli: 64_000 };
    await admin.ok("POST", "/api/v1/policy", { version: p.version, note: "test", rate_micro: p.rate_micro,
        utc_offset_minutes: p.utc_offset_minutes, tenants: [...p.tenants, below] });
    await admin.ok("PATCH", `/api/v1/people/${officer.id}`, { department: "影像组" });
    const job = await check();
    assert.deepEqual(job.approval.over.map((one) => one.threshold), ["memory_mib"]);
    await officer.ok("POST", `/api/v1/jobs/${job.id}/cancel`, {});
    assert.equal(await count(admin), 0);
    assert.deepEqual(await waiting(admin), []);
    await officer.fails("POST", `/api/v1/datasets/${dataset}/check`,
        { schedule: { deadline_ms: Date.now() + 3_600_000 } }, 409, "schedule.deadline_unapproved");
});

test("a threshold that changes leaves those alone that were asked before", async () => {
    const job = await check(officer, { schedule: { hold: true } });
    await thresholds({});
    assert.equal((await show(job)).approval.state, "waiting");
    await admin.ok("POST", `/api/v1/jobs/${job.id}/approve`, {});
    await sleep(300);
    assert.equal((await show(job)).reason, "held"); // the one thing is not the other
    await officer.ok("PATCH", `/api/v1/jobs/${job.id}`, { hold: false });
    await officer.job(job.id);
});

test("an array is decided on as one", async () => {
    const tasks = (count) => officer.ok("POST", "/api/v1/jobs", { command: ["true"], array: { count },
        resources: { cpu_milli: 100, memory_bytes: 64 << 20, disk_bytes: 1 << 20 } }, 202);
    await thresholds({}, {}, "影像组");
    await thresholds({ cpu_hours: 10 }, {}, "影像组");
    const none = await tasks(1);
    assert.equal(none.approval, null);
    const all = await tasks(600), size = all.array.count;
    assert.deepEqual(all.approval.over.map((one) => one.threshold), ["cpu_hours"]); // of all together
    await waits(all);
    assert.deepEqual(await waiting(admin), [all.id]); // one row
    assert.equal(await count(admin), 1);
    assert.equal((await show({ id: all.id + 599 }, admin)).approval.state, "waiting");
    await admin.ok("POST", `/api/v1/jobs/${all.id + 7}/approve`, { reason: "alle" }); // by whichever
    assert.equal(await count(admin), 0);
    for (const id of [all.id, all.id + 1, all.id + size - 1]) {
        const job = await officer.job(id);
        assert.deepEqual([job.approval.state, job.approval.decided_by, job.approval.reason], ["approved", "admin", "alle"]);
    }
    await quiet();
    const more = await tasks(600);
    await waits(more);
    await admin.ok("POST", `/api/v1/jobs/${more.id}/reject`, { reason: "zu viel" });
    for (const id of [more.id, more.id + 599]) assert.equal((await officer.job(id, "failed")).fault.code, "approval.rejected");
    assert.equal(await count(admin), 0);
    const gone = await tasks(600);
    await waits(gone);
    await officer.ok("POST", `/api/v1/jobs/${gone.id}/cancel`, { array: true });
    assert.equal(await count(admin), 0);
});

test("after a kill all of it is there again", async () => {
    const p = await admin.ok("GET", "/api/v1/policy");
    p.tenants.find((one) => one.name === "影像组").approval = { ...NONE, cpu_milli: 0 };
    await admin.ok("POST", "/api/v1/policy", { version: p.version, note: "test", rate_micro: p.rate_micro,
        utc_offset_minutes: p.utc_offset_minutes, tenants: p.tenants });
    const asked = await check(), approved = await check(officer, { schedule: { hold: true } });
    await waits(asked);
    await admin.ok("POST", `/api/v1/jobs/${approved.id}/approve`, { reason: "ja" });
    server.child.kill("SIGKILL");
    await server.ended;
    const old = server;
    server = await Server.start({ dir: old.dir, args });
    server.ownsDir = true;
    for (const person of [admin, chief, officer, auditor]) person.server = server;
    const again = await waits(asked);
    assert.equal(again.approval.over[0].most, 0);
    assert.equal(await count(admin), 1);
    const other = await show(approved, admin);
    assert.deepEqual([other.approval.state, other.approval.decided_by, other.approval.reason], ["approved", "admin", "ja"]);
    await officer.ok("PATCH", `/api/v1/jobs/${approved.id}`, { hold: false });
    await officer.job(approved.id);
    assert.equal((await show(asked)).state, "queued");
    await admin.ok("POST", `/api/v1/jobs/${asked.id}/approve`, {});
    await officer.job(asked.id);
    assert.equal((await auditor.ok("GET", "/api/v1/audit/verify")).ok, true);
});
