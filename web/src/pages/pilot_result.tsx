// The result of a pilot in the field's words: the template says which sections there are and what
// each figure is called; the figures are the scorecard's.
import type { ComponentChildren } from 'preact';
import { Bars } from '../charts/bars';
import { Curve } from '../charts/curve';
import { Confusion } from '../components/confusion';
import { Button, LinkButton } from '../components/form';
import { DecisionCurve, Gains, Groups, Readings } from '../components/judged';
import { Badge, Card, Notice, Shown } from '../components/page';
import { column_title, pilot_named, value_title, words } from '../components/pilot';
import { PointsTable } from '../components/points_card';
import { Table } from '../components/table';
import { count, decimal, percent } from '../format';
import { useGet } from '../load';
import { t, t_or } from '../messages';
import type { ModelShow, Scorecard } from '../types';
import type { Pilot, PilotMetric, PilotRun } from '../types_pilot';
import { DependenceCard } from './model_dependence';
import { DriftTab } from './model_drift';
import { AheadCard, Backtest, feature_title } from './model_series';
import { SurvivalCharts, SurvivalTimes } from './model_survival';
import { PilotMolecules } from './pilot_molecules';

interface Told {
  run: PilotRun;
  pilot: Pilot;
  model: ModelShow;
  card: Scorecard;
}

// At the threshold the model uses: found, cleared, and how often an alarm is right.
function of_confusion(card: Scorecard): Record<string, number> {
  const counts = card.confusion?.counts;
  if (card.task !== 'binary' || !counts || counts.length !== 2) return {};
  const [[negative = 0, alarm = 0] = [], [missed = 0, found = 0] = []] = counts;
  return {
    sensitivity: found / Math.max(1, found + missed),
    specificity: negative / Math.max(1, negative + alarm),
    ppv: found / Math.max(1, found + alarm),
  };
}

interface Figure {
  value: number;
  low?: number;
  high?: number;
}
function figure_of(card: Scorecard, name: string): Figure | undefined {
  const metric = card.metrics.find((one) => one.name === name);
  if (metric) return metric;
  const value = of_confusion(card)[name];
  return value === undefined ? undefined : { value };
}

type Grade = 'good' | 'fair' | 'weak';
function grade(metric: PilotMetric, value: number): Grade | null {
  if (metric.good === undefined || metric.fair === undefined) return null;
  const sign = metric.higher === false ? -1 : 1;
  if (sign * value >= sign * metric.good) return 'good';
  return sign * value >= sign * metric.fair ? 'fair' : 'weak';
}

function Graded({ metric, value }: { metric: PilotMetric; value: number }) {
  const said = grade(metric, value);
  if (!said) return null;
  return (
    <Badge tone={said === 'good' ? 'good' : said === 'fair' ? 'accent' : 'warn'}>
      {t(`pilot.grade.${said}`)}
    </Badge>
  );
}

function Verdict({ pilot, card }: Told) {
  const metric = pilot.judge?.metrics.find((one) => one.name === pilot.judge?.headline);
  const figure = metric && figure_of(card, metric.name);
  if (!metric || !figure) return null;
  return (
    <Card
      title={t('pilot.result')}
      tone="accent"
      actions={
        <Button icon="print" onClick={() => window.print()}>
          {t('action.print')}
        </Button>
      }
    >
      <div class="headline">
        <p class="headline-value">
          <span>{words(metric.title)}</span>
          <b>{decimal(figure.value)}</b>
          {figure.low !== undefined && (
            <span>
              {t('scorecard.interval', {
                low: decimal(figure.low),
                high: decimal(figure.high ?? 0),
              })}
            </span>
          )}
        </p>
        <div>
          <p class="headline-words">
            <Graded metric={metric} value={figure.value} /> {words(metric.explain)}
          </p>
          <p class="muted">
            {t('scorecard.rows_of', {
              train: card.rows.train,
              validate: card.rows.validate,
              test: card.rows.test,
            })}
          </p>
        </div>
      </div>
      <Notice title={words(pilot.limits)} />
    </Card>
  );
}

