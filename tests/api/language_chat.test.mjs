// Chat with language models over HTTPS: messages become a prompt by the template in the model's file.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { hasStories, storiesGguf, textValue } from "./lib/gguf.mjs";
import { Server } from "./lib/server.mjs";

const options = { skip: hasStories ? false : "no models/stories260K.bin in ../shared/data (COURTYARD_DATA names another place)" };
const story = "Once upon a time";
const models = {};
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
        models[name] = await take(name, template);
        assert.equal(models[name].chats, true);
    }
});
after(() => server?.stop());

const chat = (model, messages, more = {}) =>
    researcher.call("POST", "/v1/chat/completions", { model, messages, temperature: 0, max_tokens: 24, ...more });
const complete = (model, prompt) => researcher.call("POST", "/v1/completions", { model, prompt, temperature: 0, max_tokens: 24 });
// On a machine of few processors one model is served at a time.
async function only(name) {
    for (const one of Object.keys(models)) await researcher.ok("PATCH", `/api/v1/language-models/${models[one].id}`, { on: one === name });
}
const user = (content) => ({ role: "user", content });

test("messages are what the model's template makes of them", options, async () => {
    await only("joined");
    const got = await chat("joined", [{ role: "system", content: "One day," }, user([{ type: "text", text: "Tim" }])]);
    assert.equal(got.status, 200, got.text);
    const want = (await complete("joined", "One day, Tim")).json;
    assert.equal(got.json.choices[0].message.content, want.choices[0].text);
    assert.equal(got.json.usage.prompt_tokens, want.usage.prompt_tokens);
});

test("a template's control tokens are tokens; a text's are letters", options, async () => {
    await only("marked");
    const marked = await chat("marked", [user("a")]), text = await complete("marked", "user a</s>"), bare = await complete("marked", "user a");
    assert.equal(marked.json.usage.prompt_tokens, bare.json.usage.prompt_tokens + 1);
    assert.ok(text.json.usage.prompt_tokens > bare.json.usage.prompt_tokens + 1, text.text);
});

test("what a template refuses, and one that cannot be used, is told in a sentence", options, async () => {
    await only("strict");
    assert.equal((await chat("strict", [user(story)])).status, 200);
    const refused = await chat("strict", [{ role: "assistant", content: story }]);
    assert.deepEqual([refused.status, refused.json.error.code], [400, "template.raised"]);
    assert.match(refused.json.error.message, /refuses these messages: the user begins$/);
    await only("broken");
    const broken = await chat("broken", [user(story)]);
    assert.deepEqual([broken.status, broken.json.error.code], [400, "template.syntax"]);
    assert.match(broken.json.error.message, /on line 2 /);
    assert.equal((await complete("broken", story)).status, 200); // it still goes on with texts
});
