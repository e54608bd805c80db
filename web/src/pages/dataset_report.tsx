// The cleansing report, one page to print: what went in and came out, by which recipe, what was
// changed and why, what personal data a second look still finds, the risk that remains, what was
// lost, what has to be reviewed by hand, and what the result may be called.
import { useState } from 'preact/hooks';
import { BASE } from '../api';
import { BudgetLine } from '../components/budget';
import { Button, LinkButton } from '../components/form';
import { Badge, Card, Notice, Shown } from '../components/page';
import { save_file } from '../components/recipe_library';
import { ClassSizes, Diversity, RiskFigures, risk_sentence } from '../components/risk';
import { RoleBadge } from '../components/role';
import { Bar, Code, Facts, Grid, Hash, number_column } from '../components/table';
import { bytes, count, decimal, percent, time } from '../format';
import { useGet } from '../load';
import { t, t_or } from '../messages';
import { navigate } from '../router';
import type { Dataset, Job, List, Report, ReportOperator, Risk } from '../types';
import type { DatasetTab } from './dataset';
import { personal_name } from './dataset_check';
import { ExtractSheet, FlaggedCard, SamplingCard, extract_asked } from './report_extracts';

function total(counts: Record<string, number> | number | undefined): number {
  if (counts === undefined) return 0;
  if (typeof counts === 'number') return counts;
  return Object.values(counts).reduce((sum, n) => sum + n, 0);
}

function Personal({ report }: { report: Report }) {
  const { found, remaining, checksum_remaining } = report.personal;
  const kinds = [...new Set([...Object.keys(found), ...Object.keys(remaining)])].filter(
    (kind) => (found[kind] ?? 0) + (remaining[kind] ?? 0) > 0,
  );
  const left = total(remaining);
  const checked = total(checksum_remaining);
  return (
    <Card title={t('report.personal')} flush>
      <Notice
        tone={left ? 'warn' : 'good'}
        title={left ? t('report.left', { cells: left }) : t('report.none_left')}
      />
      {checksum_remaining !== undefined && (
        <Notice
          tone={checked ? 'bad' : 'good'}
          title={t(checked ? 'report.checksum_left' : 'report.checksum_none', { cells: checked })}
        />
      )}
      {kinds.length > 0 && (
        <Grid
          label={t('report.personal')}
          columns={[
            t('check.kind'),
            number_column(t('report.found')),
            number_column(t('report.remaining')),
          ]}
          rows={kinds.map((kind) => [
            personal_name(kind),
            count(found[kind] ?? 0),
            count(remaining[kind] ?? 0),
          ])}
        />
      )}
    </Card>
  );
}

interface Part {
  name_key?: string;
  name?: string;
  kind?: string;
  column?: string;
  rows?: number;
  count?: number;
  values?: number;
}
const part_count = (part: Part) => part.rows ?? part.count ?? part.values ?? 0;

// "kinds": [{"name_key","rows"}, …] as words.
function parts_text(parts: Part[]): string {
  return parts
    .map((part) => {
      const name = part.name ?? part.column ?? part.kind ?? '';
      const shown = part.name_key ? t_or(part.name_key, name) : name;
      return `${shown} ${count(part_count(part))}`;
    })
    .join('，');
}

function detail_text(value: unknown): string {
  if (typeof value === 'number') return decimal(value);
  if (Array.isArray(value)) {
    const plain = value.every((one) => typeof one === 'string' || typeof one === 'number');
    if (plain) return value.join('，');
    return parts_text((value as Part[]).filter(part_count));
  }
  return t_or(`choice.${String(value)}`, String(value));
}

// What an operator tells of itself; the sources have a table of their own, and what goes deeper is
// left to the file.
function Detail({ detail }: { detail: Record<string, unknown> | undefined }) {
  const items = Object.entries(detail ?? {})
    .filter(
      ([name, value]) => name !== 'sources' && (typeof value !== 'object' || Array.isArray(value)),
    )
    .map(([name, value]) => [t_or(`detail.${name}`, name), detail_text(value)])
    .filter(([, text]) => text !== '');
  if (!items.length) return null;
  return <p class="muted small">{items.map(([name, text]) => `${name}: ${text}`).join(' · ')}</p>;
}

