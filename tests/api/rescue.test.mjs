// A database that cannot be opened, on the appliance: what is told, the copies that are offered, the
// code of the screen and guesses at it, a copy in its place, and what is there afterwards.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { brokenMade, garbage, Keeper } from "./lib/rescue.mjs";
import { Server, sleep } from "./lib/server.mjs";

const at = "/api/v1/rescue";
let broken, keeper;

before(async () => {
    broken = await brokenMade();
    keeper = await Keeper.start(broken.folder);
});
after(() => keeper?.close());

const bare = (client, ...words) => client.call(...words, undefined, { hold: false });
const code = () => keeper.box.ready.code;
const restore = (client, body) => client.call("POST", at, body);

function files(folder) {
    return readdirSync(folder, { withFileTypes: true }).flatMap((one) => {
        const name = path.join(folder, one.name);
        return one.isDirectory() ? files(name) : one.isFile() ? [name] : [];
    });
}

test("everything but the rescue says what is wrong, to whoever was signed in as well", async () => {
    const client = keeper.anonymous();
    client.cookie = broken.admin.cookie;
    for (const target of ["/api/v1/state", "/api/v1/me", "/api/v1/system/backups", "/healthz", "/metrics"]) {
        const { status, json } = await bare(client, "GET", target);
        assert.deepEqual([target, status, json.error.code], [target, 503, "store.damaged"]);
    }
    assert.equal((await bare(client, "GET", "/")).status, 200);
    const told = await client.ok("GET", at);
    assert.deepEqual([told.needed, told.fault.code, told.offered, told.running, told.outcome], [true, "store.damaged", true, false, null]);
    assert.deepEqual(told.items.map((one) => one.name), broken.copies.map((one) => one.name));
    for (const [i, one] of told.items.entries()) {
        assert.deepEqual([one.made_ms, one.bytes, one.whole], [broken.copies[i].made_ms, broken.copies[i].bytes, true]);
        assert.match(one.version, /^\d+\.\d+\.\d+/);
    }
});

test("PID 1 shows the code, and goes on showing it; it is on no disk and in no log", async () => {
    assert.equal(keeper.box.ready.unfit, "store.damaged");
    assert.match(code(), /^[a-z2-9]{4}-[a-z2-9]{4}-[a-z2-9]{4}$/);
    for (let i = 0; i < 600 && keeper.box.alive === 0; i++) await sleep(100);
    assert.equal(keeper.box.setup, true);
    for (const file of files(broken.data)) assert.ok(!readFileSync(file).includes(code()), file);
    assert.ok(!keeper.box.log.includes(code()));
});

test("without the code, of another origin, or without a copy that is there, nothing happens", async () => {
    const client = keeper.anonymous(), copy = broken.copies[0].name;
    assert.equal((await restore(client, { copy })).json.error.code, "call.missing");
    assert.equal((await restore(client, { code: code() })).json.error.code, "call.missing");
    await client.fails("POST", at, { code: "aaaa-bbbb-cccc", copy }, 403, "rescue.wrong_code");
    const foreign = await client.call("POST", at, { code: code(), copy }, { headers: { origin: "https://other.example" } });
    assert.deepEqual([foreign.status, foreign.json.error.code], [403, "server.foreign_origin"]);
    await client.fails("POST", at, { code: code(), copy: "wish-20010101-000000" }, 404, "backup.no_copy");
    await client.fails("POST", at, { code: code(), copy: "../state" }, 400, "backup.bad_name");
    assert.ok(!keeper.init.asked.some((packet) => packet.do === "restore"));
    assert.ok(keeper.box.log.includes("server.rescue_refused"));
});

test("guesses are made slow, for the right code too, and then it is taken again", async () => {
    const client = keeper.anonymous(), copy = "wish-20010101-000000";
    for (let i = 0; i < 5; i++) {
        const { status } = await restore(client, { code: `aaaa-bbbb-${"cdefg"[i].repeat(4)}`, copy });
        assert.equal(status, 403);
    }
    const refused = await restore(keeper.anonymous(), { code: code(), copy });
    assert.deepEqual([refused.status, refused.json.error.code], [429, "people.locked"]);
    assert.ok(Number(refused.headers["retry-after"]) >= 1);
    let last = refused;
    for (let i = 0; i < 100 && last.status === 429; i++) {
        await sleep(250);
        last = await restore(client, { code: code().toUpperCase().replaceAll("-", ""), copy });
    }
    assert.equal(last.status, 404);
});

