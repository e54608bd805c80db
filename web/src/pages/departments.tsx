// Departments: the tree of departments and projects, what each is guaranteed and may use, what
// compute costs. A change is a draft until it is saved as a new version of the whole; what does not
// add up is told at once. Former versions can be taken back.
import { useEffect, useState } from 'preact/hooks';
import { post } from '../api';
import { ask } from '../components/dialog';
import { Button, ErrorSummary, errors_of, type FieldError } from '../components/form';
import { PolicyPreviewCard } from '../components/policy_preview';
import { RatesForm } from '../components/rates_form';
import { TenantForm, tenant_new } from '../components/tenant_form';
import { Badge, Card, Notice, Page, Shown } from '../components/page';
import { Pager, Table } from '../components/table';
import { time } from '../format';
import { useGet } from '../load';
import { has, t, t_or } from '../messages';
import { query_number } from '../router';
import { may, toast, toast_error } from '../state';
import {
  SHARES,
  type List,
  type Policy,
  type PolicyFinding,
  type PolicyPreview,
  type PolicyVersion,
  type ShareName,
  type Shares,
  type Tenant,
} from '../types';
import { share_text, units } from '../units';

const VERSIONS = 10;
// The server's own bound for what has none, as scratch disk.
const BOUNDLESS = 2 ** 44;

export function tenant_depth(tenants: Tenant[], one: Tenant): number {
  const above = tenants.find((other) => other.id === one.parent);
  return above ? 1 + tenant_depth(tenants, above) : 0;
}

// Children under their parents, each with its depth.
function in_order(tenants: Tenant[], parent = 0): Tenant[] {
  return tenants
    .filter((one) => one.parent === parent)
    .flatMap((one) => [one, ...in_order(tenants, one.id)]);
}

function shares_text(shares: Shares | null): string {
  if (!shares) return t('tenant.no_quota');
  const some = SHARES.filter((name) => shares[name] > 0);
  return some.map((name) => share_text(name, shares[name])).join(' · ') || t('tenant.nothing');
}

function limits_text(limit: Shares): string {
  const some = SHARES.filter((name) => limit[name] >= 0);
  return some.map((name) => share_text(name, limit[name])).join(' · ') || t('tenant.no_limit');
}

function Findings({ policy, findings }: { policy: Policy; findings: PolicyFinding[] }) {
  if (!findings.length) return null;
  const refused = findings.some((one) => one.refused);
  return (
    <Notice tone={refused ? 'bad' : 'warn'} title={t(refused ? 'policy.refused' : 'policy.odd')}>
      <ul>
        {findings.map((one, i) => {
          const share = one.share as ShareName;
          const values = {
            name: policy.tenants.find((tenant) => tenant.id === one.tenant)?.name ?? '',
            share: t_or(`share.${one.share}`, one.share),
            has: share_text(share, one.has),
            most: share_text(share, one.most),
          };
          return <li key={i}>{has(one.code) ? t(one.code, values) : one.code}</li>;
        })}
      </ul>
    </Notice>
  );
}

