// A GGUF file of the small model that llama2.c's page trains on stories (260 thousand weights), from
// its own two files: so that the tests serve a model that really tells something.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { root } from "./server.mjs";

const folder = path.join(process.env.COURTYARD_DATA ?? path.join(root, "../shared/data"), "models");
export const hasStories = ["stories260K.bin", "tok512.bin"].every((name) => existsSync(path.join(folder, name)));

const U32 = 4, I32 = 5, F32 = 6, TEXT = 8, ARRAY = 9;
const u32 = (value) => { const b = Buffer.alloc(4); b.writeUInt32LE(value); return b; };
const u64 = (value) => { const b = Buffer.alloc(8); b.writeBigUInt64LE(BigInt(value)); return b; };
const f32 = (value) => { const b = Buffer.alloc(4); b.writeFloatLE(value); return b; };
const text = (value) => { const b = Buffer.isBuffer(value) ? value : Buffer.from(value); return Buffer.concat([u64(b.length), b]); };
const scalar = { [U32]: u32, [I32]: u32, [F32]: f32, [TEXT]: text };
const value = (name, type, what) => Buffer.concat([text(name), u32(type), scalar[type](what)]);
const list = (name, type, items) => Buffer.concat([text(name), u32(ARRAY), u32(type), u64(items.length), ...items.map(scalar[type])]);

// pieces: {bytes, score, control}[]; of sentencepiece: 0 unknown, 1 begin, 2 end, then 256 bytes.
function vocabulary(pieces, end = 2) {
    const kind = (i) => (i === 0 ? 2 : i < 3 || pieces[i].control ? 3 : i < 259 ? 6 : 1);
    const name = (piece, i) => i === 0 ? "<unk>" : i === 1 ? "<s>" : i === 2 ? "</s>"
        : i < 259 ? `<0x${(i - 3).toString(16).toUpperCase().padStart(2, "0")}>` : piece.bytes.toString("utf8").replaceAll(" ", "\u2581");
    return [
        value("tokenizer.ggml.model", TEXT, "llama"),
        list("tokenizer.ggml.tokens", TEXT, pieces.map(name)),
        list("tokenizer.ggml.scores", F32, pieces.map((p) => p.score)),
        list("tokenizer.ggml.token_type", I32, pieces.map((_, i) => kind(i))),
        value("tokenizer.ggml.bos_token_id", U32, 1),
        value("tokenizer.ggml.eos_token_id", U32, end),
        value("tokenizer.ggml.unknown_token_id", U32, 0),
    ];
}

function words(file) {
    const data = readFileSync(file), pieces = [];
    for (let at = 4; at < data.length;) {
        const score = data.readFloatLE(at), size = data.readInt32LE(at + 4);
        pieces.push({ score, bytes: data.subarray(at + 8, at + 8 + size) });
        at += 8 + size;
    }
    return pieces;
}

// `times`: its layers over and over, which makes it a fool; `context`: tokens that it says it remembers;
// `end`: the token that ends a text (0: it never does).
export function storiesGguf(more = [], { times = 1, context: told = 0, end = 2 } = {}) {
    const data = readFileSync(`${folder}/stories260K.bin`);
    const [dim, hidden, layers, heads, kvHeads, vocab, context] = Array.from({ length: 7 }, (_, i) => data.readInt32LE(i * 4));
    const kv = (dim / heads) * kvHeads;
    let at = 28;
    const take = (count) => { const piece = data.subarray(at, at + count * 4); at += count * 4; return piece; };
    const tensors = [];
    const put = (name, sizes, bytes) => tensors.push({ name, sizes, bytes });
    const each = (name, sizes) => {
        for (let l = 0; l < layers; l++) {
            const bytes = take(sizes.reduce((a, b) => a * b));
            for (let i = 0; i < times; i++) put(`blk.${i * layers + l}.${name}.weight`, sizes, bytes);
        }
    };
    put("token_embd.weight", [dim, vocab], take(dim * vocab));
    each("attn_norm", [dim]);
    each("attn_q", [dim, dim]);
    each("attn_k", [dim, kv]);
    each("attn_v", [dim, kv]);
    each("attn_output", [dim, dim]);
    each("ffn_norm", [dim]);
    each("ffn_gate", [dim, hidden]);
    each("ffn_down", [hidden, dim]);
    each("ffn_up", [dim, hidden]);
    put("output_norm.weight", [dim], take(dim));
    const values = [
        value("general.architecture", TEXT, "llama"),
        value("llama.context_length", U32, told || context),
        value("llama.embedding_length", U32, dim),
        value("llama.block_count", U32, layers * times),
        value("llama.feed_forward_length", U32, hidden),
        value("llama.attention.head_count", U32, heads),
        value("llama.attention.head_count_kv", U32, kvHeads),
        value("llama.rope.dimension_count", U32, dim / heads),
        value("llama.attention.layer_norm_rms_epsilon", F32, 1e-5),
        value("llama.vocab_size", U32, vocab),
        ...vocabulary(words(`${folder}/tok512.bin`), end), ...more,
    ];
    return file(values, tensors);
}

