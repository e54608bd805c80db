// Models from elsewhere and to elsewhere: an XGBoost file becomes a model of the list, answers, and
// comes down again; predictions as JSON lines; what is broken is told with its place.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { Server, root } from "./lib/server.mjs";

let server, admin, researcher, officer;
const file = (name) => readFileSync(path.join(root, "tests/fuzz/corpus/xgboost", name));
const rows = [{ a: 0.5, "城 市": "1", c: 0.25 }, { a: null, "城 市": 3, c: -1 }];
// XGBoost's own answers to these rows.
const binary = [0.5092268586158752, 0.2349908947944641];

before(async () => {
    server = await Server.start();
    admin = await server.setup();
    researcher = await server.person(admin, "researcher", ["research"]);
    officer = await server.person(admin, "officer", ["data"]);
});
after(() => server?.stop());

async function take(name, bytes) {
    const upload = await researcher.upload(name, bytes);
    return researcher.ok("POST", "/api/v1/models", { name, upload }, 201);
}

test("an XGBoost file becomes a model that answers as it did there", async () => {
    const made = await take("binary_33.json", file("binary_33.json"));
    assert.deepEqual([made.state, made.release, made.release_title, made.job, made.headline, made.task, made.target],
        ["ready", null, "binary_33.json", null, null, "binary", "label"]);
    const shown = await researcher.ok("GET", `/api/v1/models/${made.id}`);
    assert.equal(shown.scorecard, null);
    assert.deepEqual(shown.features.map((f) => [f.name, f.kind]), [["a", "number"], ["城 市", "category"], ["c", "number"]]);
    const { predictions } = await researcher.ok("POST", `/api/v1/models/${made.id}/predict`, { rows, contributions: true });
    predictions.forEach((p, i) => assert.ok(Math.abs(p.probability - binary[i]) < 1e-6, JSON.stringify(p)));
    assert.deepEqual(predictions.map((p) => p.value), ["1", "0"]);
    const list = await researcher.ok("GET", "/api/v1/models");
    assert.equal(list.items[0].name, "binary_33.json");
    const seen = await server.person(admin, "auditor", ["audit"]);
    const audit = await seen.ok("GET", "/api/v1/audit?size=50");
    assert.ok(audit.items.some((entry) => entry.action === "model.import"), "audited");
});

test("it comes down as XGBoost JSON, and that comes in again", async () => {
    const made = await take("classes_17.json", file("classes_17.json"));
    const down = await researcher.call("GET", `/api/v1/models/${made.id}/export`, undefined, { hold: false });
    assert.equal(down.status, 200);
    const text = JSON.parse(down.bytes.toString());
    assert.equal(text.learner.objective.name, "multi:softprob");
    assert.equal(text.learner.gradient_booster.model.trees.length, 6);
    const again = await take("again.json", down.bytes);
    const ask = async (id) => (await researcher.ok("POST", `/api/v1/models/${id}/predict`, { rows })).predictions;
    const [first, second] = [await ask(made.id), await ask(again.id)];
    first.forEach((p, i) => {
        for (const [name, value] of Object.entries(p.probabilities)) {
            assert.ok(Math.abs(value - second[i].probabilities[name]) < 1e-6);
        }
    });
});

test("predictions of a file as JSON lines", async () => {
    const made = await take("number_33.json", file("number_33.json"));
    const upload = await researcher.upload("rows.csv", Buffer.from("a,城 市,c,more\n0.5,1,0.25,x\n,3,-1,y\n"));
    const job = await researcher.ok("POST", `/api/v1/models/${made.id}/predictions`,
        { upload, contributions: true, format: "jsonl" }, 202);
    await researcher.job(job.id);
    const down = await researcher.call("GET", `/api/v1/jobs/${job.id}/download`, undefined, { hold: false });
    const lines = down.bytes.toString().trimEnd().split("\n").map((line) => JSON.parse(line));
    assert.equal(lines.length, 2);
    assert.ok(Math.abs(lines[0].value - 7.465760231018066) < 1e-4 && Math.abs(lines[1].value - 2.6030311584472656) < 1e-4);
    const sum = lines[0].base + Object.values(lines[0].contributions).reduce((a, b) => a + b, 0);
    assert.ok(Math.abs(sum - lines[0].value) < 1e-9);
    await researcher.fails("POST", `/api/v1/models/${made.id}/predictions`, { upload, format: "xml" }, 400, "predict.bad_format");
});

test("what cannot be taken in is refused with its place", async () => {
    const good = file("binary_17.json").toString();
    const refused = async (text, status, code) => {
        const upload = await researcher.upload("x.json", Buffer.from(text));
        return researcher.fails("POST", "/api/v1/models", { name: "x", upload }, status, code);
    };
    await refused(good.slice(0, 900), 400, "model.xgboost_text");
    await refused(good.replace('"left_children":[1,3', '"left_children":[1,0'), 400, "model.xgboost_cycle");
    await refused(good.replace('"gbtree"}', '"dart"}'), 400, "model.xgboost_booster");
    await refused("a,b\n1,2\n", 400, "model.xgboost_text");
    await refused("CYTAB002 and nothing else", 400, "model.damaged");
    const upload = await officer.upload("own.json", Buffer.from(good));
    await researcher.fails("POST", "/api/v1/models", { name: "x", upload }, 404, "upload.not_found");
    await officer.fails("POST", "/api/v1/models", { name: "x", upload }, 403, "server.role_needed");
});
