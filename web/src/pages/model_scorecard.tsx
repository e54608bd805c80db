// The scorecard: how good the model is, in words and figures, against the simplest rule, and where
// it should not be trusted. Prints as one sheet.
import { Bars } from '../charts/bars';
import { Curve } from '../charts/curve';
import { Confusion } from '../components/confusion';
import { Button } from '../components/form';
import { Card, Notice } from '../components/page';
import { PointsTable } from '../components/points_card';
import { Facts, Hash, Table } from '../components/table';
import { count, decimal, percent, time } from '../format';
import { explain, t, t_or } from '../messages';
import type { Metric, ModelShow, Scorecard } from '../types';
import { DecisionCards, DecisionCurves } from './model_decisions';
import { Comparison, Folds, GroupCards } from './model_groups';
import { DependenceCard } from './model_dependence';
import { SeriesPart, feature_title } from './model_series';
import { SurvivalCharts, SurvivalTimes } from './model_survival';
import { metric_name } from './models';

function in_words(card: Scorecard, metric: Metric): string {
  const values = {
    metric: metric_name(metric.name),
    value: decimal(metric.value),
    low: decimal(metric.low),
    high: decimal(metric.high),
    rows: card.rows.test,
    positive: card.classes?.[1] ?? '',
    negative: card.classes?.[0] ?? '',
  };
  return t_or(`scorecard.words.${metric.name}`, t('scorecard.words', values), {
    ...values,
    share: percent(metric.value),
    low_share: percent(metric.low),
    high_share: percent(metric.high),
  });
}

export function rule_name(card: Scorecard): string {
  const base = card.baseline!;
  const about = base.column ?? base.detail ?? '';
  const name = t_or(`baseline.${base.rule}`, base.rule);
  return about ? `${name} (${about})` : name;
}

// Clearly better means: the whole interval lies beyond the simplest rule's value.
function verdict(card: Scorecard, metric: Metric): { tone: 'good' | 'warn'; text: string } | null {
  const rule = card.baseline?.metrics.find((one) => one.name === metric.name);
  if (!rule) return null;
  const higher = metric.better === 'higher';
  const clear = higher ? metric.low > rule.value : metric.high < rule.value;
  const values = { rule: rule_name(card), value: decimal(rule.value) };
  return clear
    ? { tone: 'good', text: t('scorecard.better', values) }
    : { tone: 'warn', text: t('scorecard.not_better', values) };
}

function Head({ model, card }: { model: ModelShow; card: Scorecard }) {
  const metric = card.metrics[0];
  if (!metric) return null;
  const said = verdict(card, metric);
  return (
    <Card
      title={t('scorecard.title')}
      actions={
        <Button icon="print" onClick={() => window.print()}>
          {t('action.print')}
        </Button>
      }
    >
      <div class="headline">
        <p class="headline-value">
          <span>{metric_name(metric.name)}</span>
          <b>{decimal(metric.value)}</b>
          <span>
            {t('scorecard.interval', { low: decimal(metric.low), high: decimal(metric.high) })}
          </span>
        </p>
        <div>
          <p class="headline-words">{in_words(card, metric)}</p>
          {said && <Notice tone={said.tone} title={said.text} />}
        </div>
      </div>
      <Facts
        items={[
          [t('model.target'), card.target],
          [t('model.task'), t(`task.${card.task}`)],
          [t('train.learner'), t_or(`learner.${card.learner}`, card.learner)],
          [
            t('scorecard.rows'),
            t('scorecard.rows_of', {
              train: card.rows.train,
              validate: card.rows.validate,
              test: card.rows.test,
            }),
          ],
          [t('job.created'), time(model.created_ms)],
          [t('scorecard.seed'), String(card.seed)],
          [t('model.hash'), <Hash value={model.hash} />],
        ]}
      />
      {card.split?.['all_rows'] && <p class="hint">{t('scorecard.all_rows')}</p>}
    </Card>
  );
}

function Warnings({ card }: { card: Scorecard }) {
  const warnings = card.warnings ?? [];
  if (!warnings.length) return null;
  return (
    <Notice tone="warn" title={t('scorecard.warnings')}>
      <ul>
        {warnings.map((warning, i) => {
          const { text, hint } = explain(warning);
          return (
            <li key={i}>
              {text} {hint}
            </li>
          );
        })}
      </ul>
    </Notice>
  );
}

function Metrics({ card }: { card: Scorecard }) {
  const of = (metrics: Metric[] | undefined, name: string) => {
    const found = metrics?.find((one) => one.name === name);
    return found ? decimal(found.value) : '–';
  };
  return (
    <Card title={t('scorecard.metrics')} flush>
      <Table label={t('scorecard.metrics')}>
        <thead>
          <tr>
            <th>{t('scorecard.metric')}</th>
            <th class="number">{t('scorecard.this')}</th>
            <th class="number">{t('scorecard.interval_head')}</th>
            {card.baseline && <th class="number">{rule_name(card)}</th>}
            {card.baseline_linear && <th class="number">{t('baseline.linear')}</th>}
          </tr>
        </thead>
        <tbody>
          {card.metrics.map((metric) => (
            <tr key={metric.name}>
              <th scope="row">
                {metric_name(metric.name)}{' '}
                <span class="muted small">
                  {metric.better === 'target'
                    ? t('scorecard.target', { value: percent(metric.target ?? 0) })
                    : t(metric.better === 'higher' ? 'scorecard.higher' : 'scorecard.lower')}
                </span>
              </th>
              <td class="number">
                <b>{decimal(metric.value)}</b>
              </td>
              <td class="number">
                {decimal(metric.low)}–{decimal(metric.high)}
              </td>
              {card.baseline && <td class="number">{of(card.baseline.metrics, metric.name)}</td>}
              {card.baseline_linear && (
                <td class="number">{of(card.baseline_linear.metrics, metric.name)}</td>
              )}
            </tr>
          ))}
        </tbody>
      </Table>
    </Card>
  );
}

