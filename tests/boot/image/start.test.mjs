// The image starts into a served page with no key touched, however its disk is attached, and starts
// again after the plug was pulled.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Machine, missing } from "../lib/machine.mjs";

const why = missing();
const machines = [];
after(() => Promise.all(machines.map((machine) => machine.remove())));

function make() {
    const machine = Machine.make();
    machines.push(machine);
    return machine;
}

async function served(machine, how) {
    await machine.start(how);
    const ms = await machine.served();
    console.log(`${how.uefi ? "UEFI" : "BIOS"} ${how.bus}: first answer after ${ms} ms, ${machine.seconds()} s of processor`);
    const page = await machine.anonymous().call("GET", "/", undefined, { hold: false });
    assert.equal(page.status, 200);
    assert.match(page.text, /<html/);
}

// All of them on demand; in between, the two that differ most.
const all = process.env.COURTYARD_BOOT_ALL === "1";
for (const uefi of [false, true]) {
    for (const bus of ["virtio", "usb", "nvme", "ahci"]) {
        const often = uefi ? bus === "usb" : bus === "virtio";
        test(`${uefi ? "UEFI" : "BIOS"}, ${bus}: from the plug to a page`, { skip: why ?? (!often && !all ? "on demand: COURTYARD_BOOT_ALL=1" : false) }, async () => {
            await served(make(), { uefi, bus });
        });
    }
}

test("the plug is pulled, while it starts and while it serves", { skip: why }, async () => {
    const machine = make();
    await machine.start();
    await machine.until("the data partition", () => /appliance.data make=/.test(machine.log()));
    await machine.cut(); // it was being made
    await served(machine, { bus: "virtio" });
    await machine.cut();
    await served(machine, { bus: "virtio" });
    assert.match(machine.log(), /appliance.data mounted=\S+ mended=\d fresh=0/);
});

test("the power key ends it in order", { skip: why }, async () => {
    const machine = machines.at(-1);
    const { ended } = machine;
    await machine.monitor("system_powerdown");
    await machine.until("its end", () => /appliance.end/.test(machine.log()));
    assert.equal((await ended).code, 0);
});
