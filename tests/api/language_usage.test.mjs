// What language models do is counted by day, department, person and model; each sees their own,
// officers all, as JSON and as CSV.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { reciterGguf } from "./lib/gguf.mjs";
import { Server } from "./lib/server.mjs";

const base = "/api/v1/language-models", usage = "/api/v1/language-usage";
let server, admin, zhang, li, auditor, model;

before(async () => {
    server = await Server.start();
    admin = await server.setup();
    zhang = await server.person(admin, "zhang", ["research"]);
    li = await server.person(admin, "li", ["data"]);
    auditor = await server.person(admin, "shen", ["audit"]);
    const upload = await zhang.upload("reciter.gguf", reciterGguf([{ on: "甲", pieces: ["one ", "two ", "three"] }]));
    const made = await zhang.ok("POST", base, { name: "reciter", upload }, 202);
    await zhang.job(made.job.id, "done");
    model = made.model.id;
});
after(() => server?.stop());

const ask = (who, more = {}) => who.ok("POST", "/v1/completions", { model: "reciter", prompt: "甲", temperature: 0, max_tokens: 16, ...more });

test("nobody has asked: the month is empty", async () => {
    const none = await zhang.ok("GET", usage);
    assert.deepEqual([none.total.requests, none.days, none.people], [0, [], []]);
});

test("requests and tokens are counted at once, by day, department, person and model", async () => {
    const told = await ask(zhang);
    assert.equal(told.choices[0].text, "one two three");
    await ask(zhang, { n: 2 });
    await ask(li);
    const mine = await zhang.ok("GET", usage);
    assert.equal(mine.everybody, false);
    assert.equal(mine.total.requests, 2);
    assert.equal(mine.total.answer_tokens, 3 * told.usage.completion_tokens);
    assert.ok(mine.total.prompt_tokens >= 2 * told.usage.prompt_tokens);
    assert.deepEqual(mine.total.found, { prompts: {}, answers: {} });
    assert.deepEqual(mine.people.map((p) => [p.name, p.requests]), [["zhang", 2]]);
    assert.deepEqual(mine.models.map((m) => [m.model, m.name, m.requests]), [[model, "reciter", 2]]);
    assert.equal(mine.days.length, 1);
    assert.equal(Math.floor(mine.days[0].day / 100), mine.month);
    assert.equal(mine.departments[0].path, "内科");
    const all = await auditor.ok("GET", usage);
    assert.equal(all.everybody, true);
    assert.equal(all.total.requests, 3);
    assert.deepEqual(all.people.map((p) => [p.name, p.requests]).sort(), [["li", 1], ["zhang", 2]]);
    // What the limits look at has the same.
    const sums = await zhang.ok("GET", "/api/v1/usage");
    assert.deepEqual([sums.months[0].requests, sums.months[0].tokens], [2, mine.total.prompt_tokens + mine.total.answer_tokens]);
});

test("it is asked for by month, department, person and model", async () => {
    const all = await admin.ok("GET", usage);
    const { tenant } = all.departments[0];
    assert.equal((await admin.ok("GET", `${usage}?person=${li.id}`)).total.requests, 1);
    assert.equal((await admin.ok("GET", `${usage}?tenant=${tenant}`)).total.requests, 3);
    assert.equal((await admin.ok("GET", `${usage}?model=${model + 1}`)).total.requests, 0);
    assert.equal((await admin.ok("GET", `${usage}?month=200001`)).total.requests, 0);
    assert.equal((await zhang.ok("GET", `${usage}?person=${zhang.id}`)).total.requests, 2);
    await zhang.fails("GET", `${usage}?person=${li.id}`, undefined, 403, "flow.denied");
    await zhang.fails("GET", `${usage}?tenant=${tenant}`, undefined, 403, "flow.denied");
    await zhang.fails("GET", `${usage}?month=7`, undefined, 400, "call.bad_number");
});

test("the same as CSV, for oneself and for officers, and the export is in the audit trail", async () => {
    const file = await auditor.call("GET", `${usage}/file`);
    assert.equal(file.status, 200);
    const lines = file.text.replace("\ufeff", "").trim().split("\r\n");
    assert.match(lines[0], /^day,department,person,model,requests,refused,masked,prompt_tokens,cached_tokens,answer_tokens,found_in_prompts,found_in_answers,id,mobile,/);
    assert.equal(lines.length, 3);
    assert.match(lines.find((line) => line.includes('"zhang"')), /^\d{8},"内科","zhang","reciter",2,0,0,/);
    assert.ok(lines.every((line) => line.split(",").length === lines[0].split(",").length));
    const own = await li.call("GET", `${usage}/file`);
    assert.equal(own.text.trim().split("\r\n").length, 2);
    assert.ok(!own.text.includes("zhang"));
    const audit = await auditor.ok("GET", "/api/v1/audit");
    assert.equal(audit.items.filter((entry) => entry.action === "usage.export").length, 2);
});

test("a restart keeps what was counted just before", async () => {
    await ask(li);
    const { dir } = server;
    server.ownsDir = false;
    await server.stop();
    server = await Server.start({ dir });
    server.ownsDir = true;
    for (const who of [admin, zhang, li, auditor]) {
        who.server = server;
        who.agent.destroy();
    }
    assert.equal((await li.ok("GET", usage)).total.requests, 2);
});
