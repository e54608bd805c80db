// What came and what was forecast, with the bands that were to hold 80 and 95 of 100 values.
import type { ComponentChildren } from 'preact';
import { short } from '../format';
import { t } from '../messages';
import type { Banded } from '../types';
import { ticks } from './curve';
import { Figure } from './figure';

const WIDTH = 720;
const HEIGHT = 240;
const LEFT = 52;
const RIGHT = 10;
const TOP = 10;
const BOTTOM = 26;
const FEW = 30; // forecasts that are drawn as dots, too

type Value = number | null;
const known = (value: Value | undefined): value is number =>
  value !== null && value !== undefined && Number.isFinite(value);
const told = (value: Value | undefined) => (known(value) ? short(value) : '–');

// `at`: where on the axis of time each value stands; one after another without.
export function Fan({
  title,
  data,
  at,
  caption,
}: {
  title: string;
  data: Banded;
  at?: number[];
  caption?: ComponentChildren;
}) {
  const count = data.time.length;
  const all = [...data.truth, ...data.low_95, ...data.high_95].filter(known);
  if (!all.length) return null;
  const low = Math.min(...all);
  const high = Math.max(...all);
  const place_of = (i: number) => at?.[i] ?? i;
  const span = Math.max(1, place_of(count - 1));
  const x = (i: number) => LEFT + (place_of(i) / span) * (WIDTH - LEFT - RIGHT);
  const y = (value: number) =>
    HEIGHT - BOTTOM - ((value - low) / (high - low || 1)) * (HEIGHT - TOP - BOTTOM);
  const point = (value: number, i: number) => `${x(i).toFixed(1)} ${y(value).toFixed(1)}`;
  // A line parts where a value is missing.
  const line = (values: Value[]) =>
    values
      .map((value, i) =>
        known(value) ? `${known(values[i - 1]) ? 'L' : 'M'}${point(value, i)}` : '',
      )
      .join('');
  const band = (lows: Value[], highs: Value[]) => {
    const edge = (values: Value[]) =>
      values.flatMap((value, i) => (known(value) ? [point(value, i)] : []));
    return `M${[...edge(highs), ...edge(lows).reverse()].join('L')}Z`;
  };
  const rows = data.time.map((time, i) => [
    time,
    told(data.truth[i]),
    told(data.value[i]),
    known(data.low_95[i]) ? `${told(data.low_95[i])} – ${told(data.high_95[i])}` : '–',
  ]);
  const forecasts = data.value.filter(known).length;
  return (
    <Figure
      title={title}
      caption={caption ?? t('series.fan_hint')}
      table={{
        head: [t('series.time'), t('series.truth'), t('series.value'), t('series.band')],
        rows: rows.slice(-60),
      }}
    >
      <svg class="chart fan" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={title}>
        {ticks(low, high).map((value) => (
          <g key={value}>
            <path class="chart-grid" d={`M${LEFT} ${y(value)}H${WIDTH - RIGHT}`} />
            <text x={LEFT - 6} y={y(value) + 4} text-anchor="end">
              {short(value)}
            </text>
          </g>
        ))}
        <text x={LEFT} y={HEIGHT - 8}>
          {data.time[0]}
        </text>
        <text x={WIDTH - RIGHT} y={HEIGHT - 8} text-anchor="end">
          {data.time[count - 1]}
        </text>
        <path class="fan-wide" d={band(data.low_95, data.high_95)} />
        <path class="fan-near" d={band(data.low_80, data.high_80)} />
        <g class="chart-tone-1">
          <path class="chart-line" d={line(data.value)} />
          {forecasts <= FEW &&
            data.value.map(
              (value, i) =>
                known(value) && (
                  <circle key={i} class="chart-dot" cx={x(i)} cy={y(value)} r={3}>
                    <title>{`${data.time[i]}: ${short(value)}`}</title>
                  </circle>
                ),
            )}
        </g>
        <g class="chart-tone-2">
          <path class="chart-line" d={line(data.truth)} />
        </g>
      </svg>
      <p class="legend">
        <span class="legend-1">{t('series.value')}</span>
        <span class="legend-2">{t('series.truth')}</span>
      </p>
    </Figure>
  );
}
