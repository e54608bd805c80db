// Uploads in pieces that can be stopped, cut off and taken up again, even after the page was left:
// what is known of an unfinished upload (never its content) is remembered in this browser, and
// picking the same file again goes on where the server stopped receiving.
import { signal } from '@preact/signals';
import { ApiError, BASE, error_from, fault_of, get, post, remove } from './api';
import type { Fault, Upload } from './types';

const PIECE_BYTES = 8 * 1024 * 1024;
const TRIES_MAX = 6; // one after another without a byte coming through
const SENDING_MAX = 2;

export type SendingState = 'waiting' | 'sending' | 'paused' | 'failed' | 'complete';
export interface Sending {
  key: number;
  file: File;
  id: number;
  sent: number;
  state: SendingState;
  fault: Fault | null;
  bytes_per_s: number;
  tries: number;
}
export const sendings = signal<Sending[]>([]);
let last_key = 0;
const requests = new Map<number, XMLHttpRequest>();

function change(key: number, values: Partial<Sending>): void {
  sendings.value = sendings.value.map((item) => (item.key === key ? { ...item, ...values } : item));
}
function find(key: number): Sending | undefined {
  return sendings.value.find((item) => item.key === key);
}

const STORE = 'uploads';
function mark(file: File): string {
  return `${file.name}|${file.size}|${file.lastModified}`;
}
function remembered(): Record<string, number> {
  try {
    return JSON.parse(localStorage.getItem(STORE) ?? '{}') as Record<string, number>;
  } catch {
    return {};
  }
}
function remember(file: File, id: number | null): void {
  const all = remembered();
  if (id === null) delete all[mark(file)];
  else all[mark(file)] = id;
  try {
    localStorage.setItem(STORE, JSON.stringify(all));
  } catch {
    // Without storage an upload can be resumed only while the page is open.
  }
}

// Takes the upload of an earlier visit up again if the server still has it, else begins a new one.
async function begin(file: File): Promise<Upload> {
  const known = remembered()[mark(file)];
  if (known) {
    try {
      const upload = await get<Upload>(`/uploads/${known}`);
      if (upload.size === file.size) return upload;
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404) throw error;
      remember(file, null);
    }
  }
  const upload = await post<Upload>('/uploads', { name: file.name, size: file.size });
  remember(file, upload.id);
  return upload;
}

function send_piece(item: Sending): Promise<Upload> {
  return new Promise((done, failed) => {
    const xhr = new XMLHttpRequest();
    requests.set(item.key, xhr);
    const started = performance.now();
    xhr.open('PUT', `${BASE}/uploads/${item.id}?offset=${item.sent}`);
    xhr.setRequestHeader('X-Courtyard', '1');
    xhr.setRequestHeader('Content-Type', 'application/octet-stream');
    xhr.upload.onprogress = (event) => {
      const seconds = (performance.now() - started) / 1000;
      change(item.key, {
        sent: item.sent + event.loaded,
        bytes_per_s: seconds > 0.2 ? event.loaded / seconds : item.bytes_per_s,
      });
    };
    xhr.onload = () => {
      if (xhr.status < 300) done(JSON.parse(xhr.responseText) as Upload);
      else failed(error_from(xhr.status, xhr.responseText, xhr.getResponseHeader('Retry-After')));
    };
    xhr.onerror = () => failed(new ApiError(0, { code: 'page.offline' }, [], 0));
    xhr.onabort = () => failed(new DOMException('', 'AbortError'));
    xhr.send(item.file.slice(item.sent, item.sent + PIECE_BYTES));
  });
}

// Whether sending goes on by itself after this error; waits as long as it makes sense.
async function recover(key: number, error: unknown): Promise<boolean> {
  const item = find(key);
  if (!item || item.state !== 'sending') return false;
  const status = error instanceof ApiError ? error.status : -1;
  const again = status === 0 || status === 409 || status === 408 || status === 429 || status >= 502;
  if (!again || item.tries >= TRIES_MAX) {
    change(key, { state: 'failed', fault: fault_of(error) });
    return false;
  }
  change(key, { tries: item.tries + 1 });
  await new Promise((later) => setTimeout(later, status === 409 ? 0 : 500 * 2 ** item.tries));
  try {
    change(key, { sent: (await get<Upload>(`/uploads/${item.id}`)).received });
  } catch {
    // The next try says whether the connection is back.
  }
  return find(key)?.state === 'sending';
}

async function run(key: number): Promise<void> {
  for (;;) {
    const item = find(key);
    if (!item || item.state !== 'sending') return;
    try {
      const upload = item.id === 0 ? await begin(item.file) : await send_piece(item);
      const now = find(key);
      if (!now) {
        if (item.id === 0) void remove(`/uploads/${upload.id}`).catch(() => undefined);
        return;
      }
      change(key, { id: upload.id, sent: upload.received, tries: 0, fault: null });
      if (upload.complete || upload.received >= upload.size) {
        change(key, { state: 'complete' });
        return;
      }
    } catch (error) {
      if (!(await recover(key, error))) return;
    }
  }
}

function turn(): void {
  const sending = sendings.value.filter((item) => item.state === 'sending').length;
  const waiting = sendings.value.filter((item) => item.state === 'waiting');
  for (const item of waiting.slice(0, Math.max(0, SENDING_MAX - sending))) {
    change(item.key, { state: 'sending' });
    void run(item.key).then(turn);
  }
}

export function upload_add(file: File): number {
  const key = ++last_key;
  sendings.value = [
    ...sendings.value,
    {
      key,
      file,
      id: 0,
      sent: 0,
      state: 'waiting',
      fault: null,
      bytes_per_s: 0,
      tries: 0,
    },
  ];
  turn();
  return key;
}

export function upload_pause(key: number): void {
  change(key, { state: 'paused', bytes_per_s: 0 });
  requests.get(key)?.abort();
  turn();
}

export async function upload_resume(key: number): Promise<void> {
  const item = find(key);
  if (!item) return;
  if (item.id) {
    try {
      change(key, { sent: (await get<Upload>(`/uploads/${item.id}`)).received });
    } catch (error) {
      change(key, { state: 'failed', fault: fault_of(error) });
      return;
    }
  }
  change(key, { state: 'waiting', tries: 0, fault: null });
  turn();
}

export function upload_cancel(key: number): void {
  const item = find(key);
  if (!item) return;
  sendings.value = sendings.value.filter((other) => other.key !== key);
  requests.get(key)?.abort();
  remember(item.file, null);
  if (item.id) void remove(`/uploads/${item.id}`).catch(() => undefined);
  turn();
}

// The upload became a dataset or a prediction: it leaves the list.
export function upload_used(id: number): void {
  for (const item of sendings.value) if (item.id === id) remember(item.file, null);
  sendings.value = sendings.value.filter((item) => item.id !== id);
}

export function uploads_forget(): void {
  for (const item of sendings.value) requests.get(item.key)?.abort();
  sendings.value = [];
}

// Leaving while a file goes up would stop it; the browser asks first.
window.addEventListener('beforeunload', (event) => {
  if (sendings.value.some((item) => item.state === 'sending' || item.state === 'waiting')) {
    event.preventDefault();
    event.returnValue = '';
  }
});
