// Programs of one's own: what they may do, what becomes of what they make, and all that they must
// not reach: the store, the keys, another's folder, the service itself, a network.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync, existsSync } from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { csv } from "./lib/data.mjs";
import { Server, sleep } from "./lib/server.mjs";

const root = process.getuid() === 0;
const args = ["--commands", ...(root ? ["--job-user", "nobody"] : [])];
const MIB = 1 << 20;
let server, admin, officer, researcher, other;
before(async () => {
    server = await Server.start({ args });
    admin = await server.setup();
    officer = await server.person(admin, "officer", ["data"]);
    researcher = await server.person(admin, "researcher", ["research"]);
    other = await server.person(admin, "other", ["research"]);
});
after(() => server?.stop());

const submit = (body, who = researcher) => who.ok("POST", "/api/v1/jobs", body, 202);
const shell = (script, more = {}) => ({ command: ["sh", "-c", script], ...more });
const logOf = async (job, who = researcher) => (await who.ok("GET", `/api/v1/jobs/${job.id}/log`)).text;
async function run(body, want = "done") {
    const { id } = await submit(body);
    return researcher.job(id, want);
}
// Who works in its folder: the lock's second line, "PID START BOOT".
const worker = (job) => Number(readFileSync(path.join(server.dir, "jobs", String(job.id), "lock"), "utf8").split("\n")[1].split(" ")[0]);
// What it says may stand there a moment before the record tells that it runs.
async function running(job, mark) {
    for (let i = 0; i < 600; i++) {
        const now = await researcher.ok("GET", `/api/v1/jobs/${job.id}`);
        if (now.state === "running" && now.attempt > 0 && (await logOf(job)).includes(mark)) return;
        await sleep(20);
    }
    assert.fail(`${mark} never stood in the log of ${JSON.stringify(await researcher.ok("GET", `/api/v1/jobs/${job.id}`))}`);
}
function members(tar) {
    const list = {};
    for (let at = 0; at + 512 <= tar.length && tar[at];) {
        const name = tar.toString("utf8", at, tar.indexOf(0, at));
        const size = parseInt(tar.toString("latin1", at + 124, at + 135), 8);
        list[name] = tar.toString("utf8", at + 512, at + 512 + size);
        at += 512 + Math.ceil(size / 512) * 512;
    }
    return list;
}

test("the box says what holds", async () => {
    const { commands } = await researcher.ok("GET", "/api/v1/resources");
    assert.equal(commands.open, true);
    assert.equal(commands.own_user, root);
    assert.equal(commands.network, "none");
});

test("a program runs with its files, and what it leaves in out is kept whole", async () => {
    const script = await researcher.upload("greet.sh", Buffer.from("#!/bin/sh\necho hello \"$1\"\nmkdir -p out/deep\nprintf '%s' \"$1\" > out/name\nprintf 中文 > out/deep/文件.txt\nln -s /etc/passwd out/link\n"));
    const job = await run({ command: ["./greet.sh", "a b"], name: "greeting", files: [script] });
    assert.equal(job.subject.name, "greeting");
    assert.deepEqual(job.program.command, ["./greet.sh", "a b"]);
    assert.equal(await logOf(job), "hello a b\n");
    assert.equal(job.summary.files, 2);
    assert.equal(job.summary.left_out, 1); // the link
    const answer = await researcher.call("GET", `/api/v1/jobs/${job.id}/download`, undefined, { hold: false });
    assert.deepEqual(members(answer.bytes), { name: "a b", "deep/文件.txt": "中文" });
    const one = (name) => researcher.call("GET", `/api/v1/jobs/${job.id}/output?name=${encodeURIComponent(name)}`);
    const deep = await one("deep/文件.txt");
    assert.equal(deep.text, "中文");
    assert.match(deep.headers["content-disposition"], /filename\*=UTF-8''%E6%96%87%E4%BB%B6\.txt/);
    const part = await researcher.call("GET", `/api/v1/jobs/${job.id}/output?name=name`, undefined, { hold: false, headers: { range: "bytes=2-2" } });
    assert.deepEqual([part.status, part.text], [206, "b"]);
    assert.equal((await one("link")).status, 404);
    assert.equal((await other.call("GET", `/api/v1/jobs/${job.id}/output?name=name`)).status, 404);
    assert.ok(!existsSync(path.join(server.dir, "jobs", String(job.id), "work")), "its folder is left behind");
});

