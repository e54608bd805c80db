// /v1/completions as OpenAI documents it: several prompts, prompts as tokens, echo with the prompt's own
// log-probabilities, n, usage at the end of a stream, filling in the middle. With curl's forms and with
// OpenAI's own client.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { hasStories, numberValue, reciterGguf, storiesGguf } from "./lib/gguf.mjs";
import { Worker } from "./lib/openai_client.mjs";
import { root, Server } from "./lib/server.mjs";

const options = { skip: hasStories ? false : "no models/stories260K.bin in ../shared/data (COURTYARD_DATA names another place)" };
const withClient = { skip: options.skip || (existsSync(path.join(root, "tests/api/node_modules/openai")) ? false : "npm ci in tests/api has not been run") };
let server, admin, researcher, worker, secret;

before(async () => {
    if (!hasStories) return;
    server = await Server.start();
    admin = await server.setup();
    researcher = await server.person(admin, "researcher", ["research"]);
    // The tokens of a model of code: 3 + … are pieces of the vocabulary; behind the middle's comes the answer.
    const fill = ["pre", "suf", "mid"].map((name, i) => numberValue(`tokenizer.ggml.fim_${name}_token_id`, i < 2 ? 3 + i : 259));
    const models = { stories: storiesGguf(), coder: reciterGguf([{ on: "!", pieces: ["return ", "a + b"] }], 512, fill) };
    for (const [name, bytes] of Object.entries(models)) {
        const made = await researcher.ok("POST", "/api/v1/language-models", { name, upload: await researcher.upload(`${name}.gguf`, bytes) }, 202);
        await researcher.job(made.job.id);
    }
    ({ secret } = await researcher.ok("POST", "/api/v1/me/tokens", { name: "openai", roles: ["research"], expires_days: 1 }, 201));
    if (withClient.skip) return;
    worker = await Worker.start(server, secret);
});
after(async () => {
    worker?.stop();
    await server?.stop();
});

const story = "Once upon a time";
const ask = (more = {}) => researcher.call("POST", "/v1/completions", { model: "stories", prompt: story, temperature: 0, max_tokens: 12, ...more });
async function told(more) {
    const answer = await ask(more);
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
}
const close = (a, b) => assert.ok(Math.abs(a - b) < 1e-4, `${a} and ${b}`);

test("log-probabilities are in the form of completions", options, async () => {
    const { choices: [one] } = await told({ logprobs: 2 });
    const { tokens, token_logprobs, top_logprobs, text_offset } = one.logprobs;
    assert.deepEqual(Object.keys(one.logprobs).sort(), ["text_offset", "token_logprobs", "tokens", "top_logprobs"]);
    assert.equal(tokens.join(""), one.text);
    assert.ok([token_logprobs, top_logprobs, text_offset].every((list) => list.length === tokens.length && tokens.length === 12));
    tokens.forEach((token, i) => {
        assert.equal(text_offset[i], tokens.slice(0, i).join("").length);
        assert.equal(top_logprobs[i][token], token_logprobs[i]); // the likeliest was taken
        assert.equal(Math.max(...Object.values(top_logprobs[i])), token_logprobs[i]);
        assert.equal(Object.keys(top_logprobs[i]).length, 2);
    });
    const none = (await told({ logprobs: 0 })).choices[0].logprobs;
    assert.deepEqual(none.top_logprobs, Array(12).fill(null));
    assert.deepEqual(none.token_logprobs, token_logprobs);
    assert.equal((await told()).choices[0].logprobs, null);
});

