// Language models on the command line, with a real small one: the text that its makers document,
// the same whatever the threads; sentences for files and wishes that are wrong.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { binary } from "./lib/server.mjs";

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "../..");
const data = process.env.COURTYARD_DATA ?? ["../shared/data", "../../shared/data"].map((p) => path.join(root, p)).find(existsSync);
const stories = data && path.join(data, "models/stories260K.bin");
const skip = !(stories && existsSync(stories)) && "no models at hand";

// llama2.c's page on this model, for the empty prompt and temperature 0.
const documented = `Once upon a time, there was a little girl named Lily. She loved to play outside in the park. One day, she saw a big, red ball. She wanted to play with it, but it was too high.
Lily's mom said, "Lily, let's go to the park." Lily was sad and didn't know what to do. She said, "I want to play with your ball, but I can't find it."
Lily was sad and didn't know what to do. She said, "I'm sorry, Lily. I didn't know what to do."
Lily didn't want to help her mom, so she said, "I'm sorry, mom. I didn't know what to do." Her mom said, "Don't worry, Lily. We can help you.`;

let folder;
before(() => { folder = mkdtempSync(path.join(tmpdir(), "courtyard-language-")); });
after(() => rmSync(folder, { recursive: true, force: true }));
const at = (name) => path.join(folder, name);

function run(...args) {
    const done = spawnSync(binary, [args[0], "--lang", "en", ...args.slice(1)], { cwd: folder, encoding: "utf8", timeout: 60000 });
    return { code: done.status, out: done.stdout, err: done.stderr };
}
function works(...args) {
    const done = run(...args);
    assert.equal(done.code, 0, `${args.join(" ")}: ${done.err}`);
    return done.out;
}
function fails(sentence, ...args) {
    const done = run(...args);
    assert.equal(done.code, 1, `${args.join(" ")}: ${done.out}${done.err}`);
    assert.match(done.err, sentence);
    assert.doesNotMatch(done.err, /\b[a-z]+\.[a-z]+_[a-z_]+\b/, "a bare key is no sentence");
    assert.equal(done.out, "");
}

test("a model writes what its makers say it writes", { skip }, () => {
    for (const threads of ["1", "2", "3"]) {
        assert.equal(works("generate", stories, "--prompt", "", "--temperature", "0", "--tokens", "256", "--threads", threads), documented);
    }
    const [begin, rest] = [documented.slice(0, 17), documented.slice(17)];
    assert.equal(works("generate", stories, "--prompt", begin, "--temperature", "0", "--tokens", "50").slice(0, 80), rest.slice(0, 80));
    writeFileSync(at("prompt"), begin);
    const told = JSON.parse(works("generate", stories, "--file", "prompt", "--temperature", "0", "--tokens", "40", "--stop", "Lily", "--json"));
    assert.deepEqual([told.text, told.finish], [rest.slice(0, rest.indexOf("Lily")), "stop"]);
});

test("chance follows the seed", { skip }, () => {
    const one = (seed) => works("generate", stories, "--prompt", "Tom", "--seed", seed, "--tokens", "60");
    assert.equal(one("7"), one("7"));
    assert.notEqual(one("7"), one("8"));
});

test("a model tells what it is, and how it fares with a text", { skip }, () => {
    const about = JSON.parse(works("model", "show", stories, "--json"));
    assert.deepEqual([about.architecture, about.type, about.layers, about.heads, about.kv_heads, about.context, about.vocabulary, about.tokenizer],
        ["llama", "F32", 5, 8, 4, 512, 512, "pieces"]);
    assert.match(works("model", "show", stories), /llama/);
    writeFileSync(at("story"), `${documented}\n`.repeat(4));
    writeFileSync(at("noise"), readFileSync(path.join(root, "LICENSE")));
    const judged = (name) => JSON.parse(works("perplexity", stories, name, "--context", "256", "--json"));
    const story = judged("story"), noise = judged("noise");
    assert.ok(story.perplexity > 1 && story.perplexity < 3, `${story.perplexity}`);
    assert.ok(noise.perplexity > 50, `${noise.perplexity}`);
    assert.match(works("perplexity", stories, "story", "--context", "256"), /Perplexity 1|Perplexity 2/);
});

