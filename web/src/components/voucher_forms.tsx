// Issuing a voucher, taking one in, and whose vouchers are taken in.
import { useState } from 'preact/hooks';
import { post } from '../api';
import { useGet } from '../load';
import { t } from '../messages';
import { may, toast } from '../state';
import type { Issuers, Policy, Voucher, VoucherUse } from '../types';
import { amount_read } from '../units';
import {
  Button,
  ErrorSummary,
  SelectField,
  TextField,
  error_at,
  errors_of,
  type FieldError,
} from './form';
import { Card, Shown } from './page';
import { Facts } from './table';

const MICRO = 1_000_000;
const DAYS_USUAL = 90;
const DAY_MS = 86_400_000;
const USES: VoucherUse[] = ['any', 'cleanse', 'train'];

function day_text(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
// A day as typed, "2026-11-25", at its beginning or its end; undefined if it is none.
function day_read(text: string, end: boolean): number | undefined {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text.trim())) return undefined;
  const ms = new Date(`${text.trim()}T${end ? '23:59:59' : '00:00:00'}`).getTime();
  return Number.isFinite(ms) ? ms : undefined;
}

interface Typed {
  holder: 'department' | 'person';
  department: string;
  name: string;
  amount: string;
  from: string;
  until: string;
  use: VoucherUse;
  cap: string;
  box: string;
}

function typed_new(): Typed {
  return {
    holder: 'department',
    department: '',
    name: '',
    amount: '',
    from: day_text(Date.now()),
    until: day_text(Date.now() + DAYS_USUAL * DAY_MS),
    use: 'any',
    cap: '',
    box: '',
  };
}

function body_of(typed: Typed, first: string, wrong: FieldError[]) {
  const amount = amount_read(typed.amount, MICRO, 0);
  const cap = amount_read(typed.cap, MICRO, 0);
  const from = day_read(typed.from, false);
  const until = day_read(typed.until, true);
  const away = typed.box.trim() !== '';
  const known = typed.holder === 'department' && !away ? typed.department || first : typed.name;
  const need = (good: boolean, field: string, label: string) => {
    if (!good) wrong.push({ field, text: t('form.missing', { label }) });
  };
  need(known.trim() !== '', 'holder-name', t('voucher.holder_name'));
  need(!!amount && amount > 0, 'units', t('voucher.units'));
  need(cap !== undefined, 'cap', t('voucher.cap'));
  need(from !== undefined, 'from', t('voucher.from'));
  need(until !== undefined, 'until', t('voucher.until'));
  return {
    holder: typed.holder,
    holder_name: known.trim(),
    units: amount,
    from_ms: from,
    until_ms: until,
    use: typed.use,
    job_cap: cap,
    box: typed.box.trim(),
  };
}

function HolderFields({
  typed,
  set,
  departments,
  errors,
}: {
  typed: Typed;
  set: (more: Partial<Typed>) => void;
  departments: string[];
  errors: FieldError[];
}) {
  const choose = typed.holder === 'department' && !typed.box.trim() && departments.length > 0;
  return (
    <>
      <SelectField
        id="holder"
        label={t('voucher.holder')}
        value={typed.holder}
        change={(value) => set({ holder: value as Typed['holder'] })}
        choices={[
          { value: 'department', text: t('voucher.holder.department') },
          { value: 'person', text: t('voucher.holder.person') },
        ]}
      />
      {choose ? (
        <SelectField
          id="holder-name"
          label={t('voucher.holder_name')}
          value={typed.department || departments[0]!}
          change={(department) => set({ department })}
          choices={departments.map((name) => ({ value: name, text: name }))}
        />
      ) : (
        <TextField
          id="holder-name"
          label={t('voucher.holder_name')}
          hint={t(typed.holder === 'person' ? 'voucher.person_hint' : 'voucher.department_hint')}
          value={typed.name}
          change={(name) => set({ name })}
          error={error_at(errors, 'holder-name')}
          autocomplete="off"
        />
      )}
    </>
  );
}