test("a release's table lies in its folder", async () => {
    const reviewer = await server.person(admin, "reviewer", ["data"]);
    const release = await officer.offer("病人", csv(100));
    await researcher.fails("POST", "/api/v1/jobs", { command: ["true"], release: release.id }, 409, "release.not_released");
    await reviewer.ok("POST", `/api/v1/releases/${release.id}/approve`, {});
    const counted = await run(shell("wc -l < table.csv; head -1 table.csv > out/head", { release: release.id }));
    assert.equal((await logOf(counted)).trim(), "101");
    const lineage = await researcher.ok("GET", `/api/v1/lineage/${counted.lineage}`);
    assert.equal(lineage.outputs[0].kind, "output");
});

test("how it failed is told", async () => {
    const job = await run(shell("echo first; echo the reason >&2; exit 3"), "failed");
    assert.deepEqual([job.fault.code, job.fault.row, job.fault.detail], ["command.failed", 3, "the reason"]);
    const killed = await run(shell("kill -9 $$"), "failed");
    assert.deepEqual([killed.fault.code, killed.fault.row], ["command.killed", 9]);
    const absent = await run({ command: ["no-such-program"] }, "failed");
    assert.deepEqual([absent.fault.code, absent.fault.detail], ["command.no_program", "no-such-program"]);
});

test("what is no program is refused", async () => {
    const bad = (body, name) => researcher.call("POST", "/api/v1/jobs", body).then((answer) =>
        assert.deepEqual([answer.status, answer.json.error.code, answer.json.error.detail], [400, "command.bad", name]));
    await bad({ command: [] }, "command");
    await bad({ command: [""] }, "command");
    await bad({ command: "true" }, "command");
    await bad({ command: ["true"], time_limit_ms: 1 }, "time_limit_ms");
    await bad({ command: ["true"], resources: { memory_bytes: 1 } }, "memory_bytes");
    const twice = [await researcher.upload("a", Buffer.from("1")), await researcher.upload("a", Buffer.from("2"))];
    await bad({ command: ["true"], files: twice }, "files");
    await researcher.fails("POST", "/api/v1/jobs", { command: ["true"], resources: { cpu_milli: 900000 } }, 413, "job.too_large");
    await officer.fails("POST", "/api/v1/jobs", { command: ["true"] }, 403, "server.role_needed");
    const others = await other.upload("b", Buffer.from("1"));
    await researcher.fails("POST", "/api/v1/jobs", { command: ["true"], files: [others] }, 404, "upload.not_found");
});

