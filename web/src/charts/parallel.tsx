// Parallel axes: one for each quantity, one line for each row, the chosen one strong. Values that are
// words stand in the order they come.
import { short } from '../format';
import { t } from '../messages';
import { Figure } from './figure';

export interface ParallelRow {
  name: string;
  values: (number | string)[]; // one for each axis
  strong: boolean;
}

const WIDTH = 640;
const HEIGHT = 240;
const TOP = 30;
const BOTTOM = 26;
const SIDE = 56;

// Where a value lies on its axis, 0 to 1, and what stands at the axis' ends.
function scale_of(values: (number | string)[]): {
  at: (value: number | string) => number;
  low: string;
  high: string;
} {
  const numbers = values.filter((one): one is number => typeof one === 'number');
  if (numbers.length === values.length) {
    const low = Math.min(...numbers);
    const high = Math.max(...numbers);
    const log = low > 0 && high / low >= 20;
    const of = (value: number) => (log ? Math.log(value) : value);
    const span = of(high) - of(low) || 1;
    return {
      at: (value) => (of(value as number) - of(low)) / span,
      low: short(low),
      high: short(high),
    };
  }
  const words = [...new Set(values.map(String))];
  return {
    at: (value) => words.indexOf(String(value)) / Math.max(1, words.length - 1),
    low: words[0] ?? '',
    high: words[words.length - 1] ?? '',
  };
}

export function Parallel({
  title,
  axes,
  rows,
}: {
  title: string;
  axes: string[];
  rows: ParallelRow[];
}) {
  const scales = axes.map((_, i) => scale_of(rows.map((row) => row.values[i]!)));
  const x = (i: number) => SIDE + (i * (WIDTH - 2 * SIDE)) / Math.max(1, axes.length - 1);
  const y = (share: number) => HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM);
  const line = (row: ParallelRow) =>
    row.values.map((value, i) => `${i ? 'L' : 'M'}${x(i)} ${y(scales[i]!.at(value))}`).join('');
  const ordered = [...rows].sort((a, b) => Number(a.strong) - Number(b.strong));
  return (
    <Figure
      title={title}
      table={{
        head: [t('search.try'), ...axes],
        rows: rows.map((row) => [row.name, ...row.values.map((value) => short(value))]),
      }}
    >
      <svg class="chart parallel" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={title}>
        {axes.map((name, i) => (
          <g key={name}>
            <line class="chart-axis" x1={x(i)} x2={x(i)} y1={TOP} y2={HEIGHT - BOTTOM} />
            <text x={x(i)} y={12} text-anchor="middle">
              {name}
            </text>
            <text x={x(i)} y={TOP - 5} text-anchor="middle">
              {scales[i]!.high}
            </text>
            <text x={x(i)} y={HEIGHT - BOTTOM + 14} text-anchor="middle">
              {scales[i]!.low}
            </text>
          </g>
        ))}
        {ordered.map((row) => (
          <path key={row.name} class={row.strong ? 'chart-thread chart-thread-strong' : 'chart-thread'} d={line(row)} />
        ))}
      </svg>
    </Figure>
  );
}
