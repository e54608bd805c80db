// Mistakes on the command line of language models, as a stranger makes them: each ends with a sentence in
// the person's language that names what is wrong, with the exit status for it, and leaves nothing behind.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { hasStories, storiesGguf } from "./lib/gguf.mjs";
import { binary } from "./lib/server.mjs";

const options = { skip: hasStories ? false : "no models/stories260K.bin in ../shared/data (COURTYARD_DATA names another place)" };
let folder;
const at = (name) => path.join(folder, name);
before(() => {
    if (!hasStories) return;
    folder = mkdtempSync(path.join(tmpdir(), "courtyard-mistakes-"));
    writeFileSync(at("m.gguf"), storiesGguf());
    writeFileSync(at("text.txt"), "Once upon a time there was a dog.\n".repeat(80));
    writeFileSync(at("bad.json"), "{");
    writeFileSync(at("bad.gbnf"), "root = 1\n");
    writeFileSync(at("bytes.txt"), Buffer.from([0x68, 0xff]));
    mkdirSync(at("dir"));
});
after(() => folder && rmSync(folder, { recursive: true, force: true }));
const run = (args, more = {}) => spawnSync(binary, args, { cwd: folder, encoding: "utf8", timeout: 60000, input: "", ...more });

// What is wrong, the exit status, and what the English sentence says; the Chinese one says it too.
function fails(args, code, sentence) {
    const before = readdirSync(folder).sort();
    const done = run([args[0], "--lang", "en", ...args.slice(1)]);
    const told = `${args.join(" ")}: ${done.status} ${done.stdout.slice(0, 200)}${done.stderr}`;
    assert.equal(done.status, code, told);
    assert.match(done.stderr, sentence, told);
    if (code === 1) assert.equal(done.stdout, "", told);
    const chinese = run([args[0], ...args.slice(1)], { env: { ...process.env, LC_ALL: "", LANG: "zh_CN.UTF-8" } });
    assert.equal(chinese.status, code);
    assert.match(chinese.stderr, /^错误：.*\p{Script=Han}/u, told);
    assert.deepEqual(readdirSync(folder).sort(), before, told);
}

test("options that are unknown, lack a value, stand twice or are too many", options, () => {
    for (const command of [["generate", "m.gguf"], ["chat", "m.gguf"], ["perplexity", "m.gguf", "text.txt"], ["bench", "language", "m.gguf"], ["tokenize", "m.gguf"], ["model", "show", "m.gguf"]]) {
        fails([...command, "--nope"], 2, /--nope/);
    }
    fails(["generate", "m.gguf", "--prompt"], 2, /--prompt/);
    fails(["generate", "m.gguf", "--prompt", "a", "--prompt", "b"], 2, /--prompt/);
    fails(["generate", "m.gguf", "more"], 2, /more/);
    fails(["generate"], 2, /generate/);
    fails(["perplexity", "m.gguf"], 2, /perplexity/);
    fails(["bench", "language"], 2, /bench/);
    fails(["tokenize"], 2, /tokenize/);
    fails(["model", "show"], 2, /model/);
    fails(["generate", "m.gguf"], 1, /--prompt/);
    fails(["generate", "m.gguf", "--prompt", "a", "--file", "text.txt"], 1, /--prompt and --file/);
    fails(["model", "quantise", "m.gguf", "o.gguf"], 1, /--type/);
    fails(["model", "other", "m.gguf"], 1, /other/);
    fails(["bench", "other", "m.gguf"], 1, /other/);
});

