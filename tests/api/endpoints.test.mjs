// A model put to use: versions, rolling back, who may ask, what does not fit told in full, reasons,
// a shadow that nobody waits for, and what was asked, counted.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { csv } from "./lib/data.mjs";
import { Server, sleep } from "./lib/server.mjs";

let server, admin, officer, researcher, other;
const models = [];
let release;
const base = "/api/v1/endpoints";
const typical = { age: 70, pressure: 160, sex: "男", ward: "A" };

async function train(options, target = "outcome") {
    const { model, job } = await researcher.ok("POST", `/api/v1/releases/${release.id}/models`,
        { name: `model ${models.length + 1}`, target, options }, 202);
    await researcher.job(job.id);
    models.push(model.id);
    return model.id;
}

before(async () => {
    server = await Server.start();
    admin = await server.setup();
    officer = await server.person(admin, "officer", ["data"]);
    researcher = await server.person(admin, "researcher", ["research"]);
    other = await server.person(admin, "other", ["research"]);
    const reviewer = await server.person(admin, "reviewer", ["data"]);
    release = await officer.publish("病人", csv(600), reviewer);
    await train({ trees: 20 });
    await train({ trees: 3, depth: 2 });
    await train({ learner: "linear" });
    await train({ trees: 5 }, "age");
});
after(() => server?.stop());

const create = (body, who = researcher) => who.ok("POST", base, body, 201);
const show = (id, who = researcher) => who.ok("GET", `${base}/${id}`);
const usage = (id) => researcher.ok("GET", `${base}/${id}/usage`);
const ask = (id, rows, more = {}, who = researcher) => who.ok("POST", `${base}/${encodeURIComponent(id)}/predict`, { rows, ...more });

test("a model answers under its endpoint's id and name, as it does itself", async () => {
    const made = await create({ name: "风险 评分", model: models[0], note: "first" });
    assert.deepEqual([made.version, made.on, made.audience, made.model.id], [1, true, "everybody", models[0]]);
    const own = await researcher.ok("POST", `/api/v1/models/${models[0]}/predict`, { rows: [typical] });
    for (const name of [made.id, "风险 评分"]) {
        const answer = await ask(name, [typical], {}, officer);
        assert.deepEqual([answer.endpoint, answer.name, answer.version, answer.model], [made.id, "风险 评分", 1, models[0]]);
        assert.deepEqual(answer.predictions, own.predictions);
        assert.deepEqual([answer.findings, answer.finding_count], [[], 0]);
    }
    const seen = await show(made.id);
    assert.deepEqual(seen.features.map((f) => f.name), ["age", "pressure", "sex", "ward"]);
    assert.deepEqual(seen.versions.map((v) => [v.version, v.model, v.usable]), [[1, models[0], true]]);
    assert.ok((await researcher.ok("GET", base)).items.some((e) => e.id === made.id));
});

test("names are one of a kind and can stand in a path", async () => {
    await researcher.fails("POST", base, { name: "风险 评分", model: models[0] }, 409, "endpoint.name_taken");
    for (const name of ["12", "a/b", "a\u0001b"]) {
        await researcher.fails("POST", base, { name, model: models[0] }, 400, "endpoint.bad_name");
    }
    await researcher.fails("POST", base, { name: "x".repeat(161), model: models[0] }, 413, "call.too_long");
    await researcher.fails("POST", base, { name: "none", model: 999 }, 404, "model.not_found");
    await researcher.fails("POST", base, { name: "none", model: models[0], audience: "me" }, 400, "endpoint.bad_audience");
    await officer.fails("POST", base, { name: "none", model: models[0] }, 403, "server.role_needed");
});

