// Jobs that ask for more than their department may have without approval: what they ask for, what
// would come of it now, and the word of those who decide.
import { post } from '../api';
import { count, time_exact } from '../format';
import { job_put } from '../live';
import { t } from '../messages';
import { may, person, toast, toast_error } from '../state';
import type { Job, JobApproval } from '../types';
import { threshold_label, threshold_text } from '../units';
import { ask } from './dialog';
import { Button } from './form';
import { job_title } from './job';
import { Card } from './page';
import { Facts, Table } from './table';

async function decide(job: Job, approve: boolean, decided?: () => void): Promise<void> {
  const name = job_title(job);
  const reason = await ask({
    title: t(approve ? 'approval.ask_title' : 'approval.turn_down_title', { name }),
    text: t(approve ? 'approval.ask_text' : 'release.reject_text'),
    confirm: t(approve ? 'approval.ask' : 'approval.turn_down'),
    danger: !approve,
    input: { label: t('approval.comment'), required: !approve },
  });
  if (reason === null) return;
  try {
    job_put(await post<Job>(`/jobs/${job.id}/${approve ? 'approve' : 'reject'}`, { reason }));
    toast(t(approve ? 'approval.approved' : 'approval.rejected_toast'));
  } catch (error) {
    toast_error(error);
  }
  decided?.();
}

function over_text({ over }: JobApproval): string[] {
  return over.map(({ threshold, asks, most }) =>
    t('approval.over_one', {
      share: threshold_label(threshold),
      asks: threshold_text(threshold, asks),
      most: threshold_text(threshold, most),
    }),
  );
}

function start_text({ start_ms }: JobApproval): string {
  if (!start_ms) return t('approval.now_unknown');
  const soon = start_ms < Date.now() + 2000;
  return soon ? t('approval.now_soon') : t('approval.now_time', { time: time_exact(start_ms) });
}

// What those who decide may press; for others, and for one's own job, nothing or a word.
function Decide({ job, decided }: { job: Job; decided?: () => void }) {
  if (!may('system')) return null;
  if (job.actor === person.value?.name) return <p class="muted">{t('approval.own')}</p>;
  const name = job_title(job);
  return (
    <div class="actions">
      <Button
        kind="primary"
        aria-label={t('approval.ask_title', { name })}
        onClick={() => void decide(job, true, decided)}
      >
        {t('approval.ask')}
      </Button>
      <Button
        kind="danger"
        aria-label={t('approval.turn_down_title', { name })}
        onClick={() => void decide(job, false, decided)}
      >
        {t('approval.turn_down')}
      </Button>
    </div>
  );
}

export function ApprovalsTable({ jobs, decided }: { jobs: Job[]; decided: () => void }) {
  return (
    <Table label={t('approval.waiting')}>
      <thead>
        <tr>
          <th>{t('job.what')}</th>
          <th>{t('job.actor')}</th>
          <th>{t('approval.over')}</th>
          <th>{t('approval.now')}</th>
          {may('system') && <th>{t('table.action')}</th>}
        </tr>
      </thead>
      <tbody>
        {jobs.map((job) => (
          <tr key={job.id}>
            <th scope="row">
              <a href={`/jobs/${job.id}`}>{job_title(job)}</a>
              {job.array && ` × ${count(job.array.count)}`}
            </th>
            <td>
              {job.actor}
              <div class="muted small">{time_exact(job.created_ms)}</div>
            </td>
            <td>
              {job.approval && over_text(job.approval).map((text) => <div key={text}>{text}</div>)}
            </td>
            <td>{job.approval && start_text(job.approval)}</td>
            {may('system') && (
              <td>
                <Decide job={job} decided={decided} />
              </td>
            )}
          </tr>
        ))}
      </tbody>
    </Table>
  );
}

export function JobApprovalCard({ job }: { job: Job }) {
  const approval = job.approval;
  if (!approval) return null;
  const waits = approval.state === 'waiting' && job.state === 'queued';
  // One that was cancelled meanwhile waits for nobody.
  if (approval.state === 'waiting' && !waits) return null;
  const facts: [string, preact.ComponentChildren][] = [
    [
      t('approval.state'),
      t(`approval.state.${approval.state}`, {
        name: approval.decided_by,
        time: approval.decided_ms ? time_exact(approval.decided_ms) : '',
      }),
    ],
    [t('approval.over'), over_text(approval).map((text) => <div key={text}>{text}</div>)],
  ];
  if (waits) facts.push([t('approval.now'), start_text(approval)]);
  if (approval.reason) facts.push([t('approval.comment'), approval.reason]);
  return (
    <Card title={t('approval.state')} tone={waits ? 'accent' : undefined}>
      <Facts items={facts} />
      {waits && <Decide job={job} />}
    </Card>
  );
}
