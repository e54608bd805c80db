// Forecasts of series: trained on a release, judged from several origins, asked by rows, by a file
// and by the release itself.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Server } from "./lib/server.mjs";
import { randomNumbers } from "./lib/data.mjs";

let server, researcher, release, model;
const HOURS = 24 * 7 * 8;
const series = { time: "when", id: "road", horizons: [1, 24], origins: 2, graph: [["东", "西", 1], ["西", "东", 1]] };

const timeOf = (hour) => new Date(Date.UTC(2025, 0, 6) + hour * 3_600_000).toISOString().slice(0, 19).replace("T", " ");
// Two roads with a day and a week in them, and what the weather does to both.
const random = randomNumbers(5);
const weather = Array.from({ length: HOURS }, (_, i) => 60 * Math.sin(i / 17) + 10 * random());
const flow = (hour, road) => {
    const weekend = Math.floor(hour / 24) % 7 >= 5 ? 0.6 : 1;
    return Math.round((500 + 300 * Math.sin(((hour % 24) - 6) / 24 * 2 * Math.PI)) * weekend * (road ? 0.5 : 1) + weather[hour % HOURS]);
};
function rowsOf(from, until) {
    const rows = [];
    for (let hour = from; hour < until; hour++) for (const road of [0, 1]) rows.push({ when: timeOf(hour), road: "东西"[road], flow: flow(hour, road) });
    return rows;
}
const csvOf = (rows) => Buffer.from(`when,road,flow\n${rows.map((r) => `${r.when},${r.road},${r.flow}`).join("\n")}\n`);

before(async () => {
    server = await Server.start();
    const admin = await server.setup();
    const officer = await server.person(admin, "officer", ["data"]);
    const reviewer = await server.person(admin, "reviewer", ["data"]);
    researcher = await server.person(admin, "researcher", ["research"]);
    release = await officer.publish("roads", csvOf(rowsOf(0, HOURS)), reviewer);
});
after(() => server?.stop());

const train = (wish, target = "flow") => researcher.call("POST", `/api/v1/releases/${release.id}/models`,
    { name: "roads", target, series: wish, options: { trees: 60 } });

test("a wrong wish is refused at once", async () => {
    const bad = [
        [{ ...series, horizons: [] }, "series.bad_wish"],
        [{ ...series, horizons: [0] }, "series.bad_wish"],
        [{ ...series, magic: 1 }, "series.bad_wish"],
        [{ ...series, time: "nobody" }, "train.unknown_column"],
        [{ ...series, id: "nobody" }, "train.unknown_column"],
    ];
    for (const [wish, code] of bad) {
        const answer = await train(wish);
        assert.equal(answer.status, 400, answer.text);
        assert.equal(answer.json.error.code, code);
    }
});

test("the backtest beats the same hour of before, and says how sure it is", async () => {
    const answer = await train(series);
    assert.equal(answer.status, 202, answer.text);
    await researcher.job(answer.json.job.id);
    model = await researcher.ok("GET", `/api/v1/models/${answer.json.model.id}`);
    const part = model.scorecard.series;
    assert.deepEqual([part.step_s, part.season, part.cycle, part.series, part.steps, part.edges], [3600, 24, 168, 2, HOURS, 2]);
    assert.equal(part.origins.length, 2);
    assert.deepEqual(part.backtest.map((b) => b.horizon), [1, 24]);
    for (const b of part.backtest) {
        const mae = b.metrics.find((m) => m.name === "mae");
        assert.ok(mae.low <= mae.value && mae.value <= mae.high);
        for (const rule of b.rules) {
            if (b.horizon === 1) assert.ok(mae.value < rule.metrics.find((m) => m.name === "mae").value, JSON.stringify(b));
        }
        assert.deepEqual(b.rules.map((r) => r.rule), ["last", "season", "cycle"]);
        const [near, far] = b.coverage;
        assert.ok(near.value > 0.55 && far.value > 0.8 && far.value >= near.value, JSON.stringify(b.coverage));
    }
    assert.ok(part.recent.length >= 4 && part.recent[0].time.length === part.recent[0].truth.length);
    // What follows the release: the known values up to its end, then each horizon.
    const ahead = model.scorecard.forecast;
    assert.deepEqual(ahead.history.map((h) => [h.series, h.time.length, h.truth.length]), [["东", 72, 72], ["西", 72, 72]]);
    assert.equal(ahead.history[0].time.at(-1), ahead.origin);
    assert.equal(ahead.history[0].truth.at(-1), flow(HOURS - 1, 0));
    const rows = rowsOf(HOURS - 400, HOURS);
    const asked = await researcher.ok("POST", `/api/v1/models/${model.id}/forecast`, { rows });
    assert.deepEqual(ahead.forecasts, asked.forecasts);
});

