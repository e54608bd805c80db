// A past week once more, as it was and under a change that is thought of: in words, as a table of
// figures and as curves.
import { useState } from 'preact/hooks';
import { post, remove } from '../api';
import { Bars } from '../charts/bars';
import { Curve, type Series } from '../charts/curve';
import { count, decimal, duration, percent, time } from '../format';
import { t } from '../messages';
import type { Replay, ReplayWay } from '../types';
import { units } from '../units';
import { Button, SelectField } from './form';
import { Card, Empty, ErrorBox } from './page';
import { Grid, number_column } from './table';

const DAY_MS = 86_400_000;
const seconds = (value: number) => duration(value * 1000);

function Compared({ ways }: { ways: ReplayWay[] }) {
  const row = (name: string, text: (way: ReplayWay) => string) => [name, ...ways.map(text)];
  const departments = ways[0]!.departments;
  const of = (way: ReplayWay, tenant: number) => way.departments.find((one) => one.tenant === tenant);
  const shown = (way: ReplayWay, tenant: number) => {
    const one = of(way, tenant);
    return one
      ? t('replay.cell', {
          mean: seconds(one.wait_mean_s),
          most: seconds(one.wait_p95_s),
          units: units(one.units),
        })
      : '–';
  };
  return (
    <Grid
      label={t('replay.compared')}
      columns={[t('replay.figure'), ...ways.map((way) => number_column(t(`replay.way.${way.way}`)))]}
      rows={[
        row(t('replay.wait_mean'), (way) => seconds(way.wait_mean_s)),
        row(t('replay.wait_p95'), (way) => seconds(way.wait_p95_s)),
        row(t('replay.wait_max'), (way) => seconds(way.wait_max_s)),
        row(t('replay.use'), (way) => percent(way.use)),
        row(t('replay.jain'), (way) => decimal(way.jain)),
        row(t('replay.preemptions'), (way) => count(way.preemptions)),
        row(t('replay.left_out'), (way) => count(way.left_out)),
        ...departments.map((one) => row(one.name, (way) => shown(way, one.tenant))),
      ]}
    />
  );
}

function Curves({ replay }: { replay: Replay }) {
  const days = (replay.until_ms - replay.from_ms) / DAY_MS;
  const two = replay.ways.slice(-2); // what is compared: with a change, the present and it
  const series = (name: 'busy' | 'waiting'): Series[] =>
    two.map((way, i) => ({
      name: t(`replay.way.${way.way}`),
      tone: i === 0 ? 2 : 1,
      points: way[name].map((y, k) => ({ x: (k / way[name].length) * days, y })),
    }));
  const table = (name: 'busy' | 'waiting') => ({
    head: [t('replay.day'), ...two.map((way) => t(`replay.way.${way.way}`))],
    rows: two[0]!.busy.map((_, k) => [
      time(replay.from_ms + (k / two[0]!.busy.length) * days * DAY_MS),
      ...two.map((way) => decimal(way[name][k] ?? 0, 2)),
    ]),
  });
  return (
    <div class="charts">
      <Curve
        title={t('replay.busy')}
        series={series('busy')}
        x_name={t('replay.day')}
        y_name={t('replay.share')}
        y_range={[0, 1]}
        table={table('busy')}
      />
      <Curve
        title={t('replay.waiting')}
        series={series('waiting')}
        x_name={t('replay.day')}
        y_name={t('nav.jobs')}
        y_range={[0, Math.max(1, ...two.flatMap((way) => way.waiting))]}
        table={table('waiting')}
      />
      <Bars
        title={t('replay.wait_mean')}
        head={[t('tenant.name'), t('replay.wait_mean')]}
        items={two.flatMap((way) =>
          way.departments.map((one) => ({
            name: one.name,
            note: t(`replay.way.${way.way}`),
            value: one.wait_mean_s,
            text: seconds(one.wait_mean_s),
          })),
        )}
      />
    </div>
  );
}

// What the figures mean, in words.
function Words({ ways }: { ways: ReplayWay[] }) {
  const [before, after] = ways.slice(-2) as [ReplayWay, ReplayWay];
  const more = after.wait_mean_s - before.wait_mean_s;
  const same = Math.abs(more) < Math.max(1, before.wait_mean_s * 0.01);
  return (
    <p>
      {t(same ? 'replay.same' : more < 0 ? 'replay.shorter' : 'replay.longer', {
        before: t(`replay.way.${before.way}`),
        after: t(`replay.way.${after.way}`),
        by: seconds(Math.abs(more)),
      })}
    </p>
  );
}

export function Week({ policy, capacity }: { policy: object | null; capacity: object | null }) {
  const [days, days_set] = useState('7');
  const [replay, replay_set] = useState<Replay | null>(null);
  const [error, error_set] = useState<unknown>(null);
  const [busy, busy_set] = useState(false);
  const run = async () => {
    busy_set(true);
    error_set(null);
    const until_ms = Date.now();
    const body = { from_ms: until_ms - Number(days) * DAY_MS, until_ms };
    try {
      replay_set(await post<Replay>('/replay', { ...body, policy, capacity }));
    } catch (failure) {
      error_set(failure);
    }
    busy_set(false);
  };
  return (
    <Card title={t('replay.title')}>
      <p>{t('replay.lead')}</p>
      <p class="hint">{t(policy || capacity ? 'replay.with_change' : 'replay.without_change')}</p>
      <SelectField
        id="days"
        label={t('replay.span')}
        value={days}
        change={days_set}
        choices={['1', '7', '28', '90'].map((value) => ({
          value,
          text: t('replay.days', { count: Number(value) }),
        }))}
      />
      <div class="actions">
        <Button kind="primary" icon="play" busy={busy} onClick={() => void run()}>
          {t('replay.run')}
        </Button>
        {busy && <Button onClick={() => void remove('/replay')}>{t('action.cancel')}</Button>}
      </div>
      {error !== null && <ErrorBox error={error} />}
      <div aria-live="polite">
        {replay && !replay.jobs && (
          <Empty title={t('replay.none')} text={t('replay.none_text')} icon="job" />
        )}
        {replay && replay.jobs > 0 && (
          <>
            <p>
              {t('replay.of', {
                jobs: replay.jobs,
                from: time(replay.from_ms),
                until: time(replay.until_ms),
              })}
            </p>
            <Words ways={replay.ways} />
            <Compared ways={replay.ways} />
            <p class="hint">{t('replay.cell_about')}</p>
            <Curves replay={replay} />
          </>
        )}
      </div>
    </Card>
  );
}
