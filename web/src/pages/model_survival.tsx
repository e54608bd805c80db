// Survival on the scorecard: what happened to people of low, middle and high risk, and whether the
// probabilities were right.
import { Curve } from '../charts/curve';
import { Card } from '../components/page';
import { count, decimal, short } from '../format';
import { t } from '../messages';
import type { SurvivalPart } from '../types';

// Steps: the share stays what it was until somebody's time comes.
function steps(curve: { x: number; y: number }[]) {
  return curve.flatMap((point, i) => (i ? [{ x: point.x, y: curve[i - 1]!.y }, point] : [point]));
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
            tone: i === 2 ? 2 : 1,
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
