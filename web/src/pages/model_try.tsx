// Try it: a form made of the model's features, filled with typical values; the answer with what
// each column contributed to it.
import { useState } from 'preact/hooks';
import { post } from '../api';
import { Bars } from '../charts/bars';
import {
  Button,
  ErrorSummary,
  SelectField,
  TextField,
  error_at,
  errors_of,
  type FieldError,
} from '../components/form';
import { AtomsFigure, directions } from '../components/molecule';
import { Card, Empty, Notice } from '../components/page';
import { column_title, outcome_of, usePilotOf, value_title } from '../components/pilot';
import { Bar, Table } from '../components/table';
import { decimal, percent, short } from '../format';
import { explain, t } from '../messages';
import type { Contribution, Feature, Finding, ModelShow, Prediction, Predictions, Scalar } from '../types';
import type { Pilot } from '../types_pilot';

type Values = Record<string, string>;
const SHOWN = 15; // contributions in the picture; the smaller ones are added up

function typical_text(feature: Feature): string {
  if (feature.typical === null || feature.typical === undefined) return '';
  if (feature.kind === 'category') return String(feature.typical);
  const value = Number(feature.typical);
  if (!Number.isFinite(value)) return String(feature.typical);
  if (feature.type === 'integer') return String(Math.round(value));
  return String(Number(value.toPrecision(4)));
}

export function typical_row(features: Feature[]): Record<string, Scalar> {
  return row_of(
    features,
    Object.fromEntries(features.map((feature) => [feature.name, typical_text(feature)])),
  );
}

function row_of(features: Feature[], values: Values): Record<string, Scalar> {
  const row: Record<string, Scalar> = {};
  for (const feature of features) {
    const text = (values[feature.name] ?? '').trim();
    const is_number = feature.type === 'integer' || feature.type === 'number';
    if (text === '') row[feature.name] = null;
    else if (feature.type === 'boolean') row[feature.name] = text === 'true';
    else row[feature.name] = is_number ? Number(text) : text;
  }
  return row;
}

// A model as people name what it knows: in the words of the pilot that trained it, if any.
interface Named {
  model: ModelShow;
  pilot: Pilot | undefined;
}
const part = (pilot: Pilot | undefined, name: string) =>
  pilot?.columns?.find((one) => one.name === name);
const title = (named: Named, name: string) => column_title(named.pilot, name);
const value_of = (named: Named, name: string, value: Scalar) =>
  value_title(part(named.pilot, name), short(value));
const class_title = (named: Named, name: string) => value_title(outcome_of(named.pilot), name);

function FeatureField({
  named,
  feature,
  value,
  change,
  error,
}: {
  named: Named;
  feature: Feature;
  value: string;
  change: (value: string) => void;
  error: string | undefined;
}) {
  const id = `value-${feature.name}`;
  const unit = part(named.pilot, feature.name)?.unit;
  const label = title(named, feature.name) + (unit ? ` (${unit})` : '');
  if (feature.kind === 'category' && (feature.categories?.length ?? 0) <= 200) {
    return (
      <SelectField
        id={id}
        label={label}
        value={value}
        change={change}
        error={error}
        choices={[
          { value: '', text: t('try.missing') },
          ...(feature.categories ?? []).map((one) => ({
            value: one,
            text: value_of(named, feature.name, one),
          })),
        ]}
      />
    );
  }
  if (feature.type === 'boolean') {
    return (
      <SelectField
        id={id}
        label={label}
        value={value}
        change={change}
        error={error}
        choices={['', 'true', 'false'].map((one) => ({
          value: one,
          text: one === '' ? t('try.missing') : t(`value.${one as 'true' | 'false'}`),
        }))}
      />
    );
  }
  const is_number = feature.type === 'integer' || feature.type === 'number';
  return (
    <TextField
      id={id}
      label={label}
      value={value}
      change={change}
      error={error}
      inputMode={is_number ? 'decimal' : 'text'}
      placeholder={t('try.missing')}
      {...(feature.type === 'date' ? { hint: t('try.date_hint') } : {})}
    />
  );
}

// Two classes come as the probability of the positive one; both are shown.
function probabilities_of(model: ModelShow, prediction: Prediction): Record<string, number> {
  const [negative, positive] = model.classes ?? [];
  const p = prediction.probability;
  if (p === undefined || negative === undefined || positive === undefined) {
    return prediction.probabilities ?? {};
  }
  return { [positive]: p, [negative]: 1 - p };
}

