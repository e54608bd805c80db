// Language models: a file becomes a model that answers in OpenAI's form, streamed or whole, to many at
// once, and whatever becomes of the process that serves it.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import https from "node:https";
import path from "node:path";
import { after, before, test } from "node:test";
import { hasStories, storiesGguf } from "./lib/gguf.mjs";
import { Server, sleep } from "./lib/server.mjs";

const options = { skip: hasStories ? false : "no models/stories260K.bin in ../shared/data (COURTYARD_DATA names another place)" };
let server, admin, researcher, other, model;
const base = "/api/v1/language-models";
const story = "Once upon a time";
// llama2.c's page: what stories260K tells at temperature 0.
const told = ", there was a little girl named Lily. She loved to play outside in the park.";

async function take(name, bytes, who = researcher, want = "done") {
    const upload = await who.upload(`${name}.gguf`, bytes);
    const made = await who.ok("POST", base, { name, upload }, 202);
    const job = await who.job(made.job.id, want);
    return { model: await who.ok("GET", `${base}/${made.model.id}`), job };
}

before(async () => {
    if (!hasStories) return;
    server = await Server.start();
    admin = await server.setup();
    researcher = await server.person(admin, "researcher", ["research"]);
    other = await server.person(admin, "other", ["data"]);
    ({ model } = await take("stories", storiesGguf()));
});
after(() => server?.stop());

const complete = (more = {}, who = researcher) =>
    who.call("POST", "/v1/completions", { model: "stories", prompt: story, temperature: 0, max_tokens: 24, ...more });

// A stream read as it comes: {status, events, comments, closed}; `until` may end it early.
function stream(who, target, body, until = () => false) {
    return new Promise((done, fail) => {
        const data = Buffer.from(JSON.stringify({ ...body, stream: true }));
        const request = https.request({ host: "127.0.0.1", port: server.port, method: "POST", path: target, rejectUnauthorized: false, agent: false,
            headers: { cookie: who.cookie, "x-courtyard": "1", "content-type": "application/json", "content-length": data.length } }, (response) => {
            const got = { status: response.statusCode, headers: response.headers, events: [], comments: [], times: [] };
            let text = "", over = false;
            const end = () => { if (!over) { over = true; done(got); } };
            response.on("data", (piece) => {
                text += piece.toString("utf8");
                for (let at = text.indexOf("\n\n"); at >= 0; at = text.indexOf("\n\n")) {
                    const line = text.slice(0, at);
                    text = text.slice(at + 2);
                    if (line.startsWith(":")) got.comments.push(line.slice(2));
                    else if (line.startsWith("data: ")) got.events.push(line.slice(6));
                    got.times.push(performance.now());
                    if (!over && until(got)) { request.destroy(); end(); }
                }
            });
            response.on("end", end);
            response.on("close", end);
        });
        request.on("error", (error) => (error.code === "ECONNRESET" ? undefined : fail(error)));
        request.end(data);
    });
}
const pieces = (got) => got.events.filter((e) => e !== "[DONE]").map((e) => JSON.parse(e));

test("a file tells what it is, what it needs and whether it fits", options, async () => {
    assert.equal(model.state, "ready");
    assert.deepEqual([model.architecture, model.weights, model.context, model.vocabulary, model.embeds, model.chats], ["llama", "F32", 512, 512, false, false]);
    assert.ok(model.parameters > 250000 && model.fits && model.memory_bytes > model.bytes);
    const list = await other.ok("GET", base);
    assert.deepEqual(list.items.map((m) => m.name), ["stories"]);
    const openai = await other.ok("GET", "/v1/models");
    assert.deepEqual(openai.data.map((m) => [m.id, m.object, m.owned_by]), [["stories", "model", "researcher"]]);
});

test("what is no model is refused by the job, and says why", options, async () => {
    const { model: broken, job } = await take("broken", Buffer.from("GGUF and then nothing of it"), researcher, "failed");
    assert.equal(broken.state, "failed");
    assert.match(job.fault.code, /^gguf\./);
    const cut = await take("cut", storiesGguf().subarray(0, 60000), researcher, "failed");
    assert.match(cut.job.fault.code, /^(gguf|network)\./);
    await researcher.fails("POST", base, { name: "stories", upload: await researcher.upload("x", Buffer.from("x")) }, 409, "language.name_taken");
    await other.fails("POST", base, { name: "mine", upload: 1 }, 403, "server.role_needed");
    await other.fails("PATCH", `${base}/${model.id}`, { on: false }, 403, "server.role_needed");
});

test("a text is continued as llama2.c continues it", options, async () => {
    const answer = await complete();
    assert.equal(answer.status, 200, answer.text);
    const { choices, usage, object } = answer.json;
    assert.equal(object, "text_completion");
    assert.ok(choices[0].text.startsWith(told.slice(0, 40)), choices[0].text);
    assert.equal(choices[0].finish_reason, "length");
    assert.equal(usage.completion_tokens, 24);
    assert.equal(usage.total_tokens, usage.prompt_tokens + 24);
    const { accepted_prediction_tokens: held, rejected_prediction_tokens: missed } = usage.completion_tokens_details;
    assert.ok(Number.isInteger(held) && held >= 0 && held < 24 && Number.isInteger(missed) && missed >= 0);
});

