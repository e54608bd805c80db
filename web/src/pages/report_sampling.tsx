// Samples for review: how many, how many must pass, and lines to sign; the sheet of sampled rows is
// for print and is shown only when somebody asks, which is audited.
import { Button } from '../components/form';
import { Card } from '../components/page';
import { Table } from '../components/table';
import { count, percent } from '../format';
import { t } from '../messages';
import { query_set } from '../router';
import type { Report } from '../types';
import type { DatasetTab } from './dataset';

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
          <Button icon="eye" onClick={() => query_set({ sheet: 1 })}>
            {t('sampling.open')}
          </Button>
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
