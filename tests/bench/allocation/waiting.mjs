// A hundred thousand jobs that wait in the live box: its memory, and how long it takes to be told
// why one of them waits (over HTTPS, the record included) and to have the page of resources.
//   ./build.sh bench allocation waiting
// COURTYARD_WAITING (100000). Exits with 1 where a figure misses its bound.
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { root, Server, sleep } from "../../api/lib/server.mjs";

const count = Number(process.env.COURTYARD_WAITING ?? 100000), ASKED = 1000;
const folder = mkdtempSync(path.join(root, "build/waiting-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
mkdirSync(path.join(folder, "box"));
const user = process.getuid() === 0 ? ["--job-user", "nobody"] : [];
const server = await Server.start({ dir: path.join(folder, "box"), args: ["--commands", ...user] });
const admin = await server.setup();
const person = await server.person(admin, "researcher", ["research"]);
const memory = () => {
    const status = readFileSync(`/proc/${server.pid ?? server.child.pid}/status`, "utf8");
    const of = (name) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)[1]) / 1024;
    return { rss: of("VmRSS"), own: of("RssAnon"), peak: of("VmHWM") };
};
const text = (m) => `${m.rss.toFixed(1)} MB, ${m.own.toFixed(1)} of its own, most ${m.peak.toFixed(1)}`;
console.log(`memory at rest: ${text(memory())}`);

const { capacity } = await admin.ok("GET", "/api/v1/system");
const resources = { cpu_milli: capacity.cpu_milli, memory_bytes: 64 << 20, disk_bytes: 1 << 20 };
await person.ok("POST", "/api/v1/jobs", { command: ["sleep", "3600"], resources, time_limit_ms: 3600000 }, 202);
const begun = performance.now();
const first = await person.ok("POST", "/api/v1/jobs", { command: ["/bin/true"], resources, array: { count } }, 202);
for (;;) {
    const { queue } = await admin.ok("GET", "/api/v1/system");
    if (queue.queued >= count) break;
    await sleep(100);
}
console.log(`${count} tasks of one array wait after ${((performance.now() - begun) / 1000).toFixed(1)} s`);
await sleep(5000);
const held = memory();
console.log(`memory: ${text(held)} (at most 64)`);

async function times(label, ask) {
    const took = [];
    for (let i = 0; i < ASKED; i++) {
        const from = performance.now();
        await ask(i);
        took.push(performance.now() - from);
    }
    took.sort((a, b) => a - b);
    const at = (share) => took[Math.min(ASKED - 1, Math.floor(ASKED * share))].toFixed(2);
    console.log(`${label}: median ${at(0.5)} ms, p99 ${at(0.99)} ms, worst ${at(1)} ms`);
    return Number(at(0.99));
}
await times("a job's record without a question to the core", () => person.ok("GET", "/api/v1/jobs/1"));
await times("why one waits", (i) => person.ok("GET", `/api/v1/jobs/${first.id + (i * 7919) % count}`));
const from = performance.now();
await person.ok("GET", "/api/v1/resources");
console.log(`the page of resources: ${(performance.now() - from).toFixed(0)} ms`);
await sleep(5000);
const asked = memory();
console.log(`memory after that: ${text(asked)}`);
await person.call("POST", `/api/v1/jobs/${first.id}/cancel?array=true`);
await server.stop();
process.exit(held.rss <= 64 && asked.rss <= 64 ? 0 : 1);
