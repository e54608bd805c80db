// A search for the best options: tries that follow from the seed alone, compared on the validation
// side; the best becomes a model, also of what was there when it was stopped.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { csv } from "./lib/data.mjs";
import { binary, Server, sleep } from "./lib/server.mjs";

let server, officer, reviewer, researcher, other, release;
const base = "/api/v1/searches";

before(async () => {
    server = await Server.start();
    const admin = await server.setup();
    officer = await server.person(admin, "officer", ["data"]);
    reviewer = await server.person(admin, "reviewer", ["data"]);
    researcher = await server.person(admin, "researcher", ["research"]);
    other = await server.person(admin, "other", ["research"]);
    release = await publish("patients", 600);
});
after(() => server?.stop());

async function publish(name, rows) {
    return (await officer.publish(name, csv(rows), reviewer)).id;
}

const start = (more) => researcher.ok("POST", base, { release, name: "search", target: "outcome", options: { trees: 20 }, ...more }, 202);
const show = (id) => researcher.ok("GET", `${base}/${id}`);
async function ended(id) {
    for (let i = 0; i < 1200; i++) {
        const search = await show(id);
        if (search.state !== "running") return search;
        await sleep(50);
    }
    return assert.fail("it does not end");
}

test("the best on the validation side becomes a model with its scorecard", async () => {
    const ranges = { depth: { low: 1, high: 6 }, learning_rate: { low: 0.01, high: 0.5, scale: "log" }, trees: { values: [1, 5, 40] } };
    const begun = await start({ ranges, tries: 8, seed: 7 });
    assert.deepEqual([begun.state, begun.tries, begun.model, begun.headline], ["running", 8, 0, null]);
    const search = await ended(begun.id);
    assert.deepEqual([search.state, search.done, search.failed, search.cancelled], ["done", 8, 0, 0]);
    assert.deepEqual(search.list[0].drawn, {}); // as asked for
    for (const { drawn } of search.list.slice(1)) {
        assert.ok(Number.isInteger(drawn.depth) && drawn.depth >= 1 && drawn.depth <= 6, JSON.stringify(drawn));
        assert.ok(drawn.learning_rate >= 0.01 && drawn.learning_rate <= 0.5);
        assert.ok([1, 5, 40].includes(drawn.trees));
    }
    assert.ok(new Set(search.list.map((t) => JSON.stringify(t.drawn))).size === 8);
    const scores = search.list.map((t) => t.validation.value);
    assert.equal(search.list[0].validation.name, "auc");
    assert.equal(search.best, scores.indexOf(Math.max(...scores)) + 1);
    const best = search.list[search.best - 1];
    assert.equal(best.best, true);
    const model = await researcher.ok("GET", `/api/v1/models/${search.model}`);
    assert.deepEqual([model.state, model.name, model.target, model.job], ["ready", "search", "outcome", best.job]);
    assert.deepEqual(model.headline, search.headline);
    for (const [name, value] of Object.entries(best.drawn)) assert.equal(model.scorecard.options[name], value, name);
    assert.equal(model.scorecard.validation, best.validation.value);
    assert.equal((await researcher.ok("GET", `/api/v1/lineage/${model.lineage}`)).step, "search");
    const age = { age: 70, pressure: 160, sex: "男", ward: "A" };
    assert.equal((await researcher.ok("POST", `/api/v1/models/${model.id}/predict`, { rows: [age] })).predictions.length, 1);
    // The same options by hand make the same model: the split is the same.
    const { model: twin, job } = await researcher.ok("POST", `/api/v1/releases/${release}/models`,
        { name: "twin", target: "outcome", options: { trees: 20, ...best.drawn } }, 202);
    await researcher.job(job.id);
    assert.equal((await researcher.ok("GET", `/api/v1/models/${twin.id}`)).hash, model.hash);
});

test("tries follow from the seed and their number, not from how many there are", async () => {
    const one = await start({ tries: 3, seed: 11 }), two = await start({ tries: 5, seed: 11, at_once: 1 }), three = await start({ tries: 3, seed: 12 });
    const drawn = (search) => search.list.map((t) => t.drawn);
    assert.deepEqual(drawn(two).slice(0, 3), drawn(one));
    assert.notDeepEqual(drawn(three), drawn(one));
    assert.ok("learning_rate" in drawn(one)[1] && "column_share" in drawn(one)[1]); // the usual ranges
    for (const { id } of [one, two, three]) assert.equal((await ended(id)).state, "done");
    const a = await ended(one.id), b = await ended(two.id);
    assert.deepEqual(a.list.map((t) => t.validation), b.list.slice(0, 3).map((t) => t.validation));
});