test("numbers that are none, or out of their range", options, () => {
    const generate = (...more) => ["generate", "m.gguf", "--prompt", "Hi", ...more];
    for (const [name, value, range] of [["--temperature", "-1", "0 … 100"], ["--temperature", "1e300", "0 … 100"], ["--top-p", "7", "0 … 1"], ["--min-p", "-1", "0 … 1"], ["--repeat-penalty", "0", "0.1 … 10"],
        ["--frequency-penalty", "999", "-100 … 100"], ["--tokens", "99999999", "0 … "], ["--threads", "0", "1 … "], ["--threads", "99999", "1 … "], ["--logprobs", "21", "0 … 20"]]) {
        fails(generate(name, value), 1, new RegExp(`out of its range: ${name}: ${range}`));
    }
    for (const name of ["--temperature", "--top-p", "--top-k", "--tokens", "--seed", "--threads", "--logprobs", "--repeat-last"]) fails(generate(name, "many"), 1, new RegExp(name));
    fails(generate("--top-k", "-1"), 1, /--top-k/);
    fails(generate("--temperature", "nan"), 1, /--temperature/);
    for (const bias of ["5", "5=", "=1", "5=inf", "x=1"]) fails(generate("--bias", bias), 1, /TOKEN=VALUE/);
    fails(generate("--bias", "512=1"), 1, /no token of this number: 512/);
    fails(generate("--stop", ""), 1, /stop text/);
    fails(generate("--stop", "a".repeat(257)), 1, /stop text/);
    fails(generate(...Array.from({ length: 17 }, (_, i) => ["--stop", `s${i}`]).flat()), 1, /--stop/);
    fails(["perplexity", "m.gguf", "text.txt", "--context", "0"], 1, /--context: 1 … /);
    fails(["bench", "language", "m.gguf", "--runs", "0"], 1, /--runs: 1 … /);
});

test("files that are not there, folders, and files of another kind", options, () => {
    const wrong = [["none.gguf", /none\.gguf/], ["dir", /dir is a folder/], ["text.txt", /GGUF/]];
    for (const [file, sentence] of wrong) {
        fails(["generate", file, "--prompt", "a"], 1, sentence);
        fails(["chat", file], 1, sentence);
        fails(["perplexity", file, "text.txt"], 1, sentence);
        fails(["bench", "language", file], 1, sentence);
        fails(["tokenize", file], 1, sentence);
        fails(["model", "show", file], 1, sentence);
        fails(["model", "quantise", file, "o.gguf", "--type", "q8_0"], 1, sentence);
    }
    for (const [name, bad, sentence] of [["--schema", "bad.json", /JSON/], ["--grammar", "bad.gbnf", /line 1/], ["--tokenizer", "text.txt", /llama2\.c/], ["--file", "bytes.txt", /UTF-8/]]) {
        const prompt = name === "--file" ? [] : ["--prompt", "a"];
        fails(["generate", "m.gguf", ...prompt, name, "none"], 1, /none/);
        fails(["generate", "m.gguf", ...prompt, name, "dir"], 1, /dir is a folder/);
        fails(["generate", "m.gguf", ...prompt, name, bad], 1, sentence);
    }
    fails(["generate", "m.gguf", "--prompt", "a", "--regex", "ab(?=c)"], 1, /character 3 .*\(\?=c\)/);
    fails(["generate", "m.gguf", "--prompt", "a", "--regex", ""], 1, /--regex/);
    fails(["generate", "m.gguf", "--prompt", "a", "--choice", ""], 1, /choices/);
    fails(["generate", "m.gguf", "--prompt", "a", "--regex", "a", "--choice", "b"], 1, /--schema, --grammar, --regex and --choice/);
    fails(["perplexity", "m.gguf", "none"], 1, /none/);
    fails(["perplexity", "m.gguf", "dir"], 1, /dir is a folder/);
    fails(["model", "quantise", "m.gguf", "o.gguf", "--type", "q9"], 1, /q9/);
    fails(["model", "quantise", "m.gguf", "dir", "--type", "q8_0"], 1, /dir is a folder/);
    fails(["model", "quantise", "m.gguf", "./m.gguf", "--type", "q8_0"], 1, /the very file/);
    fails(["model", "quantise", "m.gguf", "none/o.gguf", "--type", "q8_0"], 1, /none/);
});

