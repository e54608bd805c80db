// Train: a release, what to predict, from what, and how; sensible without touching the rest.
import { useEffect, useState } from 'preact/hooks';
import { post } from '../api';
import {
  Button,
  CheckField,
  ErrorSummary,
  LinkButton,
  RadioGroup,
  SelectField,
  TextField,
  error_at,
  errors_of,
  type FieldError,
} from '../components/form';
import { ColumnsPicker } from '../components/columns_picker';
import {
  DATES,
  DATES_NONE,
  DatesFields,
  dates_body,
  dates_errors,
  type DatesWish,
} from '../components/dates_fields';
import { AIM_NONE, AimFields, aim_body, aim_errors, type Aim } from '../components/train_aim';
import {
  SHAPE_NONE,
  ShapeFields,
  shape_errors,
  shape_options,
  type Shape,
} from '../components/train_shape';
import { LimitWarning } from '../components/limits';
import { Card, Empty, Loading, Notice, Page, Shown } from '../components/page';
import { RoleBadge } from '../components/role';
import {
  SEARCH_NONE,
  SearchFields,
  search_body,
  search_errors,
  searches,
  type SearchWish,
} from '../components/search_fields';
import {
  WHEN_NONE,
  WhenFields,
  when_body,
  when_errors,
  when_field,
  type When,
} from '../components/when';
import {
  SERIES_NONE,
  SeriesFields,
  series_body,
  series_errors,
  type SeriesWish,
} from '../components/series_fields';
import { WhatIfLine } from '../components/what_if';
import { useGet } from '../load';
import { t, type MessageKey } from '../messages';
import { navigate, query_set, query_text } from '../router';
import { toast } from '../state';
import type { Column, Learner, List, Model, Release, Search } from '../types';

interface NumberOption {
  name: string;
  otherwise: number;
  low: number;
  high: number;
  learner: Learner | 'both';
  whole: boolean;
}
// The bounds here only help while typing; the server's own decide.
const OPTIONS: NumberOption[] = [
  { name: 'trees', otherwise: 1000, low: 1, high: 10000, learner: 'boost', whole: true },
  { name: 'depth', otherwise: 6, low: 0, high: 32, learner: 'boost', whole: true },
  { name: 'leaves', otherwise: 31, low: 2, high: 4096, learner: 'boost', whole: true },
  { name: 'learning_rate', otherwise: 0.1, low: 0.0001, high: 1, learner: 'boost', whole: false },
  { name: 'early_stop', otherwise: 30, low: 0, high: 1000, learner: 'boost', whole: true },
  { name: 'row_share', otherwise: 1, low: 0.01, high: 1, learner: 'boost', whole: false },
  { name: 'column_share', otherwise: 1, low: 0.01, high: 1, learner: 'boost', whole: false },
  { name: 'l2', otherwise: 1, low: 0, high: 1e9, learner: 'boost', whole: false },
  { name: 'min_child_weight', otherwise: 1, low: 0, high: 1e9, learner: 'boost', whole: false },
  { name: 'alpha', otherwise: 0.0001, low: 0, high: 1000, learner: 'linear', whole: false },
  { name: 'l1_share', otherwise: 0, low: 0, high: 1, learner: 'linear', whole: false },
  { name: 'points_base', otherwise: 600, low: -1e5, high: 1e5, learner: 'points', whole: false },
  { name: 'points_odds', otherwise: 20, low: 1e-6, high: 1e6, learner: 'points', whole: false },
  { name: 'points_double', otherwise: 20, low: -1e4, high: 1e4, learner: 'points', whole: false },
  { name: 'folds', otherwise: 0, low: 0, high: 20, learner: 'both', whole: true },
  { name: 'cost_false_alarm', otherwise: 1, low: 0, high: 1e12, learner: 'both', whole: false },
  { name: 'cost_miss', otherwise: 1, low: 0, high: 1e12, learner: 'both', whole: false },
  { name: 'test_milli', otherwise: 200, low: 50, high: 500, learner: 'both', whole: true },
  { name: 'seed', otherwise: 1, low: 0, high: 2 ** 53 - 1, learner: 'both', whole: true },
];

interface Form {
  name: string;
  target: string; // a column, or DATES
  dates: DatesWish;
  off: string[];
  group: string;
  time: string;
  judge_by: string[];
  positive: string;
  learner: Learner;
  aim: Aim;
  shape: Shape;
  options: Record<string, string>;
  keep_test: boolean;
}

