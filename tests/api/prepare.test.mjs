// Columns that become features: a model trained on a time asks for the time, by row and by file,
// and adds up what its features contribute.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Server } from "./lib/server.mjs";

let server, researcher, release, model;
const steps = [{ kind: "calendar", column: "when", parts: ["hour", "weekday"] }];

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
    const officer = await server.person(admin, "officer", ["data"]);
    const reviewer = await server.person(admin, "reviewer", ["data"]);
    researcher = await server.person(admin, "researcher", ["research"]);
    const upload = await officer.upload("visits.csv", visits(1000));
    const { dataset, job } = await officer.ok("POST", "/api/v1/datasets", { name: "visits", upload }, 202);
    await officer.job(job.id);
    const sheet = { title: "Visits", purpose: "test", source: "made", licence: "CC0", contact: "", limits: "", sensitivity: "open" };
    release = await officer.ok("POST", `/api/v1/datasets/${dataset.id}/releases`, { sheet }, 201);
    await reviewer.ok("POST", `/api/v1/releases/${release.id}/approve`, {});
});
after(() => server?.stop());

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
