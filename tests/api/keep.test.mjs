// The copies that the box keeps of its database: made at night and on a wish, killed in between, and
// put in place of a broken one.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, cpSync, existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { binary, Server, sleep } from "./lib/server.mjs";

const SEEDS = Number(process.env.KEEP_SEEDS ?? 12);
const KILLS = Number(process.env.KEEP_KILLS ?? 8);
const NIGHTLY = { COURTYARD_NIGHTLY_TICK_MS: "20" };
const LONG = { timeout: 900000 };

function cli(...args) {
    return spawnSync(binary, args, { encoding: "utf8", timeout: 60000, env: { ...process.env, LANG: "en_US.UTF-8" } });
}

async function until(what, look) {
    for (let i = 0; i < 1200; i++) {
        const found = await look();
        if (found) return found;
        await sleep(50);
    }
    assert.fail(`never: ${what}`);
}

const list = (client) => client.ok("GET", "/api/v1/system/backups");

async function wish(admin) {
    const before = (await list(admin)).items.length;
    await admin.ok("POST", "/api/v1/system/backups", {}, 202);
    const after = await until("a copy on a wish", async () => {
        const now = await list(admin);
        return now.running ? undefined : now;
    });
    assert.equal(after.fault, null);
    assert.ok(after.items.length > before || after.items.length >= 3);
    return after.items[0];
}

async function names(client) {
    return (await client.ok("GET", "/api/v1/people?limit=200")).items.map((one) => one.name).sort();
}

const make = (admin, name) => admin.ok("POST", "/api/v1/people", { name, display_name: name, department: "内科" }, 201);

async function again(server, admin, env) {
    const next = await Server.start({ dir: server.dir, env });
    const client = next.anonymous();
    await client.ok("POST", "/api/v1/session", { name: "admin", password: admin.password });
    client.password = admin.password;
    return { next, client };
}

test("made at night by itself, listed, and noted in the audit chain", LONG, async () => {
    const server = await Server.start({ env: NIGHTLY });
    const admin = await server.setup();
    const auditor = await server.person(admin, "auditor", ["audit"]);
    const one = await until("the first night's copy", async () => (await list(admin)).items[0]);
    assert.match(one.name, /^nightly-\d{8}$/);
    assert.equal(one.whole, true);
    assert.equal(statSync(path.join(server.dir, "backups", one.name, "data.mdb")).size, one.bytes);
    assert.equal(statSync(path.join(server.dir, "backups", one.name, "data.mdb")).mode & 0o077, 0);
    await sleep(500); // not one a tick
    assert.equal((await list(admin)).items.length, 1);
    // Off, and back on a minute that has just passed: the last one is older than that.
    assert.equal((await admin.ok("PATCH", "/api/v1/system/backups", { nightly: false })).nightly, false);
    const now = new Date();
    const minute = now.getUTCHours() * 60 + now.getUTCMinutes();
    await sleep((61 - now.getUTCSeconds()) * 1000);
    const set = await admin.ok("PATCH", "/api/v1/system/backups", { nightly: true, minute: (minute + 1) % 1440 });
    assert.equal(set.minute, (minute + 1) % 1440);
    await until("the next night's", async () => (await list(admin)).items.some((item) => item.made_ms > one.made_ms));
    assert.equal((await admin.call("PATCH", "/api/v1/system/backups", { minute: 1440 })).status, 400);
    const wished = await wish(admin);
    assert.match(wished.name, /^wish-\d{8}-\d{6}$/);
    const entries = (await auditor.ok("GET", "/api/v1/audit?limit=100")).items;
    const kept = entries.filter((entry) => entry.action === "system.keep");
    assert.ok(kept.some((entry) => entry.actor === "system" && entry.result === "ok" && entry.object === one.name));
    assert.ok(kept.some((entry) => entry.actor === "admin" && entry.object === wished.name));
    assert.ok(entries.some((entry) => entry.action === "system.backup_setting" && entry.detail.startsWith("off")));
    const shown = cli("backups", "--data", server.dir);
    assert.equal(shown.status, 0, shown.stderr);
    assert.ok(shown.stdout.includes(one.name) && shown.stdout.includes(wished.name));
    assert.equal((await auditor.call("GET", "/api/v1/system/backups")).status, 200);
    assert.equal((await auditor.call("POST", "/api/v1/system/backups", {})).status, 403);
    await server.stop();
});

test("killed while a copy is made: what bears a name is whole, all acknowledged is there", LONG, async () => {
    let server = await Server.start();
    let admin = await server.setup();
    const wanted = ["admin"];
    for (let i = 0; i < KILLS; i++) {
        const name = `person${i}`;
        await make(admin, name);
        wanted.push(name);
        await admin.ok("POST", "/api/v1/system/backups", {}, 202);
        await sleep(Math.random() * 60);
        await server.stop("SIGKILL");
        const folder = path.join(server.dir, "backups"); // not there if it was killed at once
        for (const one of existsSync(folder) ? readdirSync(folder) : []) {
            if (!one.endsWith(".part")) assert.ok(existsSync(path.join(server.dir, "backups", one, "about")), one);
        }
        const { next, client } = await again(server, admin);
        assert.deepEqual(await names(client), wanted.toSorted());
        assert.ok((await list(client)).items.every((item) => item.whole));
        server = next;
        admin = client;
    }
    await wish(admin);
    assert.ok(!readdirSync(path.join(server.dir, "backups")).some((one) => one.endsWith(".part")));
    await server.stop();
});

