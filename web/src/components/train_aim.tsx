// What a number to predict means: a quantity, a count, a level that a share of the truth stays
// below, or the time until something happens; and what rows and classes weigh.
import { t } from '../messages';
import type { Column } from '../types';
import { CheckField, RadioGroup, SelectField, TextField, error_at, type FieldError } from './form';

export interface Aim {
  kind: 'number' | 'count' | 'quantile' | 'survival';
  quantile: string;
  event: string;
  happened: string;
  times: string;
  weight: string;
  balanced: boolean;
}
export const AIM_NONE: Aim = {
  kind: 'number',
  quantile: '',
  event: '',
  happened: '',
  times: '',
  weight: '',
  balanced: false,
};

const KINDS = ['number', 'count', 'quantile', 'survival'] as const;

function times_of(text: string): number[] {
  return text
    .split(/[,，;；\s]+/)
    .filter(Boolean)
    .map(Number);
}

export function aim_errors(aim: Aim): FieldError[] {
  const wrong: FieldError[] = [];
  const share = Number(aim.quantile || 0.5);
  if (aim.kind === 'quantile' && !(share >= 0.001 && share <= 0.999)) {
    wrong.push({
      field: 'quantile',
      text: t('train.out_of_bounds', { label: t('aim.quantile_at'), low: 0.001, high: 0.999 }),
    });
  }
  if (aim.kind === 'survival' && !aim.event) {
    wrong.push({ field: 'event', text: t('form.missing', { label: t('aim.event') }) });
  }
  const times = times_of(aim.times);
  if (times.some((time, i) => !(time >= 0) || (i > 0 && time <= times[i - 1]!))) {
    wrong.push({ field: 'times', text: t('predict.bad_times', { detail: 16 }) });
  }
  return wrong;
}

// Members for the body of a training, and those of its options.
export function aim_body(aim: Aim, number: boolean) {
  const kind = number ? aim.kind : 'number';
  const options =
    kind === 'count'
      ? { loss: 'poisson' }
      : kind === 'quantile'
        ? { loss: 'quantile', quantile: Number(aim.quantile || 0.5) }
        : {};
  const times = times_of(aim.times);
  return {
    options,
    body: {
      ...(aim.weight ? { weight: aim.weight } : {}),
      ...(!number && aim.balanced ? { class_weights: 'balanced' } : {}),
      ...(kind === 'survival'
        ? {
            event: aim.event,
            ...(aim.happened.trim() ? { positive: aim.happened.trim() } : {}),
            ...(times.length ? { times } : {}),
          }
        : {}),
    },
  };
}

export function AimFields({
  aim,
  number,
  columns,
  change,
  errors,
}: {
  aim: Aim;
  number: boolean; // the target is one
  columns: Column[];
  change: (aim: Aim) => void;
  errors: FieldError[];
}) {
  const set = (values: Partial<Aim>) => change({ ...aim, ...values });
  const choices = columns.map((column) => ({ value: column.name, text: column.name }));
  return (
    <>
      {number && (
        <RadioGroup
          name="aim"
          label={t('aim.kind')}
          value={aim.kind}
          change={(kind) => set({ kind: kind as Aim['kind'] })}
          choices={KINDS.map((value) => ({
            value,
            text: t(`aim.${value}`),
            hint: t(`aim.${value}_hint`),
          }))}
        />
      )}
      {number && aim.kind === 'quantile' && (
        <TextField
          id="quantile"
          inputMode="decimal"
          label={t('aim.quantile_at')}
          value={aim.quantile}
          placeholder="0.5"
          error={error_at(errors, 'quantile')}
          change={(quantile) => set({ quantile })}
        />
      )}
      {number && aim.kind === 'survival' && (
        <>
          <SelectField
            id="event"
            label={t('aim.event')}
            hint={t('aim.event_hint')}
            value={aim.event}
            error={error_at(errors, 'event')}
            change={(event) => set({ event })}
            choices={[{ value: '', text: t('form.choose') }, ...choices]}
          />
          <TextField
            id="happened"
            label={t('aim.happened')}
            hint={t('aim.happened_hint')}
            optional
            value={aim.happened}
            change={(happened) => set({ happened })}
          />
          <TextField
            id="times"
            label={t('aim.times')}
            hint={t('aim.times_hint')}
            optional
            value={aim.times}
            error={error_at(errors, 'times')}
            change={(times) => set({ times })}
          />
        </>
      )}
      {!number && (
        <CheckField
          id="balanced"
          label={t('aim.balanced')}
          value={aim.balanced}
          change={(balanced) => set({ balanced })}
        />
      )}
      <SelectField
        id="weight"
        label={t('aim.weight')}
        hint={t('aim.weight_hint')}
        optional
        value={aim.weight}
        change={(weight) => set({ weight })}
        choices={[
          { value: '', text: t('train.none') },
          ...columns
            .filter((column) => column.type === 'integer' || column.type === 'number')
            .map((column) => ({ value: column.name, text: column.name })),
        ]}
      />
    </>
  );
}
