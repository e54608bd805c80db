// Samples for review: how many, how many must pass, and lines to sign; the sheet of sampled rows is
// for print and is shown only when somebody asks, which is audited.
import { useState } from 'preact/hooks';
import { get } from '../api';
import { Button } from '../components/form';
import { Card, Notice, Shown } from '../components/page';
import { save_file } from '../components/recipe_library';
import { Facts, Hash, Pager, Table } from '../components/table';
import { count, percent } from '../format';
import { useGet } from '../load';
import { t } from '../messages';
import { query_number, query_set, query_text } from '../router';
import { toast_error } from '../state';
import type { Report, Rows } from '../types';
import type { DatasetTab } from './dataset';
import { Cell, ask_reveal } from './dataset_rows';

const SIZE = 100;
const SIZE_MOST = 200; // of one request

function Line({ label }: { label: string }) {
  return (
    <p class="sign-line">
      <span>{label}</span>
      <span class="sign-room" />
    </p>
  );
}

export function SamplingCard({ report, tab }: { report: Report; tab: DatasetTab }) {
  const { sampling } = report;
  if (!sampling) return null;
  const rows: [string, string, number, number][] = [
    [
      t('sampling.manual'),
      t('sampling.manual_how'),
      sampling.manual.size,
      sampling.manual.threshold,
    ],
    [
      t('sampling.technical'),
      t('sampling.technical_how', { share: percent(sampling.technical.share) }),
      sampling.technical.size,
      sampling.technical.threshold,
    ],
  ];
  return (
    <Card
      title={t('sampling.title')}
      actions={
        tab.revision.rows > 0 && (
          <>
            <Button icon="eye" onClick={() => query_set({ sheet: 1 })}>
              {t('sampling.open')}
            </Button>
            <Button kind="quiet" onClick={() => query_set({ sheet: 1, kind: 'technical' })}>
              {t('sampling.open_technical')}
            </Button>
          </>
        )
      }
    >
      <Table label={t('sampling.title')} dense>
        <thead>
          <tr>
            <th>{t('sampling.review')}</th>
            <th>{t('sampling.how')}</th>
            <th class="number">{t('sampling.size')}</th>
            <th class="number">{t('sampling.must_pass')}</th>
            <th class="number">{t('sampling.at_most_bad')}</th>
            <th>{t('sampling.passed')}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, how, size, threshold]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>{how}</td>
              <td class="number">{count(size)}</td>
              <td class="number">≥ {percent(threshold)}</td>
              <td class="number">{count(Math.floor(size * (1 - threshold) + 1e-9))}</td>
              <td>______ / {count(size)}</td>
            </tr>
          ))}
        </tbody>
      </Table>
      <p class="hint">{t('sampling.rule')}</p>
      <div class="sign">
        <Line label={t('sampling.reviewer')} />
        <Line label={t('sampling.date')} />
        <Line label={t('sampling.second')} />
        <Line label={t('sampling.date')} />
        <Line label={t('sampling.verdict')} />
      </div>
    </Card>
  );
}

// ---- the sheet ---------------------------------------------------------------------------------

function csv_cell(value: string | number | null): string {
  const text = String(value ?? '');
  // A spreadsheet would calculate what begins like a formula.
  const safe = /^[=+\-@\t]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
}

async function sheet_file(base: string, size: number, reveal: boolean): Promise<string> {
  const lines: string[] = [];
  for (let offset = 0; offset < size; offset += SIZE_MOST) {
    const part = await get<Rows>(
      `${base}?sample=${size}&offset=${offset}&size=${SIZE_MOST}&reveal=${reveal ? 1 : 0}`,
    );
    if (!lines.length) {
      const names = part.columns.map((column) => column.name);
      lines.push(
        [t('sampling.row'), ...names, t('sampling.verdict_row'), t('sampling.note')]
          .map(csv_cell)
          .join(','),
      );
    }
    part.rows.forEach((row, i) =>
      lines.push([part.numbers?.[i] ?? '', ...row, '', ''].map(csv_cell).join(',')),
    );
    if (part.rows.length === 0 || offset + part.rows.length >= part.total) break;
  }
  return `\ufeff${lines.join('\r\n')}\r\n`;
}

