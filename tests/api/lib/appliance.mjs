// The real binary as PID 1 of the appliance starts it, with a stand-in for PID 1 whose answers the
// test gives. They have the form that app/appliance/requests.c gives them.
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const START_MS_MAX = 60000;

let relay;
// Made once for a test file, by the compiler that has made the binary.
function relayMade() {
    if (!relay) {
        const folder = mkdtempSync(path.join(tmpdir(), "courtyard-packets-"));
        process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
        relay = path.join(folder, "packets");
        execFileSync("gcc", ["-std=gnu17", "-D_GNU_SOURCE", "-O1", "-o", relay, path.join(root, "tests/api/lib/packets.c")]);
    }
    return relay;
}

const refusal = (code, detail = "", row = undefined) => ({ fault: { code, detail, ...(row ? { row } : {}) } });

// What PID 1 knows, and what it does when it is asked. `silent`: it answers nothing; `ends`: the deed
// with whose answer it tells the service to end.
export class Init {
    constructor() {
        this.silent = false;
        this.asked = [];
        this.state = {
            version: "0.1.0", time_ms: 0, up_s: 4000, memory_bytes: 2 ** 31, temperature: 47, starts: 1,
            data: { state: "mounted", disk: "/dev/vda5", mended: false, encrypted: false, opened_by: [], bytes: 2 ** 34, free_bytes: 2 ** 33 },
            settings: { hostname: "courtyard", language: "zh-CN", address: "dhcp", gateway: "", interface: "" },
            packs: { looking: false, all: [] },
            slots: { running: "a", confirmed: true, a: { usable: true, version: "0.1.0" }, b: { usable: false, version: "" } },
        };
        this.events = [];
        this.sticks = { looking: false, sticks: [], kept: [] };
        this.deeds = {
            status: () => ({ answer: { ...this.state, time_ms: this.state.time_ms || Date.now() } }),
            history: () => ({ answer: { events: this.events } }),
            settings: (packet) => this.settings(packet),
            time: ({ ms }) => {
                if (!Number.isInteger(ms) || ms < 1704067200000 || ms >= 4102444800000) return refusal("appliance.bad_time");
                this.state.time_ms = ms;
                return { answer: {} };
            },
            restart: () => ({ answer: {} }),
            "power-off": () => ({ answer: {} }),
            cancel: () => ({ answer: {} }),
            sticks: () => ({ answer: this.sticks }),
            update: () => this.wish("update"),
            pack: () => this.wish("pack"),
            "pack-remove": ({ file }) => this.packRemove(file),
            backup: () => this.wish("backup"),
            restore: ({ confirm }) => this.confirmed(confirm) ?? this.wish("restore"),
            reset: ({ confirm }) => this.confirmed(confirm) ?? this.wish("reset"),
        };
    }
    wish(name) {
        if (this.state.work?.running) return refusal("appliance.busy", this.state.work.name);
        this.state.work = { name, running: true, phase: "", done: 0, total: 0 };
        return { answer: {} };
    }
    packRemove(file) {
        const { all } = this.state.packs, at = all.findIndex((one) => one.file === file);
        if (at < 0) return refusal("appliance.no_such_pack", file);
        all.splice(at, 1);
        return { answer: {} };
    }
    confirmed(name) {
        return name === this.state.settings.hostname ? undefined : refusal("appliance.wrong_confirm", this.state.settings.hostname);
    }
    // As settings_change and settings_read do.
    settings(packet) {
        const rules = { hostname: /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/i, language: /^(zh-CN|en)$/, interface: /^[a-z0-9.]{0,15}$/, address: /^(dhcp|(\d{1,3}\.){3}\d{1,3}\/\d{1,2})$/, gateway: /^((\d{1,3}\.){3}\d{1,3})?$/ };
        let row = 0;
        for (const [key, rule] of Object.entries(rules)) {
            if (!(key in packet)) continue;
            row++;
            if (!rule.test(packet[key])) return refusal("appliance.settings", key, packet[key] === "" ? 0 : row);
        }
        for (const key of Object.keys(rules)) if (key in packet) this.state.settings[key] = packet[key];
        return { answer: {} };
    }
    // The answer's packet, or null.
    answer(packet) {
        this.asked.push(packet);
        if (this.silent) return null;
        const deed = this.deeds[packet.do];
        return { id: packet.id, ...(deed ? deed(packet) : refusal("appliance.unknown_request", packet.do)) };
    }
}

// The program as app/appliance/program.c runs it; undefined, or the fault that it told.
export async function programRun(binary, ...args) {
    const child = spawn(binary, args, { stdio: ["ignore", "ignore", "ignore", "pipe"], env: { ...process.env, COURTYARD_FAULT_FD: "3" } });
    let told = "";
    child.stdio[3].on("data", (piece) => { told += piece; });
    const code = await new Promise((done) => child.on("close", done));
    if (code === 0) return undefined;
    return told ? JSON.parse(told) : { code: "appliance.backup_failed", detail: args[0] };
}

// Starts the service below `init`. Answers {port, origin, code, folder, ready, alive(), gone(), close()}.
// `folder`: one that is there, with the data in data/, and stays.
export async function applianceOpen(binary, init, env = {}, { folder: given, listen = "127.0.0.1:0" } = {}) {
    const folder = given ?? mkdtempSync(path.join(tmpdir(), "courtyard-appliance-"));
    const child = spawn(relayMade(), [binary, "serve", "--data", path.join(folder, "data"), "--listen", listen],
        { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, LANG: "en_US.UTF-8", ...env } });
    const box = { folder, child, log: "", alive: 0, others: [], pid: 0 };
    const ended = new Promise((done) => child.on("exit", (code) => done(code)));
    const said = new Promise((done, fail) => {
        setTimeout(() => fail(new Error(`not ready:\n${box.log}`)), START_MS_MAX).unref();
        ended.then((code) => fail(new Error(`ended with ${code}:\n${box.log}`)));
        child.stderr.on("data", (piece) => {
            box.log += piece;
            if (box.port === undefined) box.port = Number(/server\.started.* port=(\d+)/.exec(box.log)?.[1]) || undefined;
            if (box.port && box.ready) done();
        });
        createInterface({ input: child.stdout }).on("line", (line) => {
            const packet = JSON.parse(line);
            if (packet.pid) box.pid = packet.pid;
            else if (packet.do) {
                const answer = init.answer(packet), ends = init.ends === packet.do ? "!" : "";
                if (answer) child.stdin.write(`${ends}${JSON.stringify(answer)}\n`);
            } else if (packet.is === "ready") box.ready = packet;
            else if (packet.is === "alive") {
                box.alive++;
                box.setup = packet.setup;
            }
            else box.others.push(packet);
            if (box.port && box.ready) done();
        });
    });
    child.stdin.on("error", () => {});
    box.say = (packet) => child.stdin.write(`${JSON.stringify(packet)}\n`);
    box.gone = () => child.stdin.end();
    box.ended = ended;
    box.close = async () => {
        if (child.exitCode === null && box.pid) process.kill(box.pid, "SIGTERM");
        const code = await ended;
        if (!given) rmSync(folder, { recursive: true, force: true });
        return code;
    };
    try {
        await said;
    } catch (error) {
        child.kill("SIGKILL");
        throw error;
    }
    return Object.assign(box, { origin: `https://127.0.0.1:${box.port}`, code: box.ready.code });
}