test("it reaches nothing of the service, and nobody else", async () => {
    const victim = await submit(shell("echo secret > mine; echo ready; sleep 30"), other);
    for (let i = 0; i < 600 && !(await logOf(victim, other)).includes("ready"); i++) await sleep(20);
    const theirs = path.join(server.dir, "jobs", String(victim.id));
    const { pid } = server.child;
    const parent = Number(execFileSync("ps", ["-o", "pid=", "--ppid", String(pid)]).toString().trim().split(/\s+/)[0]);
    const tries = {
        list: `ls ${server.dir}`,
        jobs: `ls ${server.dir}/jobs`,
        state: `cat ${server.dir}/state/*`,
        key: `cat ${server.dir}/tls/key.pem`,
        data: `cat ${server.dir}/state/data.mdb`,
        theirs: `cat ${theirs}/work/mine`,
        their_log: `cat ${theirs}/log`,
        write: `echo x > ${theirs}/work/x`,
        truncate: `truncate -s 0 ${theirs}/work/mine`,
        above: `echo x > ../result.json`,
        spec: `cat ../spec.json`,
        link: `ln ${theirs}/work/mine out/mine`,
        kill: `kill -9 ${pid}`,
        kill_parent: `kill -9 $PARENT`,
        kill_other: `kill -9 ${parent}`,
        memory: `cat /proc/${pid}/environ`,
        maps: `cat /proc/${pid}/maps`,
        tmp: `echo x > /tmp/courtyard-was-here`,
        home: `ls /root /home/*`,
        device: `head -c 1 /dev/mem`,
        disk: `head -c 1 /dev/sda /dev/vda`,
        network: `exec 3<>/dev/tcp/127.0.0.1/${server.port}`,
        nodes: `mknod out/null c 1 3`,
        mount: `mount -t tmpfs none out`,
        root: `su -c id`,
    };
    const script = Object.entries(tries).map(([name, line]) => `if bash -c '${line}' >/dev/null 2>&1; then echo "${name} GOT THROUGH"; fi`).join("\n");
    const job = await run(shell(`export PARENT=$PPID\n${script}\necho all tried`));
    assert.equal(await logOf(job), "all tried\n");
    assert.equal((await other.ok("GET", `/api/v1/jobs/${victim.id}`)).state, "running");
    await researcher.fails("GET", `/api/v1/jobs/${victim.id}/log`, undefined, 404, "job.not_found");
    await other.ok("POST", `/api/v1/jobs/${victim.id}/cancel`, {});
    await other.job(victim.id, "cancelled");
});

test("a fence that is not there would be seen", { skip: !root }, async () => {
    // The same tries outside the fence, by the one whom it keeps in: some get through.
    assert.ok(execFileSync("cat", [path.join(server.dir, "state/data.mdb")]).length > 0);
});

test("it opens no socket, by python too", async () => {
    const program = await researcher.upload("net.py", Buffer.from(`
import ctypes, os, socket
for family in (socket.AF_INET, socket.AF_INET6, 16, 17, 40):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            socket.socket(family, kind)
            print("open", family, kind)
        except OSError as error:
            pass
libc = ctypes.CDLL(None, use_errno=True)
if libc.syscall(425, 8, None) >= 0 or ctypes.get_errno() != 38: print("io_uring", ctypes.get_errno())
if libc.ptrace(16, ${process.pid}, 0, 0) == 0: print("traced")
print(os.listdir("."), os.getcwd() == os.environ["HOME"], sorted(name for name in os.environ if "KEY" in name))
`));
    const job = await run({ command: ["/usr/bin/python3", "net.py"], files: [program] });
    assert.match(await logOf(job), /^\[.*'net.py'.*\] True \[\]\n$/);
});

test("time, memory and disk end it, and say so", async () => {
    const late = await run(shell("sleep 60", { time_limit_ms: 1000 }), "failed");
    assert.equal(late.fault.code, "job.time_limit");
    const greedy = await run({ command: ["/usr/bin/python3", "-c", "x = bytearray(300 << 20); import time; time.sleep(20)"],
        resources: { memory_bytes: 64 * MIB } }, "failed");
    assert.equal(greedy.fault.code, "job.memory_limit");
    const full = await run(shell("for i in 1 2 3 4 5 6 7 8; do head -c 1000000 /dev/zero > f$i; done; sleep 20",
        { resources: { disk_bytes: 4 * MIB } }), "failed");
    assert.equal(full.fault.code, "command.disk_limit");
    const long = await run(shell("head -c 8000000 /dev/zero > f", { resources: { disk_bytes: 4 * MIB } }), "failed");
    assert.equal(long.fault.code, "command.failed");
});

