// The scorecard's part of a forecast: each horizon beside the simple rules, how much the intervals
// held, and the last weeks with their bands.
import { useState } from 'preact/hooks';
import { Fan } from '../charts/fan';
import { SelectField } from '../components/form';
import { Card } from '../components/page';
import { Facts, Grid, number_column } from '../components/table';
import { count, decimal, percent, short } from '../format';
import { t, t_or, type MessageKey } from '../messages';
import type { Banded, Forecast, Metric, Scorecard, SeriesCard, SeriesHorizon } from '../types';

const DAY_S = 86_400;
const HOUR_S = 3600;

// Steps as a length of time, where it is one of whole minutes.
export function ahead(steps: number, card: SeriesCard): string {
  const seconds = steps * card.step_s;
  if (!card.timed) return t('series.steps', { steps });
  if (seconds % DAY_S === 0) return t('series.days', { days: seconds / DAY_S });
  if (seconds % HOUR_S === 0) return t('series.hours', { hours: seconds / HOUR_S });
  if (seconds % 60 === 0) return t('series.minutes', { minutes: seconds / 60 });
  return t('series.steps', { steps });
}

const plain: Record<string, MessageKey> = {
  series: 'series.id',
  horizon: 'series.horizon',
  hour: 'series.of.hour',
  weekday: 'series.of.weekday',
  weekend: 'series.of.weekend',
  month: 'series.of.month',
  holiday: 'series.of.holiday',
  season_shifted: 'series.of.shifted',
  'lag:0': 'series.of.latest',
  'neighbours:0': 'series.of.neighbours_latest',
};
const of_steps: Record<string, MessageKey> = {
  lag: 'series.of.lag',
  change: 'series.of.change',
  mean: 'series.of.mean',
  least: 'series.of.least',
  largest: 'series.of.largest',
  spread: 'series.of.spread',
  neighbours: 'series.of.neighbours',
  neighbours_mean: 'series.of.neighbours_mean',
};
const of_column: Record<string, MessageKey> = {
  now: 'series.of.now',
  mean: 'series.of.mean_column',
  then: 'series.of.then',
};

// What a forecast learns from, in words: "lag:24" is the value a day before. `title`: of a column.
export function feature_title(
  name: string,
  card: SeriesCard,
  title = (column: string) => column,
): string {
  const [kind = '', ...more] = name.split(':');
  const rest = more.join(':');
  const alone = plain[name];
  const steps = /^\d+$/.test(rest) && of_steps[kind];
  if (alone) return t(alone);
  if (kind === 'season' || kind === 'cycle') {
    const key = rest === '1' ? 'series.of.place' : 'series.of.place_before';
    return t(key, { time: ahead(card[kind], card) });
  }
  if (steps) return t(steps, { time: ahead(Number(rest), card) });
  const column = of_column[kind];
  return column ? t(column, { name: title(rest) }) : name;
}

function value_of(metrics: Metric[], name: string): string {
  const metric = metrics.find((one) => one.name === name);
  return metric ? decimal(metric.value) : '–';
}

// The interval below, so that eight columns fit a screen of 1280 pixels.
function with_range(metrics: Metric[], name: string) {
  const metric = metrics.find((one) => one.name === name);
  if (!metric) return '–';
  return (
    <>
      {decimal(metric.value)}
      <br />
      <small class="muted">
        {decimal(metric.low)} – {decimal(metric.high)}
      </small>
    </>
  );
}

const nowrap = (text: string) => <span class="nowrap">{text}</span>;

function rows_of(horizon: SeriesHorizon, card: SeriesCard) {
  const own = [
    nowrap(ahead(horizon.horizon, card)),
    t('series.model'),
    with_range(horizon.metrics, 'mae'),
    with_range(horizon.metrics, 'rmse'),
    value_of(horizon.metrics, 'mape'),
    value_of(horizon.metrics, 'mase'),
    ...horizon.coverage.map((one) => percent(one.value)),
  ];
  const rules = horizon.rules.map((rule) => [
    nowrap(ahead(horizon.horizon, card)),
    <span class="name-cell">{t_or(`baseline.${rule.rule}`, rule.rule)}</span>,
    value_of(rule.metrics, 'mae'),
    value_of(rule.metrics, 'rmse'),
    value_of(rule.metrics, 'mape'),
    value_of(rule.metrics, 'mase'),
    '–',
    '–',
  ]);
  return [own, ...rules];
}

