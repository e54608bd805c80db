// Who is signed in, and the messages that pass by. Set by the boot and by the pages.
import { computed, signal } from '@preact/signals';
import { fault_of, get, on_signed_out, post, remove } from './api';
import { explain } from './messages';
import { forget_loaded } from './load';
import { live_start, live_stop } from './live';
import { navigate, place } from './router';
import { uploads_forget } from './upload';
import type { Person, Role, State } from './types';

export const person = signal<Person | null>(null);
export const setup_needed = signal(false);
export const version = signal('');
export const appliance = signal(false); // the box is a machine of its own

const roles = computed(() => new Set(person.value?.roles ?? []));
export function may(...any: Role[]): boolean {
  return any.length === 0 || any.some((role) => roles.value.has(role));
}

export interface Toast {
  id: number;
  text: string;
  tone: 'good' | 'bad' | 'plain';
  action?: { text: string; act: () => void };
}
export const toasts = signal<Toast[]>([]);
let toast_last = 0;

export function toast_close(id: number): void {
  toasts.value = toasts.value.filter((toast) => toast.id !== id);
}

// Toasts with an action (undo) and bad ones stay until they are closed or the page changes twice.
export function toast(text: string, tone: Toast['tone'] = 'good', action?: Toast['action']): void {
  const id = ++toast_last;
  toasts.value = [
    ...toasts.value.slice(-3),
    action ? { id, text, tone, action } : { id, text, tone },
  ];
  setTimeout(() => toast_close(id), action ? 20_000 : tone === 'bad' ? 12_000 : 6_000);
}

export function toast_error(error: unknown): void {
  const { text, hint } = explain(fault_of(error));
  toast(hint ? `${text} ${hint}` : text, 'bad');
}

export function person_set(next: Person | null): void {
  const before = person.value;
  person.value = next;
  if (next && !next.must_change_password) live_start();
  if (!next) {
    live_stop();
    forget_loaded();
    if (before) uploads_forget();
  }
}

export async function state_load(): Promise<void> {
  const state = await get<State>('/state');
  setup_needed.value = state.setup_needed;
  version.value = state.version;
  appliance.value = state.appliance;
  person_set(state.person);
}

export async function sign_in(name: string, password: string): Promise<void> {
  person_set(await post<Person>('/session', { name, password }));
}

// What the tab was to keep for this person alone (conversations).
function tab_forget(): void {
  try {
    sessionStorage.clear();
  } catch {
    // Nothing was kept then.
  }
}

export async function sign_out(): Promise<void> {
  try {
    await remove('/session');
  } finally {
    person_set(null);
    tab_forget();
    navigate('/sign-in');
  }
}

// Where a session ended by itself, the person comes back to the same place after signing in.
on_signed_out(() => {
  if (!person.value) return;
  const here = place.value.path + (place.value.query.toString() ? `?${place.value.query}` : '');
  person_set(null);
  navigate(`/sign-in?ended=1&next=${encodeURIComponent(here)}`, true);
});