test("what may not be read is said so", { skip: options.skip || (process.getuid() === 0 ? "root may read all" : false) }, () => {
    writeFileSync(at("shut.gguf"), "x", { mode: 0 });
    fails(["generate", "shut.gguf", "--prompt", "a"], 1, /permission.*shut\.gguf/);
});

test("what is no file is not replaced by one", options, () => {
    spawnSync("mkfifo", [at("pipe")]);
    assert.ok(statSync(at("pipe")).isFIFO());
    fails(["model", "quantise", "m.gguf", "pipe", "--type", "q8_0"], 1, /pipe is not a file/);
    assert.ok(statSync(at("pipe")).isFIFO());
});

test("a full disk at the output is a failure", { skip: options.skip || (existsSync("/dev/full") ? false : "no /dev/full") }, () => {
    for (const args of [["generate", "m.gguf", "--prompt", "a", "--tokens", "3"], ["generate", "m.gguf", "--prompt", "a", "--tokens", "3", "--json"], ["generate", "m.gguf", "--prompt", "a", "--tokens", "3", "--logprobs", "1"],
        ["model", "show", "m.gguf"], ["perplexity", "m.gguf", "text.txt", "--context", "32", "--chunks", "1"], ["tokenize", "m.gguf", "--json"]]) {
        const full = openSync("/dev/full", "w");
        const done = spawnSync(binary, [args[0], "--lang", "en", ...args.slice(1)], { cwd: folder, encoding: "utf8", timeout: 60000, input: '"a"\n', stdio: ["pipe", full, "pipe"] });
        closeSync(full);
        assert.equal(done.status, 1, `${args.join(" ")}: ${done.stderr}`);
        assert.match(done.stderr, /disk/, args.join(" "));
    }
});

test("Ctrl-C ends it with its own status, in a sentence", options, async () => {
    const child = spawn(binary, ["generate", "--lang", "en", "m.gguf", "--prompt", "Once", "--tokens", "480", "--bias", "2=-1000", "--bias", "1=-1000"], { cwd: folder });
    let err = "";
    child.stderr.on("data", (piece) => { err += piece; });
    await new Promise((done) => child.stdout.once("data", done)); // it writes
    child.kill("SIGINT");
    const code = await new Promise((done) => child.on("close", done));
    assert.ok(code === 130 || code === 0, `${code}: ${err}`); // 0: it was done before
    if (code === 130) assert.match(err, /[Ss]topped/);
});

test("log-probabilities of what is written", options, () => {
    const generate = (...more) => {
        const done = run(["generate", "m.gguf", "--prompt", "Once upon", "--tokens", "6", "--temperature", "0", ...more]);
        assert.equal(done.status, 0, done.stderr);
        return done.stdout;
    };
    const { text, logprobs } = JSON.parse(generate("--logprobs", "3", "--json"));
    assert.equal(text, generate());
    assert.equal(logprobs.length, 6);
    assert.equal(logprobs.map((t) => t.token).join(""), text);
    for (const one of logprobs) {
        assert.deepEqual(Buffer.from(one.bytes).toString(), one.token);
        assert.equal(one.top_logprobs.length, 3);
        assert.deepEqual([one.top_logprobs[0].id, one.top_logprobs[0].logprob], [one.id, one.logprob]);
        assert.ok(one.logprob <= 0 && one.top_logprobs[1].logprob <= one.logprob);
    }
    assert.equal(JSON.parse(generate("--json")).logprobs, undefined);
    assert.deepEqual(JSON.parse(generate("--logprobs", "0", "--json")).logprobs.map((t) => [t.id, t.top_logprobs]), logprobs.map((t) => [t.id, []]));
    const lines = generate("--logprobs", "1").trimEnd().split("\n");
    lines.forEach((line, i) => assert.equal(line, `${logprobs[i].logprob.toFixed(4)} ${JSON.stringify(logprobs[i].token)} | ${logprobs[i].logprob.toFixed(4)} ${JSON.stringify(logprobs[i].token)}`));
});
