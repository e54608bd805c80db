// The guard: what a department's policy says of personal data is done to what is asked and to what is
// answered, streamed or whole; it is counted by kind, and stands in the audit trail as counts.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import https from "node:https";
import path from "node:path";
import { after, before, test } from "node:test";
import { reciterGguf } from "./lib/gguf.mjs";
import { Server, root } from "./lib/server.mjs";

const base = "/api/v1/language-models", usage = "/api/v1/language-usage";
const ID = "11010519491231002X", MOBILE = "13812345678", NAME = "欧阳明华";
// Every number in several tokens, as real models write them.
const told = ["患者", "姓名：", "欧阳", "明华", "，身份证号", "1101", "0519", "4912", "3100", "2X。", "请致电", "138", "1234", "56", "78", "联系。", "谢谢。"];
const masked = "患者姓名：[姓名]，身份证号[身份证号]。请致电[手机号]联系。谢谢。";
const clean = ["今天", "天气很好。", "请多", "喝水。"];
const late = ["先说好的。", "再说电话", "139", "8765", "4321", "。完。"];
let server, admin, zhang, auditor;

before(async () => {
    server = await Server.start();
    admin = await server.setup();
    zhang = await server.person(admin, "zhang", ["research"]); // of 内科
    auditor = await server.person(admin, "shen", ["audit"]);
    const upload = await zhang.upload("reciter.gguf", reciterGguf([{ on: "甲", pieces: told }, { on: "乙", pieces: clean }, { on: "丙", pieces: late }]));
    const made = await zhang.ok("POST", base, { name: "reciter", upload }, 202);
    await zhang.job(made.job.id, "done");
});
after(() => server?.stop());

const rules = async (prompts, answers, name = "内科") => {
    const now = await admin.ok("GET", "/api/v1/policy");
    now.tenants.find((t) => t.name === name).guard = { prompts, answers };
    await admin.ok("POST", "/api/v1/policy", { version: now.version, note: "test", rate_micro: now.rate_micro, utc_offset_minutes: now.utc_offset_minutes, tenants: now.tenants });
};
const body = (prompt, more = {}) => ({ model: "reciter", prompt, temperature: 0, max_tokens: 40, ...more });
const ask = (prompt, more) => zhang.call("POST", "/v1/completions", body(prompt, more));
const found = async () => (await zhang.ok("GET", usage)).total;
// What a request adds to the counts.
async function adds(run) {
    const was = await found(), answer = await run(), is = await found();
    const less = (a, b) => Object.fromEntries(Object.keys(a).map((k) => [k, a[k] - (b[k] ?? 0)]).filter(([, n]) => n));
    return { answer, requests: is.requests - was.requests, refused: is.refused - was.refused, masked: is.masked - was.masked,
        prompts: less(is.found.prompts, was.found.prompts), answers: less(is.found.answers, was.found.answers) };
}

function stream(target, request) {
    return new Promise((done, fail) => {
        const data = Buffer.from(JSON.stringify({ ...request, stream: true }));
        const asked = https.request({ host: "127.0.0.1", port: server.port, method: "POST", path: target, rejectUnauthorized: false, agent: false,
            headers: { cookie: zhang.cookie, "x-courtyard": "1", "content-type": "application/json", "content-length": data.length } }, (response) => {
            const pieces = [];
            response.on("data", (piece) => pieces.push(piece));
            response.on("end", () => {
                const text = Buffer.concat(pieces).toString("utf8");
                const events = text.split("\n\n").filter((line) => line.startsWith("data: ")).map((line) => line.slice(6));
                done({ status: response.statusCode, raw: text, done: events.at(-1) === "[DONE]", chunks: events.filter((e) => e !== "[DONE]").map((e) => JSON.parse(e)) });
            });
        });
        asked.on("error", fail);
        asked.end(data);
    });
}
const said = (got) => got.chunks.flatMap((c) => c.choices).map((c) => c.text ?? c.delta.content ?? "").join("");
const nothing_personal = (text) => { for (const one of [ID, ID.slice(0, 14), MOBILE, MOBILE.slice(0, 7), NAME, "欧阳", "13987654321"]) assert.ok(!text.includes(one), `${one} in ${text}`); };

test("by default what is found is counted, and nothing is changed", async () => {
    const one = await adds(() => ask(`电话${MOBILE}。甲`));
    assert.equal(one.answer.status, 200, one.answer.text);
    assert.equal(one.answer.json.choices[0].text, told.join(""));
    assert.deepEqual(one.answer.json.courtyard, { guard: { prompts: { rule: "count", found: { mobile: 1 } }, answers: { rule: "count", found: { id: 1, mobile: 1, name: 1 } } } });
    assert.deepEqual([one.requests, one.refused, one.masked, one.prompts, one.answers], [1, 0, 0, { mobile: 1 }, { id: 1, mobile: 1, name: 1 }]);
    const quiet = await adds(() => ask("乙"));
    assert.equal(quiet.answer.json.courtyard, undefined);
    assert.deepEqual([quiet.requests, quiet.answers], [1, {}]);
    const got = await stream("/v1/completions", body("甲"));
    assert.equal(said(got), told.join(""));
    assert.ok(got.chunks.length > 10); // as it comes: nothing is held back
});

