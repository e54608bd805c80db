// Groups of number fields: shares of the machine, limits on use. An empty field is no bound.
import { t } from '../messages';
import {
  CAPS,
  SHARES,
  THRESHOLDS,
  type CapName,
  type Caps,
  type ShareName,
  type Shares,
  type ThresholdName,
  type Thresholds,
} from '../types';
import {
  amount_read,
  amount_write,
  cap_factor,
  share_factor,
  threshold_factor,
  threshold_label,
} from '../units';
import { TextField, error_at, type FieldError } from './form';

export type Typed<Name extends string> = Record<Name, string>;

export function shares_typed(shares: Shares): Typed<ShareName> {
  return Object.fromEntries(
    SHARES.map((name) => [name, amount_write(shares[name], share_factor[name])]),
  ) as Typed<ShareName>;
}
export function caps_typed(caps: Caps): Typed<CapName> {
  return Object.fromEntries(
    CAPS.map((name) => [name, amount_write(caps[name], cap_factor[name])]),
  ) as Typed<CapName>;
}

export function thresholds_typed(thresholds: Thresholds): Typed<ThresholdName> {
  return Object.fromEntries(
    THRESHOLDS.map((name) => [name, amount_write(thresholds[name], threshold_factor[name])]),
  ) as Typed<ThresholdName>;
}

function wrong_number(id: string, label: string): FieldError {
  return { field: id, text: t('amount.wrong', { label }) };
}

// `none`: what an empty field means.
export function shares_read(
  id: string,
  typed: Typed<ShareName>,
  none: number,
  wrong: FieldError[],
): Shares {
  const read = SHARES.map((name) => {
    const amount = amount_read(typed[name], share_factor[name], none);
    if (amount === undefined) wrong.push(wrong_number(`${id}-${name}`, t(`share.${name}`)));
    return [name, amount ?? none];
  });
  return Object.fromEntries(read) as Shares;
}
export function caps_read(id: string, typed: Typed<CapName>, wrong: FieldError[]): Caps {
  const read = CAPS.map((name) => {
    const amount = amount_read(typed[name], cap_factor[name], -1);
    if (amount === undefined) wrong.push(wrong_number(`${id}-${name}`, t(`cap.${name}`)));
    return [name, amount ?? -1];
  });
  return Object.fromEntries(read) as Caps;
}

export function thresholds_read(
  id: string,
  typed: Typed<ThresholdName>,
  wrong: FieldError[],
): Thresholds {
  const read = THRESHOLDS.map((name) => {
    const amount = amount_read(typed[name], threshold_factor[name], -1);
    if (amount === undefined) wrong.push(wrong_number(`${id}-${name}`, threshold_label(name)));
    return [name, amount ?? -1];
  });
  return Object.fromEntries(read) as Thresholds;
}

interface FieldsProps<Name extends string> {
  id: string;
  label: string;
  hint: string;
  typed: Typed<Name>;
  change: (typed: Typed<Name>) => void;
  errors: FieldError[];
}

function Amounts<Name extends string>({
  names,
  name_text,
  id,
  label,
  hint,
  typed,
  change,
  errors,
}: FieldsProps<Name> & { names: readonly Name[]; name_text: (name: Name) => string }) {
  return (
    <fieldset class="amounts">
      <legend>{label}</legend>
      <p class="hint">{hint}</p>
      <div class="form-grid">
        {names.map((name) => (
          <TextField
            key={name}
            id={`${id}-${name}`}
            label={name_text(name)}
            inputMode="decimal"
            value={typed[name]}
            change={(text) => change({ ...typed, [name]: text })}
            error={error_at(errors, `${id}-${name}`)}
          />
        ))}
      </div>
    </fieldset>
  );
}

export function ShareFields(props: FieldsProps<ShareName>) {
  return <Amounts {...props} names={SHARES} name_text={(name) => t(`share.${name}`)} />;
}

export function CapFields(props: FieldsProps<CapName>) {
  return <Amounts {...props} names={CAPS} name_text={(name) => t(`cap.${name}`)} />;
}

export function ThresholdFields(props: FieldsProps<ThresholdName>) {
  return <Amounts {...props} names={THRESHOLDS} name_text={threshold_label} />;
}