export function VoucherIssue({ made }: { made: (one: Voucher) => void }) {
  const policy = useGet<Policy>('/policy');
  const departments = (policy.data?.tenants ?? []).map((one) => one.name);
  const [typed, typed_set] = useState<Typed>(typed_new);
  const [errors, errors_set] = useState<FieldError[]>([]);
  const [busy, busy_set] = useState(false);
  const set = (more: Partial<Typed>) => typed_set({ ...typed, ...more });
  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy) return;
    const wrong: FieldError[] = [];
    const body = body_of(typed, departments[0] ?? '', wrong);
    errors_set(wrong);
    if (wrong.length) return;
    busy_set(true);
    try {
      made(await post<Voucher>('/vouchers', body));
      toast(t('voucher.issued'));
      typed_set(typed_new());
    } catch (error) {
      errors_set(
        errors_of(error, (code) =>
          code === 'voucher.bad_time'
            ? 'until'
            : code === 'voucher.no_such_holder'
              ? 'holder-name'
              : undefined,
        ),
      );
    }
    busy_set(false);
  };
  const field = (id: 'from' | 'until' | 'box', hint?: string) => (
    <TextField
      id={id}
      label={t(`voucher.${id}`)}
      hint={hint}
      optional={id === 'box'}
      value={typed[id]}
      change={(text) => set({ [id]: text })}
      error={error_at(errors, id)}
      autocomplete="off"
    />
  );
  return (
    <Card title={t('voucher.issue')}>
      <form class="form form-wide" onSubmit={(event) => void submit(event)} noValidate>
        <ErrorSummary errors={errors} />
        <div class="form-grid">
          <HolderFields typed={typed} set={set} departments={departments} errors={errors} />
          <TextField
            id="units"
            label={t('voucher.units')}
            inputMode="decimal"
            value={typed.amount}
            change={(amount) => set({ amount })}
            error={error_at(errors, 'units')}
          />
          <SelectField
            id="use"
            label={t('voucher.use')}
            value={typed.use}
            change={(use) => set({ use: use as VoucherUse })}
            choices={USES.map((use) => ({ value: use, text: t(`voucher.use.${use}`) }))}
          />
          {field('from', t('voucher.day_hint'))}
          {field('until', t('voucher.day_hint'))}
          <TextField
            id="cap"
            label={t('voucher.cap')}
            optional
            inputMode="decimal"
            value={typed.cap}
            change={(cap) => set({ cap })}
            error={error_at(errors, 'cap')}
          />
          {field('box', t('voucher.box_hint'))}
        </div>
        <Button type="submit" kind="primary" icon="plus" busy={busy}>
          {t('voucher.issue_submit')}
        </Button>
      </form>
    </Card>
  );
}

// ---- from other boxes --------------------------------------------------------------------------

function Trust({ done }: { done: () => void }) {
  const [name, name_set] = useState('');
  const [key, key_set] = useState('');
  const [errors, errors_set] = useState<FieldError[]>([]);
  const submit = async (event: Event) => {
    event.preventDefault();
    const wrong: FieldError[] = [];
    if (!name.trim()) {
      wrong.push({ field: 'issuer', text: t('form.missing', { label: t('voucher.issuer_name') }) });
    }
    if (!key.trim()) {
      wrong.push({ field: 'pem', text: t('form.missing', { label: t('bundle.public_key') }) });
    }
    errors_set(wrong);
    if (wrong.length) return;
    try {
      await post('/vouchers/issuers', { name: name.trim(), public_key: key });
      toast(t('voucher.trusted', { name: name.trim() }));
      name_set('');
      key_set('');
      done();
    } catch (error) {
      errors_set(errors_of(error, () => 'pem'));
    }
  };
  return (
    <form class="form" onSubmit={(event) => void submit(event)} noValidate>
      <ErrorSummary errors={errors} />
      <TextField
        id="issuer"
        label={t('voucher.issuer_name')}
        value={name}
        change={name_set}
        error={error_at(errors, 'issuer')}
        autocomplete="off"
      />
      <TextField
        id="pem"
        label={t('bundle.public_key')}
        hint={t('voucher.pem_hint')}
        multiline={4}
        value={key}
        change={key_set}
        error={error_at(errors, 'pem')}
      />
      <Button type="submit">{t('voucher.trust')}</Button>
    </form>
  );
}

export function VoucherImport({ made }: { made: (one: Voucher) => void }) {
  const issuers = useGet<Issuers>('/vouchers/issuers');
  const [text, text_set] = useState('');
  const [errors, errors_set] = useState<FieldError[]>([]);
  const [busy, busy_set] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy) return;
    const wrong = text.trim()
      ? []
      : [{ field: 'voucher-text', text: t('form.missing', { label: t('voucher.text') }) }];
    errors_set(wrong);
    if (wrong.length) return;
    busy_set(true);
    try {
      made(await post<Voucher>('/vouchers/import', { text: text.trim() }));
      toast(t('voucher.imported'));
      text_set('');
    } catch (error) {
      errors_set(errors_of(error, () => 'voucher-text'));
    }
    busy_set(false);
  };
  return (
    <Card title={t('voucher.import')}>
      <form class="form" onSubmit={(event) => void submit(event)} noValidate>
        <ErrorSummary errors={errors} />
        <TextField
          id="voucher-text"
          label={t('voucher.text')}
          hint={t('voucher.import_hint')}
          multiline={3}
          value={text}
          change={text_set}
          error={error_at(errors, 'voucher-text')}
          spellcheck={false}
        />
        <Button type="submit" kind="primary" icon="import" busy={busy}>
          {t('voucher.import_submit')}
        </Button>
      </form>
      <h3>{t('voucher.issuers')}</h3>
      <Shown from={issuers} lines={2}>
        {(data) => (
          <Facts
            items={[
              [t('voucher.own_box'), <code>{data.own}</code>],
              ...data.items.map(
                (one) => [one.name, <code>{one.fingerprint}</code>] as [string, preact.JSX.Element],
              ),
            ]}
          />
        )}
      </Shown>
      {may('security') && <Trust done={issuers.reload} />}
    </Card>
  );
}
