// One job: its state as it changes, why it waits, what it used, its log, and the way to its result.
import { useEffect } from 'preact/hooks';
import { BASE, remove } from '../api';
import { ask } from '../components/dialog';
import { Button, LinkButton } from '../components/form';
import {
  JobFault,
  JobState,
  Progress,
  job_cancel,
  job_title,
  why_waiting,
} from '../components/job';
import { JobApprovalCard } from '../components/approval';
import { Card, ErrorBox, Loading, Notice, Page, Shown } from '../components/page';
import { Facts } from '../components/table';
import { ProgramCards } from '../components/program';
import { JobWhen } from '../components/when';
import { bytes, count, decimal, duration, time_exact } from '../format';
import { job_is_over, useJob } from '../live';
import { useGet } from '../load';
import { t, t_or } from '../messages';
import type { PageProps } from '../page_props';
import { may, person, toast_error } from '../state';
import type { Job } from '../types';

const LOG_POLL_MS = 2000;

function subject_path(job: Job): string {
  const subject = job.subject;
  if (!subject?.id) return '';
  return subject.kind === 'dataset'
    ? `/datasets/${subject.id}`
    : subject.kind === 'release'
      ? `/releases/${subject.id}`
      : subject.kind === 'model'
        ? `/models/${subject.id}`
        : subject.kind === 'search'
          ? `/searches/${subject.id}`
        : '';
}

function Log({ job }: { job: Job }) {
  const log = useGet<{ text: string }>(`/jobs/${job.id}/log`);
  const over = job_is_over(job);
  useEffect(() => {
    if (over) {
      log.reload();
      return undefined;
    }
    const timer = setInterval(log.reload, LOG_POLL_MS);
    return () => clearInterval(timer);
  }, [job.id, over]);
  const drop = async () => {
    const confirm = t('action.delete');
    const sure = await ask({ title: t('job.log'), text: t('job.log_delete'), confirm, danger: true });
    if (sure !== null) remove(`/jobs/${job.id}/log`).then(log.reload, toast_error);
  };
  const deletable = over && log.data?.text && (may('system') || job.actor === person.value?.name);
  return (
    <Card
      title={t('job.log')}
      actions={deletable && <Button onClick={() => void drop()}>{t('action.delete')}</Button>}
    >
      <Shown from={log}>
        {(data) =>
          data.text ? (
            <pre class="log" tabIndex={0} aria-label={t('job.log')}>
              {data.text}
            </pre>
          ) : (
            <p class="muted">{t('job.log_empty')}</p>
          )
        }
      </Shown>
    </Card>
  );
}

function JobFacts({ job }: { job: Job }) {
  const ran = job.started_ms ? (job.ended_ms ?? Date.now()) - job.started_ms : 0;
  const about: [string, preact.ComponentChildren][] = [
    [t('job.actor'), job.actor],
    [t('job.created'), time_exact(job.created_ms)],
    [t('job.started'), job.started_ms ? time_exact(job.started_ms) : '–'],
    [t('job.ended'), job.ended_ms ? time_exact(job.ended_ms) : '–'],
    [t('job.ran'), ran ? duration(ran) : '–'],
    [t('job.rows_done'), job.rows ? count(job.rows) : '–'],
    [t('job.attempt'), String(job.attempt)],
    [
      t('job.paused'),
      job.paused
        ? [count(job.paused), job.gave_way && t_or(`job.gave_way.${job.gave_way}`, job.gave_way)]
            .filter(Boolean)
            .join(' · ')
        : '–',
    ],
    [t('job.cpu'), t('job.cores', { cores: decimal(job.cpu_milli / 1000, 1) })],
    [t('job.memory'), bytes(job.memory_bytes)],
    [t('job.memory_used'), job.memory_used_bytes ? bytes(job.memory_used_bytes) : '–'],
    [t('job.confine'), t_or(`confine.${job.confine}`, job.confine)],
  ];
  if (job.engine) {
    const state = t_or(`engine.${job.engine.state}`, job.engine.state);
    const why = job.engine.reason && ` (${job.engine.reason})`;
    const { id, account, account_wanted: wanted } = job.engine;
    about.push([t('job.engine'), `Slurm ${id}: ${state}${why}`]);
    if (account) {
      const text = wanted ? t('job.engine_account_other', { account, wanted }) : account;
      about.push([t('job.engine_account'), text]);
    }
  }
  return <Facts items={about} />;
}

function Body({ job }: { job: Job }) {
  const path = subject_path(job);
  return (
    <>
      <Card title={t('job.about')}>
        <div aria-live="polite">
          {job.state === 'queued' && (
            <Notice title={t('job.waits')}>
              {why_waiting(job)}{' '}
              {job.reservation ? <a href="/calendar">{t('job.see_calendar')}</a> : null}{' '}
              {job.blocker ? <a href={`/jobs/${job.blocker}`}>{t('job.see_blocker')}</a> : null}
            </Notice>
          )}
          {job.state === 'running' && <Progress job={job} />}
          <JobFault job={job} />
        </div>
        <JobFacts job={job} />
        <div class="actions">
          {path && (
            <LinkButton href={path} icon="arrow">
              {job.subject.name || t('job.subject')}
            </LinkButton>
          )}
          {job.download && job.step !== 'command' && (
            <LinkButton
              href={`${BASE}/jobs/${job.id}/download`}
              kind="primary"
              icon="download"
              download
            >
              {t(job.step === 'cleanse' ? 'bundle.fetch' : 'file.download')}
            </LinkButton>
          )}
        </div>
      </Card>
      <ProgramCards job={job} />
      <JobApprovalCard job={job} />
      <JobWhen job={job} />
      <Log job={job} />
    </>
  );
}

export default function JobPage({ params }: PageProps) {
  const id = Number(params['id']);
  const first = useGet<Job>(`/jobs/${params['id']!}`);
  const job = useJob(Number.isSafeInteger(id) ? id : null) ?? first.data;
  return (
    <Page
      title={job ? job_title(job) : t('job.one')}
      crumbs={[{ text: t('nav.jobs'), href: '/jobs' }]}
      badge={job && <JobState job={job} />}
      actions={
        job &&
        !job_is_over(job) && (
          <Button kind="danger" icon="close" onClick={() => void job_cancel(job)}>
            {t('job.cancel')}
          </Button>
        )
      }
    >
      {job ? (
        <Body job={job} />
      ) : first.error ? (
        <ErrorBox error={first.error} retry={first.reload} />
      ) : (
        <Loading lines={5} />
      )}
    </Page>
  );
}
