// Conversations with language models: a tree of turns, of which one way is shown. They live in this
// browser alone, each under a key of its own: in the tab (gone when it is closed or its person
// signs out), or, if the person says so, on this computer. Answers go on behind other pages.
import { effect, signal } from '@preact/signals';
import { ApiError, get, is_gone } from './api';
import { t } from './messages';
import { person } from './state';
import { stream } from './stream';
import type { Fault } from './types';
import type { LanguageModel, LanguageService } from './types_language';

// What was done about personal data in a question and its answer; kinds and how often.
interface GuardSide {
  rule: 'count' | 'mask' | 'refuse';
  found: Record<string, number>;
}
export interface Guard {
  prompts?: GuardSide;
  answers?: GuardSide;
}

export interface Answer {
  model: string;
  text: string;
  state: 'waiting' | 'writing' | 'done' | 'stopped' | 'failed';
  finish?: string; // why it ended, in OpenAI's words
  guard?: Guard;
  fault?: Fault;
  tokens?: number;
  prompt_tokens?: number;
  ms?: number; // from the first token to the last
}

// A question and its answers: a list for each column, of which the chosen one is shown.
export interface Turn {
  id: number;
  at: string; // what it follows: see key_of
  text: string;
  answers: Answer[][];
  chosen: number[];
}

export interface Talk {
  id: string;
  changed_ms: number;
  models: string[]; // one, or two side by side
  system: string;
  params: Record<string, string>; // as typed
  turns: Turn[];
  picked: Record<string, number>; // among the turns that follow the same
}

// What a person may set. Left empty, it is not sent: the box decides.
export const PARAMS = [
  { name: 'temperature', start: '0.7', least: 0, most: 2, whole: false },
  { name: 'top_p', start: '0.9', least: 0, most: 1, whole: false },
  { name: 'max_tokens', start: '1024', least: 1, most: 1e6, whole: true },
  { name: 'seed', start: '', least: 0, most: Number.MAX_SAFE_INTEGER, whole: true },
  { name: 'repeat_penalty', start: '', least: 0.1, most: 10, whole: false },
  { name: 'min_p', start: '', least: 0, most: 1, whole: false },
] as const;
export type Param = (typeof PARAMS)[number];

const STARTS: Record<string, string> = Object.fromEntries(
  PARAMS.map((param) => [param.name, param.start]),
);

export function param_good(param: Param, text: string): boolean {
  if (!text.trim()) return true;
  const value = Number(text);
  if (!(value >= param.least && value <= param.most)) return false;
  return !param.whole || Number.isInteger(value);
}

export const talks = signal<Talk[]>([]); // the newest first
const beat = signal(0); // something of a talk has changed: it is changed in place
// For every component that shows something of one, since its parent's redrawing may pass it over.
export const useBeat = (): number => beat.value;
export const draft = signal(''); // the question that is being written
export const failures = signal(0); // answers that could not be had: the models may be others now
export const storage_full = signal(false);
export const kept = signal(false); // on this computer, not in the tab alone
// What of a running answer is not text yet: its place in the queue, how its model stands.
export interface Waits {
  abort: AbortController;
  begun_ms: number;
  place: number;
  service: LanguageService | null;
}
export const running = new Map<Answer, Waits>();

// ---- keeping ------------------------------------------------------------------------------------

let owner = 0; // whose conversations these are
const prefix = (): string => `chat.${owner}.`;
const keep_key = (): string => `chat-keep.${owner}`;

function room(): Storage {
  return kept.value ? localStorage : sessionStorage;
}

function keys_of(storage: Storage): string[] {
  return Object.keys(storage).filter((key) => key.startsWith(prefix()));
}

// An answer that was under way when the page went away will not come any more.
function revive(text: string): Talk {
  const talk = JSON.parse(text) as Talk;
  for (const answer of talk.turns.flatMap((turn) => turn.answers.flat())) {
    if (answer.state !== 'waiting' && answer.state !== 'writing') continue;
    answer.state = 'failed';
    answer.fault = { code: 'chat.left' };
  }
  return talk;
}

function load(): void {
  talks.value = [];
  try {
    kept.value = localStorage.getItem(keep_key()) === '1';
    const storage = room();
    talks.value = keys_of(storage)
      .map((key) => revive(storage.getItem(key)!))
      .sort((a, b) => b.changed_ms - a.changed_ms);
  } catch {
    // Storage is switched off, or holds something else: the conversation lasts as long as the page.
  }
}

export function save(talk: Talk): void {
  if (!talk.turns.length) return;
  try {
    room().setItem(prefix() + talk.id, JSON.stringify(talk));
    storage_full.value = false;
  } catch {
    storage_full.value = true;
  }
}

export function keep(on: boolean): void {
  try {
    const from = room();
    for (const key of keys_of(from)) from.removeItem(key);
    kept.value = on;
    if (on) localStorage.setItem(keep_key(), '1');
    else localStorage.removeItem(keep_key());
  } catch {
    kept.value = false;
  }
  for (const talk of talks.value) save(talk);
}

