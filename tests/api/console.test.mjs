// The whole way on the console alone: the API's operations on a data folder, without a server.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { binary, Server } from "./lib/server.mjs";

const dir = mkdtempSync(path.join(tmpdir(), "courtyard-console-"));
const data = path.join(dir, "data");
after(() => rmSync(dir, { recursive: true, force: true }));

function run(...words) {
    return spawnSync(binary, [...words, "--data", data, "--lang", "en"], { encoding: "utf8", timeout: 60000 });
}
// An operation that must succeed; its answer.
function call(name, method, target, body) {
    const end = run("call", method, target, "--as", name, ...(body ? ["--body", JSON.stringify(body)] : []));
    assert.equal(end.status, 0, `${method} ${target}: ${end.stdout}${end.stderr}`);
    return end.stdout ? JSON.parse(end.stdout) : null;
}
function refused(name, method, target, sentence) {
    const end = run("call", method, target, "--as", name);
    assert.equal(end.status, 1);
    assert.match(end.stderr, sentence);
}

function patients() {
    const rows = ["姓名,手机,年龄,结果"];
    for (let i = 0; i < 400; i++) {
        const age = 20 + ((i * 37) % 70), noise = ((i * 7919) % 21) - 10;
        rows.push(`张${i},1390013${String(i).padStart(4, "0")},${age},${age + noise > 55 ? "是" : "否"}`);
    }
    return `${rows.join("\n")}\n`;
}

test("a file becomes a dataset, cleansed by the proposed recipe", () => {
    const file = path.join(dir, "patients.csv");
    writeFileSync(file, patients());
    const end = run("import", file, "--as", "alice", "--name", "病人");
    assert.equal(end.status, 0, end.stderr);
    assert.match(end.stdout, /dataset 1: 400 rows, 4 columns/);
    const profile = call("alice", "GET", "/api/v1/datasets/1/revisions/1/profile");
    assert.deepEqual(profile.columns.map((c) => c.role_proposed), ["direct", "direct", "quasi", "plain"]);
    const { text } = call("alice", "POST", "/api/v1/recipes/propose", { dataset: 1 });
    const job = call("alice", "POST", "/api/v1/datasets/1/cleanse", { recipe: text });
    assert.equal(job.state, "done");
});

test("one asks for a release, another approves", () => {
    const sheet = { title: "病人", purpose: "test", source: "", licence: "", contact: "", limits: "", sensitivity: "internal" };
    assert.equal(call("alice", "POST", "/api/v1/datasets/1/releases", { sheet }).state, "pending");
    refused("alice", "POST", "/api/v1/releases/1/approve", /may not approve/);
    const release = call("bob", "POST", "/api/v1/releases/1/approve");
    assert.equal(release.state, "released");
    assert.match(release.hash, /^[0-9a-f]{64}$/);
});

test("a model is trained, answers, and the release can be taken along", () => {
    const job = call("carol", "POST", "/api/v1/releases/1/models", { name: "m", target: "结果", positive: "是" });
    assert.equal(job.state, "done");
    const answer = call("carol", "POST", "/api/v1/models/1/predict", { rows: [{ 年龄: 85 }, { 年龄: 22 }] });
    assert.deepEqual(answer.predictions.map((p) => p.value), ["是", "否"]);
    const copy = path.join(dir, "release.csv");
    assert.equal(run("call", "GET", "/api/v1/releases/1/download", "--as", "carol", "-o", copy).status, 0);
    const lines = readFileSync(copy, "utf8").split("\n");
    assert.equal(lines.length, 402);
    assert.match(lines[1], /^[^,_]+_[G-Z]{16},[^,_]+_[G-Z]{16},\d+,[是否]\r?$/);
    assert.ok(!lines.join("").includes("1390013"));
});

test("what needs a connection, a wrong path and a wrong class are told", () => {
    refused("carol", "GET", "/api/v1/events", /over a connection only/);
    refused("carol", "GET", "/api/v1/nowhere", /nothing at this address/);
    const end = run("call", "POST", "/api/v1/releases/1/models", "--as", "carol", "--body",
        JSON.stringify({ name: "n", target: "结果", positive: "maybe" }));
    assert.equal(end.status, 1);
    assert.match(end.stderr, /no value "maybe"/);
});

test("the folder is whole afterwards, and closed to the console while it is served", async () => {
    assert.equal(run("check").status, 0);
    assert.match(run("audit", "verify").stdout, /is whole/);
    const server = await Server.start({ dir: data });
    const end = run("call", "GET", "/api/v1/datasets", "--as", "alice");
    assert.equal(end.status, 1);
    assert.match(end.stderr, /in use|another/i);
    await server.stop();
});
