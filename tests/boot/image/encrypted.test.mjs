// The encrypted data partition, from a first start with `encryption =` in courtyard.txt: a passphrase
// over the serial line, a key on a second USB stick, the recovery code, a reset that destroys the keys;
// and from an installation that is asked for it at the console.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { rmSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, test } from "node:test";
import { csv } from "../../api/lib/data.mjs";
import { Machine, missing, onDemand } from "../lib/machine.mjs";
import { ENTER, escaped, shows, typed } from "../lib/terminal.mjs";

const skip = missing() ?? onDemand;
const machines = [];
after(() => Promise.all(machines.map((machine) => machine.remove())));

const PASSPHRASE = "right horse & staple", MARK = "Plainly Readable Department";

function make(encryption) {
    const machine = Machine.make();
    machines.push(machine);
    machine.put("courtyard.txt", `language = en\nencryption = ${encryption}\n`);
    return machine;
}

// Whether the bytes lie anywhere on the disk as they are.
function onDisk(machine, text) {
    return spawnSync("grep", ["-q", "-a", "-F", text, machine.disk]).status === 0;
}

// The beginning of the data partition, where the header and the slots lie.
const header = (machine) => machine.bytesOf("data", 4 * 2 ** 20);

function cryptsetup(machine, ...more) {
    const file = path.join(machine.folder, "header");
    writeFileSync(file, header(machine));
    return spawnSync("cryptsetup", [...more, file], { input: PASSPHRASE });
}

// What opens the data, as the page is told.
async function openedBy(admin) {
    const { data } = await admin.ok("GET", "/api/v1/appliance");
    assert.equal(data.encrypted, true);
    return data.opened_by;
}

async function setUp(machine) {
    machine.code = await machine.shows(/[a-z0-9]{4}-[a-z0-9]{4}-[a-z0-9]{4}/);
    return machine.setup();
}

test("a passphrase: chosen at the first start, asked for at the next, and nothing is readable without it", { skip }, async () => {
    const machine = make("passphrase");
    await machine.start();
    await shows(machine, /Choose a passphrase/);
    await typed(machine, "é");
    await shows(machine, /Only letters, digits and signs of a US keyboard/);
    await typed(machine, "short", ENTER);
    await shows(machine, /at least 8 characters/);
    await typed(machine, ...[..."short"].map(() => "\x7f"), PASSPHRASE, ENTER, PASSPHRASE, ENTER, ENTER);
    await machine.served();
    assert.match(machine.log(), /appliance.vault task=2 .*err=ok/);
    assert.match(machine.log(), /appliance.data mounted=dm-\d+ mended=0 fresh=1/);
    await shows(machine, /https:/);
    const admin = await setUp(machine);
    assert.deepEqual(await openedBy(admin), ["passphrase"]);
    const officer = await machine.person(admin, "chen", ["data"], MARK);
    const upload = await officer.upload("病历.csv", csv(200));
    const { job } = await officer.ok("POST", "/api/v1/datasets", { name: MARK, upload }, 202);
    assert.equal((await officer.job(job.id)).rows, 200);
    await machine.powerKey();
    assert.ok(onDisk(machine, "GRUB Environment Block")); // grep finds what is there
    assert.ok(!onDisk(machine, MARK));
    assert.ok(!onDisk(machine, PASSPHRASE));
    if (spawnSync("cryptsetup", ["--version"]).status === 0) {
        assert.equal(cryptsetup(machine, "open", "--test-passphrase", "--key-file", "-").status, 0);
    }

    await machine.start();
    await shows(machine, /The data of this machine is encrypted/);
    for (let i = 0; i < 3; i++) {
        await typed(machine, "wrong horse", ENTER);
        await machine.until("the refusal", () => machine.log().split("code=appliance.wrong_key").length === i + 2);
    }
    await shows(machine, /does not open the data/);
    await typed(machine, PASSPHRASE, ENTER);
    await shows(machine, /Three wrong tries: wait \d+ seconds/);
    await new Promise((done) => setTimeout(done, 31_000));
    await typed(machine, PASSPHRASE, ENTER);
    await machine.served();
    const again = machine.anonymous();
    await again.ok("POST", "/api/v1/session", { name: officer.name, password: officer.password });
    const { items } = await again.ok("GET", "/api/v1/datasets");
    assert.ok(items.some((dataset) => dataset.name === MARK));
    assert.ok(!machine.log().includes(PASSPHRASE));
});

test("the passphrase is changed, then a reset destroys the keys", { skip }, async () => {
    const machine = machines[0], next = "another horse";
    await shows(machine, /https:/);
    await typed(machine, ENTER, "e", "1", PASSPHRASE, ENTER, next, ENTER, next, ENTER, ENTER);
    await shows(machine, /new passphrase is in force/);
    const before = header(machine);
    assert.equal(before.subarray(0, 4).toString(), "LUKS");
    await typed(machine, ENTER, "m", "8", "1", "erase", ENTER, ENTER);
    await machine.until("a new box", () => /appliance.work name=erase err=ok[^]*fresh=1[^]*server.certificate_made/.test(machine.log()));
    await machine.powerKey();
    const after_ = header(machine);
    assert.ok(!after_.includes("LUKS"));
    for (let at = 4096; at < 2 * 2 ** 20; at += 65536) {
        assert.notDeepEqual(after_.subarray(at, at + 4096), before.subarray(at, at + 4096), `at ${at}`);
    }
    await machine.start(); // and nothing is asked for any more
    await machine.served();
    assert.match(machine.log(), /mounted=vda5 mended=\d fresh=0/);
});

