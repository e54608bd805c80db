// The jobs, live: what runs, what waits and why, what ended and how.
import { ApprovalsTable } from '../components/approval';
import { Card, Empty, Page, Shown, Tabs } from '../components/page';
import { Pager } from '../components/table';
import { live } from '../live';
import { useGet } from '../load';
import { t } from '../messages';
import { query_number, query_text } from '../router';
import { useEffect } from 'preact/hooks';
import { JOB_STATES, type Job, type List } from '../types';
import { JobsTable } from './home';

const SIZE = 25;
const POLL_MS = 3000;

export default function JobsPage() {
  const state = query_text('state');
  const unapproved = query_text('approval') === 'waiting';
  const page = query_number('page', 1);
  const array = query_number('array', 0);
  const filter =
    (unapproved ? 'state=queued&approval=waiting' : `state=${state}`) +
    (array ? `&array=${array}` : '');
  const list = useGet<List<Job>>(`/jobs?${filter}&page=${page}&size=${SIZE}`);
  const moving = list.data?.items.some((job) => {
    const counts = job.array?.counts;
    if (counts && counts.queued + counts.running > 0) return true;
    return job.state === 'queued' || job.state === 'running';
  });
  const within = array ? `array=${array}` : '';
  // New jobs of others come by asking; those on the list change by the event stream.
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden && (!live.value || moving)) list.reload();
    }, POLL_MS);
    return () => clearInterval(timer);
  }, [filter, page, moving]);
  return (
    <Page title={t('nav.jobs')} lead={t('jobs.lead')}>
      <Tabs
        label={t('nav.jobs')}
        items={[
          {
            text: array ? t('array.title') : t('jobs.all'),
            href: `/jobs?${within}`,
            on: !state && !unapproved,
          },
          ...JOB_STATES.map((one) => ({
            text: t(`job.state.${one}`),
            href: `/jobs?state=${one}${within && `&${within}`}`,
            on: state === one,
          })),
          ...(array
            ? []
            : [{ text: t('approval.waiting'), href: '/jobs?approval=waiting', on: unapproved }]),
        ]}
      />
      <Card flush>
        <Shown from={list} lines={6}>
          {(data) =>
            data.items.length ? (
              <>
                {unapproved ? (
                  <ApprovalsTable jobs={data.items} decided={list.reload} />
                ) : (
                  <JobsTable jobs={data.items} label={t('nav.jobs')} />
                )}
                <Pager page={data.page} size={data.size} total={data.total} />
              </>
            ) : (
              <Empty
                title={t(unapproved ? 'approval.none' : state ? 'jobs.none_fit' : 'home.jobs_none')}
                icon="job"
                text={
                  unapproved ? t('approval.none_text') : state ? '' : t('home.jobs_none_text')
                }
              />
            )
          }
        </Shown>
      </Card>
    </Page>
  );
}
