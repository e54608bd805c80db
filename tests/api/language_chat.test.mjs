// Chat with language models over HTTPS: messages become a prompt by the template in the model's file.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { hasStories, storiesGguf, textValue } from "./lib/gguf.mjs";
import { Server } from "./lib/server.mjs";

const options = { skip: hasStories ? false : "no models/stories260K.bin in ../shared/data (COURTYARD_DATA names another place)" };
const story = "Once upon a time";
let server, researcher;

const templates = {
    joined: "{% for m in messages %}{{ m.content }}{% if not loop.last %} {% endif %}{% endfor %}",
    marked: "{% for m in messages %}{{ m.role }} {{ m.content }}</s>{% endfor %}",
    strict: "{% if messages[0].role != 'user' %}{{ raise_exception('the user begins') }}{% endif %}{{ messages[0].content }}",
    broken: "{{ messages[0].content }}\n{% if %}",
};

async function take(name, template) {
    const upload = await researcher.upload(`${name}.gguf`, storiesGguf([textValue("tokenizer.chat_template", template)]));
    const made = await researcher.ok("POST", "/api/v1/language-models", { name, upload }, 202);
    await researcher.job(made.job.id);
    return researcher.ok("GET", `/api/v1/language-models/${made.model.id}`);
}

before(async () => {
    if (!hasStories) return;
    server = await Server.start();
    researcher = await server.person(await server.setup(), "researcher", ["research"]);
    for (const [name, template] of Object.entries(templates)) {
        assert.equal((await take(name, template)).chats, true);
    }
});
after(() => server?.stop());

const chat = (model, messages, more = {}) =>
    researcher.call("POST", "/v1/chat/completions", { model, messages, temperature: 0, max_tokens: 24, ...more });
const complete = (model, prompt, more = {}) => researcher.call("POST", "/v1/completions", { model, prompt, temperature: 0, max_tokens: 24, ...more });
const user = (content) => ({ role: "user", content });

test("messages are what the model's template makes of them", options, async () => {
    const got = await chat("joined", [{ role: "system", content: "One day," }, user([{ type: "text", text: "Tim" }])]);
    assert.equal(got.status, 200, got.text);
    const want = (await complete("joined", "One day, Tim")).json;
    assert.equal(got.json.choices[0].message.content, want.choices[0].text);
    assert.equal(got.json.usage.prompt_tokens, want.usage.prompt_tokens);
});

test("a template's control tokens are tokens; a text's are letters", options, async () => {
    const marked = await chat("marked", [user("a")]), text = await complete("marked", "user a</s>"), bare = await complete("marked", "user a");
    assert.equal(marked.json.usage.prompt_tokens, bare.json.usage.prompt_tokens + 1);
    assert.ok(text.json.usage.prompt_tokens > bare.json.usage.prompt_tokens + 1, text.text);
});

test("what a template refuses, and one that cannot be used, is told in a sentence", options, async () => {
    assert.equal((await chat("strict", [user(story)])).status, 200);
    const refused = await chat("strict", [{ role: "assistant", content: story }]);
    assert.deepEqual([refused.status, refused.json.error.code], [400, "template.raised"]);
    assert.match(refused.json.error.message, /refuses these messages: the user begins$/);
    const broken = await chat("broken", [user(story)]);
    assert.deepEqual([broken.status, broken.json.error.code], [400, "template.syntax"]);
    assert.match(broken.json.error.message, /on line 2 /);
    assert.equal((await complete("broken", story)).status, 200); // it still goes on with texts
});

// On a machine of two processors one model has them all.
test("a model that nobody asks gives way to another and to any job", options, async () => {
    for (let i = 0; i < 2; i++) {
        for (const name of ["joined", "marked"]) assert.equal((await complete(name, story)).status, 200);
    }
    const more = await take("more", templates.joined); // its job could wait ten minutes
    assert.equal(more.state, "ready");
});

test("a model that is asked without end lets another have its turn", options, async () => {
    let asks = true, first = 0;
    const busy = async () => {
        while (asks) first += (await complete("joined", story, { max_tokens: 40, logit_bias: { 1: -100, 2: -100 } })).status === 200;
    };
    const all = [busy(), busy(), busy()];
    const other = await complete("marked", story);
    asks = false;
    await Promise.all(all);
    assert.equal(other.status, 200, other.text);
    assert.ok(first >= 3);
});
