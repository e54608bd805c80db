// The command line on files, as a person types it: what it makes, what it says when something is
// wrong, and that a wrong or stopped command leaves nothing behind.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { createWriteStream, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { binary, sleep } from "./lib/server.mjs";
import { xlsx, zip } from "./lib/zip.mjs";

let folder;
const at = (name) => path.join(folder, name);

before(() => {
    folder = mkdtempSync(path.join(tmpdir(), "courtyard-cli-"));
    writeFileSync(at("patients.csv"), patients(800));
});
after(() => rmSync(folder, { recursive: true, force: true }));

// A linear congruential generator: the same rows on every run.
function random(seed) {
    let state = BigInt(seed);
    return (below) => {
        state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffffffffffffffffn;
        return Number((state >> 33n) % BigInt(below));
    };
}

// Three of ten outcomes are chance, so that no honest model is perfect.
function patients(rows, seed = 11) {
    const next = random(seed);
    const lines = ["编号,mobile,sex,age,admitted,pressure,outcome"];
    for (let i = 0; i < rows; i++) {
        const age = 10 + next(80), pressure = 90 + next(90);
        const ill = next(10) < 3 ? next(2) === 0 : age + pressure > 195;
        lines.push([i + 1, `138${String(next(1e8)).padStart(8, "0")}`, "FM"[next(2)], age,
            `20${String(5 + next(15)).padStart(2, "0")}-0${1 + next(9)}-1${next(9)}`, pressure,
            ill ? "ill" : "well"].join(","));
    }
    return lines.join("\n") + "\n";
}

function run(args, options = {}) {
    const lang = options.lang ?? "en";
    const done = spawnSync(binary, [args[0], "--lang", lang, ...args.slice(1)],
        { cwd: folder, encoding: "utf8", timeout: 60000, input: options.input, env: { ...process.env, ...options.env } });
    return { code: done.status, out: done.stdout, err: done.stderr };
}

function works(args, options) {
    const done = run(args, options);
    assert.equal(done.code, 0, `${args.join(" ")}: ${done.err}${done.out}`);
    return done;
}

function fails(args, sentence, code = 1) {
    const before = readdirSync(folder).sort();
    const done = run(args);
    assert.equal(done.code, code, `${args.join(" ")}: ${done.out}${done.err}`);
    assert.match(done.err, sentence);
    assert.doesNotMatch(done.err, /\b[a-z]+\.[a-z]+_[a-z_]+\b/, "a bare key is no sentence");
    assert.deepEqual(readdirSync(folder).sort(), before, "a failed command leaves nothing behind");
}

test("a file goes from import to predictions", () => {
    works(["import", "patients.csv", "-o", "patients.table"]);
    assert.equal(readFileSync(at("patients.table")).subarray(0, 8).toString(), "CYTABLE1");
    works(["profile", "patients.table", "-o", "profile.json"]);
    const profile = JSON.parse(readFileSync(at("profile.json"), "utf8"));
    assert.equal(profile.rows, 800);
    assert.equal(profile.columns.find((c) => c.name === "mobile").personal[0].kind, "mobile");
    writeFileSync(at("recipe.txt"), "recipe 1\nfield direct=mobile\nmask mobile how=pseudonym scope=dataset\n");
    writeFileSync(at("key"), randomBytes(32));
    works(["clean", "recipe.txt", "patients.table", "-o", "clean.table", "--key", "key", "--report", "report.json"]);
    assert.equal(JSON.parse(readFileSync(at("report.json"), "utf8")).output_rows, 800);
    works(["export", "clean.table", "-o", "clean.csv", "--no-mark"]);
    const clean = readFileSync(at("clean.csv"), "utf8").trimEnd().split(/\r?\n/);
    assert.equal(clean.length, 801);
    assert.doesNotMatch(clean.join(), /,138\d{8},/, "no mobile number is left");
    works(["train", "clean.table", "--target", "outcome", "-o", "m.model", "--scorecard", "s.json"]);
    const scorecard = JSON.parse(readFileSync(at("s.json"), "utf8"));
    const auc = scorecard.metrics[0];
    assert.equal(auc.name, "auc");
    assert.ok(auc.value > 0.7 && auc.value < 0.99, `AUC ${auc.value}`);
    works(["predict", "m.model", "clean.csv", "-o", "p.csv", "--contributions"]);
    const head = readFileSync(at("p.csv"), "utf8").split(/\r?\n/)[0];
    for (const name of ["prediction", "probability", "contribution_age", "contribution_base"]) {
        assert.ok(head.includes(name), `${head} lacks ${name}`);
    }
    works(["show", "m.model"]);
    works(["show", "clean.table"]);
});

