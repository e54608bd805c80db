// One department or project: its place, what it is guaranteed, what it may hold and use.
import { useState } from 'preact/hooks';
import { t } from '../messages';
import {
  CAPS,
  GUARD_RULES,
  GUARD_SIDES,
  SHARES,
  THRESHOLDS,
  type Caps,
  type GuardRule,
  type Policy,
  type Shares,
  type Tenant,
  type Thresholds,
} from '../types';
import { amount_read } from '../units';
import {
  CapFields,
  ShareFields,
  ThresholdFields,
  caps_read,
  caps_typed,
  shares_read,
  shares_typed,
  thresholds_read,
  thresholds_typed,
} from './amounts';
import {
  Button,
  CheckField,
  ErrorSummary,
  SelectField,
  TextField,
  error_at,
  type FieldError,
} from './form';
import { Card } from './page';

const NOTHING = Object.fromEntries(SHARES.map((name) => [name, 0])) as Shares;
const NO_LIMIT = Object.fromEntries(SHARES.map((name) => [name, -1])) as Shares;
export const NO_CAPS = Object.fromEntries(CAPS.map((name) => [name, -1])) as Caps;
const NO_THRESHOLDS = Object.fromEntries(THRESHOLDS.map((name) => [name, -1])) as Thresholds;
const WEIGHT_MAX = 1000;

export function tenant_new(policy: Policy, parent: number): Tenant {
  return {
    id: policy.next_tenant,
    parent,
    kind: parent ? 'project' : 'department',
    name: '',
    quota: null,
    limit: NO_LIMIT,
    weight: 1,
    may_lend: true,
    may_borrow: true,
    billing_permille: 1000,
    caps: NO_CAPS,
    each: NO_CAPS,
    approval: NO_THRESHOLDS,
    guard: { prompts: 'inherit', answers: 'inherit' },
  };
}

function is_below(policy: Policy, one: Tenant, above: number): boolean {
  if (one.id === above) return true;
  const parent = policy.tenants.find((other) => other.id === one.parent);
  return parent ? is_below(policy, parent, above) : false;
}

