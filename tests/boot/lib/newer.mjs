// A version of this very source that writes newer records, and an update to it: what a box is offered
// a year from now.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { root } from "../../api/lib/server.mjs";
import { fat } from "./fat.mjs";
import { key, program } from "./updates.mjs";

export const NEWER = "9.9.9";

// What makes it newer; and what makes its service one that ends as soon as it has opened its data,
// which is judged after a minute, not a quarter of an hour.
const newer = [
    ["app/base/version.h", /(COURTYARD_VERSION) ".*"/, `$1 "${NEWER}"`],
    ["app/store/store.h", /(RECORD_VERSION) = (\d+)/, (_, name, number) => `${name} = ${Number(number) + 1}`],
];
const broken = [
    ["app/server/server.c", /err = nightly_start\(.*\n/, "$&    __builtin_trap();\n"],
    ["app/appliance/init.c", /(\bTRIAL_MS) = [^,]*/, "$1 = 60 * 1000"],
];

function edited(folder, edits) {
    for (const [name, from, to] of edits) {
        const file = path.join(folder, name), text = readFileSync(file, "utf8"), after = text.replace(from, to);
        assert.notEqual(after, text, name);
        writeFileSync(file, after);
    }
}

// Its binary, built in `folder` from what is compiled here already: only what differs is compiled.
function binaryMade(folder, edits) {
    const copy = (name, filter) => {
        mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
        cpSync(path.join(root, name), path.join(folder, name), { recursive: true, preserveTimestamps: true, filter });
    };
    if (!existsSync(path.join(folder, "app"))) {
        for (const name of ["Makefile", "app", "web/messages"]) copy(name);
        copy("vendor", (name) => path.basename(name) !== "cache");
        for (const name of ["build/x86_64", "build/generated"]) if (existsSync(path.join(root, name))) copy(name);
    }
    edited(folder, edits);
    // The folder's name is one of the compiler's flags.
    execFileSync("make", ["-s", "-j2", "VARIANT=x86_64", `CURDIR=${root.replace(/\/$/, "")}`, "binary"], { cwd: folder, stdio: "pipe" });
    return path.join(folder, "build/courtyard");
}

// The initramfs of the slot with another binary in it.
function initramfsMade(folder, slot, binary) {
    const tree = path.join(folder, "initramfs"), file = path.join(folder, "initrd");
    mkdirSync(tree, { recursive: true });
    fat("mcopy", "-o", "-i", slot, "::initrd", file);
    const words = ["-e", "-c", `zstd -q -dc "$1" | (cd "$2" && cpio -idmu --quiet)
        cp "$3" "$2/init"
        (cd "$2" && find . -print0 | sort -z | cpio --null -o -H newc -R 0:0 --quiet) | zstd -q -3 -f -o "$1"`];
    execFileSync("sh", [...words, "sh", file, tree, binary], { stdio: "pipe" });
    return file;
}

// The bytes of an update to it, made in `folder` from a slot's file system. `breaks`: its service
// does not come up.
export function newerUpdate(folder, slot, { breaks }) {
    const source = path.join(folder, breaks ? "broken" : "good"), out = path.join(source, "newer.update");
    const version = path.join(folder, "version.txt");
    const binary = binaryMade(source, breaks ? [...newer, ...broken] : newer);
    const initramfs = initramfsMade(source, slot, binary);
    writeFileSync(version, `${NEWER} x86_64\n`);
    fat("mcopy", "-o", "-i", slot, version, "::version.txt");
    fat("mcopy", "-o", "-i", slot, initramfs, "::initrd");
    execFileSync(program, ["appliance", "bundle", slot, "--version", NEWER, "--arch", "x86_64", "--key", key, "-o", out], { stdio: "pipe" });
    return readFileSync(out);
}
