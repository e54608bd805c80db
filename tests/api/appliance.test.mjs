// The appliance in the API: what PID 1 is told and asked, what becomes of its answers, its silence
// and its end; who may ask; what the audit chain keeps.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { applianceOpen, Init } from "./lib/appliance.mjs";
import { binary, Client, Server, sleep } from "./lib/server.mjs";

const init = new Init();
const at = "/api/v1/appliance";
let box, admin, auditor;

before(async () => {
    box = await applianceOpen(binary, init, { COURTYARD_APPLIANCE_WAIT_MS: "2500" });
    Object.assign(box, { anonymous: () => new Client(box) });
    admin = await Server.prototype.setup.call(box);
    auditor = await Server.prototype.person.call(box, admin, "auditor", ["audit"]);
});
after(async () => box?.close());

const lastAsked = () => {
    const { id, ...rest } = init.asked.at(-1);
    assert.ok(Number.isInteger(id) && id > 0);
    return rest;
};
const lastNote = async () => {
    const { items } = await auditor.ok("GET", "/api/v1/audit?size=20");
    const { actor, object, action, result, detail } = items.find((one) => one.action.startsWith("appliance."));
    assert.deepEqual([actor, object], ["admin", "appliance"]);
    return [action, result, detail];
};

test("PID 1 hears that the service answers, with its fingerprint and the code, and that it lives", async () => {
    assert.match(box.ready.fingerprint, /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
    assert.match(box.ready.code, /^\S{8,}$/);
    for (let i = 0; i < 600 && box.alive === 0; i++) await sleep(100);
    assert.ok(box.alive > 0);
    assert.equal((await box.anonymous().ok("GET", "/api/v1/state")).appliance, true);
});

test("the state is PID 1's", async () => {
    const state = await admin.ok("GET", at);
    assert.deepEqual(lastAsked(), { do: "status" });
    assert.equal(state.present, true);
    assert.deepEqual(state.data, init.state.data);
    Object.assign(init.state.data, { encrypted: true, opened_by: ["passphrase", "stick", "recovery", "foreign"] });
    assert.deepEqual((await admin.ok("GET", at)).data, init.state.data);
    Object.assign(init.state.data, { encrypted: false, opened_by: [] });
    assert.deepEqual(state.slots, init.state.slots);
    init.events = [{ at: 1764000000000, event: "update", from: "0.0.9", to: "0.1.0", slot: "a", result: "ok" }];
    assert.deepEqual(await admin.ok("GET", `${at}/history`), { events: init.events });
});

test("settings that are given are changed, and noted by name alone", async () => {
    await admin.ok("PATCH", `${at}/settings`, { hostname: " ward-3 ", address: "192.168.1.10/24", gateway: "" }, 204);
    assert.deepEqual(lastAsked(), { do: "settings", hostname: "ward-3", address: "192.168.1.10/24", gateway: "" });
    assert.deepEqual(await lastNote(), ["appliance.settings", "ok", "hostname address gateway"]);
    assert.equal((await admin.ok("GET", at)).settings.hostname, "ward-3");
    const asked = init.asked.length;
    await admin.fails("PATCH", `${at}/settings`, {}, 400, "call.missing");
    await admin.fails("PATCH", `${at}/settings`, { hostname: 3 }, 400, "call.not_text");
    assert.equal(init.asked.length, asked);
});

test("what PID 1 refuses comes back with its code and detail, and stands in the chain as failed", async () => {
    const { json } = await admin.fails("PATCH", `${at}/settings`, { address: '10.0.0.1" ,"x' }, 400, "appliance.settings");
    assert.deepEqual(json.error, { code: "appliance.settings", row: 1, detail: "address" });
    assert.equal(lastAsked().address, '10.0.0.1" ,"x');
    assert.deepEqual(await lastNote(), ["appliance.settings", "failed", "appliance.settings"]);
});

test("the clock is set by milliseconds; how far it moved is noted", async () => {
    const ms = Date.now() + 3600_000;
    await admin.ok("POST", `${at}/time`, { ms }, 204);
    assert.deepEqual(lastAsked(), { do: "time", ms });
    const [action, result, detail] = await lastNote();
    assert.deepEqual([action, result], ["appliance.time", "ok"]);
    assert.match(detail, /^\+3[56]\d\d s$/);
    await admin.fails("POST", `${at}/time`, { ms: 12 }, 400, "appliance.bad_time");
    await admin.fails("POST", `${at}/time`, { ms: "now" }, 400, "call.missing");
});

for (const [name, action] of [["restart", "restart"], ["power-off", "power_off"], ["cancel", "cancel"]]) {
    test(`${name} is asked for and noted`, async () => {
        await admin.ok("POST", `${at}/${name}`, {}, 204);
        assert.deepEqual(lastAsked(), { do: name });
        assert.deepEqual(await lastNote(), [`appliance.${action}`, "ok", ""]);
    });
}

// A slot as PID 1 wants it: a FAT file system whose version.txt says what it is.
function updateMade(version) {
    const image = path.join(box.folder, "slot.img"), key = path.join(box.folder, "key"), out = path.join(box.folder, `${version}.update`);
    const text = path.join(box.folder, "version.txt");
    writeFileSync(text, `${version} x86_64\n`);
    execFileSync("mformat", ["-C", "-i", image, "-T", "8192", "-h", "2", "-s", "32", "::"]);
    execFileSync("mcopy", ["-i", image, text, "::version.txt"]);
    const run = (...words) => execFileSync(binary, ["appliance", ...words], { stdio: "pipe" });
    run("key", "-o", key);
    run("bundle", image, "--version", version, "--arch", "x86_64", "--key", key, "-o", out);
    execFileSync("rm", [key, `${key}.pub`, image]);
    return readFileSync(out);
}

test("an update is looked at, then handed to PID 1 as a file; its progress is seen", async (t) => {
    let bytes;
    try {
        bytes = updateMade("0.0.7");
    } catch (error) {
        if (error.code !== "ENOENT") throw error;
        return t.skip("mtools are needed to make one");
    }
    const upload = await admin.upload("courtyard-0.0.7-x86_64.update", bytes);
    const about = await admin.ok("POST", `${at}/update/look`, { upload });
    assert.deepEqual([about.version, about.architecture, about.older], ["0.0.7", "x86_64", true]);
    await admin.ok("POST", `${at}/update`, { upload, downgrade: true }, 204);
    const asked = lastAsked();
    assert.deepEqual([asked.do, asked.downgrade], ["update", true]);
    assert.ok(path.isAbsolute(asked.path));
    assert.deepEqual(readFileSync(asked.path), bytes);
    assert.deepEqual(await lastNote(), ["appliance.update", "ok", "downgrade"]);
    await admin.fails("POST", `${at}/update`, { upload }, 423, "appliance.busy");
    init.state.work = { name: "update", running: false, phase: "write", done: 5, total: 9, fault: { code: "appliance.update_signature", detail: "" } };
    assert.deepEqual((await admin.ok("GET", at)).work, init.state.work);

    bytes[bytes.length - 2000] ^= 1; // within the image's last bytes, or the end of the archive
    const broken = await admin.upload("broken.update", bytes);
    const { json } = await admin.fails("POST", `${at}/update/look`, { upload: broken }, 400, "appliance.update_damaged");
    assert.equal(json.error.detail, "broken.update");
});

const STICK = {
    disk: "sdb", model: "DataTraveler", kind: "vfat", bytes: 32e9, free_bytes: 16e9, backup_count: 1,
    backups: [{ name: "courtyard-20261126-010203-0.1.0.tar", at: 1795654923000, bytes: 4096, version: "0.1.0" }],
    updates: [{ name: "a.update", version: "0.2.0", architecture: "x86_64", build: "b", from: "0.0.0", signer: "0123 4567 89ab cdef", bytes: 9, older: false }],
    packs: [{ file: "demo.pack", name: "demo", vendor: "Demo", version: "1.0", architecture: "x86_64", files: 2, bytes: 9, signer: "0123 4567 89ab cdef" }],
};

test("sticks are told with what lies on them, and the backups beside the data", async () => {
    assert.deepEqual(await admin.ok("GET", `${at}/sticks`), { looking: false, sticks: [], kept: [] });
    assert.deepEqual(lastAsked(), { do: "sticks" });
    init.sticks = { looking: true, sticks: [STICK], kept: STICK.backups };
    assert.deepEqual(await admin.ok("GET", `${at}/sticks`), init.sticks);
});

test("a backup goes onto the stick that is named, and is noted", async () => {
    init.state.work = undefined;
    await admin.ok("POST", `${at}/backup`, { disk: "sdb" }, 204);
    assert.deepEqual(lastAsked(), { do: "backup", stick: true, disk: "sdb" });
    assert.deepEqual(await lastNote(), ["appliance.backup", "ok", "sdb"]);
    await admin.fails("POST", `${at}/backup`, { disk: "sdb" }, 423, "appliance.busy");
    assert.deepEqual(await lastNote(), ["appliance.backup", "failed", "appliance.busy"]);
    await admin.fails("POST", `${at}/backup`, {}, 400, "call.missing");
    init.state.work = undefined;
});

test("a backup is restored only with the box's name, and noted before the service goes", async () => {
    const name = STICK.backups[0].name;
    const { json } = await admin.fails("POST", `${at}/restore`, { disk: "sdb", name, confirm: "box" }, 400, "appliance.wrong_confirm");
    assert.equal(json.error.detail, init.state.settings.hostname);
    assert.deepEqual(await lastNote(), ["appliance.restore", "failed", "appliance.wrong_confirm"]);
    const confirm = init.state.settings.hostname;
    await admin.ok("POST", `${at}/restore`, { disk: "sdb", name, confirm }, 204);
    assert.deepEqual(lastAsked(), { do: "restore", stick: true, name, confirm, disk: "sdb" });
    assert.deepEqual(await lastNote(), ["appliance.restore", "begun", name]);
    init.state.work = undefined;
    await admin.ok("POST", `${at}/restore`, { name, confirm }, 204);
    assert.deepEqual(lastAsked(), { do: "restore", stick: false, name, confirm });
    init.state.work = undefined;
    await admin.ok("POST", `${at}/restore`, { copy: "nightly-20261126", confirm }, 204);
    assert.deepEqual(lastAsked(), { do: "restore", stick: false, copy: "nightly-20261126", confirm });
    assert.deepEqual(await lastNote(), ["appliance.restore", "begun", "nightly-20261126"]);
    const asked = init.asked.length;
    await admin.fails("POST", `${at}/restore`, { disk: "sdb", name }, 400, "call.missing");
    await admin.fails("POST", `${at}/restore`, { confirm }, 400, "call.missing");
    assert.equal(init.asked.length, asked);
    init.state.work = undefined;
});

test("an update on a stick is named by its file; an older one only when that is said", async () => {
    await admin.ok("POST", `${at}/update`, { disk: "sdb", name: "a.update" }, 204);
    assert.deepEqual(lastAsked(), { do: "update", stick: true, downgrade: false, disk: "sdb", name: "a.update" });
    assert.deepEqual(await lastNote(), ["appliance.update", "ok", "stick"]);
    init.state.work = undefined;
    await admin.ok("POST", `${at}/update`, { disk: "sdb", name: "a.update", downgrade: true }, 204);
    assert.equal(lastAsked().downgrade, true);
    assert.deepEqual(await lastNote(), ["appliance.update", "ok", "stick downgrade"]);
    await admin.fails("POST", `${at}/update`, { disk: "sdb" }, 400, "call.missing");
    init.state.work = undefined;
});

test("a reset wants the box's name and one's own password, in person", async () => {
    const confirm = init.state.settings.hostname, asked = init.asked.length;
    await admin.fails("POST", `${at}/reset`, { confirm }, 400, "call.missing");
    await admin.fails("POST", `${at}/reset`, { confirm, password: "not the password" }, 403, "people.wrong_password");
    const { items } = await auditor.ok("GET", "/api/v1/audit?size=20");
    assert.equal(items.find((one) => one.action === "appliance.reset").result, "denied");
    const { secret } = await admin.ok("POST", "/api/v1/me/tokens", { name: "script" }, 201);
    const script = box.anonymous();
    script.token = secret;
    await script.fails("POST", `${at}/reset`, { confirm, password: admin.password }, 403, "people.session_needed");
    assert.equal(init.asked.length, asked);
    await admin.fails("POST", `${at}/reset`, { confirm: "box", password: admin.password }, 400, "appliance.wrong_confirm");
    await admin.ok("POST", `${at}/reset`, { confirm, password: admin.password }, 204);
    assert.deepEqual(lastAsked(), { do: "reset", confirm }); // the password stays here
    assert.deepEqual(await lastNote(), ["appliance.reset", "begun", ""]);
    init.state.work = undefined;
});

// A pack of a folder with a library and a link to it, and the public key's name.
function packMade(version) {
    const folder = path.join(box.folder, "libraries"), key = path.join(box.folder, "pack-key"), out = path.join(box.folder, `demo-${version}.pack`);
    mkdirSync(path.join(folder, "lib"), { recursive: true });
    writeFileSync(path.join(folder, "lib/libdemo.so.1"), "library".repeat(1000));
    rmSync(path.join(folder, "lib/libdemo.so"), { force: true });
    symlinkSync("libdemo.so.1", path.join(folder, "lib/libdemo.so"));
    const run = (...words) => execFileSync(binary, ["appliance", ...words], { stdio: "pipe", encoding: "utf8" });
    run("key", "-o", key);
    run("pack", folder, "--name", "demo", "--vendor", "Demo", "--version", version, "--arch", "aarch64", "--key", key, "-o", out);
    const about = JSON.parse(run("show", out, "--key", `${key}.pub`, "--json"));
    rmSync(key);
    return { bytes: readFileSync(out), about };
}

test("a pack is looked at, then handed to PID 1 as a file; what it says of packs is told; one is removed", async () => {
    const { bytes, about } = packMade("1.0");
    assert.deepEqual(about.files.map((file) => [file.path, file.link]), [["lib/libdemo.so", "libdemo.so.1"], ["lib/libdemo.so.1", undefined]]);
    const upload = await admin.upload("demo-1.0.pack", bytes);
    const seen = await admin.ok("POST", `${at}/packs/look`, { upload });
    assert.deepEqual(seen, { name: "demo", vendor: "Demo", version: "1.0", architecture: "aarch64", files: 2, bytes: 7000, signer: about.signer });
    await admin.ok("POST", `${at}/packs`, { upload }, 204);
    const asked = lastAsked();
    assert.equal(asked.do, "pack");
    assert.ok(path.isAbsolute(asked.path));
    assert.deepEqual(readFileSync(asked.path), bytes);
    assert.deepEqual(await lastNote(), ["appliance.pack", "ok", ""]);
    await admin.fails("POST", `${at}/packs`, { upload }, 423, "appliance.busy");
    init.state.work = undefined;
    await admin.ok("POST", `${at}/packs`, { disk: "sdb", name: "demo.pack" }, 204);
    assert.deepEqual(lastAsked(), { do: "pack", stick: true, downgrade: false, disk: "sdb", name: "demo.pack" });
    assert.deepEqual(await lastNote(), ["appliance.pack", "ok", "stick"]);
    init.state.work = undefined;

    const one = { file: "demo-1.0.pack", name: "demo", vendor: "Demo", version: "1.0", architecture: "x86_64", files: 2, bytes: 20480, mounted: false, fault: { code: "appliance.pack_damaged", detail: "demo-1.0.pack" } };
    init.state.packs.all = [one, { ...one, file: "other-1.pack", name: "other", mounted: true, fault: undefined }];
    assert.deepEqual((await admin.ok("GET", at)).packs.all[0], one);
    await admin.fails("POST", `${at}/packs/remove`, { file: "none-1.pack" }, 400, "appliance.no_such_pack");
    assert.deepEqual(await lastNote(), ["appliance.pack_remove", "failed", "appliance.no_such_pack"]);
    await admin.fails("POST", `${at}/packs/remove`, {}, 400, "call.missing");
    await admin.ok("POST", `${at}/packs/remove`, { file: "demo-1.0.pack" }, 204);
    assert.deepEqual(lastAsked(), { do: "pack-remove", file: "demo-1.0.pack" });
    assert.deepEqual(await lastNote(), ["appliance.pack_remove", "ok", "demo-1.0.pack"]);
    assert.deepEqual((await admin.ok("GET", at)).packs.all.map(({ file }) => file), ["other-1.pack"]);

    bytes[bytes.length >> 1] ^= 1;
    const broken = await admin.upload("broken.pack", bytes);
    const { json } = await admin.fails("POST", `${at}/packs/look`, { upload: broken }, 400, "appliance.pack_damaged");
    assert.equal(json.error.detail, "broken.pack");
    // Neither is taken for the other.
    await admin.fails("POST", `${at}/update/look`, { upload }, 400, "appliance.update_unknown");
});

test("only a whole upload of one's own is an update", async () => {
    const asked = init.asked.length;
    for (const path of [`${at}/update`, `${at}/update/look`, `${at}/packs`, `${at}/packs/look`]) {
        await admin.fails("POST", path, { upload: 4000000 }, 404, "upload.not_found");
        await admin.fails("POST", path, {}, 400, "call.missing");
        const half = await admin.ok("POST", "/api/v1/uploads", { name: "half.update", size: 100 }, 201);
        await admin.fails("POST", path, { upload: half.id }, 409, "upload.incomplete");
        const text = await admin.upload("notes.txt", Buffer.from("no update at all"));
        const code = path.includes("packs") ? "appliance.no_pack" : "appliance.no_update";
        if (path.endsWith("look")) await admin.fails("POST", path, { upload: text }, 400, code);
    }
    assert.equal(init.asked.length, asked);
});

test("it is for system officers alone", async () => {
    for (const path of [at, `${at}/history`, `${at}/sticks`]) {
        await box.anonymous().fails("GET", path, undefined, 401, "server.not_signed_in");
        await auditor.fails("GET", path, undefined, 403, "server.role_needed");
    }
    for (const path of ["time", "restart", "power-off", "cancel", "backup", "restore", "reset", "update", "update/look", "packs", "packs/look", "packs/remove"]) {
        await box.anonymous().fails("POST", `${at}/${path}`, {}, 401, "server.not_signed_in");
        await auditor.fails("POST", `${at}/${path}`, {}, 403, "server.role_needed");
    }
    await auditor.fails("PATCH", `${at}/settings`, { hostname: "mine" }, 403, "server.role_needed");
});

test("a PID 1 that is silent, answers late or answers nonsense does not hold the service up", async () => {
    init.silent = true;
    await admin.fails("GET", at, undefined, 423, "server.appliance_silent");
    await admin.fails("POST", `${at}/restart`, {}, 423, "server.appliance_silent");
    assert.deepEqual(await lastNote(), ["appliance.restart", "failed", "server.appliance_silent"]);
    for (const late of init.asked.slice(-2)) box.say({ id: late.id, answer: { version: "stale" } });
    box.say({ id: 1e9, answer: {} });
    box.child.stdin.write("{ no JSON\n");
    init.silent = false;
    assert.equal((await admin.ok("GET", at)).version, "0.1.0");
    init.deeds.status = () => ({ answer: [] });
    await admin.fails("GET", at, undefined, 423, "server.appliance_silent");
    init.deeds.status = () => ({ nothing: 1 });
    await admin.fails("GET", at, undefined, 423, "server.appliance_silent");
});

test("questions at the same time are asked one after another", async () => {
    init.deeds.status = () => ({ answer: { version: String(init.asked.length) } });
    const versions = await Promise.all(Array.from({ length: 8 }, async () => (await admin.ok("GET", at)).version));
    assert.equal(new Set(versions).size, 8);
});

test("when PID 1 is gone, the service goes on and says so; it ends when it is told to", async () => {
    box.gone();
    for (let i = 0; i < 100; i++) {
        const answer = await admin.call("GET", at);
        if (answer.status === 423) break;
        await sleep(50);
    }
    await admin.fails("GET", at, undefined, 423, "server.appliance_silent");
    await admin.ok("GET", "/api/v1/system");
    assert.equal(await box.close(), 0);
    box = null;
});

test("a box that is no appliance says so", async () => {
    const server = await Server.start();
    const person = await server.setup();
    assert.deepEqual(await person.ok("GET", at), { present: false });
    assert.equal((await person.ok("GET", "/api/v1/state")).appliance, false);
    for (const path of ["history", "sticks"]) await person.fails("GET", `${at}/${path}`, undefined, 404, "server.no_appliance");
    for (const path of ["time", "restart", "power-off", "cancel", "backup", "restore", "reset", "update", "update/look", "packs", "packs/look", "packs/remove"]) {
        await person.fails("POST", `${at}/${path}`, {}, 404, "server.no_appliance");
    }
    await person.fails("PATCH", `${at}/settings`, {}, 404, "server.no_appliance");
    await server.stop();
});

test("who asks for the restart hears of it, although the service is told to end with the answer", async () => {
    for (let i = 0; i < 5; i++) {
        const other = new Init(), ends = await applianceOpen(binary, other);
        Object.assign(ends, { anonymous: () => new Client(ends) });
        const person = await Server.prototype.setup.call(ends);
        other.ends = "restart";
        await person.ok("POST", `${at}/restart`, undefined, 204);
        assert.equal(await ends.ended, 0);
        await ends.close();
    }
});