test("what is wrong is told in a sentence", { skip }, () => {
    fails(/There is no file/, "generate", "absent.gguf", "--prompt", "x");
    copyFileSync(stories, at("alone.bin"));
    fails(/vocabulary.*not found/, "generate", "alone.bin", "--prompt", "x");
    fails(/no vocabulary/, "generate", stories, "--prompt", "x", "--tokenizer", stories);
    writeFileSync(at("cut.bin"), readFileSync(stories).subarray(0, 100000));
    fails(/size of the model file/, "generate", "cut.bin", "--prompt", "x");
    writeFileSync(at("text.gguf"), "this is no model at all, only a line of text");
    fails(/not a GGUF/, "model", "show", "text.gguf");
    fails(/more tokens than/, "generate", stories, "--prompt", "word ".repeat(600));
    fails(/too short/, "perplexity", stories, "text.gguf");
    fails(/--temperature/, "generate", stories, "--prompt", "x", "--temperature", "warm");
    fails(/--prompt/, "generate", stories);
});

test("an answer fits its schema, its grammar, its choices", { skip }, () => {
    const schema = { type: "object", properties: { name: { type: "string", maxLength: 20 }, age: { type: "integer", minimum: 3, maximum: 9 },
        tags: { type: "array", items: { enum: ["cat", "dog"] }, maxItems: 2 } }, required: ["name", "age", "tags"] };
    writeFileSync(at("schema.json"), JSON.stringify(schema));
    for (let seed = 1; seed <= 8; seed++) {
        const got = JSON.parse(works("generate", stories, "--prompt", "Lily", "--schema", "schema.json", "--seed", `${seed}`));
        assert.deepEqual(Object.keys(got), ["name", "age", "tags"]);
        assert.ok([...got.name].length <= 20 && got.age >= 3 && got.age <= 9 && Number.isInteger(got.age));
        assert.ok(got.tags.length <= 2 && got.tags.every((tag) => tag === "cat" || tag === "dog"));
        const chosen = works("generate", stories, "--prompt", "Lily likes", "--choice", "cats", "--choice", "dogs", "--seed", `${seed}`);
        assert.ok(chosen === "cats" || chosen === "dogs", chosen);
    }
    writeFileSync(at("grammar"), 'root ::= [A-Z][a-z]+ (" " [a-z]+){2,4} "."\n');
    assert.match(works("generate", stories, "--prompt", "One day", "--grammar", "grammar", "--seed", "4"), /^[A-Z][a-z]+( [a-z]+){2,4}\.$/);
    writeFileSync(at("more.json"), '{"type":"object","patternProperties":{}}');
    fails(/patternProperties, which is not supported/, "generate", stories, "--prompt", "a", "--schema", "more.json");
    writeFileSync(at("more"), 'root ::= "a" | rest\n');
    fails(/names a rule that is not there: rest/, "generate", stories, "--prompt", "a", "--grammar", "more");
    fails(/Only one of --schema/, "generate", stories, "--prompt", "a", "--grammar", "grammar", "--choice", "b");
    const dot = works("generate", stories, "--prompt", "", "--temperature", "0", "--tokens", "12");
    assert.notEqual(works("generate", stories, "--prompt", "", "--temperature", "0", "--tokens", "12", "--bias", "403=-100"), dot);
});