test("what an ended one said can be deleted: by its owner and the system's officer, audited", async () => {
    const folder = (id) => path.join(server.dir, "jobs", String(id));
    const loud = await run(shell("head -c 300000 /dev/zero | tr '\\0' x"));
    assert.equal((await logOf(loud)).length, 300000);
    const log = `/api/v1/jobs/${loud.id}/log`;
    await other.fails("DELETE", log, undefined, 404, "job.not_found");
    const auditor = await server.person(admin, "auditor", ["audit"]);
    assert.equal((await auditor.ok("GET", log)).text.length, 300000);
    await auditor.fails("DELETE", log, undefined, 403, "flow.denied"); // reads, and only reads
    assert.ok(existsSync(folder(loud.id)));
    await researcher.ok("DELETE", log, undefined, 204);
    assert.equal(await logOf(loud), "");
    assert.ok(!existsSync(folder(loud.id)), "nothing of it stays");
    await researcher.ok("DELETE", log, undefined, 204);
    assert.equal((await researcher.ok("GET", `/api/v1/jobs/${loud.id}`)).state, "done");
    const second = await run(shell("echo said; mkdir -p out; echo made > out/a"));
    await admin.ok("DELETE", `/api/v1/jobs/${second.id}/log`, undefined, 204); // the system role
    assert.equal(await logOf(second), "");
    assert.equal((await researcher.call("GET", `/api/v1/jobs/${second.id}/output?name=a`, undefined, { hold: false })).text, "made\n");
    await researcher.fails("DELETE", "/api/v1/jobs/999999/log", undefined, 404, "job.not_found");
    const told = (await auditor.ok("GET", "/api/v1/audit?action=job.log_delete")).items;
    assert.deepEqual(told.map((one) => [one.actor, one.object, one.result]).pop(), ["researcher", `job/${loud.id}`, "ok"]);
});

test("what runs or waits keeps what it has said", async () => {
    const job = await submit(shell("echo ready; sleep 60"));
    await running(job, "ready");
    await researcher.fails("DELETE", `/api/v1/jobs/${job.id}/log`, undefined, 409, "job.not_ended");
    assert.match(await logOf(job), /ready/);
    const waits = await submit(shell("echo no", { schedule: { hold: true } }));
    await researcher.fails("DELETE", `/api/v1/jobs/${waits.id}/log`, undefined, 409, "job.not_ended");
    for (const { id } of [job, waits]) {
        await researcher.ok("POST", `/api/v1/jobs/${id}/cancel`, {});
        await researcher.job(id, "cancelled");
    }
    await researcher.ok("DELETE", `/api/v1/jobs/${job.id}/log`, undefined, 204);
    assert.equal(await logOf(job), "");
});

test("a cancelled program is asked first", async () => {
    const job = await submit(shell("trap 'echo asked; exit 0' TERM; echo ready; while :; do sleep 0.05; done"));
    await running(job, "ready");
    await researcher.ok("POST", `/api/v1/jobs/${job.id}/cancel`, {});
    await researcher.job(job.id, "cancelled");
    assert.match(await logOf(job), /asked/);
});

test("one that can gives way, and goes on in its folder", async () => {
    const script = `trap 'echo kept; exit 75' USR1; n=$(cat state 2>/dev/null || echo 0); n=$((n+1)); echo $n > state
if [ $n -ge 3 ]; then echo $n > out/n; exit 0; fi; echo "ready $n"; while :; do sleep 0.05; done`;
    const job = await submit(shell(script, { checkpoint_ms: 1000 }));
    for (const n of [1, 2]) {
        await running(job, `ready ${n}`);
        const pid = worker(job);
        process.kill(pid, "SIGUSR1");
    }
    const end = await researcher.job(job.id);
    assert.deepEqual([end.paused, end.attempt], [2, 3]);
    assert.deepEqual(members((await researcher.call("GET", `/api/v1/jobs/${job.id}/download`, undefined, { hold: false })).bytes), { n: "3\n" });
    // What has not said that it can is not asked, and code 75 is a failure like any other.
    assert.equal((await run(shell("exit 75"), "failed")).fault.row, 75);
});

