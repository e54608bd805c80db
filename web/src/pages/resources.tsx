// Who has what now: the machine, what departments and projects hold of it, what runs and what waits
// and why. Asked for again every few seconds while somebody looks.
import { useEffect } from 'preact/hooks';
import { reason_text, step_name } from '../components/job';
import { Badge, Card, Empty, Page, Shown } from '../components/page';
import { Bar, Table } from '../components/table';
import { ago } from '../format';
import { useGet } from '../load';
import { t } from '../messages';
import { SHARES, type ResourceJob, type Resources, type ResourceTenant, type Shares } from '../types';
import { share_text } from '../units';

const POLL_MS = 3000;

function amounts(shares: Shares | null): string {
  const some = SHARES.filter((name) => shares && shares[name] > 0);
  return some.map((name) => share_text(name, shares![name])).join(' · ');
}

// Of a vector the part that is most: how much of the machine somebody holds.
function dominant(used: Shares, capacity: Shares): number {
  return Math.max(0, ...SHARES.map((name) => (capacity[name] > 0 ? used[name] / capacity[name] : 0)));
}

function Machine({ data }: { data: Resources }) {
  return (
    <Card title={t('resources.machine')}>
      {SHARES.filter((name) => data.capacity[name] > 0).map((name) => (
        <div class="gauge" key={name}>
          <p>
            <b>{t(`share.${name}`)}</b>
            <span>
              {t('resources.of', {
                used: share_text(name, data.used[name]),
                most: share_text(name, data.capacity[name]),
              })}
            </span>
          </p>
          <Bar share={Math.min(1, data.used[name] / data.capacity[name])} tone="accent" />
        </div>
      ))}
    </Card>
  );
}

function Tenant({ tenant, capacity }: { tenant: ResourceTenant; capacity: Shares }) {
  return (
    <tr>
      <th scope="row">
        {tenant.path} {tenant.own && <Badge tone="accent">{t('resources.own')}</Badge>}
      </th>
      <td>
        <Bar share={Math.min(1, dominant(tenant.used, capacity))} tone="accent" />
        <span class="muted small">{amounts(tenant.used) || t('resources.nothing')}</span>
      </td>
      <td>{amounts(tenant.quota) || '–'}</td>
      <td class="number">{tenant.running}</td>
      <td class="number">{tenant.waiting}</td>
    </tr>
  );
}

function Tenants({ data }: { data: Resources }) {
  return (
    <Card title={t('resources.by_department')} flush>
      <Table label={t('resources.by_department')}>
        <thead>
          <tr>
            <th>{t('tenant.name')}</th>
            <th>{t('resources.held')}</th>
            <th>{t('resources.guaranteed')}</th>
            <th class="number">{t('resources.running')}</th>
            <th class="number">{t('resources.waiting')}</th>
          </tr>
        </thead>
        <tbody>
          {data.tenants.map((tenant) => (
            <Tenant key={tenant.id} tenant={tenant} capacity={data.capacity} />
          ))}
        </tbody>
      </Table>
    </Card>
  );
}

function JobRow({ job }: { job: ResourceJob }) {
  const name = `${step_name(job.step)}${job.subject ? ` · ${job.subject}` : ''}`;
  return (
    <tr>
      <th scope="row">
        {job.seen ? <a href={`/jobs/${job.id}`}>{name}</a> : t('resources.hidden')}
        {job.actor && <div class="muted small">{job.actor}</div>}
      </th>
      <td>{job.tenant}</td>
      <td>
        <Badge tone={job.state === 'running' ? 'accent' : 'plain'}>
          {t(`resources.state.${job.state}`)}
        </Badge>
        {job.state === 'waiting' && (
          <div class="muted small">{reason_text(job)}</div>
        )}
      </td>
      <td class="number">{share_text('cpu_milli', job.cpu_milli)}</td>
      <td class="number">{share_text('memory_mib', job.memory_mib)}</td>
      <td>{ago(job.since_ms)}</td>
    </tr>
  );
}

function Jobs({ data }: { data: Resources }) {
  return (
    <Card title={t('resources.jobs')} flush>
      {data.jobs.length ? (
        <Table label={t('resources.jobs')}>
          <thead>
            <tr>
              <th>{t('resources.job')}</th>
              <th>{t('tenant.name')}</th>
              <th>{t('job.state')}</th>
              <th class="number">{t('share.cpu_milli')}</th>
              <th class="number">{t('share.memory_mib')}</th>
              <th>{t('resources.since')}</th>
            </tr>
          </thead>
          <tbody>
            {data.jobs.map((job) => (
              <JobRow key={job.id} job={job} />
            ))}
          </tbody>
        </Table>
      ) : (
        <Empty title={t('resources.none')} text={t('resources.none_text')} icon="check" />
      )}
    </Card>
  );
}

export default function ResourcesPage() {
  const now = useGet<Resources>('/resources');
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) now.reload();
    }, POLL_MS);
    return () => clearInterval(timer);
  }, []);
  return (
    <Page title={t('nav.resources')} lead={t('resources.lead')}>
      <Shown from={now} lines={8}>
        {(data) => (
          <>
            <Machine data={data} />
            <Tenants data={data} />
            <Jobs data={data} />
          </>
        )}
      </Shown>
    </Page>
  );
}
