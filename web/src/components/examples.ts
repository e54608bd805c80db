// Complete examples for programs that ask a language model, to copy and run: curl, Python with the
// package "openai", JavaScript without any package. The certificate lies beside them.
import type { LanguageModel } from '../types_language';

export const kinds = ['curl', 'python', 'javascript'] as const;
export type Kind = (typeof kinds)[number];

const TOKENS = 64; // of an answer: it comes soon

// What is asked, in its three forms: where, the body without the model's name, and where the answer
// stands in what comes back, as JavaScript says it and (with `value`) Python.
interface Asked {
  path: string;
  call: string; // of the Python package
  body: Record<string, unknown>;
  answer: string;
}

function asked_of(model: Pick<LanguageModel, 'chats' | 'embeds'>, words: string): Asked {
  if (model.embeds) {
    return {
      path: '/embeddings',
      call: 'embeddings',
      body: { input: [words] },
      answer: 'data[0].embedding',
    };
  }
  if (!model.chats) {
    return {
      path: '/completions',
      call: 'completions',
      body: { prompt: words, max_tokens: TOKENS },
      answer: 'choices[0].text',
    };
  }
  return {
    path: '/chat/completions',
    call: 'chat.completions',
    body: { messages: [{ role: 'user', content: words }], max_tokens: TOKENS },
    answer: 'choices[0].message.content',
  };
}

function curl(url: string, body: object): string {
  const quoted = JSON.stringify(body, null, 2).replace(/'/g, `'\\''`);
  return `curl --cacert courtyard.pem '${url}' \\
  -H "Authorization: Bearer $COURTYARD_TOKEN" \\
  -H 'Content-Type: application/json' \\
  -d '${quoted}'`;
}

function python(base: string, asked: Asked, body: object): string {
  const values = Object.entries(body)
    .map(([name, value]) => `    ${name}=${JSON.stringify(value)},\n`)
    .join('');
  return `import os
from openai import OpenAI

os.environ.setdefault("SSL_CERT_FILE", "courtyard.pem")
client = OpenAI(base_url=${JSON.stringify(base)}, api_key=os.environ["COURTYARD_TOKEN"])
answer = client.${asked.call}.create(
${values})
print(answer.${asked.answer})`;
}

function javascript(url: string, asked: Asked, body: object): string {
  const text = JSON.stringify(body, null, 2).replace(/\n/g, '\n  ');
  return `// NODE_EXTRA_CA_CERTS=courtyard.pem node example.mjs
const response = await fetch(${JSON.stringify(url)}, {
  method: 'POST',
  headers: {
    Authorization: \`Bearer \${process.env.COURTYARD_TOKEN}\`,
    'Content-Type': 'application/json',
  },
  body: JSON.stringify(${text}),
});
if (!response.ok) throw new Error(await response.text());
const answer = await response.json();
console.log(answer.${asked.answer});`;
}

// `base`: the box's address with /v1; `words`: what is asked.
export function example(
  kind: Kind,
  base: string,
  model: Pick<LanguageModel, 'name' | 'chats' | 'embeds'>,
  words: string,
): string {
  const asked = asked_of(model, words);
  const body = { model: model.name, ...asked.body };
  if (kind === 'curl') return curl(base + asked.path, body);
  if (kind === 'python') return python(base, asked, body);
  return javascript(base + asked.path, asked, body);
}
