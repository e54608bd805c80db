// What compute costs, and when a day begins.
import { useState } from 'preact/hooks';
import { t } from '../messages';
import { SHARES, type Policy, type ShareName, type Shares } from '../types';
import { amount_read, amount_write } from '../units';
import { Button, ErrorSummary, TextField, error_at, type FieldError } from './form';
import { Card } from './page';

const MICRO = 1_000_000;
const MINUTES = 60;
const OFFSET_MAX = 14;

export function RatesForm({
  policy,
  done,
}: {
  policy: Policy;
  done: (next: Policy | null) => void;
}) {
  const [rates, rates_set] = useState(
    Object.fromEntries(
      SHARES.map((name) => [name, amount_write(policy.rate_micro[name], MICRO)]),
    ) as Record<ShareName, string>,
  );
  const [offset, offset_set] = useState(String(policy.utc_offset_minutes / MINUTES));
  const [errors, errors_set] = useState<FieldError[]>([]);
  const submit = (event: Event) => {
    event.preventDefault();
    const wrong: FieldError[] = [];
    const read = SHARES.map((name) => {
      const value = amount_read(rates[name], MICRO, 0);
      if (value === undefined) {
        wrong.push({ field: `rate-${name}`, text: t('amount.wrong', { label: t(`rate.${name}`) }) });
      }
      return [name, value ?? 0];
    });
    const hours = Number(offset);
    if (!(Math.abs(hours) <= OFFSET_MAX) || !Number.isInteger(hours * MINUTES)) {
      wrong.push({ field: 'offset', text: t('amount.wrong', { label: t('policy.offset') }) });
    }
    errors_set(wrong);
    if (wrong.length) return;
    done({
      ...policy,
      rate_micro: Object.fromEntries(read) as Shares,
      utc_offset_minutes: hours * MINUTES,
    });
  };
  return (
    <Card tone="accent" title={t('policy.rates')}>
      <form class="form form-wide" onSubmit={submit} noValidate>
        <ErrorSummary errors={errors} />
        <p class="hint">{t('policy.rates_hint')}</p>
        <div class="form-grid">
          {SHARES.map((name) => (
            <TextField
              key={name}
              id={`rate-${name}`}
              label={t(`rate.${name}`)}
              inputMode="decimal"
              value={rates[name]}
              change={(text) => rates_set({ ...rates, [name]: text })}
              error={error_at(errors, `rate-${name}`)}
            />
          ))}
          <TextField
            id="offset"
            label={t('policy.offset')}
            hint={t('policy.offset_hint')}
            inputMode="decimal"
            value={offset}
            change={offset_set}
            error={error_at(errors, 'offset')}
          />
        </div>
        <div class="actions">
          <Button type="submit" kind="primary">
            {t('tenant.take')}
          </Button>
          <Button onClick={() => done(null)}>{t('action.cancel')}</Button>
        </div>
      </form>
    </Card>
  );
}