test("messages become a prompt by a template, line by line or in JSON", { skip }, () => {
    const chat = (input, ...more) => {
        const done = spawnSync(binary, ["chat", "--lang", "en", stories, "--temperature", "0", "--tokens", "20", ...more], { cwd: folder, encoding: "utf8", timeout: 60000, input });
        return [done.status, done.stdout, done.stderr];
    };
    writeFileSync(at("plain.jinja"), "{% for m in messages %}{{ m.content }}{% if not loop.last %} {% endif %}{% endfor %}");
    const goesOn = works("generate", stories, "--prompt", "One day, Tim", "--temperature", "0", "--tokens", "20");
    assert.deepEqual(chat("One day, Tim\n", "--template", "plain.jinja"), [0, goesOn + "\n", ""]);
    const [code, out] = chat('[{"role":"user","content":"One day,"},{"role":"user","content":"Tim"}]', "--template", "plain.jinja", "--messages", "-", "--json");
    const told = JSON.parse(out);
    assert.deepEqual([code, told.role, told.content, told.finish, told.tokens], [0, "assistant", goesOn, "length", 20]);
    // Log-probabilities are those of each turn's own tokens; in place of the text where it is not JSON.
    const judged = chat("One day, Tim\nAgain\n", "--template", "plain.jinja", "--json", "--logprobs", "2")[1].trimEnd().split("\n").map((line) => JSON.parse(line));
    assert.deepEqual(judged.map((one) => [one.logprobs.length, one.logprobs.map((t) => t.token).join("")]), judged.map((one) => [one.tokens, one.content]));
    assert.equal(judged[0].content, goesOn);
    assert.ok(judged[0].logprobs.every((t) => t.logprob <= 0 && t.top_logprobs.length === 2 && t.top_logprobs[0].id === t.id));
    assert.equal(told.logprobs, undefined);
    const [, lines] = chat("One day, Tim\n", "--template", "plain.jinja", "--logprobs", "0");
    assert.deepEqual(lines.trimEnd().split("\n"), judged[0].logprobs.map((t) => `${t.logprob.toFixed(4)} ${JSON.stringify(t.token)}`));
    assert.match(chat("Hello\n", "--template", "plain.jinja", "--logprobs", "21")[2], /--logprobs: 0 … 20/);
    assert.equal(chat("Hello\nAgain\n", "--template", "plain.jinja", "--system", "Once")[1].split("\n").length >= 3, true);
    assert.match(chat("Hello\n")[2], /no chat template/);
    writeFileSync(at("wrong.jinja"), "{{ messages[0].content }}\n{% if %}");
    assert.match(chat("Hello\n", "--template", "wrong.jinja")[2], /line 2/);
    writeFileSync(at("raises.jinja"), "{{ raise_exception('no, thanks') }}");
    assert.match(chat("Hello\n", "--template", "raises.jinja")[2], /refuses these messages: no, thanks/);
    assert.match(chat("{}", "--template", "plain.jinja", "--messages", "-")[2], /JSON array whose items have role/);
});

test("a model of llama2.c and its vocabulary become one file that writes the same", { skip }, () => {
    assert.match(works("model", "import", stories, "stories.gguf"), /stories\.gguf is written/);
    const about = JSON.parse(works("model", "show", "stories.gguf", "--json"));
    assert.deepEqual([about.name, about.layers, about.vocabulary, about.tokenizer], ["stories260K.bin", 5, 512, "pieces"]);
    assert.equal(works("generate", "stories.gguf", "--prompt", "", "--temperature", "0", "--tokens", "256"), documented);
    for (const prompt of ["Tom and 合院  é", "Lily's", " the\n"]) {
        const [one, other] = [stories, "stories.gguf"].map((model) => works("generate", model, "--prompt", prompt, "--temperature", "0", "--tokens", "400"));
        assert.equal(one, other);
    }
    copyFileSync(stories, at("lonely.bin"));
    fails(/vocabulary.*not found/, "model", "import", "lonely.bin", "lonely.gguf");
    works("model", "import", "lonely.bin", "lonely.gguf", "--tokenizer", path.join(path.dirname(stories), "tok512.bin"));
    assert.deepEqual(readFileSync(at("lonely.gguf")).subarray(-1000), readFileSync(at("stories.gguf")).subarray(-1000));
    const words = readFileSync(path.join(path.dirname(stories), "tok512.bin"));
    let last = 4; // of the tokens: score, size, bytes
    for (let next = last; next < words.length; next += 8 + words.readInt32LE(next + 4)) last = next;
    writeFileSync(at("fewer"), words.subarray(0, last));
    fails(/not as many tokens/, "model", "import", "lonely.bin", "fewer.gguf", "--tokenizer", "fewer");
    writeFileSync(at("text.bin"), "no model at all");
    fails(/./, "model", "import", "text.bin", "none.gguf");
    assert.equal(existsSync(at("none.gguf")), false);
});

