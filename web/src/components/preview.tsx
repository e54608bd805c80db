// Before and after a recipe, side by side, changed cells marked by colour and by an underline.
import { useRef } from 'preact/hooks';
import { count } from '../format';
import { t, t_or } from '../messages';
import type { Preview } from '../types';
import { Icon } from './icon';

function Cell({
  value,
  old,
  marked,
}: {
  value: string | null | undefined;
  old?: string | null | undefined;
  marked: boolean;
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

function Pane({ title, preview, after }: { title: string; preview: Preview; after: boolean }) {
  const columns = preview.columns;
  return (
    <table class="table table-dense">
      <caption>{title}</caption>
      <thead>
        <tr>
          <th class="number">#</th>
          {columns.map((column, i) => (
            <th key={i}>
              {after && column.removed ? <del>{column.name}</del> : column.name}
              {after && column.removed && <span> {t('difference.removed')}</span>}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {preview.rows.map((row, i) => (
          <tr key={i} class={row.after ? '' : 'row-dropped'}>
            <th scope="row" class="number muted">
              {count(i + 1)}
            </th>
            {after && !row.after ? (
              <td colSpan={columns.length}>
                <Icon name="bin" /> {t('preview.dropped')}{' '}
                {row.reason ? t_or(row.reason, row.reason) : ''}
                {row.line ? ` (${t('recipe.line', { row: row.line })})` : ''}
              </td>
            ) : (
              columns.map((_, j) => (
                <Cell
                  key={j}
                  value={after ? row.after?.[j] : row.before[j]}
                  old={row.before[j]}
                  marked={after && row.after?.[j] !== row.before[j]}
                />
              ))
            )}
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
  const follow = (from: HTMLDivElement | null, to: HTMLDivElement | null) => {
    if (from && to && Math.abs(from.scrollLeft - to.scrollLeft) > 1)
      to.scrollLeft = from.scrollLeft;
  };
  const dropped = preview.rows.filter((row) => !row.after).length;
  const changed = preview.rows.reduce(
    (sum, row) => sum + (row.after ?? []).filter((value, j) => value !== row.before[j]).length,
    0,
  );
  return (
    <>
      <p class="muted" role="status">
        {t('preview.summary', { rows: preview.rows.length, cells: changed, dropped })}
      </p>
      <div class="preview">
        <div
          class="table-frame"
          role="region"
          tabIndex={0}
          aria-label={t('preview.before')}
          ref={left}
          onScroll={() => follow(left.current, right.current)}
        >
          <Pane title={t('preview.before')} preview={preview} after={false} />
        </div>
        <div
          class="table-frame"
          role="region"
          tabIndex={0}
          aria-label={t('preview.after')}
          ref={right}
          onScroll={() => follow(right.current, left.current)}
        >
          <Pane title={t('preview.after')} preview={preview} after />
        </div>
      </div>
    </>
  );
}