function SheetTable({ data }: { data: Rows }) {
  return (
    <Table label={t('sampling.sheet')} dense>
      <thead>
        <tr>
          <th class="number">{t('sampling.row')}</th>
          {data.columns.map((column) => (
            <th key={column.name}>{column.name}</th>
          ))}
          <th>{t('sampling.verdict_row')}</th>
        </tr>
      </thead>
      <tbody>
        {data.rows.map((row, i) => (
          <tr key={i}>
            <th scope="row" class="number">
              {count(data.numbers?.[i] ?? 0)}
            </th>
            {row.map((value, j) => (
              <Cell key={j} value={value} />
            ))}
            <td class="verdict">
              ☐ {t('sampling.good')} ☐ {t('sampling.bad')}
            </td>
          </tr>
        ))}
      </tbody>
    </Table>
  );
}

// The sampled rows with room for a verdict, a page at a time. What is hidden is shown to whoever asks
// for it, which is audited.
export function SamplingSheet({ report, tab }: { report: Report; tab: DatasetTab }) {
  const { dataset, revision } = tab;
  const [reveal, reveal_set] = useState(false);
  const [busy, busy_set] = useState(false);
  const kind = query_text('kind') === 'technical' ? 'technical' : 'manual';
  const size = Math.max(1, report.sampling?.[kind].size ?? 0);
  const page = query_number('page', 1);
  const base = `/datasets/${dataset.id}/revisions/${revision.number}/rows`;
  const rows = useGet<Rows>(
    `${base}?sample=${size}&offset=${(page - 1) * SIZE}&size=${SIZE}&reveal=${reveal ? 1 : 0}`,
  );
  const save = async () => {
    busy_set(true);
    try {
      const text = await sheet_file(base, size, reveal);
      save_file(`sample-${dataset.id}-${revision.number}-${kind}.csv`, text, 'text/csv');
    } catch (error) {
      toast_error(error);
    }
    busy_set(false);
  };
  return (
    <article class="sheet">
      <Card
        title={t('sampling.sheet_of', { name: dataset.name })}
        actions={
          <>
            <Button kind="quiet" onClick={() => query_set({ sheet: null, kind: null, page: null })}>
              {t('sampling.back')}
            </Button>
            <Button kind="quiet" icon="download" busy={busy} onClick={() => void save()}>
              {t('sampling.save')}
            </Button>
            <Button
              icon={reveal ? 'lock' : 'eye'}
              onClick={async () => {
                if (reveal || (await ask_reveal())) reveal_set(!reveal);
              }}
            >
              {t(reveal ? 'reveal.hide' : 'reveal.show')}
            </Button>
            <Button icon="print" onClick={() => window.print()}>
              {t('action.print')}
            </Button>
          </>
        }
      >
        <Facts
          items={[
            [t('sampling.review'), t(kind === 'manual' ? 'sampling.manual' : 'sampling.technical')],
            [t('sampling.size'), count(size)],
            [t('sampling.drawn'), t('sampling.drawn_how')],
            [t('dataset.revision'), String(revision.number)],
            [t('dataset.hash'), <Hash value={revision.table} />],
          ]}
        />
        {reveal && <Notice tone="warn" title={t('reveal.on')} />}
        <div class="sign">
          <Line label={t('sampling.reviewer')} />
          <Line label={t('sampling.date')} />
        </div>
      </Card>
      <Card flush>
        <Shown from={rows} lines={8}>
          {(data) => (
            <>
              <SheetTable data={data} />
              <Pager page={page} size={SIZE} total={data.total} />
            </>
          )}
        </Shown>
      </Card>
    </article>
  );
}