export function forget(gone: Talk[]): void {
  for (const talk of gone) {
    stop(talk);
    try {
      room().removeItem(prefix() + talk.id);
    } catch {
      // It was not kept either.
    }
  }
  talks.value = talks.value.filter((talk) => !gone.includes(talk));
  storage_full.value = false;
}

effect(() => {
  const id = person.value?.id ?? 0;
  if (id === owner) return;
  for (const { abort } of running.values()) abort.abort();
  owner = id;
  draft.value = '';
  if (id) load();
  else talks.value = [];
});
window.addEventListener('pagehide', () => {
  for (const talk of talks.value) if (talk_runs(talk)) save(talk);
});

// ---- the tree -----------------------------------------------------------------------------------

// What a turn follows: another one, and of its answers those that were shown then.
function key_of(turn: Turn | undefined): string {
  return turn ? `${turn.id}:${turn.chosen.join()}` : '0:';
}

export function siblings(talk: Talk, at: string): Turn[] {
  return talk.turns.filter((turn) => turn.at === at);
}

// The turns that are shown, from the first.
export function way(talk: Talk): Turn[] {
  const turns: Turn[] = [];
  for (;;) {
    const at = key_of(turns[turns.length - 1]);
    const all = siblings(talk, at);
    const next = all.find((turn) => turn.id === talk.picked[at]) ?? all[all.length - 1];
    if (!next) return turns;
    turns.push(next);
  }
}

export function shown_answers(turn: Turn): Answer[] {
  return turn.answers.map((all, column) => all[turn.chosen[column] ?? 0]!);
}

export function title_of(talk: Talk): string {
  const line = (way(talk)[0]?.text ?? '').trim().split('\n')[0]!;
  return line.length > 48 ? `${line.slice(0, 47)}…` : line || t('chat.new');
}

export function talk_new(models: string[], like?: Talk): Talk {
  const random = Math.random().toString(36).slice(2, 8);
  return {
    id: Date.now().toString(36) + random,
    changed_ms: Date.now(),
    models,
    system: like?.system ?? '',
    params: { ...(like?.params ?? STARTS) },
    turns: [],
    picked: {},
  };
}

export function params_reset(talk: Talk): void {
  talk.params = { ...STARTS };
  changed(talk);
}

export function talk_runs(talk: Talk): boolean {
  return talk.turns.some((turn) => turn.answers.flat().some((answer) => running.has(answer)));
}

export function changed(talk: Talk): void {
  save(talk);
  beat.value++;
}

export function pick_turn(talk: Talk, turn: Turn): void {
  talk.picked[turn.at] = turn.id;
  changed(talk);
}

export function pick_answer(talk: Talk, turn: Turn, column: number, index: number): void {
  turn.chosen[column] = index;
  changed(talk);
}

// ---- asking -------------------------------------------------------------------------------------

interface Message {
  role: 'system' | 'user' | 'assistant';
  content: string;
}

// What a column's model is told of the conversation: of each turn its own answer, or the first
// column's where it gave none. A turn that was not answered at all is left out.
function messages_of(talk: Talk, turn: Turn, column: number, model: string): Message[] {
  const messages: Message[] = [];
  if (talk.system.trim()) messages.push({ role: 'system', content: talk.system.trim() });
  const before = way(talk);
  for (const old of before.slice(0, before.indexOf(turn))) {
    const shown = shown_answers(old);
    const same = shown[column]?.model === model ? shown[column] : undefined;
    const answer = same ?? shown.find((one) => one.model === model) ?? shown[0]!;
    if (!answer.text) continue;
    messages.push({ role: 'user', content: old.text });
    messages.push({ role: 'assistant', content: answer.text });
  }
  messages.push({ role: 'user', content: turn.text });
  return messages;
}

function sampling_of(talk: Talk): Record<string, number> {
  const set: Record<string, number> = {};
  for (const param of PARAMS) {
    const text = talk.params[param.name]?.trim();
    if (text && param_good(param, text)) set[param.name] = Number(text);
  }
  return set;
}

interface Chunk {
  choices?: { delta: { content?: string }; finish_reason: string | null }[];
  usage?: { prompt_tokens: number; completion_tokens: number } | null;
  courtyard?: { guard: Guard };
  error?: Fault;
}

const LOOK_MS = 1500;
const BEAT_MS = 60;
let beat_due = false;
function beat_soon(): void {
  if (beat_due) return;
  beat_due = true;
  setTimeout(() => {
    beat_due = false;
    beat.value++;
  }, BEAT_MS);
}

function chunk_take(answer: Answer, waits: Waits, chunk: Chunk): void {
  if (chunk.error) throw new ApiError(0, chunk.error, [], 0);
  for (const choice of chunk.choices ?? []) {
    if (answer.state === 'waiting') {
      answer.state = 'writing';
      waits.begun_ms = Date.now();
    }
    answer.text += choice.delta.content ?? '';
    if (choice.finish_reason) {
      answer.state = 'done';
      answer.finish = choice.finish_reason;
      answer.ms = Date.now() - waits.begun_ms;
    }
  }
  if (chunk.usage) {
    answer.tokens = chunk.usage.completion_tokens;
    answer.prompt_tokens = chunk.usage.prompt_tokens;
  }
  if (chunk.courtyard) answer.guard = chunk.courtyard.guard;
  beat_soon();
}