// Only of what is trained: level by level there are no leaves to count.
function offered_options(form: Form): NumberOption[] {
  return OPTIONS.filter(
    (one) =>
      (one.learner === 'both' || one.learner === form.learner) &&
      (one.name !== 'leaves' || form.shape.grow === 'leaf'),
  );
}

function usable(column: Column): boolean {
  return column.role !== 'direct';
}

function option_errors(form: Form): FieldError[] {
  return offered_options(form).filter((option) => form.options[option.name]).flatMap((option) => {
    const value = Number(form.options[option.name]);
    const wrong =
      !Number.isFinite(value) ||
      value < option.low ||
      value > option.high ||
      (option.whole && !Number.isInteger(value));
    return wrong
      ? [
          {
            field: option.name,
            text: t('train.out_of_bounds', {
              label: t(`option.${option.name}` as MessageKey),
              low: option.low,
              high: option.high,
            }),
          },
        ]
      : [];
  });
}

function check(form: Form, features: string[]): FieldError[] {
  const wrong: FieldError[] = [];
  if (!form.name.trim())
    wrong.push({ field: 'name', text: t('form.missing', { label: t('model.name') }) });
  if (!form.target) wrong.push({ field: 'target', text: t('train.no_target') });
  if (form.target && !features.length) wrong.push({ field: 'all', text: t('train.no_features') });
  return [...wrong, ...option_errors(form)];
}

// `shaped`: the features that a shape may name.
function body_of(form: Form, features: string[], shaped: string[], number: boolean) {
  const aim = aim_body(form.aim, number);
  const shape = form.learner === 'boost' ? shape_options(form.shape, shaped) : {};
  const options: Record<string, unknown> = { learner: form.learner, ...aim.options, ...shape };
  if (form.keep_test) options['keep_test'] = true;
  for (const option of offered_options(form)) {
    const text = form.options[option.name];
    if (text) options[option.name] = Number(text);
  }
  return {
    name: form.name.trim(),
    target: form.target,
    features,
    options,
    ...(form.group ? { group: form.group } : {}),
    ...(form.time ? { time: form.time } : {}),
    ...(form.judge_by.length ? { judge_by: form.judge_by } : {}),
    ...(form.positive.trim() ? { positive: form.positive.trim() } : {}),
    ...aim.body,
    ...(form.target === DATES ? dates_body(form.dates) : {}),
  };
}

function Features({
  columns,
  form,
  change,
}: {
  columns: Column[];
  form: Form;
  change: (values: Partial<Form>) => void;
}) {
  const known_later = form.target === DATES ? form.dates.end : form.target;
  const others = columns.filter((column) => column.name !== known_later);
  const offered = others.filter(usable);
  const on = offered.filter((column) => !form.off.includes(column.name)).length;
  return (
    <fieldset class="features">
      <legend>{t('train.features')}</legend>
      <p class="hint">{t('train.features_hint', { on, all: offered.length })}</p>
      <div class="actions">
        <Button id="all" onClick={() => change({ off: [] })}>
          {t('train.all')}
        </Button>
        <Button kind="quiet" onClick={() => change({ off: offered.map((column) => column.name) })}>
          {t('train.none')}
        </Button>
      </div>
      <div class="feature-list">
        {others.map((column) => (
          <CheckField
            key={column.name}
            id={`feature-${column.name}`}
            disabled={!usable(column)}
            value={usable(column) && !form.off.includes(column.name)}
            change={(value) =>
              change({
                off: value
                  ? form.off.filter((name) => name !== column.name)
                  : [...form.off, column.name],
              })
            }
            label={
              <>
                {column.name} <span class="muted">{t(`type.${column.type}`)}</span>{' '}
                {column.role && column.role !== 'plain' && <RoleBadge role={column.role} />}
              </>
            }
          />
        ))}
      </div>
    </fieldset>
  );
}

function Advanced({
  form,
  columns,
  change,
  errors,
}: {
  form: Form;
  columns: Column[]; // that a shape may name
  change: (values: Partial<Form>) => void;
  errors: FieldError[];
}) {
  const bad = errors.some(
    (error) => error.field === 'rise' || OPTIONS.some((option) => option.name === error.field),
  );
  return (
    <details class="advanced" open={bad || undefined}>
      <summary>{t('train.advanced')}</summary>
      <div class="form-grid">
        {offered_options(form).map((option) => (
          <TextField
            key={option.name}
            id={option.name}
            inputMode="decimal"
            label={t(`option.${option.name}` as MessageKey)}
            hint={t(`option.${option.name}_hint` as MessageKey)}
            value={form.options[option.name] ?? ''}
            placeholder={String(
              option.name === 'depth' && form.shape.grow === 'leaf' ? 0 : option.otherwise,
            )}
            error={error_at(errors, option.name)}
            change={(value) =>
              change({ options: { ...form.options, [option.name]: value.trim() } })
            }
          />
        ))}
      </div>
      <CheckField
        id="keep_test"
        value={form.keep_test}
        change={(keep_test) => change({ keep_test })}
        label={t('option.keep_test')}
        hint={t('option.keep_test_hint')}
      />
      {form.learner === 'boost' && (
        <ShapeFields shape={form.shape} columns={columns} change={(shape) => change({ shape })} />
      )}
    </details>
  );
}

