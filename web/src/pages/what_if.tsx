// What if: would this start now; what if a department were guaranteed more; what if the machine
// were larger; and a past week once more under such a change. Nothing here changes anything.
import { useState } from 'preact/hooks';
import { post } from '../api';
import { Button, CheckField, SelectField, TextField } from '../components/form';
import { step_name } from '../components/job';
import { Card, ErrorBox, Notice, Page, Shown } from '../components/page';
import { Grid } from '../components/table';
import { Week } from '../components/week';
import { OtherName, WhatIfAnswer, WhatIfOthers, clock, useWhatIf } from '../components/what_if';
import { useGet } from '../load';
import { t } from '../messages';
import { may } from '../state';
import type { Policy, PolicyPreview, ShareName, Tenant } from '../types';
import { share_factor } from '../units';

const GIB = 1024 ** 3;
const NUMBER = /^-?\d+([.,]\d+)?$/;

function number(text: string): number {
  return NUMBER.test(text.trim()) ? Number(text.trim().replace(',', '.')) : Number.NaN;
}

// ---- if I submit this now ------------------------------------------------------------------------
function Submit() {
  const [cpus, cpus_set] = useState('1');
  const [memory, memory_set] = useState('2');
  const [minutes, minutes_set] = useState('30');
  const [pauses, pauses_set] = useState(false);
  const [cpu, gib, length] = [number(cpus), number(memory), number(minutes)];
  const sound = cpu > 0 && gib > 0 && length >= 0;
  const answer = useWhatIf(
    sound
      ? {
          cpu_milli: Math.max(1, Math.round(cpu * 1000)),
          memory_bytes: Math.round(gib * GIB),
          estimate_ms: Math.round(length * 60_000),
          ...(pauses ? { checkpoint_ms: 30_000 } : {}),
        }
      : null,
  );
  return (
    <Card title={t('whatif.submit')}>
      <div class="form-grid">
        <TextField id="cpus" label={t('share.cpu_milli')} inputMode="decimal" value={cpus} change={cpus_set} />
        <TextField id="memory" label={t('whatif.memory')} inputMode="decimal" value={memory} change={memory_set} />
        <TextField id="minutes" label={t('whatif.minutes')} inputMode="decimal" value={minutes} change={minutes_set} />
      </div>
      <CheckField id="pauses" label={t('whatif.pauses')} value={pauses} change={pauses_set} />
      <p class="what-if" aria-live="polite">
        {!sound && t('whatif.numbers')}
        {sound && answer && (
          <>
            <WhatIfAnswer answer={answer} />
            <WhatIfOthers answer={answer} />
          </>
        )}
      </p>
      {answer && answer.delays.length > 0 && (
        <Grid
          label={t('whatif.later')}
          columns={[t('whatif.later'), t('preview.before'), t('preview.after')]}
          rows={answer.delays.map((one) => [
            <OtherName job={one} />,
            clock(one.before_ms ?? 0),
            clock(one.after_ms ?? 0),
          ])}
        />
      )}
    </Card>
  );
}

// ---- a change that is thought of -------------------------------------------------------------------
interface Change {
  tenant: string;
  share: ShareName;
  more: string; // of its guaranteed share
  cpus: string; // of the machine
  memory: string;
}
const NONE: Change = { tenant: '', share: 'cpu_milli', more: '', cpus: '', memory: '' };

// The policy with one guaranteed share larger or smaller; null: nothing is changed.
function drafted(policy: Policy, change: Change) {
  const more = number(change.more || '0') * share_factor[change.share];
  if (!change.tenant || !more) return null;
  const grown = (one: Tenant): Tenant => {
    const none = { cpu_milli: 0, memory_mib: 0, disk_mib: 0, device_milli: 0 };
    const quota = { ...none, ...one.quota };
    quota[change.share] = Math.max(0, Math.round(quota[change.share] + more));
    return { ...one, quota };
  };
  return {
    version: policy.version,
    note: '',
    rate_micro: policy.rate_micro,
    utc_offset_minutes: policy.utc_offset_minutes,
    tenants: policy.tenants.map((one) => (String(one.id) === change.tenant ? grown(one) : one)),
  };
}

function grown(policy: Policy, change: Change) {
  const cpus = number(change.cpus || '0');
  const memory = number(change.memory || '0');
  if (!cpus && !memory) return null;
  return {
    cpu_milli: Math.max(100, policy.capacity.cpu_milli + Math.round(cpus * 1000)),
    memory_bytes: Math.max(GIB / 4, policy.capacity.memory_mib * 1024 ** 2 + memory * GIB),
  };
}