test("an earlier copy in the database's place: sessions end, it is audited, nothing is deleted", LONG, async () => {
    const server = await Server.start();
    const admin = await server.setup();
    await make(admin, "before");
    const auditor = await server.person(admin, "auditor", ["audit"]);
    const copy = await wish(admin);
    await make(admin, "after");
    const busy = cli("recover", "--data", server.dir);
    assert.equal(busy.status, 1);
    assert.match(busy.stderr, /in use|another/i);
    await server.stop("SIGKILL");
    assert.match(cli("recover", "nightly-20010101", "--data", server.dir).stderr, /no good copy/);
    assert.match(cli("recover", "../state", "--data", server.dir).stderr, /no name/);
    const done = cli("recover", copy.name, "--data", server.dir);
    assert.equal(done.status, 0, done.stderr);
    assert.ok(done.stdout.includes(copy.name));
    const next = await Server.start({ dir: server.dir });
    const old = next.anonymous();
    old.cookie = admin.cookie;
    assert.equal((await old.call("GET", "/api/v1/me")).status, 401);
    const client = next.anonymous();
    await client.ok("POST", "/api/v1/session", { name: "admin", password: admin.password });
    assert.deepEqual(await names(client), ["admin", "auditor", "before"]);
    const reader = next.anonymous();
    await reader.ok("POST", "/api/v1/session", { name: "auditor", password: auditor.password });
    const entry = (await reader.ok("GET", "/api/v1/audit?limit=50")).items.find((one) => one.action === "system.recover");
    assert.match(entry.detail, new RegExp(`^${copy.name} -> quarantine/`));
    const [quarantine] = readdirSync(path.join(server.dir, "quarantine"));
    assert.ok(statSync(path.join(server.dir, "quarantine", quarantine, "state/data.mdb")).size > 0);
    await reader.ok("GET", "/api/v1/audit/verify");
    await next.stop();
    server.remove();
});

// ---- damage -------------------------------------------------------------------------------------

function randomOf(seed) {
    let state = (seed * 2654435761 + 12345) >>> 0;
    return (below) => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        return Math.floor((state / 2 ** 32) * below);
    };
}

// One to four pages become noise, or the file is cut short.
function damage(file, seed) {
    const random = randomOf(seed);
    const size = statSync(file).size;
    const handle = openSync(file, "r+");
    for (let count = 1 + random(4); count > 0; count--) {
        const noise = Buffer.from(Array.from({ length: 4096 }, () => random(256)));
        writeSync(handle, noise, 0, 4096, random(Math.floor(size / 4096)) * 4096);
    }
    closeSync(handle);
    if (random(6) === 0) truncateSync(file, random(size));
}

test("a damaged database: always told, never a loop, and the copy brings its data back", LONG, async () => {
    const first = await Server.start();
    const admin = await first.setup();
    for (let i = 0; i < 40; i++) await make(admin, `early${i}`);
    await wish(admin);
    const then = await names(admin);
    for (let i = 0; i < 40; i++) await make(admin, `late${i}`);
    const now = await names(admin);
    await first.stop("SIGKILL");
    let told = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
        const dir = mkdtempSync(path.join(tmpdir(), "courtyard-keep-"));
        cpSync(first.dir, dir, { recursive: true });
        damage(path.join(dir, "state/data.mdb"), seed);
        let begun;
        try {
            begun = await again({ dir }, admin);
        } catch (end) {
            assert.equal(end.code, 1, `seed ${seed}: ${end.message}`); // a sentence, no signal
            assert.match(end.message, /database is damaged/);
            assert.match(end.message, /courtyard recover --data/);
            told++;
            const broken = readFileSync(path.join(dir, "state/data.mdb"));
            const done = cli("recover", "--data", dir);
            assert.equal(done.status, 0, `seed ${seed}: ${done.stderr}`);
            const [quarantine] = readdirSync(path.join(dir, "quarantine"));
            assert.deepEqual(readFileSync(path.join(dir, "quarantine", quarantine, "state/data.mdb")), broken);
            begun = await again({ dir }, admin);
            assert.deepEqual(await names(begun.client), then, `seed ${seed}`);
        }
        if (!existsSync(path.join(dir, "quarantine"))) assert.deepEqual(await names(begun.client), now, `seed ${seed}`);
        await make(begun.client, "new"); // and goes on
        await begun.next.stop();
        rmSync(dir, { recursive: true });
    }
    assert.ok(told > 0, "the damage hit nothing");
    first.remove();
});
