// Home: the one next step, what waits for a decision, and what runs. The data's way as a map.
import { LinkButton } from '../components/form';
import { Icon, type IconName } from '../components/icon';
import { LimitWarning } from '../components/limits';
import { array_text } from '../components/program';
import { JobState, job_title, why_waiting } from '../components/job';
import { Badge, Card, Empty, Notice, Page, Shown } from '../components/page';
import { Table } from '../components/table';
import { ago, count } from '../format';
import { jobs_live, useJobsEnded } from '../live';
import { useGet } from '../load';
import { t, t_or, type MessageKey } from '../messages';
import { may, person } from '../state';
import type { Home, Job, Person, Role } from '../types';

const way: { key: MessageKey; icon: IconName; path: string; roles: Role[] }[] = [
  { key: 'way.import', icon: 'import', path: '/import', roles: ['data'] },
  { key: 'way.check', icon: 'eye', path: '/datasets', roles: ['data'] },
  { key: 'way.cleanse', icon: 'dataset', path: '/datasets', roles: ['data'] },
  { key: 'way.publish', icon: 'release', path: '/releases', roles: [] },
  { key: 'way.train', icon: 'train', path: '/train', roles: ['research'] },
  { key: 'way.use', icon: 'model', path: '/models', roles: ['research'] },
];

function Way() {
  return (
    <ol class="way" aria-label={t('home.way')}>
      {way.map((step, i) => (
        <li key={step.key}>
          {may(...step.roles) ? (
            <a href={step.path}>
              <span class="way-number">{i + 1}</span>
              <Icon name={step.icon} />
              <span>{t(step.key)}</span>
            </a>
          ) : (
            <span class="way-off">
              <span class="way-number">{i + 1}</span>
              <Icon name={step.icon} />
              <span>{t(step.key)}</span>
            </span>
          )}
        </li>
      ))}
    </ol>
  );
}

function Next({ home }: { home: Home }) {
  const text = t_or(home.next.key, t('home.next.look'));
  return (
    <section class="next">
      <div>
        <p class="next-label">{t('home.next')}</p>
        <h2>{text}</h2>
        <p>{t_or(`${home.next.key}.hint`, '')}</p>
      </div>
      <LinkButton href={home.next.path || '/'} kind="primary" icon="arrow">
        {t('home.go')}
      </LinkButton>
    </section>
  );
}

function Counts({ home }: { home: Home }) {
  const c = home.counts;
  const tiles: [MessageKey, number, string, boolean][] = [
    ['home.count.datasets', c.datasets, '/datasets', may('data')],
    [
      'home.count.pending',
      c.releases_pending,
      '/releases?state=pending',
      may('data', 'security', 'audit'),
    ],
    ['home.count.releases', c.releases, '/releases', true],
    ['home.count.models', c.models, '/models', may('research')],
    ['home.count.jobs', c.jobs_running + c.jobs_queued, '/jobs', true],
  ];
  return (
    <ul class="tiles">
      {tiles
        .filter(([, , , on]) => on)
        .map(([key, value, path]) => (
          <li key={key}>
            <a href={path}>
              <b>{count(value)}</b>
              <span>{t(key, { count: value })}</span>
            </a>
          </li>
        ))}
    </ul>
  );
}

function Pending({ home }: { home: Home }) {
  if (!home.pending.length) return null;
  return (
    <Card title={t('home.pending')} tone="accent">
      <ul class="rows">
        {home.pending.map((release) => (
          <li key={release.id}>
            <a href={`/releases/${release.id}`}>{release.title || release.name}</a>
            <span class="muted">
              {t('home.pending_by', { name: release.requested_by, rows: release.rows })}
              {' · '}
              {ago(release.requested_ms)}
            </span>
            <Badge tone="warn">{t('release.state.pending')}</Badge>
          </li>
        ))}
      </ul>
    </Card>
  );
}

export function JobsTable({ jobs, label }: { jobs: Job[]; label: string }) {
  return (
    <Table label={label}>
      <thead>
        <tr>
          <th>{t('job.what')}</th>
          <th>{t('job.state')}</th>
          <th>{t('job.actor')}</th>
          <th>{t('job.created')}</th>
        </tr>
      </thead>
      <tbody>
        {jobs.map((old) => {
          // The stream tells of single jobs: how an array's tasks stand, the list alone does.
          const job = { ...(jobs_live.value.get(old.id) ?? old), array: old.array };
          return (
            <tr key={job.id}>
              <th scope="row">
                <a href={`/jobs/${job.id}`}>{job_title(job)}</a>
                {job.array?.counts ? (
                  <div class="muted small">
                    <a href={`/jobs?array=${job.array.id}`}>{array_text(job.array)}</a>
                  </div>
                ) : (
                  job.array && <span class="muted"> {job.array.index + 1}</span>
                )}
              </th>
              <td>
                <JobState job={job} />
                {job.state === 'running' && job.total > 0 && (
                  <span class="muted"> {Math.floor((100 * job.done) / job.total)} %</span>
                )}
                {job.state === 'queued' && <div class="muted small">{why_waiting(job)}</div>}
              </td>
              <td>{job.actor}</td>
              <td>{ago(job.created_ms)}</td>
            </tr>
          );
        })}
      </tbody>
    </Table>
  );
}

export default function HomePage() {
  const home = useGet<Home>('/home');
  const me = useGet<Person>('/me');
  useJobsEnded(() => true, home.reload);
  const who = person.value;
  const alone = me.data?.officers_joined && may('system');
  return (
    <Page title={t('home.title', { name: who?.display_name || who?.name || '' })}>
      {alone && (
        <Notice tone="warn" title={t('home.officers')}>
          {t('home.officers_text')} <a href="/people">{t('nav.people')}</a>
        </Notice>
      )}
      {may() && who?.roles.length === 0 && (
        <Notice title={t('home.no_roles')}>{t('home.no_roles_hint')}</Notice>
      )}
      <LimitWarning />
      <Shown from={home}>
        {(data) => (
          <>
            <Next home={data} />
            <Way />
            {data.counts.approvals > 0 && (
              <Notice tone="warn" title={t('home.approvals', { count: data.counts.approvals })}>
                <a href="/jobs?approval=waiting">{t('home.approvals_see')}</a>
              </Notice>
            )}
            <Pending home={data} />
            <Counts home={data} />
            <Card title={t('home.jobs')} flush actions={<a href="/jobs">{t('home.jobs_all')}</a>}>
              {data.jobs.length ? (
                <JobsTable jobs={data.jobs} label={t('home.jobs')} />
              ) : (
                <Empty title={t('home.jobs_none')} text={t('home.jobs_none_text')} icon="job" />
              )}
            </Card>
          </>
        )}
      </Shown>
    </Page>
  );
}