function Metrics({ pilot, card }: Told) {
  const shown = (pilot.judge?.metrics ?? []).flatMap((metric) => {
    const figure = figure_of(card, metric.name);
    const rule = card.baseline?.metrics.find((one) => one.name === metric.name)?.value;
    return figure ? [{ metric, figure, rule }] : [];
  });
  const simple = card.baseline;
  return (
    <Card title={t('pilot.figures')} flush>
      <Table label={t('pilot.figures')}>
        <thead>
          <tr>
            <th>{t('scorecard.metric')}</th>
            <th class="number">{t('scorecard.this')}</th>
            <th class="number">{t('scorecard.interval_head')}</th>
            {simple && (
              <th class="number">
                {t_or(`baseline.${simple.rule}`, simple.rule)}
                {simple.column && <div>{column_title(pilot, simple.column)}</div>}
              </th>
            )}
            <th>{t('pilot.meaning')}</th>
          </tr>
        </thead>
        <tbody>
          {shown.map(({ metric, figure, rule }) => (
            <tr key={metric.name}>
              <th scope="row">{words(metric.title)}</th>
              <td class="number">
                <b>{decimal(figure.value)}</b> <Graded metric={metric} value={figure.value} />
              </td>
              <td class="number">
                {figure.low === undefined
                  ? '–'
                  : `${decimal(figure.low)}–${decimal(figure.high ?? 0)}`}
              </td>
              {simple && <td class="number">{rule === undefined ? '–' : decimal(rule)}</td>}
              <td class="wrap">{words(metric.explain)}</td>
            </tr>
          ))}
        </tbody>
      </Table>
    </Card>
  );
}

function Sensitivity({ pilot, run, card }: Told) {
  if (!card.decisions?.reading.length) return null;
  return <Readings decisions={card.decisions} name={value_title(target_of(pilot), run.positive)} />;
}

function Decision({ card }: Told) {
  return card.decisions ? <DecisionCurve decisions={card.decisions} /> : null;
}

function Found({ card }: Told) {
  return card.decisions ? <Gains decisions={card.decisions} /> : null;
}

function ByGroup({ pilot, card }: Told) {
  return (
    <>
      {(card.groups ?? []).map((group) => {
        const column = pilot.columns?.find((one) => one.name === group.column);
        return (
          <Groups
            key={group.column}
            group={group}
            title={column_title(pilot, group.column)}
            value={(text) => value_title(column, text)}
          />
        );
      })}
    </>
  );
}

// The sheet with the field's names of columns and values.
function Points({ pilot, card }: Told) {
  if (!card.points) return null;
  const features = card.points.features.map((one) => {
    const column = pilot.columns?.find((known) => known.name === one.feature);
    return {
      ...one,
      feature: feature_of(pilot, card, one.feature),
      bins: one.bins.map((bin) =>
        bin.categories
          ? { ...bin, categories: bin.categories.map((text) => value_title(column, text)) }
          : bin,
      ),
    };
  });
  return <PointsTable card={{ ...card, points: { ...card.points, features } }} />;
}

function Calibration({ card }: Told) {
  const bins = card.calibration?.bins.filter((bin) => bin.count > 0) ?? [];
  if (!bins.length) return null;
  return (
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
            points: bins.map((bin) => ({ x: bin.predicted, y: bin.observed, weight: bin.count })),
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
  );
}

const target_of = (pilot: Pilot) => pilot.columns?.find((one) => one.use === 'target');

function Threshold({ pilot, card }: Told) {
  const name = (label: string) => value_title(target_of(pilot), label);
  return <Confusion card={card} title={t('pilot.decisions')} name={name} />;
}

function Classes({ pilot, card }: Told) {
  const name = (label: string) => value_title(target_of(pilot), label);
  return <Confusion card={card} title={t('scorecard.confusion')} name={name} />;
}

function feature_of(pilot: Told['pilot'], card: Told['card'], name: string): string {
  const title = (column: string) => column_title(pilot, column);
  return card.series ? feature_title(name, card.series, title) : title(name);
}

