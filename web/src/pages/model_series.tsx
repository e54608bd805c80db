// The scorecard's part of a forecast: each horizon beside the simple rules, how much the intervals
// held, and the last weeks with their bands.
import { useState } from 'preact/hooks';
import { Fan } from '../charts/fan';
import { SelectField } from '../components/form';
import { Card } from '../components/page';
import { Facts, Grid, number_column } from '../components/table';
import { count, decimal, percent } from '../format';
import { t, t_or } from '../messages';
import type { Metric, SeriesCard, SeriesHorizon } from '../types';

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

function value_of(metrics: Metric[], name: string): string {
  const metric = metrics.find((one) => one.name === name);
  return metric ? decimal(metric.value) : '–';
}

function with_range(metrics: Metric[], name: string): string {
  const metric = metrics.find((one) => one.name === name);
  return metric
    ? `${decimal(metric.value)} (${decimal(metric.low)} – ${decimal(metric.high)})`
    : '–';
}

function rows_of(horizon: SeriesHorizon, card: SeriesCard) {
  const own = [
    ahead(horizon.horizon, card),
    t('series.model'),
    with_range(horizon.metrics, 'mae'),
    with_range(horizon.metrics, 'rmse'),
    value_of(horizon.metrics, 'mape'),
    value_of(horizon.metrics, 'mase'),
    ...horizon.coverage.map((one) => percent(one.value)),
  ];
  const rules = horizon.rules.map((rule) => [
    ahead(horizon.horizon, card),
    t_or(`baseline.${rule.rule}`, rule.rule),
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
      <Fan title={`${recent.series} · ${ahead(recent.horizon, card)}`} recent={recent} />
    </Card>
  );
}

export function SeriesPart({ card }: { card: SeriesCard | undefined }) {
  if (!card) return null;
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
