// What an answer may be: a schema, a grammar, one of several texts; and calls of tools, whole and
// streamed. One model tells stories, and is held to the form; the other recites calls of its own accord.
import assert from "node:assert/strict";
import https from "node:https";
import { after, before, test } from "node:test";
import { hasStories, reciterGguf, storiesGguf, textValue } from "./lib/gguf.mjs";
import { Server } from "./lib/server.mjs";

const options = { skip: hasStories ? false : "no models/stories260K.bin in ../shared/data (COURTYARD_DATA names another place)" };
// As Qwen writes calls: <tool_call>, and what they were given as JSON, not as a text in JSON.
const template = textValue("tokenizer.chat_template", `{% if shout %}HEY {% endif %}{% if tools %}{% for t in tools %}{{ t.function.name }} {% endfor %}{% endif %}{% for m in messages %}{% if m.role == 'tool' %}{{ m.tool_call_id }}: {% endif %}{{ m.content }}{% for c in m.tool_calls or [] %}<tool_call>{{ c.id }}{{ c.function.arguments | tojson }}</tool_call>{% endfor %}{% endfor %}`);
const call = ["Let me see. ", "<tool", "_call>", "\n{\"name\": \"look\", ", "\"arguments\": {\"city\": \"北京\"}}", "\n</tool", "_call>"];
const tool = (name, parameters) => ({ type: "function", function: { name, description: "d", parameters } });
const look = tool("look", { type: "object", properties: { city: { type: "string", maxLength: 12 }, days: { $ref: "#/$defs/days" } }, required: ["city", "days"], $defs: { days: { type: "integer", minimum: 1, maximum: 7 } } });
const city = tool("look", { type: "object", properties: { city: { type: "string", maxLength: 12 } }, required: ["city"], additionalProperties: false });
const lift = tool("lift", { type: "object", properties: { floor: { enum: [1, 2, 3] } }, required: ["floor"], additionalProperties: false });
const twice = ["Two. ", "<tool_", "call>{\"name\": \"look\", \"arguments\": {\"ci", "ty\": \"A\"}}", "</tool_call>", "\n", "<tool_call>", "{\"name\": \"lift\", ", "\"arguments\": {\"floor\": 2}}", "</tool_call>", "\nDone."];
// Of its own accord it would give the lift a floor that there is not, and call what there is not.
const wrongly = ["<tool_call>", "{\"name\": \"lift\", \"arguments\": {\"floor\": ", "7", "}}", "</tool_call>"];
const unknown = ["<tool_call>{\"name\": \"", "shoot", "\", \"arguments\": {}}", "</tool_call>"];
const whole = ["{\"name\": \"look\", ", "\"arguments\": {\"city\": \"B\"}}"];
const data = ["{\"name\": \"Bob\", ", "\"arguments\": [1]}"];
let server, researcher;

before(async () => {
    if (!hasStories) return;
    server = await Server.start();
    researcher = await server.person(await server.setup(), "researcher", ["research"]);
    const models = { stories: storiesGguf([template]), reciter: reciterGguf([{ on: "!", pieces: call }, { on: "?", pieces: ["a <b", " and <tool_box"] }, { on: "#", pieces: twice }, { on: "%", pieces: wrongly }, { on: "^", pieces: unknown }, { on: "=", pieces: whole }, { on: "~", pieces: data }], 512, [template]), plain: storiesGguf() };
    for (const [name, bytes] of Object.entries(models)) {
        const made = await researcher.ok("POST", "/api/v1/language-models", { name, upload: await researcher.upload(`${name}.gguf`, bytes) }, 202);
        await researcher.job(made.job.id);
    }
});
after(() => server?.stop());

const ask = (content, more = {}, model = "stories") => researcher.call("POST", "/v1/chat/completions",
    { model, messages: Array.isArray(content) ? content : [{ role: "user", content }], temperature: 1, max_tokens: 120, ...more });
async function told(content, more, model) {
    const answer = await ask(content, more, model);
    assert.equal(answer.status, 200, answer.text);
    return answer.json.choices[0];
}
// The deltas of a stream, in their order, and why it ended.
function streamed(body) {
    return new Promise((done, fail) => {
        const data = Buffer.from(JSON.stringify({ temperature: 0, max_tokens: 120, ...body, stream: true }));
        const request = https.request({ host: "127.0.0.1", port: server.port, method: "POST", path: "/v1/chat/completions", rejectUnauthorized: false, agent: false,
            headers: { cookie: researcher.cookie, "x-courtyard": "1", "content-type": "application/json", "content-length": data.length } }, async (response) => {
            let text = "";
            for await (const piece of response) text += piece.toString("latin1");
            const events = Buffer.from(text, "latin1").toString("utf8").split("\n\n").filter((e) => e.startsWith("data: ")).map((e) => e.slice(6));
            assert.equal(events.pop(), "[DONE]", text);
            const choices = events.map((e) => JSON.parse(e).choices[0]);
            done({ deltas: choices.map((c) => c.delta), finishes: choices.map((c) => c.finish_reason).filter(Boolean), last: choices.at(-1) });
        });
        request.on("error", fail);
        request.end(data);
    });
}