function file(values, tensors) {
    const infos = [];
    let offset = 0;
    for (const tensor of tensors) {
        infos.push(Buffer.concat([text(tensor.name), u32(tensor.sizes.length), ...tensor.sizes.map(u64), u32(0), u64(offset)]));
        offset += Math.ceil(tensor.bytes.length / 32) * 32;
    }
    const head = Buffer.concat([Buffer.from("GGUF"), u32(3), u64(tensors.length), u64(values.length), ...values, ...infos]);
    const pad = (buffer) => Buffer.concat([buffer, Buffer.alloc((32 - (buffer.length % 32)) % 32)]);
    return Buffer.concat([pad(head), ...tensors.map((t) => pad(t.bytes))]);
}

// A model that recites: each of `texts` is {on, pieces}, `on` a single character that no piece is; a
// piece {control} is a control token.
// After it come the pieces, token by token, and then the end. Attention and the feed-forward part do
// nothing (their last matrices are zero); the output row of a token is the vector of the one before.
export function reciterGguf(texts, context = 2048, more = []) {
    const dim = 128, hidden = 32, heads = 4;
    const pieces = ["<unk>", "<s>", "</s>", ...Array.from({ length: 256 }, (_, i) => `${i}`)].map((name) => ({ bytes: Buffer.from(name), score: 0 }));
    const follows = new Map();
    for (const { on, pieces: said } of texts) {
        let before = pieces.push({ bytes: Buffer.from(on), score: -1 }) - 1;
        for (const piece of said) {
            const now = pieces.push({ bytes: Buffer.from(piece.control ?? piece), score: -1, control: piece.control !== undefined }) - 1;
            follows.set(before, now);
            before = now;
        }
        follows.set(before, 2);
    }
    const vocab = pieces.length;
    let state = 7;
    const draw = () => { state = (Math.imul(state, 1664525) + 1013904223) >>> 0; return state < 2 ** 31 ? -1 : 1; };
    const vectors = Array.from({ length: vocab }, () => Float32Array.from({ length: dim }, draw));
    const out = Array.from({ length: vocab }, () => new Float32Array(dim));
    for (const [before, now] of follows) vectors[before].forEach((x, i) => { out[now][i] += x; });
    const bytes = (rows) => Buffer.concat(rows.map((row) => Buffer.from(row.buffer)));
    const filled = (count, x) => Buffer.from(new Float32Array(count).fill(x).buffer);
    const zero = (name, sizes) => ({ name: `blk.0.${name}.weight`, sizes, bytes: filled(sizes[0] * (sizes[1] ?? 1), 0) });
    const norm = (name) => ({ name, sizes: [dim], bytes: filled(dim, 1) });
    const tensors = [
        { name: "token_embd.weight", sizes: [dim, vocab], bytes: bytes(vectors) },
        norm("blk.0.attn_norm.weight"),
        ...["attn_q", "attn_k", "attn_v", "attn_output"].map((name) => zero(name, [dim, dim])),
        norm("blk.0.ffn_norm.weight"),
        zero("ffn_gate", [dim, hidden]), zero("ffn_down", [hidden, dim]), zero("ffn_up", [dim, hidden]),
        norm("output_norm.weight"),
        { name: "output.weight", sizes: [dim, vocab], bytes: bytes(out) },
    ];
    const values = [
        value("general.architecture", TEXT, "llama"),
        value("llama.context_length", U32, context),
        value("llama.embedding_length", U32, dim),
        value("llama.block_count", U32, 1),
        value("llama.feed_forward_length", U32, hidden),
        value("llama.attention.head_count", U32, heads),
        value("llama.attention.head_count_kv", U32, heads),
        value("llama.rope.dimension_count", U32, dim / heads),
        value("llama.attention.layer_norm_rms_epsilon", F32, 1e-5),
        value("llama.vocab_size", U32, vocab),
        ...vocabulary(pieces), ...more,
    ];
    return file(values, tensors);
}
// An encoder of random weights, always the same ones: it makes a vector of a text, which means
// nothing. Its words: each letter and digit at the beginning of a word and within, and some whole ones.
export function encoderGguf({ dim = 64, context = 64 } = {}) {
    const hidden = 2 * dim, heads = 4, layers = 2;
    const letters = [..."abcdefghijklmnopqrstuvwxyz0123456789"];
    const tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", ...letters.map((c) => `\u2581${c}`), ...letters, "\u2581hello", "\u2581world", "\u2581北", "\u2581京"];
    let state = 11;
    const draw = (size, centre = 0) => { state = (Math.imul(state, 1664525) + 1013904223) >>> 0; return centre + size * (state / 2 ** 31 - 1); };
    const tensors = [];
    const put = (name, sizes, size, centre) => tensors.push({ name, sizes, bytes: Buffer.from(Float32Array.from({ length: sizes.reduce((a, b) => a * b) }, () => draw(size, centre)).buffer) });
    const norm = (name) => { put(`${name}.weight`, [dim], 0.3, 1); put(`${name}.bias`, [dim], 0.2); };
    put("token_embd.weight", [dim, tokens.length], 1);
    put("position_embd.weight", [dim, context], 0.5);
    put("token_types.weight", [dim, 2], 0.5);
    norm("token_embd_norm");
    for (let l = 0; l < layers; l++) {
        for (const [name, from, to] of [["attn_q", dim, dim], ["attn_k", dim, dim], ["attn_v", dim, dim], ["attn_output", dim, dim], ["ffn_up", dim, hidden], ["ffn_down", hidden, dim]]) {
            put(`blk.${l}.${name}.weight`, [from, to], 1 / Math.sqrt(from));
            put(`blk.${l}.${name}.bias`, [to], 0.3);
        }
        norm(`blk.${l}.attn_output_norm`);
        norm(`blk.${l}.layer_output_norm`);
    }
    const values = [
        value("general.architecture", TEXT, "bert"),
        value("bert.context_length", U32, context),
        value("bert.embedding_length", U32, dim),
        value("bert.block_count", U32, layers),
        value("bert.feed_forward_length", U32, hidden),
        value("bert.attention.head_count", U32, heads),
        value("bert.attention.head_count_kv", U32, heads),
        value("bert.attention.layer_norm_epsilon", F32, 1e-12),
        value("bert.pooling_type", U32, 1),
        value("bert.vocab_size", U32, tokens.length),
        value("tokenizer.ggml.model", TEXT, "bert"),
        value("tokenizer.ggml.token_type_count", U32, 2),
        list("tokenizer.ggml.tokens", TEXT, tokens),
        list("tokenizer.ggml.token_type", I32, tokens.map((_, i) => (i < 4 ? 3 : 1))),
        value("tokenizer.ggml.unknown_token_id", U32, 1),
        value("tokenizer.ggml.bos_token_id", U32, 2),
        value("tokenizer.ggml.cls_token_id", U32, 2),
        value("tokenizer.ggml.eos_token_id", U32, 3),
        value("tokenizer.ggml.seperator_token_id", U32, 3),
    ];
    return file(values, tensors);
}
export const textValue = (name, what) => value(name, TEXT, what);
export const numberValue = (name, what) => value(name, U32, what);
