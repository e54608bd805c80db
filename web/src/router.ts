// The address bar as state: path and query are one signal, links are ordinary <a href>, filters and
// pages of lists live in the query. History API only; no hash routes.
import { signal } from '@preact/signals';

export interface Place {
  path: string;
  query: URLSearchParams;
  visit: number;
}

function read(visit: number): Place {
  return {
    path: location.pathname.replace(/\/+$/, '') || '/',
    query: new URLSearchParams(location.search),
    visit,
  };
}

// `visit` counts changes of the path: pages move the focus to their heading when it grows.
export const place = signal<Place>(read(0));

function moved(): void {
  const old = place.value;
  const next = read(old.visit);
  if (next.path !== old.path) next.visit = old.visit + 1;
  place.value = next;
}

export function navigate(href: string, replace = false): void {
  if (replace) history.replaceState(null, '', href);
  else history.pushState(null, '', href);
  const before = place.value.path;
  moved();
  if (place.value.path !== before) window.scrollTo(0, 0);
}

// Changes some parameters of the query, leaves the others; null or '' removes one.
export function query_set(values: Record<string, string | number | null>, replace = false): void {
  const query = new URLSearchParams(place.value.query);
  for (const [name, value] of Object.entries(values)) {
    if (value === null || value === '') query.delete(name);
    else query.set(name, String(value));
  }
  const text = query.toString();
  navigate(place.value.path + (text ? `?${text}` : ''), replace);
}

export function query_text(name: string): string {
  return place.value.query.get(name) ?? '';
}

export function query_number(name: string, otherwise: number): number {
  const value = Number(place.value.query.get(name));
  return Number.isSafeInteger(value) && value > 0 ? value : otherwise;
}

// "/datasets/:id/:tab" against "/datasets/3/rows"; null if it does not fit.
export function match(pattern: string, path: string): Record<string, string> | null {
  const want = pattern.split('/');
  const have = path.split('/');
  if (want.length !== have.length) return null;
  const found: Record<string, string> = {};
  for (let i = 0; i < want.length; i++) {
    const part = want[i]!;
    if (part.startsWith(':')) found[part.slice(1)] = have[i]!;
    else if (part !== have[i]) return null;
  }
  return found;
}

function clicked(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0) return;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = (event.target as Element | null)?.closest?.('a');
  if (!link || link.target || link.hasAttribute('download') || !link.href) return;
  const to = new URL(link.href);
  if (to.origin !== location.origin || to.pathname.startsWith('/api/')) return;
  if (to.hash && to.pathname === location.pathname) return;
  event.preventDefault();
  navigate(to.pathname + to.search);
}

export function router_start(): void {
  document.addEventListener('click', clicked);
  window.addEventListener('popstate', moved);
}