function Tree({
  policy,
  edit,
  add,
  remove,
}: {
  policy: Policy;
  edit: (one: Tenant) => void;
  add: (below: Tenant) => void;
  remove: (one: Tenant) => void;
}) {
  const people = (id: number) => policy.members.find((one) => one.tenant === id)?.people ?? 0;
  const alone = (one: Tenant) =>
    one.id !== 1 && !policy.tenants.some((other) => other.parent === one.id) && !people(one.id);
  return (
    <Table label={t('policy.tree')} dense>
      <thead>
        <tr>
          <th>{t('tenant.name')}</th>
          <th class="number">{t('tenant.people')}</th>
          <th>{t('tenant.quota')}</th>
          <th>{t('tenant.limit')}</th>
          <th class="number">{t('tenant.weight')}</th>
          <th class="number">{t('tenant.units_month')}</th>
          {may('system') && <th>{t('table.action')}</th>}
        </tr>
      </thead>
      <tbody>
        {in_order(policy.tenants).map((one) => (
          <tr key={one.id}>
            <th scope="row">
              <span class={`depth depth-${tenant_depth(policy.tenants, one)}`}>{one.name}</span>{' '}
              {one.kind === 'project' && <Badge tone="plain">{t('tenant.kind.project')}</Badge>}
            </th>
            <td class="number">{people(one.id)}</td>
            <td>{shares_text(one.quota)}</td>
            <td>{limits_text(one.limit)}</td>
            <td class="number">{one.weight}</td>
            <td class="number">
              {one.caps.units_month < 0 ? t('tenant.no_limit') : units(one.caps.units_month)}
            </td>
            {may('system') && (
              <td>
                <div class="actions">
                  <Button
                    kind="quiet"
                    aria-label={t('tenant.edit_this', { name: one.name })}
                    onClick={() => edit(one)}
                  >
                    {t('tenant.edit')}
                  </Button>
                  {tenant_depth(policy.tenants, one) < 3 && (
                    <Button
                      kind="quiet"
                      aria-label={t('tenant.add_below', { name: one.name })}
                      onClick={() => add(one)}
                    >
                      {t('tenant.add_project')}
                    </Button>
                  )}
                  {alone(one) && (
                    <Button
                      kind="quiet"
                      aria-label={t('tenant.remove_this', { name: one.name })}
                      onClick={() => remove(one)}
                    >
                      {t('tenant.remove')}
                    </Button>
                  )}
                </div>
              </td>
            )}
          </tr>
        ))}
      </tbody>
    </Table>
  );
}

function change_text(change: PolicyVersion['changes'][number]): string {
  if (change.what !== 'changed') return t(`policy.${change.what}`, { name: change.tenant });
  const field = t_or(`policy.field.${change.field}`, change.field);
  return change.tenant ? t('policy.changed', { name: change.tenant, field }) : field;
}

function Versions({ now, restored }: { now: number; restored: (policy: Policy) => void }) {
  const page = query_number('page', 1);
  const list = useGet<List<PolicyVersion>>(
    // A new version is a new list.
    `/policy/versions?page=${page}&size=${VERSIONS}&of=${now}`,
  );
  const restore = async (one: PolicyVersion) => {
    const note = await ask({
      title: t('policy.restore_title', { version: one.version }),
      text: t('policy.restore_text'),
      confirm: t('policy.restore'),
      input: { label: t('policy.note'), required: true },
    });
    if (!note) return;
    try {
      restored(await post<Policy>(`/policy/versions/${one.version}/restore`, { note }));
      toast(t('policy.restored', { version: one.version }));
    } catch (error) {
      toast_error(error);
    }
  };
  return (
    <Card title={t('policy.versions')} flush>
      <Shown from={list} lines={3}>
        {(data) => (
          <>
            <Table label={t('policy.versions')} dense>
              <thead>
                <tr>
                  <th>{t('policy.version')}</th>
                  <th>{t('policy.who_when')}</th>
                  <th>{t('policy.changes')}</th>
                  <th>{t('policy.note')}</th>
                  {may('system') && <th>{t('table.action')}</th>}
                </tr>
              </thead>
              <tbody>
                {data.items.map((one) => (
                  <tr key={one.version}>
                    <th scope="row">{one.version}</th>
                    <td>
                      {one.actor} · {time(one.time_ms)}
                    </td>
                    <td>{one.changes.map(change_text).join('; ') || '–'}</td>
                    <td>{one.note || '–'}</td>
                    {may('system') && (
                      <td>
                        {one.version !== now && (
                          <Button
                            kind="quiet"
                            icon="undo"
                            aria-label={t('policy.restore_title', { version: one.version })}
                            onClick={() => void restore(one)}
                          >
                            {t('policy.restore')}
                          </Button>
                        )}
                      </td>
                    )}
                  </tr>
                ))}
              </tbody>
            </Table>
            <Pager page={page} size={VERSIONS} total={data.total} />
          </>
        )}
      </Shown>
    </Card>
  );
}

