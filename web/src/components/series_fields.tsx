// A forecast of series instead of a prediction row by row: which column tells the time, which the
// series, and how far ahead.
import { t } from '../messages';
import type { Column } from '../types';
import { CheckField, SelectField, TextField, error_at, type FieldError } from './form';

export interface SeriesWish {
  on: boolean;
  time: string;
  id: string; // '': one series; '*': a column for each
  holiday: string;
  horizons: string;
}
export const SERIES_NONE: SeriesWish = { on: false, time: '', id: '', holiday: '', horizons: '' };

const AHEAD = 10_000;
const MOST = 64;

// "1, 6, 24" or "1-24".
export function horizons_of(text: string): number[] | null {
  const all = new Set<number>();
  for (const part of text.split(/[,，;；\s]+/).filter(Boolean)) {
    const [from, to] = part.split(/[-–~]/).map(Number);
    const last = to ?? from;
    if (!Number.isInteger(from) || !Number.isInteger(last) || from! < 1 || last! > AHEAD) {
      return null;
    }
    for (let h = from!; h <= last! && all.size <= MOST; h++) all.add(h);
  }
  return all.size && all.size <= MOST ? [...all].sort((a, b) => a - b) : null;
}

export function series_errors(wish: SeriesWish): FieldError[] {
  if (!wish.on) return [];
  const wrong: FieldError[] = [];
  if (!wish.time) wrong.push({ field: 'series-time', text: t('series.no_time') });
  if (!horizons_of(wish.horizons || '1')) {
    wrong.push({ field: 'series-horizons', text: t('series.bad_horizons') });
  }
  return wrong;
}

export function series_body(wish: SeriesWish): Record<string, unknown> {
  if (!wish.on) return {};
  return {
    series: {
      time: wish.time,
      horizons: horizons_of(wish.horizons || '1'),
      ...(wish.id === '*' ? { wide: true } : wish.id ? { id: wish.id } : {}),
      ...(wish.holiday ? { holiday: wish.holiday } : {}),
    },
  };
}

export function SeriesFields({
  wish,
  columns,
  change,
  errors,
}: {
  wish: SeriesWish;
  columns: Column[];
  change: (wish: SeriesWish) => void;
  errors: FieldError[];
}) {
  const set = (values: Partial<SeriesWish>) => change({ ...wish, ...values });
  const named = (fits: (column: Column) => boolean) =>
    columns.filter(fits).map((column) => ({ value: column.name, text: column.name }));
  const times = columns.filter((column) => column.type === 'time' || column.type === 'date');
  return (
    <fieldset>
      <legend>{t('series.legend')}</legend>
      <CheckField
        id="series"
        label={t('series.on')}
        hint={t('series.on_hint')}
        value={wish.on}
        change={(on) => set({ on, time: wish.time || (times[0]?.name ?? '') })}
      />
      {wish.on && (
        <div class="form-grid">
          <SelectField
            id="series-time"
            label={t('series.time')}
            value={wish.time}
            error={error_at(errors, 'series-time')}
            change={(time) => set({ time })}
            choices={[
              { value: '', text: t('form.choose') },
              ...named((c) => c.type === 'time' || c.type === 'date' || c.type === 'text'),
            ]}
          />
          <SelectField
            id="series-id"
            label={t('series.id')}
            hint={t('series.id_hint')}
            value={wish.id}
            change={(id) => set({ id })}
            choices={[
              { value: '', text: t('series.single') },
              { value: '*', text: t('series.wide') },
              ...named((c) => c.role !== 'direct' && c.name !== wish.time),
            ]}
          />
          <TextField
            id="series-horizons"
            label={t('series.horizons')}
            hint={t('series.horizons_hint')}
            value={wish.horizons}
            placeholder="1"
            error={error_at(errors, 'series-horizons')}
            change={(horizons) => set({ horizons })}
          />
          <SelectField
            id="series-holiday"
            label={t('series.holiday')}
            hint={t('series.holiday_hint')}
            optional
            value={wish.holiday}
            change={(holiday) => set({ holiday })}
            choices={[
              { value: '', text: t('series.no_holiday') },
              ...named((c) => c.name !== wish.time),
            ]}
          />
        </div>
      )}
    </fieldset>
  );
}
