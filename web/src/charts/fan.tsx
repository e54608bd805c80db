// What came and what was forecast of it, with the bands that were to hold 80 and 95 of 100 values.
import { short } from '../format';
import { t } from '../messages';
import type { SeriesRecent } from '../types';
import { ticks } from './curve';
import { Figure } from './figure';

const WIDTH = 720;
const HEIGHT = 240;
const LEFT = 52;
const RIGHT = 10;
const TOP = 10;
const BOTTOM = 26;

export function Fan({ title, recent }: { title: string; recent: SeriesRecent }) {
  const count = recent.time.length;
  const all = [...recent.truth, ...recent.low_95, ...recent.high_95];
  const low = Math.min(...all);
  const high = Math.max(...all);
  const x = (i: number) => LEFT + (i / Math.max(1, count - 1)) * (WIDTH - LEFT - RIGHT);
  const y = (value: number) =>
    HEIGHT - BOTTOM - ((value - low) / (high - low || 1)) * (HEIGHT - TOP - BOTTOM);
  const place = (value: number, i: number) => `${x(i).toFixed(1)} ${y(value).toFixed(1)}`;
  const line = (values: number[]) => `M${values.map(place).join('L')}`;
  const band = (lows: number[], highs: number[]) =>
    `${line(highs)}L${lows.map(place).reverse().join('L')}Z`;
  const names = [0, Math.floor((count - 1) / 2), count - 1];
  const rows = recent.time.map((time, i) => [
    time,
    short(recent.truth[i]!),
    short(recent.value[i]!),
    `${short(recent.low_95[i]!)} – ${short(recent.high_95[i]!)}`,
  ]);
  return (
    <Figure
      title={title}
      caption={t('series.fan_hint')}
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
        {names.map((i, at) => (
          <text
            key={at}
            x={x(i)}
            y={HEIGHT - 8}
            text-anchor={at === 0 ? 'start' : at === 2 ? 'end' : 'middle'}
          >
            {recent.time[i]}
          </text>
        ))}
        <path class="fan-wide" d={band(recent.low_95, recent.high_95)} />
        <path class="fan-near" d={band(recent.low_80, recent.high_80)} />
        <g class="chart-tone-1">
          <path class="chart-line" d={line(recent.value)} />
        </g>
        <g class="chart-tone-2">
          <path class="chart-line" d={line(recent.truth)} />
        </g>
      </svg>
      <p class="legend">
        <span class="legend-1">{t('series.value')}</span>
        <span class="legend-2">{t('series.truth')}</span>
      </p>
    </Figure>
  );
}
