// Tables and models nobody would wish for: each is refused with a sentence in both languages that
// says where and what to do, or is worked with and told of. On the command line and over the API.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { Server, binary, root } from "./lib/server.mjs";

let folder, server, officer, reviewer, researcher;
const languages = { en: "en_US.UTF-8", zh: "zh_CN.UTF-8" };
const messages = Object.fromEntries(Object.entries({ en: "en", zh: "zh-CN" }).map(([short, name]) =>
    [short, JSON.parse(readFileSync(path.join(root, `web/messages/${name}.json`), "utf8"))]));

// The same rows on every run.
let seed = 1;
const draw = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
const table = (head, rows, row) => {
    seed = 1;
    return [head, ...Array.from({ length: rows }, (_, i) => row(i))].join("\n") + "\n";
};
const yes = () => (draw() < 0.5 ? "yes" : "no");
const some = () => draw().toFixed(3);

const tables = {
    one_class: table("a,b,y", 200, (i) => `${some()},${i % 7},yes`),
    constant: table("a,k,y", 400, () => `${some()},5,${yes()}`),
    all_constant: table("a,k,y", 400, () => `1,5,${yes()}`),
    empty_column: table("a,e,y", 400, () => `${some()},,${yes()}`),
    empty_columns: table("e,f,y", 400, () => `,,${yes()}`),
    empty_target: table("a,y", 400, () => `${some()},`),
    infinite: table("a,b,y", 400, (i) => `${i % 9 ? some() : i % 2 ? "inf" : "-Infinity"},${some()},${some()}`),
    infinite_target: table("a,y", 400, (i) => `${some()},${i % 50 === 7 ? "1e999" : some()}`),
    text_target: table("a,y", 400, (i) => `${some()},${["low", "mid", "high"][i % 3]}`),
    mixed_target: table("a,y", 400, (i) => `${some()},${i % 20 === 7 ? "none" : some()}`),
    names: table("a,y", 400, (i) => `${some()},n${i}`),
    three: "a,y\n1,yes\n2,no\n3,yes\n",
    empty: "",
    header: "a,b,y\n",
    twice: table("a,a,y", 100, () => `${some()},${some()},${yes()}`),
    weights: table("a,w,y", 300, (i) => `${some()},${i === 17 ? -1 : 1},${i % 2}`),
    events: table("a,t,e", 300, (i) => `${some()},${1 + (i % 50)},${i % 3}`),
    series: table("when,v", 300, (i) => `2024-01-${String(1 + Math.floor(i / 24)).padStart(2, "0")} ${String(i % 24).padStart(2, "0")}:00:00,${(i % 24) + draw()}`),
    good: table("a,b,t,y", 300, (i) => `${some()},${"uvw"[i % 3]},${1 + (i % 50)},${yes()}`),
    dates: table("a,from,to,text", 300, (i) => `${some()},2026-01-${String(1 + (i % 28)).padStart(2, "0")},${i % 10 ? `2026-02-${String(1 + (i % 20)).padStart(2, "0")}` : ""},${i % 3 ? "soon" : "later"}`),
    unread: table("a,from,to", 300, (i) => `${some()},2026-01-${String(1 + (i % 28)).padStart(2, "0")},${i % 8 === 3 ? "soon" : `2026-02-${String(1 + (i % 20)).padStart(2, "0")}`}`),
    wide: table([...Array(50000).keys()].map((c) => `c${c}`).join(",") + ",y", 20,
        (i) => [...Array(50000).keys()].map((c) => (i * c) % 7).join(",") + `,${i % 2}`),
};

