// One model: the frame of its tabs, its training while it runs, name and bin.
import { BASE, patch, post, remove } from '../api';
import { ask } from '../components/dialog';
import { Button, LinkButton } from '../components/form';
import { JobPanel } from '../components/job';
import { LineageCard } from '../components/lineage';
import { Card, Notice, Page, Shown, Tabs } from '../components/page';
import { Facts, Hash } from '../components/table';
import { time } from '../format';
import { useGet } from '../load';
import { t, t_or } from '../messages';
import { navigate } from '../router';
import { may, toast, toast_error } from '../state';
import type { PageProps } from '../page_props';
import type { Endpoint, ModelShow } from '../types';
import { NotFound } from './missing';
import { ApiTab } from './model_api';
import { CardTab } from './model_card';
import { DriftTab } from './model_drift';
import { FileTab } from './model_file';
import { ScorecardTab } from './model_scorecard';
import { TryTab } from './model_try';
import { ModelState, Source } from './models';

const tabs = ['scorecard', 'card', 'try', 'file', 'drift', 'api', 'about'] as const;
type Tab = (typeof tabs)[number];

// A forecast is asked with a history, not with a row.
const of_rows: readonly Tab[] = ['try', 'api'];
function tabs_of(model: ModelShow): readonly Tab[] {
  return model.forecasts ? tabs.filter((tab) => !of_rows.includes(tab)) : tabs;
}

async function rename(model: ModelShow, reload: () => void): Promise<void> {
  const name = await ask({
    title: t('model.rename'),
    text: '',
    confirm: t('action.save'),
    input: { label: t('model.name'), required: true, value: model.name },
  });
  if (!name || name === model.name) return;
  try {
    await patch(`/models/${model.id}`, { name });
    reload();
  } catch (error) {
    toast_error(error);
  }
}

// Under a name of its own, in one step.
async function put_to_use(model: ModelShow): Promise<void> {
  const name = await ask({
    title: t('endpoint.put_title'),
    text: t('endpoint.put_text'),
    confirm: t('endpoint.put'),
    input: { label: t('endpoint.name'), required: true, value: model.name },
  });
  if (!name) return;
  try {
    const made = await post<Endpoint>('/endpoints', { name, model: model.id });
    navigate(`/endpoints/${made.id}`);
  } catch (error) {
    toast_error(error);
  }
}

async function to_bin(model: ModelShow): Promise<void> {
  const sure = await ask({
    title: t('model.bin_title', { name: model.name }),
    text: t('model.bin_text'),
    confirm: t('dataset.bin'),
    danger: true,
  });
  if (sure === null) return;
  try {
    await remove(`/models/${model.id}`);
    navigate('/models');
    toast(t('dataset.binned', { name: model.name }), 'plain', {
      text: t('action.undo'),
      act: () =>
        void patch(`/models/${model.id}`, { deleted: false }).then(
          () => navigate(`/models/${model.id}`),
          toast_error,
        ),
    });
  } catch (error) {
    toast_error(error);
  }
}

async function empty(model: ModelShow, reload: () => void): Promise<void> {
  const sure = await ask({
    title: t('model.empty_title', { name: model.name }),
    text: t('model.empty_text'),
    confirm: t('dataset.revision_delete_do'),
    danger: true,
  });
  if (sure === null) return;
  try {
    await remove(`/models/${model.id}`);
    reload();
  } catch (error) {
    toast_error(error);
  }
}

function About({ model }: { model: ModelShow }) {
  return (
    <div class="split">
      <Card title={t('model.tab.about')}>
        <Facts
          items={[
            [t('release.one'), <Source model={model} />],
            [t('model.target'), model.target],
            [t('model.task'), t(`task.${model.task}`)],
            [t('train.learner'), t_or(`learner.${model.learner}`, model.learner)],
            [t('job.actor'), model.actor],
            [t('job.created'), time(model.created_ms)],
            [t('nav.jobs'), model.job ? <a href={`/jobs/${model.job}`}>{model.job}</a> : '–'],
            [t('model.hash'), <Hash value={model.hash} />],
          ]}
        />
      </Card>
      {model.lineage ? <LineageCard id={model.lineage} /> : <div />}
    </div>
  );
}

function Body({ model, tab, reload }: { model: ModelShow; tab: Tab; reload: () => void }) {
  switch (tab) {
    case 'card':
      return <CardTab model={model} saved={reload} />;
    case 'drift':
      return <DriftTab model={model} />;
    case 'try':
      return <TryTab model={model} address={`/models/${model.id}`} />;
    case 'file':
      return <FileTab model={model} address={`/models/${model.id}`} />;
    case 'api':
      return <ApiTab model={model} address={`/models/${model.id}`} />;
    case 'about':
      return <About model={model} />;
    default:
      return <ScorecardTab model={model} />;
  }
}

function Training({ model, reload }: { model: ModelShow; reload: () => void }) {
  return (
    <Card title={t(model.state === 'failed' ? 'model.failed' : 'model.training')}>
      <JobPanel id={model.job} ended={reload} />
      {model.state === 'training' && <p class="hint">{t('model.training_hint')}</p>}
    </Card>
  );
}

export default function ModelPage({ params }: PageProps) {
  const id = params['id']!;
  const tab = (params['tab'] ?? 'scorecard') as Tab;
  const from = useGet<ModelShow>(`/models/${id}`);
  if (!tabs.includes(tab)) return <NotFound />;
  const model = from.data;
  return (
    <Page
      title={model?.name ?? t('model.one')}
      wide
      crumbs={[{ text: t('nav.models'), href: '/models' }]}
      badge={model && <ModelState model={model} />}
      actions={
        model &&
        may('research') &&
        !model.deleted && (
          <>
            {model.state === 'ready' && (
              <Button kind="primary" icon="play" onClick={() => void put_to_use(model)}>
                {t('endpoint.put')}
              </Button>
            )}
            {model.state === 'ready' && model.learner === 'boost' && (
              <LinkButton
                href={`${BASE}/models/${id}/export`}
                kind="quiet"
                icon="download"
                download
              >
                {t('model.export')}
              </LinkButton>
            )}
            <Button kind="quiet" onClick={() => void rename(model, from.reload)}>
              {t('model.rename')}
            </Button>
            <Button kind="quiet" icon="bin" onClick={() => void to_bin(model)}>
              {t('dataset.bin')}
            </Button>
          </>
        )
      }
    >
      <Shown from={from} lines={8}>
        {(data) => (
          <>
            {data.deleted && (
              <Notice
                tone="warn"
                title={t(
                  data.state === 'ready' && !data.hash
                    ? 'model.emptied'
                    : 'dataset.is_binned',
                )}
              >
                {data.hash && (
                  <Button kind="quiet" onClick={() => void empty(data, from.reload)}>
                    {t('dataset.revision_delete_do')}
                  </Button>
                )}
              </Notice>
            )}
            {data.deleted && data.state === 'ready' && !data.hash ? null : data.state !==
              'ready' ? (
              <Training model={data} reload={from.reload} />
            ) : (
              <>
                <Tabs
                  label={data.name}
                  items={tabs_of(data).map((name) => ({
                    text:
                      name === 'file' && data.forecasts
                        ? t('series.tab')
                        : t(`model.tab.${name}`),
                    on: name === tab,
                    href: name === 'scorecard' ? `/models/${id}` : `/models/${id}/${name}`,
                  }))}
                />
                <Body key={tab} model={data} tab={tab} reload={from.reload} />
              </>
            )}
          </>
        )}
      </Shown>
    </Page>
  );
}
