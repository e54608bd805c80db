// Lines and dots over two axes: ROC, calibration, the learning curve.
import type { ComponentChildren } from 'preact';
import { short } from '../format';
import { Figure, type FigureTable } from './figure';

export interface Point {
  x: number;
  y: number;
  weight?: number;
}
export interface Series {
  name: string;
  points: Point[];
  kind?: 'line' | 'dots';
  tone?: 1 | 2 | 3;
}

const WIDTH = 360;
const HEIGHT = 260;
const LEFT = 48;
const RIGHT = 14;
const TOP = 12;
const BOTTOM = 42;

// Round steps: 1, 2 or 5 times a power of ten.
export function ticks(low: number, high: number, about = 5): number[] {
  const span = high - low || 1;
  const rough = span / about;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough) ?? power * 10;
  const all: number[] = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step * 1e-9; value += step) {
    all.push(Math.abs(value) < step * 1e-9 ? 0 : value);
  }
  return all;
}

function extent(values: number[], fixed?: [number, number]): [number, number] {
  if (fixed) return fixed;
  const low = Math.min(...values);
  const high = Math.max(...values);
  const pad = (high - low || Math.abs(high) || 1) * 0.05;
  return [low - pad, high + pad];
}

export function Curve({
  title,
  series,
  x_name,
  y_name,
  x_range,
  y_range,
  diagonal,
  mark,
  table,
  caption,
}: {
  title: string;
  series: Series[];
  x_name: string;
  y_name: string;
  x_range?: [number, number];
  y_range?: [number, number];
  diagonal?: boolean;
  mark?: { x: number; text: string };
  table: FigureTable;
  caption?: ComponentChildren;
}) {
  const points = series.flatMap((one) => one.points);
  if (!points.length) return null;
  const [x0, x1] = extent(
    points.map((point) => point.x),
    x_range,
  );
  const [y0, y1] = extent(
    points.map((point) => point.y),
    y_range,
  );
  const x = (value: number) => LEFT + ((value - x0) / (x1 - x0 || 1)) * (WIDTH - LEFT - RIGHT);
  const y = (value: number) =>
    HEIGHT - BOTTOM - ((value - y0) / (y1 - y0 || 1)) * (HEIGHT - TOP - BOTTOM);
  return (
    <Figure title={title} table={table} caption={caption}>
      <svg class="chart curve" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={title}>
        {ticks(y0, y1).map((value) => (
          <g key={`y${value}`}>
            <path class="chart-grid" d={`M${LEFT} ${y(value)}H${WIDTH - RIGHT}`} />
            <text x={LEFT - 6} y={y(value) + 4} text-anchor="end">
              {short(value)}
            </text>
          </g>
        ))}
        {ticks(x0, x1).map((value) => (
          <text key={`x${value}`} x={x(value)} y={HEIGHT - BOTTOM + 16} text-anchor="middle">
            {short(value)}
          </text>
        ))}
        <path class="chart-axis" d={`M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${WIDTH - RIGHT}`} />
        <text x={(LEFT + WIDTH - RIGHT) / 2} y={HEIGHT - 6} text-anchor="middle">
          {x_name}
        </text>
        <text
          x={12}
          y={(TOP + HEIGHT - BOTTOM) / 2}
          text-anchor="middle"
          transform={`rotate(-90 12 ${(TOP + HEIGHT - BOTTOM) / 2})`}
        >
          {y_name}
        </text>
        {diagonal && <path class="chart-diagonal" d={`M${x(x0)} ${y(y0)}L${x(x1)} ${y(y1)}`} />}
        {mark && (
          <path class="chart-mark" d={`M${x(mark.x)} ${TOP}V${HEIGHT - BOTTOM}`}>
            <title>{mark.text}</title>
          </path>
        )}
        {series.map((one) => (
          <Drawn key={one.name} one={one} x={x} y={y} />
        ))}
      </svg>
      {series.length > 1 && (
        <p class="legend">
          {series.map((one) => (
            <span key={one.name} class={`legend-${one.tone ?? 1}`}>
              {one.name}
            </span>
          ))}
        </p>
      )}
    </Figure>
  );
}

function Drawn({
  one,
  x,
  y,
}: {
  one: Series;
  x: (value: number) => number;
  y: (value: number) => number;
}) {
  const tone = `chart-tone-${one.tone ?? 1}`;
  const line = one.points
    .map((point, i) => `${i ? 'L' : 'M'}${x(point.x).toFixed(1)} ${y(point.y).toFixed(1)}`)
    .join('');
  const most = Math.max(1, ...one.points.map((point) => point.weight ?? 1));
  return (
    <g class={tone}>
      <path class="chart-line" d={line} />
      {one.kind === 'dots' &&
        one.points.map((point, i) => (
          <circle
            key={i}
            class="chart-dot"
            cx={x(point.x)}
            cy={y(point.y)}
            r={2 + 3 * Math.sqrt((point.weight ?? most) / most)}
          >
            <title>{`${short(point.x)}, ${short(point.y)}`}</title>
          </circle>
        ))}
    </g>
  );
}