test("predictions as JSON lines, and models to XGBoost and back", () => {
    writeFileSync(at("new.csv"), patients(3, 5));
    works(["train", "patients.csv", "--target", "outcome", "-o", "x.model"]);
    const plain = works(["predict", "x.model", "new.csv", "--json"]).out.trimEnd().split("\n").map((l) => JSON.parse(l));
    assert.equal(plain.length, 3);
    for (const line of plain) {
        assert.deepEqual(Object.keys(line), ["value", "probability"]);
        assert.equal(line.value, line.probability >= 0.5 ? "well" : "ill");
    }
    works(["predict", "x.model", "new.csv", "-o", "new.jsonl", "--contributions"]);
    readFileSync(at("new.jsonl"), "utf8").trimEnd().split("\n").forEach((text, i) => {
        const line = JSON.parse(text);
        const sum = line.base + Object.values(line.contributions).reduce((a, b) => a + b, 0);
        assert.ok(Math.abs(1 / (1 + Math.exp(-sum)) - plain[i].probability) < 1e-9);
    });
    // Columns in another order, one more, and a cell that is no number.
    writeFileSync(at("odd.csv"), "more,outcome,pressure,admitted,age,sex,mobile,编号\nx,,120,2010-01-11,old,F,1,1\n");
    const odd = works(["predict", "x.model", "odd.csv", "--json"]);
    assert.equal(odd.out.trimEnd().split("\n").length, 1);
    assert.match(odd.err, /1 cells? could not be read/);
    writeFileSync(at("less.csv"), "age\n5\n");
    fails(["predict", "x.model", "less.csv", "--json"], /column/);
    works(["model", "export", "x.model", "-o", "x.json"]);
    works(["model", "import", "x.json", "-o", "y.model"]);
    const again = works(["predict", "y.model", "new.csv", "--json"]).out.trimEnd().split("\n").map((l) => JSON.parse(l));
    again.forEach((line, i) => assert.ok(Math.abs(line.probability - plain[i].probability) < 1e-6));
    fails(["model", "import", "patients.csv", "-o", "z.model"], /JSON/);
    fails(["model", "burn", "x.json", "-o", "z.model"], /no action/);
    fails(["model", "export", "x.json", "-o", "z.json"], /damaged/);
});

test("the same input gives the same bytes", () => {
    for (const name of ["a", "b"]) {
        works(["import", "patients.csv", "-o", `${name}.table`]);
        works(["train", `${name}.table`, "--target", "outcome", "-o", `${name}.model`, "--seed", "7"]);
    }
    assert.deepEqual(readFileSync(at("a.table")), readFileSync(at("b.table")));
    assert.deepEqual(readFileSync(at("a.model")), readFileSync(at("b.model")));
});

test("a column that numbers the rows teaches nothing", () => {
    // Sorted by outcome, the number knows the answer; the other column is chance.
    const next = random(3);
    const rows = Array.from({ length: 400 }, (_, i) => `${i + 1},${next(1000)},${i < 200 ? "a" : "b"}`);
    writeFileSync(at("sorted.csv"), `n,noise,y\n${rows.join("\n")}\n`);
    works(["train", "sorted.csv", "--target", "y", "-o", "sorted.model", "--scorecard", "sorted.json"]);
    const scorecard = JSON.parse(readFileSync(at("sorted.json"), "utf8"));
    assert.ok(scorecard.warnings.some((w) => w.code === "train.row_number_left_out" && w.detail === "n"));
    assert.ok(scorecard.metrics[0].value < 0.75, `AUC ${scorecard.metrics[0].value} of chance`);
});

test("a CSV stands where a table is expected, in GB18030 and packed too", () => {
    works(["profile", "patients.csv"]);
    writeFileSync(at("patients.csv.gz"), gzipSync(readFileSync(at("patients.csv"))));
    works(["import", "patients.csv.gz", "-o", "gz.table"]);
    works(["import", "patients.csv", "-o", "plain.table"]);
    assert.deepEqual(readFileSync(at("gz.table")), readFileSync(at("plain.table")));
    const name = Buffer.from([0xb1, 0xe0, 0xba, 0xc5]); // 编号 in GB18030
    writeFileSync(at("gb.csv"), Buffer.concat([name, Buffer.from(",b\n1,2\n")]));
    works(["import", "gb.csv", "-o", "gb.table", "--encoding", "gb18030"]);
    assert.match(works(["show", "gb.table"]).out, /编号/);
    works(["import", "patients.csv", "-o", "typed.table", "--type", "age=text"]);
    assert.match(works(["show", "typed.table"]).out, /age +text/);
});

test("errors are sentences and leave nothing behind", () => {
    writeFileSync(at("empty.csv"), "");
    writeFileSync(at("cut.csv.gz"), gzipSync(Buffer.from(patients(5000))).subarray(0, 20000));
    writeFileSync(at("bad_recipe.txt"), "recipe 1\nfly away\n");
    writeFileSync(at("not.model"), randomBytes(5000));
    fails(["import", "absent.csv", "-o", "x.table"], /absent\.csv/);
    fails(["import", "empty.csv", "-o", "x.table"], /\S/);
    fails(["import", "cut.csv.gz", "-o", "x.table"], /\S/);
    fails(["import", "patients.csv", "-o", "x.table", "--type", "age=colour"], /type/);
    fails(["import", "patients.csv", "-o", "x.table", "--type", "nobody=text"], /nobody/);
    fails(["import", "patients.csv", "-o", "x.table", "--encoding", "klingon"], /encoding/);
    fails(["import", "patients.csv", "-o", "no/such/folder/x.table"], /\S/);
    fails(["train", "patients.csv", "--target", "nobody", "-o", "x.model"], /nobody/);
    fails(["train", "patients.csv", "--target", "outcome", "-o", "x.model", "--trees", "many"], /\S/);
    fails(["clean", "bad_recipe.txt", "patients.csv", "-o", "x.table"], /2/);
    fails(["predict", "not.model", "patients.csv", "-o", "x.csv"], /\S/);
    writeFileSync(at("few.csv"), "age,sex\n3,F\n");
    fails(["predict", "m.model", "few.csv", "-o", "x.csv"], /\S/);
});