test("a key stick: waited for, opens by itself; the recovery code opens without it", { skip }, async () => {
    const machine = make("stick");
    const stick = path.join(machine.folder, "stick");
    execFileSync("mformat", ["-C", "-T", String(32 * 2048), "-i", stick, "-v", "KEYS", "::"]);
    const usb = ["-device", "qemu-xhci,id=xhci"];
    const plugged = [...usb, "-drive", `if=none,id=stick,format=raw,file=${stick}`, "-device", "usb-storage,bus=xhci.0,drive=stick,removable=on"];
    await machine.start({ more: usb });
    await shows(machine, /waiting for a second USB stick/);
    await machine.plug("stick", stick);
    const screen = await shows(machine, /([a-z0-9]{4}-){5}[a-z0-9]{4}/);
    const code = /([a-z0-9]{4}-){5}[a-z0-9]{4}/.exec(screen)[0];
    await typed(machine, ENTER);
    await machine.served();
    await shows(machine, /https:/);
    const admin = await setUp(machine);
    assert.deepEqual(await openedBy(admin), ["stick", "recovery"]);
    await machine.powerKey();
    const listed = execFileSync("mdir", ["-b", "-i", stick, "::"]).toString();
    const uuid = /courtyard-([0-9a-f-]{36})\.key/.exec(listed)?.[1];
    assert.ok(uuid, listed);
    assert.ok(header(machine).includes(uuid));

    await machine.start({ more: plugged }); // no key touched
    await machine.served();
    await shows(machine, /https:/); // nothing is shown a second time
    await machine.powerKey();

    await machine.start();
    await shows(machine, /Plug in the key stick, or type/);
    assert.doesNotMatch(machine.log(), /service.start|mounted=/);
    await typed(machine, code.toUpperCase().replaceAll("-", " "), ENTER);
    await machine.served();
    await shows(machine, /https:/);
    // A lost stick opens nothing once there is a passphrase in its place.
    await typed(machine, ENTER, "e", "1", code, ENTER, PASSPHRASE, ENTER, PASSPHRASE, ENTER, ENTER);
    await shows(machine, /new passphrase is in force/);
    await typed(machine, ENTER, "m", "e", "3", PASSPHRASE, ENTER, ENTER);
    await shows(machine, /No stick opens the data any more/);
    assert.deepEqual(await openedBy(admin), ["passphrase", "recovery"]);
    await machine.powerKey();
    await machine.start({ more: plugged });
    await shows(machine, /Type the passphrase or the recovery code/);
    await escaped(machine); // to the menu, and back
    await escaped(machine);
    await typed(machine, PASSPHRASE, ENTER);
    await machine.served();
});

test("an installation that is to be encrypted: the disk asks for a new passphrase, then for that", { skip }, async () => {
    const stick = make("none"), machine = make("none");
    rmSync(machine.disk);
    writeFileSync(machine.disk, "");
    truncateSync(machine.disk, 3 * 2 ** 30);
    await stick.start({ bus: "usb", more: ["-drive", `if=none,id=inner,format=raw,file=${machine.disk}`, "-device", "virtio-blk-pci,drive=inner"] });
    await stick.served();
    await shows(stick, /https:/);
    await typed(stick, ENTER, "7");
    await shows(stick, /vda\s+3\.2 GB/);
    await typed(stick, "1");
    await shows(stick, /Is the data to be encrypted/);
    await typed(stick, "2");
    await shows(stick, /With a passphrase, typed here at every start/);
    await typed(stick, "vda", ENTER, ENTER);
    await stick.until("the installation", () => /appliance.work name=install err=ok/.test(stick.log()));
    await stick.cut();
    machine.boots({});
    await machine.start();
    await shows(machine, /Choose a passphrase/);
    await typed(machine, PASSPHRASE, ENTER, PASSPHRASE, ENTER, ENTER);
    await machine.served();
    assert.match(machine.log(), /appliance.data mounted=dm-\d+ mended=0 fresh=1/);
    await shows(machine, /https:/);
    const admin = await setUp(machine);
    assert.deepEqual(await openedBy(admin), ["passphrase"]);
    await machine.person(admin, "chen", ["data"], MARK);
    await machine.powerKey();
    assert.equal(header(machine).subarray(0, 4).toString(), "LUKS");
    assert.ok(!onDisk(machine, MARK));
    await machine.start();
    await shows(machine, /The data of this machine is encrypted/);
    await typed(machine, PASSPHRASE, ENTER);
    await machine.served();
    assert.deepEqual(await openedBy(admin), ["passphrase"]);
    assert.match(machine.log(), /mounted=dm-\d+ mended=\d fresh=0/);
});