// Each waiting job's likely start before and after; who would have to give way.
function Queue({ preview, label }: { preview: PolicyPreview; label: string }) {
  const gives = preview.at_once.filter((one) => one.what === 'gives_way');
  const at = (ms: number | null) => (ms ? clock(ms) : t('preview.unknown'));
  if (!preview.waiting.length && !gives.length) return <p>{t('whatif.nobody')}</p>;
  return (
    <>
      {gives.map((one) => (
        <p key={one.job}>
          <a href={`/jobs/${one.job}`}>{t('whatif.job', { id: String(one.job) })}</a>{' '}
          {t('preview.gives_way', { id: String(one.for) })}
        </p>
      ))}
      <Grid
        label={label}
        columns={[t('whatif.queue'), t('preview.before'), t('preview.after')]}
        rows={preview.waiting.map((one) => [
          <a href={`/jobs/${one.job}`}>
            {`${one.job} · ${[step_name(one.step), one.subject].filter(Boolean).join(' · ')}`}
          </a>,
          at(one.before_ms),
          at(one.after_ms),
        ])}
      />
    </>
  );
}

function Try({ body, label }: { body: object | null; label: string }) {
  const [preview, preview_set] = useState<{ of: string; data: PolicyPreview } | null>(null);
  const [error, error_set] = useState<unknown>(null);
  const text = JSON.stringify(body);
  const ask = async () => {
    error_set(null);
    try {
      preview_set({ of: text, data: await post<PolicyPreview>('/policy/preview', body) });
    } catch (failure) {
      error_set(failure);
    }
  };
  return (
    <>
      <div class="actions">
        <Button icon="eye" disabled={!body} onClick={() => void ask()}>
          {t('whatif.show')}
        </Button>
      </div>
      {error !== null && <ErrorBox error={error} />}
      <div aria-live="polite">
        {preview?.of === text && <Queue preview={preview.data} label={label} />}
      </div>
    </>
  );
}

function Department({ policy, change, set }: ChangeProps) {
  return (
    <Card title={t('whatif.department')}>
      <div class="form-grid">
        <SelectField
          id="tenant"
          label={t('tenant.name')}
          value={change.tenant}
          change={(tenant) => set({ ...change, tenant })}
          choices={[
            { value: '', text: t('form.choose') },
            ...policy.tenants.map((one) => ({ value: String(one.id), text: one.name })),
          ]}
        />
        <SelectField
          id="share"
          label={t('whatif.resource')}
          value={change.share}
          change={(share) => set({ ...change, share: share as ShareName })}
          choices={(['cpu_milli', 'memory_mib'] as const).map((value) => ({
            value,
            text: t(`share.${value}`),
          }))}
        />
        <TextField
          id="more"
          label={t('whatif.more_guaranteed')}
          hint={t('whatif.more_hint')}
          inputMode="text"
          value={change.more}
          placeholder="+4"
          change={(more) => set({ ...change, more: more.replace('+', '') })}
        />
      </div>
      {may('system') && <Try body={drafted(policy, change)} label={t('whatif.department')} />}
    </Card>
  );
}

function Machine({ policy, change, set }: ChangeProps) {
  const capacity = grown(policy, change);
  return (
    <Card title={t('whatif.machine')}>
      <div class="form-grid">
        <TextField
          id="more-cpus"
          label={t('whatif.more_cpus')}
          inputMode="text"
          value={change.cpus}
          placeholder="+8"
          change={(cpus) => set({ ...change, cpus: cpus.replace('+', '') })}
        />
        <TextField
          id="more-memory"
          label={t('whatif.more_memory')}
          inputMode="text"
          value={change.memory}
          placeholder="+32"
          change={(memory) => set({ ...change, memory: memory.replace('+', '') })}
        />
      </div>
      {may('system') && <Try body={capacity && { capacity }} label={t('whatif.machine')} />}
    </Card>
  );
}

interface ChangeProps {
  policy: Policy;
  change: Change;
  set: (change: Change) => void;
}

function Changes() {
  const policy = useGet<Policy>('/policy');
  const [change, change_set] = useState<Change>(NONE);
  return (
    <Shown from={policy} lines={6}>
      {(data) => (
        <>
          <Department policy={data} change={change} set={change_set} />
          <Machine policy={data} change={change} set={change_set} />
          <Week policy={drafted(data, change)} capacity={grown(data, change)} />
        </>
      )}
    </Shown>
  );
}

export default function WhatIfPage() {
  return (
    <Page title={t('nav.what_if')} lead={t('whatif.lead')}>
      <Submit />
      {may('system', 'security', 'audit') ? <Changes /> : <Notice title={t('whatif.officers')} />}
    </Page>
  );
}