test("what is stopped keeps the best of what was there", async () => {
    const begun = await start({ tries: 200, at_once: 1, options: { trees: 200 } });
    await other.fails("POST", `${base}/${begun.id}/stop`, {}, 403, "search.denied");
    while ((await show(begun.id)).done < 2) await sleep(30);
    await researcher.ok("POST", `${base}/${begun.id}/stop`, {});
    const search = await ended(begun.id);
    assert.equal(search.state, "stopped");
    assert.equal(search.done + search.failed + search.cancelled, 200);
    assert.ok(search.cancelled > 0 && search.model > 0);
    await researcher.fails("POST", `${base}/${begun.id}/stop`, {}, 409, "job.already_ended");
    await researcher.ok("GET", `/api/v1/models/${search.model}`);
});

test("cancelling its jobs ends it, with nothing to keep", async () => {
    const begun = await start({ tries: 3, schedule: { hold: true } });
    await researcher.ok("POST", `/api/v1/jobs/${begun.job}/cancel`, { array: true });
    const search = await ended(begun.id);
    assert.deepEqual([search.state, search.cancelled, search.model], ["failed", 3, 0]);
});

test("a try that takes too long fails alone", async () => {
    const begun = await start({ release: await publish("many", 20000), tries: 2, try_limit_ms: 8000, options: { trees: 10000, depth: 16, min_child_weight: 0, early_stop: 0, learning_rate: 0.0001 },
        ranges: { trees: { values: [2] }, depth: { values: [2] } } });
    const search = await ended(begun.id);
    assert.deepEqual(search.list.map((t) => [t.state, t.fault?.code ?? null]), [["failed", "job.time_limit"], ["done", null]]);
    assert.deepEqual([search.state, search.best, search.failed], ["done", 2, 1]);
});

test("the command line draws the same tries and keeps the best", async () => {
    const dir = mkdtempSync(path.join(tmpdir(), "courtyard-search-"));
    const file = (name) => path.join(dir, name);
    writeFileSync(file("patients.csv"), csv(600));
    writeFileSync(file("ranges.json"), JSON.stringify({ depth: { low: 1, high: 6 } }));
    const said = execFileSync(binary, ["search", file("patients.csv"), "--target", "outcome", "-o", file("model"), "--scorecard", file("card.json"),
        "--tries", "4", "--trees", "20", "--ranges", file("ranges.json"), "--search-seed", "9"], { encoding: "utf8", env: { ...process.env, LANG: "en_US.UTF-8" } });
    const search = await ended((await start({ tries: 4, seed: 9, ranges: { depth: { low: 1, high: 6 } } })).id);
    const drawn = said.split("\n").filter((line) => line.startsWith("Try")).map((line) => JSON.parse(/\{.*\}/.exec(line)[0]));
    assert.deepEqual(drawn, search.list.map((t) => t.drawn));
    const card = JSON.parse(readFileSync(file("card.json"), "utf8"));
    assert.equal(card.validation, search.list[search.best - 1].validation.value);
    rmSync(dir, { recursive: true });
});

test("what cannot be searched is refused at once", async () => {
    const bad = (more, code, status = 400) => researcher.fails("POST", base, { release, name: "s", target: "outcome", ...more }, status, code);
    await bad({ ranges: { depth: { low: 0, high: 4 } } }, "search.bad_range");
    await bad({ ranges: { depth: { low: 5, high: 4 } } }, "search.bad_range");
    await bad({ ranges: { nothing: { low: 1, high: 4 } } }, "search.bad_range");
    await bad({ ranges: { l2: { low: 0, high: 4, scale: "log" } } }, "search.bad_range");
    await bad({ ranges: { l2: { low: 0, high: 4, scale: "odd" } } }, "search.bad_range");
    await bad({ ranges: { seed: { low: 0, high: 4 } } }, "search.bad_range");
    await bad({ ranges: { learner: { values: ["forest"] } } }, "search.bad_range");
    await bad({ ranges: { depth: { values: [] } } }, "search.bad_range");
    await bad({ ranges: [1] }, "search.bad_range");
    await bad({ tries: 0 }, "search.bad_number");
    await bad({ tries: 1001 }, "search.bad_number");
    await bad({ try_limit_ms: 1 }, "search.bad_number");
    await bad({ target: "none" }, "train.unknown_column");
    await bad({ options: { depth: 99 } }, "train.bad_option");
    await researcher.fails("POST", base, { release: 99, name: "s", target: "outcome" }, 404, "release.not_found");
    await researcher.fails("GET", `${base}/999`, undefined, 404, "search.not_found");
    assert.equal((await researcher.ok("GET", base)).total, 8);
});
