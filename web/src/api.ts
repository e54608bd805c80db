// The one way to the server. Errors come as ApiError with the server's fault; a session that has
// ended is told to whoever registered with on_signed_out.
import type { Fault, Finding } from './types';

export const BASE = '/api/v1';

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly fault: Fault,
    readonly faults: Fault[],
    readonly retry_after_s: number,
  ) {
    super(fault.code);
  }
}

let signed_out: () => void = () => {};
export function on_signed_out(act: () => void): void {
  signed_out = act;
}

export function is_gone(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}

export function fault_of(error: unknown): Fault {
  if (error instanceof ApiError) return error.fault;
  return { code: 'page.broken', detail: error instanceof Error ? error.message : String(error) };
}

interface ErrorBody {
  error?: Fault;
  errors?: Fault[];
  findings?: Finding[]; // of rows that were sent: warnings among them
}

function faults_of(body: ErrorBody): Fault[] {
  if (body?.errors) return body.errors;
  return (body?.findings ?? [])
    .filter((one) => one.severity === 'error')
    .map((one) => ({ code: one.code, row: one.row, detail: one.column }));
}

// An answer that is not the API's own (a proxy's page, say) still gets a sentence by its status.
export function error_from(status: number, text: string, retry_after: string | null): ApiError {
  let body: ErrorBody = {};
  try {
    body = JSON.parse(text) as ErrorBody;
  } catch {
    // Falls through to the general sentence.
  }
  const fault = body?.error?.code ? body.error : { code: 'page.status', detail: String(status) };
  return new ApiError(status, fault, faults_of(body), Number(retry_after) || 0);
}

export const session_ended = (): void => signed_out();

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

export async function request<T>(
  method: Method,
  path: string,
  body?: unknown,
  abort?: AbortSignal,
): Promise<T> {
  const headers: Record<string, string> = { Accept: 'application/json' };
  if (method !== 'GET') headers['X-Courtyard'] = '1';
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  let answer: Response;
  try {
    answer = await fetch(BASE + path, {
      method,
      headers,
      credentials: 'same-origin',
      cache: 'no-store',
      signal: abort ?? null,
      body: body === undefined ? null : JSON.stringify(body),
    });
  } catch (error) {
    if (is_gone(error)) throw error;
    throw new ApiError(0, { code: 'page.offline' }, [], 0);
  }
  const text = await answer.text();
  if (!answer.ok) {
    const error = error_from(answer.status, text, answer.headers.get('Retry-After'));
    if (answer.status === 401 && path !== '/session') signed_out();
    throw error;
  }
  return (text ? JSON.parse(text) : undefined) as T;
}

export const get = <T>(path: string, abort?: AbortSignal): Promise<T> =>
  request<T>('GET', path, undefined, abort);
export const post = <T>(path: string, body: unknown = {}): Promise<T> =>
  request<T>('POST', path, body);
export const patch = <T>(path: string, body: unknown): Promise<T> =>
  request<T>('PATCH', path, body);
export const remove = <T = void>(path: string): Promise<T> => request<T>('DELETE', path);
