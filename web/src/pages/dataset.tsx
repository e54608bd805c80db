// One dataset: the frame of its tabs, which revision is looked at, name, bin.
import { patch, remove } from '../api';
import { LimitWarning } from '../components/limits';
import { ask } from '../components/dialog';
import { Button } from '../components/form';
import { JobPanel } from '../components/job';
import { Card, Notice, Page, Shown, Tabs } from '../components/page';
import { time } from '../format';
import { useGet } from '../load';
import { job_is_over, jobs_live, useJobsEnded } from '../live';
import { t } from '../messages';
import { navigate, query_number } from '../router';
import { toast, toast_error } from '../state';
import type { PageProps } from '../page_props';
import type { Dataset, Job, Revision } from '../types';
import { CheckTab } from './dataset_check';
import { CleanseTab } from './dataset_cleanse';
import { OverviewTab } from './dataset_overview';
import { PublishTab } from './dataset_publish';
import { ReportTab } from './dataset_report';
import { FaultsTab, RowsTab } from './dataset_rows';
import { DatasetState } from './datasets';
import { NotFound } from './missing';

export interface DatasetTab {
  dataset: Dataset;
  revision: Revision;
  reload: () => void;
}

const tabs = ['overview', 'rows', 'check', 'cleanse', 'publish', 'report', 'faults'] as const;
type Tab = (typeof tabs)[number];

export function revision_of(dataset: Dataset, number: number): Revision | undefined {
  const all = dataset.revisions ?? [];
  return (
    all.find((revision) => revision.number === number) ??
    all.find((revision) => revision.number === dataset.revision) ??
    all[all.length - 1]
  );
}

function href(dataset: Dataset, tab: Tab, revision: Revision | undefined): string {
  const base = tab === 'overview' ? `/datasets/${dataset.id}` : `/datasets/${dataset.id}/${tab}`;
  return revision && revision.number !== dataset.revision
    ? `${base}?revision=${revision.number}`
    : base;
}

function TabBar({ dataset, revision, tab }: { dataset: Dataset; revision: Revision; tab: Tab }) {
  // Of a revision whose rows have been deleted only what tells of it is left.
  const shown = tabs.filter((name) =>
    revision.deleted_ms
      ? name === 'overview' || (name === 'report' && revision.report)
      : (name !== 'report' || revision.report) && (name !== 'faults' || revision.fault_count > 0),
  );
  return (
    <Tabs
      label={dataset.name}
      items={shown.map((name) => ({
        text: t(`dataset.tab.${name}`),
        href: href(dataset, name, revision),
        on: name === tab,
      }))}
    />
  );
}

function RevisionPicker({
  dataset,
  revision,
  tab,
}: {
  dataset: Dataset;
  revision: Revision;
  tab: Tab;
}) {
  const all = dataset.revisions ?? [];
  if (all.length < 2) return null;
  return (
    <p class="revision-picker no-print">
      <label for="revision">{t('dataset.revision_shown')}</label>
      <select
        id="revision"
        value={String(revision.number)}
        onChange={(event) => {
          const chosen = all.find((one) => String(one.number) === event.currentTarget.value);
          navigate(href(dataset, tab, chosen));
        }}
      >
        {all.map((one) => (
          <option
            key={one.number}
            value={String(one.number)}
            selected={one.number === revision.number}
          >
            {t('dataset.revision_option', {
              number: one.number,
              kind: t(`revision.kind.${one.kind}`),
              rows: one.rows,
            })}
          </option>
        ))}
      </select>
      {revision.number !== dataset.revision && (
        <span class="muted">{t('dataset.revision_old')}</span>
      )}
    </p>
  );
}

function Body({ tab, ...shown }: DatasetTab & { tab: Tab }) {
  const { deleted_ms, deleted_by } = shown.revision;
  if (deleted_ms && tab !== 'overview' && tab !== 'report') {
    return (
      <Notice title={t('dataset.revision_gone', { time: time(deleted_ms), actor: deleted_by })} />
    );
  }
  switch (tab) {
    case 'rows':
      return <RowsTab {...shown} />;
    case 'check':
      return <CheckTab {...shown} />;
    case 'cleanse':
      return (
        <>
          <LimitWarning />
          <CleanseTab {...shown} />
        </>
      );
    case 'publish':
      return <PublishTab {...shown} />;
    case 'report':
      return <ReportTab {...shown} />;
    case 'faults':
      return <FaultsTab {...shown} />;
    default:
      return <OverviewTab {...shown} />;
  }
}