test("versions are kept, one is pinned, and one call rolls back", async () => {
    const { id } = await create({ name: "versions", model: models[0] });
    const first = (await ask(id, [typical])).predictions;
    const second = await researcher.ok("POST", `${base}/${id}/versions`, { model: models[1], note: "smaller" });
    assert.equal(second.version, 2);
    const smaller = await ask(id, [typical]);
    assert.equal(smaller.version, 2);
    assert.notDeepEqual(smaller.predictions, first);
    const pinned = await ask(id, [typical], { version: 1 });
    assert.deepEqual([pinned.version, pinned.predictions], [1, first]);
    await researcher.fails("POST", `${base}/${id}/predict`, { rows: [typical], version: 3 }, 404, "endpoint.no_version");
    assert.equal((await researcher.ok("POST", `${base}/${id}/rollback`, {})).version, 1);
    assert.deepEqual((await ask(id, [typical])).predictions, first);
    await researcher.fails("POST", `${base}/${id}/rollback`, {}, 409, "endpoint.no_earlier");
    // A third, put in while the first is pinned, leads back to the first and not to the second.
    await researcher.ok("POST", `${base}/${id}/versions`, { model: models[2] });
    assert.equal((await researcher.ok("POST", `${base}/${id}/rollback`, {})).version, 1);
    assert.equal((await researcher.ok("POST", `${base}/${id}/rollback`, { version: 2 })).version, 2);
    assert.deepEqual((await show(id)).versions.map((v) => [v.version, v.model, v.before]),
        [[3, models[2], 1], [2, models[1], 1], [1, models[0], 0]]);
    await researcher.fails("POST", `${base}/${id}/versions`, { model: models[3] }, 409, "endpoint.other_question");
});

test("a model in use is not put away, and one of history that was answers no more", async () => {
    const { id } = await create({ name: "kept", model: models[1] });
    await researcher.ok("POST", `${base}/${id}/versions`, { model: models[2] });
    await researcher.fails("DELETE", `/api/v1/models/${models[2]}`, undefined, 409, "model.serves");
    await researcher.fails("PATCH", `/api/v1/models/${models[2]}`, { deleted: true }, 409, "model.serves");
    const spare = await train({ trees: 2 });
    const third = await researcher.ok("POST", `${base}/${id}/versions`, { model: spare });
    await researcher.ok("POST", `${base}/${id}/rollback`, { version: 2 });
    await researcher.ok("DELETE", `/api/v1/models/${spare}`, undefined, 204);
    await researcher.fails("POST", `${base}/${id}/predict`, { rows: [typical], version: third.version }, 409, "endpoint.version_gone");
    await researcher.fails("POST", `${base}/${id}/rollback`, { version: third.version }, 409, "endpoint.version_gone");
    assert.equal((await show(id)).versions[0].usable, false);
});

test("all that does not fit is told, with row, column, what came and what was expected", async () => {
    const { id } = await create({ name: "schema", model: models[0] });
    const rows = [
        typical,
        { age: "old", pressure: 120, sex: "男" },
        { age: 5, pressure: [1], sex: "男", ward: "A", age2: 1 },
        7,
    ];
    const answer = await researcher.fails("POST", `${base}/${id}/predict`, { rows }, 400, "predict.wrong_type");
    assert.deepEqual([answer.json.error.row, answer.json.error.detail], [2, "age"]);
    const told = answer.json.findings.map((f) => [f.severity, f.code.slice(8), f.row, f.column, f.given]);
    assert.deepEqual(told, [
        ["error", "wrong_type", 2, "age", "old"],
        ["error", "missing_column", 2, "ward", null],
        ["warning", "out_of_range", 3, "age", 5],
        ["error", "wrong_type", 3, "pressure", "[…]"],
        ["warning", "extra_column", 3, "age2", 1],
        ["error", "not_a_row", 4, "", 7],
    ]);
    assert.equal(answer.json.findings[0].expected, "integer");
    assert.deepEqual(answer.json.findings[1].categories, ["A", "B", "C", "D"]);
    const warned = await ask(id, [{ ...typical, ward: "Z" }, { ward: null, sex: "女", age: "", pressure: null }, { ...typical, age: 111 }]);
    assert.deepEqual(warned.findings.map((f) => [f.severity, f.code, f.row, f.given]),
        [["warning", "predict.unknown_category", 1, "Z"], ["warning", "predict.out_of_range", 3, 111]]);
    assert.deepEqual([warned.findings[1].low, warned.findings[1].high], [20, 79]);
    assert.equal(warned.finding_count, 2);
    assert.equal(warned.predictions.length, 3);
    await researcher.fails("POST", `${base}/${id}/predict`, { rows: [] }, 400, "call.missing");
    const many = await ask(id, Array.from({ length: 10000 }, (_, i) => ({ ...typical, age: i % 90 })));
    assert.equal(many.predictions.length, 10000);
    assert.equal(many.predictions[70].probability, (await ask(id, [typical])).predictions[0].probability);
});