test("rows of recent history give a forecast for each road and horizon", async () => {
    const answer = await researcher.ok("POST", `/api/v1/models/${model.id}/forecast`, { rows: rowsOf(HOURS - 340, HOURS) });
    assert.equal(answer.origin, timeOf(HOURS - 1));
    assert.deepEqual(answer.forecasts.map((f) => [f.series, f.time, f.horizon]), [
        ["东", timeOf(HOURS), 1], ["东", timeOf(HOURS + 23), 24], ["西", timeOf(HOURS), 1], ["西", timeOf(HOURS + 23), 24],
    ]);
    for (const f of answer.forecasts) {
        assert.ok(f.low_95 <= f.low_80 && f.low_80 <= f.high_80 && f.high_80 <= f.high_95, JSON.stringify(f));
        assert.ok(Math.abs(f.value - flow(HOURS - 169 + f.horizon, f.series === "东" ? 0 : 1)) < 200, JSON.stringify(f));
    }
    // Where only one road is told of, the other is silent.
    const one = await researcher.ok("POST", `/api/v1/models/${model.id}/forecast`, { rows: rowsOf(HOURS - 340, HOURS).filter((r) => r.road === "东") });
    assert.equal(one.silent, 1);
    assert.equal(one.forecasts.length, 2);
});

test("what cannot be forecast is said", async () => {
    const ask = (rows) => researcher.call("POST", `/api/v1/models/${model.id}/forecast`, { rows });
    const rows = rowsOf(HOURS - 340, HOURS);
    const bad = [
        [rows.slice(-100), "series.too_short"],
        [rows.map((r) => ({ ...r, road: r.road + "x" })), "series.unknown_id"],
        [rows.map((r) => ({ ...r, flow: null })), "series.too_short"],
        [[], "call.missing"],
        [[1], "predict.not_a_row"],
    ];
    for (const [list, code] of bad) {
        const answer = await ask(list);
        assert.equal(answer.status, 400, answer.text);
        assert.equal(answer.json.error.code, code);
    }
    const short = await ask(rows.slice(-100));
    assert.equal(short.json.error.detail, "337");
    await researcher.fails("POST", `/api/v1/models/${model.id}/predict`, { rows: [rows[0]] }, 400, "series.ask_forecast");
});

test("a file, the release itself, and a file at an endpoint are forecast as a job", async () => {
    assert.equal((await researcher.ok("GET", `/api/v1/models/${model.id}`)).forecasts, true);
    const endpoint = await researcher.ok("POST", "/api/v1/endpoints", { name: "roads", model: model.id }, 201);
    const again = await researcher.upload("again.csv", csvOf(rowsOf(HOURS - 400, HOURS)));
    const served = `/api/v1/endpoints/${endpoint.id}`;
    assert.equal((await researcher.ok("GET", served)).forecasts, true);
    const upload = await researcher.upload("recent.csv", csvOf(rowsOf(HOURS - 400, HOURS)));
    const byRows = await researcher.ok("POST", `/api/v1/models/${model.id}/forecast`, { rows: rowsOf(HOURS - 400, HOURS) });
    const asked = `/api/v1/models/${model.id}`;
    for (const [path, body] of [[asked, { upload }], [asked, { release: true }], [served, { upload: again }]]) {
        const job = await researcher.ok("POST", `${path}/predictions`, body, 202);
        await researcher.job(job.id);
        const file = await researcher.call("GET", `/api/v1/jobs/${job.id}/download`);
        const lines = file.text.replace("\uFEFF", "").trim().split("\n").map((line) => line.trim().split(","));
        assert.deepEqual(lines[0], ["series", "time", "horizon", "value", "low_80", "high_80", "low_95", "high_95"]);
        assert.equal(lines.length, 5);
        assert.deepEqual(lines.slice(1).map((l) => [l[0], l[1], Number(l[2]), Number(l[3])]), byRows.forecasts.map((f) => [f.series, f.time, f.horizon, f.value]));
    }
});

