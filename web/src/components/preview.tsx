// Before and after a recipe, side by side. A changed cell is marked, and inside it what went and what
// came, by colour and by a line through or below; beside each row why it goes.
import { useMemo, useRef } from 'preact/hooks';
import { difference, type Piece } from '../difference';
import { count } from '../format';
import { t, t_or } from '../messages';
import { query_set, query_text } from '../router';
import type { Preview } from '../types';
import { BudgetLine } from './budget';
import { CheckField } from './form';
import { Icon } from './icon';
import { Notice } from './page';
import { Grid, number_column } from './table';

type Cell = string | null | undefined;
interface Row {
  number: number; // in the table
  before: Cell[];
  after: Cell[] | null;
  changed: boolean[];
  lines: number[];
  reason: string;
}

function rows_of(preview: Preview): Row[] {
  return preview.rows.map((row, i) => ({
    number: i + 1,
    before: row.before,
    after: row.after,
    changed: preview.columns.map(
      (column, j) => row.after !== null && !column.removed && row.after[j] !== row.before[j],
    ),
    lines: row.lines ?? [],
    reason: row.after
      ? ''
      : (row.reason ? t_or(row.reason, row.reason) : '') +
        (row.line ? ` (${t('recipe.line', { row: row.line })})` : ''),
  }));
}

function Pieces({ pieces, gone }: { pieces: Piece[]; gone: boolean }) {
  return (
    <>
      {pieces.map((piece, i) =>
        !piece.changed ? (
          piece.text
        ) : gone ? (
          <del key={i}>{piece.text}</del>
        ) : (
          <ins key={i}>{piece.text}</ins>
        ),
      )}
    </>
  );
}

function ChangedCell({
  old,
  now,
  line,
  after,
}: {
  old: Cell;
  now: Cell;
  line: number;
  after: boolean;
}) {
  const pieces = useMemo(() => difference(old ?? '', now ?? ''), [old, now]);
  const shown = after ? now : old;
  const was = t('preview.was', { value: old ?? '–' });
  if (shown === null || shown === undefined) return <td class="missing changed">–</td>;
  return (
    <td
      class="changed"
      title={after ? was + (line ? ` (${t('recipe.line', { row: line })})` : '') : undefined}
    >
      <Pieces pieces={after ? pieces.after : pieces.before} gone={!after} />
    </td>
  );
}

function Cells({ row, preview, after }: { row: Row; preview: Preview; after: boolean }) {
  return (
    <>
      {preview.columns.map((column, j) => {
        const value = after ? row.after?.[j] : row.before[j];
        if (row.changed[j]) {
          return (
            <ChangedCell
              key={j}
              old={row.before[j]}
              now={row.after![j]}
              line={row.lines[j] ?? 0}
              after={after}
            />
          );
        }
        if (after && column.removed) return <td key={j} class="missing removed" />;
        if (value === null || value === undefined) {
          return (
            <td key={j} class="missing">
              –
            </td>
          );
        }
        return (
          <td key={j} title={value.length > 24 ? value : undefined}>
            {value}
          </td>
        );
      })}
    </>
  );
}

// The lines that change a column in these rows.
function lines_of(rows: Row[], column: number): string {
  const lines = new Set(rows.map((row) => (row.changed[column] ? (row.lines[column] ?? 0) : 0)));
  return [...lines]
    .filter((line) => line > 0)
    .sort((a, b) => a - b)
    .map((line) => t('recipe.line', { row: line }))
    .join('，');
}

function Pane({
  title,
  preview,
  rows,
  after,
}: {
  title: string;
  preview: Preview;
  rows: Row[];
  after: boolean;
}) {
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
              {after && <div class="th-type">{lines_of(rows, i)}</div>}
              {!after && <div class="th-type">{t(`type.${column.type}`)}</div>}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.number} class={row.after ? '' : 'row-dropped'}>
            <th scope="row" class="number muted">
              {count(row.number)}
            </th>
            {after && !row.after ? (
              <td colSpan={columns.length}>
                <Icon name="bin" /> {t('preview.dropped')} {row.reason}
              </td>
            ) : (
              <Cells row={row} preview={preview} after={after} />
            )}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

// What takes the place of all rows: counts with noise of the preview's own.
function Counts({ counts }: { counts: NonNullable<Preview['counts']> }) {
  const { columns, rows, total, rows_seen, budget } = counts;
  const is_number = (type: string) => type === 'integer' || type === 'number';
  return (
    <div id="counts">
      <Notice tone="warn" title={t('preview.counts_drawn')}>
        {t('preview.counts_seen', { rows: rows_seen })}
      </Notice>
      {budget && <BudgetLine budget={budget} done={false} />}
      <Grid
        label={t('preview.counts')}
        columns={columns.map((column) =>
          is_number(column.type) ? number_column(column.name) : column.name,
        )}
        rows={rows.map((row) => row.map((value) => value ?? '–'))}
      />
      {rows.length < total && (
        <p class="hint">{t('preview.counts_more', { shown: rows.length, total })}</p>
      )}
    </div>
  );
}

// The two panes scroll together.
export function PreviewTable({ preview }: { preview: Preview }) {
  const left = useRef<HTMLDivElement>(null);
  const right = useRef<HTMLDivElement>(null);
  const rows = useMemo(() => rows_of(preview), [preview]);
  const only = query_text('changed') === '1';
  const shown = only ? rows.filter((row) => !row.after || row.changed.includes(true)) : rows;
  const follow = (from: HTMLDivElement | null, to: HTMLDivElement | null) => {
    if (!from || !to) return;
    if (Math.abs(from.scrollLeft - to.scrollLeft) > 1) to.scrollLeft = from.scrollLeft;
    if (Math.abs(from.scrollTop - to.scrollTop) > 1) to.scrollTop = from.scrollTop;
  };
  if (preview.counts) return <Counts counts={preview.counts} />;
  const dropped = rows.filter((row) => !row.after).length;
  const changed = rows.reduce((sum, row) => sum + row.changed.filter(Boolean).length, 0);
  return (
    <>
      <p class="muted" role="status">
        {t('preview.summary', { rows: rows.length, cells: changed, dropped })}{' '}
        <span class="legend-change">
          <del>{t('preview.gone')}</del> <ins>{t('preview.new')}</ins>
        </span>
      </p>
      <CheckField
        id="only-changed"
        label={t('preview.only_changed')}
        value={only}
        change={(on) => query_set({ changed: on ? 1 : null }, true)}
      />
      {shown.length === 0 ? (
        <p>{t('preview.nothing')}</p>
      ) : (
        <div class="preview">
          <div
            class="table-frame"
            role="region"
            tabIndex={0}
            aria-label={t('preview.before')}
            ref={left}
            onScroll={() => follow(left.current, right.current)}
          >
            <Pane title={t('preview.before')} preview={preview} rows={shown} after={false} />
          </div>
          <div
            class="table-frame"
            role="region"
            tabIndex={0}
            aria-label={t('preview.after')}
            ref={right}
            onScroll={() => follow(right.current, left.current)}
          >
            <Pane title={t('preview.after')} preview={preview} rows={shown} after />
          </div>
        </div>
      )}
    </>
  );
}
