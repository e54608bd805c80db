// When a job may run: the folded part of every form that submits one, and what the job page says of
// it, with hold, release and priority for as long as the job waits.
import { useState } from 'preact/hooks';
import { patch } from '../api';
import { time_exact } from '../format';
import { job_put } from '../live';
import { useGet } from '../load';
import { t } from '../messages';
import { may, person, toast, toast_error } from '../state';
import type { Job, List, Reservation, ScheduleBody } from '../types';
import { ask } from './dialog';
import {
  Button,
  CheckField,
  Field,
  SelectField,
  TextField,
  error_at,
  type FieldError,
} from './form';
import { job_title } from './job';
import { Card } from './page';
import { Facts } from './table';

const AFTER_MAX = 8;
const PRIORITY_MAX = 100;

export interface When {
  not_before: string; // as the browser's own field gives it, in local time
  deadline: string;
  priority: string;
  hold: boolean;
  after: number[];
  after_any: boolean;
  reservation: string; // its id; '': none
}
export const WHEN_NONE: When = {
  not_before: '',
  deadline: '',
  priority: '',
  hold: false,
  after: [],
  after_any: false,
  reservation: '',
};

// "2026-03-01T08:00"; typed with a space where the browser has no such field. NaN: no time.
export function time_of(text: string): number {
  return new Date(text.trim().replace(' ', 'T')).getTime();
}
export function time_typed(ms: number): string {
  return new Date(ms - new Date(ms).getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

export function when_errors(when: When): FieldError[] {
  const wrong: FieldError[] = [];
  for (const field of ['not_before', 'deadline'] as const) {
    if (when[field] && !Number.isFinite(time_of(when[field])))
      wrong.push({ field, text: t('when.bad_time') });
  }
  const priority = Number(when.priority || 0);
  if (!Number.isInteger(priority) || Math.abs(priority) > PRIORITY_MAX)
    wrong.push({ field: 'priority', text: t('schedule.bad_priority') });
  return wrong;
}

// Nothing at all where nothing was said.
export function when_body(when: When): { schedule?: ScheduleBody } {
  const schedule: ScheduleBody = {
    ...(when.priority ? { priority: Number(when.priority) } : {}),
    ...(when.not_before ? { not_before_ms: time_of(when.not_before) } : {}),
    ...(when.deadline ? { deadline_ms: time_of(when.deadline) } : {}),
    ...(when.hold ? { hold: true } : {}),
    ...(when.reservation ? { reservation: Number(when.reservation) } : {}),
    ...(when.after.length ? { after: when.after, after_any: when.after_any } : {}),
  };
  return Object.keys(schedule).length ? { schedule } : {};
}

export function when_field(code: string): string | undefined {
  if (!code.startsWith('schedule.')) return undefined;
  const fields = ['reservation', 'priority', 'deadline'];
  const named = fields.find((field) => code.includes(field));
  return named ?? (code.includes('time') ? 'not_before' : undefined);
}

function After({ when, change }: { when: When; change: (values: Partial<When>) => void }) {
  const waiting = useGet<List<Job>>('/jobs?state=queued&size=20');
  const running = useGet<List<Job>>('/jobs?state=running&size=20');
  const jobs = [...(running.data?.items ?? []), ...(waiting.data?.items ?? [])];
  if (!jobs.length) return <p class="hint">{t('when.after_none')}</p>;
  return (
    <fieldset class="features">
      <legend>{t('when.after')}</legend>
      {jobs.map((job) => (
        <CheckField
          key={job.id}
          id={`after-${job.id}`}
          label={`${job.id} · ${job_title(job)}`}
          value={when.after.includes(job.id)}
          disabled={when.after.length >= AFTER_MAX && !when.after.includes(job.id)}
          change={(on) =>
            change({
              after: on ? [...when.after, job.id] : when.after.filter((id) => id !== job.id),
            })
          }
        />
      ))}
      <CheckField
        id="after_any"
        label={t('when.after_any')}
        value={when.after_any}
        change={(after_any) => change({ after_any })}
      />
    </fieldset>
  );
}

function Inside({
  value,
  error,
  change,
}: {
  value: string;
  error: string | undefined;
  change: (value: string) => void;
}) {
  const list = useGet<List<Reservation>>('/reservations?open=true&inside=true&size=200');
  if (!list.data?.items.length) return null;
  return (
    <SelectField
      id="reservation"
      label={t('when.reservation')}
      hint={t('when.reservation_hint')}
      optional
      error={error}
      value={value}
      change={change}
      choices={[
        { value: '', text: '–' },
        ...list.data.items.map((one) => ({
          value: String(one.id),
          text: `${one.title} · ${time_exact(one.from_ms)}`,
        })),
      ]}
    />
  );
}

function TimeField({
  id,
  value,
  errors,
  change,
}: {
  id: 'not_before' | 'deadline';
  value: string;
  errors: FieldError[];
  change: (value: string) => void;
}) {
  return (
    <Field
      id={id}
      label={t(`when.${id}`)}
      hint={t(`when.${id}_hint`)}
      error={error_at(errors, id)}
      optional
    >
      {(aria) => (
        <input
          {...aria}
          type="datetime-local"
          value={value}
          onInput={(event) => change(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}

export function WhenFields({
  when,
  change: set,
  errors,
}: {
  when: When;
  change: (when: When) => void;
  errors: FieldError[];
}) {
  const [open, open_set] = useState(false);
  const change = (values: Partial<When>) => set({ ...when, ...values });
  const bad = ['not_before', 'deadline', 'priority', 'reservation'].some((field) => error_at(errors, field));
  return (
    <details
      class="advanced"
      open={open || bad || undefined}
      onToggle={(event) => open_set(event.currentTarget.open)}
    >
      <summary>{t('when.title')}</summary>
      {(open || bad) && (
        <div class="form-grid">
          <TimeField
            id="not_before"
            value={when.not_before}
            errors={errors}
            change={(not_before) => change({ not_before })}
          />
          <TimeField
            id="deadline"
            value={when.deadline}
            errors={errors}
            change={(deadline) => change({ deadline })}
          />
          <TextField
            id="priority"
            label={t('when.priority')}
            hint={t(may('system') ? 'when.priority_hint_system' : 'when.priority_hint')}
            optional
            inputMode="text"
            value={when.priority}
            placeholder="0"
            error={error_at(errors, 'priority')}
            change={(priority) => change({ priority: priority.trim() })}
          />
          <CheckField
            id="hold"
            label={t('when.hold')}
            hint={t('when.hold_hint')}
            value={when.hold}
            change={(hold) => change({ hold })}
          />
          <Inside
            value={when.reservation}
            error={error_at(errors, 'reservation')}
            change={(reservation) => change({ reservation })}
          />
          <After when={when} change={change} />
        </div>
      )}
    </details>
  );
}

// ---- the job page ------------------------------------------------------------------------------

interface JobChange {
  hold?: boolean;
  array?: boolean; // of all tasks of its array
  priority?: number;
}
async function job_change(job: Job, body: JobChange): Promise<void> {
  try {
    job_put(await patch<Job>(`/jobs/${job.id}`, body));
    toast(t('when.changed'));
  } catch (error) {
    toast_error(error);
  }
}

async function priority_ask(job: Job): Promise<void> {
  const text = await ask({
    title: t('when.priority_change'),
    text: t(may('system') ? 'when.priority_hint_system' : 'when.priority_hint'),
    confirm: t('when.priority_change'),
    input: {
      label: t('when.priority'),
      required: true,
      value: String(job.schedule.priority),
    },
  });
  if (text === null) return;
  const priority = Number(text);
  if (!Number.isInteger(priority) || Math.abs(priority) > PRIORITY_MAX) {
    toast(t('schedule.bad_priority'), 'bad');
    return;
  }
  await job_change(job, { priority });
}

export function JobWhen({ job }: { job: Job }) {
  const when = job.schedule;
  const waits = job.state === 'queued';
  const mine = job.actor === person.value?.name || may('system');
  const facts: [string, preact.ComponentChildren][] = [];
  if (when.promised_ms && when.deadline_ms) {
    facts.push([t('when.promised'), t('when.promised_by', { time: time_exact(when.promised_ms) })]);
    facts.push([t('when.deadline'), time_exact(when.deadline_ms)]);
  }
  if (when.not_before_ms) facts.push([t('when.not_before'), time_exact(when.not_before_ms)]);
  if (when.priority || waits) facts.push([t('when.priority'), String(when.priority)]);
  if (when.reservation) {
    facts.push([t('when.reservation'), <a href="/calendar">{t('nav.calendar')}</a>]);
  }
  if (when.hold) facts.push([t('when.hold_short'), t('when.hold_on')]);
  if (when.after.length) {
    facts.push([
      t(when.after_any ? 'when.after_ended' : 'when.after_well'),
      when.after.map((id) => (
        <a key={id} href={`/jobs/${id}`}>
          {id}{' '}
        </a>
      )),
    ]);
  }
  if (!facts.length) return null;
  return (
    <Card title={t('when.title')}>
      <Facts items={facts} />
      {waits && mine && (
        <div class="actions">
          <Button
            onClick={() =>
              void job_change(job, { hold: !when.hold, ...(job.array ? { array: true } : {}) })
            }
          >
            {t(when.hold ? 'when.release' : 'when.hold_now')}
          </Button>
          {!when.promised_ms && (
            <Button onClick={() => void priority_ask(job)}>{t('when.priority_change')}</Button>
          )}
        </div>
      )}
    </Card>
  );
}