export function TenantForm({
  one,
  policy,
  done,
}: {
  one: Tenant;
  policy: Policy;
  done: (next: Tenant | null) => void;
}) {
  const [name, name_set] = useState(one.name);
  const [kind, kind_set] = useState(one.kind);
  const [parent, parent_set] = useState(String(one.parent));
  const [guaranteed, guaranteed_set] = useState(one.quota !== null);
  const [quota, quota_set] = useState(shares_typed(one.quota ?? NOTHING));
  const [limit, limit_set] = useState(shares_typed(one.limit));
  const [weight, weight_set] = useState(String(one.weight));
  const [lends, lends_set] = useState(one.may_lend);
  const [borrows, borrows_set] = useState(one.may_borrow);
  const [billing, billing_set] = useState(String(one.billing_permille / 10));
  const [caps, caps_set] = useState(caps_typed(one.caps));
  const [each, each_set] = useState(caps_typed(one.each));
  const [approval, approval_set] = useState(thresholds_typed(one.approval));
  const [guard, guard_set] = useState(one.guard);
  const [errors, errors_set] = useState<FieldError[]>([]);
  const submit = (event: Event) => {
    event.preventDefault();
    const wrong: FieldError[] = [];
    const number = (id: string, label: string, text: string, factor: number) => {
      const value = amount_read(text, factor, -1);
      if (value === undefined || value < 0) {
        wrong.push({ field: id, text: t('amount.wrong', { label }) });
      }
      return value ?? 0;
    };
    if (!name.trim()) {
      wrong.push({ field: 'tenant-name', text: t('form.missing', { label: t('tenant.name') }) });
    }
    const heavy = number('weight', t('tenant.weight'), weight, 1);
    if (heavy < 1 || heavy > WEIGHT_MAX) {
      wrong.push({ field: 'weight', text: t('tenant.weight_wrong', { most: WEIGHT_MAX }) });
    }
    const next: Tenant = {
      ...one,
      name: name.trim(),
      kind,
      parent: Number(parent),
      quota: guaranteed ? shares_read('quota', quota, 0, wrong) : null,
      limit: shares_read('limit', limit, -1, wrong),
      weight: heavy,
      may_lend: lends,
      may_borrow: borrows,
      billing_permille: number('billing', t('tenant.billing'), billing, 10),
      caps: caps_read('caps', caps, wrong),
      each: caps_read('each', each, wrong),
      approval: thresholds_read('approval', approval, wrong),
      guard,
    };
    errors_set(wrong);
    if (!wrong.length) done(next);
  };
  const places = policy.tenants.filter((other) => !is_below(policy, other, one.id));
  return (
    <Card
      tone="accent"
      title={
        one.name
          ? t('tenant.edit_this', { name: one.name })
          : t(one.parent ? 'tenant.add_project' : 'tenant.add')
      }
    >
      <form class="form form-wide" onSubmit={submit} noValidate>
        <ErrorSummary errors={errors} />
        <div class="form-grid">
          <TextField
            id="tenant-name"
            label={t('tenant.name')}
            value={name}
            change={name_set}
            error={error_at(errors, 'tenant-name')}
          />
          <SelectField
            id="kind"
            label={t('tenant.kind')}
            value={kind}
            change={(value) => kind_set(value as Tenant['kind'])}
            choices={[
              { value: 'department', text: t('tenant.kind.department') },
              { value: 'project', text: t('tenant.kind.project') },
            ]}
          />
          <SelectField
            id="parent"
            label={t('tenant.parent')}
            value={parent}
            change={parent_set}
            choices={[
              { value: '0', text: t('tenant.top') },
              ...places.map((other) => ({ value: String(other.id), text: other.name })),
            ]}
          />
          <TextField
            id="weight"
            label={t('tenant.weight')}
            hint={t('tenant.weight_hint')}
            inputMode="numeric"
            value={weight}
            change={weight_set}
            error={error_at(errors, 'weight')}
          />
          <TextField
            id="billing"
            label={t('tenant.billing')}
            hint={t('tenant.billing_hint')}
            inputMode="decimal"
            value={billing}
            change={billing_set}
            error={error_at(errors, 'billing')}
          />
        </div>
        <CheckField
          id="guaranteed"
          label={t('tenant.guaranteed')}
          hint={t('tenant.guaranteed_hint')}
          value={guaranteed}
          change={guaranteed_set}
        />
        {guaranteed && (
          <ShareFields
            id="quota"
            label={t('tenant.quota')}
            hint={t('tenant.quota_hint')}
            typed={quota}
            change={quota_set}
            errors={errors}
          />
        )}
        <CheckField
          id="may_lend"
          label={t('tenant.may_lend')}
          hint={t('tenant.may_lend_hint')}
          value={lends}
          change={lends_set}
        />
        <CheckField
          id="may_borrow"
          label={t('tenant.may_borrow')}
          hint={t('tenant.may_borrow_hint')}
          value={borrows}
          change={borrows_set}
        />
        <ShareFields
          id="limit"
          label={t('tenant.limit')}
          hint={t('tenant.limit_hint')}
          typed={limit}
          change={limit_set}
          errors={errors}
        />
        <CapFields
          id="caps"
          label={t('tenant.caps')}
          hint={t('tenant.caps_hint')}
          typed={caps}
          change={caps_set}
          errors={errors}
        />
        <CapFields
          id="each"
          label={t('tenant.each')}
          hint={t('tenant.each_hint')}
          typed={each}
          change={each_set}
          errors={errors}
        />
        <ThresholdFields
          id="approval"
          label={t('tenant.approval')}
          hint={t('tenant.approval_hint')}
          typed={approval}
          change={approval_set}
          errors={errors}
        />
        <fieldset class="amounts">
          <legend>{t('tenant.guard')}</legend>
          <p class="hint">{t('tenant.guard_hint')}</p>
          <div class="form-grid">
            {GUARD_SIDES.map((side) => (
              <SelectField
                key={side}
                id={`guard-${side}`}
                label={t(`tenant.guard.${side}`)}
                value={guard[side]}
                change={(value) => guard_set({ ...guard, [side]: value as GuardRule })}
                choices={GUARD_RULES.map((rule) => ({
                  value: rule,
                  text: t(`tenant.guard.rule.${rule}`),
                }))}
              />
            ))}
          </div>
        </fieldset>
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