test("streamed, the same words come piece by piece, and the usage at the end", options, async () => {
    const whole = (await complete()).json;
    const got = await stream(researcher, "/v1/completions", { model: "stories", prompt: story, temperature: 0, max_tokens: 24, stream_options: { include_usage: true } });
    assert.equal(got.status, 200);
    assert.match(got.headers["content-type"], /^text\/event-stream/);
    assert.equal(got.events.at(-1), "[DONE]");
    const chunks = pieces(got);
    assert.equal(chunks.flatMap((c) => c.choices).map((c) => c.text).join(""), whole.choices[0].text);
    assert.ok(chunks.length > 10);
    assert.deepEqual(chunks.at(-1).usage.completion_tokens, 24);
    assert.deepEqual(chunks.filter((c) => c.choices[0]?.finish_reason).map((c) => c.choices[0].finish_reason), ["length"]);
});

test("chat, stop texts, seeds, choices, log-probabilities and biases", options, async () => {
    const chat = (more) => researcher.call("POST", "/v1/chat/completions", { model: "stories", messages: [{ role: "user", content: story }], temperature: 0, max_tokens: 30, ...more });
    const plain = (await chat()).json;
    assert.equal(plain.choices[0].message.role, "assistant");
    assert.ok(plain.choices[0].message.content.startsWith(told.slice(0, 30)));
    const stopped = (await chat({ stop: ["Lily"] })).json;
    assert.deepEqual([stopped.choices[0].message.content, stopped.choices[0].finish_reason], [", there was a little girl named ", "stop"]);
    const drawn = async (seed) => (await chat({ temperature: 1, seed, n: 3 })).json.choices.map((c) => c.message.content);
    const first = await drawn(7);
    assert.deepEqual(await drawn(7), first);
    assert.equal(new Set(first).size, 3);
    assert.notDeepEqual(await drawn(8), first);
    const logprobs = (await chat({ logprobs: true, top_logprobs: 3, max_tokens: 4 })).json.choices[0].logprobs.content;
    assert.equal(logprobs.length, 4);
    for (const one of logprobs) {
        assert.equal(one.top_logprobs.length, 3);
        assert.ok(Math.abs(one.logprob - one.top_logprobs[0].logprob) < 1e-6 && one.logprob < 0);
    }
    const parts = (await chat({ messages: [{ role: "user", content: [{ type: "text", text: "Once upon " }, { type: "text", text: "a time" }] }] })).json;
    assert.equal(parts.choices[0].message.content, plain.choices[0].message.content);
});

test("what is wrong is told in OpenAI's form", options, async () => {
    const bad = async (body, status, code, target = "/v1/completions") => {
        const answer = await researcher.call("POST", target, { model: "stories", prompt: story, ...body });
        assert.equal(answer.status, status, answer.text);
        assert.equal(answer.json.error.code, code);
        assert.ok(answer.json.error.message.length > 10 && answer.json.error.type);
        return answer.json.error;
    };
    assert.equal((await bad({ model: "nobody" }, 404, "language.not_found")).detail, "nobody");
    assert.equal((await bad({ temperature: 3 }, 400, "language.bad_parameter")).detail, "temperature");
    await bad({ n: 99 }, 400, "language.bad_parameter");
    await bad({ prompt: 7 }, 400, "language.bad_parameter");
    await bad({ prompt: "word ".repeat(2000) }, 400, "network.too_long");
    await bad({ messages: [] }, 400, "language.bad_parameter", "/v1/chat/completions");
    await bad({ messages: [{ role: "user", content: "x" }], tools: [{}] }, 400, "language.unsupported", "/v1/chat/completions");
    await bad({ input: "x" }, 400, "language.embeds_not", "/v1/embeddings");
    const stranger = server.anonymous();
    const answer = await stranger.call("POST", "/v1/completions", { model: "stories", prompt: story });
    assert.deepEqual([answer.status, answer.json.error.type], [401, "authentication_error"]);
});

test("an API key asks as its person, with curl and the box's certificate", options, async () => {
    const made = await other.ok("POST", "/api/v1/me/tokens", { name: "key" }, 201);
    const pem = execFileSync("openssl", ["s_client", "-connect", `127.0.0.1:${server.port}`, "-showcerts"], { input: "", stdio: ["pipe", "pipe", "ignore"] }).toString();
    const file = path.join(server.dir, "box.pem");
    writeFileSync(file, /-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----\n/.exec(pem)[0]);
    const out = execFileSync("curl", ["-sS", "--cacert", file, "--resolve", `localhost:${server.port}:127.0.0.1`, "-H", `Authorization: Bearer ${made.token ?? made.secret}`,
        "-H", "Content-Type: application/json", "-d", JSON.stringify({ model: "stories", prompt: story, temperature: 0, max_tokens: 8 }), `https://localhost:${server.port}/v1/completions`]).toString();
    assert.ok(told.startsWith(JSON.parse(out).choices[0].text), out);
});

