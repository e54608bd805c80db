// A person's own program on its job's page: what was asked for, its array, the files it left.
import { BASE, patch, post } from '../api';
import { bytes, count, decimal, duration } from '../format';
import { job_is_over, job_put } from '../live';
import { useGet } from '../load';
import { t } from '../messages';
import { may, person, toast, toast_error } from '../state';
import type { Job, JobArray, List } from '../types';
import { words_text } from '../words';
import { ask } from './dialog';
import { Button, LinkButton } from './form';
import { Card } from './page';
import { Facts, Table } from './table';

const HOUR_MS = 3_600_000;

export function array_text(array: JobArray): string {
  const counts = array.counts;
  if (!counts) return t('array.tasks', { count: array.count });
  const ended = counts.done + counts.failed + counts.cancelled;
  return t('array.counts', {
    count: array.count,
    ended,
    running: counts.running,
    failed: counts.failed,
  });
}

async function lease_extend(job: Job): Promise<void> {
  const text = await ask({
    title: t('lease.extend'),
    text: t('lease.extend_text'),
    confirm: t('lease.extend'),
    input: {
      label: t('lease.hours'),
      required: true,
      value: decimal(job.time_limit_ms / HOUR_MS + 1, 1),
    },
  });
  if (text === null) return;
  try {
    const time_limit_ms = Math.round(Number(text) * HOUR_MS) || 0;
    job_put(await patch<Job>(`/jobs/${job.id}`, { time_limit_ms }));
    toast(t('lease.extended'));
  } catch (error) {
    toast_error(error);
  }
}

async function array_cancel(job: Job): Promise<void> {
  const sure = await ask({
    title: t('array.cancel'),
    text: t('array.cancel_text'),
    confirm: t('array.cancel'),
    danger: true,
  });
  if (sure === null) return;
  try {
    job_put(await post<Job>(`/jobs/${job.id}/cancel`, { array: true }));
    toast(t('array.cancelled'));
  } catch (error) {
    toast_error(error);
  }
}

// Where one task stands among the others: the row of the list knows how all of them do.
function ArrayCard({ job, array }: { job: Job; array: JobArray }) {
  const left = useGet<List<Job>>(`/jobs?array=${array.id}&state=queued&size=1`);
  const failed = useGet<List<Job>>(`/jobs?array=${array.id}&state=failed&size=1`);
  return (
    <Card title={t('array.title')}>
      <p>
        {t('array.place', { index: array.index + 1, count: array.count })}{' '}
        {left.data && failed.data
          ? t('array.left', { queued: left.data.total, failed: failed.data.total })
          : ''}
      </p>
      <div class="actions">
        <LinkButton href={`/jobs?array=${array.id}`} icon="job">
          {t('array.see')}
        </LinkButton>
        {(job.actor === person.value?.name || may('system')) && (
          <Button icon="close" onClick={() => void array_cancel(job)}>
            {t('array.cancel')}
          </Button>
        )}
      </div>
    </Card>
  );
}

function Files({ job }: { job: Job }) {
  const list = (job.summary?.['list'] ?? []) as { name: string; bytes: number }[];
  const all = Number(job.summary?.['files'] ?? 0);
  const left_out = Number(job.summary?.['left_out'] ?? 0);
  if (job.state !== 'done') return null;
  return (
    <Card
      title={t('run.output')}
      actions={
        job.download && (
          <LinkButton href={`${BASE}/jobs/${job.id}/download`} icon="download" download>
            {t('run.output_all')}
          </LinkButton>
        )
      }
    >
      {list.length ? (
        <Table label={t('run.output')}>
          <thead>
            <tr>
              <th>{t('run.file')}</th>
              <th class="number">{t('run.size')}</th>
            </tr>
          </thead>
          <tbody>
            {list.map((file) => (
              <tr key={file.name}>
                <th scope="row">
                  <a
                    href={`${BASE}/jobs/${job.id}/output?name=${encodeURIComponent(file.name)}`}
                    download
                  >
                    {file.name}
                  </a>
                </th>
                <td class="number">{bytes(file.bytes)}</td>
              </tr>
            ))}
          </tbody>
        </Table>
      ) : (
        <p class="muted">{t('run.output_none')}</p>
      )}
      {all > list.length && <p class="hint">{t('run.output_more', { count: all })}</p>}
      {left_out > 0 && <p class="hint">{t('run.output_left_out', { count: left_out })}</p>}
    </Card>
  );
}

export function ProgramCards({ job }: { job: Job }) {
  const program = job.program;
  if (!program) return null;
  const facts: [string, preact.ComponentChildren][] = [
    [t('run.command'), <code key="command">{words_text(program.command)}</code>],
    [t('run.time'), duration(job.time_limit_ms)],
    [t('run.disk'), bytes(program.disk_bytes)],
  ];
  if (program.device_milli)
    facts.push([t('run.devices'), decimal(program.device_milli / 1000, 2)]);
  if ((program.members ?? 1) > 1) facts.push([t('run.members'), count(program.members!)]);
  if (program.own_cpus) facts.push([t('run.own_cpus'), t('run.yes')]);
  if (program.restartable) facts.push([t('run.restartable'), t('run.yes')]);
  if (program.lease) facts.push([t('run.lease'), t('run.yes')]);
  const mine = job.actor === person.value?.name;
  return (
    <>
      <Card title={t('run.program')}>
        <Facts items={facts} />
        {program.lease && mine && !job_is_over(job) && (
          <div class="actions">
            <Button onClick={() => void lease_extend(job)}>{t('lease.extend')}</Button>
          </div>
        )}
      </Card>
      <Files job={job} />
      {job.array && <ArrayCard job={job} array={job.array} />}
    </>
  );
}
