// Many clients of one served model at once, over HTTPS, and the same client beside it against
// llama.cpp's server on the same file, in turn: tokens a second over all, the time to a client's
// first token, and tokens for each second of processor time, which other work on the machine changes
// less. Every prompt is a new one, so that nothing is remembered from the round before.
//   ./build.sh bench language/clients [MODEL.gguf]   else the 0.5 B Q4_0 of COURTYARD_BENCH_MODELS
//   BENCH_SERVER   how to start the other server, up to its options: "chroot /opt/llama llama-server";
//                  left out, ours is measured alone
//   BENCH_FILE     the model as the other server sees it (MODEL.gguf)
//   BENCH_CLIENTS 8, BENCH_PROMPT 128, BENCH_GENERATE 64 (tokens), BENCH_ROUNDS 5, BENCH_THREADS all
import { spawn } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { availableParallelism } from "node:os";
import { Server, sleep } from "../../api/lib/server.mjs";

const models = process.env.COURTYARD_BENCH_MODELS ?? "/var/tmp/courtyard-models";
const file = process.argv[2] ?? `${models}/qwen05b-q4_0.gguf`, number = (name, otherwise) => Number(process.env[name] ?? otherwise);
if (!existsSync(file)) {
    console.log(`there is no ${file}: speed.py makes it`);
    process.exit(0);
}
const clients = number("BENCH_CLIENTS", 8), generate = number("BENCH_GENERATE", 64), prompt = number("BENCH_PROMPT", 128);
const rounds = number("BENCH_ROUNDS", 5), threads = number("BENCH_THREADS", availableParallelism());
let seed = Date.now() % 65521;
const random = (below) => (seed = (seed * 48271) % 2147483647) % below;

// Models of random weights read bytes: a letter is a token.
const text = () => Array.from({ length: prompt }, () => String.fromCharCode(97 + random(26))).join("");

// One answer, streamed: {first_s, tokens}.
function ask(to) {
    return new Promise((done, fail) => {
        const body = Buffer.from(JSON.stringify({ model: "bench", prompt: text(), max_tokens: generate, temperature: 0, stream: true,
            stream_options: { include_usage: true }, ...to.more }));
        const start = performance.now();
        const request = to.by.request({ host: "127.0.0.1", port: to.port, method: "POST", path: "/v1/completions", rejectUnauthorized: false, agent: false,
            headers: { ...to.headers, "content-type": "application/json", "content-length": body.length } }, (response) => {
            let rest = "", first_s = 0, tokens = 0;
            if (response.statusCode !== 200) fail(new Error(`${to.name} answers ${response.statusCode}`));
            response.on("data", (piece) => {
                const lines = (rest + piece.toString("utf8")).split("\n");
                rest = lines.pop();
                for (const line of lines) {
                    if (!line.startsWith("data: {")) continue;
                    const event = JSON.parse(line.slice(6));
                    if (!first_s && event.choices?.length) first_s = (performance.now() - start) / 1000;
                    tokens = event.usage?.completion_tokens ?? tokens;
                }
            });
            response.on("end", () => done({ first_s, tokens }));
            response.on("error", fail);
        });
        request.on("error", fail);
        request.end(body);
    });
}

// Seconds of processor time that a process and all below it have used.
function cpuSeconds(root) {
    const processes = readdirSync("/proc").filter((name) => /^\d+$/.test(name)).flatMap((pid) => {
        try {
            const fields = readFileSync(`/proc/${pid}/stat`, "latin1").replace(/^.*\) /s, "").split(" ");
            return [{ pid: Number(pid), parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) }];
        } catch { return []; } // it has just ended
    });
    const below = (pid) => processes.filter((p) => p.parent === pid).reduce((sum, p) => sum + p.ticks + below(p.pid), 0);
    return (processes.find((p) => p.pid === root).ticks + below(root)) / 100;
}

async function round(to) {
    const start = performance.now(), used = cpuSeconds(to.pid);
    const answers = await Promise.all(Array.from({ length: clients }, () => ask(to)));
    const tokens = answers.reduce((sum, a) => sum + a.tokens, 0);
    to.rates.push((tokens / (performance.now() - start)) * 1000);
    to.firsts.push(median(answers.map((a) => a.first_s)));
    to.perCpu.push(tokens / (cpuSeconds(to.pid) - used));
    to.tokens = tokens;
}

function median(values) {
    const sorted = [...values].sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)];
}

async function startOther(command) {
    const port = 20000 + random(20000);
    const [program, ...words] = command.split(" ");
    const child = spawn(program, [...words, "-m", process.env.BENCH_FILE ?? file, "--host", "127.0.0.1", "--port", port, "-np", clients,
        "-c", clients * (prompt + generate + 64), "-t", threads, "--no-webui"], { stdio: "ignore" });
    const to = { name: "llama-server", by: http, port, headers: {}, more: { ignore_eos: true, cache_prompt: false }, rates: [], firsts: [], perCpu: [], child, pid: child.pid };
    for (let i = 0; i < 600; i++, await sleep(500)) {
        if (child.exitCode !== null) throw new Error("the other server ended");
        const answer = await fetch(`http://127.0.0.1:${port}/health`).catch(() => null);
        if (answer?.ok) return to;
    }
    throw new Error("the other server does not come up");
}

const server = await Server.start();
const admin = await server.setup();
const person = await server.person(admin, "person", ["research"]);
const upload = await person.upload("bench.gguf", readFileSync(file));
const made = await person.ok("POST", "/api/v1/language-models", { name: "bench", upload }, 202);
await person.job(made.job.id);
const all = [{ name: "courtyard", by: https, port: server.port, headers: { cookie: person.cookie, "x-courtyard": "1" }, more: {}, rates: [], firsts: [], perCpu: [], pid: server.child.pid }];
try {
    if (process.env.BENCH_SERVER) all.push(await startOther(process.env.BENCH_SERVER));
    for (const to of all) await ask(to); // loads the model
    for (let i = 0; i < rounds; i++) for (const to of i % 2 ? [...all].reverse() : all) await round(to);
    for (const to of all) {
        console.log(`${to.name.padEnd(14)} ${clients} clients (${prompt} in, ${generate} out; ${to.tokens} tokens): ${median(to.rates).toFixed(1)} tokens/s, `
            + `first token after ${median(to.firsts).toFixed(2)} s, ${median(to.perCpu).toFixed(1)} tokens a processor second   rounds ${to.rates.map((r) => r.toFixed(0)).join(" ")}; ${to.firsts.map((s) => s.toFixed(2)).join(" ")}`);
    }
    const [ours, other] = all;
    if (other) {
        console.log(`ratio ${(median(ours.rates) / median(other.rates)).toFixed(2)}, first token ${(median(ours.firsts) / median(other.firsts)).toFixed(2)}, `
            + `a processor second ${(median(ours.perCpu) / median(other.perCpu)).toFixed(2)}`);
    }
} finally {
    all[1]?.child.kill();
    await server.stop();
}