test("echo tells the prompt, and what the model gives to it", options, async () => {
    const alone = (await told({ logprobs: 1 })).choices[0];
    const both = (await told({ logprobs: 1, echo: true })).choices[0];
    assert.equal(both.text, story + alone.text);
    const at = both.logprobs.tokens.length - 12;
    assert.ok(at > 3, `${at}`);
    assert.equal(both.logprobs.token_logprobs[0], null);
    assert.ok(both.logprobs.token_logprobs.slice(1).every((x) => x <= 0));
    assert.deepEqual(both.logprobs.tokens.slice(at), alone.logprobs.tokens);
    alone.logprobs.token_logprobs.forEach((x, i) => close(both.logprobs.token_logprobs[at + i], x));
    assert.deepEqual(both.logprobs.text_offset.slice(at), alone.logprobs.text_offset.map((x) => x + story.length));
    // The whole as a prompt: its end has the same chances as when it was answered.
    const whole = (await told({ prompt: both.text, logprobs: 1, echo: true, max_tokens: 0 })).choices[0];
    assert.deepEqual([whole.text, whole.finish_reason], [both.text, "length"]);
    assert.equal(whole.logprobs.tokens.length, both.logprobs.tokens.length);
    whole.logprobs.token_logprobs.slice(1).forEach((x, i) => close(x, both.logprobs.token_logprobs[i + 1]));
    assert.equal((await told({ echo: true })).choices[0].text, both.text); // and without them
    assert.deepEqual((await told({ max_tokens: 0 })).choices[0].text, "");
});

test("several prompts, each with its choices side by side", options, async () => {
    const prompts = [story, "Lily liked", "The dog"];
    const one = async (prompt, more) => (await told({ prompt, ...more })).choices.map((c) => c.text);
    const all = await told({ prompt: prompts });
    const alone = [];
    for (const prompt of prompts) alone.push(...await one(prompt));
    assert.deepEqual(all.choices.map((c) => [c.index, c.text]), alone.map((text, i) => [i, text]));
    let asked = 0;
    for (const prompt of prompts) asked += (await told({ prompt })).usage.prompt_tokens;
    assert.deepEqual([all.usage.prompt_tokens, all.usage.completion_tokens], [asked, 36]);
    const drawn = await told({ prompt: prompts.slice(0, 2), n: 3, temperature: 1, seed: 4, echo: true });
    assert.deepEqual(drawn.choices.map((c) => c.index), [0, 1, 2, 3, 4, 5]);
    drawn.choices.forEach((c, i) => assert.ok(c.text.startsWith(prompts[Math.floor(i / 3)])));
    assert.equal(new Set(drawn.choices.map((c) => c.text)).size, 6);
    assert.equal(drawn.usage.prompt_tokens, (await told({ prompt: prompts.slice(0, 2) })).usage.prompt_tokens); // not n times
});

test("prompts as tokens", options, async () => {
    const tokens = [1, 403, 407, 261, 378]; // as any of 512
    const { choices: [one], usage } = await told({ prompt: tokens, echo: true, logprobs: 1 });
    assert.equal(usage.prompt_tokens, tokens.length);
    assert.equal(one.logprobs.tokens.length, tokens.length + 12);
    const two = await told({ prompt: [tokens, tokens.slice(0, 3)] });
    assert.equal(two.choices.length, 2);
    assert.ok(one.text.endsWith(two.choices[0].text));
    const bad = await ask({ prompt: [1, 512] });
    assert.deepEqual([bad.status, bad.json.error.code], [400, "generate.no_token"]);
    assert.match(bad.json.error.message, /512/);
});

test("what lies between a beginning and an end", options, async () => {
    const coded = await told({ model: "coder", prompt: "def add(a, b):", suffix: "\nprint(add(1, 2))" });
    assert.equal(coded.choices[0].text, "return a + b");
    const no = await ask({ suffix: "x" });
    assert.deepEqual([no.status, no.json.error.code], [400, "language.no_fill"]);
    assert.match(no.json.error.message, /middle/);
    assert.equal((await told({ suffix: "" })).choices[0].text, (await told()).choices[0].text);
});