// What training refuses: the table, the options after it, the code of the sentence, where.
const refused = [
    ["one_class", ["--target", "y"], "train.one_class", /“?"?y/],
    ["all_constant", ["--target", "y"], "train.nothing_varies"],
    ["empty_columns", ["--target", "y"], "train.nothing_varies"],
    ["empty_target", ["--target", "y"], "train.no_rows", /y/],
    ["text_target", ["--target", "y", "--task", "regression"], "train.bad_target", /y/],
    ["text_target", ["--target", "y", "--positive", "low"], "train.not_two_classes", /y/],
    ["mixed_target", ["--target", "y"], "train.target_not_numbers", /8/],
    ["names", ["--target", "y"], "train.too_many_classes", /y/],
    ["three", ["--target", "y"], "train.too_few_rows", /10/],
    ["empty", ["--target", "y"], "intake.empty"],
    ["header", ["--target", "y"], "intake.empty"],
    ["wide", ["--target", "y"], "intake.too_many_columns", /4096/],
    ["good", ["--target", "z"], "train.unknown_column", /z/],
    ["good", [], "cli.option_missing", /--target/],
    ["good", ["--target", "y", "--weight", "b"], "train.bad_weight", /1/],
    ["weights", ["--target", "y", "--weight", "w"], "train.bad_weight", /18/],
    ["events", ["--target", "t", "--event", "e"], "train.bad_event", /3/],
    ["good", ["--target", "t", "--loss", "quantile", "--quantile", "1.5"], "train.bad_option", /quantile \(0\.001 – 0\.999\)/],
    ["good", ["--target", "t", "--quantile", "high"], "cli.not_a_number", /--quantile/],
    ["good", ["--target", "t", "--loss", "median"], "train.bad_option", /loss/],
    ["good", ["--target", "y", "--folds", "1"], "train.bad_option", /folds \(2 – 20\)/],
    ["good", ["--target", "y", "--time", "b"], "train.bad_time", /b/],
    ["good", ["--target", "y", "--class-weights", '{"maybe":2}'], "train.no_such_class", /maybe/],
    ["good", ["--target", "y", "--monotone", "nobody:1"], "train.unknown_column", /nobody/],
    ["good", ["--target", "y", "--prepare", "no.json"], "cli.no_json", /no\.json.*1/],
    ["good", ["--target", "y", "--prepare", "magic.json"], "prepare.unknown_kind", /magic/],
    ["good", ["--target", "y", "--prepare", "list.json"], "prepare.bad_option", /steps/],
    ["dates", ["--target", "y", "--start", "from", "--end", "to", "--within", "0"], "train.bad_within"],
    ["dates", ["--target", "y", "--start", "from", "--end", "to", "--within", "soon"], "cli.not_a_number", /--within/],
    ["dates", ["--target", "y", "--start", "to", "--end", "from", "--within", "3"], "train.end_before_start", /from/],
    ["dates", ["--target", "y", "--start", "from", "--end", "text", "--within", "3"], "train.not_dates", /text/],
    ["dates", ["--target", "y", "--start", "a", "--end", "to"], "train.not_dates", /a/],
    ["dates", ["--target", "y", "--start", "from", "--end", "to", "--within", "400"], "train.all_too_young", /from/],
    ["dates", ["--target", "y", "--start", "from"], "prepare.bad_option", /end/],
    ["dates", ["--target", "text", "--start", "from", "--end", "to", "--within", "3"], "train.target_taken", /text/],
    ["dates", ["--target", "y", "--start", "from", "--end", "to", "--within", "3", "--group", "to"], "train.end_known_later", /to/],
    ["series", ["--series", "time=when,horizons=0", "--target", "v"], "series.bad_wish", /horizons/],
    ["series", ["--series", "time=when,horizons=99999", "--target", "v"], "series.bad_wish", /horizons/],
];
// What it works with, and what it says of it.
const told = [
    ["constant", ["--target", "y"], "train.column_ignored", "k"],
    ["empty_column", ["--target", "y"], "train.column_empty", "e"],
    ["infinite_target", ["--target", "y"], "train.rows_without_target", "y"],
    ["dates", ["--target", "y", "--start", "from", "--end", "to", "--within", "20"], "train.end_left_out", "to"],
    ["dates", ["--target", "y", "--start", "from", "--end", "to", "--within", "20"], "train.dates_up_to", "2026-02-20"],
    ["dates", ["--target", "y", "--start", "from", "--end", "to", "--within", "25"], "train.dates_young", "30", /30 rows began so recently/],
    ["unread", ["--target", "y", "--start", "from", "--end", "to", "--within", "20"], "train.dates_unreadable", "38"],
];

before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), "courtyard-bad-"));
    for (const [name, text] of Object.entries(tables)) writeFileSync(path.join(folder, `${name}.csv`), text);
    writeFileSync(path.join(folder, "no.json"), "not json at all");
    writeFileSync(path.join(folder, "magic.json"), '{"steps":[{"kind":"magic","column":"a"}]}');
    writeFileSync(path.join(folder, "list.json"), "[1,2]");
    server = await Server.start();
    const admin = await server.setup();
    officer = await server.person(admin, "officer", ["data"]);
    reviewer = await server.person(admin, "reviewer", ["data"]);
    researcher = await server.person(admin, "researcher", ["research"]);
});
after(async () => {
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
});

function run(args, language = "en", seconds = 60) {
    const env = { ...process.env, LANG: languages[language], LC_ALL: languages[language] };
    const done = spawnSync(binary, args, { cwd: folder, encoding: "utf8", timeout: seconds * 1000, env, maxBuffer: 1 << 26 });
    return { code: done.status, out: done.stdout, err: done.stderr };
}

// A message with its places open: what stands before, between and behind them.
function says(text, message) {
    let at = 0;
    for (const part of message.split(/\{[^}]*\}/)) {
        const found = text.indexOf(part, at);
        if (found < 0) return false;
        at = found + part.length;
    }
    return true;
}

