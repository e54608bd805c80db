// The cleansing report: what was changed, why, and what personal data a second look still finds.
import { Button } from '../components/form';
import { Badge, Card, Notice, Shown } from '../components/page';
import { RoleBadge } from '../components/role';
import { Facts, Hash, Table } from '../components/table';
import { count, time } from '../format';
import { useGet } from '../load';
import { t, t_or } from '../messages';
import type { Report } from '../types';
import type { DatasetTab } from './dataset';
import { personal_name } from './dataset_check';

function Personal({ report }: { report: Report }) {
  const kinds = [
    ...new Set([...Object.keys(report.personal.found), ...Object.keys(report.personal.remaining)]),
  ];
  const left = Object.values(report.personal.remaining).reduce((sum, n) => sum + n, 0);
  return (
    <Card title={t('report.personal')} flush>
      <Notice
        tone={left ? 'warn' : 'good'}
        title={left ? t('report.left', { cells: left }) : t('report.none_left')}
      />
      {kinds.length > 0 && (
        <Table label={t('report.personal')} dense>
          <thead>
            <tr>
              <th>{t('check.kind')}</th>
              <th class="number">{t('report.found')}</th>
              <th class="number">{t('report.remaining')}</th>
            </tr>
          </thead>
          <tbody>
            {kinds.map((kind) => (
              <tr key={kind}>
                <th scope="row">{personal_name(kind)}</th>
                <td class="number">{count(report.personal.found[kind] ?? 0)}</td>
                <td class="number">{count(report.personal.remaining[kind] ?? 0)}</td>
              </tr>
            ))}
          </tbody>
        </Table>
      )}
    </Card>
  );
}

function Operators({ report }: { report: Report }) {
  return (
    <Card title={t('report.operators')} flush>
      <Table label={t('report.operators')} dense>
        <thead>
          <tr>
            <th class="number">{t('report.line')}</th>
            <th>{t('report.operator')}</th>
            <th class="number">{t('report.rows_in')}</th>
            <th class="number">{t('report.rows_out')}</th>
            <th class="number">{t('report.cells')}</th>
            <th>{t('report.reasons')}</th>
          </tr>
        </thead>
        <tbody>
          {report.operators.map((one) => (
            <tr key={one.line}>
              <td class="number">{one.line}</td>
              <th scope="row">
                <code>{one.name}</code>
              </th>
              <td class="number">{count(one.rows_in)}</td>
              <td class="number">{count(one.rows_out)}</td>
              <td class="number">{count(one.cells_changed)}</td>
              <td>
                {(one.reasons ?? []).map((reason) => (
                  <div key={reason.code + (reason.column ?? '')}>
                    {reason.column ? `${reason.column}: ` : ''}
                    {t_or(reason.code, reason.code)} <b>{count(reason.count)}</b>
                  </div>
                ))}
              </td>
            </tr>
          ))}
        </tbody>
      </Table>
    </Card>
  );
}

export function ReportTab({ dataset, revision }: DatasetTab) {
  const report = useGet<Report>(
    revision.report ? `/datasets/${dataset.id}/revisions/${revision.number}/report` : null,
  );
  if (!revision.report) return <Notice title={t('report.none')} />;
  return (
    <Shown from={report} lines={8}>
      {(data) => (
        <article class="sheet">
          <Card
            title={t('report.title', { name: dataset.name })}
            actions={
              <Button icon="print" onClick={() => window.print()}>
                {t('action.print')}
              </Button>
            }
          >
            <Facts
              items={[
                [t('dataset.revision'), String(revision.number)],
                [t('report.input'), count(data.input_rows)],
                [t('report.output'), count(data.output_rows)],
                [t('report.dropped'), count(data.input_rows - data.output_rows)],
                [
                  t('report.wording'),
                  <Badge tone="accent">
                    {t_or(`report.wording.${data.wording}`, data.wording)}
                  </Badge>,
                ],
                [t('report.made'), `${time(revision.created_ms)} · ${revision.actor}`],
                [t('report.recipe'), <Hash value={data.recipe_hash} />],
                [t('dataset.hash'), <Hash value={revision.table} />],
              ]}
            />
            <p class="hint">{t('report.wording_hint')}</p>
          </Card>
          <Personal report={data} />
          <Operators report={data} />
          <Card title={t('report.columns')} flush>
            <Table label={t('report.columns')} dense>
              <thead>
                <tr>
                  <th>{t('look.name')}</th>
                  <th>{t('role.label')}</th>
                  <th>{t('report.treatment')}</th>
                </tr>
              </thead>
              <tbody>
                {data.columns.map((column) => (
                  <tr key={column.name}>
                    <th scope="row">{column.name}</th>
                    <td>
                      <RoleBadge role={column.role} />
                    </td>
                    <td>
                      {column.treatment
                        ? t_or(`treatment.${column.treatment}`, column.treatment)
                        : '–'}
                    </td>
                  </tr>
                ))}
              </tbody>
            </Table>
          </Card>
        </article>
      )}
    </Shown>
  );
}