test("off, nobody looks", async () => {
    await rules("off", "off");
    const one = await adds(() => ask(`电话${MOBILE}。甲`));
    assert.equal(one.answer.json.choices[0].text, told.join(""));
    assert.equal(one.answer.json.courtyard, undefined);
    assert.deepEqual([one.requests, one.prompts, one.answers], [1, {}, {}]);
});

test("masked answers: a number in several tokens never leaves, whole or streamed", async () => {
    await rules("inherit", "mask");
    const one = await adds(() => ask("甲"));
    assert.equal(one.answer.json.choices[0].text, masked);
    assert.equal(one.answer.json.choices[0].finish_reason, "stop");
    nothing_personal(one.answer.text);
    assert.deepEqual(one.answer.json.courtyard.guard.answers, { rule: "mask", found: { id: 1, mobile: 1, name: 1 } });
    assert.deepEqual([one.masked, one.refused, one.answers], [1, 0, { id: 1, mobile: 1, name: 1 }]);
    const got = await stream("/v1/completions", body("甲", { stream_options: { include_usage: true } }));
    assert.equal(said(got), masked);
    assert.ok(got.done);
    nothing_personal(got.raw);
    const last = got.chunks.findLast((c) => c.choices.length);
    assert.equal(last.choices[0].finish_reason, "stop");
    assert.deepEqual(last.courtyard.guard.answers.found, { id: 1, mobile: 1, name: 1 });
    assert.equal(got.chunks.filter((c) => c.courtyard).length, 1);
    assert.equal(got.chunks.at(-1).usage.completion_tokens, one.answer.json.usage.completion_tokens);
    const chat = await stream("/v1/chat/completions", { model: "reciter", messages: [{ role: "user", content: "甲" }], temperature: 0, max_tokens: 40 });
    assert.equal(said(chat), masked);
    nothing_personal(chat.raw);
    // What is clean leaves sentence by sentence, not at the end.
    const plain = await stream("/v1/completions", body("乙"));
    assert.equal(said(plain), clean.join(""));
    assert.ok(plain.chunks.filter((c) => c.choices[0].text).length >= 2);
    // Cut at its length right behind a number.
    assert.equal((await ask("甲", { max_tokens: 10 })).json.choices[0].text, "患者姓名：[姓名]，身份证号[身份证号]。");
    // Choices are apart.
    const two = await ask("甲", { n: 2 });
    assert.deepEqual(two.json.choices.map((c) => c.text), [masked, masked]);
});

test("where answers are masked, log-probabilities would show them", async () => {
    const no = await ask("甲", { logprobs: 2 });
    assert.deepEqual([no.status, no.json.error.code], [400, "guard.no_logprobs"]);
    const chat = await zhang.call("POST", "/v1/chat/completions", { model: "reciter", messages: [{ role: "user", content: "甲" }], logprobs: true, top_logprobs: 2 });
    assert.deepEqual([chat.status, chat.json.error.code], [400, "guard.no_logprobs"]);
    assert.equal((await zhang.call("POST", "/v1/chat/completions", { model: "reciter", messages: [{ role: "user", content: "乙" }], logprobs: false })).status, 200);
});

test("refused answers end before what was found, in OpenAI's form", async () => {
    await rules("inherit", "refuse");
    const one = await adds(() => ask("丙"));
    assert.equal(one.answer.status, 200);
    assert.deepEqual([one.answer.json.choices[0].text, one.answer.json.choices[0].finish_reason], ["先说好的。", "content_filter"]);
    assert.deepEqual(one.answer.json.courtyard.guard.answers, { rule: "refuse", found: { mobile: 1 } });
    assert.deepEqual([one.requests, one.refused, one.masked, one.answers], [1, 1, 0, { mobile: 1 }]);
    assert.ok(one.answer.json.usage.prompt_tokens > 0 && one.answer.json.usage.completion_tokens > 0);
    const got = await stream("/v1/completions", body("丙"));
    assert.equal(said(got), "先说好的。");
    assert.deepEqual(got.chunks.filter((c) => c.choices[0]?.finish_reason).map((c) => c.choices[0].finish_reason), ["content_filter"]);
    assert.ok(got.done);
    nothing_personal(got.raw);
    assert.equal((await ask("乙")).json.choices[0].finish_reason, "stop");
});

