// The appliance's image in QEMU's software emulation: started, watched, cut from power, looked at.
// Slow by nature: a start takes ten seconds on a free machine and a minute on a busy one.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, copyFileSync, existsSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, statSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after } from "node:test";
import { Client, Server, root, sleep } from "../../api/lib/server.mjs";
import { fat } from "./fat.mjs";
import { shows } from "./terminal.mjs";

const version = /COURTYARD_VERSION "(.*)"/.exec(readFileSync(path.join(root, "app/base/version.h"), "utf8"))[1];
export const imageOf = (arch) => path.join(root, `build/image/${arch}/courtyard-${version}-${arch}.img`);
export const image = imageOf("x86_64");
const platforms = {
    x86_64: {
        image, program: "qemu-system-x86_64", machine: ["-machine", "q35", "-vga", "std"], logDevice: "ttyS1",
        firmware: "/usr/share/OVMF/OVMF_CODE_4M.fd", variables: "/usr/share/OVMF/OVMF_VARS_4M.fd", from: "ovmf",
    },
    // The machine has one port of its own; the log goes to a card.
    aarch64: {
        image: imageOf("aarch64"), program: "qemu-system-aarch64", machine: ["-machine", "virt,gic-version=3", "-device", "virtio-gpu-pci"], logDevice: "ttyS0",
        firmware: "/usr/share/AAVMF/AAVMF_CODE.fd", variables: "/usr/share/AAVMF/AAVMF_VARS.fd", from: "qemu-efi-aarch64",
    },
};
const ESP_OFFSET = 4096 * 512;
export const LIMIT_MS = Number(process.env.COURTYARD_BOOT_SECONDS ?? 240) * 1000;

// Why the tests that take long are left out; undefined if they are asked for.
export const onDemand = process.env.COURTYARD_BOOT_ALL === "1" ? undefined : "on demand: COURTYARD_BOOT_ALL=1";

// Why the tests of the image cannot run here; undefined if they can.
export function missing(arch = "x86_64") {
    const platform = platforms[arch];
    for (const program of [platform.program, "mcopy"]) {
        try {
            execFileSync("sh", ["-c", `command -v ${program}`]);
        } catch {
            return `no ${program}`;
        }
    }
    if (!existsSync(platform.firmware)) return `no UEFI firmware (package ${platform.from})`;
    if (!existsSync(platform.image)) return `no ${path.relative(root, platform.image)}: ./build.sh image ${arch}`;
    return undefined;
}

const disks = {
    virtio: ["virtio-net-pci", ["-device", "virtio-blk-pci,drive=disk,bootindex=1"]],
    nvme: ["e1000e", ["-device", "nvme,drive=disk,serial=1,bootindex=1"]],
    ahci: ["e1000e", ["-device", "ide-hd,drive=disk,bootindex=1"]],
    usb: ["e1000e", ["-device", "qemu-xhci,id=usb", "-device", "usb-storage,bus=usb.0,drive=disk,bootindex=1,removable=on"]],
};

function freePort() {
    return new Promise((done, fail) => {
        const server = net.createServer().on("error", fail);
        server.listen(0, "127.0.0.1", () => {
            const { port } = server.address();
            server.close(() => done(port));
        });
    });
}

const running = new Set();
after(() => running.forEach((child) => child.kill("SIGKILL")));

// GRUB's environment block, as the image's grub.cfg reads it.
export function environment(values) {
    const text = "# GRUB Environment Block\n" + Object.entries(values).map(([key, value]) => `${key}=${value}\n`).join("");
    return Buffer.from(text.padEnd(1024, "#"));
}