function TrainForm({ release }: { release: Release }) {
  const [form, form_set] = useState<Form>({
    name: '',
    target: '',
    dates: DATES_NONE,
    off: [],
    group: '',
    time: '',
    judge_by: [],
    positive: '',
    learner: 'boost',
    aim: AIM_NONE,
    shape: SHAPE_NONE,
    options: {},
    keep_test: false,
  });
  const [when, when_set] = useState<When>(WHEN_NONE);
  const [search, search_set] = useState<SearchWish>(SEARCH_NONE);
  const [series, series_set] = useState<SeriesWish>(SERIES_NONE);
  const [errors, errors_set] = useState<FieldError[]>([]);
  const [busy, busy_set] = useState(false);
  const change = (values: Partial<Form>) => form_set({ ...form, ...values });
  const columns = release.columns;
  const made = form.target === DATES;
  const features = columns
    .filter(
      (column) =>
        usable(column) &&
        column.name !== form.target &&
        !(made && column.name === form.dates.end) &&
        column.name !== form.group &&
        column.name !== form.aim.weight &&
        !(form.aim.kind === 'survival' && column.name === form.aim.event) &&
        !form.off.includes(column.name),
    )
    .map((column) => column.name);
  const shaped = series.on ? [] : columns.filter((column) => features.includes(column.name));
  const shaped_names = shaped.map((column) => column.name);
  const target_type = columns.find((column) => column.name === form.target)?.type;
  const number = made
    ? form.dates.kind === 'took'
    : target_type === 'integer' || target_type === 'number';
  const takes_positive = target_type === 'text' || target_type === 'boolean';
  const name_for = (target: string) =>
    `${release.title} · ${target === DATES ? t(`dates.${form.dates.kind}_name`) : target}`;
  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy) return;
    const wrong = [
      ...check(form, features),
      ...(made ? dates_errors(form.dates) : []),
      ...aim_errors(form.aim),
      ...(form.learner === 'boost' ? shape_errors(form.shape, shaped_names) : []),
      ...search_errors(search, form.learner),
      ...series_errors(series),
      ...when_errors(when),
    ];
    errors_set(wrong);
    if (wrong.length) return;
    busy_set(true);
    try {
      const body = {
        ...body_of(form, features, shaped_names, number),
        ...series_body(series),
        ...when_body(when),
      };
      if (searches(search, form.learner) && !series.on) {
        const made = await post<Search>('/searches', {
          release: release.id,
          ...body,
          ...search_body(search, form.learner),
        });
        toast(t('search.started'));
        navigate(`/searches/${made.id}`);
        return;
      }
      const made = await post<{ model: Model }>(`/releases/${release.id}/models`, body);
      toast(t('train.started'));
      navigate(`/models/${made.model.id}`);
    } catch (error) {
      errors_set(
        errors_of(
          error,
          (code, detail) =>
            when_field(code) ??
            (made && code === 'train.target_taken' ? 'target-name' : undefined) ??
            (code.includes('target') ? 'target' : OPTIONS.find((one) => one.name === detail)?.name),
        ),
      );
      busy_set(false);
    }
  };
  return (
    <Card title={t('train.form')}>
      <form class="form form-wide" onSubmit={(event) => void submit(event)} noValidate>
        <ErrorSummary errors={errors} />
        <SelectField
          id="target"
          label={t('train.target')}
          hint={t('train.target_hint')}
          value={form.target}
          error={error_at(errors, 'target')}
          change={(target) =>
            change({
              target,
              positive: '',
              name:
                !form.name || form.name === name_for(form.target) ? name_for(target) : form.name,
            })
          }
          choices={[
            { value: '', text: t('form.choose') },
            ...columns.filter(usable).map((column) => ({
              value: column.name,
              text: `${column.name} (${t(`type.${column.type}`)})`,
            })),
            { value: DATES, text: t('dates.choose') },
          ]}
        />
        {made && (
          <DatesFields
            wish={form.dates}
            columns={columns.filter(usable)}
            change={(dates) => change({ dates })}
            errors={errors}
          />
        )}
        {takes_positive && (
          <TextField
            id="positive"
            label={t('train.positive')}
            hint={t('train.positive_hint')}
            optional
            value={form.positive}
            error={error_at(errors, 'positive')}
            change={(positive) => change({ positive })}
          />
        )}
        {form.target && (
          <AimFields
            aim={form.aim}
            number={number}
            columns={columns.filter((column) => column.name !== form.target)}
            change={(aim) => change({ aim })}
            errors={errors}
          />
        )}
        <TextField
          id="name"
          label={t('model.name')}
          value={form.name}
          error={error_at(errors, 'name')}
          change={(name) => change({ name })}
        />
        <RadioGroup
          name="learner"
          label={t('train.learner')}
          value={form.learner}
          change={(value) => change({ learner: value as Form['learner'] })}
          choices={(['boost', 'linear', 'points'] as const).map((value) => ({
            value,
            text: t(`learner.${value}`),
            hint: t(`learner.${value}_hint`),
          }))}
        />
        <SelectField
          id="group"
          label={t('train.group')}
          hint={t('train.group_hint')}
          optional
          value={form.group}
          change={(group) => change({ group })}
          choices={[
            { value: '', text: t('train.no_group') },
            ...columns
              .filter((column) => column.name !== form.target)
              .map((column) => ({ value: column.name, text: column.name })),
          ]}
        />
        <SelectField
          id="time"
          label={t('train.time')}
          hint={t('train.time_hint')}
          optional
          value={form.time}
          change={(time) => change({ time })}
          choices={[
            { value: '', text: t('train.no_time') },
            ...columns
              .filter((column) => column.type !== 'text' && column.type !== 'boolean')
              .map((column) => ({ value: column.name, text: column.name })),
          ]}
        />
        <ColumnsPicker
          id="judge-by"
          label={t('train.judge_by')}
          all={columns.map((column) => column.name)}
          chosen={form.judge_by}
          change={(judge_by) => change({ judge_by: judge_by.slice(0, 8) })}
        />
        <p class="hint">{t('train.judge_by_hint')}</p>
        <SeriesFields wish={series} columns={columns} change={series_set} errors={errors} />
        <Features columns={columns} form={form} change={change} />
        <Advanced form={form} columns={shaped} change={change} errors={errors} />
        {!series.on && <SearchFields
          wish={search}
          learner={form.learner}
          change={search_set}
          errors={errors}
        />}
        <WhenFields when={when} change={when_set} errors={errors} />
        <Button type="submit" kind="primary" icon="train" busy={busy}>
          {t(searches(search, form.learner) && !series.on ? 'search.start' : 'train.start')}
        </Button>
        <WhatIfLine
          body={
            when_errors(when).length
              ? null
              : { step: 'train', release: release.id, ...when_body(when) }
          }
        />
      </form>
    </Card>
  );
}

