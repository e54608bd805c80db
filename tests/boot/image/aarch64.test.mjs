// The image for aarch64, whenever there is one: it starts by UEFI into a served page, again after the
// plug was pulled, takes updates of its own architecture alone, and ends by the power key.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { after, test } from "node:test";
import { imageOf, Machine, missing } from "../lib/machine.mjs";
import { key, updateKept, updateMade, updateRefused, updateTried } from "../lib/updates.mjs";

const why = missing("aarch64"), update = imageOf("aarch64").replace(/\.img$/, ".update");
const lacking = [update, key].find((file) => !existsSync(file));
let machine, admin;
after(() => machine?.remove());

const starts = () => machine.startsIntoPage("aarch64 virtio", { again: true });

test("from the plug to a page, and again after the plug was pulled", { skip: why }, async () => {
    machine = Machine.make({ arch: "aarch64" });
    await starts();
    assert.match(machine.log(), /appliance.slots running=a code=(\s|$)/);
    assert.match(machine.log(), /appliance.data mounted=\S+ mended=\d fresh=1/);
    assert.match(machine.log(), /console.frame width=\d+/);
    await machine.until("the console on the serial port", () => /https:\/\//.test(machine.screen));
    await machine.cut();
    await starts();
    assert.match(machine.log(), /appliance.data mounted=\S+ mended=\d fresh=0/);
});

test("an update of another architecture is refused and nothing written, its own is tried and kept", { skip: why ?? (lacking && `no ${lacking}`) }, async () => {
    admin = await machine.ready();
    const before = machine.hash("slot-b");
    assert.equal(await updateRefused(machine, admin, updateMade(machine.folder, "other.update")), "appliance.update_other_architecture");
    assert.equal(machine.booted().trial, "0");
    assert.equal(machine.hash("slot-b"), before);
    await updateTried(machine, admin, readFileSync(update));
    await updateKept(machine);
});

test("the power key ends it in order", { skip: why }, () => machine.powerKey());
