// slurmrestd's socket as it is in life: older parsers, gone and back, an answer that is lost, one that
// is none. Run as the user that slurmrestd runs as (cluster user).
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import { after, test } from "node:test";
import { sleep } from "../../api/lib/server.mjs";
import { Box, commentsOf, ended, once, shared, way } from "./box.mjs";

const folder = process.env.SLURM_FOLDER;
const children = new Set();
after(() => children.forEach((child) => child.kill("SIGKILL")));

// A slurmrestd of our own at /run/rest/NAME of the cluster's folder.
class Rest {
    constructor(name, parser) {
        this.inside = `/run/rest/${name}`;
        this.socket = folder + this.inside;
        this.parser = parser;
    }
    async start() {
        rmSync(this.socket, { force: true });
        const parser = this.parser ? ["-d", this.parser] : [];
        this.child = spawn("/usr/sbin/chroot", [folder, "/usr/sbin/slurmrestd", "-s", "openapi/slurmctld",
            ...parser, `unix:${this.inside}`],
            { stdio: "ignore", env: { PATH: "/usr/bin:/usr/sbin" } });
        children.add(this.child);
        for (let i = 0; i < 100 && !existsSync(this.socket); i++) await sleep(100);
        assert.ok(existsSync(this.socket));
    }
    async stop() {
        const end = new Promise((done) => this.child.on("exit", done));
        this.child.kill("SIGKILL");
        await end;
        children.delete(this.child);
        rmSync(this.socket, { force: true });
    }
}

const way_of = (rest) => ["--slurm-socket", rest.socket];

for (const parser of ["v0.0.40", "v0.0.41", "v0.0.42"]) {
    test(`the data's way by ${parser} alone, without a command on PATH`, async () => {
        const rest = new Rest(parser, parser);
        await rest.start();
        const box = await Box.open(parser, { way: [...way_of(rest), "--slurm-partition", "main"], env: { PATH: "/nowhere" } });
        await way(box);
        assert.match(box.server.log, new RegExp(`slurm\\.rest .*parser=${parser}`));
        await box.server.stop();
        await rest.stop();
    });
}

test("gone: by commands, with a line in the log; back: by the socket again", async () => {
    const rest = new Rest("gone");
    await rest.start();
    const box = await Box.open("gone", { way: way_of(rest) });
    const by = async () => (await box.admin.ok("GET", "/api/v1/system")).executor.by;
    assert.equal(await by(), "slurmrestd");
    await rest.stop();
    const { job } = await box.dataset(2000);
    await box.officer.job(job.id);
    assert.match(box.server.log, /slurm\.rest_away/);
    assert.equal(await by(), "commands");
    await rest.start();
    for (let i = 0; (await by()) === "commands"; i++) {
        assert.ok(i < 30, "not back");
        await box.officer.job((await box.dataset(100, `again ${i}`)).job.id);
        await sleep(1000);
    }
    once(box.dir);
    await box.server.stop();
    await rest.stop();
});

// Passes on to slurmrestd what `spoil` leaves alone; it is given what was asked and the connection.
function between(name, spoil) {
    const socket = path.join(folder, "run/rest", name);
    rmSync(socket, { force: true });
    const server = net.createServer((asked) => {
        asked.on("error", () => {});
        asked.once("data", (piece) => {
            const real = net.connect(process.env.SLURM_SOCKET);
            real.on("error", () => asked.destroy());
            if (spoil(piece.toString(), asked, real)) return;
            real.write(piece);
            asked.pipe(real);
            real.pipe(asked);
        });
    });
    return new Promise((done) => server.listen(socket, () => done({ socket, close: () => server.close() })));
}

test("a submission whose answer is lost is looked for, and not made again", async () => {
    let lost = 0;
    const proxy = await between("lost", (asked, client, real) => {
        if (!asked.startsWith("POST ")) return false;
        lost++;
        real.write(asked);
        real.on("data", () => client.destroy());
        return true;
    });
    const box = await Box.open("lost", { way: way_of(proxy) });
    const { job } = await box.dataset(2000);
    assert.equal((await box.officer.job(job.id)).state, "done");
    await box.until(job.id + 1, "checked", ended);
    assert.ok(lost >= 1);
    assert.match(box.server.log, /slurm\.found/);
    assert.deepEqual(once(box.dir).sort(), [`courtyard:${job.id}.1`, `courtyard:${job.id + 1}.1`]);
    await box.server.stop();
    proxy.close();
});

test("answers that are none end nothing and submit nothing twice", async () => {
    const hostile = [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", "HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{\"job_id\":-1", "garbage\r\n\r\n", "",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\n", "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n",
        `HTTP/1.1 200 OK\r\n\r\n${"[".repeat(100000)}`,
    ];
    let at = 0;
    const proxy = await between("hostile", (asked, client, real) => {
        if (asked.startsWith("GET /openapi") || at >= 40) return false;
        real.destroy();
        client.end(hostile[at++ % hostile.length]);
        return true;
    });
    const box = await Box.open("hostile", { way: way_of(proxy) });
    const jobs = [];
    for (let i = 0; i < 3; i++) jobs.push((await box.dataset(500, `set ${i}`)).job.id);
    for (const id of jobs) assert.equal((await box.until(id, "done", ended)).state, "done");
    assert.ok(at > 0);
    assert.ok(commentsOf(box.dir).length >= 3);
    once(box.dir);
    await box.server.stop();
    proxy.close();
});
