// What it costs a served model to hold its answers to a form: the real service over HTTPS, streamed,
// a model of random weights in the shape of Qwen2.5 0.5 B with 149,000 real words, which knows
// nothing and so hardly ever wants what its form lets through. In rounds, for each form in turn: a
// free answer, a cold one (of a form that was never asked for: its masks are all still to be found),
// a warm one (the same again) and a free one. Told: the time to the first token, and by the clock and
// by the served model's processor time what a further token takes; medians over the rounds, and of
// the ratios to the two free answers beside. And by what `usage` tells of drafts: tokens and rows of a
// run of the model, and what a run takes, so that what a form costs and how its drafts fare stand apart.
//   ./build.sh bench language/constrained [MODEL.gguf]   else qwen05b_words-q4_0 of COURTYARD_BENCH_MODELS, made where it is missing
//   BENCH_TOKENS 64 (of each answer), BENCH_ROUNDS 5, BENCH_FORMS all (names of them)
//   BENCH_SAMPLING {"temperature":1}   what else is asked for
//   BENCH_PRIORITY 0: in real time, as root, so that a busy machine measures as a quiet one (the box
//                  and this client one above the served model); all else stands still meanwhile
// Exit status 1 where a warm or cold form takes more than 5 % longer a token and BENCH_STRICT is set.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from "node:fs";
import https from "node:https";
import path from "node:path";
import { Server } from "../../api/lib/server.mjs";

const project = path.resolve(import.meta.dirname, "../../..");
const folder = process.env.COURTYARD_BENCH_MODELS ?? "/var/tmp/courtyard-models";
const file = process.argv[2] ?? `${folder}/qwen05b_words-q4_0.gguf`;
const number = (name, otherwise) => Number(process.env[name] ?? otherwise);
const most = number("BENCH_TOKENS", 64), rounds = number("BENCH_ROUNDS", 5);
const sampling = JSON.parse(process.env.BENCH_SAMPLING ?? '{"temperature":1}');

function modelMake() {
    const whole = `${folder}/qwen05b_words-f16.gguf`, maker = "build/x86_64/bench/random_model";
    mkdirSync(folder, { recursive: true });
    execFileSync("make", ["-s", "-C", project, "VARIANT=x86_64", maker], { stdio: "inherit" });
    execFileSync(`${project}/${maker}`, ["qwen05b", whole, "words"], { stdio: "inherit", cwd: project });
    execFileSync(process.env.COURTYARD ?? `${project}/build/courtyard`, ["model", "quantise", whole, file, "--type", "q4_0"], { stdio: "ignore" });
    rmSync(whole);
}

// Each form is long enough for `most` tokens. `nonce` makes one that was never asked for: its key is
// new, and nothing that was found for another is at hand.
const wards = ["心内科", "神经外科", "呼吸与危重症医学科", "cardiology", "general surgery", "emergency"];
const record = (nonce) => ({
    title: `record ${nonce}`, type: "object", additionalProperties: false, required: ["patient", "ward", "complaint", "tests", "plan"],
    properties: {
        patient: { type: "object", additionalProperties: false, required: ["name", "born", "weight"],
            properties: { name: { type: "string", maxLength: 40 }, born: { type: "string", format: "date" }, weight: { type: "number", minimum: 0, maximum: 500 } } },
        ward: { enum: wards },
        tests: { type: "array", minItems: 6, items: { type: "object", additionalProperties: false, required: ["name", "value", "high"],
            properties: { name: { type: "string", maxLength: 24 }, value: { type: "number" }, high: { type: "boolean" } } } },
        complaint: { type: "string", minLength: 200 },
        plan: { type: "array", items: { type: "string" } },
    },
});
const notes = (nonce) => `# ${nonce}
root    ::= note{20,40}
note    ::= "- " name ": " (value | text) "\\n"
name    ::= [A-Za-z] [A-Za-z ]{2,20} | [一-龥]{2,8}
value   ::= "-"? [0-9]{1,4} ("." [0-9]{1,2})? " " unit
unit    ::= "mmol/L" | "g/L" | "mmHg" | "%" | "次/分"
text    ::= [^\\n:]{8,60}
`;
const sums = (nonce) => `# ${nonce}
root ::= (expr "=" expr ";"){100}
expr ::= term ([-+*/] term)*
term ::= [0-9]{3,9} | "(" expr ")" | [a-z_]+
`;
const choices = (nonce) => [nonce, ...wards].flatMap((ward) => ["北京市第一人民医院", "the county hospital", "Центральная больница"].map((place) =>
    `${place} / ${ward}: ${`admitted for observation, 收入院观察, discharged in good condition, 门诊随访; `.repeat(12)}`));