function Reasons({ one }: { one: ReportOperator }) {
  return (
    <>
      {(one.reasons ?? []).map((reason) => (
        <div key={reason.code + (reason.column ?? '')}>
          {reason.column ? `${reason.column}: ` : ''}
          {t_or(reason.code, reason.code)} <b>{count(reason.count)}</b>
        </div>
      ))}
      <Detail detail={one.detail} />
    </>
  );
}

function Operators({ report }: { report: Report }) {
  return (
    <Card title={t('report.operators')} flush>
      <Grid
        label={t('report.operators')}
        head={1}
        columns={[
          number_column(t('report.line')),
          t('report.operator'),
          number_column(t('report.rows_in')),
          number_column(t('report.rows_out')),
          number_column(t('report.cells')),
          t('report.reasons'),
          number_column('MB/s'),
        ]}
        rows={report.operators.map((one) => [
          one.line,
          <code>{one.name}</code>,
          count(one.rows_in),
          count(one.rows_out),
          count(one.cells_changed),
          <Reasons one={one} />,
          one.mb_per_s ? decimal(one.mb_per_s, one.mb_per_s < 10 ? 1 : 0) : '–',
        ])}
      />
    </Card>
  );
}

function Columns({ report }: { report: Report }) {
  return (
    <Card title={t('report.columns')} flush>
      <Grid
        label={t('report.columns')}
        columns={[t('look.name'), t('role.label'), t('report.treatment')]}
        rows={report.columns.map((column) => [
          column.name,
          <RoleBadge role={column.role} />,
          <>
            {column.treatment ? t_or(`treatment.${column.treatment}`, column.treatment) : '–'}
            {column.reason && <span class="muted"> {t_or(column.reason, column.reason)}</span>}
          </>,
        ])}
      />
    </Card>
  );
}

// Of the line that made rows alike, if it tells: the risk before it.
function risk_before(report: Report): Risk | undefined {
  return report.operators
    .map((one) => one.detail?.['risk_before'] as Risk | undefined)
    .find((one) => one !== undefined);
}

function RiskCard({ report }: { report: Report }) {
  const { risk } = report;
  if (!risk) return null;
  const before = risk_before(report);
  return (
    <Card title={t('report.risk')}>
      {before && (
        <p>
          <b>{t('report.risk_before')}</b> {risk_sentence(before)}
        </p>
      )}
      <Notice tone={risk.k <= 1 ? 'warn' : 'good'} title={risk_sentence(risk)} />
      <p class="hint">{t('report.risk_by', { columns: risk.quasi.join('，') })}</p>
      <RiskFigures risk={risk} />
      <ClassSizes risk={risk} />
      <Diversity risk={risk} />
    </Card>
  );
}

function UtilityCard({ report }: { report: Report }) {
  const { utility } = report;
  if (!utility) return null;
  return (
    <Card title={t('report.utility')} flush>
      <p class="card-note">
        {t('report.utility_is', { share: percent(utility.granularity) })}{' '}
        {utility.suppressed_rows > 0 && t('report.utility_rows', { rows: utility.suppressed_rows })}
      </p>
      {utility.columns.length > 0 && (
        <Grid
          label={t('report.utility')}
          columns={[
            t('look.name'),
            t('report.granularity'),
            number_column(t('report.entropy_before')),
            number_column(t('report.entropy_after')),
          ]}
          rows={utility.columns.map((column) => [
            column.name,
            <>
              {percent(column.granularity)} <Bar share={column.granularity} />
            </>,
            decimal(column.entropy_before, 2),
            decimal(column.entropy_after, 2),
          ])}
        />
      )}
    </Card>
  );
}

function BudgetCard({ report }: { report: Report }) {
  if (!report.budget) return null;
  return (
    <Card title={t('budget.title')}>
      <BudgetLine budget={report.budget} done />
    </Card>
  );
}

function Sources({ report }: { report: Report }) {
  const sources = report.sources ?? [];
  if (!sources.length) return null;
  return (
    <Card title={t('report.sources')} flush>
      <Grid
        label={t('report.sources')}
        columns={[
          t('report.source'),
          number_column(t('dataset.rows')),
          number_column(t('report.illegal')),
          number_column(t('check.share')),
          t('report.verdict'),
        ]}
        rows={sources.map((one) => [
          one.name ?? report.source?.['name'] ?? '–',
          count(one.rows),
          count(one.illegal),
          percent(one.share, 2),
          <Badge tone={one.refused ? 'bad' : 'good'}>
            {t(one.refused ? 'report.source_refused' : 'report.source_good', {
              limit: percent(one.limit),
            })}
          </Badge>,
        ])}
      />
    </Card>
  );
}