async function to_bin(dataset: Dataset, reload: () => void): Promise<void> {
  const sure = await ask({
    title: t('dataset.bin_title', { name: dataset.name }),
    text: t('dataset.bin_text'),
    confirm: t('dataset.bin'),
    danger: true,
  });
  if (sure === null) return;
  try {
    await remove(`/datasets/${dataset.id}`);
    navigate('/datasets');
    toast(t('dataset.binned', { name: dataset.name }), 'plain', {
      text: t('action.undo'),
      act: () =>
        void patch(`/datasets/${dataset.id}`, { deleted: false }).then(() => {
          toast(t('dataset.restored', { name: dataset.name }));
          navigate(`/datasets/${dataset.id}`);
          reload();
        }, toast_error),
    });
  } catch (error) {
    toast_error(error);
  }
}

async function rename(dataset: Dataset, reload: () => void): Promise<void> {
  const name = await ask({
    title: t('dataset.rename'),
    text: '',
    confirm: t('action.save'),
    input: { label: t('dataset.name'), required: true, value: dataset.name },
  });
  if (!name || name === dataset.name) return;
  try {
    await patch(`/datasets/${dataset.id}`, { name });
    reload();
  } catch (error) {
    toast_error(error);
  }
}

// The newest job of this dataset while it runs, or how it failed; a check follows an import by itself.
function CurrentJob({ dataset, reload }: { dataset: Dataset; reload: () => void }) {
  const mine = (job: Job) => job.subject?.kind === 'dataset' && job.subject.id === dataset.id;
  useJobsEnded(mine, reload);
  const running = [...jobs_live.value.values()].filter((job) => mine(job) && !job_is_over(job));
  const id = running[0]?.id ?? dataset.job;
  if (!id) return null;
  return (
    <div class="current-job no-print">
      <JobPanel key={id} id={id} quiet ended={reload} />
    </div>
  );
}

export default function DatasetPage({ params }: PageProps) {
  const id = params['id']!;
  const tab = (params['tab'] ?? 'overview') as Tab;
  const from = useGet<Dataset>(`/datasets/${id}`);
  const wanted = query_number('revision', 0);
  if (!tabs.includes(tab)) return <NotFound />;
  const dataset = from.data;
  const revision = dataset && revision_of(dataset, wanted);
  return (
    <Page
      title={dataset?.name ?? t('dataset.one')}
      wide
      crumbs={[{ text: t('nav.datasets'), href: '/datasets' }]}
      badge={dataset && <DatasetState dataset={dataset} />}
      actions={
        dataset &&
        !dataset.deleted && (
          <>
            <Button kind="quiet" onClick={() => void rename(dataset, from.reload)}>
              {t('dataset.rename')}
            </Button>
            <Button kind="quiet" icon="bin" onClick={() => void to_bin(dataset, from.reload)}>
              {t('dataset.bin')}
            </Button>
          </>
        )
      }
    >
      <Shown from={from} lines={6}>
        {(data) => (
          <>
            {data.deleted && <Notice tone="warn" title={t('dataset.is_binned')} />}
            <CurrentJob dataset={data} reload={from.reload} />
            {revision ? (
              <>
                <TabBar dataset={data} revision={revision} tab={tab} />
                <RevisionPicker dataset={data} revision={revision} tab={tab} />
                <Body
                  key={`${tab}${revision.number}`}
                  tab={tab}
                  dataset={data}
                  revision={revision}
                  reload={from.reload}
                />
              </>
            ) : (
              <Card>
                <p class="muted">{t('dataset.no_revision')}</p>
              </Card>
            )}
          </>
        )}
      </Shown>
    </Page>
  );
}
