// The sentences of the pages: one flat table a language, loaded when it is chosen; those behind the
// gate only once somebody has signed in. The keys are a type, so that a missing one fails the build.
// {name} is filled in; {n|row|rows} chooses by n.
import { signal } from '@preact/signals';
import type zh from '../messages/zh-CN.json';
import type { Fault } from './types';

export type MessageKey = keyof typeof zh;
export type Language = 'zh-CN' | 'en';
type Values = Record<string, string | number>;

type Loader = () => Promise<{ default: Record<string, string> }>;
const loaders: Record<Language, { gate: Loader; rest: Loader }> = {
  'zh-CN': {
    gate: () => import('messages:gate/zh-CN'),
    rest: () => import('messages:rest/zh-CN'),
  },
  en: { gate: () => import('messages:gate/en'), rest: () => import('messages:rest/en') },
};

export const language = signal<Language>('zh-CN');
const texts = signal<Record<string, string>>({});
export const language_whole = signal(false); // the sentences behind the gate are there

function preferred(): Language {
  let saved: string | null = null;
  try {
    saved = localStorage.getItem('language');
  } catch {
    // Storage may be switched off; the browser's languages decide then.
  }
  if (saved === 'zh-CN' || saved === 'en') return saved;
  for (const name of navigator.languages ?? []) {
    if (name.startsWith('zh')) return 'zh-CN';
    if (name.startsWith('en')) return 'en';
  }
  return 'zh-CN';
}

export async function language_choose(wanted?: Language): Promise<void> {
  const name = wanted ?? preferred();
  const parts = [loaders[name].gate(), ...(language_whole.value ? [loaders[name].rest()] : [])];
  const loaded = await Promise.all(parts);
  texts.value = Object.assign({}, ...loaded.map((part) => part.default)) as Record<string, string>;
  language.value = name;
  document.documentElement.lang = name;
  if (!wanted) return;
  try {
    localStorage.setItem('language', name);
  } catch {
    // The choice lasts as long as the page.
  }
}

export async function language_rest(): Promise<void> {
  const name = language.value;
  const rest = (await loaders[name].rest()).default;
  // Another language may have been chosen meanwhile.
  if (name !== language.value) return language_rest();
  texts.value = { ...texts.value, ...rest };
  language_whole.value = true;
}

function fill(text: string, values: Values): string {
  return text.replace(/\{([a-z_]+)(?:\|([^|}]*)\|([^}]*))?\}/g, (whole, name, one, many) => {
    const value = values[name as string];
    if (value === undefined) return whole as string;
    if (one === undefined) return typeof value === 'number' ? number(value) : value;
    return (Number(value) === 1 ? one : many) as string;
  });
}

function number(value: number): string {
  return value.toLocaleString(language.value, { maximumFractionDigits: 6 });
}

export function t(key: MessageKey, values?: Values): string {
  const text = texts.value[key] ?? key;
  return values ? fill(text, values) : text;
}

export function has(key: string): key is MessageKey {
  return Object.prototype.hasOwnProperty.call(texts.value, key);
}

// For keys that come from the server: the sentence, or what is given instead.
export function t_or(key: string, otherwise: string, values?: Values): string {
  return has(key) ? t(key, values) : otherwise;
}

// A fault as a sentence, and what to do about it where that is known.
export function explain(fault: Fault): { text: string; hint: string } {
  const values = {
    row: fault.row ?? 0,
    column: fault.column ?? 0,
    detail: fault.detail ?? '',
    code: fault.code,
  };
  const text = has(fault.code) ? t(fault.code, values) : t('error.unknown', values);
  const hint = `${fault.code}.hint`;
  return { text, hint: has(hint) ? t(hint, values) : '' };
}