test("text goes in and out line by line, blank ones too", () => {
    writeFileSync(at("notes.txt"), "患者张三，电话13800138000。\n\nsecond, with comma\n-\nNA");
    writeFileSync(at("mask.txt"), "recipe 1\nmask text=* kinds=mobile how=replace\n");
    works(["clean", "mask.txt", "notes.txt", "-o", "notes.out.txt", "--report", "notes.json"]);
    assert.equal(readFileSync(at("notes.out.txt"), "utf8"),
        "患者张三，电话[手机号]。\n\nsecond, with comma\n-\nNA\n");
    const [input] = JSON.parse(readFileSync(at("notes.json"), "utf8")).inputs;
    assert.equal(input.name, "notes.txt");
    assert.equal(input.rows, 5);
    assert.equal(input.hash, createHash("sha256").update(readFileSync(at("notes.txt"))).digest("hex"));
    assert.equal(works(["clean", "mask.txt", "notes.txt", "-o", "-"]).out, readFileSync(at("notes.out.txt"), "utf8"));
});

test("many files are put together by the names of their columns", () => {
    writeFileSync(at("one.csv"), "id,name,age\n001,张三,5\n002,李四,6\n");
    writeFileSync(at("two.csv"), "age;name;id\n7.5;王五;3\n");
    writeFileSync(at("other.csv"), "x,y\n1,2\n");
    writeFileSync(at("nothing.txt"), "recipe 1\nmask name how=mask\n");
    works(["clean", "nothing.txt", "one.csv", "two.csv", "-o", "both.jsonl", "--report", "both.json"]);
    assert.deepEqual(readFileSync(at("both.jsonl"), "utf8").trim().split("\n").map((line) => JSON.parse(line)),
        [{ id: "001", name: "张*", age: 5 }, { id: "002", name: "李*", age: 6 }, { id: "3", name: "王*", age: 7.5 }]);
    assert.deepEqual(JSON.parse(readFileSync(at("both.json"), "utf8")).inputs.map((i) => [i.name, i.rows]),
        [["one.csv", 2], ["two.csv", 1]]);
    works(["import", "one.csv", "two.csv", "-o", "both.table"]);
    works(["clean", "nothing.txt", "both.table", "one.csv", "-o", "three.csv"]);
    assert.equal(readFileSync(at("three.csv"), "utf8").trim().split("\r\n").length, 6);
    fails(["clean", "nothing.txt", "one.csv", "other.csv", "-o", "x.csv"], /other\.csv: id/);
    fails(["clean", "nothing.txt", "one.csv", "absent.csv", "-o", "x.csv"], /absent\.csv/);
    fails(["clean", "nothing.txt", "one.csv", "-o", "x.txt"], /column/);
});

test("workbooks, pages, JSON and archives of files are tables, whatever they are called", () => {
    const rows = [["编号", "姓名", "年龄"], ["001", "张三", 5], ["002", "李 \"四\"", null]];
    const wanted = [{ 编号: "001", 姓名: "张三", 年龄: 5 }, { 编号: "002", 姓名: "李 \"四\"", 年龄: null }];
    const read = (name, ...options) => {
        works(["export", name, "-o", "read.jsonl", ...options]);
        return readFileSync(at("read.jsonl"), "utf8").trim().split("\n").map((line) => JSON.parse(line));
    };
    writeFileSync(at("book.xlsx"), xlsx({ 空: [[null]], 病人: rows, 其他: [["a"], ["b"]] }));
    assert.deepEqual(read("book.xlsx"), wanted);
    assert.deepEqual(read("book.xlsx", "--sheet", "其他"), [{ a: "b" }]);
    fails(["import", "book.xlsx", "-o", "x.table", "--sheet", "9"], /sheet/);
    const cells = rows.map((row) => `<tr>${row.map((cell) => `<td>${cell ?? ""}</td>`).join("")}</tr>`);
    writeFileSync(at("page.xls"), `<html><table>${cells.join("")}</table></html>`);
    assert.deepEqual(read("page.xls"), wanted);
    writeFileSync(at("export.json"), JSON.stringify({ total: 2, data: wanted }, null, 2));
    assert.deepEqual(read("export.json"), wanted);
    const csv = "编号,姓名,年龄\n001,张三,5\n";
    writeFileSync(at("files.zip"), zip({ "说明.txt": "about", "一月.csv": csv, "d/二月.xlsx": xlsx({ 表: rows }), "other.csv": "x\n1\n" }));
    assert.deepEqual(read("files.zip").map((row) => row.source_file), ["一月.csv", "d/二月.xlsx", "d/二月.xlsx"]);
    assert.match(works(["import", "files.zip", "-o", "files.table"]).out, /other\.csv/);
    writeFileSync(at("texts.zip"), zip({ "a.txt": "一\n二\n", "b.txt": "三" }));
    assert.deepEqual(read("texts.zip", "--rows", "file"),
        [{ text: "一\n二", source_file: "a.txt" }, { text: "三", source_file: "b.txt" }]);
    writeFileSync(at("nested.zip"), zip({ "inner.zip": zip({ "a.csv": csv }) }));
    fails(["import", "nested.zip", "-o", "x.table"], /archive/);
    writeFileSync(at("old.xls"), Buffer.from("d0cf11e0a1b11ae1000000", "hex"));
    fails(["import", "old.xls", "-o", "x.table"], /XLSX or CSV/);
    writeFileSync(at("half.xlsx"), readFileSync(at("book.xlsx")).subarray(0, 300));
    fails(["import", "half.xlsx", "-o", "x.table"], /damaged/);
});

