// Update files of the appliance on the command line: made, shown, refused when they are not right.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { binary } from "./lib/server.mjs";

let folder;
const at = (name) => path.join(folder, name);

before(() => {
    folder = mkdtempSync(path.join(tmpdir(), "courtyard-appliance-"));
    writeFileSync(at("slot.img"), slot("0.2.0 x86_64\n"));
});
after(() => rmSync(folder, { recursive: true, force: true }));

function run(args, status = 0) {
    const done = spawnSync(binary, ["appliance", ...args, "--lang", "en"], { encoding: "utf8" });
    assert.equal(done.status, status, `${args.join(" ")}: ${done.stdout}${done.stderr}`);
    return status === 0 ? done.stdout : done.stderr;
}

// The smallest FAT file system (12 bits) with version.txt in its root.
function slot(version) {
    const bytes = Buffer.alloc(64 * 1024);
    bytes.write("\xEB\x3C\x90MKFS    ", 0, "latin1");
    bytes.writeUInt16LE(512, 11);
    bytes[13] = 1;
    bytes.writeUInt16LE(1, 14);
    bytes[16] = 1;
    bytes.writeUInt16LE(16, 17);
    bytes.writeUInt16LE(bytes.length / 512, 19);
    bytes.writeUInt16LE(1, 22);
    bytes.writeUInt16LE(0xAA55, 510);
    bytes.set([0xF8, 0xFF, 0xFF, 0xFF, 0x0F], 512); // cluster 2 is the last of its chain
    bytes.write("VERSION TXT", 1024, "latin1");
    bytes[1024 + 11] = 0x20;
    bytes.writeUInt16LE(2, 1024 + 26);
    bytes.writeUInt32LE(version.length, 1024 + 28);
    bytes.write(version, 1536, "latin1");
    return bytes;
}

test("an update is made and shown", () => {
    run(["key", "-o", at("key.pem")]);
    run(["key", "-o", at("other.pem")]);
    assert.match(readFileSync(at("key.pem.pub"), "utf8"), /BEGIN PUBLIC KEY/);
    const made = run(["bundle", at("slot.img"), "--version", "0.2.0", "--arch", "x86_64", "--key", at("key.pem"),
        "--from", "0.1.0", "--build", "abc", "-o", at("new.update")]);
    assert.match(made, /version 0\.2\.0 for x86_64/);
    assert.match(run(["show", at("new.update"), "--key", at("key.pem.pub")]), /whole: version 0\.2\.0 for x86_64, build abc, from version 0\.1\.0 on/);
    assert.match(run(["show", at("new.update")]), /not checked/);
    const told = JSON.parse(run(["show", at("new.update"), "--key", at("key.pem.pub"), "--json"]));
    assert.equal(told.version, "0.2.0");
    assert.equal(told.bytes, 65536);
    assert.equal(told.signer_checked, true);
    assert.match(run(["show", at("new.update"), "--key", at("other.pem.pub")], 1), /signed by somebody/);
    const bytes = readFileSync(at("new.update"));
    bytes[bytes.length - 1100] ^= 1;
    writeFileSync(at("bad.update"), bytes);
    assert.match(run(["show", at("bad.update")], 1), /damaged/);
});

test("what is no update or slot is told", () => {
    const made = (version, arch, image = "slot.img") => ["bundle", at(image), "--version", version, "--arch", arch,
        "--key", at("key.pem"), "-o", at("never.update")];
    assert.match(run(made("0.3.0", "x86_64"), 1), /version\.txt says "0\.2\.0"/);
    assert.match(run(made("0.2.0", "aarch64"), 1), /another version or machine/);
    assert.match(run(made("2", "x86_64"), 1), /no version/);
    assert.match(run(made("0.2.0", "x86_64", "key.pem"), 1), /no image of a slot/);
    assert.equal(existsSync(at("never.update")), false);
    assert.match(run(["show", at("slot.img")], 1), /no update file/);
    assert.match(run(["dance"], 1), /not known/);
    assert.match(run(["key", "-o", at("key.pem")], 1), /./);
});
