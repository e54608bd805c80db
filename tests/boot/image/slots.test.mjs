// Two slots: a trial that is good stays, one that is not gives way by itself.
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { Machine, missing, onDemand } from "../lib/machine.mjs";

// On demand: each starts the machine twice.
const why = missing() ?? onDemand;
let machine;
beforeEach(() => {
    if (!why) machine = Machine.make();
});
afterEach(() => machine?.remove());

// Where a file of slot B lies: its first bytes are looked for in the partition.
function spoil(name) {
    const { offset } = machine.partitions()["slot-b"];
    machine.spoilFile(offset, name);
}

test("a good trial stays", { skip: why }, async () => {
    machine.boots({ trial: 1 });
    await machine.start({ again: true });
    await machine.served();
    assert.match(machine.log(), /appliance.slots running=b/);
    assert.equal(machine.booted().trial, "0");
    await machine.until("its confirmation", () => machine.booted().slot === "b");
});

test("a broken initramfs gives way", { skip: why }, async () => {
    spoil("INITRD");
    machine.boots({ trial: 1 });
    await machine.start({ again: true });
    await machine.served();
    assert.match(machine.log(), /appliance.slots running=a/);
    assert.equal(machine.booted().slot, "a");
});

test("a broken kernel gives way", { skip: why }, async () => {
    spoil("VMLINUZ");
    machine.boots({ trial: 1 });
    await machine.start({ again: true });
    await machine.served();
    assert.match(machine.log(), /appliance.slots running=a/);
    assert.equal(machine.booted().slot, "a");
});
