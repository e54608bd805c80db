// Before and after a recipe, side by side, changed cells marked by colour and by an underline.
import { useRef } from 'preact/hooks';
import { count } from '../format';
import { t, t_or } from '../messages';
import type { Column, Preview } from '../types';
import { Icon } from './icon';

function name_of(column: string | Column): string {
  return typeof column === 'string' ? column : column.name;
}

function Cell({ value, old, marked }: {
  value: string | null | undefined; old?: string | null | undefined; marked: boolean;
}) {
  if (value === null || value === undefined) {
    return <td class={marked ? 'missing changed' : 'missing'}>–</td>;
  }
  return (
    <td class={marked ? 'changed' : ''}>
      {marked ? <mark title={t('preview.was', { value: old ?? '–' })}>{value}</mark> : value}
    </td>
  );
}

interface PaneProps {
  title: string; preview: Preview; after: boolean; columns: string[];
}

function Pane({ title, preview, after, columns }: PaneProps) {
  return (
    <table class="table table-dense">
      <caption>{title}</caption>
      <thead><tr><th class="number">#</th>{columns.map((name, i) => <th key={i}>{name}</th>)}</tr></thead>
      <tbody>
        {preview.rows.map((row, i) => (
          <tr key={i} class={row.after ? '' : 'row-dropped'}>
            <th scope="row" class="number muted">{count(i + 1)}</th>
            {after && !row.after ? (
              <td colSpan={columns.length}>
                <Icon name="bin" /> {t('preview.dropped')}{' '}
                {row.reason ? t_or(row.reason, row.reason) : ''}
              </td>
            ) : columns.map((_, j) => (
              <Cell key={j} value={after ? row.after?.[j] : row.before[j]} old={row.before[j]}
                marked={after && row.after?.[j] !== row.before[j]} />
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

// The two panes scroll together.
export function PreviewTable({ preview }: { preview: Preview }) {
  const left = useRef<HTMLDivElement>(null);
  const right = useRef<HTMLDivElement>(null);
  const columns = preview.columns.map(name_of);
  const follow = (from: HTMLDivElement | null, to: HTMLDivElement | null) => {
    if (from && to && Math.abs(from.scrollLeft - to.scrollLeft) > 1) to.scrollLeft = from.scrollLeft;
  };
  const dropped = preview.rows.filter((row) => !row.after).length;
  const changed = preview.rows.reduce((sum, row) => sum + (row.after ?? []).reduce((n: number, value, j) =>
    n + (value !== row.before[j] ? 1 : 0), 0), 0);
  return (
    <>
      <p class="muted" role="status">
        {t('preview.summary', { rows: preview.rows.length, cells: changed, dropped })}
      </p>
      <div class="preview">
        <div class="table-frame" role="region" tabIndex={0} aria-label={t('preview.before')} ref={left}
          onScroll={() => follow(left.current, right.current)}>
          <Pane title={t('preview.before')} preview={preview} after={false} columns={columns} />
        </div>
        <div class="table-frame" role="region" tabIndex={0} aria-label={t('preview.after')} ref={right}
          onScroll={() => follow(right.current, left.current)}>
          <Pane title={t('preview.after')} preview={preview} after columns={columns} />
        </div>
      </div>
    </>
  );
}
