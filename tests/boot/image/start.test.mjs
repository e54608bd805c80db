// The image starts into a served page with no key touched, however its disk is attached, and starts
// again after the plug was pulled.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Machine, missing, onDemand } from "../lib/machine.mjs";

const why = missing();
const machines = [];
after(() => Promise.all(machines.map((machine) => machine.remove())));

function make() {
    const machine = Machine.make();
    machines.push(machine);
    return machine;
}

const starts = (machine, how) => machine.startsIntoPage(`${how.uefi ? "UEFI" : "BIOS"} ${how.bus}`, how);

// All of them on demand; in between, the two that differ most.
for (const uefi of [false, true]) {
    for (const bus of ["virtio", "usb", "nvme", "ahci"]) {
        const often = uefi ? bus === "usb" : bus === "virtio";
        test(`${uefi ? "UEFI" : "BIOS"}, ${bus}: from the plug to a page`, { skip: why ?? (often ? undefined : onDemand) }, async () => {
            await starts(make(), { uefi, bus });
        });
    }
}

test("the plug is pulled, while it starts and while it serves", { skip: why }, async () => {
    const machine = make();
    await machine.start();
    await machine.until("the data partition", () => /appliance.data make=/.test(machine.log()));
    await machine.cut(); // it was being made
    await starts(machine, { bus: "virtio" });
    await machine.cut();
    await starts(machine, { bus: "virtio" });
    assert.match(machine.log(), /appliance.data mounted=\S+ mended=\d fresh=0/);
});

test("the power key ends it in order", { skip: why }, () => machines.at(-1).powerKey());
