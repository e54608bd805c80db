// Departments, what they may use and what they have used: the policy in versions, limits that
// refuse, the ledger after a kill, vouchers from one box to another.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, before, test } from "node:test";
import { csv } from "./lib/data.mjs";
import { binary, Server, sleep } from "./lib/server.mjs";

const UNIT = 1_000_000, DAY_MS = 86_400_000;
let server, admin, officer, auditor;

before(async () => {
    server = await Server.start();
    admin = await server.setup(); // system and security
    officer = await server.person(admin, "zhang", ["data", "research"]); // of 内科
    auditor = await server.person(admin, "shen", ["audit"]);
});
after(() => server?.stop());

const policy = () => admin.ok("GET", "/api/v1/policy");
const saved = (p) => ({ version: p.version, note: p.note ?? "", rate_micro: p.rate_micro,
    utc_offset_minutes: p.utc_offset_minutes, tenants: p.tenants });
const save = async (change, status = 200) => {
    const now = await policy();
    now.note = "test";
    change(now);
    return admin.ok("POST", "/api/v1/policy", saved(now), status);
};
const department = (p, name = "内科") => p.tenants.find((t) => t.name === name);
async function dataset(person, name, rows = 200) {
    const upload = await person.upload(`${name}.csv`, csv(rows, 3));
    const made = await person.ok("POST", "/api/v1/datasets", { name, note: "", upload, options: {} }, 202);
    const job = await person.job(made.job.id);
    const after = await person.ok("GET", `/api/v1/datasets/${made.dataset.id}`);
    await person.job(after.job);
    return { id: made.dataset.id, job };
}

test("a department is there for each that people name", async () => {
    const p = await policy();
    assert.equal(p.tenants[0].id, 1);
    const own = department(p);
    assert.equal(p.members.find((m) => m.tenant === own.id).people, 2);
    const me = await officer.ok("GET", "/api/v1/me");
    assert.equal(me.tenant, own.id);
    assert.ok(p.capacity.cpu_milli > 0 && p.capacity.memory_mib > 0);
});

test("the policy changes in versions and is taken back", async () => {
    const before = await policy(), own = department(before);
    const after = await save((p) => {
        Object.assign(department(p), { name: "心内科", weight: 3 });
        p.tenants.push({ ...own, id: p.next_tenant, parent: own.id, kind: "project", name: "影像组" });
    });
    assert.equal(after.version, before.version + 1);
    assert.equal((await officer.ok("GET", "/api/v1/me")).department, "心内科"); // its people follow
    const { items } = await admin.ok("GET", "/api/v1/policy/versions");
    assert.equal(items[0].actor, "admin");
    assert.deepEqual(items[0].changes.map((c) => `${c.what} ${c.tenant} ${c.field}`.trim()),
        ["changed 心内科 name", "changed 心内科 weight", "added 影像组"]);
    await admin.fails("POST", "/api/v1/policy", saved(before), 409, "policy.changed_meanwhile");
    await admin.fails("POST", `/api/v1/policy/versions/99/restore`, {}, 404, "policy.no_such_version");
    const back = await admin.ok("POST", `/api/v1/policy/versions/${before.version}/restore`, { note: "zurück" });
    assert.equal(back.version, after.version + 1);
    assert.deepEqual(back.tenants, before.tenants);
    assert.ok(back.next_tenant > own.id + 1, "an id is never given twice");
    assert.equal((await officer.ok("GET", "/api/v1/me")).department, "内科");
    const chain = await auditor.ok("GET", "/api/v1/audit?action=policy.");
    assert.ok(chain.items.some((e) => e.action === "policy.restore" && e.detail === "zurück"));
});

