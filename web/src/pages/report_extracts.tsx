// The review by samples that the rules ask for, with room for signatures, and the keyword hits: what
// the cleansing itself set aside, kept with the revision and named in the report by its hash. A page
// of it is shown with personal data hidden; whoever asks sees all, prints it or takes the file, which
// is audited.
import { useEffect, useState } from 'preact/hooks';
import { BASE, get } from '../api';
import { Button } from '../components/form';
import { Card, Notice, Shown } from '../components/page';
import { Facts, Grid, Hash, Pager, number_column } from '../components/table';
import { bytes, count, percent } from '../format';
import { useGet } from '../load';
import { t, t_or } from '../messages';
import { query_number, query_set, query_text } from '../router';
import { toast_error } from '../state';
import type { Extract, Report } from '../types';
import type { DatasetTab } from './dataset';
import { HIDDEN, Hidden, ask_reveal } from './dataset_rows';

const SIZE = 100;
const SIZE_MOST = 200; // of one request
const PRINT_ROWS_MOST = 10_000; // more is no work for paper

type Kind = 'sampling' | 'technical' | 'words';
const FILES: Record<Kind, string> = {
  sampling: 'sampling.csv',
  technical: 'sampling_technical.csv',
  words: 'words.csv',
};
const is_kind = (text: string): text is Kind => text in FILES;

// Which of them the address asks for.
export function extract_asked(): Kind | null {
  const asked = query_text('sheet');
  return is_kind(asked) ? asked : null;
}

function file_of(report: Report, kind: Kind) {
  return (report.files ?? []).find((one) => one.name === FILES[kind]);
}

function Line({ label }: { label: string }) {
  return (
    <p class="sign-line">
      <span>{label}</span>
      <span class="sign-room" />
    </p>
  );
}

function OpenButton({ kind, tab, report }: { kind: Kind; tab: DatasetTab; report: Report }) {
  if (!file_of(report, kind) || tab.revision.deleted_ms) return null;
  return (
    <Button
      kind={kind === 'technical' ? 'quiet' : 'plain'}
      icon={kind === 'technical' ? undefined : 'eye'}
      onClick={() => query_set({ sheet: kind })}
    >
      {t(`extract.open.${kind}`)}
    </Button>
  );
}

