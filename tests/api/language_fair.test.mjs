// Fair shares of a model that more ask than it can answer at one time: counted in answers and tokens,
// not in seconds. And what is told of the place in the queue.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import https from "node:https";
import { after, before, test } from "node:test";
import { reciterGguf } from "./lib/gguf.mjs";
import { Server, sleep } from "./lib/server.mjs";

const LENGTH = 40, LONG = 1500, CONTEXT = 2048;
const text = Array.from({ length: LENGTH }, (_, i) => `w${i} `);
let server, admin, surgeons, radiologist, second, model;

before(async () => {
    server = await Server.start();
    admin = await server.setup();
    surgeons = [];
    for (const name of ["chen", "wu", "zhao"]) surgeons.push(await server.person(admin, name, ["research"], "外科"));
    radiologist = await server.person(admin, "lin", ["research"], "放射科");
    second = await server.person(admin, "he", ["research"], "放射科");
    const upload = await radiologist.upload("reciter.gguf", reciterGguf([{ on: "!", pieces: text }, { on: "+", pieces: Array.from({ length: LONG }, (_, i) => `${i} `) }], CONTEXT));
    const made = await radiologist.ok("POST", "/api/v1/language-models", { name: "reciter", upload }, 202);
    await radiologist.job(made.job.id);
    model = made.model.id;
});
after(() => server?.stop());

// Streams of the server in the order in which what they bring arrives: {who, tokens, comments, whole}.
function stream(who, label, arrived, { prompt = "!", leaveAfter = Infinity } = {}) {
    return new Promise((done, fail) => {
        const data = Buffer.from(JSON.stringify({ model: "reciter", prompt, temperature: 0, max_tokens: 1900, stream: true }));
        const request = https.request({ host: "127.0.0.1", port: server.port, method: "POST", path: "/v1/completions", rejectUnauthorized: false, agent: false,
            headers: { cookie: who.cookie, "x-courtyard": "1", "content-type": "application/json", "content-length": data.length } }, (response) => {
            const got = { status: response.statusCode, text: "", comments: [], tokens: 0 };
            let left = "";
            response.setEncoding("utf8");
            response.on("data", (piece) => {
                left += piece;
                for (let at = left.indexOf("\n\n"); at >= 0; at = left.indexOf("\n\n")) {
                    const line = left.slice(0, at);
                    left = left.slice(at + 2);
                    if (line.startsWith(":")) got.comments.push(line.slice(2));
                    if (!line.startsWith("data: {")) continue;
                    const said = JSON.parse(line.slice(6)).choices[0]?.text ?? "";
                    got.text += said;
                    if (said) { got.tokens++; arrived.push(label); }
                    if (got.tokens >= leaveAfter) { request.destroy(); done(got); }
                }
            });
            response.on("end", () => done(got));
            response.on("close", () => done(got));
        });
        request.on("error", (error) => (error.code === "ECONNRESET" ? undefined : fail(error)));
        request.end(data);
    });
}

// The process that serves stands still until it has been sent all questions: it finds them together.
async function together(ask) {
    await stream(radiologist, "first", []);
    const path = `/api/v1/language-models/${model}`, { serving } = await radiologist.ok("GET", path);
    const pid = Number(execFileSync("pgrep", ["-f", `job ${server.dir}/jobs/${serving}$`]).toString());
    process.kill(pid, "SIGSTOP");
    const all = ask();
    while ((await radiologist.ok("GET", path)).service.requests < all.length) await sleep(20);
    await sleep(1500); // they have been passed on; and places are told once a second
    process.kill(pid, "SIGCONT");
    return Promise.all(all);
}

// Each answer is promised so much of the cache that four fit at one time. Twenty-four questions of one
// department come before the eight of another.
test("a department that asks three times as much gets no more than its half", async () => {
    const arrived = [];
    const answers = await together(() => [
        ...Array.from({ length: 24 }, (_, i) => stream(surgeons[i % 3], "many", arrived)),
        ...Array.from({ length: 8 }, () => stream(radiologist, "few", arrived)),
    ]);
    for (const answer of answers) assert.deepEqual([answer.status, answer.text], [200, text.join("")]);
    const end = arrived.lastIndexOf("few");
    const before = arrived.slice(0, end).filter((label) => label === "many").length;
    console.log(`while ${8 * LENGTH} tokens of the one came, ${before} of the other did; of ${24 * LENGTH}`);
    // Equal but for the four answers that may be under way.
    assert.ok(before >= (8 - 4) * LENGTH && before <= (8 + 5) * LENGTH, `${before}`);
    // Who waits is told the place, and where in it.
    const places = answers.map((answer) => answer.comments.filter((c) => /^queue \d+$/.test(c)).map((c) => Number(c.slice(6))));
    assert.ok(places.some((list) => list.length > 0), "nobody was told a place");
    assert.ok(places.flat().every((place) => place >= 1 && place <= 32));
});

test("weights of departments are kept", async () => {
    const now = await admin.ok("GET", "/api/v1/policy");
    const policy = { version: now.version, note: "test", rate_micro: now.rate_micro, utc_offset_minutes: now.utc_offset_minutes, tenants: now.tenants };
    policy.tenants.find((t) => t.name === "放射科").weight = 3 * policy.tenants.find((t) => t.name === "外科").weight;
    await admin.ok("POST", "/api/v1/policy", policy);
    const arrived = [];
    await together(() => [
        ...Array.from({ length: 24 }, (_, i) => stream(surgeons[i % 3], "many", arrived)),
        ...Array.from({ length: 16 }, (_, i) => stream(i % 2 ? radiologist : second, "few", arrived)),
    ]);
    const before = arrived.slice(0, arrived.lastIndexOf("few")).filter((label) => label === "many").length;
    console.log(`weighed three to one: ${before} tokens beside ${16 * LENGTH}`);
    // A third, but for the four that may have begun before and the four that may beside the last ones;
    // equal shares would be twelve at least.
    assert.ok(before < 12 * LENGTH, `${before}`);
});

test("who leaves is not computed for any longer", async () => {
    const rows = async () => {
        const { serving } = await radiologist.ok("GET", `/api/v1/language-models/${model}`);
        return (await radiologist.ok("GET", `/api/v1/jobs/${serving}`)).rows;
    };
    await sleep(1500); // the job tells once a second
    const before = await rows();
    for (let i = 0; i < 20; i++) await stream(radiologist, "left", [], { prompt: "+", leaveAfter: 2 });
    let after = await rows();
    for (let last = -1; last !== after;) {
        last = after;
        await sleep(1500);
        after = await rows();
    }
    console.log(`20 streams left after 2 of ${LONG} tokens: ${after - before} were computed`);
    assert.ok(after - before < 10 * LONG, `${after - before}`);
});