// ---- drift ------------------------------------------------------------------------------------

const LATER = 24 * 21; // three weeks after training
const drifted = async (rows, state = "done", id = model.id) => {
    const upload = await researcher.upload("later.csv", csvOf(rows));
    const job = await researcher.ok("POST", `/api/v1/models/${id}/drift`, { upload }, 202);
    const over = await researcher.job(job.id, state);
    return state === "done" ? (await researcher.call("GET", `/api/v1/jobs/${job.id}/download`)).json : over.fault;
};
// What comes after training, changed from then on; before it lies the history that forecasts need.
const later = (change) => rowsOf(HOURS - 400, HOURS + LATER).map((row, i) => (i < 800 ? row : { ...row, flow: change(row, Math.floor(i / 2) - 400) }));

test("drift: what goes on as before is no worse, by each horizon and with intervals", async () => {
    const report = await drifted(later((row) => row.flow));
    const { forecast } = report;
    assert.deepEqual([forecast.trained_to, forecast.from, forecast.to, forecast.steps, forecast.left_out],
        [timeOf(HOURS - 1), timeOf(HOURS), timeOf(HOURS + LATER - 1), LATER, 0]);
    assert.ok(["same", "better"].includes(forecast.verdict), JSON.stringify(forecast));
    assert.deepEqual(forecast.horizons.map((h) => [h.horizon, h.rows]), [[1, 2 * LATER], [24, 2 * (LATER - 23)]]);
    assert.equal(report.judged_rows, 2 * LATER + 2 * (LATER - 23));
    assert.deepEqual(report.metrics.map((m) => m.name), ["rmse", "mae"]);
    const { judged } = forecast;
    assert.ok(Math.abs(judged.ratio.value - judged.now.value / judged.before.value) < 1e-9);
    assert.ok(Math.abs(judged.relative.value - judged.ratio.value / judged.rule_ratio.value) < 1e-9);
    assert.ok(judged.ratio.low < judged.ratio.value && judged.ratio.value < judged.ratio.high);
    // The backtest's error as the scorecard has it; that leaves out what the rules cannot forecast.
    const told = model.scorecard.metrics.find((m) => m.name === "mae").value;
    assert.ok(Math.abs(judged.before.value / told - 1) < 0.05, `${judged.before.value} ${told}`);
    assert.deepEqual(report.columns.map((c) => [c.kind, c.name, c.level]),
        [["target", "flow", "stable"], ["series", "东", "stable"], ["series", "西", "stable"]]);
    assert.equal(report.prediction, undefined);
});

test("drift: a day that has moved by six hours, a level that has fallen, noise", async () => {
    const moved = await drifted(later((row, hour) => flow(HOURS + hour + 6, row.road === "西" ? 1 : 0)));
    assert.equal(moved.forecast.verdict, "worse", JSON.stringify(moved.forecast.judged));
    assert.ok(moved.forecast.judged.ratio.low > 1.1);
    const half = await drifted(later((row) => row.flow / 3));
    assert.deepEqual(half.columns.map((c) => c.level), ["large", "large", "large"]);
    assert.ok(["behind", "worse"].includes(half.forecast.verdict), JSON.stringify(half.forecast.judged));
    assert.ok(half.forecast.judged.bias.low > 0, "forecasts are too high");
    assert.ok(half.columns[0].mean.now < half.columns[0].mean.before / 2);
    const noise = await drifted(later((row) => Math.round(row.flow + 900 * (random() - 0.5))));
    assert.ok(noise.forecast.judged.ratio.low > 1.5 && noise.forecast.judged.rule_ratio.low > 1.5, JSON.stringify(noise.forecast.judged));
    const covered = noise.forecast.judged.coverage[0];
    assert.ok(covered.now.high < covered.before.low, JSON.stringify(covered));
});

