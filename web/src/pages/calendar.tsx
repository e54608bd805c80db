// The calendar: a week or a day as a grid of hours, with what is reserved, what runs and until when,
// what has been promised a start, and what waits for its time. Arrow keys go from cell to cell,
// Enter reserves there.
import { useEffect, useState } from 'preact/hooks';
import { get } from '../api';
import { ReservationForm, may_change } from '../components/reservation_form';
import { Button, LinkButton } from '../components/form';
import { step_name } from '../components/job';
import { Card, Empty, Page, Shown, Tabs } from '../components/page';
import { language, t, t_or } from '../messages';
import { useGet } from '../load';
import { query_text } from '../router';
import { may, toast_error } from '../state';
import {
  SHARES,
  type Calendar,
  type CalendarJob,
  type CalendarSlot,
  type Reservation,
} from '../types';
import { share_text } from '../units';

const HOUR_MS = 3_600_000;
const POLL_MS = 15_000;

// A day in the browser's own time; some have 23 or 25 hours.
function day_of(date: Date, days = 0): Date {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate() + days);
}
function day_text(date: Date): string {
  const two = (value: number) => String(value).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}
function day_read(text: string): Date {
  const [year, month, day] = text.split('-').map(Number);
  const date = new Date(year ?? NaN, (month ?? NaN) - 1, day);
  return day_of(Number.isNaN(date.getTime()) ? new Date() : date);
}
function day_name(date: Date): string {
  return new Intl.DateTimeFormat(language.value, {
    weekday: 'short',
    month: 'numeric',
    day: 'numeric',
  }).format(date);
}
function hour_name(ms: number): string {
  return new Intl.DateTimeFormat(language.value, {
    hour: '2-digit',
    minute: '2-digit',
    hour12: false,
  }).format(ms);
}

interface Entry {
  key: string;
  what: 'slot' | CalendarJob['what'];
  from_ms: number;
  until_ms: number;
  name: string;
  about: string;
  slot?: CalendarSlot;
  href?: string;
}

function entries_of(data: Calendar): Entry[] {
  const slots = data.slots.map((slot): Entry => {
    const held = SHARES.filter((name) => slot.amount[name] > 0);
    const why = t_or(`job.reason.${slot.why}`, slot.why);
    const refused = slot.why && t('calendar.refused', { why });
    const about = [slot.path, ...held.map((name) => share_text(name, slot.amount[name])), refused];
    return {
      key: `slot-${slot.id}-${slot.number}`,
      what: 'slot',
      from_ms: slot.from_ms,
      until_ms: slot.until_ms,
      name: slot.title,
      about: about.filter(Boolean).join(' · '),
      slot,
    };
  });
  const jobs = data.jobs.map((job): Entry => ({
    key: `job-${job.id}`,
    what: job.what,
    from_ms: job.from_ms,
    until_ms: job.until_ms,
    name: [step_name(job.step), job.subject].filter(Boolean).join(' · '),
    about: [job.actor || job.path, share_text('cpu_milli', job.cpu_milli)].join(' · '),
    ...(job.seen ? { href: `/jobs/${job.id}` } : {}),
  }));
  return [...slots, ...jobs].sort((a, b) => a.from_ms - b.from_ms);
}

function EntryBox({
  entry,
  begins,
  edit,
}: {
  entry: Entry;
  begins: boolean;
  edit: (slot: CalendarSlot) => void;
}) {
  const what = t(`calendar.what.${entry.what}`);
  if (!begins) {
    const kind = `entry entry-on entry-${entry.what}`;
    return <p class={kind}>{t('calendar.goes_on', { name: entry.name })}</p>;
  }
  const { slot, href } = entry;
  const span = `${hour_name(entry.from_ms)}–${hour_name(entry.until_ms)}`;
  return (
    <div class={`entry entry-${entry.what}${slot?.why ? ' entry-refused' : ''}`}>
      <small>
        {what} {span}
      </small>
      {slot && may_change(slot) ? (
        <button type="button" class="link" onClick={() => edit(slot)}>
          {entry.name}
        </button>
      ) : href ? (
        <a href={href}>{entry.name}</a>
      ) : (
        <b>{entry.name}</b>
      )}
      <small>{entry.about}</small>
    </div>
  );
}

interface Times {
  from_ms: number;
  until_ms: number;
}