test("reasons: the strongest columns, what is typical, and which way each pulls", async () => {
    const [all, two] = await Promise.all([true, 2].map((contributions) => ask("schema", [typical, { ...typical, age: 25, pressure: 95 }], { contributions })));
    for (const i of [0, 1]) {
        const whole = all.predictions[i], part = two.predictions[i];
        assert.equal(whole.contributions.length, 4);
        assert.equal(whole.rest, undefined);
        const sum = whole.contributions.reduce((s, c) => s + c.contribution, whole.base);
        assert.ok(Math.abs(1 / (1 + Math.exp(-sum)) - whole.probability) < 1e-6);
        assert.deepEqual(part.contributions, whole.contributions.slice(0, 2));
        assert.ok(Math.abs(part.contributions.reduce((s, c) => s + c.contribution, part.base) + part.rest - sum) < 1e-9);
        for (const c of whole.contributions) assert.equal(c.direction, c.contribution > 0 ? "raises" : c.contribution < 0 ? "lowers" : "none");
        assert.ok(whole.contributions[0].typical !== null);
    }
    assert.equal((await ask("schema", [typical])).predictions[0].contributions, undefined);
});

test("on and off, and only those it is open to", async () => {
    const { id } = await create({ name: "doors", model: models[0], audience: "department" });
    await ask(id, [typical], {}, other);
    await researcher.ok("PATCH", `${base}/${id}`, { on: false });
    await researcher.fails("POST", `${base}/${id}/predict`, { rows: [typical] }, 409, "endpoint.off");
    await researcher.ok("PATCH", `${base}/${id}`, { on: true, name: "doors 2", note: "n" });
    await ask("doors 2", [typical]);
    await researcher.fails("POST", `${base}/doors/predict`, { rows: [typical] }, 404, "endpoint.not_found");
    await ask("doors 2", [typical], {}, other);
    await admin.ok("PATCH", `/api/v1/people/${other.id}`, { department: "外科" });
    await other.fails("POST", `${base}/${id}/predict`, { rows: [typical] }, 404, "endpoint.not_found");
    await other.fails("GET", `${base}/${id}`, undefined, 404, "endpoint.not_found");
    assert.ok(!(await other.ok("GET", base)).items.some((e) => e.id === id));
    const open = (await create({ name: "open", model: models[0] })).id;
    await ask(open, [typical], {}, other);
    await other.fails("PATCH", `${base}/${open}`, { on: false }, 403, "endpoint.denied");
    await other.fails("DELETE", `${base}/${open}`, undefined, 403, "endpoint.denied");
});

test("a limit on requests holds, also between two flushes", async () => {
    const caps = { units_month: -1, storage_bytes: -1, jobs: -1, tokens_day: -1, tokens_month: -1, requests_day: -1, requests_month: -1 };
    const used = 3; // above: "doors" twice, "open" once
    await admin.ok("PATCH", `/api/v1/people/${other.id}`, { caps: { ...caps, requests_day: used + 2 } });
    await ask("open", [typical], {}, other);
    await ask("open", [typical], {}, other);
    await other.fails("POST", `${base}/open/predict`, { rows: [typical] }, 413, "limit.served_day");
    await admin.ok("PATCH", `/api/v1/people/${other.id}`, { caps });
    await ask("open", [typical], {}, other);
});

test("what was asked is counted, by person, and lasts", async () => {
    const { id } = await create({ name: "counted", model: models[0] });
    await ask(id, [typical, typical]);
    await ask(id, [typical], {}, officer);
    await officer.call("POST", `${base}/${id}/predict`, { rows: [{}] });
    const upload = await researcher.upload("some.csv", csv(50, 9));
    const job = await researcher.ok("POST", `${base}/counted/predictions`, { upload, contributions: true }, 202);
    const done = await researcher.job(job.id);
    assert.equal(done.summary.rows, 50);
    const used = await usage(id);
    assert.deepEqual([used.calls, used.rows, used.failed], [3, 53, 1]);
    const of = (name) => used.people.find((p) => p.person === name);
    assert.deepEqual([of("researcher").calls, of("researcher").rows], [2, 52]);
    assert.deepEqual([of("officer").calls, of("officer").rows, of("officer").failed], [1, 1, 1]);
    assert.deepEqual(used.versions.map((v) => [v.version, v.shadow, v.calls, v.rows, v.failed]), [[1, 0, 3, 53, 1]]);
    assert.ok(used.versions[0].pinned_ms.p50 > 0);
});

