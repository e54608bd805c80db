// How a language model stands ready to answer: loaded before anybody asks, ended by hand, renamed;
// and files that lie on the box already, taken in without an upload.
import assert from "node:assert/strict";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { hasStories, storiesGguf } from "./lib/gguf.mjs";
import { Server, sleep } from "./lib/server.mjs";

const options = { skip: hasStories ? false : "no models/stories260K.bin in ../shared/data (COURTYARD_DATA names another place)" };
const base = "/api/v1/language-models";
let server, admin, researcher, other, reader, model, folder;

before(async () => {
    if (!hasStories) return;
    server = await Server.start();
    admin = await server.setup();
    researcher = await server.person(admin, "researcher", ["research"]);
    other = await server.person(admin, "other", ["research"]);
    reader = await server.person(admin, "reader", ["data"]);
    folder = (await researcher.ok("GET", "/api/v1/incoming")).folder;
});
after(() => server?.stop());

const show = (who = researcher) => who.ok("GET", `${base}/${model.id}`);
async function until(good, what) {
    for (let i = 0; i < 1200; i++) {
        const now = await show();
        if (good(now.service)) return now;
        await sleep(50);
    }
    assert.fail(`${what}: ${JSON.stringify((await show()).service)}`);
}
const ask = (who, more = {}) => who.call("POST", "/v1/completions", { model: "stories", prompt: "Once upon a time", temperature: 0, max_tokens: 8, ...more });

test("what lies in the box's folder is listed: files, and nothing else", options, async () => {
    assert.equal(folder, path.join(server.dir, "incoming"));
    assert.deepEqual(await researcher.ok("GET", "/api/v1/incoming"), { folder, items: [], total: 0 });
    writeFileSync(path.join(folder, "stories.gguf"), storiesGguf());
    writeFileSync(path.join(folder, "notes.txt"), "no model");
    writeFileSync(path.join(folder, ".hidden.gguf"), "hidden");
    mkdirSync(path.join(folder, "inner"));
    symlinkSync("/etc/passwd", path.join(folder, "link.gguf"));
    const list = await reader.ok("GET", "/api/v1/incoming");
    assert.deepEqual(list.items.map((one) => one.name), ["notes.txt", "stories.gguf"]);
    assert.equal(list.items[1].bytes, storiesGguf().length);
    await admin.fails("GET", "/api/v1/incoming", undefined, 403, "server.role_needed");
});

test("only what is listed can be taken in", options, async () => {
    for (const incoming of ["link.gguf", ".hidden.gguf", "inner", "gone.gguf", "../keys/bundle.pem", "/etc/passwd", "..", "a\u0001b"]) {
        await researcher.fails("POST", base, { name: "bad", incoming }, 404, "incoming.not_found");
    }
    await researcher.fails("POST", base, { name: "bad", incoming: "" }, 400, "call.missing");
    const refused = await researcher.ok("POST", base, { name: "notes", incoming: "notes.txt" }, 202);
    const job = await researcher.job(refused.job.id, "failed");
    assert.match(job.fault.code, /^gguf\./);
    assert.equal((await researcher.ok("GET", `${base}/${refused.model.id}`)).state, "failed");
    await researcher.ok("DELETE", `${base}/${refused.model.id}`, undefined, 204);
});

test("a file on the box becomes a model; it is copied, not taken away", options, async () => {
    const made = await researcher.ok("POST", base, { name: "first", incoming: "stories.gguf" }, 202);
    assert.equal(made.model.service.state, "off");
    await researcher.job(made.job.id);
    model = made.model;
    writeFileSync(path.join(folder, "stories.gguf"), "changed afterwards");
    const now = await show();
    assert.deepEqual([now.state, now.file, now.architecture], ["ready", "stories.gguf", "llama"]);
    assert.equal(now.bytes, storiesGguf().length);
    assert.ok(now.memory_bytes > now.bytes + now.cache_bytes && now.cache_bytes > 0);
    assert.ok(now.memory_most_bytes >= now.memory_bytes);
});

