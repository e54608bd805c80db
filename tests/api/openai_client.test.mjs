// OpenAI's own client for node against the box, over TLS with the box's certificate as the one that is
// trusted: what it understands of models, chat, tools, forms, vectors and errors.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { encoderGguf, reciterGguf, textValue } from "./lib/gguf.mjs";
import { Worker } from "./lib/openai_client.mjs";
import { root, Server } from "./lib/server.mjs";

const options = { skip: existsSync(path.join(root, "tests/api/node_modules/openai")) ? false : "npm ci in tests/api has not been run" };
const template = textValue("tokenizer.chat_template", "{% for t in tools or [] %}{{ t.function.name }} {% endfor %}{% for m in messages %}{{ m.content }}{% for c in m.tool_calls or [] %}<tool_call>{{ c.function.arguments | tojson }}</tool_call>{% endfor %}{% endfor %}");
const words = ["one ", "two ", "three ", "four ", "five"];
const call = ["<tool", "_call>", "\n{\"name\": \"weather\", ", "\"arguments\": {\"city\": \"北京\"}}", "\n</tool", "_call>"];
const both = ["Both:", " <tool_call>{\"name\": \"weather\", \"arguments\": {\"ci", "ty\": \"A\"}}", "</tool_call>", "\n<tool", "_call>\n{\"name\":\"weather\",\"arguments\": {\"city\": ", "\"B\"}}\n", "</tool_call>"];
const weather = { type: "function", function: { name: "weather", description: "d", parameters: { type: "object", properties: { city: { type: "string", maxLength: 8 } }, required: ["city"], additionalProperties: false } } };
const none = { units_month: -1, storage_bytes: -1, jobs: -1, tokens_day: -1, tokens_month: -1, requests_day: -1, requests_month: -1 };
let server, admin, person, worker;

before(async () => {
    if (options.skip) return;
    server = await Server.start();
    admin = await server.setup();
    person = await server.person(admin, "developer", ["research"]);
    const models = { talker: reciterGguf([{ on: "!", pieces: words }, { on: "?", pieces: call }, { on: "&", pieces: both }, { on: "~", pieces: ["It is ", "mild."] }, { on: "+", pieces: Array.from({ length: 400 }, (_, i) => `${i} `) }], 512, [template]), vectors: encoderGguf() };
    for (const [name, bytes] of Object.entries(models)) {
        const made = await person.ok("POST", "/api/v1/language-models", { name, upload: await person.upload(`${name}.gguf`, bytes) }, 202);
        await person.job(made.job.id);
    }
    const { secret } = await person.ok("POST", "/api/v1/me/tokens", { name: "openai", roles: ["research"], expires_days: 1 }, 201);
    worker = await Worker.start(server, secret);
});
after(async () => {
    worker?.stop();
    await server?.stop();
});

const body = (content, more = {}) => ({ model: "talker", messages: [{ role: "user", content }], temperature: 0, max_tokens: 64, ...more });
const text = (chunks) => chunks.map((c) => c.choices[0]?.delta?.content ?? "").join("");

test("without the box's certificate the client does not talk to it", options, async () => {
    const stranger = new Worker({ NODE_EXTRA_CA_CERTS: "", BOX_URL: `https://localhost:${server.port}/v1`, BOX_KEY: "x" });
    await stranger.ready;
    const { error } = await stranger.try("models");
    assert.equal(error.kind, "APIConnectionError");
    stranger.child.kill();
});

test("models are listed and looked up", options, async () => {
    assert.deepEqual((await worker.do("models")).map((m) => [m.id, m.object, m.owned_by]).sort(), [["talker", "model", "developer"], ["vectors", "model", "developer"]]);
    assert.equal((await worker.do("model", "talker")).id, "talker");
    await worker.fails("NotFoundError", 404, "language.not_found", "model", "nobody");
});

test("chat and completions, whole and streamed", options, async () => {
    const whole = await worker.do("chat", body("go!"));
    assert.deepEqual([whole.choices[0].message.content, whole.choices[0].finish_reason, whole.usage.completion_tokens], [words.join(""), "stop", 5]);
    assert.equal((await worker.do("completion", { model: "talker", prompt: "go!", temperature: 0, max_tokens: 2 })).choices[0].text, "one two ");
    const chunks = await worker.do("stream", body("go!", { stream_options: { include_usage: true } }));
    assert.equal(text(chunks), words.join(""));
    assert.equal(chunks[0].choices[0].delta.role, "assistant");
    assert.equal(chunks.at(-1).usage.completion_tokens, 5);
    const { deltas, message } = await worker.do("helper", body("go!"));
    assert.deepEqual([deltas.join(""), message.message.content, message.finish_reason], [words.join(""), words.join(""), "stop"]);
});

test("an answer is held to a form", options, async () => {
    const schema = { type: "object", properties: { n: { type: "integer", minimum: 3, maximum: 5 } }, required: ["n"], additionalProperties: false };
    const told = await worker.do("chat", body("go", { temperature: 1, response_format: { type: "json_schema", json_schema: { name: "n", strict: true, schema } } }));
    assert.ok([3, 4, 5].includes(JSON.parse(told.choices[0].message.content).n));
    const { message } = await worker.do("helper", body("go", { temperature: 1, response_format: { type: "json_schema", json_schema: { name: "n", strict: true, schema } } }));
    assert.ok([3, 4, 5].includes(JSON.parse(message.message.content).n));
});

