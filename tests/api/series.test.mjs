// Forecasts of series: trained on a release, judged from several origins, asked by rows, by a file
// and by the release itself.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
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
    const upload = await officer.upload("roads.csv", csvOf(rowsOf(0, HOURS)));
    const { dataset, job } = await officer.ok("POST", "/api/v1/datasets", { name: "roads", upload }, 202);
    await officer.job(job.id);
    const sheet = { title: "Roads", purpose: "test", source: "made", licence: "CC0", contact: "", limits: "", sensitivity: "open" };
    release = await officer.ok("POST", `/api/v1/datasets/${dataset.id}/releases`, { sheet }, 201);
    await reviewer.ok("POST", `/api/v1/releases/${release.id}/approve`, {});
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

test("a history that is too short to learn from names what is needed", async () => {
    const answer = await train({ ...series, horizons: [1, 2000] });
    assert.equal(answer.status, 202, answer.text);
    const job = await researcher.job(answer.json.job.id, "failed");
    assert.equal(job.fault.code, "series.too_few_steps");
    assert.equal(job.fault.detail, String(337 + 2000 + 2000));
});