const regex = (text) => (nonce) => ({ guided_regex: `${text}(?:${nonce})?` });
const forms = {
    schema: (nonce) => ({ guided_json: record(nonce) }),
    notes: (nonce) => ({ guided_grammar: notes(nonce) }),
    sums: (nonce) => ({ guided_grammar: sums(nonce) }),
    choice: (nonce) => ({ guided_choice: choices(nonce) }),
    dates: regex("(\\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01]), ){60}"),
    telephones: regex("(1[3-9]\\d{9}; ){60}"),
    "identity numbers": regex("([1-9]\\d{5}(19|20)\\d\\d(0[1-9]|1[0-2])(0[1-9]|[12]\\d|3[01])\\d{3}[\\dX] ){60}"),
    letters: regex("[A-Za-z ,.]{2000,4000}"),
    sentences: regex("([A-Z][a-z]+( [a-z]{1,12}){4,14}[.?!] ){40,80}"),
    Chinese: regex("[一-龥，。]{800,2000}"),
    lines: regex("(- [^\\n:]{1,20}: [^\\n]{8,60}\\n){60}"),
    anything: regex(".{3000,9000}"),
};

let seed = Date.now() % 65521;
const random = (below) => (seed = (seed * 48271) % 2147483647) % below;
const text = () => Array.from({ length: 12 }, () => String.fromCharCode(97 + random(26))).join("");

// Nanoseconds that the threads of the process that has the model in memory have worked.
function workedBy(pid) {
    return readdirSync(`/proc/${pid}/task`).reduce((sum, task) => {
        try {
            return sum + Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "latin1").split(" ")[0]);
        } catch { return sum; } // it has just ended
    }, 0);
}
// The last of the service's is the one that was begun for the model.
function childrenOf(pid) {
    return readdirSync(`/proc/${pid}/task`).flatMap((task) => {
        try {
            return readFileSync(`/proc/${pid}/task/${task}/children`, "latin1").trim().split(" ").filter(Boolean).map(Number);
        } catch { return []; }
    });
}

// One answer: milliseconds to the first token; of each further one, by the clock and by work.
function ask(form) {
    return new Promise((done, fail) => {
        const body = Buffer.from(JSON.stringify({ model: "bench", prompt: text(), max_tokens: most, stream: true, stream_options: { include_usage: true },
            seed: random(1e9), ...sampling, ...form }));
        const start = performance.now();
        const request = https.request({ host: "127.0.0.1", port: server.port, method: "POST", path: "/v1/completions", rejectUnauthorized: false, agent: false,
            headers: { cookie: person.cookie, "x-courtyard": "1", "content-type": "application/json", "content-length": body.length } }, (response) => {
            let rest = "", first = 0, last = 0, first_ns = 0, tokens = 0, drafts = {}, whole = "";
            response.on("data", (piece) => {
                const lines = (rest + piece.toString("utf8")).split("\n");
                rest = lines.pop();
                for (const line of lines) {
                    if (response.statusCode !== 200) fail(new Error(`answers ${response.statusCode}: ${line}`));
                    if (!line.startsWith("data: {")) continue;
                    const event = JSON.parse(line.slice(6));
                    if (event.error) fail(new Error(JSON.stringify(event)));
                    if (event.choices?.length) last = performance.now() - start;
                    if (!first && event.choices?.length) {
                        first = last;
                        first_ns = process_ns();
                    }
                    whole += event.choices?.[0]?.text ?? "";
                    tokens = event.usage?.completion_tokens ?? tokens;
                    drafts = event.usage?.completion_tokens_details ?? drafts;
                }
            });
            response.on("end", () => {
                const held = drafts.accepted_prediction_tokens, runs = tokens - 1 - held, work = (process_ns() - first_ns) / 1e6;
                const rows = 1 + (held + drafts.rejected_prediction_tokens) / runs;
                done({ first, tokens, each: (last - first) / (tokens - 1), work: work / (tokens - 1), run: (last - first) / runs, gain: (tokens - 1) / runs, rows, whole });
            });
            response.on("error", fail);
        });
        request.on("error", fail);
        request.end(body);
    });
}

