// A column's distribution: bars over equal or unequal bins, drawn to fill its width.
import { count, short } from '../format';
import { t } from '../messages';
import type { Scalar } from '../types';
import { Figure } from './figure';

const WIDTH = 300;
const HEIGHT = 72;

function bin_name(edges: Scalar[], i: number): string {
  return `${short(edges[i])} – ${short(edges[i + 1])}`;
}

export function Histogram({
  name,
  edges,
  counts,
}: {
  name: string;
  edges: Scalar[];
  counts: number[];
}) {
  const most = Math.max(1, ...counts);
  const step = WIDTH / Math.max(1, counts.length);
  const title = t('chart.histogram', { name });
  return (
    <Figure
      compact
      title={title}
      table={{
        head: [t('chart.range'), t('chart.count')],
        rows: counts.map((value, i) => [bin_name(edges, i), count(value)]),
      }}
    >
      <svg
        class="chart histogram"
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={title}
      >
        {counts.map((value, i) => {
          const height = value ? Math.max(1.5, (value / most) * (HEIGHT - 2)) : 0;
          return (
            <rect
              key={i}
              class="chart-bar"
              x={i * step + 0.5}
              y={HEIGHT - height}
              width={Math.max(0.5, step - 1)}
              height={height}
            >
              <title>{`${bin_name(edges, i)}: ${count(value)}`}</title>
            </rect>
          );
        })}
        <path class="chart-axis" d={`M0 ${HEIGHT - 0.5}H${WIDTH}`} />
      </svg>
      <p class="chart-ends">
        <span>{short(edges[0])}</span>
        <span>{short(edges[edges.length - 1])}</span>
      </p>
    </Figure>
  );
}
