// Usage by day and by month, as pictures and as tables.
import { Bars } from '../charts/bars';
import { Curve, type Point } from '../charts/curve';
import { count } from '../format';
import { t } from '../messages';
import type { Usage, UsagePeriod } from '../types';
import { period_text, units } from '../units';

const MICRO = 1_000_000;
const DAYS = 31;
const DAY_MS = 86_400_000;

function day_ms(period: number): number {
  return Date.UTC(Math.floor(period / 10000), (Math.floor(period / 100) % 100) - 1, period % 100);
}

function rows(periods: UsagePeriod[]): (string | number)[][] {
  return [...periods]
    .reverse()
    .map((one) => [
      period_text(one.period),
      units(one.units),
      units(one.voucher_units),
      count(one.attempts),
    ]);
}

export function UsageCharts({ usage }: { usage: Usage }) {
  const today = day_ms(usage.today);
  const used = new Map(usage.days.map((one) => [day_ms(one.period), one.units]));
  // Days without use are zero, not missing.
  const points: Point[] = Array.from({ length: DAYS }, (_, i) => ({
    x: i - (DAYS - 1),
    y: (used.get(today + (i - (DAYS - 1)) * DAY_MS) ?? 0) / MICRO,
  }));
  const most = Math.max(...points.map((point) => point.y));
  const head = [t('usage.period'), t('usage.units'), t('usage.voucher_units'), t('usage.attempts')];
  return (
    <div class="charts">
      <Curve
        title={t('usage.by_day')}
        series={[{ name: t('usage.units'), points, kind: 'dots' }]}
        x_name={t('usage.days_ago')}
        y_name={t('usage.units')}
        y_range={[0, most || 1]}
        table={{ head, rows: rows(usage.days) }}
      />
      <Bars
        title={t('usage.by_month')}
        head={[t('usage.period'), t('usage.units')]}
        items={[...usage.months].reverse().map((one) => ({
          name: period_text(one.period),
          value: one.units,
          text: units(one.units),
        }))}
      />
    </div>
  );
}