type FileRow = [what: string, name: string, rows: number | null, size: number | null, hash: string];

function file_rows(report: Report, tab: DatasetTab): FileRow[] {
  const { revision } = tab;
  const number = (n: number) => t('dataset.revision_number', { number: n });
  const rows: FileRow[] = (report.inputs ?? []).map((one) => [
    t('report.in_file'),
    (!one.name || one.name === 'table') && revision.parent ? number(revision.parent) : (one.name ?? ''),
    one.rows,
    one.bytes,
    one.hash,
  ]);
  const { output } = report;
  if (output) {
    rows.push([
      t('report.out_file'),
      number(revision.number),
      output.rows,
      output.bytes,
      output.hash,
    ]);
  }
  for (const one of report.files ?? []) {
    rows.push([t('report.extract'), one.name, one.rows, one.bytes, one.hash]);
  }
  for (const one of report.dictionaries ?? []) {
    const name = one.version ? `${one.name} ${one.version}` : one.name;
    rows.push([t('report.dictionary'), name, null, null, one.hash]);
  }
  if (typeof report.rules === 'object') {
    rows.push([t('report.rules'), report.rules.version, null, null, report.rules.hash]);
  }
  return rows;
}

function Files({ report, tab }: { report: Report; tab: DatasetTab }) {
  const rows = file_rows(report, tab);
  if (!rows.length) return null;
  return (
    <Card title={t('report.files')} flush>
      <Grid
        label={t('report.files')}
        head={1}
        columns={[
          t('report.what'),
          t('look.name'),
          number_column(t('dataset.rows')),
          number_column(t('dataset.size')),
          t('dataset.hash'),
        ]}
        rows={rows.map(([what, name, row_count, size, hash]) => [
          what,
          name,
          row_count === null ? '–' : count(row_count),
          size === null ? '–' : bytes(size),
          <Hash value={hash} />,
        ])}
      />
    </Card>
  );
}

// The recipe once more on other data: it is opened there in the editor, and nothing is run by itself.
function Again({ tab }: { tab: DatasetTab }) {
  const list = useGet<List<Dataset>>('/datasets?size=200');
  const [wanted, wanted_set] = useState(String(tab.dataset.id));
  const from = `${tab.dataset.id}.${tab.revision.number}`;
  const items = (list.data?.items ?? []).filter((one) => one.state === 'ready');
  return (
    <Card title={t('report.again')}>
      <p>{t('report.again_about')}</p>
      <div class="saved">
        <select
          aria-label={t('report.again_on')}
          value={wanted}
          onChange={(event) => wanted_set(event.currentTarget.value)}
        >
          {items.map((one) => (
            <option key={one.id} value={String(one.id)} selected={String(one.id) === wanted}>
              {one.name}
            </option>
          ))}
        </select>
        <Button icon="play" onClick={() => navigate(`/datasets/${wanted}/cleanse?from=${from}`)}>
          {t('report.again_go')}
        </Button>
      </div>
    </Card>
  );
}

function Wording({ report }: { report: Report }) {
  const anonymised = report.wording === 'anonymised';
  const reasons = report.wording_reasons ?? [];
  return (
    <Card title={t('report.wording')} tone={anonymised ? 'accent' : 'warn'}>
      <p>
        <Badge tone={anonymised ? 'good' : 'warn'}>
          {t_or(`report.wording.${report.wording}`, report.wording)}
        </Badge>{' '}
        {t(anonymised ? 'report.anonymised_means' : 'report.wording_hint')}
      </p>
      {reasons.length > 0 && (
        <ul class="plain-list">
          {reasons.map((code) => (
            <li key={code}>{t_or(code, code)}</li>
          ))}
        </ul>
      )}
      <p class="hint">{t('report.anonymised_when')}</p>
    </Card>
  );
}