function Dependence({ pilot, card }: Told) {
  if (!card.dependence?.length) return null;
  const list = card.dependence.map((one) => {
    const column = pilot.columns?.find((known) => known.name === one.feature);
    return {
      ...one,
      feature: column_title(pilot, one.feature),
      ...(one.class ? { class: value_title(target_of(pilot), one.class) } : {}),
      points: one.points.map((point) =>
        point.category === undefined
          ? point
          : { ...point, category: value_title(column, point.category) },
      ),
    };
  });
  const target =
    card.task === 'survival' ? t('survival.relative') : column_title(pilot, card.target);
  return <DependenceCard list={list} target={target} />;
}

function Coming({ pilot, card }: Told) {
  if (!card.series) return null;
  return (
    <>
      <AheadCard card={card} name={column_title(pilot, card.target)} />
      <Backtest card={card.series} />
    </>
  );
}

function Survival({ card }: Told) {
  if (!card.survival) return null;
  return (
    <>
      <SurvivalTimes part={card.survival} />
      <div class="charts">
        <SurvivalCharts part={card.survival} />
      </div>
    </>
  );
}

function Molecules({ model, pilot }: Told) {
  return <PilotMolecules model={model} pilot={pilot} />;
}

function Drift({ model }: Told) {
  return (
    <div class="no-print">
      <DriftTab model={model} />
    </div>
  );
}

function Importance({ pilot, card }: Told) {
  const items = (card.importance ?? []).slice(0, 15);
  if (!items.length) return null;
  return (
    <Card>
      <Bars
        title={t('pilot.importance')}
        head={[t('look.name'), t('scorecard.share')]}
        items={items.map((one) => ({
          name: feature_of(pilot, card, one.feature),
          value: one.share,
          text: percent(one.share),
        }))}
      />
    </Card>
  );
}

function Serve({ run, model }: Told) {
  const series = model.scorecard?.series;
  return (
    <Card title={t('pilot.serve')}>
      <p>{t(series ? 'pilot.serve_series' : 'pilot.serve_text')}</p>
      <div class="actions">
        {run.endpoint && (
          <LinkButton href={`/endpoints/${run.endpoint}`} kind={series ? 'plain' : 'primary'} icon="play">
            {t('pilot.to_endpoint')}
          </LinkButton>
        )}
        <LinkButton href={`/models/${model.id}/file`} {...(series ? { kind: 'primary' } : {})}>
          {t(series ? 'series.tab' : 'pilot.by_file')}
        </LinkButton>
        <LinkButton href={`/models/${model.id}`}>{t('pilot.whole_scorecard')}</LinkButton>
      </div>
    </Card>
  );
}

// Every word that a template may name; tests/web/sections.test.mjs holds it against them.
const SECTIONS: Record<string, (told: Told) => ComponentChildren> = {
  verdict: Verdict,
  metrics: Metrics,
  sensitivity: Sensitivity,
  decision: Decision,
  gains: Found,
  groups: ByGroup,
  points: Points,
  calibration: Calibration,
  threshold: Threshold,
  confusion: Classes,
  importance: Importance,
  dependence: Dependence,
  forecast: Coming,
  survival: Survival,
  molecules: Molecules,
  drift: Drift,
  serve: Serve,
};

// A release keeps its own names of columns: what the template says of a part is said of them.
function own_names(pilot: Pilot, run: PilotRun, model: ModelShow): Pilot {
  const target = target_of(pilot);
  if (!pilot.columns || !target || model.target === target.name) return pilot;
  return pilot_named(pilot, run.mapping);
}

export function PilotResult({ run, pilot }: { run: PilotRun; pilot: Pilot }) {
  const model = useGet<ModelShow>(run.model ? `/models/${run.model}` : null);
  return (
    <Shown from={model} lines={8}>
      {(one) => {
        const card = one.scorecard;
        if (!card) return <Notice tone="warn" title={t('scorecard.none')} />;
        const told = { run, pilot: own_names(pilot, run, one), model: one, card };
        return (
          <article class="sheet">
            {(pilot.result ?? []).map((name) => {
              const Section = SECTIONS[name];
              return Section ? (
                <Section key={name} {...told} />
              ) : (
                <Notice key={name} tone="warn" title={t('pilot.unknown_section', { name })} />
              );
            })}
          </article>
        );
      }}
    </Shown>
  );
}
