// The policy as accounts of a real slurmdbd: what `policy export --format slurm` writes is loaded by
// sacctmgr and read back, loaded again after a change, and jobs count for their department's account.
// Run with SLURM_ACCOUNTS, as the user courtyard, whom `prepare` made an administrator there.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { binary } from "../../api/lib/server.mjs";
import { Box, ended, shared } from "./box.mjs";

const sacctmgr = (...words) => {
    const done = spawnSync("sacctmgr", words, { encoding: "utf8" });
    assert.equal(done.status, 0, `sacctmgr ${words.join(" ")}: ${done.stdout}${done.stderr}`);
    return done.stdout;
};
const rows = (...words) => sacctmgr("-nP", "show", ...words).split("\n").filter(Boolean).map((line) => line.split("|"));
const ways = { commands: ["--slurm-socket", ""], slurmrestd: ["--slurm-socket", process.env.SLURM_SOCKET] };
let box;

before(async () => { box = await Box.open("accounts", { way: ways.commands }); });
after(() => box?.server.stop());

const policy = () => box.admin.ok("GET", "/api/v1/policy");
async function save(change) {
    const p = await policy();
    change(p);
    const { version, rate_micro, utc_offset_minutes, tenants } = p;
    return box.admin.ok("POST", "/api/v1/policy", { version, note: "test", rate_micro, utc_offset_minutes, tenants });
}
const department = (p, name = "内科") => p.tenants.find((t) => t.name === name);

function load() {
    const file = path.join(shared, "accounts.cfg");
    execFileSync(binary, ["policy", "export", "--data", box.dir, "--format", "slurm", "-o", file]);
    return sacctmgr("-i", "load", `file=${file}`);
}

// In Slurm's words: processors and devices whole and rounded down, memory in MiB.
function tres(limit) {
    const parts = [];
    if (limit.cpu_milli >= 0) parts.push(`cpu=${Math.floor(limit.cpu_milli / 1000)}`);
    if (limit.device_milli >= 0) parts.push(`gres/gpu=${Math.floor(limit.device_milli / 1000)}`);
    if (limit.memory_mib >= 0) parts.push(`mem=${limit.memory_mib}M`);
    return parts.join(",");
}

async function holds() {
    const p = await policy();
    const found = rows("assoc", "where", "cluster=courtyard", "format=Account,User,ParentName,Share,GrpTRES,GrpSubmit");
    for (const tenant of p.tenants) {
        const account = `t${tenant.id}`;
        const own = found.filter((row) => row[0] === account && row[1] === "");
        assert.deepEqual(own, [[account, "", tenant.parent ? `t${tenant.parent}` : "root", String(tenant.weight),
            tres(tenant.limit), tenant.caps.jobs >= 0 ? String(tenant.caps.jobs) : ""]]);
        assert.equal(found.filter((row) => row[0] === account && row[1] === "courtyard").length, 1);
    }
}

async function count_for(account, wanted, way) {
    const { job } = await box.dataset(400, `set ${account} ${way}`);
    let seen;
    await box.until(job.id, "seen", (j) => (seen = j.engine?.account ? j.engine : seen) && ended(j));
    await box.until(job.id + 1, "checked", ended);
    assert.deepEqual([seen.account, seen.account_wanted], [account, wanted]);
}

for (const way of Object.keys(ways)) {
    test(`without the accounts jobs count for the user's own, and it is said (${way})`, async () => {
        await box.server.stop();
        await box.start({ way: ways[way] });
        assert.equal((await box.admin.ok("GET", "/api/v1/system")).executor.by, way);
        const tenant = department(await policy()).id;
        await count_for("base", `t${tenant}`, way);
        assert.match(box.server.log, new RegExp(`slurm\\.account_unknown account=t${tenant} user=courtyard`));
    });
}

test("where our name is not known Slurm's refusal tells the same", async () => {
    const bin = path.join(shared, "nameless");
    mkdirSync(bin);
    writeFileSync(path.join(bin, "id"), "#!/bin/sh\nexit 1\n");
    chmodSync(path.join(bin, "id"), 0o755);
    await box.server.stop();
    await box.start({ way: ways.commands, env: { PATH: `${bin}:${process.env.PATH}` } });
    await count_for("base", `t${department(await policy()).id}`, "nameless");
    assert.match(box.server.log, /slurm\.account_unknown account=t\d+ user=\n/);
});

test("departments, projects, shares and limits are loaded as the policy has them", async () => {
    const free = { cpu_milli: -1, memory_mib: -1, disk_mib: -1, device_milli: -1 };
    await save((p) => {
        const own = department(p);
        Object.assign(own, { weight: 3, limit: { ...free, cpu_milli: 3500, memory_mib: 5000 } });
        own.caps.jobs = 40;
        const more = (parent, name, change) => {
            const one = structuredClone({ ...own, ...change });
            Object.assign(one, { id: p.next_tenant++, parent, name, kind: parent ? "project" : "department" });
            p.tenants.push(one);
            return one.id;
        };
        const caps = { ...own.caps, jobs: -1 };
        const hostile = more(0, "a':b\"c\\d,e=f#g;h|i%s(j)`$&*<>", { weight: 1, limit: free, caps });
        more(hostile, "长".repeat(60), { weight: 1000, limit: { ...free, memory_mib: 100 }, caps });
        more(own.id, "影像组", { weight: 2, limit: { ...free, cpu_milli: 500, device_milli: 0 }, caps });
    });
    load();
    await holds();
});

test("loaded again after a change it is as the policy is now", async () => {
    await save((p) => {
        Object.assign(department(p), { weight: 7, name: "心内科" });
        department(p, "心内科").limit = { cpu_milli: -1, memory_mib: 6000, disk_mib: -1, device_milli: 1000 };
        department(p, "心内科").caps.jobs = -1;
    });
    load();
    await holds();
    load(); // nothing to change
    await holds();
});

for (const way of Object.keys(ways)) {
    test(`with them a job counts for its department, and Slurm's limit binds it (${way})`, async () => {
        await box.server.stop();
        await box.start({ way: ways[way] });
        const tenant = department(await policy(), "心内科").id;
        await count_for(`t${tenant}`, null, way);
        assert.ok(!box.server.log.includes("slurm.account_unknown"));
    });
}

test("Slurm holds an account to its limit", async () => {
    const tenant = department(await policy(), "心内科").id;
    const submit = (...words) => execFileSync("sbatch", ["--parsable", "--output=/dev/null", `--account=t${tenant}`,
        ...words, "--wrap=sleep 5"], { encoding: "utf8" }).trim();
    const first = submit("--mem=5000M"), second = submit("--mem=5000M");
    let seen = "";
    for (let i = 0; i < 50 && !/AssocGrpMem/.test(seen); i++) {
        seen = execFileSync("squeue", ["-h", "-j", second, "-o", "%T %r"], { encoding: "utf8" });
        await new Promise((done) => setTimeout(done, 100));
    }
    assert.match(seen, /PENDING AssocGrpMem/);
    execFileSync("scancel", [first, second]);
});