// While nothing has come: is the model there yet, and why not?
function service_watch(answer: Answer, waits: Waits, models: LanguageModel[]): number {
  const id = models.find((model) => model.name === answer.model)?.id;
  const look = async (): Promise<void> => {
    if (!id || answer.state !== 'waiting') return;
    try {
      waits.service = (await get<LanguageModel>(`/language-models/${id}`)).service;
      beat_soon();
    } catch {
      // The answer itself tells what went wrong.
    }
  };
  return window.setInterval(() => void look(), LOOK_MS);
}

async function run(
  talk: Talk,
  turn: Turn,
  column: number,
  answer: Answer,
  models: LanguageModel[],
): Promise<void> {
  const waits: Waits = { abort: new AbortController(), begun_ms: 0, place: 0, service: null };
  running.set(answer, waits);
  const timer = service_watch(answer, waits, models);
  try {
    const body = {
      model: answer.model,
      messages: messages_of(talk, turn, column, answer.model),
      stream: true,
      stream_options: { include_usage: true },
      ...sampling_of(talk),
    };
    await stream('/v1/chat/completions', body, waits.abort.signal, {
      data: (text) => {
        if (text !== '[DONE]') chunk_take(answer, waits, JSON.parse(text) as Chunk);
      },
      comment: (text) => {
        const place = /^queue (\d+)/.exec(text);
        if (place) waits.place = Number(place[1]);
        beat_soon();
      },
    });
    if (answer.state !== 'done') throw new ApiError(0, { code: 'chat.lost' }, [], 0);
  } catch (error) {
    answer.state = is_gone(error) ? 'stopped' : 'failed';
    const fault = error instanceof ApiError ? error.fault : { code: 'chat.lost' };
    if (answer.state === 'failed') {
      answer.fault = fault;
      failures.value++;
    }
  }
  window.clearInterval(timer);
  running.delete(answer);
  if (!talks.value.includes(talk)) return; // it was forgotten meanwhile
  changed(talk);
}

function begin(talk: Talk, turn: Turn, models: LanguageModel[], columns: number[]): void {
  talk.changed_ms = Date.now();
  talks.value = [talk, ...talks.value.filter((one) => one !== talk)];
  for (const column of columns) {
    void run(talk, turn, column, shown_answers(turn)[column]!, models);
  }
  changed(talk);
}

const answer_of = (model: string): Answer => ({ model, text: '', state: 'waiting' });

// A question after the last turn that is shown, or beside another one (the same, written anew).
export function send(talk: Talk, text: string, models: LanguageModel[], beside?: Turn): void {
  const shown = way(talk);
  const turn: Turn = {
    id: talk.turns.reduce((most, one) => Math.max(most, one.id), 0) + 1,
    at: beside ? beside.at : key_of(shown[shown.length - 1]),
    text,
    answers: talk.models.map((model) => [answer_of(model)]),
    chosen: talk.models.map(() => 0),
  };
  talk.turns.push(turn);
  talk.picked[turn.at] = turn.id;
  begin(talk, turn, models, [...talk.models.keys()]);
}

// Another answer to the same question, of the model that is chosen now.
export function retry(talk: Talk, turn: Turn, column: number, models: LanguageModel[]): void {
  const all = turn.answers[column]!;
  all.push(answer_of(talk.models[column] ?? talk.models[0] ?? all[0]!.model));
  turn.chosen[column] = all.length - 1;
  begin(talk, turn, models, [column]);
}

export function stop(talk: Talk): void {
  for (const answer of talk.turns.flatMap((turn) => turn.answers.flat())) {
    running.get(answer)?.abort.abort();
  }
}

// ---- taking it along ----------------------------------------------------------------------------

export function as_markdown(talk: Talk): string {
  const parts = [`# ${title_of(talk)}`];
  if (talk.system.trim()) parts.push(`## ${t('chat.system')}`, talk.system.trim());
  for (const turn of way(talk)) {
    parts.push(`## ${t('chat.you')}`, turn.text);
    for (const answer of shown_answers(turn)) parts.push(`## ${answer.model}`, answer.text);
  }
  return `${parts.join('\n\n')}\n`;
}

// The messages as OpenAI's clients take them; each answer names its model.
export function as_json(talk: Talk): string {
  const messages: (Message & { model?: string })[] = [];
  if (talk.system.trim()) messages.push({ role: 'system', content: talk.system.trim() });
  for (const turn of way(talk)) {
    messages.push({ role: 'user', content: turn.text });
    for (const answer of shown_answers(turn)) {
      messages.push({ role: 'assistant', content: answer.text, model: answer.model });
    }
  }
  const whole = {
    title: title_of(talk),
    changed: new Date(talk.changed_ms).toISOString(),
    models: talk.models,
    parameters: sampling_of(talk),
    messages,
  };
  return `${JSON.stringify(whole, null, 2)}\n`;
}