export function SamplingCard({ report, tab }: { report: Report; tab: DatasetTab }) {
  const { sampling } = report;
  if (!sampling) return null;
  const { manual, technical } = sampling;
  const share = percent(technical.share);
  const rows: [string, string, { size: number; threshold: number }][] = [
    [t('sampling.manual'), t('sampling.manual_how'), manual],
    [t('sampling.technical'), t('sampling.technical_how', { share }), technical],
  ];
  return (
    <Card
      title={t('sampling.title')}
      actions={
        <>
          <OpenButton kind="sampling" tab={tab} report={report} />
          <OpenButton kind="technical" tab={tab} report={report} />
        </>
      }
    >
      <Grid
        label={t('sampling.title')}
        columns={[
          t('sampling.review'),
          t('sampling.how'),
          number_column(t('sampling.size')),
          number_column(t('sampling.must_pass')),
          number_column(t('sampling.at_most_bad')),
          t('sampling.passed'),
        ]}
        rows={rows.map(([name, how, { size, threshold }]) => [
          name,
          how,
          count(size),
          `≥ ${percent(threshold)}`,
          count(Math.floor(size * (1 - threshold) + 1e-9)),
          `______ / ${count(size)}`,
        ])}
      />
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

// Hits of `words action=flag`, for people to look at.
export function FlaggedCard({ report, tab }: { report: Report; tab: DatasetTab }) {
  const file = file_of(report, 'words');
  if (!file) return null;
  return (
    <Card
      title={t('extract.title.words')}
      actions={<OpenButton kind="words" tab={tab} report={report} />}
    >
      <p>{t('extract.words_found', { rows: file.rows })}</p>
    </Card>
  );
}

// ---- the sheet ---------------------------------------------------------------------------------

function SheetCell({ column, value }: { column: string; value: string }) {
  if (column === 'verdict') {
    return (
      <span class="verdict">
        ☐ {t('sampling.good')} ☐ {t('sampling.bad')}
      </span>
    );
  }
  if (value === HIDDEN) return <Hidden />;
  return <>{column === 'kind' && value ? t_or(`risk.${value}`, value) : value}</>;
}

function SheetTable({ kind, data }: { kind: Kind; data: Extract }) {
  const numbers = ['number', 'row', 'line'];
  return (
    <Grid
      label={t(`extract.title.${kind}`)}
      columns={data.columns.map((name) =>
        numbers.includes(name)
          ? number_column(t_or(`extract.column.${name}`, name))
          : t_or(`extract.column.${name}`, name),
      )}
      rows={data.rows.map((row) =>
        row.map((value, i) => <SheetCell column={data.columns[i] ?? ''} value={value} />),
      )}
    />
  );
}

// All rows of it, as many as one prints.
async function whole(base: string, reveal: boolean): Promise<Extract> {
  const part = (offset: number) =>
    get<Extract>(`${base}&offset=${offset}&size=${SIZE_MOST}&reveal=${reveal ? 1 : 0}`);
  const all = await part(0);
  while (all.rows.length < Math.min(all.total, PRINT_ROWS_MOST)) {
    const next = await part(all.rows.length);
    if (!next.rows.length) break;
    all.rows.push(...next.rows);
  }
  return all;
}

function SheetHead({ kind, data, tab }: { kind: Kind; data: Extract; tab: DatasetTab }) {
  return (
    <>
      <Facts
        items={[
          [t('extract.file'), `${data.name} · ${bytes(data.bytes)}`],
          [t('extract.rows'), count(data.total)],
          [t('dataset.hash'), <Hash value={data.hash} />],
          [t('dataset.revision'), String(tab.revision.number)],
          ...(kind === 'words'
            ? []
            : [[t('sampling.drawn'), t('sampling.drawn_how')] as [string, string]]),
        ]}
      />
      {!data.hidden && <Notice tone="warn" title={t('reveal.on')} />}
    </>
  );
}

export function ExtractSheet({ kind, tab }: { kind: Kind; tab: DatasetTab }) {
  const { dataset, revision } = tab;
  const [reveal, reveal_set] = useState(false);
  const [printed, printed_set] = useState<Extract | null>(null);
  const [busy, busy_set] = useState(false);
  const page = query_number('page', 1);
  const path = `/datasets/${dataset.id}/revisions/${revision.number}/extract`;
  const base = `${path}?kind=${kind}`;
  const shown = useGet<Extract>(
    `${base}&offset=${(page - 1) * SIZE}&size=${SIZE}&reveal=${reveal ? 1 : 0}`,
  );
  useEffect(() => {
    if (!printed) return;
    window.print();
    printed_set(null);
  }, [printed]);
  const print = async () => {
    busy_set(true);
    try {
      printed_set(await whole(base, reveal));
    } catch (error) {
      toast_error(error);
    }
    busy_set(false);
  };
  return (
    <article class="sheet">
      <Card
        title={t('extract.title_of', { title: t(`extract.title.${kind}`), name: dataset.name })}
        actions={
          <>
            <Button kind="quiet" onClick={() => query_set({ sheet: null, page: null })}>
              {t('sampling.back')}
            </Button>
            <Button
              kind="quiet"
              icon="download"
              onClick={async () => {
                if (reveal || (await ask_reveal())) {
                  location.assign(`${BASE}${path}/file?kind=${kind}`);
                }
              }}
            >
              {t('extract.fetch')}
            </Button>
            <Button
              icon={reveal ? 'lock' : 'eye'}
              onClick={async () => {
                if (reveal || (await ask_reveal())) reveal_set(!reveal);
              }}
            >
              {t(reveal ? 'reveal.hide' : 'reveal.show')}
            </Button>
            <Button icon="print" busy={busy} onClick={() => void print()}>
              {t('action.print')}
            </Button>
          </>
        }
      >
        <Shown from={shown}>{(data) => <SheetHead kind={kind} data={data} tab={tab} />}</Shown>
        <div class="sign">
          <Line label={t('sampling.reviewer')} />
          <Line label={t('sampling.date')} />
        </div>
      </Card>
      <Card flush>
        <Shown from={shown} lines={8}>
          {(data) => (
            <>
              <SheetTable kind={kind} data={printed ?? data} />
              <Pager page={page} size={SIZE} total={data.total} />
            </>
          )}
        </Shown>
      </Card>
    </article>
  );
}