test("tools are called, and what they give goes back to the model", options, async () => {
    const told = await worker.do("chat", body("how?", { tools: [weather] }));
    assert.deepEqual([told.choices[0].finish_reason, told.choices[0].message.tool_calls.map((c) => [c.function.name, c.function.arguments])], ["tool_calls", [["weather", '{"city": "北京"}']]]);
    const { message } = await worker.do("helper", body("how?", { tools: [weather] }));
    assert.deepEqual(message.message.tool_calls.map((c) => [c.type, c.function.name, c.function.arguments]), [["function", "weather", '{"city": "北京"}']]);
    assert.equal(message.finish_reason, "tool_calls");
    // The helper tells what a call is given as it comes; several are numbered.
    const several = await worker.do("toolStream", body("how&", { tools: [weather] }));
    assert.deepEqual(several.calls.map((c) => [c.index, c.name, c.text]), [[0, "weather", '{"city": "A"}'], [1, "weather", '{"city": "B"}']]);
    assert.deepEqual(several.deltas, [[0, '{"ci'], [0, 'ty": "A"}'], [1, '{"city": '], [1, '"B"}']]);
    assert.deepEqual([several.content, several.message.tool_calls.length, several.finish], ["Both:", 2, "tool_calls"]);
    const single = await worker.do("chat", body("how&", { tools: [weather], parallel_tool_calls: false }));
    assert.deepEqual(single.choices[0].message.tool_calls.map((c) => c.function.arguments), ['{"city": "A"}']);
    const forced = await worker.do("chat", body("go", { tools: [weather], tool_choice: "required", temperature: 1, max_tokens: 200 }));
    assert.equal(typeof JSON.parse(forced.choices[0].message.tool_calls[0].function.arguments).city, "string");
    const run = await worker.do("tools", body("how?", { tools: [weather] }), "7 °C ~");
    assert.deepEqual(run, { content: "It is mild.", asked: [{ city: "北京" }], roles: ["user", "assistant", "tool", "assistant"] });
});

test("vectors come as the client asks by itself, in base64, and as numbers", options, async () => {
    const own = await worker.do("embeddings", { model: "vectors", input: ["hello world", "abc"] });
    assert.deepEqual([own.data.length, own.data[0].embedding.length], [2, 64]);
    const plain = await worker.do("embeddings", { model: "vectors", input: "hello world", encoding_format: "float" });
    plain.data[0].embedding.forEach((x, i) => assert.ok(Math.abs(x - own.data[0].embedding[i]) < 1e-6));
    assert.equal((await worker.do("embeddings", { model: "vectors", input: "a", dimensions: 8 })).data[0].embedding.length, 8);
});

test("a stream that is left costs nothing more", options, async () => {
    for (let i = 0; i < 12; i++) { // more than one person may have at one time
        const chunks = await worker.do("stream", body("go+", { max_tokens: 400 }), 3);
        assert.ok(chunks.length >= 3, `${chunks.length}`);
    }
    assert.equal((await worker.do("chat", body("go!"))).choices[0].message.content, words.join(""));
});

test("errors are of the client's own kinds", options, async () => {
    await worker.fails("NotFoundError", 404, "language.not_found", "chat", body("x", { model: "nobody" }));
    await worker.fails("BadRequestError", 400, "language.bad_parameter", "chat", body("x", { temperature: 9 }));
    await worker.fails("BadRequestError", 400, "network.too_long", "chat", body("x".repeat(2000)));
    await worker.fails("BadRequestError", 400, "grammar.unsupported", "chat", body("x", { response_format: { type: "json_schema", json_schema: { name: "n", schema: { not: {} } } } }));
    await worker.fails("BadRequestError", 400, "language.tool_unknown", "chat", body("x", { tools: [weather], tool_choice: { type: "function", function: { name: "rain" } } }));
    await worker.fails("BadRequestError", 400, "grammar.wrong", "stream", body("x", { tools: [{ type: "function", function: { name: "x", parameters: { type: "object", properties: { a: { type: "txt" } } } } }] }));
    const { error } = await worker.try("chat", body("x"), "cy_wrong");
    assert.deepEqual([error.kind, error.status], ["AuthenticationError", 401], JSON.stringify(error));
    const refused = await worker.try("stream", body("x", { model: "nobody" }));
    assert.deepEqual([refused.error?.kind, refused.error?.code], ["NotFoundError", "language.not_found"]);
});

test("over the limit of a person, or of the department, it is told to wait", options, async () => {
    await admin.ok("PATCH", `/api/v1/people/${person.id}`, { caps: { ...none, tokens_day: 1 } });
    await worker.fails("RateLimitError", 429, "limit.served_day", "chat", body("go!"));
    await worker.fails("RateLimitError", 429, "limit.served_day", "stream", body("go!"));
    await admin.ok("PATCH", `/api/v1/people/${person.id}`, { caps: none });
    assert.equal((await worker.try("chat", body("go!"))).error, undefined);
    const now = await admin.ok("GET", "/api/v1/policy");
    const policy = { version: now.version, note: "test", rate_micro: now.rate_micro, utc_offset_minutes: now.utc_offset_minutes, tenants: now.tenants };
    policy.tenants.find((t) => t.name === "内科").caps = { ...none, requests_month: 1 };
    await admin.ok("POST", "/api/v1/policy", policy);
    await worker.fails("RateLimitError", 429, "limit.served_month", "chat", body("go!"));
});
