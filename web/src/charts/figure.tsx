// The frame of every chart: a title, the picture, and "show as table" with the same figures.
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { Table } from '../components/table';
import { t } from '../messages';

export interface FigureTable {
  head: string[];
  rows: (string | number)[][];
}

export function Figure({
  title,
  table,
  children,
  caption,
  compact,
}: {
  title: string;
  table: FigureTable;
  children: ComponentChildren;
  caption?: ComponentChildren;
  compact?: boolean;
}) {
  const [as_table, as_table_set] = useState(false);
  return (
    <figure class={compact ? 'figure figure-compact' : 'figure'}>
      <figcaption>
        <span class={compact ? 'hidden-text' : 'figure-title'}>{title}</span>
        <button
          type="button"
          class="button button-quiet button-small no-print"
          aria-pressed={as_table}
          onClick={() => as_table_set(!as_table)}
        >
          {t(as_table ? 'chart.as_picture' : 'chart.as_table')}
        </button>
      </figcaption>
      {as_table ? (
        <Table label={title} dense>
          <thead>
            <tr>
              {table.head.map((name, i) => (
                <th key={i} class={i ? 'number' : ''}>
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {table.rows.map((row, i) => (
              <tr key={i}>
                {row.map((value, j) =>
                  j ? (
                    <td key={j} class="number">
                      {value}
                    </td>
                  ) : (
                    <th key={j} scope="row">
                      {value}
                    </th>
                  ),
                )}
              </tr>
            ))}
          </tbody>
        </Table>
      ) : (
        children
      )}
      {caption && <p class="hint">{caption}</p>}
    </figure>
  );
}
