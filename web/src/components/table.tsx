// Tables that scroll inside their own frame, pages of a list, facts as pairs, things to copy.
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { count } from '../format';
import { t } from '../messages';
import { query_set } from '../router';
import { toast } from '../state';
import { Icon } from './icon';

// `label` names the table for readers; the frame can be scrolled by keyboard.
export function Table({
  label,
  children,
  dense,
  cells,
}: {
  label: string;
  children: ComponentChildren;
  dense?: boolean;
  cells?: boolean; // of data: one line each, long ones cut
}) {
  const kind = `table${dense ? ' table-dense' : ''}${cells ? ' table-cells' : ''}`;
  return (
    <div class="table-frame" role="region" aria-label={label} tabIndex={0}>
      <table class={kind}>{children}</table>
    </div>
  );
}

export interface GridColumn {
  name: ComponentChildren;
  number: boolean;
}
export const number_column = (name: ComponentChildren): GridColumn => ({ name, number: true });

// A table whose rows are lists of cells; the cell at `head` names its row.
export function Grid({
  label,
  columns,
  rows,
  head = 0,
}: {
  label: string;
  columns: (string | GridColumn)[];
  rows: ComponentChildren[][];
  head?: number;
}) {
  const known = columns.map((one) => (typeof one === 'string' ? { name: one, number: false } : one));
  const kind = (i: number) => (known[i]?.number ? 'number' : undefined);
  return (
    <Table label={label} dense>
      <thead>
        <tr>
          {known.map((column, i) => (
            <th key={i} class={kind(i)}>
              {column.name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((cells, row) => (
          <tr key={row}>
            {cells.map((cell, i) =>
              i === head ? (
                <th key={i} scope="row" class={kind(i)}>
                  {cell}
                </th>
              ) : (
                <td key={i} class={kind(i)}>
                  {cell}
                </td>
              ),
            )}
          </tr>
        ))}
      </tbody>
    </Table>
  );
}

export function Pager({
  page,
  size,
  total,
  name = 'page',
}: {
  page: number;
  size: number;
  total: number;
  name?: string;
}) {
  const last = Math.max(1, Math.ceil(total / size));
  if (total === 0) return null;
  const from = (page - 1) * size + 1;
  const to = Math.min(total, page * size);
  return (
    <nav class="pager no-print" aria-label={t('pager.label')}>
      <p role="status">
        {t('pager.range', { from: count(from), to: count(to), total: count(total) })}
      </p>
      {last > 1 && (
        <div class="actions">
          <button
            type="button"
            class="button button-plain"
            disabled={page <= 1}
            onClick={() => query_set({ [name]: page - 1 > 1 ? page - 1 : null })}
          >
            {t('pager.previous')}
          </button>
          <button
            type="button"
            class="button button-plain"
            disabled={page >= last}
            onClick={() => query_set({ [name]: page + 1 })}
          >
            {t('pager.next')}
          </button>
        </div>
      )}
    </nav>
  );
}

export function Facts({ items }: { items: [string, ComponentChildren][] }) {
  return (
    <dl class="facts">
      {items.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

export function Copy({ text, label }: { text: string; label?: string }) {
  const [done, done_set] = useState(false);
  return (
    <button
      type="button"
      class="button button-quiet button-small no-print"
      onClick={async () => {
        if (await copy(text)) {
          done_set(true);
          toast(t('action.copied'));
        } else {
          toast(t('action.copy_failed'), 'bad');
        }
      }}
    >
      <Icon name={done ? 'check' : 'copy'} />
      <span>{label ?? t('action.copy')}</span>
    </button>
  );
}

// A hash: short to read, whole to copy and to print.
export function Hash({ value }: { value: string | null | undefined }) {
  if (!value) return <span>–</span>;
  return (
    <span class="hash">
      <code title={value}>
        {value.slice(0, 16)}
        <span class="hash-rest">{value.slice(16)}</span>
      </code>
      <Copy text={value} />
    </span>
  );
}

export function Code({ text, label }: { text: string; label: string }) {
  return (
    <div class="code">
      <pre tabIndex={0} aria-label={label}>
        <code>{text}</code>
      </pre>
      <Copy text={text} />
    </div>
  );
}

export function Bar({
  share,
  tone = 'accent',
}: {
  share: number;
  tone?: 'accent' | 'warn' | 'muted';
}) {
  const width = Math.max(0, Math.min(1, share)) * 100;
  return (
    <svg
      class={`bar bar-${tone}`}
      viewBox="0 0 100 6"
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      <rect class="bar-back" width="100" height="6" />
      <rect class="bar-fill" width={width} height="6" />
    </svg>
  );
}
