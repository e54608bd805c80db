// Short programs through a service that is killed (SIGKILL) at random moments: between a program's
// start and its record, at its end, in a commit. Every job that was acknowledged has run exactly
// once, and so says the ledger. And one whose attempt died with the service before it was recorded.
// COURTYARD_LIVES (12), COURTYARD_SEED.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { csv } from "./lib/data.mjs";
import { Server, sleep } from "./lib/server.mjs";

const lives = Number(process.env.COURTYARD_LIVES ?? 12), EACH = 25;
let seed = Number(process.env.COURTYARD_SEED ?? Date.now() % 1e9) | 1;
const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
const dir = mkdtempSync(path.join(tmpdir(), "courtyard-kill-"));
const args = ["--commands", ...(process.getuid() === 0 ? ["--job-user", "nobody"] : [])];
const resources = { cpu_milli: 500, memory_bytes: 64 << 20, disk_bytes: 1 << 20 };
const body = { command: ["sh", "-c", "echo ran"], resources };

test(`${lives} lives, each killed at a random moment`, async (t) => {
    t.diagnostic(`seed ${seed}`);
    let server = await Server.start({ dir, args });
    const admin = await server.setup();
    const person = await server.person(admin, "researcher", ["research"]);
    const auditor = await server.person(admin, "auditor", ["audit"]);
    const acknowledged = [];
    const here = (client) => Object.assign(client, { server, agent: server.anonymous().agent });
    for (let life = 0; life < lives; life++) {
        here(person);
        const dying = sleep(20 + random() * 400).then(() => server.child.kill("SIGKILL"));
        const callers = Array.from({ length: 3 }, async () => {
            for (let i = 0; i < EACH; i++) {
                const { id } = await person.ok("POST", "/api/v1/jobs", body, 202);
                acknowledged.push(id);
            }
        });
        await Promise.allSettled([...callers, dying]);
        await server.ended;
        server = await Server.start({ dir, args });
    }
    [person, admin, auditor].forEach(here);
    for (let i = 0; ; i++) {
        const { queue } = await admin.ok("GET", "/api/v1/system");
        if (queue.running + queue.queued === 0) break;
        assert.ok(i < 1200, `they do not end: ${JSON.stringify(queue)}`);
        await sleep(100);
    }
    let jobs = 0;
    for (const id of acknowledged) {
        const job = await person.ok("GET", `/api/v1/jobs/${id}`);
        const { text } = await person.ok("GET", `/api/v1/jobs/${id}/log`);
        assert.equal(job.state, "done", JSON.stringify(job));
        assert.deepEqual([job.attempt, text.split("\n").filter((line) => line === "ran").length], [1, 1], `job ${id}`);
        jobs++;
    }
    // One that was made but not acknowledged may be there too; nothing else is.
    const { total } = await person.ok("GET", "/api/v1/jobs?size=1");
    assert.ok(total >= jobs && total <= jobs + 3 * lives, `${total} jobs, ${jobs} acknowledged`);
    const booked = new Map();
    for (let before = ""; before !== undefined;) {
        const { items, next } = await auditor.ok("GET", `/api/v1/usage/ledger?size=200${before}`);
        for (const item of items) booked.set(item.job, (booked.get(item.job) ?? 0) + 1);
        before = next ? `&before=${next}` : undefined;
    }
    assert.equal(booked.size, total);
    for (const [id, lines] of booked) assert.equal(lines, 1, `job ${id} is booked ${lines} times`);
    t.diagnostic(`${jobs} acknowledged, ${total} made`);
    await server.stop();
    server.remove();
});

test("what died unrecorded with the service is an attempt that is lost, and cleared away", async () => {
    let server = await Server.start();
    const { dir } = server, admin = await server.setup();
    const officer = await server.person(admin, "officer", ["data"]);
    const auditor = await server.person(admin, "auditor", ["audit"]);
    const jobs = [];
    for (const name of ["began", "named only", "noted only"]) {
        const body = { name, upload: await officer.upload("a.csv", csv(50)), schedule: { hold: true } };
        jobs.push((await officer.ok("POST", "/api/v1/datasets", body, 202)).job);
    }
    await server.stop("SIGKILL");
    // As the folders are left: the attempt, who works there, and what it had made by then.
    const left = ["1\n4194303 1 gone", "1\n4194303 1 gone", "1\n"];
    for (const [i, job] of jobs.entries()) {
        const folder = path.join(dir, "jobs", String(job.id));
        mkdirSync(path.join(folder, i === 0 ? "out/table" : ""), { recursive: true });
        writeFileSync(path.join(folder, "lock"), left[i]);
    }
    server = await Server.start({ dir });
    server.ownsDir = true;
    for (const who of [admin, officer, auditor]) Object.assign(who, { server, agent: server.anonymous().agent });
    for (const [i, { id }] of jobs.entries()) {
        await officer.ok("PATCH", `/api/v1/jobs/${id}`, { hold: false });
        assert.equal((await officer.job(id)).attempt, i === 2 ? 1 : 2);
    }
    const { items } = await auditor.ok("GET", "/api/v1/usage/ledger?size=200");
    const of = ({ id }, kind) => items.filter((item) => item.job === id && item.kind === kind).length;
    assert.deepEqual(jobs.map((job) => [of(job, "attempt"), of(job, "refund")]), [[2, 1], [2, 1], [1, 0]]);
    await server.stop();
});