test("one that may be begun anew is", async () => {
    const job = await submit(shell(`echo "ready $(ls | tr '\\n' ' ')"; touch was-here; sleep 30`, { restartable: true }));
    await running(job, "ready");
    const before = await researcher.ok("GET", `/api/v1/jobs/${job.id}`);
    assert.deepEqual([before.attempt, before.program.restartable], [1, true]);
    const pid = worker(job);
    process.kill(pid, "SIGUSR1");
    let now = before;
    for (let i = 0; i < 400 && now.attempt !== 2; i++, await sleep(20)) now = await researcher.ok("GET", `/api/v1/jobs/${job.id}`);
    assert.deepEqual([now.state, now.attempt, now.paused], ["running", 2, 1]);
    for (let i = 0; i < 400 && (await logOf(job)).split("ready").length < 3; i++) await sleep(20);
    await researcher.ok("POST", `/api/v1/jobs/${job.id}/cancel`, {});
    await researcher.job(job.id, "cancelled");
    assert.equal(await logOf(job), "ready out \nready out \n", "its folder was not emptied");
});

test("it runs on while the service is away, and is told of when it is back", async () => {
    const job = await submit(shell("echo ready; sleep 2; echo made > out/file"));
    await running(job, "ready");
    await server.stop("SIGKILL");
    const dir = server.dir;
    server = await Server.start({ dir, args });
    server.ownsDir = true;
    for (const who of [admin, officer, researcher, other]) {
        who.server = server;
        await who.ok("POST", "/api/v1/session", { name: who.name, password: who.password });
    }
    const end = await researcher.job(job.id);
    assert.equal(end.attempt, 1);
    assert.equal(end.summary.files, 1);
});

test("members start together, and one that fails ends all", async () => {
    const count = Math.min(4, Math.floor((await researcher.ok("GET", "/api/v1/resources")).capacity.cpu_milli / 500));
    const job = await run(shell("echo $COURTYARD_RANK of $COURTYARD_MEMBERS > out/$COURTYARD_RANK", { members: count, resources: { cpu_milli: 500, memory_bytes: 64 * MIB } }));
    const wanted = Object.fromEntries(Array.from({ length: count }, (_, i) => [String(i), `${i} of ${count}\n`]));
    assert.deepEqual(members((await researcher.call("GET", `/api/v1/jobs/${job.id}/download`, undefined, { hold: false })).bytes), wanted);
    const begun = Date.now();
    const failed = await run(shell("if [ $COURTYARD_RANK = 1 ]; then echo no >&2; exit 4; fi; sleep 30", { members: 2, resources: { cpu_milli: 500, memory_bytes: 64 * MIB } }), "failed");
    assert.deepEqual([failed.fault.code, failed.fault.row, failed.fault.detail], ["command.failed", 4, "no"]);
    assert.ok(Date.now() - begun < 20_000, "the other went on");
    await researcher.fails("POST", "/api/v1/jobs", shell("true", { members: 64, resources: { cpu_milli: 1000 } }), 413, "job.too_large");
});

