// The machine's console over its serial line, as a person at a terminal uses it: how to reach the
// box, another language, a fixed address, installation onto a disk of the machine, the reset, and
// power off; what was installed starts by itself.
import assert from "node:assert/strict";
import { rmSync, truncateSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { Machine, missing, onDemand } from "../lib/machine.mjs";
import { DOWN, ENTER, RIGHT, shows, typed } from "../lib/terminal.mjs";

const why = missing();
const machines = [];
after(() => Promise.all(machines.map((machine) => machine.remove())));

test("a terminal on the serial line: how to reach the box, language, address, power off", { skip: why }, async () => {
    const machine = Machine.make();
    machines.push(machine);
    await machine.start();
    await machine.served();
    await shows(machine, /https:\/\/10\.0\.2\.15\//);
    await shows(machine, /[a-z0-9]{4}-[a-z0-9]{4}-[a-z0-9]{4}/); // the set-up code
    await shows(machine, /运行正常/);
    await typed(machine, "l");
    await shows(machine, /Fingerprint/);
    await machine.until("the language kept", () => /appliance.asked what=2 err=ok/.test(machine.log()));
    await typed(machine, ENTER, "1", RIGHT, DOWN, "10.0.2.300", ENTER);
    await shows(machine, /four numbers from 0 to 255/);
    await typed(machine, "\x7f", "\x7f", "\x7f", "77", ENTER, ENTER, "10.0.2.2", ENTER, ENTER);
    await shows(machine, /The network settings are saved/);
    await machine.until("the address", () => /link=\S+ how=fixed /.test(machine.log()));
    await typed(machine, ENTER, "m", "0", ENTER);
    await machine.ended;
    assert.match(machine.log(), /appliance.end/);
    await machine.start(); // all of it was kept
    await shows(machine, /https:\/\/10\.0\.2\.77\//);
    await shows(machine, /Set-up code/);
});

test("onto a disk of the machine, which then starts by itself; the reset", { skip: why ?? onDemand }, async () => {
    const machine = Machine.make(), other = Machine.make();
    machines.push(machine, other);
    rmSync(other.disk);
    writeFileSync(other.disk, "");
    truncateSync(other.disk, 3 * 2 ** 30);
    await machine.start({ bus: "usb", more: ["-drive", `if=none,id=inner,format=raw,file=${other.disk}`, "-device", "virtio-blk-pci,drive=inner"] });
    await machine.served();
    await shows(machine, /https:/);
    await typed(machine, ENTER, "7");
    await shows(machine, /vda\s+3\.2 GB/);
    await typed(machine, "1", "1", "vdb", ENTER, DOWN, ENTER); // not encrypted
    await shows(machine, /与确认词不一致/);
    await typed(machine, "\x7f", "a", ENTER, ENTER);
    await machine.until("the installation", () => /appliance.work name=install err=ok/.test(machine.log()));
    await shows(machine, /合院已安装/);
    await machine.cut();
    other.boots({});
    await other.start();
    await other.served();
    await shows(other, /https:\/\/10\.0\.2\.15\//);
    await typed(other, ENTER, "8", "1", "erase", ENTER, ENTER);
    await other.until("a new box", () => /appliance.work name=erase err=ok[^]*fresh=1[^]*server.certificate_made/.test(other.log()));
    await shows(other, /全部内容已清除/);
});
