// The privacy budget of a dataset, as a bar and a sentence: what one table of noisy counts spends of
// it, what is spent with it, and the limit.
import { t } from '../messages';
import { decimal } from '../format';
import type { Budget } from '../types';
import { Notice } from './page';
import { Bar } from './table';

const number = (value: number) => decimal(value, 3);

// `done`: it has been spent; else it would be.
export function BudgetLine({ budget, done }: { budget: Budget; done: boolean }) {
  const { epsilon, before, total, most } = budget;
  if (!done && total > most) {
    return (
      <Notice
        tone="bad"
        title={t('budget.over', {
          epsilon: number(epsilon),
          before: number(before),
          most: number(most),
        })}
      >
        {t('noise.over_budget.hint')}
      </Notice>
    );
  }
  return (
    <>
      <p>
        {t(done ? 'budget.spent' : 'budget.would_spend', {
          epsilon: number(epsilon),
          total: number(total),
          most: number(most),
        })}
      </p>
      <Bar share={most > 0 ? total / most : 1} tone={total > 0.8 * most ? 'warn' : 'accent'} />
      <p class="hint">{t('budget.about')}</p>
    </>
  );
}
