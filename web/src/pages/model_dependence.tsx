// What the model says on average along one column alone, and the middle eight of ten rows' own
// answers: a band that parts where columns act together. One column at a time.
import { useState } from 'preact/hooks';
import { Bars } from '../charts/bars';
import { Curve } from '../charts/curve';
import { SelectField } from '../components/form';
import { Card } from '../components/page';
import { decimal } from '../format';
import { t } from '../messages';
import type { Dependence } from '../types';

function interval(point: Dependence['points'][number]): string {
  return `${decimal(point.low)}–${decimal(point.high)}`;
}

function Chart({ one, target }: { one: Dependence; target: string }) {
  const title = t('dependence.of', { feature: one.feature });
  const answer = one.class ? `${target} = ${one.class}` : target;
  if (one.points[0]!.category !== undefined) {
    return (
      <Bars
        title={title}
        head={[one.feature, answer]}
        items={one.points.map((point) => ({
          name: point.category!,
          value: point.y,
          text: `${decimal(point.y)} (${interval(point)})`,
        }))}
      />
    );
  }
  const line = (key: 'y' | 'low' | 'high') => one.points.map((p) => ({ x: p.x!, y: p[key] }));
  return (
    <Curve
      title={title}
      x_name={one.feature}
      y_name={answer}
      series={[
        { name: t('dependence.mean'), points: line('y') },
        { name: t('dependence.low'), tone: 2, points: line('low') },
        { name: t('dependence.high'), tone: 2, points: line('high') },
      ]}
      table={{
        head: [one.feature, t('dependence.mean'), t('dependence.band')],
        rows: one.points.map((p) => [decimal(p.x!), decimal(p.y), interval(p)]),
      }}
    />
  );
}

export function DependenceCard({ list, target }: { list: Dependence[]; target: string }) {
  const [at, at_set] = useState(0);
  const one = list[at] ?? list[0];
  if (!one) return null;
  return (
    <Card>
      <SelectField
        id="dependence"
        label={t('dependence.column')}
        value={String(at)}
        change={(value: string) => at_set(Number(value))}
        choices={list.map((item, i) => ({ value: String(i), text: item.feature }))}
      />
      <Chart key={one.feature} one={one} target={target} />
      <p class="hint">{t('dependence.hint')}</p>
    </Card>
  );
}