async function shadowed(id, calls) {
    for (let i = 0; i < 200; i++) {
        const found = (await usage(id)).versions.find((v) => v.shadow > 0 && v.calls + v.failed >= calls);
        if (found) return found;
        await sleep(50);
    }
    return assert.fail(JSON.stringify(await usage(id)));
}

test("a shadow answers too, unseen, is compared, and takes over in one step", async () => {
    const { id } = await create({ name: "shadowed", model: models[0] });
    await researcher.fails("POST", `${base}/${id}/promote`, {}, 409, "endpoint.no_shadow");
    await researcher.fails("PATCH", `${base}/${id}`, { shadow: models[3] }, 409, "endpoint.other_question");
    const tiny = await train({ trees: 4, depth: 2 });
    assert.equal((await researcher.ok("PATCH", `${base}/${id}`, { shadow: tiny })).shadow.id, tiny);
    await researcher.fails("DELETE", `/api/v1/models/${tiny}`, undefined, 409, "model.shadows");
    const rows = Array.from({ length: 40 }, (_, i) => ({ ...typical, age: 20 + i, pressure: 100 + 2 * i }));
    const pinned = await ask(id, rows);
    assert.equal(pinned.model, models[0]);
    const small = (await researcher.ok("POST", `/api/v1/models/${tiny}/predict`, { rows })).predictions;
    const seen = await shadowed(id, 1);
    assert.deepEqual([seen.version, seen.shadow, seen.calls, seen.rows, seen.skipped, seen.failed], [1, tiny, 1, 40, 0, 0]);
    assert.equal(seen.differ, small.filter((p, i) => p.value !== pinned.predictions[i].value).length);
    const chosen = (p, i) => (pinned.predictions[i].value === pinned.positive ? p.probability : 1 - p.probability);
    const apart = small.map((p, i) => chosen(p, i) - chosen(pinned.predictions[i], i));
    const mean = apart.reduce((a, b) => a + b) / 40;
    assert.ok(Math.abs(seen.mean_difference - mean) < 1e-9, `${seen.mean_difference} ${mean}`);
    assert.ok(Math.abs(seen.distance.mean - apart.reduce((a, b) => a + Math.abs(b), 0) / 40) < 1e-9);
    const sorted = apart.map(Math.abs).sort((a, b) => a - b);
    assert.ok(Math.abs(seen.distance.p50 - sorted[19]) <= 0.12 * sorted[19] + 1e-9);
    const after = await researcher.ok("POST", `${base}/${id}/promote`, {});
    assert.deepEqual([after.version, after.model.id, after.shadow], [2, tiny, null]);
    assert.deepEqual((await ask(id, rows)).predictions, small);
    assert.equal((await researcher.ok("POST", `${base}/${id}/rollback`, {})).version, 1);
});

test("a shadow that cannot read the rows fails alone", async () => {
    const { model, job } = await researcher.ok("POST", `/api/v1/releases/${release.id}/models`,
        { name: "fewer", target: "outcome", features: ["age"], options: { trees: 5 } }, 202);
    await researcher.job(job.id);
    const { id } = await create({ name: "narrow", model: model.id });
    await researcher.ok("PATCH", `${base}/${id}`, { shadow: models[0] });
    assert.equal((await ask(id, [{ age: 30 }])).predictions.length, 1);
    const seen = await shadowed(id, 1);
    assert.deepEqual([seen.calls, seen.failed, seen.rows], [0, 1, 0]);
    const used = await usage(id);
    assert.deepEqual([used.calls, used.failed], [1, 0]);
});

test("counters outlive the box, and a deleted endpoint is gone", async () => {
    const before = await usage((await ask("counted", [typical])).endpoint);
    const dir = server.dir;
    server.ownsDir = false;
    await server.stop();
    server = await Server.start({ dir });
    server.ownsDir = true;
    for (const client of [researcher, officer]) client.server = server;
    const now = await usage((await ask("counted", [typical])).endpoint);
    assert.equal(now.calls, before.calls + 1);
    const { endpoint } = await ask("counted", [typical]);
    await researcher.ok("DELETE", `${base}/${endpoint}`, undefined, 204);
    await researcher.fails("GET", `${base}/${endpoint}`, undefined, 404, "endpoint.not_found");
    await researcher.fails("POST", `${base}/counted/predict`, { rows: [typical] }, 404, "endpoint.not_found");
    await create({ name: "counted", model: models[0] });
});
