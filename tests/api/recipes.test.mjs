// Recipes by the API: proposed for a purpose, kept in versions, shared, used again, and taken back.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import { csv } from "./lib/data.mjs";
import { Server } from "./lib/server.mjs";

let server, admin, officer, reviewer;
const made = {};
before(async () => {
    server = await Server.start();
    admin = await server.setup();
    officer = await server.person(admin, "officer", ["data"]);
    reviewer = await server.person(admin, "reviewer", ["data"]);
    const upload = await officer.upload("patients.csv", csv(300));
    const { dataset, job } = await officer.ok("POST", "/api/v1/datasets", { name: "patients", upload }, 202);
    made.dataset = dataset.id;
    await officer.job(job.id);
    const shown = await officer.ok("GET", `/api/v1/datasets/${made.dataset}`);
    await officer.job(shown.job);
});
after(() => server?.stop());

test("every purpose gives a recipe that is good for the table", async () => {
    const presets = await officer.ok("GET", "/api/v1/recipes/presets");
    assert.deepEqual(presets.map((one) => one.name), ["clinical", "statistics", "corpus", "custom"]);
    for (const { name } of presets) {
        const { text } = await officer.ok("POST", "/api/v1/recipes/propose", { dataset: made.dataset, preset: name });
        const checked = await officer.ok("POST", "/api/v1/recipes/check", { text, dataset: made.dataset });
        assert.deepEqual(checked.errors, [], `${name}: ${text}`);
    }
    await officer.fails("POST", "/api/v1/recipes/propose", { dataset: made.dataset, preset: "fun" }, 400, "recipe.no_such_preset");
});

test("a recipe is kept in versions and shared", async () => {
    const first = await officer.ok("POST", "/api/v1/recipes", { name: "standard", text: "recipe 1\n" }, 201);
    assert.equal(first.visibility, "mine");
    assert.equal((await reviewer.ok("GET", "/api/v1/recipes")).total, 0);
    const second = await officer.ok("POST", "/api/v1/recipes", { previous: first.id, text: "recipe 1\ndecode auto\n", visibility: "everybody" }, 201);
    assert.equal(second.version, 2);
    assert.notEqual(second.hash, first.hash);
    assert.deepEqual((await reviewer.ok("GET", "/api/v1/recipes")).items.map((one) => one.id), [second.id]);
    assert.equal((await officer.ok("GET", `/api/v1/recipes/${second.id}/versions`)).length, 2);
    assert.equal((await reviewer.ok("GET", `/api/v1/recipes/${second.id}/versions`)).length, 1);
    await officer.fails("POST", "/api/v1/recipes", { previous: first.id, text: "recipe 1\n" }, 409, "recipe.not_newest");
    await reviewer.fails("PATCH", `/api/v1/recipes/${second.id}`, { visibility: "mine" }, 403, "recipe.not_yours");
    await officer.ok("PATCH", `/api/v1/recipes/${second.id}`, { visibility: "mine" });
    await reviewer.fails("DELETE", `/api/v1/recipes/${second.id}`, undefined, 404, "recipe.not_found");
    await officer.ok("DELETE", `/api/v1/recipes/${second.id}`, undefined, 204);
});

test("what was done is done again, and taken back", async () => {
    const base = `/api/v1/datasets/${made.dataset}`;
    const recipe = "recipe 1\ndrop columns=ward\n";
    const job = await officer.ok("POST", `${base}/cleanse`, { recipe }, 202);
    await officer.job(job.id);
    assert.equal((await officer.ok("GET", `${base}/revisions/2/recipe`)).text, recipe);
    await officer.fails("GET", `${base}/revisions/1/recipe`, undefined, 404, "dataset.no_recipe");
    await officer.fails("POST", `${base}/revisions/2/restore`, {}, 409, "dataset.revision_newest");
    const shown = await officer.ok("POST", `${base}/revisions/1/restore`, {});
    assert.equal(shown.revision, 3);
    assert.equal(shown.revisions[2].kind, "restore");
    assert.equal(shown.revisions[2].table, shown.revisions[0].table);
    const lineage = await officer.ok("GET", `/api/v1/lineage/${shown.revisions[2].lineage}`);
    assert.equal(lineage.step, "restore");
});

test("what a cleansing set aside is shown and handed out as it wrote it", async () => {
    const base = `/api/v1/datasets/${made.dataset}`;
    const recipe = "recipe 1\nsample manual=30 technical=.5\nwords risk31-sample action=flag\n";
    const job = await officer.ok("POST", `${base}/cleanse`, { recipe }, 202);
    await officer.job(job.id);
    const { revision } = await officer.ok("GET", base);
    const at = `${base}/revisions/${revision}`;
    const { files } = await officer.ok("GET", `${at}/report`);
    assert.deepEqual(files.map((file) => file.name), ["sampling.csv", "sampling_technical.csv", "words.csv"]);
    for (const [i, kind] of ["sampling", "technical", "words"].entries()) {
        const file = await officer.call("GET", `${at}/extract/file?kind=${kind}`);
        assert.equal(file.status, 200, file.text);
        assert.equal(createHash("sha256").update(file.bytes).digest("hex"), files[i].hash);
        assert.match(file.headers["content-disposition"], new RegExp(`${made.dataset}-${revision}\\.csv`));
        const page = await officer.ok("GET", `${at}/extract?kind=${kind}&size=200`);
        assert.equal(page.hash, files[i].hash);
        assert.equal(page.total, files[i].rows);
    }
    const part = await officer.ok("GET", `${at}/extract?offset=10&size=5`);
    assert.deepEqual(part.rows.map((row) => row[0]), ["11", "12", "13", "14", "15"]);
    await officer.fails("GET", `${at}/extract?kind=all`, undefined, 400, "dataset.no_such_extract");
    await officer.fails("GET", `${base}/revisions/1/extract`, undefined, 404, "dataset.no_extract");
});

test("noisy counts spend the dataset's privacy budget, a preview of them does not", async () => {
    const base = `/api/v1/datasets/${made.dataset}`;
    const [column] = (await officer.ok("GET", `${base}/revisions/1/rows?size=1`)).columns;
    const recipe = (epsilon) => ({ recipe: `recipe 1\nnoise by="${column.name}" epsilon=${epsilon}\n`, revision: 1 });
    const { counts } = await officer.ok("POST", `${base}/preview`, recipe(4));
    assert.deepEqual(counts.budget, { epsilon: 4, before: 0, total: 4, most: 10 });
    assert.deepEqual((await officer.ok("POST", `${base}/preview`, recipe(4))).counts, counts, "looking again tells no more");
    const job = await officer.ok("POST", `${base}/cleanse`, recipe(7), 202);
    assert.equal((await officer.ok("GET", base)).epsilon_spent, 7);
    await officer.fails("POST", `${base}/cleanse`, recipe(4), 409, "noise.over_budget");
    await officer.job(job.id);
    const { revision } = await officer.ok("GET", base);
    const report = await officer.ok("GET", `${base}/revisions/${revision}/report`);
    assert.deepEqual(report.budget, { epsilon: 7, before: 0, total: 7, most: 10 });
});
