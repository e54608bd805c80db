// A box on the Slurm of `cluster run`, by its commands or, where SLURM_REST is set, by slurmrestd.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import path from "node:path";
import { after } from "node:test";
import { csv } from "../../api/lib/data.mjs";
import { root, Server, sleep } from "../../api/lib/server.mjs";

export const rest = Boolean(process.env.SLURM_REST);
export const by = rest ? "slurmrestd" : "commands";
const way_args = rest ? ["--slurm-socket", process.env.SLURM_SOCKET] : [];

// Below the project: the folder that the nodes share.
export const shared = mkdtempSync(path.join(root, "build/slurm/shared/"));
// A job of a box that has ended may still be writing there.
after(() => rmSync(shared, { recursive: true, force: true, maxRetries: 20, retryDelay: 500 }));

export const squeue = (format) => execFileSync("squeue", ["-h", "-t", "all", "-o", format], { encoding: "utf8" })
    .trim().split("\n").filter(Boolean);
export const commentsOf = (dir) => squeue("%k|%Z").filter((line) => line.split("|")[1].startsWith(dir))
    .map((line) => line.split("|")[0]);
export const once = (dir) => {
    const all = commentsOf(dir);
    assert.equal(new Set(all).size, all.length, `submitted twice: ${all.sort()}`);
    return all;
};

export class Box {
    static async open(name, options = {}) {
        const box = new Box();
        box.dir = path.join(shared, name);
        mkdirSync(box.dir);
        await box.start(options);
        const admin = await box.server.setup();
        box.admin = admin;
        box.officer = await box.server.person(admin, "officer", ["data", "research"]);
        box.reviewer = await box.server.person(admin, "reviewer", ["data"]);
        return box;
    }
    async start(options = {}) {
        const args = ["--executor", "slurm", ...(options.way ?? way_args), ...(options.more ?? [])];
        this.server = await Server.start({ dir: this.dir, ...options, args });
        for (const person of [this.admin, this.officer, this.reviewer]) {
            if (person) person.server = this.server;
        }
    }
    async kill() {
        await this.server.stop("SIGKILL");
    }
    async dataset(rows, name = "patients") {
        const upload = await this.officer.upload(`${name}.csv`, csv(rows));
        return this.officer.ok("POST", "/api/v1/datasets", { name, upload }, 202);
    }
    async release(dataset) {
        const sheet = { title: "Patients", purpose: "test", source: "made", licence: "CC0", contact: "", limits: "", sensitivity: "open" };
        const release = await this.officer.ok("POST", `/api/v1/datasets/${dataset.id}/releases`, { sheet }, 201);
        return this.reviewer.ok("POST", `/api/v1/releases/${release.id}/approve`, {});
    }
    train(release, name, trees = 60) {
        return this.officer.ok("POST", `/api/v1/releases/${release.id}/models`,
            { name, target: "outcome", options: { learner: "boost", seed: 3, trees, depth: 8, early_stop: 0 } }, 202);
    }
    job(id) {
        return this.officer.ok("GET", `/api/v1/jobs/${id}`);
    }
    async until(id, what, wanted, seconds = 90) {
        for (let i = 0; i < seconds * 10; i++) {
            const job = await this.job(id);
            if (wanted(job)) return job;
            assert.ok(!["failed"].includes(job.state), JSON.stringify(job));
            await sleep(100);
        }
        throw new Error(`job ${id} is not ${what}: ${JSON.stringify(await this.job(id))}`);
    }
}

export const ended = (job) => ["done", "failed", "cancelled"].includes(job.state);

// The data's way: import, check, release, train.
export async function way(box) {
    const { dataset, job } = await box.dataset(3000);
    const imported = await box.officer.job(job.id);
    assert.equal(imported.confine, "slurm");
    await box.until(job.id + 1, "checked", ended);
    const release = await box.release(dataset);
    const { model, job: training } = await box.train(release, "first", 20);
    const trained = await box.until(training.id, "trained", ended);
    assert.equal(trained.state, "done");
    assert.equal((await box.officer.ok("GET", `/api/v1/models/${model.id}`)).state, "ready");
    for (const id of [job.id, job.id + 1, training.id]) {
        assert.ok(once(box.dir).includes(`courtyard:${id}.1`));
    }
    return release;
}
