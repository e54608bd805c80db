// Updates that must not be: signed by somebody else, of another architecture, altered, cut short. And those that do not come to
// their end, the plug pulled at random points: the box starts each time. COURTYARD_INTERRUPTS (10).
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { after, test } from "node:test";
import { sleep } from "../../api/lib/server.mjs";
import { image, Machine, missing, onDemand } from "../lib/machine.mjs";
import { key, program, updateMade, updateRefused, workOf } from "../lib/updates.mjs";

const update = image.replace(/\.img$/, ".update");
const lacking = [update, key].find((file) => !existsSync(file));
const why = missing() ?? onDemand ?? (lacking && `no ${lacking}`);
const times = Number(process.env.COURTYARD_INTERRUPTS ?? 10);
let machine, admin;
after(() => machine?.remove());

function altered(bytes, at) {
    const copy = Buffer.from(bytes);
    copy[at] ^= 1;
    return copy;
}

const work = () => workOf(admin);

test("an update of another signer or architecture, altered or cut short is refused and nothing written", { skip: why }, async () => {
    machine = Machine.make();
    await machine.start({ again: true });
    admin = await machine.ready();
    const before = machine.hash("slot-b"), stranger = path.join(machine.folder, "stranger.pem");
    execFileSync(program, ["appliance", "key", "-o", stranger], { stdio: "pipe" });
    const whole = readFileSync(update), small = updateMade(machine.folder, "small.update");
    for (const [what, bytes, wanted] of [
        ["another signer", updateMade(machine.folder, "stranger.update", { signer: stranger }), /^appliance\.update_other_signer$/],
        ["another architecture", updateMade(machine.folder, "other.update", { arch: "aarch64" }), /^appliance\.update_other_architecture$/],
        ["its last byte", altered(small, small.length - 1), /^appliance\.update_(signature|damaged)$/],
        ["its middle", altered(whole, whole.length >> 1), /^appliance\.update_(signature|damaged)$/],
        ["its head", altered(small, 64), /^appliance\.(update_[a-z_]+|no_update)$/],
        ["cut short", whole.subarray(0, whole.length - 4096), /^appliance\.update_(signature|damaged)$/],
    ]) {
        assert.match((await updateRefused(machine, admin, bytes)) ?? "taken", wanted, what);
        assert.equal(machine.booted().trial, "0", what);
        assert.equal(machine.hash("slot-b"), before, what);
    }
});

// As far as `share` of its work; the plug may be pulled a moment later than that.
async function begun(upload, share) {
    await admin.ok("POST", "/api/v1/appliance/update", { upload }, 204);
    await machine.until(`${share} of the update`, async () => {
        const now = await work();
        assert.equal(now.fault, undefined, JSON.stringify(now));
        return now.name === "update" && (!now.running || now.done >= share * Math.max(now.total, 1));
    });
}

test("updates that are interrupted: every start is a good one, and the next update is taken", { skip: why }, async () => {
    const upload = await admin.upload("courtyard.update", readFileSync(update));
    let running = "a";
    for (let i = 0; i < times; i++) {
        const share = Math.random() * 1.1;
        await begun(upload, share);
        await sleep(Math.random() * 300);
        await machine.cut();
        const { trial, slot, next } = machine.booted();
        assert.equal(slot, running);
        if (trial === "1") running = next;
        await machine.start({ again: true });
        const ms = await machine.served();
        assert.match(machine.log(), new RegExp(`appliance.slots running=${running}`));
        console.log(`at ${share.toFixed(2)}: trial=${trial}, slot ${running} after ${ms} ms`);
        await machine.confirmed();
        await machine.until("the environment", () => machine.booted().slot === running && machine.booted().trial === "0");
    }
    await begun(upload, 2);
    assert.equal(machine.booted().trial, "1");
    const other = running === "a" ? "b" : "a";
    await admin.ok("POST", "/api/v1/appliance/restart", undefined, 204);
    await machine.until("the other slot", () => machine.log().includes(`appliance.slots running=${other}`));
    await machine.served();
    await machine.until("its confirmation", () => machine.booted().slot === other);
});