test("input that is made to hurt is refused in time", () => {
    writeFileSync(at("line.csv.gz"), gzipSync("a,b\n1," + "x".repeat(64 << 20)));
    fails(["import", "line.csv.gz", "-o", "x.table"], /8 MB/);
    writeFileSync(at("wide.csv"), `${Array.from({ length: 40000 }, (_, i) => `c${i}`).join()}\n`);
    fails(["import", "wide.csv", "-o", "x.table"], /4096/);
    writeFileSync(at("bomb.zip"), zip({ "a.csv": "a,b\n" + "1,2\n".repeat(20 << 20) }));
    fails(["import", "bomb.zip", "-o", "x.table"], /400 times/);
    writeFileSync(at("nul.csv"), "a,b\n1,x\0y\n2,z\n");
    works(["import", "nul.csv", "-o", "nul.table"]);
    const broken = Buffer.from([0xd5, 0xff, 0x2c, 0x31, 0x0a]);
    const line = Buffer.from([0xd5, 0xc5, 0xc8, 0xfd, 0x2c, 0x31, 0x0a]); // 张三,1
    writeFileSync(at("broken.csv"), Buffer.concat([...Array(300).fill(line), broken, ...Array(300).fill(line)]));
    assert.match(works(["import", "broken.csv", "-o", "broken.table"]).out, /gb18030, 1 fault/);
});

test("what a recipe's lines write goes where an option says; what no line answers is told first", () => {
    writeFileSync(at("plain.txt"), "recipe 1\ndecode auto\n");
    writeFileSync(at("review.txt"), "recipe 1\nsample manual=30 technical=.5\nwords own.txt action=flag\n");
    writeFileSync(at("own.txt"), "other\till\n");
    const out = ["patients.csv", "-o", "x.csv"];
    // Told before anything is read: the input need not even be there.
    for (const [option, line] of [["--sampling", "sample"], ["--technical", "sample"], ["--hits", "words"], ["--bundle", "pack"], ["--sign", "pack"]]) {
        fails(["clean", "plain.txt", "absent.csv", "-o", "x.csv", option, "y"], new RegExp(`Option ${option} \\(${line}`));
    }
    fails(["clean", "plain.txt", "absent.csv", "-o", "x.csv", "--key", "key"], /No line of the recipe works with a key/);
    writeFileSync(at("packs.txt"), "recipe 1\npack\n");
    fails(["clean", "packs.txt", "absent.csv", "-o", "x.csv"], /--bundle/);
    fails(["clean", "packs.txt", "absent.csv", "-o", "x.csv", "--bundle", "b.tar"], /--sign/);
    fails(["clean", "bad_recipe.txt", "absent.csv", "-o", "x.csv"], /2/);
    const chinese = run(["clean", "plain.txt", "absent.csv", "-o", "x.csv", "--sampling", "y"], { lang: "zh-CN" });
    assert.match(chinese.err, /选项 --sampling/);
    works(["clean", "review.txt", ...out, "--sampling", "s.csv", "--technical", "t.csv", "--hits", "h.csv", "--report", "r.json"]);
    const { files } = JSON.parse(readFileSync(at("r.json"), "utf8"));
    for (const [i, name] of ["s.csv", "t.csv", "h.csv"].entries()) {
        assert.equal(createHash("sha256").update(readFileSync(at(name))).digest("hex"), files[i].hash, name);
    }
    assert.doesNotMatch(works(["clean", "plain.txt", ...out]).out, /pseudonym/, "no word of a key that nothing uses");
});

test("files that a recipe names lie beside it, or where --files says", () => {
    mkdirSync(at("recipes"));
    mkdirSync(at("lists"));
    const groups = "F;all;*\nM;all;*\n";
    writeFileSync(at("recipes/k.txt"), "recipe 1\nfield quasi=sex,age\nkanon k=5 sex:file|groups.csv age:age|10|20\n");
    writeFileSync(at("recipes/groups.csv"), groups);
    writeFileSync(at("lists/groups.csv"), "F;women;*\nX;others;*\n");
    const clean = (...options) => ["clean", "recipes/k.txt", "patients.csv", "-o", "k.csv", ...options];
    works(clean("--report", "k.json"));
    const { risk } = JSON.parse(readFileSync(at("k.json"), "utf8"));
    assert.ok(risk.k >= 5, `k ${risk.k}`);
    fails(clean("--files", "lists"), /column sex holds a value that its hierarchy lacks/);
    rmSync(at("recipes/groups.csv"));
    fails(clean(), /no hierarchy file "groups\.csv"[^]*--files/);
    writeFileSync(at("lists/groups.csv"), groups);
    works(clean("--files", "lists"));
    writeFileSync(at("recipes/up.txt"), "recipe 1\nfield quasi=sex\nkanon k=5 sex:file|\"../lists/groups.csv\"\n");
    fails(["clean", "recipes/up.txt", "patients.csv", "-o", "k.csv"], /no hierarchy file/);
    writeFileSync(at("recipes/w.txt"), "recipe 1\nwords nowhere.txt\n");
    fails(["clean", "recipes/w.txt", "patients.csv", "-o", "k.csv"], /no word library "nowhere\.txt"[^]*--files/);
});

