// What a score is worth as a decision: a threshold with its mistakes and their cost, the ways to
// choose one, and whether acting on it is better than treating all or none.
import { useState } from 'preact/hooks';
import { Curve } from '../charts/curve';
import { Button, TextField } from '../components/form';
import { DecisionCurve, Gains } from '../components/judged';
import { Card } from '../components/page';
import { Table } from '../components/table';
import { count, decimal, percent } from '../format';
import { t, t_or } from '../messages';
import type { Scorecard } from '../types';
import type { Between, Decided, Decisions } from '../types_judged';

export function interval(range: Between | undefined, show: (value: number) => string = percent): string {
  if (typeof range?.value !== 'number') return '–'; // undefined: nobody to tell it of
  if (range.low === null || range.high === null) return show(range.value);
  return `${show(range.value)} (${show(range.low)}–${show(range.high)})`;
}

function cost_of([, alarms, misses]: Decided, alarm: number, miss: number): number {
  return alarms * alarm + misses * miss;
}

// The place of the least cost where thresholds are chosen: the validation rows.
function cheapest(decisions: Decisions, alarm: number, miss: number): number {
  const costs = decisions.thresholds.map((one) => cost_of(one.validate ?? one.test, alarm, miss));
  return costs.lastIndexOf(Math.min(...costs));
}

function nearest(decisions: Decisions, threshold: number): number {
  const off = decisions.thresholds.map((one) => Math.abs(one.threshold - threshold));
  return off.indexOf(Math.min(...off));
}

function Mistakes({ card, counts }: { card: Scorecard; counts: Decided }) {
  const [found, alarms, misses, rejected] = counts;
  const [negative = '', positive = ''] = card.classes ?? [];
  const rows: [string, number, number, boolean][] = [
    [positive, misses, found, true],
    [negative, rejected, alarms, false],
  ];
  return (
    <Table label={t('decide.mistakes')}>
      <thead>
        <tr>
          <th>{t('scorecard.truth')}</th>
          <th class="number">{t('scorecard.said', { label: negative })}</th>
          <th class="number">{t('scorecard.said', { label: positive })}</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(([label, no, yes, is]) => (
          <tr key={label}>
            <th scope="row">{label}</th>
            <td class={`number ${is ? 'wrong' : 'right'}`}>{count(no)}</td>
            <td class={`number ${is ? 'right' : 'wrong'}`}>{count(yes)}</td>
          </tr>
        ))}
      </tbody>
    </Table>
  );
}

function share(part: number, whole: number): string {
  return whole ? percent(part / whole) : '–';
}

function Threshold({ card, decisions }: { card: Scorecard; decisions: Decisions }) {
  const [alarm, alarm_set] = useState(String(decisions.costs.false_alarm));
  const [miss, miss_set] = useState(String(decisions.costs.miss));
  const chosen = decisions.choices.find((one) => one.rule === 'cost') ?? decisions.choices[0]!;
  const [at, at_set] = useState(nearest(decisions, chosen.threshold));
  const here = decisions.thresholds[at];
  if (!here) return null;
  const [found, alarms, misses, rejected] = here.test;
  const rows = found + alarms + misses + rejected;
  const costs: [number, number] = [Number(alarm) || 0, Number(miss) || 0];
  const per_hundred = (counts: Decided) => decimal((100 * cost_of(counts, ...costs)) / rows, 1);
  return (
    <Card title={t('decide.threshold')}>
      <p class="hint">{t('decide.threshold_hint')}</p>
      <div class="form-grid no-print">
        <TextField
          id="cost-alarm"
          inputMode="decimal"
          label={t('decide.false_alarm')}
          value={alarm}
          change={alarm_set}
        />
        <TextField
          id="cost-miss"
          inputMode="decimal"
          label={t('decide.miss')}
          value={miss}
          change={miss_set}
        />
      </div>
      <div class="actions no-print">
        <Button onClick={() => at_set(cheapest(decisions, ...costs))}>{t('decide.cheapest')}</Button>
      </div>
      <p class="field">
        <label for="threshold">{t('decide.slider', { value: decimal(here.threshold) })}</label>
        <input
          id="threshold"
          type="range"
          min={0}
          max={decisions.thresholds.length - 1}
          value={at}
          aria-valuetext={decimal(here.threshold)}
          onInput={(event) => at_set(Number(event.currentTarget.value))}
        />
      </p>
      <div aria-live="polite">
        <Mistakes card={card} counts={here.test} />
        <ul>
          <li>{t('decide.sensitivity', { value: share(found, found + misses) })}</li>
          <li>{t('decide.specificity', { value: share(rejected, rejected + alarms) })}</li>
          <li>{t('decide.precision', { value: share(found, found + alarms) })}</li>
          <li>
            {t('decide.cost', {
              value: per_hundred(here.test),
              all: per_hundred([found + misses, alarms + rejected, 0, 0]),
              none: per_hundred([0, 0, found + misses, alarms + rejected]),
            })}
          </li>
        </ul>
      </div>
    </Card>
  );
}

function Choices({ decisions }: { decisions: Decisions }) {
  const title = t('decide.choices');
  return (
    <Card title={title} flush>
      <Table label={title}>
        <thead>
          <tr>
            <th>{t('decide.rule')}</th>
            <th class="number">{t('decide.at')}</th>
            <th class="number">{t('metric.sensitivity')}</th>
            <th class="number">{t('metric.specificity')}</th>
            <th class="number">{t('metric.precision')}</th>
          </tr>
        </thead>
        <tbody>
          {decisions.choices.map((one) => (
            <tr key={`${one.rule}${one.least ?? ''}`}>
              <th scope="row">
                {t_or(`decide.rule.${one.rule}`, one.rule, { least: percent(one.least ?? 0, 0) })}
              </th>
              <td class="number">{decimal(one.threshold)}</td>
              <td class="number">{interval(one.sensitivity)}</td>
              <td class="number">{interval(one.specificity)}</td>
              <td class="number">{interval(one.precision)}</td>
            </tr>
          ))}
        </tbody>
      </Table>
      <p class="hint">{t('decide.choices_hint')}</p>
    </Card>
  );
}

export function DecisionCurves({ decisions }: { decisions: Decisions }) {
  return (
    <>
      <DecisionCurve decisions={decisions} />
      <Card>
        <Curve
          title={t('chart.precision')}
          x_name={t('metric.recall')}
          y_name={t('metric.precision')}
          x_range={[0, 1]}
          y_range={[0, 1]}
          series={[{ name: t('chart.precision'), points: decisions.precision_curve }]}
          table={{
            head: [t('metric.recall'), t('metric.precision')],
            rows: decisions.precision_curve.map((one) => [percent(one.x), percent(one.y)]),
          }}
        />
      </Card>
      <Gains decisions={decisions} />
    </>
  );
}

export function DecisionCards({ card }: { card: Scorecard }) {
  const decisions = card.decisions;
  if (!decisions) return null;
  return (
    <>
      <Threshold card={card} decisions={decisions} />
      <Choices decisions={decisions} />
    </>
  );
}
