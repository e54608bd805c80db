// Packs of driver libraries: added from the page's side and from a stick, mounted read-only at
// /opt/packs, there again after a restart; one that was spoiled on the disk meanwhile is told of
// and not mounted, and the box starts all the same.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, readSync, symlinkSync, writeFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import path from "node:path";
import { after, test } from "node:test";
import { fat, stickMade } from "../lib/fat.mjs";
import { Machine, missing, onDemand } from "../lib/machine.mjs";
import { key, program, workOf } from "../lib/updates.mjs";

const why = missing() ?? onDemand ?? (existsSync(key) ? undefined : `no ${key}`);
const STICK_BYTES = 64 * 2 ** 20;
const library = randomBytes(3 * 2 ** 20); // found again on the disk by its bytes
let machine, admin;
after(() => machine?.remove());

function packMade(name, version, { signer = key, arch = "x86_64" } = {}) {
    const folder = path.join(machine.folder, "libraries"), out = path.join(machine.folder, `${name}.pack`);
    if (!existsSync(folder)) {
        mkdirSync(path.join(folder, "lib"), { recursive: true });
        writeFileSync(path.join(folder, "lib/libdemo.so.1"), library, { mode: 0o755 });
        symlinkSync("libdemo.so.1", path.join(folder, "lib/libdemo.so"));
    }
    execFileSync("rm", ["-f", out]);
    execFileSync(program, ["appliance", "pack", folder, "--name", name, "--vendor", "Demo", "--version", version, "--arch", arch, "--key", signer, "-o", out], { stdio: "pipe" });
    return out;
}

// Where those bytes stand on the machine's disk, which is larger than a buffer may be.
function placesOf(bytes) {
    const piece = Buffer.alloc(64 * 2 ** 20), fd = openSync(machine.disk, "r"), places = [];
    for (let from = 0, size; (size = readSync(fd, piece, 0, piece.length, from)) >= bytes.length; from += size - bytes.length + 1) {
        const window = piece.subarray(0, size);
        for (let at = window.indexOf(bytes); at >= 0; at = window.indexOf(bytes, at + 1)) places.push(from + at);
    }
    closeSync(fd);
    return places;
}

const settled = () => machine.until("the packs' look", async () => {
    const { packs } = await admin.ok("GET", "/api/v1/appliance");
    return !packs.looking && packs.all;
});

// What came of adding one: the fault's code, or undefined.
async function added(body) {
    await admin.ok("POST", "/api/v1/appliance/packs", body, 204);
    const end = await machine.until("the pack's end", async () => {
        const now = await workOf(admin);
        return now.name === "pack" && !now.running && now;
    });
    return end.fault?.code;
}
const uploaded = async (file) => added({ upload: await admin.upload(path.basename(file), readFileSync(file)) });
const line = (pack) => `${pack.name} ${pack.version} ${pack.mounted ? "mounted" : pack.fault.code}`;

test("a pack that is uploaded is mounted at once", { skip: why }, async () => {
    machine = Machine.make();
    await machine.start({ again: true, more: ["-device", "qemu-xhci,id=xhci"] });
    admin = await machine.ready();
    assert.deepEqual(await settled(), []);
    assert.equal(await uploaded(packMade("demo", "1.0")), undefined);
    const [pack] = await settled();
    assert.equal(line(pack), "demo 1.0 mounted", JSON.stringify(pack));
    assert.match(machine.log(), /squashfs|appliance.pack file=demo-1.0.pack mounted=1/);
});

test("one of another signer or machine is refused and does not lie there", { skip: why }, async () => {
    const stranger = path.join(machine.folder, "stranger.pem");
    execFileSync(program, ["appliance", "key", "-o", stranger], { stdio: "pipe" });
    assert.equal(await uploaded(packMade("other", "1.0", { signer: stranger })), "appliance.pack_other_signer");
    assert.equal(await uploaded(packMade("other", "1.0", { arch: "aarch64" })), "appliance.pack_other_architecture");
    assert.deepEqual((await settled()).map(line), ["demo 1.0 mounted"]);
});

test("one on a stick is found and added; the newer takes the place of the older", { skip: why }, async () => {
    const stick = stickMade(path.join(machine.folder, "stick"), STICK_BYTES);
    fat("mcopy", "-i", stick, packMade("demo", "2.0"), "::demo.pack");
    await machine.plug("stick", stick);
    const found = await machine.until("the pack on the stick", async () => {
        const { sticks, looking } = await admin.ok("GET", "/api/v1/appliance/sticks");
        return !looking && sticks[0]?.packs[0] && sticks[0];
    });
    assert.deepEqual([found.packs[0].file, found.packs[0].name, found.packs[0].version, found.packs[0].fault], ["demo.pack", "demo", "2.0", undefined]);
    assert.equal(await added({ disk: found.disk, name: "demo.pack" }), undefined);
    assert.deepEqual((await settled()).map(line), ["demo 2.0 mounted"]);
    assert.match(machine.log(), /appliance.pack file=demo-1.0.pack removed=1/);
    await machine.unplug("stick");
});

test("after the plug was pulled it is there again; beside it, a second one", { skip: why }, async () => {
    await machine.cut();
    await machine.start({ again: true });
    await machine.served();
    assert.deepEqual((await settled()).map(line), ["demo 2.0 mounted"]);
    library.reverse();
    execFileSync("rm", ["-r", path.join(machine.folder, "libraries")]);
    assert.equal(await uploaded(packMade("second", "1")), undefined);
    assert.deepEqual((await settled()).map(line), ["second 1 mounted", "demo 2.0 mounted"]);
});

test("one that was spoiled on the disk is told of, and all else goes on", { skip: why }, async () => {
    await admin.ok("POST", "/api/v1/appliance/power-off", undefined, 204);
    await machine.ended;
    // A byte of the second one's library, found by what stands before it. The upload is another
    // copy of it: every place on the disk is spoiled.
    const places = placesOf(library.subarray(4096, 4096 + 64));
    assert.ok(places.length >= 1);
    for (const at of places) machine.write(at, Buffer.alloc(64, 0xa5));
    await machine.start({ again: true });
    await machine.served();
    assert.deepEqual((await settled()).map(line), ["second 1 appliance.pack_damaged", "demo 2.0 mounted"]);
    await machine.shows(/second 1: 未挂载/); // on the screen too
    await machine.shows(/驱动库包.{1,3}second-1\.pack.{1,3}已损坏/);
    await machine.shows(/demo 2\.0: 已挂载/);
});

test("what is removed is gone, also after a restart", { skip: why }, async () => {
    await admin.ok("POST", "/api/v1/appliance/packs/remove", { file: "second-1.pack" }, 204);
    await admin.ok("POST", "/api/v1/appliance/packs/remove", { file: "demo-2.0.pack" }, 204);
    await admin.fails("POST", "/api/v1/appliance/packs/remove", { file: "demo-2.0.pack" }, 400, "appliance.no_such_pack");
    assert.deepEqual(await settled(), []);
    // Nothing holds the data disk any more: it is let go of in order.
    await admin.ok("POST", "/api/v1/appliance/power-off", undefined, 204);
    await machine.ended;
    await machine.start({ again: true });
    await machine.served();
    assert.deepEqual(await settled(), []);
    assert.doesNotMatch(machine.log(), /mended=1|recovering journal/);
});
