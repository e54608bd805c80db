// Parts of a scorecard beyond its metrics, named by whoever shows them: what is found at which cost
// of false alarms, the decision curve, how much a share of all finds, errors by group.
import { Curve } from '../charts/curve';
import { count, decimal, percent } from '../format';
import { t, t_or } from '../messages';
import type { Between, Decisions, JudgedGroup } from '../types_judged';
import { Badge, Card } from './page';
import { Table } from './table';

function interval(value: Between): string {
  return `${percent(value.low, 0)}–${percent(value.high, 0)}`;
}

// Read off the curve at the usual levels: what is found where so many others are left in peace.
export function Readings({ decisions, name }: { decisions: Decisions; name: string }) {
  return (
    <Card title={t('judged.readings')} flush>
      <p class="card-note">{t('judged.readings_hint', { name })}</p>
      <Table label={t('judged.readings')}>
        <thead>
          <tr>
            <th>{t('judged.specificity')}</th>
            <th class="number">{t('judged.false_alarms')}</th>
            <th class="number">{t('judged.found')}</th>
            <th class="number">{t('scorecard.interval_head')}</th>
          </tr>
        </thead>
        <tbody>
          {decisions.reading.map((one) => (
            <tr key={one.level}>
              <th scope="row">{percent(one.level, 0)}</th>
              <td class="number">{t('judged.of_100', { value: Math.round(100 - 100 * one.level) })}</td>
              <td class="number">
                <b>{t('judged.of_100', { value: Math.round(100 * one.sensitivity.value) })}</b>
              </td>
              <td class="number">{interval(one.sensitivity)}</td>
            </tr>
          ))}
        </tbody>
      </Table>
    </Card>
  );
}

// Net benefit over the chance from which one would act (Vickers, Elkin 2006).
export function DecisionCurve({ decisions }: { decisions: Decisions }) {
  const points = decisions.benefit;
  if (points.length < 2) return null;
  const least = Math.min(0, ...points.map((one) => one.model));
  const most = Math.max(...points.map((one) => Math.max(one.model, one.all)));
  return (
    <Card>
      <Curve
        title={t('judged.benefit')}
        x_name={t('judged.chance')}
        y_name={t('judged.net_benefit')}
        x_range={[0, 1]}
        y_range={[least, most * 1.05]}
        caption={t('judged.benefit_hint')}
        series={[
          { name: t('judged.model'), points: points.map((one) => ({ x: one.chance, y: one.model })) },
          {
            name: t('judged.all'),
            tone: 2,
            points: points
              .filter((one) => one.all >= least)
              .map((one) => ({ x: one.chance, y: one.all })),
          },
        ]}
        table={{
          head: [t('judged.chance'), t('judged.model'), t('judged.all')],
          rows: points.map((one) => [
            percent(one.chance, 0),
            decimal(one.model),
            decimal(one.all),
          ]),
        }}
      />
    </Card>
  );
}

export function Gains({ decisions }: { decisions: Decisions }) {
  if (!decisions.gains.length) return null;
  return (
    <Card>
      <Curve
        title={t('judged.gains')}
        x_name={t('judged.share')}
        y_name={t('judged.found')}
        x_range={[0, 1]}
        y_range={[0, 1]}
        diagonal
        caption={t('judged.gains_hint')}
        series={[
          {
            name: t('judged.gains'),
            points: [
              { x: 0, y: 0 },
              ...decisions.gains.map((one) => ({ x: one.share, y: one.found })),
            ],
          },
        ]}
        table={{
          head: [t('judged.share'), t('judged.found'), t('judged.lift')],
          rows: decisions.gains.map((one) => [
            percent(one.share, 0),
            percent(one.found, 0),
            decimal(one.lift, 2),
          ]),
        }}
      />
    </Card>
  );
}

function Cell({ value }: { value: unknown }) {
  const one = value as Between | undefined;
  if (one === undefined || one === null || typeof one !== 'object') return <>–</>;
  return (
    <>
      {decimal(one.value, 2)}{' '}
      <span class="muted small">
        {decimal(one.low, 2)}–{decimal(one.high, 2)}
      </span>
    </>
  );
}

const MEASURES = [
  'rate',
  'selected',
  'tpr',
  'fpr',
  'calibration_gap',
  'auc',
  'accuracy',
  'rmse',
  'pinball',
  'coverage',
  'poisson_deviance',
  'mae',
  'bias',
  'c_index',
  'events',
  'expected',
] as const;
const SHARES = ['demographic_parity', 'equal_opportunity', 'false_alarms', 'accuracy', 'coverage'];

// `title` and `value` name a column and its values as the field does.
export function Groups({
  group,
  title,
  value,
}: {
  group: JudgedGroup;
  title: string;
  value: (text: string) => string;
}) {
  const shown = MEASURES.filter((name) =>
    group.values.some((one) => typeof one[name] === 'object' && one[name] !== null),
  );
  const label = t('judged.groups', { name: title });
  const named = (text: string | null) => (text === null ? t('judged.others') : value(text));
  const shown_as = (name: string) => (SHARES.includes(name) ? percent : decimal);
  return (
    <Card title={label} flush>
      <Table label={label}>
        <thead>
          <tr>
            <th>{title}</th>
            <th class="number">{t('judged.rows')}</th>
            {shown.map((name) => (
              <th key={name} class="number">
                {t(`judged.measure.${name}`)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {group.values.map((one) => (
            <tr key={String(one.value)}>
              <th scope="row">{named(one.value)}</th>
              <td class="number">{count(one.rows)}</td>
              {shown.map((name) => (
                <td key={name} class="number">
                  <Cell value={one[name]} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </Table>
      {group.threshold !== undefined && (
        <p class="card-note muted">{t('judged.at', { value: decimal(group.threshold) })}</p>
      )}
      {group.differences.length > 0 && (
        <ul class="card-note">
          {group.differences.map((one) => (
            <li key={one.name}>
              {t_or(`judged.difference.${one.name}`, one.name, {
                most: named(one.most),
                least: named(one.least),
                value: shown_as(one.name)(one.value),
                low: shown_as(one.name)(one.low),
                high: shown_as(one.name)(one.high),
              })}{' '}
              {one.low > 0 ? (
                <Badge tone="warn">{t('judged.unequal')}</Badge>
              ) : (
                <span class="muted">{t('judged.by_chance')}</span>
              )}
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}