test("drift: few new steps say so, none are an error, and the release itself is no news", async () => {
    const few = await drifted(rowsOf(HOURS - 400, HOURS + 60));
    assert.equal(few.forecast.verdict, "few");
    const short = await drifted(rowsOf(HOURS - 400, HOURS + 1));
    assert.deepEqual([short.forecast.steps, short.forecast.horizons.length], [1, 1]);
    const fresh = await drifted(rowsOf(HOURS + 10, HOURS + 10 + 337)); // only history: nothing to judge
    assert.deepEqual([fresh.forecast.verdict, fresh.judged_rows, fresh.metrics, fresh.forecast.steps], ["none", 0, undefined, 337]);
    const fault = await drifted(rowsOf(HOURS - 400, HOURS), "failed");
    assert.deepEqual([fault.code, fault.detail], ["drift.not_later", timeOf(HOURS - 1)]);
    const job = await researcher.ok("POST", `/api/v1/models/${model.id}/drift`, { release: release.id }, 202);
    assert.equal((await researcher.job(job.id, "failed")).fault.code, "drift.not_later");
});

const crc32c = (bytes) => {
    let crc = 0xffffffff;
    for (const byte of bytes) {
        crc ^= byte;
        for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
    }
    return (crc ^ 0xffffffff) >>> 0;
};

// The model's file as versions wrote it that kept no profile.
function withoutProfile(file) {
    const at = file.indexOf("PREP");
    const size = Number(file.readBigUInt64LE(at + 4));
    const plan = JSON.parse(file.subarray(at + 16, at + 12 + size).toString());
    assert.ok(plan.series.profile.parts.length > 0);
    delete plan.series.profile;
    const text = Buffer.from(JSON.stringify(plan));
    const head = Buffer.alloc(16);
    head.write("PREP");
    head.writeBigUInt64LE(BigInt(text.length + 4), 4);
    head.writeUInt32LE(text.length, 12);
    const whole = Buffer.concat([file.subarray(0, at), head, text, file.subarray(at + 12 + size, -4), Buffer.alloc(4)]);
    whole.writeUInt32LE(crc32c(whole.subarray(0, -4)), whole.length - 4);
    return whole;
}

test("drift: the command line tells the same in words; a model without a profile forecasts, and says why not", async () => {
    const folder = mkdtempSync(join(tmpdir(), "drift-"));
    const binary = process.env.COURTYARD ?? fileURLToPath(new URL("../../build/courtyard", import.meta.url));
    const run = (...args) => spawnSync(binary, args, { cwd: folder, encoding: "utf8", env: { ...process.env, LANG: "zh_CN.UTF-8" } });
    writeFileSync(join(folder, "train.csv"), csvOf(rowsOf(0, HOURS)));
    writeFileSync(join(folder, "later.csv"), csvOf(later((row, hour) => flow(HOURS + hour + 6, row.road === "西" ? 1 : 0))));
    const trained = run("train", "train.csv", "-o", "m.model", "--trees", "60", "--series", "time=when,value=flow,id=road,horizons=1,24");
    assert.equal(trained.status, 0, trained.stderr);
    const told = run("drift", "m.model", "later.csv");
    assert.equal(told.status, 0, told.stderr);
    assert.match(told.stdout, /训练到 2025-03-02 23:00:00；新数据 2025-03-03 00:00:00 至 2025-03-23 23:00:00，共 504 步/);
    assert.match(told.stdout, /平均绝对误差：回测 [\d.]+，新数据 [\d.]+，比值 [\d.]+（[\d.]+ 至 [\d.]+）/);
    assert.match(told.stdout, /建议用新数据重新训练/);
    const report = JSON.parse(run("drift", "m.model", "later.csv", "--json").stdout);
    assert.equal(report.forecast.verdict, "worse");
    writeFileSync(join(folder, "old.model"), withoutProfile(readFileSync(join(folder, "m.model"))));
    assert.equal(run("predict", "old.model", "later.csv", "-o", "p.csv").status, 0);
    const refused = run("drift", "old.model", "later.csv");
    assert.notEqual(refused.status, 0);
    assert.match(refused.stderr, /没有记下训练数据的分布/);
    rmSync(folder, { recursive: true });
});

test("a history that is too short to learn from names what is needed", async () => {
    const answer = await train({ ...series, horizons: [1, 2000] });
    assert.equal(answer.status, 202, answer.text);
    const job = await researcher.job(answer.json.job.id, "failed");
    assert.equal(job.fault.code, "series.too_few_steps");
    assert.equal(job.fault.detail, String(337 + 2000 + 2000));
});