test("what cannot be kept is refused, what contradicts is told", async () => {
    const p = await policy(), own = department(p), quota = { cpu_milli: 0, memory_mib: 0, disk_mib: 0, device_milli: 0 };
    const wrong = async (change, code, status = 400) => {
        const next = structuredClone(p);
        change(next);
        await admin.fails("POST", "/api/v1/policy", saved(next), status, code);
    };
    await wrong((n) => (department(n).quota = { ...quota, cpu_milli: p.capacity.cpu_milli + 1 }), "policy.does_not_add_up");
    await wrong((n) => (department(n).quota = { ...quota, device_milli: 1000 }), "policy.does_not_add_up");
    await wrong((n) => n.tenants.push({ ...own, id: n.next_tenant, parent: 77, name: "x" }), "policy.no_parent");
    await wrong((n) => n.tenants.push({ ...own, id: n.next_tenant }), "policy.name_twice");
    await wrong((n) => n.tenants.push({ ...own, name: "x" }), "policy.bad_id");
    await wrong((n) => (n.tenants = n.tenants.filter((t) => t.id !== 1)), "policy.default_stays");
    await wrong((n) => (n.tenants = n.tenants.filter((t) => t.id !== own.id)), "policy.has_people", 409);
    await wrong((n) => (department(n).weight = 0), "policy.bad_number");
    const next = structuredClone(p);
    department(next).quota = { ...quota, cpu_milli: 1000 };
    department(next).limit = { cpu_milli: p.capacity.cpu_milli + 1, memory_mib: -1, disk_mib: -1, device_milli: -1 };
    const checked = await admin.ok("POST", "/api/v1/policy/check", saved(next));
    assert.deepEqual(checked.findings.map((f) => [f.code, f.refused]), [["policy.limit_over_box", false],
        ["policy.quota_lacks", false], ["policy.quota_lacks", false]]); // memory, scratch disk
    assert.equal((await policy()).version, p.version, "a check saves nothing");
    await officer.fails("GET", "/api/v1/policy", undefined, 403, "server.role_needed");
    await auditor.fails("POST", "/api/v1/policy", saved(p), 403, "server.role_needed");
});

test("what a job held is what it costs", async () => {
    const { job } = await dataset(officer, "first");
    const share = await officer.ok("GET", "/api/v1/share");
    assert.equal(share.used.attempts, 2); // import and check
    assert.equal(share.jobs, 0);
    assert.ok(share.storage_bytes > 0);
    assert.deepEqual(share.tenants.map((t) => t.name), ["内科"]);
    const { items } = await auditor.ok("GET", "/api/v1/usage/ledger");
    const entry = items.find((e) => e.job === job.id);
    const ran = job.ended_ms - job.started_ms;
    const cost = Math.floor((job.cpu_milli * ran * share.rate_micro.cpu_milli) / (1000 * 3_600_000))
        + Math.floor((Math.floor(job.memory_bytes / 2 ** 20) * ran * share.rate_micro.memory_mib) / (1024 * 3_600_000));
    assert.equal(entry.units, cost);
    assert.equal(entry.path, "内科");
    const usage = await officer.ok("GET", "/api/v1/usage");
    assert.equal(usage.days.at(-1).units, share.used.units);
    assert.equal(usage.months.at(-1).units, share.used.units);
    const report = await auditor.ok("GET", "/api/v1/usage/report");
    assert.equal(report.departments.find((d) => d.path === "内科").units, share.used.units);
    assert.equal(report.people.find((r) => r.name === "zhang").attempts, 2);
    await officer.fails("GET", "/api/v1/usage?tenant=1", undefined, 403, "flow.denied");
    const file = await auditor.call("GET", "/api/v1/usage/report/file");
    const lines = file.text.trim().split("\r\n");
    assert.equal(lines.length, 2);
    assert.equal(Number(lines[1].split(",")[4]), share.used.units);
    const told = spawnSync(binary, ["usage", "export", "--data", server.dir, "--department", "内科"], { encoding: "utf8" });
    assert.equal(told.stdout, file.text);
    const none = await auditor.call("GET", "/api/v1/usage/report/file?tenant=1");
    assert.equal(none.text.trim().split("\r\n").length, 1);
});

test("over a limit a submission is refused, with what to do", async () => {
    const { units } = (await officer.ok("GET", "/api/v1/share")).used;
    assert.ok(units > 0);
    const upload = await officer.upload("b.csv", csv(50, 4));
    const body = { name: "b", note: "", upload, options: {} };
    const caps = { units_month: -1, storage_bytes: -1, jobs: -1, tokens_day: -1, tokens_month: -1, requests_day: -1, requests_month: -1 };
    await save((p) => (department(p).caps = { ...caps, units_month: units }));
    const over = await officer.fails("POST", "/api/v1/datasets", body, 413, "limit.department_units");
    assert.match(over.json.error.detail, /内科/);
    const near = (await officer.ok("GET", "/api/v1/share")).limits;
    assert.deepEqual(near, [{ of: "department", name: "内科", cap: "units_month", used: units, most: units }]);
    await save((p) => (department(p).caps = { ...caps, jobs: 0 }));
    await officer.fails("POST", "/api/v1/datasets", body, 413, "limit.department_jobs");
    await save((p) => {
        department(p).caps = caps;
        department(p).each = { ...caps, storage_bytes: 1000 };
    });
    await officer.fails("POST", "/api/v1/uploads", { name: "c.csv", size: 1000 }, 413, "limit.own_storage");
    await officer.fails("POST", "/api/v1/datasets", body, 413, "limit.own_storage");
    // A person's own bound stands before that of their department.
    await admin.ok("PATCH", `/api/v1/people/${officer.id}`, { caps: { ...caps, storage_bytes: 2 ** 40 } });
    const made = await officer.ok("POST", "/api/v1/datasets", body, 202);
    await officer.job(made.job.id);
    await officer.job((await officer.ok("GET", `/api/v1/datasets/${made.dataset.id}`)).job);
    await save((p) => (department(p).each = caps));
});