test("noisy counts stay within the budget of the rule file", () => {
    writeFileSync(at("noisy.txt"), "recipe 1\nnoise by=sex epsilon=12\n");
    writeFileSync(at("site.txt"), "rules own\nprivacy.epsilon_most = 12\n");
    fails(["clean", "noisy.txt", "patients.csv", "-o", "counts.csv"], /budget of the dataset does not suffice: 0 \+ 12 > 10/);
    works(["clean", "noisy.txt", "patients.csv", "-o", "counts.csv", "--rules", "site.txt"]);
    assert.match(readFileSync(at("counts.csv"), "utf8"), /sex,count\r?\nF,\d+\r?\nM,\d+/);
});

test("wrong usage is told and is not the same as a failure", () => {
    fails(["fly"], /fly/, 2);
    fails(["import"], /\S/, 2);
    fails(["import", "patients.csv", "-o"], /-o/, 2);
    fails(["import", "patients.csv", "--wings", "2"], /--wings/, 2);
    fails(["export", "a.csv", "b.csv", "-o", "x"], /\S/, 2);
});

test("molecules: described, found again, and learnt from with scaffolds kept together", () => {
    const rows = ["smiles,boils"];
    for (let n = 1; n <= 40; n++) rows.push(`${"C".repeat(n)}O,${60 + 18 * n}`, `${"C".repeat(n)}c1ccccc1,${90 + 15 * n}`);
    rows.push("CCX,1");
    writeFileSync(at("boils.csv"), rows.join("\n") + "\n");
    const told = works(["molecule", "boils.csv"]).out.trim().split("\n");
    assert.equal(told.length, 82);
    assert.match(told[0], /^row,smiles,scaffold,weight,logp,tpsa,/);
    assert.match(told[2], /^2,[^,]+,c1ccccc1,92\.141,/);
    assert.match(told[81], /,smiles\.unexpected 3$/);
    const similar = works(["molecule", "similar", "boils.csv", "--to", "OCC", "--most", "2"]).out.trim().split("\n");
    assert.equal(similar[1], "3,1.0000,CCO");
    assert.equal(similar.length, 3);
    assert.equal(works(["molecule", "holding", "boils.csv", "--pattern", "c1ccccc1"]).out.trim().split("\n").length, 41);
    fails(["molecule", "similar", "boils.csv", "--to", "CC(C"], /never closed/);
    fails(["molecule", "boils.csv", "--column", "nobody"], /nobody/);
    writeFileSync(at("molecule.json"), '{"steps":[{"kind":"molecule","column":"smiles","bits":256}]}');
    works(["train", "boils.csv", "--target", "boils", "--group", "smiles:scaffold", "--prepare", "molecule.json",
        "-o", "boils.model", "--scorecard", "boils.json", "--trees", "20"]);
    // Two scaffolds, so one of them is the test side, whole.
    assert.equal(JSON.parse(readFileSync(at("boils.json"), "utf8")).rows.test % 40 <= 1, true);
    writeFileSync(at("ask.csv"), "smiles\nCCCO\nOCCC\n");
    const [one, two] = works(["predict", "boils.model", "ask.csv", "--json"]).out.trim().split("\n");
    assert.equal(one, two);
});

test("an output that is there already stays until a new one is whole", () => {
    writeFileSync(at("kept.table"), "before");
    fails(["import", "empty.csv", "-o", "kept.table"], /\S/);
    assert.equal(readFileSync(at("kept.table"), "utf8"), "before");
    works(["import", "patients.csv", "-o", "kept.table"]);
    assert.notEqual(readFileSync(at("kept.table"), "utf8"), "before");
});

test("Chinese and English by --lang", () => {
    assert.match(works(["import", "patients.csv", "-o", "l.table"], { lang: "zh-CN" }).out, /[\u4e00-\u9fff]/);
    assert.doesNotMatch(works(["import", "patients.csv", "-o", "l.table"]).out, /[\u4e00-\u9fff]/);
});

test("Ctrl-C ends it in time and leaves nothing behind", async () => {
    const big = createWriteStream(at("big.csv"));
    const piece = patients(20000, 5).split("\n").slice(1).join("\n");
    big.write("编号,mobile,sex,age,admitted,pressure,outcome\n");
    for (let i = 0; i < 300; i++) if (!big.write(piece)) await new Promise((go) => big.once("drain", go));
    await new Promise((done) => big.end(done));
    const before = readdirSync(folder).sort();
    const child = spawn(binary, ["import", "big.csv", "-o", "big.table", "--lang", "en"], { cwd: folder });
    let said = "";
    child.stderr.on("data", (data) => { said += data; });
    const ended = new Promise((done) => child.on("close", (code) => done(code)));
    await sleep(400);
    assert.equal(child.exitCode, null, "it should still be at work");
    const asked = Date.now();
    child.kill("SIGINT");
    assert.equal(await ended, 130);
    assert.ok(Date.now() - asked < 3000, `took ${Date.now() - asked} ms`);
    assert.ok(said.length > 0);
    assert.ok(!existsSync(at("big.table")));
    assert.deepEqual(readdirSync(folder).sort(), before);
    rmSync(at("big.csv"));
});

