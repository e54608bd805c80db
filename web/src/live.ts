// Jobs as they change: one server-sent event stream for the whole page, closed while the page is
// hidden; where the stream does not open, the jobs being watched are asked for every two seconds.
import { signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { BASE, get, is_gone } from './api';
import type { Job } from './types';

const POLL_MS = 2000;
const REOPEN_MS = 10_000;
const JOBS_KEPT_MAX = 200;

export const live = signal(false); // the stream is open
export const jobs_live = signal<ReadonlyMap<number, Job>>(new Map());

const watched = new Map<number, number>(); // job → how many components watch it
let stream: EventSource | null = null;
let wanted = false;
let timer = 0;
let reopened_ms = 0;

export function job_is_over(job: Job | undefined): boolean {
  return !!job && job.state !== 'queued' && job.state !== 'running';
}

export function job_put(job: Job): void {
  const next = new Map(jobs_live.value);
  next.delete(job.id);
  next.set(job.id, job);
  if (next.size > JOBS_KEPT_MAX) next.delete(next.keys().next().value as number);
  jobs_live.value = next;
}

function open(): void {
  if (stream || !wanted || document.hidden) return;
  const mine = new EventSource(`${BASE}/events`);
  stream = mine;
  mine.addEventListener('open', () => {
    live.value = true;
  });
  mine.addEventListener('job', (event) => {
    try {
      job_put(JSON.parse((event as MessageEvent<string>).data) as Job);
    } catch {
      // A broken line: the next one, or the poll, brings the state.
    }
  });
  mine.addEventListener('error', () => {
    live.value = false;
  });
}

function close(): void {
  stream?.close();
  stream = null;
  live.value = false;
}

async function refresh(id: number): Promise<void> {
  try {
    job_put(await get<Job>(`/jobs/${id}`));
  } catch (error) {
    if (is_gone(error)) return; // Asked again at the next turn.
  }
}

// A stream that was refused (the session may have ended) is opened again only after an ordinary
// request went well; an ended session shows itself there.
async function reopen(): Promise<void> {
  if (Date.now() - reopened_ms < REOPEN_MS) return;
  reopened_ms = Date.now();
  try {
    await get('/me');
  } catch {
    return;
  }
  if (stream && stream.readyState === EventSource.CLOSED) stream = null;
  open();
}

function poll(): void {
  if (document.hidden) return;
  if (!stream || stream.readyState === EventSource.CLOSED) void reopen();
  if (live.value) return;
  for (const id of watched.keys()) {
    if (!job_is_over(jobs_live.value.get(id))) void refresh(id);
  }
}

function visibility(): void {
  if (document.hidden) close();
  else {
    open();
    for (const id of watched.keys()) void refresh(id);
  }
}

export function live_start(): void {
  if (wanted) return;
  wanted = true;
  open();
  timer = window.setInterval(poll, POLL_MS);
  document.addEventListener('visibilitychange', visibility);
}

export function live_stop(): void {
  wanted = false;
  close();
  window.clearInterval(timer);
  document.removeEventListener('visibilitychange', visibility);
  jobs_live.value = new Map();
}

// The newest state of a job, undefined until it is known. `ended` is called once when the job ends
// while the component looks on.
export function useJob(id: number | null | undefined, ended?: (job: Job) => void): Job | undefined {
  const job = id ? jobs_live.value.get(id) : undefined;
  useEffect(() => {
    if (!id) return undefined;
    watched.set(id, (watched.get(id) ?? 0) + 1);
    void refresh(id);
    return () => {
      const left = (watched.get(id) ?? 1) - 1;
      if (left > 0) watched.set(id, left);
      else watched.delete(id);
    };
  }, [id]);
  const over = job_is_over(job);
  useEffect(() => {
    if (job && over && Date.now() - (job.ended_ms ?? 0) < 3_600_000) ended?.(job);
  }, [id, over]);
  return job;
}

// Calls `act` whenever a job that `fits` ends while the component looks on.
export function useJobsEnded(fits: (job: Job) => boolean, act: () => void): void {
  const over = [...jobs_live.value.values()].filter((job) => job_is_over(job) && fits(job));
  const mark = over
    .map((job) => job.id)
    .sort((a, b) => a - b)
    .join();
  const seen = useRef(mark);
  useEffect(() => {
    if (seen.current === mark) return;
    seen.current = mark;
    act();
  }, [mark]);
}