test("an answer fits its schema, is JSON, fits its grammar, is one of the choices", options, async () => {
    const schema = { type: "object", properties: { name: { type: "string", maxLength: 12 }, age: { type: "integer", minimum: 3, maximum: 9 } }, required: ["name", "age"], additionalProperties: false };
    for (let seed = 1; seed <= 4; seed++) {
        const fit = await told("Lily", { seed, response_format: { type: "json_schema", json_schema: { name: "child", strict: true, schema } } });
        const child = JSON.parse(fit.message.content);
        assert.deepEqual(Object.keys(child), ["name", "age"]);
        assert.ok([...child.name].length <= 12 && child.age >= 3 && child.age <= 9);
        assert.equal(fit.finish_reason, "stop");
        assert.ok(["cats", "dogs"].includes((await told("Lily likes", { seed, guided_choice: ["cats", "dogs"] })).message.content));
        assert.match((await told("One day", { seed, guided_grammar: 'root ::= [A-Z][a-z]{2,5} ("." | "!")' })).message.content, /^[A-Z][a-z]{2,5}[.!]$/);
        assert.match((await told("One day", { seed, guided_regex: "(Tom|Lily) is \\d{1,2}( and a half)?" })).message.content, /^(Tom|Lily) is \d{1,2}( and a half)?$/);
        assert.match((await told("One day", { seed, structured_outputs: { regex: "[A-F]{3}[^a-z]" } })).message.content, /^[A-F]{3}[^a-z]$/);
        assert.match((await told("One day", { seed, response_format: { type: "regex", regex: "\\w{4}" } })).message.content, /^\w{4}$/);
        assert.ok(["cats", "dogs"].includes((await told("Lily likes", { seed, structured_outputs: { choice: ["cats", "dogs"], json: null } })).message.content));
        assert.ok(Number.isInteger(JSON.parse((await told("One", { seed, guided_json: { type: "integer", minimum: 10, maximum: 99 } })).message.content)));
    }
    // Any object: what can be said of it is that it begins as one; a story's end may not come.
    assert.match((await told("Tom", { response_format: { type: "json_object" }, seed: 3 })).message.content, /^\{/);
    assert.equal(typeof (await told("Tom", { response_format: { type: "text" } })).message.content, "string");
});

test("held to a form beside others, each is answered as if alone", options, async () => {
    const grammar = 'root ::= ("Lily" | "Tom") " likes " [a-z]{3,9} "."';
    const one = async (seed, guided) => (await told("Once upon a time", { seed, temperature: 0.9, max_tokens: 40, ...(guided ? { guided_grammar: grammar } : {}) })).message.content;
    const alone = [];
    for (let i = 0; i < 4; i++) alone.push(await one(i, i % 2));
    assert.deepEqual(await Promise.all(alone.map((_, i) => one(i, i % 2))), alone);
    for (const i of [1, 3]) assert.match(alone[i], /^(Lily|Tom) likes [a-z]{3,9}\.$/);
});

test("a wish that cannot be kept is refused, and says why", options, async () => {
    const bad = async (more, code, model) => {
        const answer = await ask("x", more, model);
        assert.deepEqual([answer.status, answer.json.error?.code], [400, code], answer.text);
        return answer.json.error.message;
    };
    await bad({ response_format: { type: "json_schema", json_schema: { name: "x", schema: { type: "object", patternProperties: {} } } } }, "grammar.unsupported");
    await bad({ response_format: { type: "json_schema", json_schema: { name: "x" } } }, "language.bad_parameter");
    await bad({ response_format: { type: "xml" } }, "language.unsupported");
    await bad({ guided_grammar: 'root ::= "a" | rest' }, "grammar.no_rule");
    await bad({ guided_choice: [] }, "language.bad_parameter");
    await bad({ guided_choice: ["a"], guided_json: {} }, "language.bad_parameter");
    await bad({ guided_regex: "a(?=b)" }, "grammar.regex");
    await bad({ guided_regex: "((a{1000}){1000}" }, "grammar.regex");
    await bad({ guided_regex: "a{999999}" }, "grammar.too_large");
    await bad({ guided_regex: "" }, "language.bad_parameter");
    await bad({ guided_regex: "a", guided_json: {} }, "language.bad_parameter");
    await bad({ structured_outputs: { regex: "a", choice: ["a"] } }, "language.bad_parameter");
    await bad({ structured_outputs: { structural_tag: "x" } }, "language.unsupported");
    await bad({ structured_outputs: {} }, "language.bad_parameter");
    await bad({ response_format: { type: "regex" } }, "language.unsupported");
    const placed = await ask("x", { guided_regex: "北京\\b" });
    assert.match(placed.json.error.message, /character 3 .*\\b/); // where it is wrong is told
    await bad({ tools: [{}] }, "language.unsupported");
    await bad({ chat_template_kwargs: { messages: [] } }, "language.bad_parameter");
    await bad({ chat_template_kwargs: { mood: "x".repeat(40) } }, "language.bad_parameter");
    await bad({ tools: [{ type: "function", function: {} }] }, "language.bad_parameter");
    const other = { type: "function", function: { name: "other" } };
    assert.match(await bad({ tools: [look], tool_choice: other }, "language.tool_unknown"), /tool_choice.*“other”/);
    assert.match(await bad({ tools: [look, lift, look] }, "language.tool_twice"), /“look”/);
    assert.match(await bad({ tools: [look, { type: "function", function: { name: "x", parameters: [] } }] }, "language.bad_parameter"), /tools\[1\]\.function\.parameters/);
    await bad({ tool_choice: "required" }, "language.bad_parameter");
    await bad({ tool_choice: other }, "language.bad_parameter");
    // A schema that is wrong is refused, with where; one that no grammar says only where it must be kept.
    const odd = (schema, more) => ({ type: "function", function: { name: "odd", parameters: { type: "object", properties: { at: { items: schema } } }, ...more } });
    assert.match(await bad({ tools: [look, odd({ type: "txt" })] }, "grammar.wrong"), /tools\[1\]\.function\.parameters\.properties\.at\.items: type/);
    assert.match(await bad({ tools: [look, odd({ not: {} }, { strict: true })] }, "grammar.unsupported"), /tools\[1\]\.function\.parameters\.properties\.at\.items: not/);
    assert.match(await bad({ tools: [odd({ not: {} })], tool_choice: "required" }, "grammar.unsupported"), /tools\[0\]/);
    assert.equal((await ask("x", { tools: [look, odd({ not: {} })], max_tokens: 1 })).status, 200);
    const talk = [{ role: "user", content: "x" }, { role: "assistant", content: null, tool_calls: [{ id: "a", type: "function", function: { name: "look", arguments: "{}" } }] }, { role: "tool", tool_call_id: "b", content: "y" }];
    assert.equal((await ask(talk)).json.error?.param, "messages[2].tool_call_id");
    await bad({ tools: [look] }, "language.no_tools", "plain");
});

test("a call that must come is streamed as it is made", options, async () => {
    for (const tool_choice of ["required", { type: "function", function: { name: "look" } }]) {
        const got = gathered(await streamed({ model: "stories", messages: [{ role: "user", content: "Tim" }], tools: [look], tool_choice, parallel_tool_calls: false, temperature: 1, seed: 4 }));
        assert.deepEqual([got.content, got.finishes, got.calls.map((c) => c[0])], ["", ["tool_calls"], ["look"]]);
        const given = JSON.parse(got.calls[0][1]);
        assert.ok(given.days >= 1 && given.days <= 7 && got.pieces[0] > 3, JSON.stringify(got));
    }
});

test("a model that must call a tool does, with what the tool takes", options, async () => {
    for (const [choice, names] of [["required", ["look", "lift"]], [{ type: "function", function: { name: "lift" } }, ["lift"]]]) {
        for (let seed = 1; seed <= 3; seed++) {
            const { message, finish_reason } = await told("Tim", { tools: [look, lift], tool_choice: choice, parallel_tool_calls: false, seed });
            assert.deepEqual([finish_reason, message.content, message.tool_calls.length], ["tool_calls", null, 1]);
            const { id, type, function: made } = message.tool_calls[0];
            assert.ok(/^call_\d+$/.test(id) && type === "function" && names.includes(made.name), JSON.stringify(made));
            const given = JSON.parse(made.arguments);
            assert.ok(made.name === "lift" ? [1, 2, 3].includes(given.floor) : given.days >= 1 && given.days <= 7 && [...given.city].length <= 12);
        }
    }
});

// The calls of a stream put together, as OpenAI's clients do; how they come is checked.
function gathered(got) {
    const calls = [];
    for (const delta of got.deltas) {
        assert.ok((delta.tool_calls ?? []).length <= 1, JSON.stringify(delta));
        for (const one of delta.tool_calls ?? []) {
            if (one.id) {
                assert.deepEqual([one.index, one.type, one.function.arguments, /^call_\d+$/.test(one.id)], [calls.length, "function", "", true], JSON.stringify(one));
                calls.push({ id: one.id, name: one.function.name, pieces: [] });
            } else {
                assert.deepEqual([one.index, Object.keys(one), Object.keys(one.function)], [calls.length - 1, ["index", "function"], ["arguments"]], JSON.stringify(one));
                calls.at(-1).pieces.push(one.function.arguments);
            }
        }
    }
    assert.equal(new Set(calls.map((c) => c.id)).size, calls.length);
    return { content: got.deltas.map((d) => d.content ?? "").join(""), calls: calls.map((c) => [c.name, c.pieces.join("")]), pieces: calls.map((c) => c.pieces.length), finishes: got.finishes };
}
// Streamed and whole, an answer is the same.
async function both(content, more, model = "reciter") {
    const { message, finish_reason } = await told(content, { temperature: 0, ...more }, model);
    const got = gathered(await streamed({ model, messages: [{ role: "user", content }], ...more }));
    const whole = { content: message.content ?? "", calls: (message.tool_calls ?? []).map((c) => [c.function.name, c.function.arguments]), finishes: [finish_reason] };
    assert.deepEqual({ content: got.content, calls: got.calls, finishes: got.finishes }, whole);
    return got;
}

test("a call that the model makes of its own accord is told apart, whole and streamed", options, async () => {
    const one = await both("go!", { tools: [city] });
    assert.deepEqual([one.content, one.calls, one.finishes], ["Let me see.", [["look", '{"city": "北京"}']], ["tool_calls"]]);
    const two = await both("go#", { tools: [city, lift] });
    assert.deepEqual([two.content, two.calls, two.finishes], ["Two.\nDone.", [["look", '{"city": "A"}'], ["lift", '{"floor": 2}']], ["tool_calls"]]);
    assert.deepEqual(two.pieces, [2, 1]); // as they were said
    const single = await both("go#", { tools: [city, lift], parallel_tool_calls: false });
    assert.deepEqual([single.content, single.calls, single.finishes], ["Two.", [["look", '{"city": "A"}']], ["tool_calls"]]);
    const bare = await both("go=", { tools: [city] });
    assert.deepEqual([bare.content, bare.calls], ["", [["look", '{"city": "B"}']]]);
    // Cut within what it is given, it is told as far as it went.
    const cut = await both("go#", { tools: [city, lift], max_tokens: 3 });
    assert.deepEqual([cut.content, cut.calls, cut.finishes], ["Two.", [["look", '{"ci']], ["length"]]);
    // Not asked with tools, or told to call none, it is text.
    for (const more of [{}, { tools: [look], tool_choice: "none" }]) {
        const plain = await told("go!", { temperature: 0, ...more }, "reciter");
        assert.equal(plain.message.content, call.join(""));
        assert.equal(plain.message.tool_calls, undefined);
    }
});

test("a call that the model makes fits what the tool takes, whatever the model would say", options, async () => {
    // The tokens of white space are put off, so that a model that knows nothing comes to an end.
    const logit_bias = Object.fromEntries([9, 10, 13, 32].map((byte) => [byte + 3, -100]));
    for (const word of ["go%", "go^", "go!"]) {
        const { calls, finishes } = await both(word, { tools: [look, lift], logit_bias, max_tokens: 200 });
        assert.deepEqual(finishes, ["tool_calls"], word);
        for (const [name, text] of calls) {
            const given = JSON.parse(text);
            assert.ok(name === "lift" ? [1, 2, 3].includes(given.floor) : name === "look" && given.days >= 1 && given.days <= 7 && [...given.city].length <= 12, text);
        }
        if (word === "go%") assert.equal(calls[0][0], "lift");
    }
});

test("what only looks like a call is told whole", options, async () => {
    for (const [word, text] of [["x?", "a <b and <tool_box"], ["x~", data.join("")]]) {
        const { content, calls, finishes } = await both(word, { tools: [look] });
        assert.deepEqual([content, calls, finishes], [text, [], ["stop"]]);
    }
});

test("what a tool has answered goes back to the model", options, async () => {
    const talk = [{ role: "user", content: "go" }, { role: "assistant", content: null, tool_calls: [{ id: "call_1", type: "function", function: { name: "look", arguments: '{"city": "X"}' } }] },
        { role: "tool", tool_call_id: "call_1", content: "rain" }];
    const got = (await ask(talk, { max_tokens: 1 })).json;
    const want = await researcher.call("POST", "/v1/completions", { model: "stories", prompt: 'go<tool_call>call_1{"city": "X"}</tool_call>call_1: rain', max_tokens: 1 });
    assert.equal(got.usage.prompt_tokens, want.json.usage.prompt_tokens);
});

test("switches of the template are set by the one who asks", options, async () => {
    const tokens = async (more) => (await ask("x", { max_tokens: 1, ...more })).json.usage.prompt_tokens;
    assert.ok(await tokens({ chat_template_kwargs: { shout: true } }) > await tokens({}));
    assert.equal(await tokens({ chat_template_kwargs: { shout: false } }), await tokens({}));
});
