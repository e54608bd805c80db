// Molecules over the API: drawn and described, the most similar of a release, a model trained on
// SMILES with scaffolds kept together, and what its prediction owes to each atom.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Server } from "./lib/server.mjs";

let server, researcher, release;

// Alcohols are told by their chain, halides by theirs.
function table() {
    const lines = ["smiles,wet"];
    for (let n = 1; n <= 30; n++) {
        for (const tail of ["O", "Cl", "C1CC1", "c1ccccc1"]) lines.push(`${"C".repeat(n)}${tail},${tail === "O" ? 5 + n / 10 : n / 10}`);
    }
    lines.push("CC(C,1");
    return Buffer.from(lines.join("\n") + "\n");
}

before(async () => {
    server = await Server.start();
    const admin = await server.setup();
    const officer = await server.person(admin, "officer", ["data"]);
    const reviewer = await server.person(admin, "reviewer", ["data"]);
    researcher = await server.person(admin, "researcher", ["research"]);
    release = await officer.publish("molecules", table(), reviewer);
});
after(() => server?.stop());

test("a molecule is drawn and described, a pattern stands out", async () => {
    const aspirin = { smiles: "CC(=O)Oc1ccccc1C(=O)O" };
    const plain = await researcher.ok("POST", "/api/v1/molecules/draw", aspirin);
    assert.match(plain.svg, /^<svg xmlns=.*<\/svg>$/);
    assert.doesNotMatch(plain.svg, /script|<circle/);
    assert.equal(plain.scaffold, "c1ccccc1");
    assert.ok(Math.abs(plain.descriptors.weight - 180.159) < 1e-3);
    const acid = await researcher.ok("POST", "/api/v1/molecules/draw", { ...aspirin, pattern: "C(=O)O", width: 200, height: 150 });
    assert.equal(acid.matches, 2);
    assert.equal(acid.svg.match(/<circle/g).length, 6);
    assert.match(acid.svg, /width="200" height="150"/);
    await researcher.fails("POST", "/api/v1/molecules/draw", { smiles: "CC(C" }, 400, "smiles.open_branch");
    await researcher.fails("POST", "/api/v1/molecules/draw", { smiles: "C", width: 5 }, 400, "call.bad_number");
});

test("the most similar of a release", async () => {
    const path = `/api/v1/releases/${release.id}/similar`;
    const found = await researcher.ok("POST", path, { column: "smiles", smiles: "OCCC", most: 3 });
    assert.deepEqual(found.items.map((item) => item.smiles)[0], "CCCO");
    assert.equal(found.items[0].similarity, 1);
    assert.equal(found.items.length, 3);
    assert.equal(found.unreadable, 1);
    assert.match(found.items[2].svg, /<svg/);
    await researcher.fails("POST", path, { column: "nobody", smiles: "C" }, 400, "train.unknown_column");
});

test("those of a release that hold a pattern", async () => {
    const path = `/api/v1/releases/${release.id}/substructure`;
    const found = await researcher.ok("POST", path, { column: "smiles", pattern: "CCl", most: 2 });
    assert.deepEqual([found.holding, found.unreadable, found.undecided], [30, 1, 0]);
    assert.deepEqual(found.items.map((item) => [item.row, item.smiles, item.matches]), [[2, "CCl", 1], [6, "CCCl", 1]]);
    assert.equal(found.items[1].svg.match(/<circle/g).length, 2);
    const none = await researcher.ok("POST", path, { column: "smiles", pattern: "[Fe]" });
    assert.deepEqual([none.items, none.holding], [[], 0]);
    const wrong = await researcher.fails("POST", path, { column: "smiles", pattern: "CC(C" }, 400, "smiles.open_branch");
    assert.equal(wrong.json.error.column, 3);
    await researcher.fails("POST", path, { column: "smiles", pattern: "C".repeat(201) }, 413, "molecule.hard_pattern");
    await researcher.fails("POST", path, { column: "nobody", pattern: "C" }, 400, "train.unknown_column");
});

test("a model learns from molecules, and its prediction is shared out over the atoms", async () => {
    const prepare = { steps: [{ kind: "molecule", column: "smiles", bits: 256 }] };
    const { model: begun, job } = await researcher.ok("POST", `/api/v1/releases/${release.id}/models`,
        { name: "wet", target: "wet", group: "smiles:scaffold", prepare, options: { trees: 60, validate_milli: 0, early_stop: 0 } }, 202);
    await researcher.job(job.id);
    const model = await researcher.ok("GET", `/api/v1/models/${begun.id}`);
    assert.deepEqual(model.features.map((f) => [f.name, f.kind, f.type]), [["smiles", "prepared", "smiles"]]);
    const warned = model.scorecard.warnings.map((warning) => warning.code);
    assert.ok(warned.includes("train.cells_unreadable"), JSON.stringify(warned));
    assert.ok(!warned.includes("train.column_ignored"));
    const answer = await researcher.ok("POST", `/api/v1/models/${model.id}/molecules`, { rows: [{ smiles: "CCCCCO" }, { smiles: "CCCCCCl" }] });
    assert.equal(answer.rows.length, 2);
    const [[alcohol]] = answer.rows;
    assert.equal(alcohol.column, "smiles");
    assert.equal(alcohol.atoms.length, 6);
    assert.match(alcohol.svg, /^<svg/);
    // A row whose SMILES cannot be read is refused, with the column.
    await researcher.fails("POST", `/api/v1/models/${model.id}/predict`, { rows: [{ smiles: "CC(" }] }, 400, "predict.wrong_type");
});
