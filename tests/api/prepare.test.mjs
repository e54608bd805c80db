// Columns that become features: a model trained on a time asks for the time, by row and by file,
// and adds up what its features contribute.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Server } from "./lib/server.mjs";

let server, officer, reviewer, researcher, release, model;
const steps = [{ kind: "calendar", column: "when", parts: ["hour", "weekday"] }];

// Requests by kind: roads take long, lamps are quick; the last are open still. What came of them is
// known only later.
function requests(rows) {
    const lines = ["opened,kind,closed,told"];
    for (let i = 0; i < rows; i++) {
        const at = Date.UTC(2026, 0, 1) + i * 3_600_000, kind = ["road", "lamp"][i % 2];
        const hours = (kind === "road" ? 40 : 4) + ((i * 7919) % 17), ended = at + hours * 3_600_000 < Date.UTC(2026, 0, 1) + rows * 3_600_000;
        const text = (ms) => new Date(ms).toISOString().slice(0, 16).replace("T", " ");
        lines.push(`${text(at)},${kind},${ended ? text(at + hours * 3_600_000) : ""},${ended ? text(at + (hours + 1) * 3_600_000) : ""}`);
    }
    return Buffer.from(lines.join("\n") + "\n");
}

// Visits: twice as many by day, none that matter on the street's name.
function visits(rows) {
    const lines = ["when,street,visits"];
    for (let i = 0; i < rows; i++) {
        const at = new Date(Date.UTC(2026, 0, 1) + i * 3_600_000);
        const text = at.toISOString().slice(0, 19).replace("T", " ");
        const day = at.getUTCHours() >= 8 && at.getUTCHours() < 20;
        lines.push(`${text},${"甲乙丙"[i % 3]},${(day ? 200 : 100) + (i * 7) % 11}`);
    }
    return Buffer.from(lines.join("\n") + "\n");
}

before(async () => {
    server = await Server.start();
    const admin = await server.setup();
    officer = await server.person(admin, "officer", ["data"]);
    reviewer = await server.person(admin, "reviewer", ["data"]);
    researcher = await server.person(admin, "researcher", ["research"]);
    release = await released("visits", visits(1000));
});
after(() => server?.stop());

async function released(name, data) {
    return officer.publish(name, data, reviewer);
}

const train = (prepare) => researcher.call("POST", `/api/v1/releases/${release.id}/models`,
    { name: "visits", target: "visits", prepare, options: { trees: 60 } });

test("a wrong preparation is refused at once", async () => {
    const bad = [
        [{ steps: [{ kind: "magic", column: "when" }] }, "prepare.unknown_kind"],
        [{ steps: [{ kind: "calendar", column: "nobody" }] }, "train.unknown_column"],
        [{ steps: [...steps, ...steps] }, "prepare.column_twice"],
        [{ steps: [{ kind: "calendar", column: "when", parts: ["minute"] }] }, "prepare.bad_option"],
    ];
    for (const [prepare, code] of bad) {
        const answer = await train(prepare);
        assert.equal(answer.status, 400, answer.text);
        assert.equal(answer.json.error.code, code);
    }
});

test("the model asks for the time and knows the hour", async () => {
    const answer = await train({ steps });
    assert.equal(answer.status, 202, answer.text);
    await researcher.job(answer.json.job.id);
    model = await researcher.ok("GET", `/api/v1/models/${answer.json.model.id}`);
    assert.deepEqual(model.features.map((f) => [f.name, f.kind, f.type]), [["street", "category", "text"], ["when", "prepared", "time"]]);
    assert.equal(model.features[1].typical, null);
    const ask = (when) => researcher.ok("POST", `/api/v1/models/${model.id}/predict`,
        { rows: [{ when, street: "甲" }], contributions: true });
    const [noon, night] = [(await ask("2026-06-01 12:00")).predictions[0], (await ask("2026-06-01 02:00")).predictions[0]];
    assert.ok(noon.value > 190 && night.value < 120, JSON.stringify([noon.value, night.value]));
    assert.deepEqual(noon.contributions.map((c) => c.feature), ["when", "street"]);
    const [when] = noon.contributions;
    assert.equal(when.parts[0].feature, "when:hour");
    assert.ok(Math.abs(when.parts.reduce((sum, part) => sum + part.contribution, 0) - when.contribution) < 1e-9);
    const sum = noon.contributions.reduce((all, one) => all + one.contribution, noon.base);
    assert.ok(Math.abs(sum - noon.value) < 1e-6 * noon.value);
    await researcher.fails("POST", `/api/v1/models/${model.id}/predict`, { rows: [{ when: "soon", street: "甲" }] }, 400, "predict.wrong_type");
});

test("a file is predicted as its rows are", async () => {
    const upload = await researcher.upload("new.csv", visits(50));
    const job = await researcher.ok("POST", `/api/v1/models/${model.id}/predictions`, { upload, contributions: true }, 202);
    await researcher.job(job.id);
    const lines = (await researcher.call("GET", `/api/v1/jobs/${job.id}/download`)).text.trim().replace("\ufeff", "").split(/\r?\n/);
    assert.deepEqual(lines[0].split(",").slice(3), ["prediction", "contribution_street", "contribution_when", "contribution_base"]);
    const rows = visits(50).toString().trim().split("\n").slice(1, 11).map((line) => line.split(","));
    const answer = await researcher.ok("POST", `/api/v1/models/${model.id}/predict`, { rows: rows.map(([when, street]) => ({ when, street })) });
    rows.forEach((_, i) => assert.equal(Number(lines[i + 1].split(",")[3]), answer.predictions[i].value));
});