function thin<T>(points: T[], most: number): T[] {
  if (points.length <= most) return points;
  const step = (points.length - 1) / (most - 1);
  return Array.from({ length: most }, (_, i) => points[Math.round(i * step)]!);
}

function Curves({ card }: { card: Scorecard }) {
  const roc = card.roc ?? [];
  const bins = card.calibration?.bins.filter((bin) => bin.count > 0) ?? [];
  const curve = card.curve ?? [];
  return (
    <>
      {roc.length > 0 && (
        <Card>
          <Curve
            title={t('chart.roc')}
            x_range={[0, 1]}
            y_range={[0, 1]}
            diagonal
            x_name={t('chart.false_alarms')}
            y_name={t('chart.found')}
            caption={t('chart.roc_hint')}
            series={[{ name: t('chart.roc'), points: roc }]}
            table={{
              head: [t('chart.false_alarms'), t('chart.found')],
              rows: thin(roc, 21).map((point) => [decimal(point.x), decimal(point.y)]),
            }}
          />
        </Card>
      )}
      {bins.length > 0 && (
        <Card>
          <Curve
            title={t('chart.calibration')}
            x_range={[0, 1]}
            y_range={[0, 1]}
            diagonal
            x_name={t('chart.predicted')}
            y_name={t('chart.observed')}
            caption={t('chart.calibration_hint', { error: decimal(card.calibration!.error) })}
            series={[
              {
                name: t('chart.calibration'),
                kind: 'dots',
                points: bins.map((bin) => ({
                  x: bin.predicted,
                  y: bin.observed,
                  weight: bin.count,
                })),
              },
            ]}
            table={{
              head: [t('chart.predicted'), t('chart.observed'), t('chart.count')],
              rows: bins.map((bin) => [
                decimal(bin.predicted),
                decimal(bin.observed),
                count(bin.count),
              ]),
            }}
          />
        </Card>
      )}
      {curve.length > 1 && (
        <Card>
          <Curve
            title={t('chart.learning')}
            x_name={t('chart.round')}
            y_name={t('chart.loss')}
            caption={t('chart.learning_hint', { round: card.best_round ?? 0 })}
            {...(card.best_round ? { mark: { x: card.best_round, text: t('chart.best') } } : {})}
            series={[
              { name: t('chart.train'), points: curve.map((p) => ({ x: p.round, y: p.train })) },
              {
                name: t('chart.validate'),
                tone: 2,
                points: curve.map((p) => ({ x: p.round, y: p.validate })),
              },
            ]}
            table={{
              head: [t('chart.round'), t('chart.train'), t('chart.validate')],
              rows: thin(curve, 25).map((p) => [
                p.round,
                decimal(p.train, 4),
                decimal(p.validate, 4),
              ]),
            }}
          />
        </Card>
      )}
    </>
  );
}

function feature_of(card: Scorecard, name: string): string {
  return card.series ? feature_title(name, card.series) : name;
}

function Importance({ card }: { card: Scorecard }) {
  const items = (card.importance ?? []).slice(0, 20);
  if (!items.length) return null;
  return (
    <Card>
      <Bars
        title={t('scorecard.importance')}
        head={[t('look.name'), t('scorecard.share')]}
        items={items.map((one) => ({
          name: feature_of(card, one.feature),
          value: one.share,
          text: percent(one.share),
        }))}
      />
      <p class="hint">{t('scorecard.importance_hint')}</p>
    </Card>
  );
}

export function ScorecardTab({ model }: { model: ModelShow }) {
  const card = model.scorecard;
  if (!card) {
    return (
      <Notice tone="warn" title={t('scorecard.none')}>
        {!model.release && t('scorecard.imported')}
      </Notice>
    );
  }
  return (
    <article class="sheet">
      <Head model={model} card={card} />
      <Warnings card={card} />
      <Metrics card={card} />
      {card.baseline && <Comparison card={card} rule={rule_name(card)} />}
      <Folds card={card} />
      <DecisionCards card={card} />
      <GroupCards card={card} />
      <SeriesPart card={card} />
      {card.survival && <SurvivalTimes part={card.survival} />}
      <PointsTable card={card} />
      <div class="charts">
        <Curves card={card} />
        {card.survival && <SurvivalCharts part={card.survival} />}
        {card.decisions && <DecisionCurves decisions={card.decisions} />}
        <Confusion card={card} title={t('scorecard.confusion')} />
        <Importance card={card} />
        {card.dependence && (
          <DependenceCard
            list={card.dependence.map((one) => ({ ...one, feature: feature_of(card, one.feature) }))}
            target={card.task === 'survival' ? t('survival.relative') : card.target}
          />
        )}
      </div>
    </article>
  );
}
