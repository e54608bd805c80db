// Calls of tools as each family of models writes them, with control tokens for their marks: told
// apart and held to what the tools take, by the server and by the command line alike. Each model
// recites a call that it would give what there is not; the grammar keeps it from that.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { reciterGguf, textValue } from "./lib/gguf.mjs";
import { binary, Server } from "./lib/server.mjs";

const tool = (name, parameters) => ({ type: "function", function: { name, description: "d", parameters } });
const lift = tool("lift", { type: "object", properties: { floor: { enum: [1, 2, 3] } }, required: ["floor"], additionalProperties: false });
const look = tool("look", { type: "object", properties: { city: { type: "string", maxLength: 9 } }, required: ["city"], additionalProperties: false });
const mood = { type: "object", properties: { mood: { enum: ["fine", "bad"] } }, required: ["mood"], additionalProperties: false };
const c = (control) => ({ control });
const [CALLS, CALL, SEP, END, CALLS_END] = ["calls▁begin", "call▁begin", "sep", "call▁end", "calls▁end"].map((word) => c(`<｜tool▁${word}｜>`));
const fence = (name) => ["function", SEP, `${name}\n`, "```json\n"];
// The two calls of each, in pieces; between name and object stands what the form has there.
const families = {
    hermes: { speaks: "<tool_call>", first: [c("<tool_call>"), "\n{\"name\": \"lift\", \"arguments\": "], wrong: "{\"floor\": 7", then: ["}}\n", c("</tool_call>")] },
    llama: { speaks: "", first: [c("<|python_tag|>"), "{\"name\": \"lift\", \"parameters\": "], wrong: "{\"floor\": 7", then: ["}}"] },
    mistral: { speaks: "[TOOL_CALLS]", first: [c("[TOOL_CALLS]"), " [{\"name\": \"lift\", \"arguments\": "], wrong: "{\"floor\": 7", then: ["}}", "]"] },
    ministral: { speaks: "[TOOL_CALLS][ARGS]", first: [c("[TOOL_CALLS]"), "lift", c("[ARGS]")], wrong: "{\"floor\": 7", then: ["}"] },
    numbered: { speaks: "[TOOL_CALLS][CALL_ID][ARGS]", first: [c("[TOOL_CALLS]"), "lift", c("[CALL_ID]"), "a1B2c3D4e", c("[ARGS]")], wrong: "{\"floor\": 7", then: ["}"] },
    deepseek: { speaks: "<｜tool▁calls▁begin｜>", first: [CALLS, CALL, "lift", SEP], wrong: "{\"floor\": 7", then: ["}", END, CALLS_END] },
    fenced: { speaks: "<｜tool▁calls▁begin｜>```json", first: [CALLS, CALL, ...fence("lift")], wrong: "{\"floor\": 7", then: ["}", "\n```", END, CALLS_END] },
};
const template = (speaks) => `{% if false %}${speaks}{% endif %}{% for t in tools or [] %}{{ t.function.name }} {% endfor %}{% for m in messages %}{{ m.content }}{% for k in m.tool_calls or [] %}({{ k.id }}){% endfor %}{% if m.tool_call_id %}[{{ m.tool_call_id }}]{% endif %}{% endfor %}`;
// White space is put off, so that a model that knows nothing of what it must say comes to an end.
const logit_bias = Object.fromEntries([9, 10, 13, 32].map((byte) => [byte + 3, -100]));
const biases = Object.entries(logit_bias).flatMap(([token, value]) => ["--bias", `${token}=${value}`]);
let server, researcher, folder;

before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), "courtyard-calls-"));
    server = await Server.start();
    researcher = await server.person(await server.setup(), "researcher", ["research"]);
    for (const [name, { speaks, first, wrong, then }] of Object.entries(families)) {
        const texts = [{ on: "!", pieces: ["Up. ", ...first, wrong, ...then] }, { on: "?", pieces: ["a [b", " <c"] }, { on: "$", pieces: ["{\"mood\": ", "\"fine\"}"] }, { on: "#", pieces: [...first, "{\"floor\"", ": 2", ...then] }];
        const bytes = reciterGguf(texts, 2048, [textValue("tokenizer.chat_template", template(speaks))]);
        writeFileSync(path.join(folder, `${name}.gguf`), bytes);
        const made = await researcher.ok("POST", "/api/v1/language-models", { name, upload: await researcher.upload(`${name}.gguf`, bytes) }, 202);
        await researcher.job(made.job.id);
    }
    writeFileSync(path.join(folder, "mood.json"), JSON.stringify(mood));
    writeFileSync(path.join(folder, "tools.json"), JSON.stringify([look, lift]));
});
after(async () => {
    await server?.stop();
    if (folder) rmSync(folder, { recursive: true, force: true });
});