// A clinic's own export; the outcome follows from sugar, mass and age, with noise.
function clinic(rows, seed = 5) {
    const next = random(seed);
    const lines = ["姓名,住院号,年龄（岁）,血糖(mg/dL),餐前血糖,体重指数,是否糖尿病"];
    for (let i = 0; i < rows; i++) {
        const age = 20 + next(60), sugar = 70 + next(130), bmi = 18 + next(220) / 10;
        const risk = (age - 45) / 20 + (sugar - 130) / 30 + (bmi - 29) / 8 + (next(1000) / 1000 - 0.5) * 3;
        lines.push(`张${i},Z${i},${age},${sugar},${60 + next(50)},${bmi.toFixed(1)},${risk > 0.6 ? "是" : "否"}`);
    }
    return lines.join("\n") + "\n";
}

test("pilots are listed in both languages, and for a machine", () => {
    const all = JSON.parse(works(["pilot", "list", "--json"]).out);
    assert.ok(all.length >= 9 && all.every((p) => p.title && p.columns.some((c) => c.use === "target")));
    const [english, chinese] = ["en", "zh-CN"].map((lang) => works(["pilot", "list"], { lang }).out);
    for (const { id, title } of all) assert.ok(english.includes(`${id}\n  ${title}`), id);
    assert.match(chinese, /medical-diabetes\n {2}糖尿病风险/);
    fails(["pilot", "lost"], /no action/);
    fails(["pilot", "run", "no-such-pilot", "patients.csv"], /no pilot "no-such-pilot"/);
});

test("a pilot on a file: columns found and corrected, the model and what it was judged by", () => {
    writeFileSync(at("体检.csv"), clinic(600));
    const said = works(["pilot", "run", "medical-diabetes", "体检.csv", "-o", "体检/", "--column", "glucose=血糖(mg/dL)", "--column", "patient_id="]);
    assert.match(said.out, /\(glucose\) <- 血糖\(mg\/dL\) \(found by: your choice\)/);
    assert.match(said.out, /\(bmi\) <- 体重指数/);
    assert.doesNotMatch(said.out, /patient_id/, "what may be missing and is, is not told of");
    assert.match(said.out, /600 rows read, 600 after cleansing/);
    const files = readdirSync(at("体检")).sort();
    assert.deepEqual(files, ["model", "pilot.json", "predictions.csv", "report.json", "scorecard.json", "table"]);
    const told = JSON.parse(readFileSync(at("体检/pilot.json"), "utf8"));
    assert.deepEqual([told.mapping.glucose, told.mapping.diabetes, told.positive, told.rows], ["血糖(mg/dL)", "是否糖尿病", "是", 600]);
    assert.deepEqual(told.train.features.sort(), ["age", "bmi", "glucose"]);
    const card = JSON.parse(readFileSync(at("体检/scorecard.json"), "utf8"));
    const lines = readFileSync(at("体检/predictions.csv"), "utf8").trim().split("\n").map((l) => l.split(","));
    assert.deepEqual(lines[0], ["row", "side", "truth", "value", "probability"]);
    assert.equal(lines.length, 601);
    const test = lines.filter((l) => l[1] === "test");
    assert.deepEqual(["train", "validate", "test"].map((s) => lines.filter((l) => l[1] === s).length), [card.rows.train, card.rows.validate, card.rows.test]);
    // The AUC of what is told of the test side is the scorecard's.
    const [ill, well] = ["是", "否"].map((v) => test.filter((l) => l[2] === v).map((l) => Number(l[4])));
    const pairs = ill.flatMap((a) => well.map((b) => (a > b ? 1 : a === b ? 0.5 : 0)));
    const auc = pairs.reduce((a, b) => a + b, 0) / pairs.length;
    assert.ok(Math.abs(auc - card.metrics.find((m) => m.name === "auc").value) < 1e-6, String(auc));
    // The truth stands where the row says.
    works(["export", "体检/table", "-o", "体检/table.csv", "--no-mark"]);
    const table = readFileSync(at("体检/table.csv"), "utf8").trim().split(/\r?\n/).map((l) => l.split(","));
    const target = table[0].indexOf("diabetes");
    for (const l of lines.slice(1, 50)) assert.equal(table[Number(l[0])][target], l[2]);
    // What is told is the judged model's; the one that answers has learnt from all rows since.
    assert.match(said.out, /then fitted once more in the same way on all rows/);
    const answers = works(["predict", "体检/model", "体检/table.csv", "--json"]).out.trim().split("\n").map((l) => JSON.parse(l).probability);
    const off = lines.slice(1).map((l, i) => Math.abs(answers[i] - Number(l[4])));
    assert.ok(Math.max(...off) > 1e-3 && off.reduce((a, b) => a + b, 0) / off.length < 0.1, String(off.slice(0, 9)));
});