function Editor({ saved, set }: { saved: Policy; set: (policy: Policy) => void }) {
  const [draft, draft_set] = useState<Policy>(saved);
  const [open, open_set] = useState<Tenant | 'rates' | null>(null);
  const [findings, findings_set] = useState<PolicyFinding[]>(saved.findings);
  const [preview, preview_set] = useState<PolicyPreview | null>(null);
  const [errors, errors_set] = useState<FieldError[]>([]);
  const [busy, busy_set] = useState(false);
  const changed = draft !== saved;
  const refused = findings.some((one) => one.refused);
  useEffect(() => {
    draft_set(saved);
    findings_set(saved.findings);
    preview_set(null);
  }, [saved]);
  const propose = async (next: Policy) => {
    draft_set(next);
    open_set(null);
    errors_set([]);
    try {
      const found = (await post<Policy>('/policy/check', body_of(next))).findings;
      findings_set(found);
      const sound = !found.some((one) => one.refused);
      preview_set(sound ? await post<PolicyPreview>('/policy/preview', body_of(next)) : null);
    } catch (error) {
      errors_set(errors_of(error));
    }
  };
  const put = (one: Tenant) => {
    const known = draft.tenants.some((other) => other.id === one.id);
    const tenants = known
      ? draft.tenants.map((other) => (other.id === one.id ? one : other))
      : [...draft.tenants, one];
    const next = Math.max(draft.next_tenant, one.id + 1);
    // Parents stand before their children, wherever one was moved to.
    void propose({ ...draft, tenants: in_order(tenants), next_tenant: next });
  };
  const save = async () => {
    const note = await ask({
      title: t('policy.save_title'),
      text: t('policy.save_text'),
      confirm: t('policy.save'),
      input: { label: t('policy.note'), required: true },
    });
    if (!note) return;
    busy_set(true);
    try {
      set(await post<Policy>('/policy', { ...body_of(draft), version: saved.version, note }));
      toast(t('policy.saved'));
    } catch (error) {
      errors_set(errors_of(error));
    }
    busy_set(false);
  };
  const show = (what: Tenant | 'rates') => {
    open_set(what);
    window.scrollTo(0, 0);
  };
  return (
    <>
      <ErrorSummary errors={errors} />
      <Findings policy={draft} findings={findings} />
      {changed && preview && <PolicyPreviewCard preview={preview} />}
      {changed && (
        <Notice tone="warn" title={t('policy.unsaved')}>
          <div class="actions">
            <Button kind="primary" busy={busy} disabled={refused} onClick={() => void save()}>
              {t('policy.save')}
            </Button>
            <Button onClick={() => set({ ...saved })}>{t('policy.discard')}</Button>
          </div>
        </Notice>
      )}
      {open === 'rates' && (
        <RatesForm
          policy={draft}
          done={(next) => (next ? void propose(next) : open_set(null))}
        />
      )}
      {open && open !== 'rates' && (
        <TenantForm
          key={open.id}
          one={open}
          policy={draft}
          done={(next) => (next ? put(next) : open_set(null))}
        />
      )}
      <Card
        flush
        title={t('policy.tree')}
        actions={
          may('system') && (
            <>
              <Button icon="plus" onClick={() => show(tenant_new(draft, 0))}>
                {t('tenant.add')}
              </Button>
              <Button onClick={() => show('rates')}>{t('policy.rates')}</Button>
            </>
          )
        }
      >
        <Tree
          policy={draft}
          edit={show}
          add={(below) => show(tenant_new(draft, below.id))}
          remove={(one) =>
            void propose({
              ...draft,
              tenants: draft.tenants.filter((other) => other.id !== one.id),
            })
          }
        />
        <p class="card-note">
          {t('policy.box', {
            cpu: share_text('cpu_milli', draft.capacity.cpu_milli),
            memory: share_text('memory_mib', draft.capacity.memory_mib),
          })}
          {draft.capacity.disk_mib < BOUNDLESS &&
            ` · ${share_text('disk_mib', draft.capacity.disk_mib)}`}
          {draft.capacity.device_milli > 0 &&
            ` · ${share_text('device_milli', draft.capacity.device_milli)}`}
        </p>
      </Card>
    </>
  );
}

function body_of(policy: Policy) {
  return {
    rate_micro: policy.rate_micro,
    utc_offset_minutes: policy.utc_offset_minutes,
    tenants: policy.tenants,
  };
}

export default function DepartmentsPage() {
  const policy = useGet<Policy>('/policy');
  return (
    <Page title={t('nav.departments')} lead={t('policy.lead')} wide>
      <Shown from={policy} lines={6}>
        {(data) => (
          <>
            <Editor saved={data} set={policy.set} />
            <Versions now={data.version} restored={policy.set} />
          </>
        )}
      </Shown>
    </Page>
  );
}
