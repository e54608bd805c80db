// OpenAI's own client in a process of its own, which trusts the certificates of NODE_EXTRA_CA_CERTS: told
// what to do by messages, it answers with what came of it.
import OpenAI from "openai";

const client = new OpenAI({ baseURL: process.env.BOX_URL, apiKey: process.env.BOX_KEY, maxRetries: 0, timeout: 120000 });
const clientOf = (key) => (key === undefined ? client : client.withOptions({ apiKey: key }));

// A stream read to its end, or left after so many chunks.
async function streamed(stream, leaveAfter = Infinity) {
    const chunks = [];
    for await (const chunk of stream) {
        chunks.push(chunk);
        if (chunks.length >= leaveAfter) stream.controller.abort();
    }
    return chunks;
}

const deeds = {
    models: async () => (await client.models.list()).data,
    model: async (name) => client.models.retrieve(name),
    chat: async (body, key) => clientOf(key).chat.completions.create(body),
    completion: async (body) => client.completions.create(body),
    completionStream: async (body) => streamed(await client.completions.create({ ...body, stream: true })),
    embeddings: async (body) => client.embeddings.create(body),
    stream: async (body, leaveAfter) => streamed(await client.chat.completions.create({ ...body, stream: true }), leaveAfter),
    // The helper that puts a message together from its chunks.
    helper: async (body) => {
        const stream = client.chat.completions.stream(body), deltas = [];
        stream.on("content", (delta) => deltas.push(delta));
        return { deltas, message: (await stream.finalChatCompletion()).choices[0] };
    },
    // The same with calls of tools: what it tells of them as they come, and at their end.
    toolStream: async (body) => {
        const stream = client.chat.completions.stream(body), deltas = [], calls = [];
        let content = "";
        stream.on("content", (delta) => (content += delta));
        stream.on("tool_calls.function.arguments.delta", (e) => e.arguments_delta && deltas.push([e.index, e.arguments_delta]));
        stream.on("tool_calls.function.arguments.done", (e) => calls.push({ index: e.index, name: e.name, text: e.arguments }));
        const [choice] = (await stream.finalChatCompletion()).choices;
        return { content, deltas, calls, message: choice.message, finish: choice.finish_reason };
    },
    // Asks, calls what the model calls, and asks again with what that gave.
    tools: async (body, gives) => {
        const asked = [];
        const tools = body.tools.map((t) => ({ type: "function", function: { ...t.function, parse: JSON.parse, function: (given) => { asked.push(given); return gives; } } }));
        const runner = client.chat.completions.runTools({ ...body, tools });
        return { content: await runner.finalContent(), asked, roles: runner.messages.map((m) => m.role) };
    },
};

process.on("message", async ({ id, deed, args }) => {
    try {
        process.send({ id, value: await deeds[deed](...args) });
    } catch (error) {
        process.send({ id, error: { kind: error.constructor.name, status: error.status, code: error.code, type: error.type, message: error.message } });
    }
});
process.send({ id: 0 });