test("a pilot's answer for a machine, its seed, and what cannot run", () => {
    writeFileSync(at("clinic.csv"), clinic(300));
    const ask = (...more) => JSON.parse(works(["pilot", "run", "medical-diabetes", "clinic.csv", "--json", "--column", "patient_id=", ...more]).out);
    const [one, again, other] = [ask("--seed", "7"), ask("--seed", "7"), ask("--seed", "8")];
    assert.equal(one.train.options.seed, 7);
    assert.deepEqual(one, again);
    assert.notDeepEqual(one.scorecard.metrics, other.scorecard.metrics);
    assert.equal(existsSync(at("pilot")), false);
    fails(["pilot", "run", "medical-diabetes", "clinic.csv", "--column", "glucose=空"], /columns do not fit together: 空/);
    fails(["pilot", "run", "medical-diabetes", "clinic.csv", "--column", "sugar=体重指数"], /columns do not fit together: sugar/);
    fails(["pilot", "run", "medical-diabetes", "clinic.csv", "--column", "glucose="], /column that is needed is missing/);
    fails(["pilot", "run", "medical-diabetes", "clinic.csv", "--column", "diabetes=住院号"], /not clear which value/);
    fails(["pilot", "run", "medical-diabetes", "lost.csv"], /lost\.csv/);
    fails(["pilot", "run", "medical-diabetes", "clinic.csv", "--seed", "x"], /--seed/);
    assert.match(run(["pilot", "run", "medical-diabetes", "clinic.csv", "--column", "glucose="], { lang: "zh-CN" }).err, /缺少/);
});

test("training tells the rows it was judged by, a forecast those of its backtest", () => {
    const hours = Array.from({ length: 24 * 40 }, (_, i) => [new Date(Date.UTC(2025, 0, 6) + i * 3.6e6).toISOString().slice(0, 19).replace("T", " "), Math.round(100 + 50 * Math.sin(i / 24 * 2 * Math.PI) + (i * 7919) % 13)]);
    writeFileSync(at("hours.csv"), `time,load\n${hours.map((h) => h.join(",")).join("\n")}\n`);
    works(["train", "hours.csv", "-o", "hours.model", "--series", "time=time,value=load,horizons=1,24,origins=2", "--trees", "30", "--predictions", "hours.test.csv", "--scorecard", "hours.json"]);
    const [head, ...rows] = readFileSync(at("hours.test.csv"), "utf8").trim().split("\n").map((l) => l.split(","));
    assert.deepEqual(head, ["series", "origin", "time", "horizon", "truth", "value", "low_80", "high_80", "low_95", "high_95"]);
    const truth = new Map(hours.map(([time, value]) => [time, value]));
    for (const r of rows) assert.equal(truth.get(r[2]), Number(r[4]), r.join());
    const card = JSON.parse(readFileSync(at("hours.json"), "utf8"));
    const near = rows.filter((r) => r[3] === "1");
    const mae = near.reduce((sum, r) => sum + Math.abs(Number(r[4]) - Number(r[5])), 0) / near.length;
    const told = card.series.backtest.find((b) => b.horizon === 1);
    assert.equal(told.rows, near.length);
    assert.ok(Math.abs(mae - told.metrics.find((m) => m.name === "mae").value) < 1e-4, String(mae));
});

// A byte-level vocabulary of a few tokens, as GGUF.
function vocabulary() {
    const u32 = (v) => { const b = Buffer.alloc(4); b.writeUInt32LE(v); return b; };
    const u64 = (v) => { const b = Buffer.alloc(8); b.writeBigUInt64LE(BigInt(v)); return b; };
    const text = (t) => Buffer.concat([u64(Buffer.byteLength(t)), Buffer.from(t)]);
    const value = (name, t) => Buffer.concat([text(name), u32(8), text(t)]);
    const list = (name, type, items) => Buffer.concat([text(name), u32(9), u32(type), u64(items.length), ...items]);
    return Buffer.concat([Buffer.from("GGUF"), u32(3), u64(0), u64(5),
        value("tokenizer.ggml.model", "gpt2"), value("tokenizer.ggml.pre", "gpt-2"),
        list("tokenizer.ggml.tokens", 8, ["a", "b", "ab", "Ġ", "<end>"].map(text)),
        list("tokenizer.ggml.token_type", 5, [1, 1, 1, 1, 3].map(u32)),
        list("tokenizer.ggml.merges", 8, [text("a b")])]);
}

test("a text as a model's tokens, line by line, and back", () => {
    writeFileSync(at("tiny.gguf"), vocabulary());
    const json = works(["tokenize", "tiny.gguf", "--json"], { input: '"ab a"\n""\n"b<end>"' });
    assert.equal(json.out, "[2,3,0]\n[]\n[1]\n"); // what the vocabulary lacks leaves nothing
    const control = works(["tokenize", "tiny.gguf", "--json", "--control"], { input: '"b<end>"\n' });
    assert.equal(control.out, "[1,4]\n");
    assert.equal(works(["tokenize", "tiny.gguf"], { input: "ab\r\nba" }).out, "2\n1 0\n");
    assert.equal(works(["tokenize", "tiny.gguf", "--json", "--decode"], { input: "[2,3,0]\n" }).out, '"ab a"\n');
    for (const [args, input, sentence, out] of [
        [["--json"], '"a"\nab\n"b"\n', /JSON/, "[0]\n"],
        [["--json"], "[1]\n", /not a JSON string[\s\S]*row 1/i, ""],
        [["--decode"], "0 9\n", /no token 9/, ""],
        [["--decode", "--json"], '["a"]\n', /not a list of tokens/, ""],
    ]) {
        const done = run(["tokenize", "tiny.gguf", ...args], { input });
        assert.equal(done.code, 1, done.err);
        assert.match(done.err, sentence);
        assert.equal(done.out, out); // the lines before it are answered
    }
    writeFileSync(at("cut.gguf"), vocabulary().subarray(0, 100));
    assert.match(run(["tokenize", "cut.gguf"], { input: "" }).err, /ends too early/);
    assert.match(run(["tokenize", "cut.gguf"], { input: "", lang: "zh" }).err, /过早结束/);
    assert.match(run(["tokenize", "patients.csv"], { input: "" }).err, /not a GGUF/);
});

