// Survival, counts and quantiles over the API: trained on a release, shown with their scorecard,
// and answering by row and by file.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Server } from "./lib/server.mjs";

let server, researcher, release;

// Stays: the older the sooner the event; watched for 60 days; some weigh nothing.
function stays(rows) {
    const lines = ["age,ward,visits,days,state,counts"];
    let seed = 7;
    const draw = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
    for (let i = 0; i < rows; i++) {
        const age = 20 + Math.floor(draw() * 70);
        const lasts = -Math.log(draw()) * 40 * Math.exp((55 - age) / 15);
        const seen = lasts <= 60;
        const visits = Math.floor(draw() * 3 + (age > 60 ? 4 : 0));
        lines.push(`${age},${"甲乙丙"[i % 3]},${visits},${Math.ceil(Math.min(lasts, 60))},${seen ? "left" : "stayed"},${i % 10 ? 1 : 0}`);
    }
    return Buffer.from(lines.join("\n") + "\n");
}

before(async () => {
    server = await Server.start();
    const admin = await server.setup();
    const officer = await server.person(admin, "officer", ["data"]);
    const reviewer = await server.person(admin, "reviewer", ["data"]);
    researcher = await server.person(admin, "researcher", ["research"]);
    release = await officer.publish("stays", stays(1500), reviewer);
});
after(() => server?.stop());

async function trained(body) {
    const made = await researcher.ok("POST", `/api/v1/releases/${release.id}/models`, { name: "m", ...body }, 202);
    await researcher.job(made.job.id);
    return researcher.ok("GET", `/api/v1/models/${made.model.id}`);
}

test("a survival model tells the risk and the chance by time", async () => {
    const model = await trained({ target: "days", event: "state", positive: "left", weight: "counts", times: [10, 30], options: { trees: 80 } });
    const card = model.scorecard;
    assert.deepEqual([card.task, card.metrics[0].name], ["survival", "c_index"]);
    assert.ok(card.metrics[0].value > 0.7, String(card.metrics[0].value));
    assert.equal(card.rows.train + card.rows.validate + card.rows.test, 1350);
    assert.deepEqual(card.survival.calibration.map((one) => one.time), [10, 30]);
    assert.deepEqual(card.survival.groups.map((one) => one.risk), ["low", "middle", "high"]);
    assert.deepEqual(model.features.map((f) => f.name), ["age", "ward", "visits"]);
    const rows = [{ age: 85, ward: "甲", visits: 5 }, { age: 25, ward: "甲", visits: 1 }];
    const { predictions } = await researcher.ok("POST", `/api/v1/models/${model.id}/predict`, { rows, contributions: true });
    assert.ok(predictions[0].value > 2 * predictions[1].value);
    for (const one of predictions) {
        assert.deepEqual(one.survival.map((at) => at.time), [10, 30]);
        assert.ok(one.survival[0].probability >= one.survival[1].probability);
        const sum = one.base + one.contributions.reduce((a, b) => a + b.contribution, 0);
        assert.ok(Math.abs(Math.exp(sum) - one.value) < 1e-6 * one.value);
    }
    const asked = await researcher.ok("POST", `/api/v1/models/${model.id}/predict`, { rows, times: [5] });
    assert.deepEqual(asked.predictions[0].survival.map((at) => at.time), [5]);
    await researcher.fails("POST", `/api/v1/models/${model.id}/predict`, { rows, times: [5, 5] }, 400, "predict.bad_times");
    const upload = await researcher.upload("rows.csv", Buffer.from("age,ward,visits\n85,甲,5\n"));
    const job = await researcher.ok("POST", `/api/v1/models/${model.id}/predictions`, { upload, times: [20], format: "jsonl" }, 202);
    await researcher.job(job.id);
    const down = await researcher.call("GET", `/api/v1/jobs/${job.id}/download`, undefined, { hold: false });
    const line = JSON.parse(down.bytes.toString().trim());
    assert.ok(Math.abs(line.value - predictions[0].value) < 1e-9);
    assert.deepEqual(line.survival.map((at) => at.time), [20]);
});

test("drift of a survival model judges it on the new rows, where time and event are there", async () => {
    const model = await trained({ target: "days", event: "state", positive: "left", options: { trees: 60 } });
    const drifted = async (text) => {
        const upload = await researcher.upload("new.csv", Buffer.from(text));
        const job = await researcher.ok("POST", `/api/v1/models/${model.id}/drift`, { upload }, 202);
        await researcher.job(job.id);
        return (await researcher.call("GET", `/api/v1/jobs/${job.id}/download`)).json;
    };
    const lines = stays(1500).toString().trim().split("\n").map((line) => line.split(","));
    const whole = await drifted(lines.map((cells) => cells.join(",")).join("\n"));
    const [metric] = whole.metrics;
    assert.deepEqual([whole.task, whole.judged_rows, metric.name], ["survival", 1500, "c_index"]);
    assert.ok(metric.low < metric.value && metric.value < metric.high && metric.value > 0.7, JSON.stringify(metric));
    // Other words for the event are no events; without the column there is nothing to judge.
    const strange = await drifted(lines.map((cells) => cells.join(",").replace("left", "gone")).join("\n"));
    assert.equal(strange.metrics[0].value, null);
    const without = await drifted(lines.map((cells) => [...cells.slice(0, 4), cells[5]].join(",")).join("\n"));
    assert.deepEqual([without.judged_rows, without.metrics], [0, undefined]);
});

test("counts and quantiles", async () => {
    const counts = await trained({ target: "visits", options: { loss: "poisson", trees: 60 } });
    assert.deepEqual([counts.scorecard.task, counts.scorecard.metrics[0].name], ["regression", "poisson_deviance"]);
    const level = await trained({ target: "age", options: { loss: "quantile", quantile: 0.9, trees: 60 } });
    const coverage = level.scorecard.metrics.find((one) => one.name === "coverage");
    assert.deepEqual([coverage.better, coverage.target], ["target", 0.9]);
    assert.ok(Math.abs(coverage.value - 0.9) < 0.1, String(coverage.value));
});

test("what does not go together is refused", async () => {
    const fails = async (body, code) => {
        const made = await researcher.ok("POST", `/api/v1/releases/${release.id}/models`, { name: "m", ...body }, 202);
        const job = await researcher.job(made.job.id, "failed");
        assert.equal(job.error?.code ?? job.fault?.code, code, JSON.stringify(job));
    };
    await fails({ target: "days", event: "state" }, "train.bad_event");
    await fails({ target: "days", options: { loss: "quantile", learner: "linear" } }, "train.linear_no_quantile");
    await researcher.fails("POST", `/api/v1/releases/${release.id}/models`,
        { name: "m", target: "days", weight: "nobody" }, 400, "train.unknown_column");
});
