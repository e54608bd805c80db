// Texts as vectors: one or many, as numbers or as base64, cut and made of length 1 again, from texts
// or from tokens; and what is refused.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { encoderGguf } from "./lib/gguf.mjs";
import { Server } from "./lib/server.mjs";

let server, researcher, other;
before(async () => {
    server = await Server.start();
    const admin = await server.setup();
    researcher = await server.person(admin, "researcher", ["research"]);
    other = await server.person(admin, "other", ["data"]);
    const made = await researcher.ok("POST", "/api/v1/language-models", { name: "vectors", upload: await researcher.upload("v.gguf", encoderGguf()) }, 202);
    await researcher.job(made.job.id);
    assert.equal((await researcher.ok("GET", `/api/v1/language-models/${made.model.id}`)).embeds, true);
});
after(() => server?.stop());

const ask = (body, who = researcher) => who.call("POST", "/v1/embeddings", { model: "vectors", ...body });
async function vectors(body, who) {
    const answer = await ask(body, who);
    assert.equal(answer.status, 200, answer.text);
    answer.json.data.forEach((one, i) => assert.deepEqual([one.object, one.index], ["embedding", i]));
    return answer.json.data.map((one) => one.embedding);
}
const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);
const near = (a, b, what) => a.forEach((x, i) => assert.ok(Math.abs(x - b[i]) < 1e-5, `${what} ${i}: ${x} ${b[i]}`));

test("a text is a vector of length 1, of several each as if alone", async () => {
    const [one] = await vectors({ input: "hello world" });
    assert.equal(one.length, 64);
    assert.ok(Math.abs(dot(one, one) - 1) < 1e-5);
    const many = await vectors({ input: ["abc", "hello world", "北京", "hello world"] });
    near(many[1], one, "second");
    assert.deepEqual(many[1], many[3]);
    assert.ok(dot(many[0], many[2]) < 0.9999);
    const { usage } = (await ask({ input: ["hello", "hello world"] })).json;
    assert.deepEqual([usage.prompt_tokens, usage.total_tokens], [3 + 4, 7]); // each with its two ends
});

test("as base64 they are the same numbers", async () => {
    const input = ["hello world", "x y z"];
    const plain = await vectors({ input }), coded = await vectors({ input, encoding_format: "base64" });
    coded.forEach((text, i) => {
        const bytes = Buffer.from(text, "base64");
        assert.equal(bytes.toString("base64"), text);
        assert.deepEqual([...new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))], plain[i].map(Math.fround));
    });
});

test("of fewer dimensions the first ones are given, of length 1", async () => {
    const [whole] = await vectors({ input: "hello" }), [cut] = await vectors({ input: "hello", dimensions: 10 });
    assert.equal(cut.length, 10);
    const length = Math.sqrt(dot(whole.slice(0, 10), whole.slice(0, 10)));
    near(cut, whole.slice(0, 10).map((x) => x / length), "cut");
    assert.equal(Buffer.from((await vectors({ input: "hello", dimensions: 10, encoding_format: "base64" }))[0], "base64").length, 40);
});

test("tokens may be told in place of a text", async () => {
    const [text] = await vectors({ input: "hello world" });
    const first = 4 + 2 * 36; // [CLS] hello world [SEP]
    near((await vectors({ input: [2, first, first + 1, 3] }))[0], text, "tokens");
    const two = await vectors({ input: [[2, first, first + 1, 3], [2, 3]] });
    near(two[0], text, "first of two");
    assert.equal(two.length, 2);
});

test("many ask at one time", async () => {
    const inputs = Array.from({ length: 12 }, (_, i) => Array.from({ length: 8 }, (_, k) => `text ${i} ${k}`));
    const alone = await vectors({ input: inputs[3] });
    const all = await Promise.all(inputs.map((input, i) => vectors({ input }, i % 2 ? researcher : other)));
    assert.deepEqual(all[3], alone);
    assert.equal((await vectors({ input: Array.from({ length: 600 }, (_, i) => `t ${i}`) })).length, 600);
});

test("what cannot be is refused in OpenAI's form", async () => {
    const bad = async (body, code) => {
        const answer = await ask(body);
        assert.deepEqual([answer.status, answer.json.error?.code], [400, code], answer.text);
    };
    await bad({ input: "" }, "language.bad_parameter");
    await bad({ input: [] }, "language.bad_parameter");
    await bad({ input: ["a", 7] }, "language.bad_parameter");
    await bad({ input: [2, 99999] }, "language.bad_parameter");
    await bad({ input: [[2, -1]] }, "language.bad_parameter");
    await bad({ input: [[]] }, "language.bad_parameter");
    await bad({ input: "a", dimensions: 65 }, "language.bad_parameter");
    await bad({ input: "a", dimensions: 0 }, "language.bad_parameter");
    await bad({ input: "a", encoding_format: "hex" }, "language.bad_parameter");
    await bad({ input: ["a", "b ".repeat(100)] }, "network.too_long");
    assert.equal((await researcher.call("POST", "/v1/completions", { model: "vectors", prompt: "a" })).json.error.code, "language.embeds");
});