function refuses(args, code, where = /./) {
    const files = readdirSync(folder).sort();
    for (const language of ["en", "zh"]) {
        const done = run(args, language);
        assert.equal(done.code, 1, `${args.join(" ")}: ${done.code} ${done.out}${done.err}`);
        assert.ok(says(done.err, messages[language][code]), `${args.join(" ")}: ${code}: ${done.err}`);
        const hint = messages[language][`${code}.hint`];
        if (hint) assert.ok(says(done.err, hint), `${args.join(" ")}: ${code}.hint: ${done.err}`);
        assert.match(done.err, where, args.join(" "));
        assert.doesNotMatch(done.err, /\b[a-z]+\.[a-z]+_[a-z_]+\b/, "a bare key is no sentence");
    }
    assert.deepEqual(readdirSync(folder).sort(), files, "what is refused leaves nothing behind");
}

for (const [name, options, code, where] of refused) {
    test(`train ${name} ${options.join(" ")}: ${code}`, () => {
        refuses(["train", `${name}.csv`, ...options, "-o", "out.model"], code, where);
    });
}

for (const [name, options, code, detail, sentence] of told) {
    test(`train ${name} ${options.join(" ")}: told of ${detail}`, () => {
        const done = run(["train", `${name}.csv`, ...options, "-o", "told.model", "--json"]);
        assert.equal(done.code, 0, done.err);
        const warnings = JSON.parse(done.out).warnings;
        assert.ok(warnings.some((one) => one.code === code && one.detail === detail), JSON.stringify(warnings));
        for (const language of ["en", "zh"]) {
            const said = run(["train", `${name}.csv`, ...options, "-o", "told.model"], language);
            assert.ok(says(said.out, messages[language][code]), said.out);
            if (sentence && language === "en") assert.match(said.out, sentence);
        }
    });
}

test("infinities leave a column of numbers what it is, and are told as unread", () => {
    for (const language of ["en", "zh"]) {
        const done = run(["train", "infinite.csv", "--target", "y", "-o", "told.model"], language);
        assert.equal(done.code, 0, done.err);
        assert.match(done.err, /45/); // of 400 rows every ninth
        assert.ok(says(done.err, messages[language]["cli.cells_unread"]), done.err);
    }
    assert.match(run(["show", "told.model"]).out, /a {2}number/);
});

test("a column named twice is two columns, in training and in prediction", () => {
    assert.equal(run(["train", "twice.csv", "--target", "y", "-o", "told.model"]).code, 0);
    const done = run(["predict", "told.model", "twice.csv", "--json"]);
    assert.equal(done.code, 0, done.err);
    assert.equal(done.out.trimEnd().split("\n").length, 100);
});

test("nothing held back to test: no figure, and said so", () => {
    const done = run(["train", "good.csv", "--target", "y", "--test-milli", "0", "-o", "told.model"]);
    assert.equal(done.code, 0, done.err);
    assert.ok(says(done.out, messages.en["cli.trained_untested"]), done.out);
    assert.doesNotMatch(done.out, /0\.0000/);
});

