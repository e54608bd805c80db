// Truth against what was said: counts, of each class how many were found (recall), and how often
// what was said was right (precision).
import { count, decimal, percent } from '../format';
import { t } from '../messages';
import type { Scorecard } from '../types';
import { Card } from './page';
import { Table } from './table';

const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);
const share = (part: number, whole: number) => (whole ? percent(part / whole) : '–');

export function Confusion({
  card,
  title,
  name = (label) => label,
}: {
  card: Scorecard;
  title: string;
  name?: (label: string) => string; // of a class, in the words of the field
}) {
  const confusion = card.confusion;
  if (!confusion) return null;
  const { counts, threshold } = confusion;
  const names = confusion.labels.map(name);
  return (
    <Card title={title}>
      <Table label={title}>
        <thead>
          <tr>
            <th>{t('scorecard.truth')}</th>
            <th class="number">{t('confusion.recall')}</th>
            {names.map((label) => (
              <th key={label} class="number">
                {t('scorecard.said', { label })}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {counts.map((row, i) => (
            <tr key={i}>
              <th scope="row" class={names[i]!.length <= 12 ? 'nowrap' : undefined}>
                {names[i]}
              </th>
              <td class="number">{share(row[i] ?? 0, sum(row))}</td>
              {row.map((value, j) => (
                <td key={j} class={`number ${i === j ? 'right' : value ? 'wrong' : ''}`}>
                  {count(value)}{' '}
                  <span class="muted small">{percent(value / Math.max(1, sum(row)), 0)}</span>
                </td>
              ))}
            </tr>
          ))}
          <tr>
            <th scope="row" class="nowrap">
              {t('confusion.precision')}
            </th>
            <td class="number">–</td>
            {names.map((_, j) => (
              <td key={j} class="number">
                {share(counts[j]?.[j] ?? 0, sum(counts.map((row) => row[j] ?? 0)))}
              </td>
            ))}
          </tr>
        </tbody>
      </Table>
      <p class="hint">
        {t('scorecard.confusion_hint')} {t('confusion.hint')}
        {threshold !== undefined &&
          card.task === 'binary' &&
          ` ${t('scorecard.threshold', { value: decimal(threshold) })}`}
      </p>
    </Card>
  );
}
