// The whole way of the data, by the API alone: import, check, cleanse, publish, train, predict.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import https from "node:https";
import { after, before, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { csv, medical } from "./lib/data.mjs";
import { Server, sleep } from "./lib/server.mjs";

let server, admin, officer, reviewer, researcher, auditor;
const data = medical();
const events = [];
const made = {};
before(async () => {
    server = await Server.start();
    admin = await server.setup();
    officer = await server.person(admin, "officer", ["data"]);
    reviewer = await server.person(admin, "reviewer", ["data"]);
    researcher = await server.person(admin, "researcher", ["research"]);
    auditor = await server.person(admin, "auditor", ["audit"]);
});
after(() => server?.stop());

function listen(client, into) {
    const request = https.get({ host: "127.0.0.1", port: server.port, path: "/api/v1/events", rejectUnauthorized: false, headers: { cookie: client.cookie } }, (response) => {
        assert.match(response.headers["content-type"], /^text\/event-stream/);
        let text = "";
        response.on("data", (piece) => {
            text += piece;
            const parts = text.split("\n\n");
            text = parts.pop();
            for (const part of parts) {
                const line = /^event: job\ndata: (.*)$/.exec(part);
                if (line) into.push(JSON.parse(line[1]));
            }
        });
        response.on("error", () => {});
    });
    request.on("error", () => {});
    return request;
}

test("import: a look, then a job that is told of as it goes", async () => {
    const stream = listen(officer, events), foreign = [];
    const other = listen(researcher, foreign);
    await sleep(200);
    const upload = await officer.upload("medical.csv", data.bytes);
    const look = await officer.ok("POST", `/api/v1/uploads/${upload}/look`, {});
    assert.equal(look.options.header, true);
    assert.ok(look.options.columns.some((c) => c.name === data.target));
    const { dataset, job } = await officer.ok("POST", "/api/v1/datasets", { name: "乳腺癌", upload }, 202);
    made.dataset = dataset.id;
    const end = await officer.job(job.id);
    assert.equal(end.rows, data.rows);
    await sleep(600);
    assert.ok(events.some((e) => e.id === job.id && e.state === "done"), "no event of the end");
    assert.equal(foreign.length, 0, "a stranger is told of another's job");
    stream.destroy();
    other.destroy();
});

test("check: a profile, with examples hidden", async () => {
    let profile;
    for (let i = 0; i < 200; i++) {
        profile = await officer.call("GET", `/api/v1/datasets/${made.dataset}/revisions/1/profile`);
        if (profile.status === 200) break;
        await sleep(100);
    }
    assert.equal(profile.status, 200, profile.text);
    assert.equal(profile.json.rows, data.rows);
    const rows = await officer.ok("GET", `/api/v1/datasets/${made.dataset}/revisions/1/rows?size=5`);
    assert.equal(rows.rows.length, 5);
    assert.equal(rows.hidden, true);
    await officer.ok("GET", `/api/v1/datasets/${made.dataset}/revisions/1/faults`);
    const list = await officer.ok("GET", "/api/v1/datasets");
    assert.equal(list.total, 1);
});

test("risk: measured for the columns that are ticked", async () => {
    const profile = await officer.ok("GET", `/api/v1/datasets/${made.dataset}/revisions/1/profile`);
    const quasi = profile.columns.slice(0, 2).map((column) => column.name);
    const risk = `/api/v1/datasets/${made.dataset}/risk`;
    const answer = await officer.ok("POST", risk, { quasi, k: 5 });
    assert.equal(answer.risk.rows, data.rows);
    assert.ok(answer.risk.k >= 1 && answer.risk.highest === 1 / answer.risk.k);
    assert.deepEqual(answer.suggest.map((one) => one.k), [5]);
    assert.deepEqual(answer.hierarchies.map((one) => one.column), quasi);
    const told = await officer.ok("POST", risk, { quasi, hierarchies: { [quasi[0]]: "flat" } });
    assert.equal(told.hierarchies[0].rule, "flat");
    assert.equal((await officer.call("POST", risk, { quasi: ["no such column"] })).status, 400);
    assert.equal((await officer.call("POST", risk, { quasi: [] })).status, 400);
});

test("cleanse: propose, check, preview, run, report", async () => {
    await officer.ok("GET", "/api/v1/recipes/operators");
    const proposed = await officer.ok("POST", "/api/v1/recipes/propose", { dataset: made.dataset });
    const checked = await officer.ok("POST", "/api/v1/recipes/check", { text: proposed.text, dataset: made.dataset });
    assert.equal(checked.ok, true, JSON.stringify(checked));
    const bad = await officer.ok("POST", "/api/v1/recipes/check", { text: "no-such-operator x" });
    assert.equal(bad.ok, false);
    assert.ok(bad.errors[0].row >= 1);
    const preview = await officer.ok("POST", `/api/v1/datasets/${made.dataset}/preview`, { recipe: proposed.text, rows: 5 });
    assert.equal(preview.rows.length, 5);
    const job = await officer.ok("POST", `/api/v1/datasets/${made.dataset}/cleanse`, { recipe: proposed.text }, 202);
    await officer.job(job.id);
    const shown = await officer.ok("GET", `/api/v1/datasets/${made.dataset}`);
    assert.equal(shown.revision, 2);
    await officer.ok("GET", `/api/v1/datasets/${made.dataset}/revisions/2/report`);
    const saved = await officer.ok("POST", "/api/v1/recipes", { name: "standard", text: proposed.text }, 201);
    assert.equal((await officer.ok("GET", "/api/v1/recipes")).items[0].id, saved.id);
    await officer.ok("DELETE", `/api/v1/recipes/${saved.id}`, undefined, 204);
});

test("publish: asked for by one, approved by another, then fixed", async () => {
    const sheet = { title: "Breast cancer", purpose: "test", source: "public", licence: "CC0", contact: "", limits: "", sensitivity: "open" };
    const release = await officer.ok("POST", `/api/v1/datasets/${made.dataset}/releases`, { sheet }, 201);
    made.release = release.id;
    assert.equal(release.state, "pending");
    assert.equal((await researcher.ok("GET", "/api/v1/releases")).total, 0);
    await officer.fails("POST", `/api/v1/releases/${release.id}/approve`, {}, 403, "release.same_person");
    const approved = await reviewer.ok("POST", `/api/v1/releases/${release.id}/approve`, {});
    assert.equal(approved.state, "released");
    assert.match(approved.hash, /^[0-9a-f]{64}$/);
    assert.equal((await reviewer.call("POST", `/api/v1/releases/${release.id}/reject`, { reason: "late" })).status, 409);
    assert.equal((await researcher.ok("GET", "/api/v1/releases")).total, 1);
    const lineage = await researcher.ok("GET", `/api/v1/lineage/${approved.lineage}`);
    assert.ok(lineage.parents.length > 0);
});

test("a release is downloaded, in whole and in parts", async () => {
    const target = `/api/v1/releases/${made.release}/download`;
    const whole = await researcher.call("GET", target);
    assert.equal(whole.status, 200);
    assert.match(whole.headers["content-disposition"], /^attachment; filename="/);
    assert.equal(whole.text.trim().split("\n").length, data.rows + 1);
    const part = await researcher.call("GET", target, undefined, { headers: { range: "bytes=100-299" }, hold: false });
    assert.equal(part.status, 206);
    assert.equal(part.headers["content-range"], `bytes 100-299/${whole.bytes.length}`);
    assert.deepEqual(part.bytes, whole.bytes.subarray(100, 300));
    const stale = await researcher.call("GET", target, undefined, { headers: { range: "bytes=0-9", "if-range": '"other"' } });
    assert.equal(stale.status, 200);
    const rows = await researcher.ok("GET", `/api/v1/releases/${made.release}/rows?size=7&offset=3`);
    assert.equal(rows.rows.length, 7);
});

test("train: a model with a scorecard; the same seed gives the same bytes", async () => {
    const hashes = [];
    for (const name of ["first", "again"]) {
        const { model, job } = await researcher.ok("POST", `/api/v1/releases/${made.release}/models`,
            { name, target: data.target, options: { learner: "boost", seed: 7, trees: 50 } }, 202);
        await researcher.job(job.id);
        const shown = await researcher.ok("GET", `/api/v1/models/${model.id}`);
        assert.equal(shown.state, "ready");
        assert.equal(shown.headline.name, "auc");
        assert.ok(shown.headline.value > 0.9, JSON.stringify(shown.headline));
        assert.ok(shown.headline.low <= shown.headline.value && shown.headline.value <= shown.headline.high);
        hashes.push(shown.hash);
        made.model = shown;
    }
    assert.equal(hashes[0], hashes[1]);
    assert.equal((await researcher.ok("GET", "/api/v1/models")).total, 2);
});

test("train: judged by groups and folds; columns that are not there are told at once", async () => {
    const path = `/api/v1/releases/${made.release}/models`;
    const { columns } = await researcher.ok("GET", `/api/v1/releases/${made.release}`);
    const number = columns.find((one) => one.type === "number" && one.name !== data.target).name;
    const asked = { name: "judged", target: data.target, judge_by: [number], time: number,
        options: { trees: 20, folds: 2, cost_miss: 9 } };
    const { model, job } = await researcher.ok("POST", path, asked, 202);
    await researcher.job(job.id);
    const { scorecard } = await researcher.ok("GET", `/api/v1/models/${model.id}`);
    assert.equal(scorecard.groups[0].column, number);
    assert.equal(scorecard.split.groups, "time");
    assert.equal(scorecard.folds.length, 2);
    assert.equal(scorecard.decisions.costs.miss, 9);
    await researcher.ok("DELETE", `/api/v1/models/${model.id}`, undefined, 204);
    await researcher.fails("POST", path, { ...asked, judge_by: [{ column: "nobody" }] }, 400, "train.unknown_column");
    await researcher.fails("POST", path, { ...asked, time: "nobody" }, 400, "train.unknown_column");
    await researcher.fails("POST", path, { ...asked, options: { folds: 1 } }, 400, "train.bad_option");
});

test("predict: a row, with what each column adds; a wrong row is told", async () => {
    const row = Object.fromEntries(made.model.features.map((f) => [f.name, f.typical]));
    const answer = await researcher.ok("POST", `/api/v1/models/${made.model.id}/predict`, { rows: [row], contributions: true });
    const [prediction] = answer.predictions;
    assert.ok(prediction.probability >= 0 && prediction.probability <= 1);
    const margin = prediction.base + prediction.contributions.reduce((sum, c) => sum + c.contribution, 0);
    assert.ok(Math.abs(1 / (1 + Math.exp(-margin)) - prediction.probability) < 1e-3, JSON.stringify({ margin, p: prediction.probability }));
    const number = made.model.features.find((f) => f.kind === "number").name;
    const missing = { ...row };
    delete missing[number];
    await researcher.fails("POST", `/api/v1/models/${made.model.id}/predict`, { rows: [missing] }, 400, "predict.missing_column");
    await researcher.fails("POST", `/api/v1/models/${made.model.id}/predict`, { rows: [{ ...row, [number]: "many" }] }, 400, "predict.wrong_type");
});

test("drift: the training release is like itself; a file whose rows moved is told", async () => {
    const path = `/api/v1/models/${made.model.id}/drift`;
    const same = await researcher.ok("POST", path, { release: made.release }, 202);
    await researcher.job(same.id);
    const report = (await researcher.call("GET", `/api/v1/jobs/${same.id}/download`)).json;
    assert.deepEqual([...new Set(report.columns.map((one) => one.level))], ["stable"]);
    assert.equal(report.judged_rows, report.rows);
    assert.equal(report.metrics[0].name, "auc");
    const [head, ...lines] = new TextDecoder().decode(data.bytes).trim().split("\n");
    const upload = await researcher.upload("moved.csv", Buffer.from([head, ...lines.slice(0, 40)].join("\n") + "\n"));
    const moved = await researcher.ok("POST", path, { upload }, 202);
    const job = await researcher.job(moved.id);
    assert.ok(job.summary.psi > 0.25, JSON.stringify(job.summary));
    await researcher.fails("POST", path, {}, 400, "drift.one_input");
    await researcher.fails("POST", path, { release: 999999 }, 404, "release.not_found");
});

test("predict: a file, as a job whose output is downloaded", async () => {
    const upload = await researcher.upload("new.csv", data.bytes);
    const job = await researcher.ok("POST", `/api/v1/models/${made.model.id}/predictions`, { upload }, 202);
    await researcher.job(job.id);
    const answer = await researcher.call("GET", `/api/v1/jobs/${job.id}/download`);
    assert.equal(answer.status, 200);
    assert.equal(answer.text.trim().split("\n").length, data.rows + 1);
    assert.equal((await officer.call("GET", `/api/v1/jobs/${job.id}/download`)).status >= 403, true);
});

test("bin and back", async () => {
    await officer.ok("DELETE", `/api/v1/datasets/${made.dataset}`, undefined, 204);
    assert.equal((await officer.ok("GET", "/api/v1/datasets")).total, 0);
    assert.equal((await officer.ok("GET", "/api/v1/datasets?deleted=1")).total, 1);
    await officer.ok("PATCH", `/api/v1/datasets/${made.dataset}`, { deleted: false, name: "新名" });
    assert.equal((await officer.ok("GET", "/api/v1/datasets")).items[0].name, "新名");
    await researcher.ok("PATCH", `/api/v1/models/${made.model.id}`, { name: "renamed" });
    await researcher.ok("PATCH", `/api/v1/models/${made.model.id}`, { purpose: "门诊分诊\n初筛" });
    const model = await researcher.ok("PATCH", `/api/v1/models/${made.model.id}`, { not_for: "不代替医生" });
    assert.deepEqual([model.name, model.purpose, model.not_for], ["renamed", "门诊分诊\n初筛", "不代替医生"]);
    assert.equal((await researcher.ok("GET", `/api/v1/models/${made.model.id}`)).purpose, "门诊分诊\n初筛");
    await researcher.fails("PATCH", `/api/v1/models/${made.model.id}`, { purpose: "x".repeat(20000) }, 413, "call.too_long");
    await officer.fails("PATCH", `/api/v1/models/${made.model.id}`, { purpose: "x" }, 403, "server.role_needed");
    await researcher.ok("DELETE", `/api/v1/models/${made.model.id}`, undefined, 204);
});

test("a running job is cancelled", async () => {
    const upload = await officer.upload("many.csv", csv(400000));
    const { job } = await officer.ok("POST", "/api/v1/datasets", { name: "many", upload }, 202);
    await officer.ok("POST", `/api/v1/jobs/${job.id}/cancel`, {});
    await officer.job(job.id, "cancelled");
    await officer.ok("GET", `/api/v1/jobs/${job.id}/log`);
});

test("a file that cannot be read is a failed job with a fault", async () => {
    const upload = await officer.upload("bad.csv", Buffer.from('a,b\n1,"unclosed\n'));
    const answer = await officer.call("POST", "/api/v1/datasets", { name: "bad", upload });
    if (answer.status === 202) {
        for (let i = 0; i < 200; i++) {
            const job = await officer.ok("GET", `/api/v1/jobs/${answer.json.job.id}`);
            if (job.state === "failed") {
                assert.match(job.fault.code, /^csv\./);
                break;
            }
            if (job.state === "done") {
                const faults = await officer.ok("GET", `/api/v1/datasets/${answer.json.dataset.id}/revisions/1/faults`);
                assert.ok(faults.total > 0);
                break;
            }
            await sleep(50);
        }
    } else {
        assert.equal(answer.status, 400);
    }
});

test("home, system, figures and the audit chain tell of it", async () => {
    for (const person of [admin, officer, reviewer, researcher, auditor]) await person.ok("GET", "/api/v1/home");
    const system = await admin.ok("GET", "/api/v1/system");
    assert.equal(system.fingerprint, server.fingerprint);
    assert.ok(system.requests_total > 50);
    const figures = await auditor.call("GET", "/metrics");
    assert.match(figures.text, /courtyard_http_requests_total\{method="POST",route="\/api\/v1\/datasets",status="202"\} \d+/);
    assert.match(figures.text, /courtyard_resident_bytes \d+/);
    for (const line of figures.text.trim().split("\n")) assert.match(line, /^(#|[a-z_]+(\{.*\})? [0-9.e+-]+$)/);
    const findings = await admin.ok("POST", "/api/v1/system/check", {});
    assert.deepEqual(findings.findings, []);
    const audit = await auditor.ok("GET", "/api/v1/audit?size=200");
    for (const action of ["release.approve", "release.download", "model.card"]) {
        assert.ok(audit.items.some((entry) => entry.action === action), `no ${action} in the chain`);
    }
    assert.equal((await auditor.ok("GET", "/api/v1/audit/verify")).ok, true);
});

test("a backup is streamed, whole, and noted", async () => {
    const answer = await admin.call("GET", "/api/v1/system/backup");
    assert.equal(answer.status, 200);
    assert.equal(answer.headers["transfer-encoding"], "chunked");
    assert.equal(answer.bytes.length % 512, 0);
    assert.ok(answer.bytes.subarray(0, 1 << 20).includes("ustar"));
    const audit = await auditor.ok("GET", "/api/v1/audit?action=system.backup");
    assert.equal(audit.items.length, 1);
    assert.equal(audit.items[0].actor, "admin");
});

test("large answers are packed when asked", async () => {
    const answer = await officer.call("GET", `/api/v1/datasets/${made.dataset}/revisions/1/profile`, undefined, { headers: { "accept-encoding": "gzip" } });
    assert.equal(answer.headers["content-encoding"], "gzip");
    const plain = await officer.call("GET", `/api/v1/datasets/${made.dataset}/revisions/1/profile`);
    assert.equal(createHash("sha256").update(gunzipSync(answer.bytes)).digest("hex"), createHash("sha256").update(plain.bytes).digest("hex"));
});