// That the limit holds for its jobs together is in tests/unit/flow/schedule_test.c.
test("a job larger than its department may hold is refused by the next version on", async () => {
    const none = { cpu_milli: -1, memory_mib: -1, disk_mib: -1, device_milli: -1 };
    await save((p) => (department(p).limit = { ...none, cpu_milli: 500, memory_mib: 2100 }));
    const { job } = await dataset(officer, "small");
    assert.equal(job.cpu_milli, 500, "on as much of a processor as it may hold");
    await save((p) => (department(p).limit = { ...none, memory_mib: 100 }));
    const upload = await officer.upload("never.csv", csv(10, 1));
    const made = await officer.ok("POST", "/api/v1/datasets", { name: "never", note: "", upload, options: {} }, 202);
    assert.equal((await officer.job(made.job.id, "failed")).fault.code, "job.too_large");
    await save((p) => (department(p).limit = none));
});

// ---- vouchers ----------------------------------------------------------------------------------

const wanted = (more = {}) => ({ holder: "department", holder_name: "内科", units: UNIT, until_ms: Date.now() + DAY_MS,
    use: "any", ...more });
const vouchers = async (person) => (await person.ok("GET", "/api/v1/vouchers")).items;

test("a voucher pays before the budget", async () => {
    await officer.fails("POST", "/api/v1/vouchers", wanted(), 403, "server.role_needed");
    await admin.fails("POST", "/api/v1/vouchers", wanted({ holder_name: "外科" }), 400, "voucher.no_such_holder");
    await admin.fails("POST", "/api/v1/vouchers", wanted({ until_ms: 5 }), 400, "voucher.bad_time");
    await admin.fails("POST", "/api/v1/vouchers", wanted({ units: 0 }), 400, "call.bad_number");
    const other = await admin.ok("POST", "/api/v1/vouchers", wanted({ holder: "person", holder_name: "ADMIN" }), 201);
    const voucher = await admin.ok("POST", "/api/v1/vouchers", wanted(), 201);
    assert.match(voucher.text, /^CYV1\./);
    assert.deepEqual((await vouchers(officer)).map((v) => v.id), [voucher.id]);
    const before = (await officer.ok("GET", "/api/v1/share")).used;
    await dataset(officer, "paid");
    const after = (await officer.ok("GET", "/api/v1/share")).used;
    const [left] = await vouchers(officer);
    assert.equal(after.units - after.voucher_units, before.units - before.voucher_units, "the budget is untouched");
    assert.equal(left.left, UNIT - (after.voucher_units - before.voucher_units));
    assert.equal((await vouchers(admin)).find((v) => v.id === other.id).left, UNIT);
    const revoked = await admin.ok("POST", `/api/v1/vouchers/${voucher.id}/revoke`, { reason: "test" });
    assert.equal(revoked.state, "revoked");
    await admin.fails("POST", `/api/v1/vouchers/${voucher.id}/revoke`, { reason: "test" }, 409, "voucher.revoked_before");
    const whole = await auditor.ok("GET", "/api/v1/usage/verify");
    assert.equal(whole.ok, true, JSON.stringify(whole));
});