const dates = { start: "opened", end: "closed", unit: "hours", within: 24 };
const warned = (card, code) => card.warnings.filter((one) => one.code === code).map((one) => one.detail);
let hotline;

test("a target out of two dates is refused at once where it cannot be", async () => {
    hotline = await released("requests", requests(600));
    const bad = [
        [{ target: { ...dates, within: 0 } }, {}, "train.bad_within"],
        [{ target: { ...dates, end: "opened" } }, {}, "prepare.bad_option"],
        [{ target: { ...dates, end: "nobody" } }, {}, "train.unknown_column"],
        [{ target: { ...dates, unit: "weeks" } }, {}, "prepare.bad_option"],
        [{ target: dates }, { features: ["kind", "closed"] }, "train.end_known_later"],
        [{ target: dates }, { target: "kind" }, "train.target_taken"],
        [{ target: dates }, { series: { time: "opened", horizons: [1] } }, "prepare.bad_option"],
    ];
    for (const [prepare, more, code] of bad) {
        await researcher.fails("POST", `/api/v1/releases/${hotline.id}/models`, { name: "x", target: "in_time", prepare, ...more }, 400, code);
    }
});

test("closed in time: what is too young is left out, the end is no feature, and the page is told", async () => {
    const prepare = { steps: [{ kind: "calendar", column: "opened" }], target: dates };
    const made = await researcher.ok("POST", `/api/v1/releases/${hotline.id}/models`,
        { name: "in time", target: "in_time", prepare, positive: "no", options: { trees: 60 } }, 202);
    await researcher.job(made.job.id);
    model = await researcher.ok("GET", `/api/v1/models/${made.model.id}`);
    const card = model.scorecard;
    assert.deepEqual(model.classes, ["yes", "no"]);
    assert.deepEqual(model.features.map((f) => f.name), ["kind", "told", "opened"]);
    assert.deepEqual(warned(card, "train.end_left_out"), ["closed"]);
    assert.deepEqual(warned(card, "train.date_after_start"), ["told"]);
    const [as_of] = warned(card, "train.dates_up_to"), [young] = warned(card, "train.dates_young");
    assert.match(as_of, /^2026-01-2\d \d\d:00:00$/);
    assert.equal(card.rows.train + card.rows.validate + card.rows.test, 600 - Number(young));
    assert.deepEqual([warned(card, "train.rows_without_target"), warned(card, "train.dates_missing")], [[], []]);
    assert.ok(Number(young) >= 24 && Number(young) < 30, young);
    assert.ok(card.metrics.find((m) => m.name === "auc").value > 0.99);
    const ask = (kind) => researcher.ok("POST", `/api/v1/models/${model.id}/predict`, { rows: [{ kind, told: null, opened: "2026-02-01 09:00" }] });
    assert.equal((await ask("road")).predictions[0].value, "no");
    assert.equal((await ask("lamp")).predictions[0].value, "yes");
});

test("new rows are judged by a target made out of their own dates", async () => {
    const upload = await researcher.upload("new.csv", requests(400));
    const job = await researcher.ok("POST", `/api/v1/models/${model.id}/drift`, { upload }, 202);
    await researcher.job(job.id);
    const report = (await researcher.call("GET", `/api/v1/jobs/${job.id}/download`)).json;
    assert.equal(report.rows, 400);
    assert.ok(report.judged_rows > 360 && report.judged_rows < 400, String(report.judged_rows)); // the others are too young
    assert.ok(report.metrics.find((m) => m.name === "auc").value > 0.99);
    const few = await researcher.upload("few.csv", requests(10));
    const young = await researcher.ok("POST", `/api/v1/models/${model.id}/drift`, { upload: few }, 202);
    await researcher.job(young.id);
    assert.equal((await researcher.call("GET", `/api/v1/jobs/${young.id}/download`)).json.rows, 10);
});

test("follow-up time: with the end as the event, what has not ended counts up to where the data reaches", async () => {
    const prepare = { target: { start: "opened", end: "closed", unit: "hours" } };
    const made = await researcher.ok("POST", `/api/v1/releases/${hotline.id}/models`,
        { name: "hours", target: "hours", prepare, event: "closed", features: ["kind"], times: [24] }, 202);
    await researcher.job(made.job.id);
    const { scorecard: card, features } = await researcher.ok("GET", `/api/v1/models/${made.model.id}`);
    assert.equal(card.task, "survival");
    assert.deepEqual(features.map((f) => f.name), ["kind"]);
    assert.equal(card.rows.train + card.rows.validate + card.rows.test, 600);
    assert.ok(card.metrics.find((m) => m.name === "c_index").value > 0.7);
    const { predictions } = await researcher.ok("POST", `/api/v1/models/${made.model.id}/predict`, { rows: [{ kind: "road" }, { kind: "lamp" }] });
    assert.ok(predictions[0].survival[0].probability > 0.95 && predictions[1].survival[0].probability < 0.1, JSON.stringify(predictions));
    const upload = await researcher.upload("later.csv", requests(500));
    const job = await researcher.ok("POST", `/api/v1/models/${made.model.id}/drift`, { upload }, 202);
    await researcher.job(job.id);
    const report = (await researcher.call("GET", `/api/v1/jobs/${job.id}/download`)).json;
    assert.equal(report.judged_rows, 500);
    assert.ok(report.metrics.find((m) => m.name === "c_index").value > 0.7);
});
