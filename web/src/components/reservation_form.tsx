// One reservation: what is kept free, for whom and when. Answered at once; every step can be undone.
import { useEffect, useState } from 'preact/hooks';
import { patch, post, remove } from '../api';
import { useGet } from '../load';
import { t } from '../messages';
import { may, person, toast, toast_error } from '../state';
import { SHARES, type Policy, type Reservation, type ReservationBody, type Shares } from '../types';
import { ShareFields, shares_read, shares_typed } from './amounts';
import {
  Button,
  CheckField,
  ErrorSummary,
  Field,
  SelectField,
  TextField,
  error_at,
  errors_of,
  type FieldError,
} from './form';
import { Card } from './page';
import { time_of, time_typed } from './when';

const NOTHING = Object.fromEntries(SHARES.map((name) => [name, 0])) as Shares;

function body_of(one: Reservation): ReservationBody {
  const { title, tenant, amount, from_ms, until_ms, weekly_until_ms } = one;
  return { title, tenant, amount, from_ms, until_ms, weekly_until_ms };
}

export function may_change(one: { actor: string }): boolean {
  return may('system') || one.actor === person.value?.name;
}

function Time({
  id,
  value,
  errors,
  change,
}: {
  id: 'from_ms' | 'until_ms' | 'weekly_until_ms';
  value: string;
  errors: FieldError[];
  change: (value: string) => void;
}) {
  return (
    <Field id={id} label={t(`reservation.${id}`)} error={error_at(errors, id)}>
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

function field_of(code: string, detail: string): string | undefined {
  if (code === 'reservation.bad_time') return detail;
  if (code === 'reservation.bad_amount') return `amount-${detail}`;
  return code.startsWith('reservation.taken') ? 'from_ms' : undefined;
}

// `one` without an id is new. `done` is told once something was changed, or nothing is to be.
export function ReservationForm({
  one,
  done,
}: {
  one: Partial<Reservation> & { from_ms: number; until_ms: number };
  done: (changed: boolean) => void;
}) {
  const policy = useGet<Policy>(may('system') && !one.id ? '/policy' : null);
  const [title, title_set] = useState(one.title ?? '');
  const [tenant, tenant_set] = useState(String(person.value?.tenant ?? 1));
  const [from, from_set] = useState(time_typed(one.from_ms));
  const [until, until_set] = useState(time_typed(one.until_ms));
  const [weekly, weekly_set] = useState(Boolean(one.weekly_until_ms));
  const [last, last_set] = useState(time_typed(one.weekly_until_ms ?? one.until_ms));
  const [amount, amount_set] = useState(shares_typed(one.amount ?? NOTHING));
  const [errors, errors_set] = useState<FieldError[]>([]);
  const [busy, busy_set] = useState(false);
  useEffect(() => document.getElementById('title')?.focus(), []);
  const told = (text: string, undo: () => Promise<unknown>) => {
    toast(text, 'good', {
      text: t('action.undo'),
      act: () => void undo().then(() => done(true), toast_error),
    });
    done(true);
  };
  const act = async (run: () => Promise<void>) => {
    busy_set(true);
    try {
      await run();
    } catch (error) {
      errors_set(errors_of(error, field_of));
    }
    busy_set(false);
  };
  const save = () =>
    act(async () => {
      const body: ReservationBody = {
        title: title.trim(),
        amount: shares_read('amount', amount, 0, []),
        from_ms: time_of(from),
        until_ms: time_of(until),
        weekly_until_ms: weekly ? time_of(last) : null,
      };
      if (one.id) {
        await patch(`/reservations/${one.id}`, body);
        const { tenant: _, ...before } = body_of(one as Reservation);
        told(t('reservation.saved'), () => patch(`/reservations/${one.id}`, before));
      } else {
        const made = await post<Reservation>('/reservations', { ...body, tenant: Number(tenant) });
        told(t('reservation.saved'), () => remove(`/reservations/${made.id}`));
      }
    });
  const give_up = () =>
    act(async () => {
      await remove(`/reservations/${one.id}`);
      told(t('reservation.deleted'), () => post('/reservations', body_of(one as Reservation)));
    });
  const submit = (event: Event) => {
    event.preventDefault();
    const wrong: FieldError[] = [];
    if (!title.trim()) {
      wrong.push({ field: 'title', text: t('form.missing', { label: t('reservation.title') }) });
    }
    const times = { from_ms: from, until_ms: until, ...(weekly ? { weekly_until_ms: last } : {}) };
    for (const [field, text] of Object.entries(times)) {
      if (!Number.isFinite(time_of(text))) wrong.push({ field, text: t('when.bad_time') });
    }
    shares_read('amount', amount, 0, wrong);
    errors_set(wrong);
    if (!wrong.length && !busy) void save();
  };
  return (
    <Card
      tone="accent"
      title={one.id ? t('reservation.edit', { title: one.title ?? '' }) : t('reservation.add')}
    >
      <form class="form form-wide" onSubmit={submit} noValidate>
        <ErrorSummary errors={errors} />
        <div class="form-grid">
          <TextField
            id="title"
            label={t('reservation.title')}
            value={title}
            change={title_set}
            error={error_at(errors, 'title')}
          />
          {policy.data && (
            <SelectField
              id="tenant"
              label={t('tenant.name')}
              value={tenant}
              change={tenant_set}
              choices={policy.data.tenants.map(({ id, name }) => ({
                value: String(id),
                text: name,
              }))}
            />
          )}
          <Time id="from_ms" value={from} errors={errors} change={from_set} />
          <Time id="until_ms" value={until} errors={errors} change={until_set} />
        </div>
        <CheckField
          id="weekly"
          label={t('reservation.weekly')}
          value={weekly}
          change={weekly_set}
        />
        {weekly && (
          <Time id="weekly_until_ms" value={last} errors={errors} change={last_set} />
        )}
        <ShareFields
          id="amount"
          label={t('reservation.amount')}
          hint={t('reservation.amount_hint')}
          typed={amount}
          change={amount_set}
          errors={errors}
        />
        <div class="actions">
          <Button type="submit" kind="primary" busy={busy}>
            {t('reservation.keep')}
          </Button>
          <Button onClick={() => done(false)}>{t('action.cancel')}</Button>
          {one.id && (
            <Button kind="danger" icon="bin" onClick={() => void give_up()}>
              {t('reservation.delete')}
            </Button>
          )}
        </div>
      </form>
    </Card>
  );
}