test("a voucher is carried to the box it is for, once", async () => {
    const far = await Server.start();
    try {
        const boss = await far.setup();
        await far.person(boss, "wang", ["research"]); // makes the department 内科 there
        const { own } = await boss.ok("GET", "/api/v1/vouchers/issuers");
        const { own: home } = await admin.ok("GET", "/api/v1/vouchers/issuers");
        const { public_key } = await admin.ok("GET", "/api/v1/keys/bundle");
        const voucher = await admin.ok("POST", "/api/v1/vouchers", wanted({ box: own }), 201);
        assert.equal(voucher.state, "away");
        assert.equal(voucher.left, 0, "nothing of it counts here");
        const take = "/api/v1/vouchers/import", text = voucher.text;
        await admin.fails("POST", take, { text }, 403, "voucher.other_box");
        await boss.fails("POST", take, { text }, 403, "voucher.foreign_issuer");
        await boss.fails("POST", "/api/v1/vouchers/issuers", { name: "x", public_key: "x" }, 400, "bundle.bad_key");
        const trusted = await boss.ok("POST", "/api/v1/vouchers/issuers", { name: "总院", public_key });
        assert.deepEqual(trusted.items.map((i) => [i.name, i.fingerprint]), [["总院", home]]);
        for (const at of [9, 60, text.length - 20]) {
            const bent = text.slice(0, at) + (text[at] === "A" ? "B" : "A") + text.slice(at + 1);
            const answer = await boss.call("POST", take, { text: bent });
            assert.equal(answer.status, 400, answer.text);
            assert.match(answer.json.error.code, /voucher\.(bad_signature|unreadable)/);
        }
        await boss.fails("POST", take, { text: text.slice(0, -3) }, 400, "voucher.unreadable");
        const soon = await admin.ok("POST", "/api/v1/vouchers", wanted({ box: own, until_ms: Date.now() + 400 }), 201);
        const taken = await boss.ok("POST", take, { text: `  ${text}\n` }, 201);
        assert.equal(taken.left, UNIT);
        assert.equal(taken.issuer, home);
        await boss.fails("POST", take, { text }, 409, "voucher.known");
        await sleep(500);
        await boss.fails("POST", take, { text: soon.text }, 409, "voucher.expired");
    } finally {
        await far.stop();
    }
});

test("after a kill nothing is lost, doubled or unpaid", async () => {
    const voucher = await admin.ok("POST", "/api/v1/vouchers", wanted({ units: 5 * UNIT }), 201);
    const jobs = [];
    for (let i = 0; i < 6; i++) {
        const upload = await officer.upload(`k${i}.csv`, csv(20000, i));
        const made = await officer.ok("POST", "/api/v1/datasets", { name: `k${i}`, note: "", upload, options: {} }, 202);
        jobs.push(made.job.id);
    }
    const { dir, child } = server;
    let lost = [];
    for (let i = 0; i < 100 && !lost.length; i++) {
        await sleep(5);
        lost = spawnSync("pgrep", ["-P", String(child.pid)], { encoding: "utf8" }).stdout.trim().split("\n").filter(Boolean);
    }
    await server.stop("SIGKILL");
    for (const pid of lost) {
        try {
            process.kill(Number(pid), "SIGKILL"); // the attempt goes down with the box
        } catch {
            // It has ended by itself.
        }
    }
    server = await Server.start({ dir });
    server.ownsDir = true;
    for (const who of [admin, officer, auditor]) who.server = server;
    for (const id of jobs) await officer.job(id);
    for (let i = 0; i < 200 && (await officer.ok("GET", "/api/v1/share")).jobs; i++) await sleep(50);
    const whole = await auditor.ok("GET", "/api/v1/usage/verify");
    assert.equal(whole.ok, true, JSON.stringify(whole));
    const { items } = await auditor.ok("GET", "/api/v1/usage/ledger?size=200");
    for (const id of jobs) {
        const job = await officer.ok("GET", `/api/v1/jobs/${id}`);
        const booked = items.filter((e) => e.job === id && e.kind === "attempt");
        assert.deepEqual(booked.map((e) => e.attempt).sort(), Array.from({ length: job.attempt }, (_, i) => i + 1));
        // Each attempt but the last was the box's fault, and has come back.
        assert.equal(items.filter((e) => e.job === id && e.kind === "refund").length, job.attempt - 1);
    }
    const used = items.filter((e) => e.voucher === voucher.id && e.kind === "voucher.use").reduce((n, e) => n + e.units, 0);
    const back = items.filter((e) => e.voucher === voucher.id && e.kind === "voucher.refund").reduce((n, e) => n + e.units, 0);
    assert.ok(used > 0);
    assert.equal((await vouchers(officer)).find((v) => v.id === voucher.id).left, 5 * UNIT - used + back);
    const told = spawnSync(binary, ["usage", "verify", "--lang", "en", "--data", dir], { encoding: "utf8" });
    assert.equal(told.status, 0, told.stderr);
    assert.match(told.stdout, /The ledger is whole/);
});
