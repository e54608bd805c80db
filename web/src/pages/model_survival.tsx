// Survival on the scorecard: what happened to people of low, middle and high risk, and whether the
// probabilities were right.
import { Curve } from '../charts/curve';
import { Card } from '../components/page';
import { Grid, number_column } from '../components/table';
import { count, decimal, percent, short } from '../format';
import { t } from '../messages';
import type { SurvivalPart } from '../types';

// Steps: the share stays what it was until somebody's time comes.
function steps(curve: { x: number; y: number }[]) {
  return curve.flatMap((point, i) => (i ? [{ x: point.x, y: curve[i - 1]!.y }, point] : [point]));
}

const share_at = (curve: { x: number; y: number }[], time: number) =>
  curve.reduce((share, point) => (point.x <= time ? point.y : share), 1);

// At the times that were asked for: what was predicted, what was seen, and how it parts by risk.
export function SurvivalTimes({ part }: { part: SurvivalPart }) {
  if (!part.calibration.length) return null;
  const mean = (bins: SurvivalPart['calibration'][number]['bins'], of: 'predicted' | 'observed') =>
    bins.reduce((sum, bin) => sum + bin[of] * bin.count, 0) /
    Math.max(1, bins.reduce((sum, bin) => sum + bin.count, 0));
  return (
    <Card title={t('survival.times')}>
      <Grid
        label={t('survival.times')}
        columns={[
          number_column(t('survival.time')),
          number_column(t('chart.predicted')),
          number_column(t('chart.observed')),
          ...part.groups.map((group) =>
            number_column(t('survival.of_risk', { risk: t(`survival.risk.${group.risk}`) })),
          ),
        ]}
        rows={part.calibration.map((one) => [
          short(one.time),
          percent(mean(one.bins, 'predicted')),
          percent(mean(one.bins, 'observed')),
          ...part.groups.map((group) => percent(share_at(group.curve, one.time))),
        ])}
      />
      <p class="hint">{t('survival.times_hint')}</p>
    </Card>
  );
}

export function SurvivalCharts({ part }: { part: SurvivalPart }) {
  return (
    <>
      <Card>
        <Curve
          title={t('survival.groups')}
          y_range={[0, 1]}
          x_name={t('survival.time')}
          y_name={t('survival.share')}
          caption={t('survival.groups_hint')}
          series={part.groups.map((group, i) => ({
            name: t(`survival.risk.${group.risk}`),
            tone: i === 0 ? 1 : i === 1 ? 3 : 2,
            points: steps(group.curve),
          }))}
          table={{
            head: [t('survival.risk'), t('chart.count'), t('survival.events'), t('survival.left')],
            rows: part.groups.map((group) => [
              t(`survival.risk.${group.risk}`),
              count(group.rows),
              count(group.events),
              decimal(group.curve[group.curve.length - 1]?.y ?? 1),
            ]),
          }}
        />
      </Card>
      {part.calibration.map((one) => (
        <Card key={one.time}>
          <Curve
            title={t('survival.calibration', { time: short(one.time) })}
            x_range={[0, 1]}
            y_range={[0, 1]}
            diagonal
            x_name={t('chart.predicted')}
            y_name={t('chart.observed')}
            series={[
              {
                name: t('chart.calibration'),
                kind: 'dots',
                points: one.bins.map((bin) => ({
                  x: bin.predicted,
                  y: bin.observed,
                  weight: bin.count,
                })),
              },
            ]}
            table={{
              head: [t('chart.predicted'), t('chart.observed'), t('chart.count')],
              rows: one.bins.map((bin) => [
                decimal(bin.predicted),
                decimal(bin.observed),
                count(bin.count),
              ]),
            }}
          />
        </Card>
      ))}
    </>
  );
}