test("personal data in lines, the last one without its end", () => {
    const done = works(["detect", "--json"], { input: "手机13812345678\r\n\nnothing" });
    const lines = done.out.trimEnd().split("\n").map((line) => JSON.parse(line));
    assert.equal(lines.length, 3);
    assert.deepEqual(lines[0].map((hit) => [hit.kind, hit.text]), [["mobile", "13812345678"]]);
    assert.deepEqual(lines.slice(1), [[], []]);
});

// A llama of one layer and 32 columns with weights that follow from their place, in F32.
function smallModel() {
    const u32 = (v) => { const b = Buffer.alloc(4); b.writeUInt32LE(v); return b; };
    const u64 = (v) => { const b = Buffer.alloc(8); b.writeBigUInt64LE(BigInt(v)); return b; };
    const text = (t) => Buffer.concat([u64(Buffer.byteLength(t)), Buffer.from(t)]);
    const named = (name, v) => Buffer.concat([text(name), u32(8), text(v)]);
    const whole = (name, v) => Buffer.concat([text(`llama.${name}`), u32(4), u32(v)]);
    const epsilon = Buffer.alloc(4);
    epsilon.writeFloatLE(1e-5);
    const values = [named("general.architecture", "llama"), named("tokenizer.ggml.model", "no_vocab"),
        whole("context_length", 64), whole("embedding_length", 32), whole("block_count", 1),
        whole("feed_forward_length", 64), whole("attention.head_count", 2), whole("vocab_size", 32),
        Buffer.concat([text("llama.attention.layer_norm_rms_epsilon"), u32(6), epsilon])];
    const tensors = [["token_embd.weight", 32, 32], ["output_norm.weight", 32], ["blk.0.attn_norm.weight", 32],
        ["blk.0.ffn_norm.weight", 32], ["blk.0.attn_q.weight", 32, 32], ["blk.0.attn_k.weight", 32, 32],
        ["blk.0.attn_v.weight", 32, 32], ["blk.0.attn_output.weight", 32, 32], ["blk.0.ffn_gate.weight", 32, 64],
        ["blk.0.ffn_up.weight", 32, 64], ["blk.0.ffn_down.weight", 64, 32]];
    let offset = 0;
    const described = [], bytes = [];
    for (const [name, ...sizes] of tensors) {
        const count = sizes.reduce((a, b) => a * b);
        described.push(text(name), u32(sizes.length), ...sizes.map(u64), u32(0), u64(offset));
        bytes.push(Buffer.from(Float32Array.from({ length: count }, (_, i) => Math.sin(i * 7 + offset)).buffer));
        offset += 4 * count;
    }
    const head = Buffer.concat([Buffer.from("GGUF"), u32(3), u64(tensors.length), u64(values.length), ...values, ...described]);
    return Buffer.concat([head, Buffer.alloc((32 - head.length % 32) % 32), ...bytes]);
}

test("a language model's weights in fewer bits, and how fast it is", () => {
    writeFileSync(at("small.gguf"), smallModel());
    const made = works(["model", "quantise", "small.gguf", "small-q8.gguf", "--type", "q8_0"]);
    assert.match(made.out, /small-q8.gguf is written: [\d.]+ KB of weights became [\d.]+ KB/);
    assert.equal(JSON.parse(works(["model", "show", "small-q8.gguf", "--json"]).out).type, "Q8_0");
    const speed = JSON.parse(works(["bench", "language", "small-q8.gguf", "--json", "--threads", "1", "--prompt", "16",
        "--generate", "8", "--sequences", "1,3", "--runs", "2"]).out);
    assert.deepEqual(speed.tests.map((t) => t.test), ["pp16", "tg8", "tg8 x 3"]);
    for (const t of speed.tests) assert.ok(t.median > 0 && t.mean > 0 && t.deviation >= 0, JSON.stringify(t));
    assert.ok(speed.memory_bytes_s > 1e6 && speed.token_bytes > 0 && speed.load_s > 0);
    const table = works(["bench", "language", "small-q8.gguf", "--threads", "1", "--prompt", "0", "--generate", "8", "--runs", "1"]);
    assert.match(table.out, /\| model .*\| +t\/s \|\n.*\n\| llama 0.0B Q8_0 .*\|\n.*Memory reads [\d.]+ [KMG]?B a second/);
    for (const [args, sentence] of [
        [["model", "quantise", "small.gguf", "x.gguf", "--type", "q5_k"], /no type q5_k/],
        [["model", "quantise", "small.gguf", "--type", "q8_0"], /-o/],
        [["model", "quantise", "small-q8.gguf", "x.gguf", "--type", "q4_0"], /quantised already/],
        [["model", "quantise", "patients.csv", "x.gguf", "--type", "q4_0"], /GGUF/],
        [["bench", "language", "small.gguf", "--generate", "65"], /do not fit/],
        [["bench", "language", "small.gguf", "--sequences", "0"], /--sequences/],
        [["bench", "tabular", "small.gguf"], /tabular/],
    ]) {
        const done = run(args);
        assert.notEqual(done.code, 0, args.join(" "));
        assert.match(done.err, sentence);
        assert.ok(!existsSync(at("x.gguf")));
    }
});