test("masked questions: the model never reads what was in them", async () => {
    await rules("mask", "off");
    // The last character decides what is recited; a masked one would not end with it.
    const one = await adds(() => ask(`身份证号${ID}。乙`));
    assert.equal(one.answer.json.choices[0].text, clean.join(""));
    assert.deepEqual([one.masked, one.prompts], [1, { id: 1 }]);
    assert.deepEqual(one.answer.json.courtyard, { guard: { prompts: { rule: "mask", found: { id: 1 } } } });
    // As many tokens as the word in its place has, and not those of the number.
    const same = await ask("身份证号[身份证号]。乙");
    assert.equal(one.answer.json.usage.prompt_tokens, same.json.usage.prompt_tokens);
    const parts = await adds(() => zhang.call("POST", "/v1/chat/completions", { model: "reciter", temperature: 0, max_tokens: 40,
        messages: [{ role: "system", content: `电话${MOBILE}` }, { role: "user", content: [{ type: "text", text: `${NAME}的身份证号是${ID}。` }, { type: "text", text: "乙" }] }] }));
    assert.equal(parts.answer.status, 200, parts.answer.text);
    assert.equal(parts.answer.json.choices[0].message.content, clean.join(""));
    assert.ok(parts.prompts.id === 1 && parts.prompts.mobile === 1);
});

test("refused questions are not asked, and say which kinds in both languages", async () => {
    await rules("refuse", "off");
    const one = await adds(() => ask(`身份证号${ID}，电话${MOBILE}。乙`));
    assert.equal(one.answer.status, 400);
    assert.equal(one.answer.json.error.code, "guard.prompt_refused");
    assert.match(one.answer.json.error.message, /id 1, mobile 1/);
    nothing_personal(one.answer.text);
    assert.deepEqual([one.requests, one.refused, one.prompts], [1, 1, { id: 1, mobile: 1 }]);
    for (const language of ["en", "zh-CN"]) {
        const messages = JSON.parse(readFileSync(path.join(root, `web/messages/${language}.json`), "utf8"));
        for (const key of ["guard.prompt_refused", "guard.no_logprobs"]) assert.ok(messages[key] && messages[`${key}.hint`], `${language} ${key}`);
    }
    assert.equal((await ask("乙")).status, 200);
    const streamed = await stream("/v1/completions", body(`电话${MOBILE}`));
    assert.equal(streamed.status, 400);
});

test("a department without a rule takes that of the one above it", async () => {
    const now = await admin.ok("GET", "/api/v1/policy");
    const top = now.tenants.find((t) => t.name === "内科");
    now.tenants.push({ ...top, id: now.next_tenant, parent: top.id, kind: "project", name: "影像组", quota: null, guard: { prompts: "inherit", answers: "inherit" } });
    top.guard = { prompts: "off", answers: "mask" };
    const saved = (policy) => ({ version: policy.version, note: "", rate_micro: policy.rate_micro, utc_offset_minutes: policy.utc_offset_minutes, tenants: policy.tenants });
    await admin.ok("POST", "/api/v1/policy", saved(now));
    await admin.ok("PATCH", `/api/v1/people/${zhang.id}`, { department: "影像组" });
    assert.equal((await ask("甲")).json.choices[0].text, masked);
    const versions = await admin.ok("GET", "/api/v1/policy/versions");
    assert.ok(versions.items[0].changes.some((c) => c.tenant === "内科" && c.field === "guard"), JSON.stringify(versions.items[0]));
    const bad = await admin.ok("GET", "/api/v1/policy");
    bad.tenants.find((t) => t.name === "内科").guard = { prompts: "shred", answers: "mask" };
    await admin.fails("POST", "/api/v1/policy", saved(bad), 400, "policy.bad_guard");
});

test("the audit trail has kinds and counts, and nowhere is what they were", async () => {
    const audit = await auditor.ok("GET", "/api/v1/audit?size=200");
    const notes = audit.items.filter((entry) => entry.action === "language.guard");
    assert.ok(notes.length >= 4, `${notes.length}`);
    assert.ok(notes.every((entry) => entry.actor === "zhang" && /^language\/\d+$/.test(entry.object)));
    assert.ok(notes.some((entry) => entry.result === "denied" && /prompts: id=1 mobile=1; masked=0 refused=1/.test(entry.detail)), JSON.stringify(notes));
    nothing_personal(JSON.stringify(audit.items));
    nothing_personal(server.log);
    const file = await auditor.call("GET", `${usage}/file`);
    const [head, ...lines] = file.text.replace("\ufeff", "").trim().split("\r\n").map((line) => line.split(","));
    const sum = (name) => lines.reduce((all, line) => all + Number(line[head.indexOf(name)]), 0);
    const all = (await auditor.ok("GET", usage)).total;
    assert.equal(sum("mobile"), (all.found.prompts.mobile ?? 0) + (all.found.answers.mobile ?? 0));
    assert.equal(sum("refused"), all.refused);
});