test("a copy that is damaged is refused by the recovery; the service is back with another code", async () => {
    const client = keeper.anonymous(), [copy] = broken.copies, old = code();
    garbage(path.join(broken.data, "backups", copy.name, "data.mdb"));
    await client.ok("POST", at, { code: old, copy: copy.name }, 204);
    const asked = keeper.init.asked.find((packet) => packet.do === "restore");
    assert.deepEqual([asked.copy, asked.confirm, asked.stick], [copy.name, "courtyard", false]);
    assert.equal((await client.ok("GET", at)).running, true);
    await client.fails("POST", at, { code: old, copy: copy.name }, 423, "appliance.busy");
    await keeper.work;
    const told = await keeper.anonymous().ok("GET", at);
    assert.deepEqual([told.needed, told.running, told.outcome.code], [true, false, "backup.copy_bad"]);
    assert.ok(told.outcome.detail, "where the copy is damaged");
    assert.notEqual(code(), old);
    await keeper.anonymous().fails("POST", at, { code: old, copy: copy.name }, 403, "rescue.wrong_code");
    assert.ok(!existsSync(path.join(broken.data, "quarantine")));
});

test("a good one takes the database's place: it is audited, sessions end, nothing more is offered", async () => {
    const client = keeper.anonymous(), copy = broken.copies[1].name;
    const bytes = readFileSync(path.join(broken.data, "state/data.mdb"));
    await client.ok("POST", at, { code: code(), copy }, 204);
    await keeper.work;
    const told = await keeper.anonymous().ok("GET", at);
    assert.deepEqual(told, { needed: false, fault: null, offered: false, running: false, outcome: null, items: [] });
    assert.deepEqual([keeper.box.ready.unfit, keeper.box.ready.code], ["", ""]);
    await keeper.anonymous().fails("POST", at, { code: "aaaa-bbbb-cccc", copy }, 409, "rescue.not_offered");
    const before = keeper.anonymous();
    before.cookie = broken.admin.cookie;
    assert.equal((await before.call("GET", "/api/v1/me")).status, 401);
    const { name, password } = broken.auditor, auditor = keeper.anonymous();
    await auditor.ok("POST", "/api/v1/session", { name, password });
    const entry = (await auditor.ok("GET", "/api/v1/audit?limit=50")).items.find((one) => one.action === "system.recover");
    assert.deepEqual([entry.actor, entry.result], ["system", "ok"]);
    assert.ok(entry.detail.startsWith(`${copy} -> quarantine/`), entry.detail);
    await auditor.ok("GET", "/api/v1/audit/verify");
    const people = (await auditor.ok("GET", "/api/v1/people?limit=200")).items.map((one) => one.name).sort();
    assert.deepEqual(people, ["admin", "auditor"]);
    const [kept] = readdirSync(path.join(broken.data, "quarantine"));
    assert.deepEqual(readFileSync(path.join(broken.data, "quarantine", kept, "state/data.mdb")), bytes);
});

test("without a copy none is offered, and no code shown", async () => {
    const other = await brokenMade({ copies: 0 });
    const alone = await Keeper.start(other.folder);
    try {
        assert.deepEqual([alone.box.ready.unfit, alone.box.ready.code], ["store.damaged", ""]);
        const told = await alone.anonymous().ok("GET", at);
        assert.deepEqual([told.needed, told.offered, told.items], [true, false, []]);
        await alone.anonymous().fails("POST", at, { code: "aaaa-bbbb-cccc", copy: "wish-20010101-000000" }, 409, "rescue.not_offered");
    } finally {
        await alone.close();
    }
});

test("a box that is no appliance and is well offers nothing", async () => {
    const server = await Server.start();
    assert.equal((await server.anonymous().ok("GET", at)).needed, false);
    await server.anonymous().fails("POST", at, { code: "aaaa-bbbb-cccc", copy: "wish-20010101-000000" }, 409, "rescue.not_offered");
    await server.stop();
    rmSync(server.dir, { recursive: true, force: true });
});