test("many are answered at one time, each as if alone", options, async () => {
    const body = { model: "stories", prompt: story, temperature: 0, max_tokens: 400, logit_bias: { 1: -100, 2: -100 } };
    const whole = (await complete(body)).json.choices[0].text;
    // Together, not one after the other: all had begun before the first had ended. A busy machine may
    // bring the eight here too late for that, but not five times.
    let together = false;
    for (let i = 0; i < 5 && !together; i++) {
        const all = await Promise.all(Array.from({ length: 8 }, (_, k) => stream(k % 2 ? researcher : other, "/v1/completions", body)));
        for (const got of all) assert.equal(pieces(got).map((c) => c.choices[0].text).join(""), whole);
        const begun = Math.max(...all.map((g) => g.times[0])), ended = Math.min(...all.map((g) => g.times.at(-1)));
        together = begun < ended;
    }
    assert.ok(together);
});

test("one person may not ask without end at one time", options, async () => {
    const agent = new https.Agent({ maxSockets: 16, rejectUnauthorized: false });
    const body = { model: "stories", prompt: story, max_tokens: 400, temperature: 1, logit_bias: { 1: -100, 2: -100 } };
    const asked = await Promise.all(Array.from({ length: 12 }, () => researcher.call("POST", "/v1/completions", body, { agent })));
    const refused = asked.filter((a) => a.status === 429);
    assert.ok(refused.length >= 1 && refused.every((a) => a.json.error.code === "language.too_many"));
    assert.ok(asked.filter((a) => a.status === 200).length >= 8);
    agent.destroy();
});

test("who goes away is not answered any longer", options, async () => {
    const before = (await researcher.ok("GET", "/v1/models")).data.length;
    assert.equal(before, 1);
    for (let i = 0; i < 20; i++) { // more than a person may have: closed ones must not count
        const got = await stream(researcher, "/v1/completions", { model: "stories", prompt: story, max_tokens: 400, temperature: 1 }, (g) => g.events.length >= 2);
        assert.ok(got.events.length >= 2);
    }
    assert.equal((await complete()).status, 200);
});

test("what was used is counted and its limit holds", options, async () => {
    await sleep(1500);
    const usage = await researcher.ok("GET", "/api/v1/usage");
    assert.ok(JSON.stringify(usage).match(/"tokens":[1-9]/), JSON.stringify(usage).slice(0, 600));
});

test("the process that serves is killed: the answer says so, the next question is answered", options, async () => {
    const now = await researcher.ok("GET", `${base}/${model.id}`);
    const job = await researcher.ok("GET", `/api/v1/jobs/${now.serving}`);
    assert.equal(job.state, "running");
    const pids = execFileSync("pgrep", ["-f", `job ${server.dir}/jobs/${now.serving}$`]).toString().trim().split("\n").map(Number);
    assert.equal(pids.length, 1);
    let killed = false;
    const got = await stream(researcher, "/v1/completions", { model: "stories", prompt: story, max_tokens: 450, temperature: 1, logit_bias: { 2: -100, 1: -100 } }, (g) => {
        if (g.events.length >= 3 && !killed) { killed = true; process.kill(pids[0], "SIGKILL"); }
        return false;
    });
    assert.ok(killed);
    const { error } = JSON.parse(got.events.at(-1));
    assert.deepEqual([error.code, error.type], ["language.ended", "server_error"]);
    assert.match(error.message, /^The process that serves the model ended before/);
    const again = await complete();
    assert.equal(again.status, 200, again.text);
    const next = await researcher.ok("GET", `/api/v1/jobs/${(await researcher.ok("GET", `${base}/${model.id}`)).serving}`);
    assert.ok(next.id !== job.id || next.attempt === job.attempt + 1, JSON.stringify(next));
});

test("switched off it answers nobody and its job ends; on again it answers", options, async () => {
    const { serving } = await researcher.ok("GET", `${base}/${model.id}`);
    await researcher.ok("PATCH", `${base}/${model.id}`, { on: false });
    await researcher.job(serving, "cancelled");
    assert.equal((await complete()).json.error.code, "language.not_found");
    assert.deepEqual((await researcher.ok("GET", "/v1/models")).data, []);
    await researcher.ok("PATCH", `${base}/${model.id}`, { on: true });
    assert.equal((await complete()).status, 200);
});

test("the box starts anew: the child that lived on is found again", options, async () => {
    const { serving } = await researcher.ok("GET", `${base}/${model.id}`);
    const { dir } = server;
    server.ownsDir = false;
    await server.stop();
    server = await Server.start({ dir });
    server.ownsDir = true;
    researcher.server = admin.server = other.server = server;
    researcher.agent.destroy();
    assert.equal((await complete()).status, 200);
    assert.equal((await researcher.ok("GET", `${base}/${model.id}`)).serving, serving);
});

test("removed, it and its file are gone", options, async () => {
    await researcher.ok("DELETE", `${base}/${model.id}`, undefined, 204);
    await researcher.fails("GET", `${base}/${model.id}`, undefined, 404, "language.not_found");
    assert.equal((await complete()).status, 404);
});
