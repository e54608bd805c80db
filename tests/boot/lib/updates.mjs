// Updates made for the tests, what a machine says of one that is not to be taken, and the trial of one
// that is.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { root } from "../../api/lib/server.mjs";
import { fat } from "./fat.mjs";

// What the images of this folder were made with.
export const key = path.join(root, "build/image/update-key.pem");
export const program = process.env.COURTYARD ?? path.join(root, "build/courtyard");

// A slot that holds nothing but its version, signed by whoever has the key; the file's bytes.
export function updateMade(folder, name, { signer = key, arch = "x86_64", version = "9.9.9" } = {}) {
    const slot = path.join(folder, `${name}.slot`), text = path.join(folder, "version.txt"), file = path.join(folder, name);
    writeFileSync(text, `${version} ${arch}\n`);
    fat("mformat", "-C", "-i", slot, "-T", "8192", "-h", "2", "-s", "32", "::");
    fat("mcopy", "-i", slot, text, "::version.txt");
    execFileSync(program, ["appliance", "bundle", slot, "--version", version, "--arch", arch, "--key", signer, "-o", file], { stdio: "pipe" });
    return readFileSync(file);
}

export async function workOf(admin) {
    return (await admin.ok("GET", "/api/v1/appliance")).work;
}

// The code of what comes of an update that is not to be taken; undefined if it is taken.
export async function updateRefused(machine, admin, bytes) {
    const upload = await admin.upload("a.update", bytes);
    const answer = await admin.call("POST", "/api/v1/appliance/update", { upload });
    if (answer.status !== 204) return answer.json.error.code;
    const end = await machine.until("the update's end", async () => {
        const now = await workOf(admin);
        return now.name === "update" && !now.running && now;
    });
    return end.fault?.code;
}

// An update is written into slot b, and the machine started anew into its trial.
export async function updateTried(machine, admin, bytes) {
    const upload = await admin.upload("courtyard.update", bytes);
    await admin.ok("POST", "/api/v1/appliance/update", { upload }, 204);
    await machine.until("the slot to be written", async () => {
        const work = await workOf(admin);
        assert.equal(work.fault, undefined, JSON.stringify(work));
        return !work.running;
    });
    assert.equal(machine.booted().trial, "1");
    await admin.ok("POST", "/api/v1/appliance/restart", undefined, 204);
    await machine.until("the other slot", () => /appliance.slots running=b/.test(machine.log()));
}

// The trial serves, and is what is started from now on.
export async function updateKept(machine) {
    await machine.served();
    await machine.until("its confirmation", () => machine.booted().slot === "b");
}