function Recent({ card }: { card: SeriesCard }) {
  const [at, at_set] = useState('0');
  const recent = card.recent[Number(at)];
  if (!recent) return null;
  return (
    <Card title={t('series.recent')}>
      <SelectField
        id="series-recent"
        label={t('series.recent_which')}
        value={at}
        change={at_set}
        choices={card.recent.map((one, i) => ({
          value: String(i),
          text: `${one.series} · ${ahead(one.horizon, card)}`,
        }))}
      />
      <Fan title={`${recent.series} · ${ahead(recent.horizon, card)}`} data={recent} />
    </Card>
  );
}

// What is known, then what is to come; the last known value stands in both, so that the line goes
// on and the bands open there.
function joined(history: { time: string[]; truth: (number | null)[] }, list: Forecast[]) {
  const last = history.truth[history.truth.length - 1] ?? null;
  const blank = history.truth.slice(1).map(() => null);
  const all = (name: 'value' | 'low_80' | 'high_80' | 'low_95' | 'high_95') => [
    ...blank,
    last,
    ...list.map((one) => one[name]),
  ];
  const data: Banded = {
    time: [...history.time, ...list.map((one) => one.time)],
    truth: [...history.truth, ...list.map(() => null)],
    value: all('value'),
    low_80: all('low_80'),
    high_80: all('high_80'),
    low_95: all('low_95'),
    high_95: all('high_95'),
  };
  const end = history.time.length - 1;
  return { data, at: [...history.time.map((_, i) => i), ...list.map((one) => end + one.horizon)] };
}

// `name`: what the values are, in the words of the field.
export function AheadCard({ card, name }: { card: Scorecard; name: string }) {
  const [at, at_set] = useState(0);
  const { series, forecast } = card;
  const history = forecast?.history[at];
  if (!series || !forecast || !history) return null;
  const list = forecast.forecasts.filter((one) => one.series === history.series);
  const alone = forecast.history.length === 1;
  const title = alone ? name : `${name} · ${history.series}`;
  const range = (low: number, high: number) => `${short(low)} – ${short(high)}`;
  return (
    <Card title={t('series.ahead')}>
      <p>{t('series.ahead_text', { time: forecast.origin })}</p>
      {!alone && (
        <SelectField
          id="series-ahead"
          label={t('series.id')}
          value={String(at)}
          change={(value) => at_set(Number(value))}
          choices={forecast.history.map((one, i) => ({ value: String(i), text: one.series }))}
        />
      )}
      <Fan title={title} {...joined(history, list)} caption={t('series.ahead_hint')} />
      <Grid
        label={t('series.ahead')}
        columns={[
          t('series.horizon'),
          t('series.time'),
          number_column(name),
          number_column(t('series.interval', { share: '80 %' })),
          number_column(t('series.interval', { share: '95 %' })),
        ]}
        rows={list.map((one) => [
          nowrap(ahead(one.horizon, series)),
          nowrap(one.time),
          short(one.value),
          range(one.low_80, one.high_80),
          range(one.low_95, one.high_95),
        ])}
      />
    </Card>
  );
}

export function Backtest({ card }: { card: SeriesCard }) {
  return (
    <>
      <Card title={t('series.backtest')}>
        <p>{t('series.backtest_text', { origins: card.origins.length, rows: card.steps })}</p>
        <Grid
          label={t('series.backtest')}
          columns={[
            t('series.horizon'),
            t('series.forecaster'),
            ...['mae', 'rmse', 'mape', 'mase'].map((name) =>
              number_column(t_or(`metric.${name}`, name)),
            ),
            number_column(t('series.held', { share: '80 %' })),
            number_column(t('series.held', { share: '95 %' })),
          ]}
          rows={card.backtest.flatMap((one) => rows_of(one, card))}
        />
        <Facts
          items={[
            [t('series.span'), `${card.first} – ${card.last}`],
            [t('series.count'), count(card.series)],
            [t('series.step'), ahead(1, card)],
            [t('series.season'), card.season > 1 ? ahead(card.season, card) : '–'],
            [t('series.history'), t('series.steps', { steps: card.history })],
          ]}
        />
      </Card>
      <Recent card={card} />
    </>
  );
}

export function SeriesPart({ card }: { card: Scorecard }) {
  if (!card.series) return null;
  return (
    <>
      <AheadCard card={card} name={card.target} />
      <Backtest card={card.series} />
    </>
  );
}
