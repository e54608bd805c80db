// A model for which the disk has no room, or that grows larger than a file may: imported and made
// smaller, by the command and by a job of the box. A sentence says what it takes and what to do, in
// both languages, and nothing half-written stays.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { hasStories, storiesGguf } from "./lib/gguf.mjs";
import { binary, root, Server, sleep } from "./lib/server.mjs";

const skip = hasStories ? false : "no models/stories260K.bin in ../shared/data (COURTYARD_DATA names another place)";
const models = path.join(process.env.COURTYARD_DATA ?? path.join(root, "../shared/data"), "models");
const base = "/api/v1/language-models";
let folder;
const at = (name) => path.join(folder, name);
before(() => {
    if (!hasStories) return;
    folder = mkdtempSync(path.join(tmpdir(), "courtyard-room-"));
    mkdirSync(at("out"));
    for (const name of ["stories260K.bin", "tok512.bin"]) copyFileSync(path.join(models, name), at(name));
    writeFileSync(at("m.gguf"), storiesGguf([], { times: 8 })); // some 7 MB
});
after(() => folder && rmSync(folder, { recursive: true, force: true }));

// A folder of its own with so much room, or false where nothing may be mounted.
function small(dir, size) {
    try {
        execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size},mode=0777`, "tmpfs", dir], { stdio: "ignore" });
        return true;
    } catch {
        return false;
    }
}

const ways = [
    ["model", "quantise", "m.gguf", "out/o.gguf", "--type", "f32"],
    ["model", "quantise", "m.gguf", "out/o.gguf", "--type", "q8_0"],
    ["model", "import", "stories260K.bin", "out/o.gguf"],
];

// Each way fails with both sentences, by status 1, and what was in out/ before is what is there.
function fails(way, shell, english, chinese) {
    const [word, ...rest] = way;
    for (const [language, sentence] of [["en", english], ["zh-CN", chinese]]) {
        for (const old of [false, true]) {
            if (old) writeFileSync(at("out/o.gguf"), "before");
            const done = spawnSync("sh", ["-c", `${shell} exec "$@"`, "sh", binary, word, "--lang", language, ...rest], { cwd: folder, encoding: "utf8", timeout: 60000 });
            const told = `${way.join(" ")}: ${done.status} ${done.signal} ${done.stdout}${done.stderr}`;
            assert.deepEqual([done.status, done.stdout], [1, ""], told);
            assert.match(done.stderr, sentence, told);
            assert.deepEqual(readdirSync(at("out")), old ? ["o.gguf"] : [], told);
            if (old) assert.equal(readFileSync(at("out/o.gguf"), "utf8"), "before");
            rmSync(at("out/o.gguf"), { force: true });
        }
    }
}

test("a file may be no larger than a limit: said, with the megabytes it takes, and nothing stays", { skip }, () => {
    // ulimit's blocks are of 512 bytes: 100 kB, of which the head takes a part, and one byte short of all.
    for (const way of ways) {
        for (const blocks of [1, 200]) {
            fails(way, `ulimit -f ${blocks};`, /^Error: A file of \d+ MB is too large .*\n.*FAT32.*ulimit -f/, /^错误：\d+ MB 的文件超过.*\n.*FAT32.*ulimit -f/);
        }
    }
});

test("a disk without room: said before anything is written", { skip }, (t) => {
    if (!small(at("out"), "512k")) return t.skip("mounting a small file system needs root");
    try {
        for (const way of ways) {
            fails(way, "", /^Error: There is no room on the disk for the model: it takes \d+ MB\n.*Free that much space, or write it to another disk/, /^错误：磁盘空间不足以写入模型：需要 \d+ MB\n.*请清理出足够的空间/);
        }
    } finally {
        execFileSync("umount", [at("out")], { stdio: "ignore" });
    }
    const done = spawnSync(binary, ways[0], { cwd: folder, encoding: "utf8" });
    assert.equal(done.status, 0, done.stderr);
    rmSync(at("out/o.gguf"));
});

// A small disk comes where the jobs of the box work, which has room for none of it.
test("a job of the box says so too, and its model is not there", { skip }, async (t) => {
    const server = await Server.start(), jobs = path.join(server.dir, "jobs");
    const admin = await server.setup();
    const researcher = await server.person(admin, "researcher", ["research"]);
    const { folder: incoming } = await researcher.ok("GET", "/api/v1/incoming");
    copyFileSync(at("m.gguf"), path.join(incoming, "m.gguf"));
    const upload = await researcher.upload("m.gguf", readFileSync(at("m.gguf")));
    const whole = await researcher.ok("POST", base, { name: "whole", incoming: "m.gguf" }, 202);
    await researcher.job(whole.job.id);
    if (!small(jobs, "1m")) {
        await server.stop();
        return t.skip("mounting a small file system needs root");
    }
    const failed = async (made, megabytes) => {
        const job = await researcher.job(made.job.id, "failed");
        assert.deepEqual([job.fault.code, Number(job.fault.detail)], ["model_file.no_room", megabytes]);
        assert.equal((await researcher.ok("GET", `${base}/${made.model.id}`)).state, "failed");
        for (let i = 0; i < 200 && left(jobs).length; i++) await sleep(50);
        assert.deepEqual(left(jobs), []);
    };
    const bytes = readFileSync(at("m.gguf")).length;
    try {
        await failed(await researcher.ok("POST", base, { name: "copied", incoming: "m.gguf" }, 202), Math.ceil(bytes / 1e6));
        await failed(await researcher.ok("POST", base, { name: "sent", upload }, 202), Math.ceil(bytes / 1e6));
        await failed(await researcher.ok("POST", `${base}/${whole.model.id}/quantise`, { name: "less", weights: "q8_0" }, 202), Math.ceil(bytes * 0.27 / 1e6));
        assert.equal((await researcher.ok("GET", `${base}/${whole.model.id}`)).state, "ready");
    } finally {
        server.ownsDir = false; // removed without the small disk
        await server.stop();
        execFileSync("umount", [jobs], { stdio: "ignore" });
        server.remove();
    }
});

// What is written of a model in the jobs' folders.
function left(jobs) {
    return readdirSync(jobs, { recursive: true }).filter((name) => /model|\.new$/.test(name));
}
