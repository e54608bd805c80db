// The image for aarch64, whenever there is one: it starts by UEFI into a served page, again after the
// plug was pulled, takes updates of its own architecture alone, and ends by the power key.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { after, test } from "node:test";
import { imageOf, Machine, missing } from "../lib/machine.mjs";
import { key, updateMade, updateRefused, workOf } from "../lib/updates.mjs";

const why = missing("aarch64"), update = imageOf("aarch64").replace(/\.img$/, ".update");
const lacking = [update, key].find((file) => !existsSync(file));
let machine, admin;
after(() => machine?.remove());

async function served() {
    await machine.start({ again: true });
    const ms = await machine.served();
    console.log(`aarch64 virtio: first answer after ${ms} ms, ${machine.seconds()} s of processor`);
    const page = await machine.anonymous().call("GET", "/", undefined, { hold: false });
    assert.equal(page.status, 200);
    assert.match(page.text, /<html/);
}

test("from the plug to a page, and again after the plug was pulled", { skip: why }, async () => {
    machine = Machine.make({ arch: "aarch64" });
    await served();
    assert.match(machine.log(), /appliance.slots running=a code=(\s|$)/);
    assert.match(machine.log(), /appliance.data mounted=\S+ mended=\d fresh=1/);
    assert.match(machine.log(), /console.frame width=\d+/);
    await machine.until("the console on the serial port", () => /https:\/\//.test(machine.screen));
    await machine.cut();
    await served();
    assert.match(machine.log(), /appliance.data mounted=\S+ mended=\d fresh=0/);
});

test("an update of another architecture is refused and nothing written, its own is tried and kept", { skip: why ?? (lacking && `no ${lacking}`) }, async () => {
    admin = await machine.ready();
    const before = machine.hash("slot-b");
    assert.equal(await updateRefused(machine, admin, updateMade(machine.folder, "other.update")), "appliance.update_other_architecture");
    assert.equal(machine.booted().trial, "0");
    assert.equal(machine.hash("slot-b"), before);
    const upload = await admin.upload("courtyard.update", readFileSync(update));
    await admin.ok("POST", "/api/v1/appliance/update", { upload }, 204);
    await machine.until("the slot to be written", async () => {
        const work = await workOf(admin);
        assert.equal(work.fault, undefined, JSON.stringify(work));
        return !work.running;
    });
    assert.equal(machine.booted().trial, "1");
    await admin.ok("POST", "/api/v1/appliance/restart", undefined, 204);
    await machine.until("the other slot", () => /appliance.slots running=b/.test(machine.log()));
    await machine.served();
    await machine.until("its confirmation", () => machine.booted().slot === "b");
});

test("the power key ends it in order", { skip: why }, async () => {
    const { ended } = machine;
    await machine.monitor("system_powerdown");
    await machine.until("its end", () => /appliance.end/.test(machine.log()));
    assert.equal((await ended).code, 0);
});
