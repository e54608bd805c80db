// Jobs of /bin/true through the live box (local executor, 2 slots, durable, over HTTPS) beside a
// tuned Slurm of Debian's with 2 slots (tests/sim/slurm/cluster), rounds interleaved: jobs a second,
// handed in one by one and as one array, and the time from handing in to the program's own first
// line on an idle machine.
//   ./build.sh bench allocation live          Slurm wants root; without it the box runs alone
// COURTYARD_ROUNDS (3), COURTYARD_JOBS_EACH (400), SLURM_JOBS_EACH (40); COURTYARD_ALONE: no Slurm.
// Exits with 1 where a figure misses its bound.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { api, root, Server, sleep } from "../../api/lib/server.mjs";

const rounds = Number(process.env.COURTYARD_ROUNDS ?? 3);
const ours = Number(process.env.COURTYARD_JOBS_EACH ?? 400), theirs = Number(process.env.SLURM_JOBS_EACH ?? 40);
const OURS_STARTS = 25, THEIRS_STARTS = 8, CONNECTIONS = 4;
const cluster = path.join(root, "tests/sim/slurm/cluster");
const inside = Boolean(process.env.SLURM_FOLDER);

// Once more within a tuned Slurm, where one can be had.
if (!inside && !process.env.COURTYARD_ALONE) {
    const made = spawnSync(cluster, ["make"], { encoding: "utf8" });
    if (made.status === 0) {
        const env = { ...process.env, SLURM_TUNED: "1", SLURM_NODE_CPUS: "1" };
        delete env.TMPDIR;
        const self = path.relative(root, fileURLToPath(import.meta.url));
        process.exit(spawnSync(cluster, ["run", "node", self], { stdio: "inherit", cwd: root, env }).status ?? 1);
    }
    console.log(made.stdout.trim());
}

const folder = mkdtempSync(path.join(root, "build/live-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
const now = () => Number(process.hrtime.bigint()) / 1e9;
const at = (list, share) => [...list].sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * share))];
const sum = (list) => list.reduce((a, b) => a + b, 0);

// ---- the box -----------------------------------------------------------------------------------
class Ours {
    static async open() {
        const box = new Ours();
        mkdirSync(path.join(folder, "box"));
        const user = process.getuid() === 0 ? ["--job-user", "nobody"] : [];
        box.server = await Server.start({ dir: path.join(folder, "box"), args: ["--commands", ...user] });
        const admin = await box.server.setup();
        box.admin = admin;
        box.person = await box.server.person(admin, "researcher", ["research"]);
        const p = await admin.ok("GET", "/api/v1/policy");
        for (const tenant of p.tenants) tenant.limit = { ...tenant.limit, cpu_milli: 2000 }; // two slots
        const { version, rate_micro, utc_offset_minutes, tenants } = p;
        await admin.ok("POST", "/api/v1/policy", { version, note: "two slots", rate_micro, utc_offset_minutes, tenants });
        return box;
    }
    async submit(body) {
        const answer = await this.person.call("POST", "/api/v1/jobs", body, { hold: false });
        if (answer.status === 503) return sleep(5).then(() => this.submit(body)); // its list is full
        if (answer.status !== 202) throw new Error(answer.text);
        return answer.json;
    }
    async idle() {
        for (;;) {
            const { queue } = (await this.admin.call("GET", "/api/v1/system", undefined, { hold: false })).json;
            if (queue.running + queue.queued === 0) return;
            await sleep(20);
        }
    }
    body(command, more) {
        return { command, resources: { cpu_milli: 1000, memory_bytes: 64 << 20, disk_bytes: 1 << 20 }, ...more };
    }
    async singles(count) {
        let left = count;
        const one = async () => { while (left-- > 0) await this.submit(this.body(["/bin/true"])); };
        const before = await this.done(), begun = now();
        await Promise.all(Array.from({ length: CONNECTIONS }, one));
        await this.idle();
        const seconds = now() - begun, after = await this.done();
        if (after - before !== count) throw new Error(`${after - before} of ${count} are done`);
        return seconds;
    }
    async array(count) {
        const begun = now();
        const { id } = await this.submit(this.body(["/bin/true"], { array: { count } }));
        await this.idle();
        const seconds = now() - begun;
        const { total } = await this.person.ok("GET", `/api/v1/jobs?array=${id}&state=done&size=1`);
        if (total !== count) throw new Error(`${total} of ${count} are done`);
        return seconds;
    }
    async start() {
        const begun = Date.now();
        const { id } = await this.submit(this.body(["date", "+%s%N"]));
        await this.idle();
        const { text } = await this.person.ok("GET", `/api/v1/jobs/${id}/log`);
        return Number(text) / 1e6 - begun;
    }
    async done() {
        return (await this.person.ok("GET", "/api/v1/jobs?state=done&size=1")).total;
    }
}