function Heading({ report, tab }: { report: Report; tab: DatasetTab }) {
  const { dataset, revision } = tab;
  const source = report.source;
  return (
    <Card
      title={t('report.title', { name: dataset.name })}
      actions={
        <>
          <Button
            kind="quiet"
            icon="download"
            onClick={() =>
              save_file(
                `report-${dataset.id}-${revision.number}.json`,
                `${JSON.stringify(report, null, 1)}\n`,
                'application/json',
              )
            }
          >
            {t('report.save')}
          </Button>
          <Button icon="print" onClick={() => window.print()}>
            {t('action.print')}
          </Button>
        </>
      }
    >
      <Facts
        items={[
          [t('dataset.revision'), String(revision.number)],
          [t('report.input'), count(report.input_rows)],
          [t('report.output'), count(report.output_rows)],
          [t('report.dropped'), count(report.input_rows - report.output_rows)],
          [t('report.made'), `${time(revision.created_ms)} · ${revision.actor}`],
          [t('report.recipe'), <Hash value={report.recipe_hash} />],
          [t('dataset.hash'), <Hash value={revision.table} />],
          ...(source?.['name'] ? [[t('report.source'), source['name']] as [string, string]] : []),
          ...(source?.['licence']
            ? [[t('sheet.licence'), source['licence']] as [string, string]]
            : []),
          ...(source?.['basis'] ? [[t('report.basis'), source['basis']] as [string, string]] : []),
          ...(report.program
            ? [
                [
                  t('report.program'),
                  typeof report.rules === 'string'
                    ? `${report.program} · ${report.rules}`
                    : report.program,
                ] as [string, string],
              ]
            : []),
        ]}
      />
    </Card>
  );
}

// The signed bundle that a line `pack` asked for; the job that made the revision hands it out.
function Bundle({ report, tab }: { report: Report; tab: DatasetTab }) {
  const packed = /^\s*pack\b/m.test(report.recipe ?? '');
  const jobs = useGet<List<Job>>(packed ? '/jobs?size=200' : null);
  const job = jobs.data?.items.find(
    (one) => one.download && one.lineage !== null && one.lineage === tab.revision.lineage,
  );
  if (!job) return null;
  return (
    <Card title={t('bundle.title')}>
      <p>{t('bundle.text')}</p>
      <div class="actions">
        <LinkButton href={`${BASE}/jobs/${job.id}/download`} icon="download" download>
          {t('bundle.fetch')}
        </LinkButton>
      </div>
    </Card>
  );
}

// The recipe's text: in the report itself, else from the step that made the revision.
function RecipeCard({ report, tab }: { report: Report; tab: DatasetTab }) {
  const path = `/datasets/${tab.dataset.id}/revisions/${tab.revision.number}/recipe`;
  const from = useGet<{ text: string }>(report.recipe === undefined ? path : null);
  const text = report.recipe ?? from.data?.text;
  if (!text) return null;
  return (
    <Card title={t('cleanse.recipe')}>
      <Code text={text} label={t('cleanse.recipe')} />
    </Card>
  );
}

export function ReportTab(tab: DatasetTab) {
  const { dataset, revision } = tab;
  const report = useGet<Report>(
    revision.report ? `/datasets/${dataset.id}/revisions/${revision.number}/report` : null,
  );
  const asked = extract_asked();
  if (!revision.report) return <Notice title={t('report.none')} />;
  return (
    <Shown from={report} lines={8}>
      {(data) =>
        asked ? (
          <ExtractSheet kind={asked} tab={tab} />
        ) : (
          <>
            <article class="sheet">
              <Heading report={data} tab={tab} />
              <Wording report={data} />
              <Personal report={data} />
              <RiskCard report={data} />
              <UtilityCard report={data} />
              <BudgetCard report={data} />
              <Sources report={data} />
              <Operators report={data} />
              <Columns report={data} />
              <SamplingCard report={data} tab={tab} />
              <FlaggedCard report={data} tab={tab} />
              <RecipeCard report={data} tab={tab} />
              <Files report={data} tab={tab} />
            </article>
            <div class="no-print">
              <Bundle report={data} tab={tab} />
              <Again tab={tab} />
              <div class="actions">
                <LinkButton href={`/datasets/${dataset.id}/publish`} kind="primary" icon="release">
                  {t('dataset.tab.publish')}
                </LinkButton>
              </div>
            </div>
          </>
        )
      }
    </Shown>
  );
}
