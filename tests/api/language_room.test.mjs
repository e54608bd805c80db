// A model that is served holds what other jobs want. It makes room: when nobody asks it at once, else
// after its turn, with every answer whole; and who still waits for one is answered afterwards.
import assert from "node:assert/strict";
import https from "node:https";
import { after, before, test } from "node:test";
import { csv } from "./lib/data.mjs";
import { hasStories, storiesGguf } from "./lib/gguf.mjs";
import { Server, sleep } from "./lib/server.mjs";

const options = { skip: hasStories ? false : "no models/stories260K.bin in ../shared/data (COURTYARD_DATA names another place)" };
const base = "/api/v1/language-models";
let server, admin, researcher, officer, tight;
const models = {};

async function take(name) {
    const upload = await researcher.upload(`${name}.gguf`, storiesGguf());
    const made = await researcher.ok("POST", base, { name, upload }, 202);
    await researcher.job(made.job.id);
    models[name] = made.model.id;
}
async function dataset(name) {
    const upload = await officer.upload(`${name}.csv`, csv(200));
    return (await officer.ok("POST", "/api/v1/datasets", { name, upload }, 202)).job;
}
const ask = (model, more = {}) =>
    researcher.call("POST", "/v1/completions", { model, prompt: "Once upon a time", temperature: 0, max_tokens: 16, ...more });
const leave = (signal) => new Promise((done) => {
    const body = JSON.stringify({ model: "two", prompt: "Once", stream: true });
    const request = https.request({ host: "127.0.0.1", port: server.port, method: "POST", path: "/v1/completions", rejectUnauthorized: false, agent: false, signal,
        headers: { cookie: researcher.cookie, "x-courtyard": "1", "content-type": "application/json", "content-length": body.length } });
    request.on("error", done);
    request.on("response", (response) => response.on("error", done).on("close", done).resume());
    request.end(body);
});
const serving = async (name) => (await researcher.ok("GET", `${base}/${models[name]}`)).serving;

before(async () => {
    if (!hasStories) return;
    server = await Server.start();
    admin = await server.setup();
    researcher = await server.person(admin, "researcher", ["research"]);
    officer = await server.person(admin, "officer", ["data"]);
    await take("one");
    await take("two");
    tight = (await admin.ok("GET", "/api/v1/system")).capacity.cpu_milli < 6000;
});
after(() => server?.stop());
const skip = (context) => (tight ? false : (context.skip("this box has room for both at once"), true));

test("a model that nobody asks goes as soon as a job waits for its place, and comes back", options, async (context) => {
    if (skip(context)) return;
    assert.equal((await ask("one")).status, 200);
    const held = await serving("one");
    const job = await dataset("behind");
    await officer.job(job.id);
    assert.equal((await researcher.job(held)).state, "done");
    assert.equal((await ask("one")).status, 200);
    assert.notEqual(await serving("one"), held);
});

test("two models take turns", options, async (context) => {
    if (skip(context)) return;
    for (const name of ["two", "one", "two"]) {
        const answer = await ask(name);
        assert.equal(answer.status, 200, answer.text);
    }
});

test("a model of a former life of the box makes room too", options, async (context) => {
    if (skip(context)) return;
    assert.equal((await ask("one")).status, 200);
    const held = await serving("one");
    const { dir } = server;
    server.ownsDir = false;
    await server.stop();
    server = await Server.start({ dir });
    server.ownsDir = true;
    for (const who of [admin, researcher, officer]) who.server = server;
    assert.equal((await researcher.ok("GET", `/api/v1/jobs/${held}`)).state, "running");
    await officer.job((await dataset("after")).id);
    assert.equal((await researcher.job(held)).state, "done");
});

test("one that was loaded and never asked, or whose asker has gone, makes room too", options, async (context) => {
    if (skip(context)) return;
    await researcher.ok("POST", `${base}/${models.two}/serve`, {}, 202);
    const loaded = await serving("two");
    await officer.job((await dataset("loaded")).id);
    assert.equal((await researcher.job(loaded)).state, "done");

    // One answers at length; who asks the other goes away while that waits for its place.
    const gone = new AbortController();
    const long = ask("one", { max_tokens: 480, logit_bias: { 1: -100, 2: -100 } });
    const left = leave(gone.signal);
    let begun = loaded;
    for (let i = 0; i < 1200 && begun === loaded; i++) { await sleep(50); begun = await serving("two"); }
    assert.notEqual(begun, loaded);
    gone.abort();
    await left;
    await long;
    await officer.job((await dataset("left")).id);
    assert.equal((await researcher.job(begun)).state, "done");
});

test("one that is asked without end has its turn, then the job has its own; no answer is lost", options, async (context) => {
    if (skip(context)) return;
    let over = false, answers = 0;
    const client = async () => {
        while (!over) {
            const got = await ask("one", { max_tokens: 200, logit_bias: { 1: -100, 2: -100 } });
            assert.equal(got.status, 200, got.text);
            assert.equal(got.json.usage.completion_tokens, 200);
            answers++;
        }
    };
    const clients = [client(), client(), client()];
    while (answers < 3) await sleep(20);
    const held = await serving("one");
    const job = await dataset("patient");
    for (let i = 0; i < 3000 && (await officer.ok("GET", `/api/v1/jobs/${job.id}`)).state !== "done"; i++) await sleep(50);
    assert.equal((await researcher.job(held)).state, "done");
    const before = answers;
    while (answers < before + 3) await sleep(20);
    over = true;
    await Promise.all(clients);
    assert.notEqual(await serving("one"), held);
});
