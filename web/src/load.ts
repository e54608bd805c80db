// Reading from the API inside a component. What was read once is shown at once when the page is
// visited again, while it is read anew behind it, so that navigation never waits for the network.
import { useEffect, useRef, useState } from 'preact/hooks';
import { get, is_gone, request } from './api';

const KEPT_MAX = 60;
const kept = new Map<string, unknown>();

export function forget_loaded(): void {
  kept.clear();
}

function keep(path: string, data: unknown): void {
  kept.delete(path);
  kept.set(path, data);
  if (kept.size > KEPT_MAX) kept.delete(kept.keys().next().value as string);
}

export interface Loaded<T> {
  data: T | undefined;
  error: unknown;
  loading: boolean;
  reload: () => void;
  set: (data: T) => void;
}

// path null: nothing is read (yet). Revealed personal data is never kept.
export function useGet<T>(path: string | null): Loaded<T> {
  const keepable = path !== null && !path.includes('reveal=1');
  const [round, round_set] = useState(0);
  const [, redraw] = useState(0);
  const slot = useRef<{ path: string | null; data?: T; error?: unknown; loading: boolean }>({
    path: null,
    loading: false,
  });
  if (slot.current.path !== path) {
    const old = path === null ? undefined : (kept.get(path) as T | undefined);
    slot.current = { path, loading: path !== null };
    if (old !== undefined) slot.current.data = old;
  }
  useEffect(() => {
    if (path === null) return undefined;
    const abort = new AbortController();
    const mine = slot.current;
    mine.loading = true;
    get<T>(path, abort.signal)
      .then(
        (data) => {
          mine.data = data;
          delete mine.error;
          if (keepable) keep(path, data);
        },
        (error: unknown) => {
          if (!is_gone(error)) mine.error = error;
        },
      )
      .then(() => {
        mine.loading = false;
        redraw((n) => n + 1);
      });
    return () => abort.abort();
  }, [path, round]);
  return {
    data: slot.current.data,
    error: slot.current.error,
    loading: slot.current.loading,
    reload: () => round_set((n) => n + 1),
    set: (data) => {
      slot.current.data = data;
      if (path !== null && keepable) keep(path, data);
      redraw((n) => n + 1);
    },
  };
}

// The same for a question that is asked by POST and changes nothing. path null: it is not asked.
export function useAsk<T>(path: string | null, body: unknown): Omit<Loaded<T>, 'set'> {
  const key = path === null ? null : path + JSON.stringify(body);
  const [round, round_set] = useState(0);
  const [, redraw] = useState(0);
  const slot = useRef<{ key: string | null; data?: T; error?: unknown; loading: boolean }>({
    key: null,
    loading: false,
  });
  if (slot.current.key !== key) slot.current = { key, loading: key !== null };
  useEffect(() => {
    if (path === null) return undefined;
    const abort = new AbortController();
    const mine = slot.current;
    mine.loading = true;
    request<T>('POST', path, body, abort.signal)
      .then(
        (data) => {
          mine.data = data;
          delete mine.error;
        },
        (error: unknown) => {
          if (!is_gone(error)) mine.error = error;
        },
      )
      .then(() => {
        mine.loading = false;
        redraw((n) => n + 1);
      });
    return () => abort.abort();
  }, [key, round]);
  return {
    data: slot.current.data,
    error: slot.current.error,
    loading: slot.current.loading,
    reload: () => round_set((n) => n + 1),
  };
}