function Hours({
  days,
  hours,
  entries,
  edit,
  add,
}: {
  days: Date[];
  hours: number; // of a row
  entries: Entry[];
  edit: (slot: CalendarSlot) => void;
  add: (times: Times) => void;
}) {
  const rows = 24 / hours;
  const [at, at_set] = useState<[number, number]>([Math.floor(8 / hours), 0]);
  // The focus moves at once, whatever has been drawn meanwhile; onFocus remembers where it is.
  const pressed = (event: KeyboardEvent, row: number, column: number, times: Times) => {
    const cell = event.currentTarget as HTMLTableCellElement;
    if (event.target !== cell) return; // something inside it
    const steps: Record<string, [number, number]> = {
      ArrowUp: [row - 1, column],
      ArrowDown: [row + 1, column],
      ArrowLeft: [row, column - 1],
      ArrowRight: [row, column + 1],
      Home: [row, 0],
      End: [row, days.length - 1],
    };
    const next = steps[event.key];
    if (next) {
      const body = cell.closest('tbody');
      const to = next[1] < 0 ? undefined : body?.rows[next[0]]?.cells[next[1] + 1]; // after the hour
      to?.focus();
    } else if (event.key === 'Enter' && may_add()) add(times);
    else return;
    event.preventDefault();
  };
  const now = Date.now();
  return (
    <div class="table-frame" role="region" aria-label={t('nav.calendar')}>
      <table class="table calendar" role="grid" aria-label={t('nav.calendar')}>
        <thead>
          <tr>
            <th scope="col">{t('calendar.hour')}</th>
            {days.map((day) => (
              <th scope="col" key={day.getTime()}>
                {day_name(day)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {Array.from({ length: rows }, (_, row) => (
            <tr key={row}>
              <th scope="row">{`${String(row * hours).padStart(2, '0')}:00`}</th>
              {days.map((day, column) => {
                const from_ms = new Date(day).setHours(row * hours);
                const times = { from_ms, until_ms: new Date(day).setHours((row + 1) * hours) };
                const here = at[0] === row && at[1] === column;
                const first = row === 0 && column === 0;
                const time = `${day_name(day)} ${hour_name(from_ms)}`;
                const inside = entries.filter(
                  (one) => one.from_ms < times.until_ms && one.until_ms > from_ms,
                );
                const current = from_ms <= now && now < times.until_ms;
                return (
                  <td
                    key={column}
                    tabIndex={here ? 0 : -1}
                    class={current ? 'calendar-now' : undefined}
                    aria-current={current ? 'time' : undefined}
                    aria-label={inside.length ? undefined : t('calendar.free', { time })}
                    onFocus={() => at_set([row, column])}
                    onKeyDown={(event) => pressed(event, row, column, times)}
                    onClick={(event) => {
                      if (event.target === event.currentTarget && may_add()) add(times);
                    }}
                  >
                    {inside.map((one) => (
                      <EntryBox
                        key={one.key}
                        entry={one}
                        begins={one.from_ms >= from_ms || first}
                        edit={edit}
                      />
                    ))}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function may_add(): boolean {
  return may('system', 'data', 'research');
}

// The next whole hour, where nothing better is known.
function soon(): Times {
  const from_ms = (Math.floor(Date.now() / HOUR_MS) + 1) * HOUR_MS;
  return { from_ms, until_ms: from_ms + 2 * HOUR_MS };
}

export default function CalendarPage() {
  const week = query_text('view') !== 'day';
  const date = day_read(query_text('date'));
  const monday = day_of(date, -((date.getDay() + 6) % 7));
  const days = week ? Array.from({ length: 7 }, (_, i) => day_of(monday, i)) : [date];
  const end = day_of(days[days.length - 1]!, 1);
  const span = `from_ms=${days[0]!.getTime()}&until_ms=${end.getTime()}`;
  const calendar = useGet<Calendar>(`/calendar?${span}`);
  const [open, open_set] = useState<(Partial<Reservation> & Times) | null>(null);
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) calendar.reload();
    }, POLL_MS);
    return () => clearInterval(timer);
  }, [span]);
  const show = (one: Partial<Reservation> & Times) => {
    open_set(one);
    window.scrollTo(0, 0);
  };
  // A slot may be one of many: the whole is edited.
  const edit = (slot: CalendarSlot) =>
    void get<Reservation>(`/reservations/${slot.id}`).then(show, toast_error);
  const href = (to: Date, view = week ? 'week' : 'day') =>
    `/calendar?view=${view}&date=${day_text(to)}`;
  const step = week ? 7 : 1;
  const add = may_add() && (
    <Button kind="primary" icon="plus" onClick={() => show(soon())}>
      {t('reservation.add')}
    </Button>
  );
  return (
    <Page title={t('nav.calendar')} lead={t('calendar.lead')} wide actions={add}>
      <Tabs
        label={t('calendar.view')}
        items={[
          { text: t('calendar.week'), href: href(date, 'week'), on: week },
          { text: t('calendar.day'), href: href(date, 'day'), on: !week },
        ]}
      />
      {open && (
        <ReservationForm
          key={`${open.id ?? 'new'}-${open.from_ms}`}
          one={open}
          done={(changed) => {
            open_set(null);
            document.querySelector<HTMLElement>('.calendar td[tabindex="0"]')?.focus();
            if (changed) calendar.reload();
          }}
        />
      )}
      <Card
        flush
        title={week ? `${day_name(days[0]!)} – ${day_name(days[6]!)}` : day_name(date)}
        actions={
          <>
            <LinkButton href={href(day_of(date, -step))}>{t('calendar.before')}</LinkButton>
            <LinkButton href={href(new Date())}>{t('calendar.today')}</LinkButton>
            <LinkButton href={href(day_of(date, step))}>{t('calendar.after')}</LinkButton>
          </>
        }
      >
        <Shown from={calendar} lines={8}>
          {(data) => (
            <>
              {!data.slots.length && !data.jobs.length && (
                <Empty title={t('calendar.none')} text={t('calendar.none_text')} icon="calendar" />
              )}
              <Hours
                days={days}
                hours={week ? 2 : 1}
                entries={entries_of(data)}
                edit={edit}
                add={show}
              />
            </>
          )}
        </Shown>
      </Card>
    </Page>
  );
}