// ---- Slurm -------------------------------------------------------------------------------------
const sbatch = ["--parsable", "--export=NIL", "--output=/dev/null"];
const slurm = {
    async idle() {
        while (execFileSync("squeue", ["-h", "-o", "%i"], { encoding: "utf8" }).trim()) await sleep(200);
    },
    async singles(count) {
        const begun = now();
        const words = sbatch.map((word) => `'${word}'`).join(" ");
        execFileSync("sh", ["-c", `seq ${count} | xargs -P ${CONNECTIONS} -I{} sbatch ${words} --wrap=/bin/true >/dev/null`]);
        await this.idle();
        return now() - begun;
    },
    async array(count) {
        const begun = now();
        execFileSync("sbatch", [...sbatch, `--array=1-${count}`, "--wrap=/bin/true"]);
        await this.idle();
        return now() - begun;
    },
    async start(number) {
        const file = path.join(folder, `start-${number}`);
        const begun = Date.now();
        execFileSync("sbatch", [...sbatch, `--wrap=date +%s%N >${file}`]);
        await this.idle();
        return Number(readFileSync(file, "utf8")) / 1e6 - begun;
    },
};

// ---- both --------------------------------------------------------------------------------------
const arrays = Boolean(api.paths["/api/v1/jobs"].post.requestBody.content["application/json"].schema.properties.array);
const box = await Ours.open();
const seconds = { ours: { singles: [], array: [] }, theirs: { singles: [], array: [] } }, starts = { ours: [], theirs: [] };
await box.singles(20); // both have run something once
if (inside) await slurm.array(2);
for (let round = 0; round < rounds; round++) {
    seconds.ours.singles.push(await box.singles(ours));
    if (inside) seconds.theirs.singles.push(await slurm.singles(theirs));
    if (arrays) seconds.ours.array.push(await box.array(ours));
    if (inside) seconds.theirs.array.push(await slurm.array(theirs));
    for (let i = 0; i < OURS_STARTS; i++) starts.ours.push(await box.start());
    if (inside) for (let i = 0; i < THEIRS_STARTS; i++) starts.theirs.push(await slurm.start(`${round}-${i}`));
}
await box.server.stop();

let missed = 0;
const rate = (count, list) => (list.length ? (count * list.length) / sum(list) : undefined);
const say = (what, mine, other, unit, bound) => {
    const beside = other === undefined ? "" : ` | slurm ${other.toFixed(1)} ${unit}`;
    if (mine === undefined) return console.log(`${what} | not there${beside}`);
    const fits = !bound || bound.fits(mine, other);
    if (!fits) missed++;
    console.log(`${what} | ${mine.toFixed(1)} ${unit}${beside}${bound ? ` | wanted ${bound.text}` : ""}${fits ? "" : " | MISSED"}`);
};
const fast = { text: ">= 400, >= 20 x", fits: (mine, other) => mine >= 400 && (other === undefined || mine >= 20 * other) };
console.log(`/bin/true, 2 slots, ${rounds} rounds of ${ours} jobs${inside ? `, Slurm of ${theirs}` : ""}; each round's seconds: ${JSON.stringify(seconds, (k, v) => (typeof v === "number" ? Number(v.toFixed(2)) : v))}`);
say(`one by one, ${CONNECTIONS} at a time`, rate(ours, seconds.ours.singles), rate(theirs, seconds.theirs.singles), "jobs/s", fast);
say("as one array", rate(ours, seconds.ours.array), rate(theirs, seconds.theirs.array), "jobs/s", fast);
say(`submit to start, idle, median of ${starts.ours.length}`, at(starts.ours, 0.5), inside ? at(starts.theirs, 0.5) : undefined, "ms");
say("submit to start, idle, p99", at(starts.ours, 0.99), inside ? at(starts.theirs, 0.99) : undefined, "ms", { text: "<= 50", fits: (mine) => mine <= 50 });
process.exit(missed ? 1 : 0);