test("a lease ends by itself, done, and later if nobody minds", async () => {
    const lease = await submit(shell("echo kept > out/a; echo ready; sleep 60", { lease: true, time_limit_ms: 2000 }));
    await running(lease, "ready");
    await other.fails("PATCH", `/api/v1/jobs/${lease.id}`, { time_limit_ms: 5000 }, 404, "job.not_found");
    const longer = await researcher.ok("PATCH", `/api/v1/jobs/${lease.id}`, { time_limit_ms: 6000 });
    assert.equal(longer.time_limit_ms, 6000);
    const end = await researcher.job(lease.id);
    assert.ok(end.ended_ms - end.started_ms >= 6000, `it ended after ${end.ended_ms - end.started_ms} ms`);
    assert.equal(end.summary.files, 1);
    await researcher.fails("PATCH", `/api/v1/jobs/${lease.id}`, { time_limit_ms: 7000 }, 409, "lease.none");
    await researcher.fails("POST", "/api/v1/jobs", shell("true", { lease: true, time_limit_ms: 13 * 3600_000 }), 400, "command.bad");
    // One that others wait for is not extended.
    const all = (await researcher.ok("GET", "/api/v1/resources")).capacity.cpu_milli;
    const held = await submit(shell("echo ready; sleep 60", { lease: true, resources: { cpu_milli: all } }));
    await running(held, "ready");
    const waits = await submit(shell("true"));
    for (let i = 0; i < 100 && (await researcher.ok("GET", `/api/v1/jobs/${waits.id}`)).reason !== "cpu"; i++) await sleep(20);
    await researcher.fails("PATCH", `/api/v1/jobs/${held.id}`, { time_limit_ms: 3700_000 }, 409, "lease.wanted");
    await researcher.ok("POST", `/api/v1/jobs/${held.id}/cancel`, {});
    assert.equal((await researcher.job(held.id)).state, "done");
    await researcher.job(waits.id);
});

test("processors of its own, and an accelerator only where there is one", async () => {
    const cpus = "grep Cpus_allowed_list /proc/self/status";
    const { capacity, commands } = await researcher.ok("GET", "/api/v1/resources");
    assert.ok(capacity.disk_mib > 0);
    if (commands.devices === 0) {
        await researcher.fails("POST", "/api/v1/jobs", shell("true", { resources: { device_milli: 1000 } }), 409, "command.no_device");
    }
    if (capacity.cpu_milli < 2000) return;
    // One that runs already makes room, and has it back.
    const first = await submit(shell(`echo ready; while [ ! -e stop ]; do ${cpus}; sleep 0.2; done`, { resources: { cpu_milli: 500 }, time_limit_ms: 60_000 }));
    await running(first, "ready");
    const own = await submit(shell(`${cpus}; echo ready; sleep 2`, { resources: { cpu_milli: 1000, own_cpus: true } }));
    await running(own, "ready");
    const mine = (await logOf(own)).match(/Cpus_allowed_list:\s*(\S+)/)[1];
    assert.match(mine, /^\d+$/);
    const list = async () => (await logOf(first)).trim().split("\n").map((line) => line.split(/\s+/)[1]);
    await researcher.job(own.id);
    await sleep(700);
    const seen = await list();
    const of = (text) => text.split(",").flatMap((part) => { const [a, b = a] = part.split("-").map(Number); return Array.from({ length: b - a + 1 }, (_, i) => a + i); });
    assert.ok(seen.slice(1).some((text) => !of(text).includes(Number(mine))), `never made room for ${mine}: ${seen.join(" ")}`);
    assert.equal(seen.at(-1), seen[1], "did not have it back");
    await researcher.fails("POST", "/api/v1/jobs", shell("true", { resources: { cpu_milli: 500, own_cpus: true } }), 400, "command.bad");
    await researcher.ok("POST", `/api/v1/jobs/${first.id}/cancel`, {});
    await researcher.job(first.id, "cancelled");
});