// A checkpoint of one layer, as Hugging Face's libraries save it.
function checkpoint(name, change = {}) {
    const [width, inner, vocabulary] = [32, 64, 48];
    const layer = "model.layers.0.";
    const shapes = { "model.embed_tokens.weight": [vocabulary, width],
        [`${layer}input_layernorm.weight`]: [width], [`${layer}post_attention_layernorm.weight`]: [width],
        [`${layer}self_attn.q_proj.weight`]: [width, width], [`${layer}self_attn.k_proj.weight`]: [16, width],
        [`${layer}self_attn.v_proj.weight`]: [16, width], [`${layer}self_attn.o_proj.weight`]: [width, width],
        [`${layer}mlp.gate_proj.weight`]: [inner, width], [`${layer}mlp.up_proj.weight`]: [inner, width],
        [`${layer}mlp.down_proj.weight`]: [width, inner], "model.norm.weight": [width], ...change.shapes };
    const header = {}, parts = [];
    let end = 0;
    for (const [key, shape] of Object.entries(shapes)) {
        const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * 7 + end) / 4);
        header[key] = { dtype: "F32", shape, data_offsets: [end, end += values.byteLength] };
        parts.push(Buffer.from(values.buffer));
    }
    const text = Buffer.from(JSON.stringify(header)), length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(text.length));
    mkdirSync(at(name));
    writeFileSync(at(`${name}/model.safetensors`), Buffer.concat([length, text, ...parts]));
    writeFileSync(at(`${name}/config.json`), JSON.stringify({ model_type: "llama", hidden_size: width, intermediate_size: inner, num_hidden_layers: 1,
        num_attention_heads: 4, num_key_value_heads: 2, max_position_embeddings: 64, vocab_size: vocabulary, rms_norm_eps: 1e-5, tie_word_embeddings: true, ...change.config }));
    const vocab = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [String.fromCharCode(64 + i), i]));
    writeFileSync(at(`${name}/tokenizer.json`), JSON.stringify({ added_tokens: [{ id: 40, content: "<|end|>", special: true }],
        pre_tokenizer: { type: "ByteLevel", add_prefix_space: false }, model: { type: "BPE", vocab: { ...vocab, AB: 41 }, merges: ["A B"] } }));
    writeFileSync(at(`${name}/tokenizer_config.json`), JSON.stringify({ eos_token: { content: "<|end|>" }, chat_template: "{{ messages[0].content }}" }));
}

test("a checkpoint becomes a GGUF file", () => {
    checkpoint("small");
    assert.match(works("model", "import", "small", "small.gguf"), /small\.gguf is written/);
    const about = JSON.parse(works("model", "show", "small.gguf", "--json"));
    assert.deepEqual([about.name, about.architecture, about.type, about.layers, about.heads, about.kv_heads, about.context, about.vocabulary, about.tokenizer],
        ["small", "llama", "F32", 1, 4, 2, 64, 48, "bytes"]);
    const text = works("generate", "small.gguf", "--prompt", "ABC", "--temperature", "0", "--tokens", "8");
    const done = spawnSync(binary, ["tokenize", "small.gguf", "--json", "--control"], { cwd: folder, encoding: "utf8", input: '"ABBA<|end|>"\n' });
    assert.equal(done.stdout.trim(), "[41,2,1,40]");
    works("model", "import", "small", "-o", "less.gguf", "--type", "q8_0");
    assert.equal(JSON.parse(works("model", "show", "less.gguf", "--json")).type, "Q8_0");
    assert.equal(works("generate", "less.gguf", "--prompt", "ABC", "--temperature", "0", "--tokens", "8").length > 0, text.length > 0);
});

test("a checkpoint that is wrong is refused in a sentence", () => {
    checkpoint("other", { config: { model_type: "mamba" } });
    fails(/model type “mamba”/, "model", "import", "other", "wrong.gguf");
    checkpoint("odd", { shapes: { "model.layers.0.self_attn.q_proj.weight": [30, 32] } });
    fails(/q_proj\.weight has another shape/, "model", "import", "odd", "wrong.gguf");
    checkpoint("extra", { shapes: { "model.layers.0.self_attn.rotary.weight": [4] } });
    fails(/not known here: model\.layers\.0\.self_attn\.rotary/, "model", "import", "extra", "wrong.gguf");
    checkpoint("cut");
    const whole = readFileSync(at("cut/model.safetensors"));
    writeFileSync(at("cut/model.safetensors"), whole.subarray(0, whole.length - 100));
    fails(/ends before the tensor/, "model", "import", "cut", "wrong.gguf");
    writeFileSync(at("cut/model.safetensors"), "version https://git-lfs.github.com/spec/v1\n");
    fails(/no safetensors file/, "model", "import", "cut", "wrong.gguf");
    mkdirSync(at("empty"));
    fails(/config\.json/, "model", "import", "empty", "wrong.gguf");
    fails(/no type q9/, "model", "import", "cut", "wrong.gguf", "--type", "q9");
    assert.equal(existsSync(at("wrong.gguf")), false);
    assert.deepEqual(readdirSync(folder).filter((name) => name.includes("wrong.gguf")), []);
});