function Chosen({ id }: { id: string }) {
  const from = useGet<Release>(`/releases/${id}`);
  return (
    <Shown from={from} lines={6}>
      {(release) =>
        release.state === 'released' ? (
          <TrainForm key={release.id} release={release} />
        ) : (
          <Notice tone="warn" title={t('train.not_released')} />
        )
      }
    </Shown>
  );
}

export default function TrainPage() {
  const list = useGet<List<Release>>('/releases?state=released&size=200');
  const chosen = query_text('release');
  const items = list.data?.items ?? [];
  const single = items.length === 1 ? String(items[0]!.id) : '';
  useEffect(() => {
    if (!chosen && single) query_set({ release: single }, true);
  }, [single]);
  return (
    <Page title={t('nav.train')} lead={t('train.lead')}>
      <LimitWarning />
      {list.data && !items.length ? (
        <Card>
          <Empty
            title={t('train.no_releases')}
            text={t('train.no_releases_text')}
            icon="release"
            action={<LinkButton href="/releases">{t('nav.releases')}</LinkButton>}
          />
        </Card>
      ) : (
        <Card title={t('train.release')}>
          {list.data ? (
            <SelectField
              id="release"
              label={t('train.release_label')}
              value={chosen}
              change={(value) => query_set({ release: value || null })}
              choices={[
                { value: '', text: t('form.choose') },
                ...items.map((release) => ({
                  value: String(release.id),
                  text: t('train.release_option', { name: release.title, rows: release.rows }),
                })),
              ]}
            />
          ) : (
            <Loading lines={1} />
          )}
        </Card>
      )}
      {chosen && <Chosen key={chosen} id={chosen} />}
    </Page>
  );
}
