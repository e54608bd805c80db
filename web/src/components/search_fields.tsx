// Many tries instead of one training: how many, how long each, and between which bounds.
import { t, t_or } from '../messages';
import { CheckField, TextField, error_at, type FieldError } from './form';

export interface SearchWish {
  on: boolean;
  tries: string;
  minutes: string;
  ranges: Record<string, { low: string; high: string }>;
}
export const SEARCH_NONE: SearchWish = { on: false, tries: '', minutes: '', ranges: {} };

const TRIES = 20;
const MINUTES = 10;
// The usual ranges, as the service has them.
const USUAL: { name: string; low: number; high: number; log: boolean; learner: string }[] = [
  { name: 'depth', low: 3, high: 8, log: false, learner: 'boost' },
  { name: 'learning_rate', low: 0.02, high: 0.3, log: true, learner: 'boost' },
  { name: 'row_share', low: 0.6, high: 1, log: false, learner: 'boost' },
  { name: 'column_share', low: 0.4, high: 1, log: false, learner: 'boost' },
  { name: 'l2', low: 0.1, high: 10, log: true, learner: 'boost' },
  { name: 'min_child_weight', low: 1, high: 20, log: true, learner: 'boost' },
  { name: 'alpha', low: 1e-6, high: 1, log: true, learner: 'linear' },
  { name: 'l1_share', low: 0, high: 1, log: false, learner: 'linear' },
];

function bounds(wish: SearchWish, name: string): { low: number; high: number } {
  const usual = USUAL.find((one) => one.name === name)!;
  const typed = wish.ranges[name];
  return {
    low: typed?.low ? Number(typed.low) : usual.low,
    high: typed?.high ? Number(typed.high) : usual.high,
  };
}

// Whether a search is wanted; a learner that has nothing to vary is trained once.
export function searches(wish: SearchWish, learner: string): boolean {
  return wish.on && USUAL.some((one) => one.learner === learner);
}

export function search_errors(wish: SearchWish, learner: string): FieldError[] {
  if (!searches(wish, learner)) return [];
  const wrong: FieldError[] = [];
  const whole = (text: string) => !text || (Number.isInteger(Number(text)) && Number(text) > 0);
  if (!whole(wish.tries) || Number(wish.tries) > 1000) {
    wrong.push({ field: 'tries', text: t('search.bad_tries') });
  }
  if (!whole(wish.minutes) || Number(wish.minutes) > 1440) {
    wrong.push({ field: 'minutes', text: t('search.bad_minutes') });
  }
  for (const one of USUAL.filter((usual) => usual.learner === learner)) {
    const { low, high } = bounds(wish, one.name);
    if (!(low < high) || (one.log && !(low > 0))) {
      wrong.push({
        field: `${one.name}-low`,
        text: t('search.bad_bounds', { label: t_or(`option.${one.name}`, one.name) }),
      });
    }
  }
  return wrong;
}

// The part of the body that a search has and a training has not.
export function search_body(wish: SearchWish, learner: string): Record<string, unknown> {
  const ranges = USUAL.filter((one) => one.learner === learner).map((one) => [
    one.name,
    { ...bounds(wish, one.name), scale: one.log ? 'log' : 'linear' },
  ]);
  return {
    tries: Number(wish.tries) || TRIES,
    try_limit_ms: (Number(wish.minutes) || MINUTES) * 60_000,
    ranges: Object.fromEntries(ranges) as Record<string, unknown>,
  };
}

export function SearchFields({
  wish,
  learner,
  change,
  errors,
}: {
  wish: SearchWish;
  learner: string;
  change: (wish: SearchWish) => void;
  errors: FieldError[];
}) {
  const range = (name: string, end: 'low' | 'high', value: string) =>
    change({
      ...wish,
      ranges: {
        ...wish.ranges,
        [name]: { ...(wish.ranges[name] ?? { low: '', high: '' }), [end]: value.trim() },
      },
    });
  const usual = USUAL.filter((one) => one.learner === learner);
  if (!usual.length) return null;
  return (
    <fieldset>
      <legend>{t('search.legend')}</legend>
      <CheckField
        id="search"
        label={t('search.switch')}
        hint={t('search.switch_hint')}
        value={wish.on}
        change={(on) => change({ ...wish, on })}
      />
      {wish.on && (
        <div class="form-grid">
          <TextField
            id="tries"
            inputMode="numeric"
            label={t('search.tries')}
            value={wish.tries}
            placeholder={String(TRIES)}
            error={error_at(errors, 'tries')}
            change={(tries) => change({ ...wish, tries: tries.trim() })}
          />
          <TextField
            id="minutes"
            inputMode="numeric"
            label={t('search.minutes')}
            value={wish.minutes}
            placeholder={String(MINUTES)}
            error={error_at(errors, 'minutes')}
            change={(minutes) => change({ ...wish, minutes: minutes.trim() })}
          />
          {usual.flatMap((one) =>
            (['low', 'high'] as const).map((end) => (
              <TextField
                key={`${one.name}-${end}`}
                id={`${one.name}-${end}`}
                inputMode="decimal"
                label={t(`search.range_${end}`, { label: t_or(`option.${one.name}`, one.name) })}
                value={wish.ranges[one.name]?.[end] ?? ''}
                placeholder={String(one[end])}
                error={error_at(errors, `${one.name}-${end}`)}
                change={(value) => range(one.name, end, value)}
              />
            )),
          )}
        </div>
      )}
    </fieldset>
  );
}
