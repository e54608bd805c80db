// Named bars, to one side (importance) or to both (contributions to one prediction).
import { Figure } from './figure';

export interface Named {
  name: string;
  value: number;
  text: string;
  note?: string;
}

export function Bars({
  title,
  items,
  head,
  both,
  positive,
  negative,
}: {
  title: string;
  items: Named[];
  head: [string, string];
  both?: boolean;
  positive?: string;
  negative?: string;
}) {
  const most = Math.max(1e-12, ...items.map((item) => Math.abs(item.value)));
  const notes = items.some((item) => item.note);
  return (
    <Figure
      title={title}
      table={{
        head: notes ? [head[0], '', head[1]] : head,
        rows: items.map((item) =>
          notes ? [item.name, item.note ?? '', item.text] : [item.name, item.text],
        ),
      }}
    >
      {both && (
        <p class="legend">
          <span class="legend-1">{positive}</span>
          <span class="legend-2">{negative}</span>
        </p>
      )}
      <ul class={both ? 'bars bars-both' : 'bars'}>
        {items.map((item) => {
          const share = Math.abs(item.value) / most;
          const width = both ? share * 50 : share * 100;
          const start = both ? (item.value < 0 ? 50 - width : 50) : 0;
          return (
            <li key={item.name}>
              <span class="bars-name" title={item.name}>
                {item.name}
                {item.note && <small> {item.note}</small>}
              </span>
              <svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
                <rect class="bar-back" width="100" height="10" />
                <rect
                  class={item.value < 0 ? 'bar-fill bar-less' : 'bar-fill'}
                  x={start}
                  width={width}
                  height="10"
                />
                {both && <path class="chart-axis" d="M50 0V10" />}
              </svg>
              <span class="bars-value">{item.text}</span>
            </li>
          );
        })}
      </ul>
    </Figure>
  );
}