function Probabilities({ named, prediction }: { named: Named; prediction: Prediction }) {
  const all = Object.entries(probabilities_of(named.model, prediction))
    .sort((a, b) => b[1] - a[1])
    .slice(0, 8);
  return (
    <ul class="top" aria-label={t('try.probability')}>
      {all.map(([name, share]) => (
        <li key={name}>
          <span>{class_title(named, name)}</span>
          <Bar share={share} />
          <span class="number">{percent(share)}</span>
        </li>
      ))}
    </ul>
  );
}

// What is made of a column adds up over many features: there is no value to name.
function prepared(model: ModelShow, name: string): boolean {
  return model.features?.find((one) => one.name === name)?.kind === 'prepared';
}

function Contributions({ named, prediction }: { named: Named; prediction: Prediction }) {
  const { model } = named;
  const all = prediction.contributions ?? [];
  if (!all.length) return null;
  const [negative = '', positive = ''] = model.classes ?? [];
  const binary = model.task === 'binary' && positive !== '';
  const rest = all.slice(SHOWN).reduce((sum, one) => sum + one.contribution, 0);
  const sign = (value: number) => `${value > 0 ? '+' : ''}${decimal(value)}`;
  const items = all.slice(0, SHOWN).map((one) => ({
    name: title(named, one.feature),
    note: prepared(model, one.feature) ? '' : `= ${value_of(named, one.feature, one.value)}`,
    value: one.contribution,
    text: sign(one.contribution),
  }));
  if (all.length > SHOWN) {
    items.push({
      name: t('try.rest', { columns: all.length - SHOWN }),
      note: '',
      value: rest,
      text: sign(rest),
    });
  }
  return (
    <>
      <Bars
        title={t('try.contributions')}
        head={[t('look.name'), t('try.contribution')]}
        both
        positive={
          binary ? t('try.toward', { name: class_title(named, positive) }) : t('try.raises')
        }
        negative={
          binary ? t('try.toward', { name: class_title(named, negative) }) : t('try.lowers')
        }
        items={items}
      />
      <p class="hint">
        {t(model.task === 'regression' ? 'try.contributions_number' : 'try.contributions_hint')}
        {prediction.base !== undefined && ` ${t('try.base', { value: decimal(prediction.base) })}`}
      </p>
    </>
  );
}

const REASONS = 5; // told in words,
const SMALL = 0.01; // but none below this part of the strongest

// The strongest reasons as sentences, for who reads no picture.
function Reasons({ named, prediction }: { named: Named; prediction: Prediction }) {
  const { model } = named;
  const said = (one: Contribution, value: Scalar) =>
    value === null ? t('try.missing') : value_of(named, one.feature, value);
  const told = (prediction.contributions ?? [])
    .filter((one, _, all) => Math.abs(one.contribution) > SMALL * Math.abs(all[0]!.contribution))
    .filter((one) => !prepared(model, one.feature))
    .slice(0, REASONS);
  if (!told.length) return null;
  const classes = model.classes ?? [];
  // Two classes are told as the second's probability; people ask why the answer is what it is.
  const other = classes.length === 2 && prediction.value === classes[0];
  const raises = (one: Contribution) => (one.direction === 'raises') !== other;
  return (
    <>
      <h3>{t('try.reasons')}</h3>
      <ol class="reasons">
        {told.map((one) => (
          <li key={one.feature}>
            {t(raises(one) ? 'try.reason_raises' : 'try.reason_lowers', {
              feature: title(named, one.feature),
              value: said(one, one.value),
              typical: said(one, one.typical),
              what: classes.length
                ? t('try.chance_of', { name: class_title(named, String(prediction.value)) })
                : title(named, model.target),
            })}
          </li>
        ))}
      </ol>
    </>
  );
}

function Warnings({ named, findings }: { named: Named; findings: Finding[] }) {
  if (!findings.length) return null;
  return (
    <Notice tone="warn" title={t('try.findings')}>
      <ul>
        {findings.map((one, i) => (
          <li key={i}>{explain({ code: one.code, row: one.row, detail: title(named, one.column) }).text}</li>
        ))}
      </ul>
    </Notice>
  );
}

