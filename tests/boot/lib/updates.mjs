// Updates made for the tests, and what a machine says of one that is not to be taken.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { root } from "../../api/lib/server.mjs";

// What the images of this folder were made with.
export const key = path.join(root, "build/image/update-key.pem");
export const program = process.env.COURTYARD ?? path.join(root, "build/courtyard");

// A slot of 9.9.9 that holds nothing but its version, signed by whoever has the key; the file's bytes.
export function updateMade(folder, name, { signer = key, arch = "x86_64" } = {}) {
    const slot = path.join(folder, `${name}.slot`), text = path.join(folder, "version.txt");
    const file = path.join(folder, name), fat = { env: { ...process.env, MTOOLS_SKIP_CHECK: "1" } };
    writeFileSync(text, `9.9.9 ${arch}\n`);
    execFileSync("mformat", ["-C", "-i", slot, "-T", "8192", "-h", "2", "-s", "32", "::"], fat);
    execFileSync("mcopy", ["-i", slot, text, "::version.txt"], fat);
    execFileSync(program, ["appliance", "bundle", slot, "--version", "9.9.9", "--arch", arch, "--key", signer, "-o", file], { stdio: "pipe" });
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
