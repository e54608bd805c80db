// A job wherever it shows: its state in a word, its progress, why it waits, what went wrong.
import { count, duration, percent, time_exact } from '../format';
import { post } from '../api';
import { job_is_over, job_put, useJob } from '../live';
import { toast, toast_error } from '../state';
import { ask } from './dialog';
import { explain, t, t_or } from '../messages';
import type { Job } from '../types';
import { Badge, Loading, Notice } from './page';

const tones = {
  queued: 'plain',
  running: 'busy',
  done: 'good',
  failed: 'bad',
  cancelled: 'warn',
} as const;

export function JobState({ job }: { job: Job }) {
  return <Badge tone={tones[job.state]}>{t(`job.state.${job.state}`)}</Badge>;
}

export function step_name(step: string): string {
  return t_or(`job.step.${step}`, step);
}

export function job_title(job: Job): string {
  return job.subject?.name ? `${step_name(job.step)} · ${job.subject.name}` : step_name(job.step);
}

// Why it waits, who stands before it, and when it is likely to start.
export function reason_text(job: {
  reason: string;
  blocker: number;
  expected_ms: number | null;
}): string {
  const parts = [job.reason ? t_or(`job.reason.${job.reason}`, job.reason) : t('job.reason.turn')];
  if (job.blocker) parts.push(t('job.blocker', { id: String(job.blocker) }));
  if (job.expected_ms) {
    const soon = job.expected_ms < Date.now() + 2000;
    parts.push(
      soon ? t('job.expected_soon') : t('job.expected', { time: time_exact(job.expected_ms) }),
    );
  }
  return parts.join(' ');
}

export function why_waiting(job: Job): string {
  return job.state === 'queued' ? reason_text(job) : '';
}

function progress_text(job: Job): string {
  const phase = job.phase ? t_or(`phase.${job.phase}`, job.phase) : '';
  const rows = job.rows > 0 ? t('job.rows', { rows: job.rows }) : '';
  return [phase, rows].filter(Boolean).join(' · ');
}

export function Progress({ job }: { job: Job }) {
  const share = job.total > 0 ? Math.min(1, job.done / job.total) : 0;
  const known = job.total > 0;
  const ran = job.started_ms ? (job.ended_ms ?? Date.now()) - job.started_ms : 0;
  const label = `${job_title(job)} ${progress_text(job)}`;
  return (
    <div class="progress">
      {known ? (
        <progress max={1} value={share} aria-label={label} />
      ) : (
        <progress aria-label={label} />
      )}
      <p class="progress-text">
        <span>{progress_text(job) || t('job.working')}</span>
        <span>
          {known && percent(share, 0)}
          {known && ' · '}
          {duration(ran)}
          {job.step === 'train' && known && ` · ${count(job.done)}/${count(job.total)}`}
        </span>
      </p>
    </div>
  );
}

// Follows one job until it ends; `ended` is told once.
export function JobPanel({
  id,
  ended,
  quiet,
}: {
  id: number;
  ended?: (job: Job) => void;
  quiet?: boolean;
}) {
  const job = useJob(id, ended);
  if (!job) return <Loading lines={1} />;
  if (quiet && job.state === 'done') return null;
  return (
    <div class="job-panel" aria-live="polite">
      <p class="job-line">
        <JobState job={job} />
        <a href={`/jobs/${job.id}`}>{job_title(job)}</a>
        {!job_is_over(job) && (
          <button
            type="button"
            class="button button-quiet button-small"
            onClick={() => void job_cancel(job)}
          >
            {t('job.cancel')}
          </button>
        )}
      </p>
      {job.state === 'queued' && <p class="muted">{why_waiting(job)}</p>}
      {job.state === 'running' && <Progress job={job} />}
      {job.state === 'failed' && <JobFault job={job} />}
    </div>
  );
}

export function JobFault({ job }: { job: Job }) {
  if (!job.fault?.code || !job_is_over(job)) return null;
  const { text, hint } = explain(job.fault);
  return (
    <Notice tone="bad" title={text}>
      {hint}
    </Notice>
  );
}

export async function job_cancel(job: Job): Promise<void> {
  const sure = await ask({
    title: t('job.cancel_title'),
    text: t('job.cancel_text'),
    confirm: t('job.cancel'),
    danger: true,
  });
  if (sure === null) return;
  try {
    job_put(await post<Job>(`/jobs/${job.id}/cancel`));
    toast(t('job.cancelled'));
  } catch (error) {
    toast_error(error);
  }
}