test("renamed, it answers under the new name alone", options, async () => {
    await other.fails("PATCH", `${base}/${model.id}`, { name: "mine" }, 403, "language.not_yours");
    const now = await researcher.ok("PATCH", `${base}/${model.id}`, { name: "stories" });
    assert.deepEqual([now.name, now.on], ["stories", true]);
    await researcher.ok("PATCH", `${base}/${model.id}`, { name: "stories" }); // its own name is free
    await researcher.fails("PATCH", `${base}/${model.id}`, { name: "x".repeat(101) }, 413, "call.too_long");
    assert.equal((await ask(reader, { model: "first" })).status, 404);
    const upload = await researcher.upload("b.gguf", storiesGguf());
    const second = await researcher.ok("POST", base, { name: "second", upload }, 202);
    await researcher.job(second.job.id);
    await researcher.fails("PATCH", `${base}/${second.model.id}`, { name: "stories" }, 409, "language.name_taken");
    assert.equal((await researcher.ok("GET", `${base}/${second.model.id}`)).name, "second");
    await researcher.ok("DELETE", `${base}/${second.model.id}`, undefined, 204);
});

test("another is made of it with weights in fewer bits, and tells the same story", options, async () => {
    const make = (more) => researcher.call("POST", `${base}/${model.id}/quantise`, { name: "small", weights: "q8_0", ...more });
    for (const weights of ["f16", "q9", "F32"]) assert.equal((await make({ weights })).json.error.code, "quantise.bad_type");
    assert.equal((await make({ name: "stories" })).json.error.code, "language.name_taken");
    const made = (await make()).json;
    await researcher.job(made.job.id);
    const small = await researcher.ok("GET", `${base}/${made.model.id}`);
    assert.deepEqual([small.state, small.weights, small.parameters], ["ready", "Q8_0", (await show()).parameters]);
    assert.ok(small.bytes < 0.4 * (await show()).bytes, `${small.bytes}`);
    const answer = await ask(reader, { model: "small", max_tokens: 16 });
    assert.ok(answer.json.choices[0].text.startsWith(", there was a little girl"), answer.text);
    await researcher.fails("POST", `${base}/${small.id}/quantise`, { name: "less", weights: "q4_0" }, 409, "language.quantised");
    await researcher.fails("POST", `${base}/999/quantise`, { name: "less", weights: "q4_0" }, 404, "language.not_found");
    await reader.fails("POST", `${base}/${model.id}/quantise`, { name: "less", weights: "q4_0" }, 403, "server.role_needed");
    await researcher.ok("DELETE", `${base}/${small.id}`, undefined, 204);
});

test("loaded before anybody asks, it is idle; asked, it says so; stopped, it is off", options, async () => {
    assert.equal((await show()).service.state, "off");
    const begun = await reader.ok("POST", `${base}/${model.id}/serve`, {}, 202);
    assert.ok(["waiting", "loading", "idle"].includes(begun.service.state), begun.service.state);
    const ready = await until((s) => s.state === "idle", "idle");
    assert.ok(ready.service.since_ms > 0 && ready.service.job === ready.serving);
    assert.deepEqual([ready.service.requests, ready.service.tokens, ready.service.fault], [0, 0, null]);
    // Once more: the same job.
    assert.equal((await reader.ok("POST", `${base}/${model.id}/serve`, {}, 202)).service.job, ready.service.job);
    const long = ask(researcher, { max_tokens: 450, temperature: 1, logit_bias: { 1: -100, 2: -100 } });
    const busy = await until((s) => s.requests > 0, "asked");
    assert.equal(busy.service.state, "serving");
    assert.equal((await long).status, 200);
    const rested = await until((s) => s.state === "idle" && s.tokens > 0, "idle again");
    assert.equal(rested.service.job, ready.service.job);
    await other.fails("POST", `${base}/${model.id}/stop`, {}, 403, "language.not_yours");
    await reader.fails("POST", `${base}/${model.id}/stop`, {}, 403, "server.role_needed");
    await researcher.ok("POST", `${base}/${model.id}/stop`, {});
    const off = await until((s) => s.state === "off", "off");
    assert.deepEqual([off.service.job, off.service.since_ms, off.service.fault, off.on], [null, null, null, true]);
    await researcher.ok("POST", `${base}/${model.id}/stop`, {}); // what is off stays off
    assert.equal((await ask(reader)).status, 200); // and the next question loads it
});

test("the system officer sees and stops it; what is switched off is not loaded", options, async () => {
    assert.equal((await admin.ok("GET", base)).total, 1);
    await admin.ok("POST", `${base}/${model.id}/stop`, {});
    await until((s) => s.state === "off", "off");
    await researcher.ok("PATCH", `${base}/${model.id}`, { on: false });
    await researcher.fails("POST", `${base}/${model.id}/serve`, {}, 404, "language.not_found");
    await researcher.ok("PATCH", `${base}/${model.id}`, { on: true });
    await researcher.fails("POST", `${base}/999/serve`, {}, 404, "language.not_found");
    await researcher.fails("POST", `${base}/999/stop`, {}, 404, "language.not_found");
});
