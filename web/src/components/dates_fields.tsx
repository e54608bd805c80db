// A target out of two dates: whether what began has ended within a limit, or how long it took.
import { t } from '../messages';
import type { Column } from '../types';
import { RadioGroup, SelectField, TextField, error_at, type FieldError } from './form';

// In place of a column's name, where the column to predict is chosen.
export const DATES = '\u0001dates';

export interface DatesWish {
  kind: 'within' | 'took';
  start: string;
  end: string;
  unit: 'days' | 'hours';
  within: string;
  look_for: 'no' | 'yes'; // of the two answers
  name: string; // "": as the kind is called
}
export const DATES_NONE: DatesWish = {
  kind: 'within',
  start: '',
  end: '',
  unit: 'days',
  within: '',
  look_for: 'no',
  name: '',
};

function name_of(wish: DatesWish): string {
  return wish.name.trim() || t(`dates.${wish.kind}_name`);
}

export function dates_errors(wish: DatesWish): FieldError[] {
  const wrong: FieldError[] = [];
  for (const field of ['start', 'end'] as const) {
    if (wish[field]) continue;
    wrong.push({ field, text: t('form.missing', { label: t(`dates.${field}`) }) });
  }
  if (wish.start && wish.start === wish.end) {
    wrong.push({ field: 'end', text: t('dates.same') });
  }
  if (wish.kind === 'within' && !(Number(wish.within) > 0)) {
    wrong.push({ field: 'within', text: t('train.bad_within') });
  }
  return wrong;
}

// Members of a training's body.
export function dates_body(wish: DatesWish) {
  const within = wish.kind === 'within';
  const words = { yes: t('dates.yes'), no: t('dates.no') };
  return {
    target: name_of(wish),
    prepare: {
      target: {
        start: wish.start,
        end: wish.end,
        unit: wish.unit,
        ...(within ? { within: Number(wish.within), ...words } : {}),
      },
    },
    ...(within ? { positive: words[wish.look_for] } : {}),
  };
}

export function DatesFields({
  wish,
  columns,
  change,
  errors,
}: {
  wish: DatesWish;
  columns: Column[];
  change: (wish: DatesWish) => void;
  errors: FieldError[];
}) {
  const set = (values: Partial<DatesWish>) => change({ ...wish, ...values });
  const within = wish.kind === 'within';
  const choices = [
    { value: '', text: t('form.choose') },
    ...columns
      .filter((column) => ['date', 'time', 'text'].includes(column.type))
      .map((column) => ({ value: column.name, text: column.name })),
  ];
  return (
    <>
      {(['start', 'end'] as const).map((field) => (
        <SelectField
          key={field}
          id={field}
          label={t(`dates.${field}`)}
          hint={t(`dates.${field}_hint`)}
          value={wish[field]}
          error={error_at(errors, field)}
          change={(value) => set({ [field]: value })}
          choices={choices}
        />
      ))}
      <RadioGroup
        name="dates-kind"
        label={t('dates.kind')}
        value={wish.kind}
        change={(kind) => set({ kind: kind as DatesWish['kind'] })}
        choices={(['within', 'took'] as const).map((value) => ({
          value,
          text: t(`dates.${value}`),
          hint: t(`dates.${value}_hint`),
        }))}
      />
      <SelectField
        id="unit"
        label={t('dates.unit')}
        value={wish.unit}
        change={(unit) => set({ unit: unit as DatesWish['unit'] })}
        choices={(['days', 'hours'] as const).map((value) => ({ value, text: t(`dates.${value}`) }))}
      />
      {within && (
        <TextField
          id="within"
          inputMode="decimal"
          label={t('dates.limit')}
          value={wish.within}
          error={error_at(errors, 'within')}
          change={(value) => set({ within: value })}
        />
      )}
      {within && (
        <SelectField
          id="look-for"
          label={t('train.positive')}
          value={wish.look_for}
          change={(value) => set({ look_for: value as DatesWish['look_for'] })}
          choices={(['no', 'yes'] as const).map((value) => ({ value, text: t(`dates.${value}`) }))}
        />
      )}
      <TextField
        id="target-name"
        label={t('dates.name')}
        optional
        value={wish.name}
        placeholder={name_of({ ...wish, name: '' })}
        error={error_at(errors, 'target-name')}
        change={(name) => set({ name })}
      />
    </>
  );
}