export class Machine {
    // A disk of its own from the image, of `gib`, whose log goes to a second serial port.
    static make({ gib = 2, arch = "x86_64", from = platforms[arch].image } = {}) {
        const machine = new Machine();
        machine.platform = platforms[arch];
        machine.patience_ms = LIMIT_MS; // a sign-in takes a minute of a busy machine's emulation
        machine.folder = mkdtempSync(path.join(tmpdir(), "courtyard-boot-"));
        machine.disk = path.join(machine.folder, "disk");
        copyFileSync(from, machine.disk);
        truncateSync(machine.disk, Math.max(gib * 2 ** 30, statSync(machine.disk).size));
        machine.boots({});
        return machine;
    }
    // A file on the boot partition, as a person with the stick in another machine writes it.
    put(name, content) {
        const file = path.join(this.folder, "put");
        writeFileSync(file, content);
        fat("mcopy", "-o", "-i", `${this.disk}@@${ESP_OFFSET}`, file, `::${name}`);
    }
    get(name) {
        return fat("mtype", "-i", `${this.disk}@@${ESP_OFFSET}`, `::${name}`);
    }
    // Of each partition by its name: {offset, size} in bytes.
    partitions() {
        const table = JSON.parse(execFileSync("/sbin/sfdisk", ["-J", this.disk], { stdio: ["ignore", "pipe", "ignore"] }));
        return Object.fromEntries(table.partitiontable.partitions.map((p) => [p.name, { offset: p.start * 512, size: p.size * 512 }]));
    }
    // Bytes of the disk as they lie there; the machine must be off.
    write(offset, bytes) {
        const fd = openSync(this.disk, "r+");
        writeSync(fd, bytes, 0, bytes.length, offset);
        closeSync(fd);
    }
    // A file of the data partition becomes garbage behind its first `spared` bytes, its length stays;
    // the machine must have been shut down.
    spoilData(name, spared) {
        const BLOCK_BYTES = 4096, { offset } = this.partitions().data;
        const said = execFileSync("/sbin/debugfs", ["-R", `blocks ${name}`, `${this.disk}?offset=${offset}`], { stdio: ["ignore", "pipe", "ignore"] });
        const blocks = said.toString().split(/\s+/).filter((word) => /^\d+$/.test(word)).map(Number);
        if (blocks.length <= spared / BLOCK_BYTES) throw new Error(`${name}: ${blocks.length} blocks`);
        for (const block of blocks.slice(spared / BLOCK_BYTES)) this.write(offset + block * BLOCK_BYTES, Buffer.alloc(BLOCK_BYTES, 0xa5));
    }
    // A file of the FAT file system at `at` becomes garbage from its middle on, its name and size stay.
    spoilFile(at, name) {
        const bytes = fat("mtype", "-i", `${this.disk}@@${at}`, `::${name}`);
        const file = path.join(this.folder, "put");
        writeFileSync(file, Buffer.concat([bytes.subarray(0, bytes.length / 2), Buffer.alloc(bytes.length / 2, 0xa5)]));
        fat("mcopy", "-o", "-i", `${this.disk}@@${at}`, file, `::${name}`);
    }
    boots(values) {
        this.put("/grub/grubenv", environment({ slot: "a", trial: 0, next: "b", log: this.platform.logDevice, ...values }));
    }
    // What the environment block says now, also while the machine runs.
    booted() {
        const lines = this.get("/grub/grubenv").toString().split("\n").map((line) => line.split("="));
        return Object.fromEntries(lines.filter((line) => line.length === 2));
    }
    // `again`: a restart of the machine restarts it; else it ends the emulation.
    async start({ bus = "virtio", uefi = this.platform !== platforms.x86_64, again = false, memoryMib = 1024, more = [] } = {}) {
        const [card, drive] = disks[bus];
        this.port = await freePort();
        for (const name of ["log", "console", "qmp"]) rmSync(`${this.folder}/${name}`, { force: true }); // of the start before
        this.started = Date.now();
        const { platform } = this;
        const logPort = platform.logDevice === "ttyS1" ? ["-serial", `file:${this.folder}/log`]
            : ["-chardev", `file,id=log,path=${this.folder}/log`, "-device", "pci-serial,chardev=log"];
        // One thread for both processors: with two, QEMU 7.2 may run a breakpoint that the kernel has
        // taken away again while it patched itself, and the kernel panics ("int3").
        const argv = ["-nodefaults", "-no-user-config", ...platform.machine, "-accel", "tcg,thread=single", "-cpu", "max", "-smp", "2", "-m", memoryMib,
            "-display", "none", ...(again ? [] : ["-no-reboot"]),
            "-serial", `unix:${this.folder}/console,server,nowait`, ...logPort,
            "-qmp", `unix:${this.folder}/qmp,server,nowait`,
            "-drive", `if=none,id=disk,format=raw,file=${this.disk},cache=writeback`, ...drive,
            "-netdev", `user,id=net,hostfwd=tcp:127.0.0.1:${this.port}-:443`, "-device", `${card},netdev=net`, ...more];
        if (uefi) {
            copyFileSync(platform.variables, `${this.folder}/variables`);
            argv.push("-drive", `if=pflash,format=raw,readonly=on,file=${platform.firmware}`, "-drive", `if=pflash,format=raw,file=${this.folder}/variables`);
        }
        this.child = spawn(platform.program, argv.map(String), { stdio: ["ignore", "ignore", "pipe"] });
        running.add(this.child);
        this.said = "";
        this.child.stderr.on("data", (piece) => (this.said += piece));
        this.ended = new Promise((done) => this.child.on("exit", (code, signal) => {
            running.delete(this.child);
            this.child = undefined;
            done({ code, signal });
        }));
        await this.consoleOpen();
    }
    async consoleOpen() {
        this.screen = "";
        for (let i = 0; i < 100 && !existsSync(`${this.folder}/console`); i++) await sleep(50);
        this.serial = net.connect(`${this.folder}/console`);
        this.serial.on("data", (piece) => (this.screen += piece.toString("utf8")));
        this.serial.on("error", () => {});
    }
    type(text) {
        this.serial.write(text);
    }
    log() {
        return existsSync(`${this.folder}/log`) ? readFileSync(`${this.folder}/log`, "utf8") : "";
    }
    // Until `look` gives something; fails with what the machine told when it ends or time is over.
    async until(what, look, every_ms = 200) {
        const from = Date.now();
        while (Date.now() - from < LIMIT_MS) {
            const got = await look();
            if (got) return got;
            if (!this.child) break;
            await sleep(every_ms);
        }
        throw new Error(`${what}: ${this.child ? "time is over" : "the machine ended"}\n${this.said}\n${this.log().slice(-3000)}\n${this.screen.slice(-2000)}`);
    }
    // Answers over HTTPS through the forwarded port; the milliseconds since its start.
    // `unfit`: what it answers may be why it cannot serve. The emulated network repeats a call that
    // came too early only after a while: who wants the exact time calls again sooner.
    async served({ unfit = false, every_ms = 200, patience_ms = 5000 } = {}) {
        await this.until("the first answer", async () => {
            try {
                const answer = await this.anonymous().call("GET", "/api/v1/session", undefined, { timeout: patience_ms, hold: false });
                return answer.status < 500 || (unfit && answer.status === 503);
            } catch {
                return false;
            }
        }, every_ms);
        return Date.now() - this.started;
    }
    anonymous() {
        return new Client(this);
    }
    // Started as `how` says, called so in what is printed, up to a page that is served.
    async startsIntoPage(called, how) {
        await this.start(how);
        const ms = await this.served();
        console.log(`${called}: first answer after ${ms} ms, ${this.seconds()} s of processor`);
        const page = await this.anonymous().call("GET", "/", undefined, { hold: false });
        assert.equal(page.status, 200);
        assert.match(page.text, /<html/);
    }
    // Processor seconds QEMU has used.
    seconds() {
        const fields = readFileSync(`/proc/${this.child.pid}/stat`, "utf8").split(") ")[1].split(" ");
        return (Number(fields[11]) + Number(fields[12])) / 100;
    }
    // The power key is pressed: it ends in order.
    async powerKey() {
        const { ended } = this;
        await this.monitor("system_powerdown");
        await this.until("its end", () => !this.child || /appliance.end/.test(this.log()));
        assert.equal((await ended).code, 0);
        assert.match(this.log(), /appliance.end/);
    }
    // The plug is pulled.
    async cut() {
        this.child?.kill("SIGKILL");
        await this.ended;
    }
    async monitor(command, values = {}) {
        const socket = net.connect(`${this.folder}/qmp`);
        let text = "";
        socket.on("data", (piece) => (text += piece));
        socket.write(JSON.stringify({ execute: "qmp_capabilities" }) + JSON.stringify({ execute: command, arguments: values }));
        for (let i = 0; i < 100 && text.split("\n").filter((line) => /"return"|"error"/.test(line)).length < 2; i++) await sleep(50);
        socket.destroy();
        return text;
    }
    // What of the machine's screen fits, once it does.
    async shows(wanted) {
        return wanted.exec(await shows(this, wanted))[0];
    }
    // Set up with the code of the screen, and confirmed: updates are taken from then on.
    async ready() {
        await this.served();
        this.code = await this.shows(/[a-z0-9]{4}-[a-z0-9]{4}-[a-z0-9]{4}/);
        const admin = await this.setup();
        await this.confirmed();
        return admin;
    }
    async confirmed() {
        await this.until("this start's confirmation", () => /appliance.confirmed err=ok/.test(this.log()));
    }
    // A partition's bytes, all or the first so many; and all of them as one hash.
    bytesOf(name, most = Infinity) {
        const { offset, size } = this.partitions()[name], bytes = Buffer.alloc(Math.min(size, most)), fd = openSync(this.disk, "r");
        readSync(fd, bytes, 0, bytes.length, offset);
        closeSync(fd);
        return bytes;
    }
    hash(name) {
        return createHash("sha256").update(this.bytesOf(name)).digest("hex");
    }
    // A stick of USB into the socket of an emulated "qemu-xhci,id=xhci", and out of it.
    async plug(id, file) {
        await this.monitor("blockdev-add", { "node-name": id, driver: "raw", file: { driver: "file", filename: file } });
        const said = await this.monitor("device_add", { driver: "usb-storage", id: `${id}-device`, bus: "xhci.0", drive: id, removable: true });
        if (said.includes('"error"')) throw new Error(said);
    }
    async unplug(id) {
        await this.monitor("device_del", { id: `${id}-device` });
        await this.until("the stick is out", async () => !(await this.monitor("blockdev-del", { "node-name": id })).includes('"error"'));
    }
    async remove() {
        await this.cut();
        rmSync(this.folder, { recursive: true, force: true });
    }
}

// The first person and those after, as on any box.
Machine.prototype.setup = Server.prototype.setup;
Machine.prototype.person = Server.prototype.person;