// The relative risk comes with the chance that it has not happened by some times.
function Survival({ told }: { told: { time: number; probability: number }[] }) {
  return (
    <Table label={t('survival.share')}>
      <thead>
        <tr>
          <th class="number">{t('survival.time')}</th>
          <th class="number">{t('survival.share')}</th>
        </tr>
      </thead>
      <tbody>
        {told.map((one) => (
          <tr key={one.time}>
            <td class="number">{short(one.time)}</td>
            <td class="number">{percent(one.probability)}</td>
          </tr>
        ))}
      </tbody>
    </Table>
  );
}

function Result({
  named,
  row,
  prediction,
  findings,
}: {
  named: Named;
  row: Record<string, Scalar>; // that was asked
  prediction: Prediction;
  findings: Finding[];
}) {
  const { model } = named;
  const [up, down] = directions(model);
  const value =
    typeof prediction.value === 'number'
      ? short(prediction.value)
      : class_title(named, String(prediction.value));
  return (
    <Card title={t('try.result')} tone="accent">
      <p class="headline-value">
        <span>{prediction.survival ? t('survival.relative') : title(named, model.target)}</span>
        <b>{value}</b>
      </p>
      <Warnings named={named} findings={findings} />
      {prediction.survival && <Survival told={prediction.survival} />}
      {model.classes?.length ? <Probabilities named={named} prediction={prediction} /> : null}
      <Reasons named={named} prediction={prediction} />
      {(model.features ?? [])
        .filter((one) => one.type === 'smiles' && row[one.name])
        .map((one) => (
          <AtomsFigure key={one.name} model={model} column={one.name} row={row} up={up} down={down} />
        ))}
      <Contributions named={named} prediction={prediction} />
    </Card>
  );
}

// `address`: of what is asked, the model itself or an endpoint.
export function TryTab({ model, address }: { model: ModelShow; address: string }) {
  const named = { model, pilot: usePilotOf(model) };
  const features = model.features ?? [];
  const start = () => Object.fromEntries(features.map((one) => [one.name, typical_text(one)]));
  const [values, values_set] = useState<Values>(start);
  const [prediction, prediction_set] = useState<Predictions | null>(null);
  const [asked, asked_set] = useState<Record<string, Scalar>>({});
  const [errors, errors_set] = useState<FieldError[]>([]);
  const [busy, busy_set] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy) return;
    const row = row_of(features, values);
    const wrong = features
      .filter((one) => Number.isNaN(row[one.name]))
      .map((one) => ({
        field: `value-${one.name}`,
        text: t('try.not_a_number', { name: title(named, one.name) }),
      }));
    errors_set(wrong);
    if (wrong.length) return;
    busy_set(true);
    try {
      const answer = await post<Predictions>(`${address}/predict`, {
        rows: [row],
        contributions: true,
      });
      asked_set(row);
      prediction_set(answer);
    } catch (error) {
      errors_set(
        errors_of(error, (_, detail) =>
          features.some((one) => one.name === detail) ? `value-${detail}` : undefined,
        ),
      );
    }
    busy_set(false);
  };
  return (
    <div class="split split-even">
      <Card title={t('try.form')}>
        <form class="form form-wide" onSubmit={(event) => void submit(event)} noValidate>
          <p class="hint">{t('try.hint')}</p>
          <ErrorSummary errors={errors} />
          <div class="form-grid">
            {features.map((feature) => (
              <FeatureField
                key={feature.name}
                named={named}
                feature={feature}
                value={values[feature.name] ?? ''}
                error={error_at(errors, `value-${feature.name}`)}
                change={(value) => values_set({ ...values, [feature.name]: value })}
              />
            ))}
          </div>
          <div class="actions sticky">
            <Button type="submit" kind="primary" icon="play" busy={busy}>
              {t('try.submit')}
            </Button>
            <Button kind="quiet" onClick={() => values_set(start())}>
              {t('try.reset')}
            </Button>
          </div>
        </form>
      </Card>
      <div aria-live="polite">
        {prediction?.predictions[0] ? (
          <Result
            named={named}
            row={asked}
            prediction={prediction.predictions[0]}
            findings={prediction.findings}
          />
        ) : (
          <Card>
            <Empty title={t('try.none')} text={t('try.none_text')} icon="model" />
          </Card>
        )}
      </div>
    </div>
  );
}