function median(values) {
    const sorted = [...values].sort((a, b) => a - b);
    return (sorted[Math.floor(sorted.length / 2)] + sorted[Math.floor((sorted.length - 1) / 2)]) / 2;
}

if (!existsSync(file)) modelMake();
const server = await Server.start();
const person = await server.person(await server.setup(), "person", ["research"]);
const upload = await person.upload("bench.gguf", readFileSync(file));
const made = await person.ok("POST", "/api/v1/language-models", { name: "bench", upload }, 202);
await person.job(made.job.id);
let process_ns = () => 0;
const names = Object.keys(forms).filter((name) => !process.env.BENCH_FORMS || process.env.BENCH_FORMS.split(",").includes(name));
const found = Object.fromEntries(names.map((name) => [name, { cold: [], warm: [], free: [] }]));

const ways = ["free", "cold", "warm"];
const of = (name, how, what) => median(found[name][how].map((a) => a[what]));
const beside = (name, how, what) => median(found[name][how].map((a, i) => a[what] / found[name].free[i][what]));

function tell() {
    let slow = false;
    console.log(`${most} tokens, ${rounds} rounds, ${JSON.stringify(sampling)}; ms, and beside a free answer`);
    console.log("| form | tokens | first token: free | cold | warm | a further token: free | cold | | warm | | its work: free | cold | | warm | |");
    console.log("|" + "---|".repeat(15));
    for (const name of names) {
        const cells = [name, Math.min(of(name, "cold", "tokens"), of(name, "warm", "tokens")), ...ways.map((how) => of(name, how, "first").toFixed(1))];
        for (const what of ["each", "work"]) {
            cells.push(of(name, "free", what).toFixed(2));
            for (const how of ["cold", "warm"]) cells.push(of(name, how, what).toFixed(2), beside(name, how, what).toFixed(3));
        }
        slow = slow || beside(name, "cold", "each") > 1.05 || beside(name, "warm", "each") > 1.05;
        console.log(`| ${cells.join(" | ")} |`);
    }
    console.log("\n| form | tokens a run of the model: free | cold | warm | its rows: free | cold | warm | a run: free | cold | | warm | |");
    console.log("|" + "---|".repeat(12));
    for (const name of names) {
        const cells = [name, ...["gain", "rows"].flatMap((what) => ways.map((how) => of(name, how, what).toFixed(2))), of(name, "free", "run").toFixed(2)];
        for (const how of ["cold", "warm"]) cells.push(of(name, how, "run").toFixed(2), beside(name, how, "run").toFixed(3));
        console.log(`| ${cells.join(" | ")} |`);
    }
    return slow;
}

try {
    await ask({}); // loads the model
    const served = childrenOf(server.child.pid).at(-1), priority = number("BENCH_PRIORITY", 0);
    if (priority) {
        execFileSync("chrt", ["-a", "-f", "-p", priority, served]);
        for (const pid of [server.child.pid, process.pid]) execFileSync("chrt", ["-a", "-f", "-p", priority + 1, pid]);
    }
    process_ns = () => workedBy(served);
    const tree = await ask(forms.dates("first")); // finds the vocabulary's tree
    console.log(`first answer with a form: ${tree.first.toFixed(0)} ms to its first token`);
    for (let i = 0; i < rounds; i++) {
        for (const name of i % 2 ? [...names].reverse() : names) {
            const form = forms[name](`${seed}${i}`);
            const [before, cold, warm, after] = [await ask({}), await ask(form), await ask(form), await ask({})];
            if (process.env.BENCH_SHOW) for (const a of [cold, warm]) console.log(name, a.tokens, JSON.stringify(a.whole.slice(0, 100)));
            found[name].cold.push(cold);
            found[name].warm.push(warm);
            found[name].free.push(Object.fromEntries(Object.keys(before).map((what) => [what, (before[what] + after[what]) / 2]))); // its text means nothing then
        }
    }
    if (tell() && process.env.BENCH_STRICT) process.exitCode = 1;
} finally {
    await server.stop();
}