async function ask(model, content, more) {
    const answer = await researcher.call("POST", "/v1/chat/completions", { model, messages: [{ role: "user", content }], temperature: 0, max_tokens: 300, logit_bias, ...more });
    assert.equal(answer.status, 200, `${model}: ${answer.text}`);
    return answer.json.choices[0];
}
function chat(model, content, ...more) {
    const done = spawnSync(binary, ["chat", "--lang", "en", `${model}.gguf`, "--temperature", "0", "--tokens", "300", "--tools", "tools.json", "--messages", "-", "--json", ...biases, ...more],
        { cwd: folder, encoding: "utf8", timeout: 60000, input: JSON.stringify([{ role: "user", content }]) });
    assert.equal(done.status, 0, `${model}: ${done.stderr}`);
    return JSON.parse(done.stdout);
}
const calls = (message) => (message.tool_calls ?? []).map((one) => [one.function.name, JSON.parse(one.function.arguments)]);
const fits = ([name, given]) => (name === "lift" ? [1, 2, 3].includes(given.floor) : name === "look" && [...given.city].length <= 9);

for (const name of Object.keys(families)) {
    test(`${name}: a call made of its own accord is told apart, and is what its model said`, async () => {
        const { message, finish_reason, logprobs } = await ask(name, "#", { tools: [look, lift], logprobs: true });
        assert.deepEqual([message.content, calls(message), finish_reason], [null, [["lift", { floor: 2 }]], "tool_calls"]);
        // Its very tokens: where it is held to a form, marks are the tokens they are.
        assert.deepEqual(logprobs.content.map((one) => one.token), [...families[name].first, "{\"floor\"", ": 2", ...families[name].then].map((piece) => piece.control ?? piece));
        const told = chat(name, "#");
        assert.deepEqual([told.content, calls(told), told.finish], ["", [["lift", { floor: 2 }]], "tool_calls"]);
    });

    test(`${name}: it fits what the tool takes, whatever the model would say`, async () => {
        for (const message of [(await ask(name, "!", { tools: [look, lift] })).message, chat(name, "!")]) {
            assert.equal(message.content.trim(), "Up.");
            assert.ok(calls(message).length >= 1 && calls(message).every(fits), JSON.stringify(message));
        }
        // Without tools it says what it would.
        assert.match((await ask(name, "!", {})).message.content, /7/);
        for (const message of [(await ask(name, "?", { tools: [look, lift] })).message, chat(name, "?")]) {
            assert.deepEqual([message.content, calls(message)], ["a [b <c", []]);
        }
    });

    test(`${name}: beside tools, an answer is a call or what its form says`, async () => {
        const response_format = { type: "json_schema", json_schema: { name: "mood", strict: true, schema: mood } };
        const either = async (word, more) => [(await ask(name, word, { tools: [look, lift], response_format, ...more })).message, chat(name, word, "--schema", "mood.json")];
        for (const message of await either("#")) assert.deepEqual([message.content || null, calls(message)], [null, [["lift", { floor: 2 }]]]);
        for (const message of await either("$")) assert.deepEqual([message.content, calls(message)], ['{"mood": "fine"}', []]);
        // What it would say is neither: it says one of the two.
        for (const message of await either("?")) {
            if (message.tool_calls) assert.ok(!message.content && calls(message).every(fits), JSON.stringify(message));
            else assert.ok(["fine", "bad"].includes(JSON.parse(message.content).mood), message.content);
        }
        const object = (await ask(name, "$", { tools: [look], response_format: { type: "json_object" } })).message;
        assert.deepEqual([object.content, calls(object)], ['{"mood": "fine"}', []]);
    });

    test(`${name}: a call that must come does`, async () => {
        for (let seed = 1; seed <= 2; seed++) {
            const { message, finish_reason } = await ask(name, "x", { tools: [look, lift], tool_choice: "required", parallel_tool_calls: false, temperature: 1, seed, logit_bias: undefined, max_tokens: 800 });
            assert.deepEqual([finish_reason, message.content, calls(message).length], ["tool_calls", null, 1]);
            assert.ok(calls(message).every(fits), JSON.stringify(message));
        }
    });
}