test("predict with rows that do not fit", () => {
    assert.equal(run(["train", "good.csv", "--target", "y", "-o", "told.model"]).code, 0);
    writeFileSync(path.join(folder, "less.csv"), "a\n1\n");
    refuses(["predict", "told.model", "less.csv", "--json"], "predict.missing_column", /[“"]b/);
    refuses(["predict", "told.model", "empty.csv", "--json"], "intake.empty");
    refuses(["predict", "good.csv", "good.csv", "--json"], "model.damaged");
    refuses(["predict", "told.model", "nobody.csv", "--json"], "base.no_such_file", /nobody\.csv/);
});

// A tree of XGBoost's whose node 1 is its own parent, and others that are none.
function xgboost(change) {
    const tree = {
        left_children: [1, -1, -1], right_children: [2, -1, -1], parents: [2147483647, 0, 0],
        split_indices: [0, 0, 0], split_conditions: [0.5, -1, 1], default_left: [0, 0, 0],
        sum_hessian: [2, 1, 1], loss_changes: [1, 0, 0], base_weights: [0, -1, 1], split_type: [0, 0, 0],
        categories: [], categories_nodes: [], categories_segments: [], categories_sizes: [],
        tree_param: { num_deleted: "0", num_feature: "1", num_nodes: "3", size_leaf_vector: "0" }, id: 0,
    };
    const model = { version: [3, 3, 0], learner: {
        attributes: {}, feature_names: ["x"], feature_types: ["float"],
        learner_model_param: { base_score: "[0E0]", num_class: "0", num_feature: "1", num_target: "1" },
        objective: { name: "reg:squarederror" },
        gradient_booster: { name: "gbtree", model: { trees: [tree], tree_info: [0],
            gbtree_model_param: { num_trees: "1", num_parallel_tree: "1" } } },
    } };
    change(tree, model.learner);
    return JSON.stringify(model);
}
const odd_models = [
    ["cycle", "model.xgboost_cycle", (tree) => { tree.left_children[0] = 1; tree.right_children[0] = 1; }],
    ["loop", "model.xgboost_cycle", (tree) => { tree.left_children[1] = 0; tree.right_children[1] = 2; }],
    ["beyond", "model.xgboost_index", (tree) => { tree.left_children[0] = 99; }],
    ["lists", "model.xgboost_count", (tree) => { tree.split_indices.pop(); }],
    ["feature", "model.xgboost_feature", (tree) => { tree.split_indices[0] = 7; }],
    ["objective", "model.xgboost_objective", (tree, learner) => { learner.objective.name = "rank:ndcg"; }],
    ["booster", "model.xgboost_booster", (tree, learner) => { learner.gradient_booster.name = "dart"; }],
    ["base", "model.xgboost_base", (tree, learner) => { learner.learner_model_param.base_score = "none"; }],
    ["quantile", "model.xgboost_param", (tree, learner) => {
        learner.objective = { name: "reg:quantileerror", quantile_loss_param: { quantile_alpha: "[2E0]" } };
    }],
    ["names", "model.xgboost_count", (tree, learner) => {
        learner.feature_types = ["c"];
        learner.gradient_booster.model.cats = { enc: [{ offsets: [0, 9], values: [97] }], feature_segments: [0, 1], sorted_idx: [0] };
    }],
];

for (const [name, code, change] of odd_models) {
    test(`model import ${name}: ${code}`, async () => {
        writeFileSync(path.join(folder, "odd.json"), xgboost(change));
        refuses(["model", "import", "odd.json", "-o", "out.model"], code);
        const upload = await researcher.upload("odd.json", Buffer.from(xgboost(change)));
        await researcher.fails("POST", "/api/v1/models", { name: "odd", upload }, 400, code);
    });
}

test("model import of no JSON, and the one that is right", () => {
    writeFileSync(path.join(folder, "odd.json"), xgboost(() => {}).slice(0, -20));
    refuses(["model", "import", "odd.json", "-o", "out.model"], "model.xgboost_text");
    writeFileSync(path.join(folder, "odd.json"), xgboost(() => {}));
    assert.equal(run(["model", "import", "odd.json", "-o", "told.model"]).code, 0);
});

// ---- over the API -------------------------------------------------------------------------------

async function released(name) {
    return (await officer.publish(name, Buffer.from(tables[name]), reviewer)).id;
}

// Each is refused at once, where the body alone tells, or by the job.
const api_refused = [
    ["one_class", { target: "y" }, "train.one_class"],
    ["all_constant", { target: "y" }, "train.nothing_varies"],
    ["empty_target", { target: "y" }, "train.no_rows"],
    ["text_target", { target: "y", task: "regression" }, "train.bad_target"],
    ["mixed_target", { target: "y" }, "train.target_not_numbers"],
    ["three", { target: "y" }, "train.too_few_rows"],
    ["good", { target: "z" }, "train.unknown_column"],
    ["weights", { target: "y", weight: "w" }, "train.bad_weight"],
    ["events", { target: "t", event: "e" }, "train.bad_event"],
    ["good", { target: "t", options: { loss: "quantile", quantile: 1.5 } }, "train.bad_option"],
    ["good", { target: "y", prepare: { steps: [{ kind: "magic", column: "a" }] } }, "prepare.unknown_kind"],
    ["series", { target: "v", series: { time: "when", horizons: [99999] } }, "series.bad_wish"],
];
const releases = {};

for (const [name, body, code] of api_refused) {
    test(`API ${name} ${JSON.stringify(body)}: ${code}`, async () => {
        releases[name] ??= await released(name);
        const answer = await researcher.call("POST", `/api/v1/releases/${releases[name]}/models`, { name: "m", ...body });
        if (answer.status === 400) {
            assert.equal(answer.json.error.code, code);
            return;
        }
        assert.equal(answer.status, 202, answer.text);
        const job = await researcher.job(answer.json.job.id, "failed");
        assert.equal(job.fault.code, code, JSON.stringify(job));
        for (const language of ["en", "zh"]) assert.ok(messages[language][code], code);
    });
}

test("API: a file without rows is refused where it comes in", async () => {
    for (const name of ["header", "wide"]) {
        const upload = await officer.upload(`${name}.csv`, Buffer.from(tables[name]));
        const answer = await officer.call("POST", "/api/v1/datasets", { name, upload });
        const code = name === "wide" ? "intake.too_many_columns" : "intake.empty";
        if (answer.status === 400) assert.equal(answer.json.error.code, code);
        else assert.equal((await officer.job(answer.json.job.id, "failed")).fault.code, code);
    }
});
