// For whom the model is good: errors by group with the named differences, by fold, and beside
// simpler models.
import { Groups } from '../components/judged';
import { Card } from '../components/page';
import { Table } from '../components/table';
import { count, decimal } from '../format';
import { t } from '../messages';
import type { Scorecard } from '../types';
import { interval } from './model_decisions';
import { metric_name } from './models';

export function GroupCards({ card }: { card: Scorecard }) {
  return (
    <>
      {(card.groups ?? []).map((group) => (
        <Groups key={group.column} group={group} title={group.column} value={(text) => text} />
      ))}
    </>
  );
}

export function Folds({ card }: { card: Scorecard }) {
  const folds = card.folds ?? [];
  const names = (card.folds_summary ?? []).map((one) => one.name);
  if (!folds.length) return null;
  const title = t('folds.title', { folds: folds.length });
  return (
    <Card title={title}>
      <p class="hint card-note">{t(card.split?.['groups'] === 'time' ? 'folds.rolling' : 'folds.hint')}</p>
      <Table label={title}>
        <thead>
          <tr>
            <th>{t('folds.fold')}</th>
            <th class="number">{t('folds.tested')}</th>
            {names.map((name) => (
              <th key={name} class="number">
                {metric_name(name)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {folds.map((fold, i) => (
            <tr key={i}>
              <th scope="row">{i + 1}</th>
              <td class="number">{count(fold.rows.test)}</td>
              {names.map((name) => {
                const metric = fold.metrics.find((one) => one.name === name);
                return (
                  <td key={name} class="number">
                    {metric ? decimal(metric.value) : '–'}
                  </td>
                );
              })}
            </tr>
          ))}
          <tr>
            <th scope="row">{t('folds.mean')}</th>
            <td />
            {(card.folds_summary ?? []).map((one) => (
              <td key={one.name} class="number">
                <b>{decimal(one.mean)}</b> ± {one.spread === null ? '–' : decimal(one.spread)}
              </td>
            ))}
          </tr>
        </tbody>
      </Table>
    </Card>
  );
}

// How much better than simpler models, and whether that is beyond chance.
export function Comparison({ card, rule }: { card: Scorecard; rule: string }) {
  const others = [
    { name: rule, difference: card.baseline?.difference },
    { name: t('baseline.linear'), difference: card.baseline_linear?.difference },
  ].filter((one) => one.difference);
  if (!others.length) return null;
  const title = t('compare.title');
  return (
    <Card title={title} flush>
      <Table label={title}>
        <thead>
          <tr>
            <th>{t('compare.with')}</th>
            <th class="number">
              {t('compare.difference', { metric: metric_name(others[0]!.difference!.name) })}
            </th>
            <th>{t('compare.verdict')}</th>
          </tr>
        </thead>
        <tbody>
          {others.map(({ name, difference }) => {
            const lower = difference!.better === 'lower' || difference!.name === 'rmse';
            const better = lower ? -1 : 1;
            const low = Math.min(better * difference!.low, better * difference!.high);
            const high = Math.max(better * difference!.low, better * difference!.high);
            return (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td class="number">{interval(difference!, decimal)}</td>
                <td>
                  {t(low > 0 ? 'compare.better' : high < 0 ? 'compare.worse' : 'compare.same')}
                </td>
              </tr>
            );
          })}
        </tbody>
      </Table>
      <p class="hint card-note">{t('compare.hint')}</p>
    </Card>
  );
}