test("an array of two hundred is one row, and all of it runs", async () => {
    const first = await submit(shell("echo $COURTYARD_TASK of $COURTYARD_TASKS", { name: "many", array: { count: 200, at_once: 2 }, resources: { cpu_milli: 10, memory_bytes: 64 * MIB, disk_bytes: MIB } }));
    assert.deepEqual(first.array, { id: first.id, index: 0, count: 200, at_once: 2 });
    const row = async () => (await researcher.ok("GET", "/api/v1/jobs?size=200")).items.filter((job) => job.array?.id === first.id);
    let counts, most = 0;
    for (let i = 0; i < 1200 && counts?.done !== 200; i++) {
        const rows = await row();
        assert.equal(rows.length, 1, "an array is one row");
        counts = rows[0].array.counts;
        assert.equal(Object.values(counts).reduce((a, b) => a + b), 200);
        most = Math.max(most, (await researcher.ok("GET", "/api/v1/resources")).running);
        await sleep(50);
    }
    assert.deepEqual(counts, { queued: 0, running: 0, done: 200, failed: 0, cancelled: 0 });
    assert.ok(most <= 2, `${most} ran at once`);
    const page = await researcher.ok("GET", `/api/v1/jobs?array=${first.id}&size=50&page=4`);
    assert.deepEqual([page.total, page.items.length, page.items[49].id], [200, 50, first.id]);
    assert.equal(await logOf(page.items[0]), `${page.items[0].array.index} of 200\n`);
    assert.equal((await researcher.ok("GET", `/api/v1/jobs?array=${first.id}&state=failed`)).total, 0);
    assert.ok(!(await other.ok("GET", "/api/v1/jobs")).items.some((job) => job.array));
});

test("an array is cancelled as a whole", async () => {
    const first = await submit(shell("sleep 30", { array: { count: 1500 }, resources: { cpu_milli: 100, memory_bytes: 64 * MIB, disk_bytes: MIB } }));
    await other.fails("POST", `/api/v1/jobs/${first.id}/cancel`, { array: true }, 404, "job.not_found");
    await researcher.ok("POST", `/api/v1/jobs/${first.id + 7}/cancel`, { array: true });
    for (let i = 0; i < 200; i++) {
        const [row] = (await researcher.ok("GET", "/api/v1/jobs?size=1")).items;
        if (row.array.counts.cancelled === 1500) break;
        assert.ok(i < 199, JSON.stringify(row.array.counts));
        await sleep(100);
    }
    for (let i = 0; ; i++) { // one that was just being started has yet to be stopped
        const { running, waiting } = await researcher.ok("GET", "/api/v1/resources");
        if (running + waiting === 0) break;
        assert.ok(i < 100, `${running} run, ${waiting} wait`);
        await sleep(50);
    }
    const held = await submit(shell("true", { array: { count: 20 }, schedule: { hold: true }, resources: { cpu_milli: 100, memory_bytes: 64 * MIB, disk_bytes: MIB } }));
    assert.equal((await researcher.ok("GET", `/api/v1/jobs?array=${held.id}&state=queued`)).total, 20);
    await researcher.ok("PATCH", `/api/v1/jobs/${held.id}`, { hold: false, array: true });
    for (let i = 0; i < 20; i++) await researcher.job(held.id + i);
    for (const array of [{ count: 0 }, { count: 100001 }, { count: 2, at_once: 3 }, 5]) {
        await researcher.fails("POST", "/api/v1/jobs", shell("true", { array }), 400, "command.bad");
    }
});

test("closed unless it was opened, and without a fence refused", async () => {
    const closed = await Server.start();
    const boss = await closed.setup();
    const person = await closed.person(boss, "person", ["research"]);
    await person.fails("POST", "/api/v1/jobs", { command: ["true"] }, 403, "command.closed");
    assert.equal((await person.ok("GET", "/api/v1/resources")).commands.open, false);
    await closed.stop();
    if (!root) return;
    const unfenced = await Server.start({ args: ["--commands"] });
    const chief = await unfenced.setup();
    const one = await unfenced.person(chief, "person", ["research"]);
    const answer = await one.fails("POST", "/api/v1/jobs", { command: ["true"] }, 403, "command.no_fence");
    assert.equal(answer.json.error.detail, "user");
    await unfenced.stop();
    await assert.rejects(Server.start({ args: ["--commands", "--job-user", "root"] }));
    await assert.rejects(Server.start({ args: ["--commands", "--job-user", "no-such-user"] }));
});