test("what cannot be is refused, and says why", options, async () => {
    const bad = async (more, code, detail) => {
        const answer = await ask(more);
        assert.deepEqual([answer.status, answer.json.error?.code], [400, code], answer.text);
        if (detail) assert.equal(answer.json.error.detail, detail);
    };
    await bad({ best_of: 3 }, "language.unsupported", "best_of");
    await bad({ best_of: 1, n: 2 }, "language.bad_parameter", "best_of");
    assert.equal((await told({ best_of: 2, n: 2 })).choices.length, 2);
    await bad({ prompt: [] }, "language.bad_parameter", "prompt");
    await bad({ prompt: [story, 7] }, "language.bad_parameter", "prompt");
    await bad({ prompt: [[]] }, "language.bad_parameter", "prompt");
    await bad({ prompt: [-1] }, "language.bad_parameter", "prompt");
    await bad({ prompt: [1.5] }, "language.bad_parameter", "prompt");
    await bad({ prompt: {} }, "language.bad_parameter", "prompt");
    await bad({ prompt: undefined }, "language.bad_parameter", "prompt");
    await bad({ prompt: Array(9).fill("a"), n: 2 }, "language.choices_many");
    await bad({ n: 9 }, "language.bad_parameter", "n");
    await bad({ suffix: 7 }, "language.bad_parameter", "suffix");
    await bad({ model: "coder", suffix: "x", echo: true }, "language.bad_parameter", "suffix");
    await bad({ model: "coder", suffix: "x", prompt: [5] }, "language.bad_parameter", "suffix");
    await bad({ logprobs: 21 }, "language.bad_parameter", "logprobs");
    await bad({ max_tokens: -1 }, "language.bad_parameter", "max_tokens");
});

test("where prompts are screened, tokens are not taken", options, async () => {
    const policy = async (prompts) => {
        const now = await admin.ok("GET", "/api/v1/policy");
        now.tenants.find((t) => t.name === "内科").guard = { prompts, answers: "off" };
        await admin.ok("POST", "/api/v1/policy", { version: now.version, note: "test", rate_micro: now.rate_micro, utc_offset_minutes: now.utc_offset_minutes, tenants: now.tenants });
    };
    await policy("mask");
    const no = await ask({ prompt: [1, 403] });
    assert.deepEqual([no.status, no.json.error.code], [400, "guard.no_tokens"]);
    const masked = await told({ prompt: ["电话13800138000"], echo: true, max_tokens: 1 });
    assert.ok(!masked.choices[0].text.includes("13800138000"), masked.choices[0].text);
    await policy("off");
});

test("OpenAI's client reads them, whole and streamed, with the usage at the end", withClient, async () => {
    const body = { model: "stories", prompt: [story, "The dog"], temperature: 0, max_tokens: 8, logprobs: 1, echo: true };
    const whole = await worker.do("completion", body);
    assert.deepEqual(whole.choices.map((c) => c.index), [0, 1]);
    const chunks = await worker.do("completionStream", { ...body, stream_options: { include_usage: true } });
    for (const { index, text, logprobs } of whole.choices) {
        const own = chunks.flatMap((c) => c.choices).filter((c) => c.index === index);
        assert.equal(own.map((c) => c.text).join(""), text);
        assert.deepEqual(own.flatMap((c) => c.logprobs?.tokens ?? []), logprobs.tokens);
        assert.deepEqual(own.flatMap((c) => c.logprobs?.text_offset ?? []), logprobs.text_offset);
        assert.deepEqual(own.map((c) => c.finish_reason).filter(Boolean), ["length"]);
    }
    assert.deepEqual(chunks.at(-1).choices, []);
    assert.deepEqual([chunks.at(-1).usage.prompt_tokens, chunks.at(-1).usage.completion_tokens], [whole.usage.prompt_tokens, 16]);
    assert.ok(chunks.slice(0, -1).every((c) => c.usage === null));
    await worker.fails("BadRequestError", 400, "language.no_fill", "completion", { ...body, echo: false, suffix: "x" });
});

test("curl reads them too", options, () => {
    const out = execFileSync("curl", ["-sk", "-H", `Authorization: Bearer ${secret}`, "-H", "Content-Type: application/json",
        "-d", JSON.stringify({ model: "stories", prompt: [story], max_tokens: 3, temperature: 0, echo: true, stream: true }), `https://127.0.0.1:${server.port}/v1/completions`]).toString();
    const events = out.split("\n\n").filter((e) => e.startsWith("data: ")).map((e) => e.slice(6));
    assert.equal(events.pop(), "[DONE]");
    const chunks = events.map((e) => JSON.parse(e));
    assert.ok(chunks.every((c) => c.object === "text_completion" && c.id === chunks[0].id));
    assert.equal(chunks[0].choices[0].text, story);
});
