// One endpoint: the frame of its tabs; asked by form, file or program; on, off, renamed, deleted.
import { patch, remove } from '../api';
import { ask } from '../components/dialog';
import { Button } from '../components/form';
import { Notice, Page, Shown, Tabs } from '../components/page';
import { useGet } from '../load';
import { t } from '../messages';
import { navigate } from '../router';
import { may, toast, toast_error } from '../state';
import type { PageProps } from '../page_props';
import type { Endpoint, ModelShow } from '../types';
import { ShadowTab } from './endpoint_shadow';
import { UsageTab } from './endpoint_usage';
import { VersionsTab } from './endpoint_versions';
import { EndpointState } from './endpoints';
import { NotFound } from './missing';
import { ApiTab } from './model_api';
import { FileTab } from './model_file';
import { TryTab } from './model_try';

const tabs = ['try', 'file', 'versions', 'shadow', 'usage', 'api'] as const;
type Tab = (typeof tabs)[number];

async function rename(endpoint: Endpoint, reload: () => void): Promise<void> {
  const name = await ask({
    title: t('endpoint.rename'),
    text: t('endpoint.rename_text'),
    confirm: t('action.save'),
    input: { label: t('endpoint.name'), required: true, value: endpoint.name },
  });
  if (!name || name === endpoint.name) return;
  await patch(`/endpoints/${endpoint.id}`, { name }).then(reload, toast_error);
}

async function delete_it(endpoint: Endpoint): Promise<void> {
  const sure = await ask({
    title: t('endpoint.delete_title', { name: endpoint.name }),
    text: t('endpoint.delete_text'),
    confirm: t('action.delete'),
    danger: true,
  });
  if (sure === null) return;
  try {
    await remove(`/endpoints/${endpoint.id}`);
    navigate('/endpoints');
    toast(t('endpoint.deleted', { name: endpoint.name }));
  } catch (error) {
    toast_error(error);
  }
}

// A forecast is asked with a history, not with a row.
function tabs_of(endpoint: Endpoint): readonly Tab[] {
  return endpoint.forecasts ? tabs.filter((tab) => tab !== 'try' && tab !== 'api') : tabs;
}

// The pinned model as the form and the examples take one.
function asked_model(endpoint: Endpoint): ModelShow {
  return {
    ...endpoint.model,
    features: endpoint.features ?? [],
    classes: endpoint.classes ?? [],
    forecasts: endpoint.forecasts ?? false,
    pilot: endpoint.pilot ?? null,
  };
}

function Body({ endpoint, tab, reload }: { endpoint: Endpoint; tab: Tab; reload: () => void }) {
  const model = asked_model(endpoint);
  const address = `/endpoints/${endpoint.id}`;
  switch (tab) {
    case 'file':
      return <FileTab model={model} address={address} />;
    case 'versions':
      return <VersionsTab endpoint={endpoint} reload={reload} />;
    case 'shadow':
      return <ShadowTab endpoint={endpoint} reload={reload} />;
    case 'usage':
      return <UsageTab endpoint={endpoint} />;
    case 'api':
      return <ApiTab model={model} address={address} />;
    default:
      return <TryTab key={model.id} model={model} address={address} />;
  }
}

function Actions({ endpoint, reload }: { endpoint: Endpoint; reload: () => void }) {
  const turn = () =>
    void patch(`/endpoints/${endpoint.id}`, { on: !endpoint.on }).then(reload, toast_error);
  return (
    <>
      <Button kind={endpoint.on ? 'quiet' : 'primary'} onClick={turn}>
        {t(endpoint.on ? 'endpoint.turn_off' : 'endpoint.turn_on')}
      </Button>
      <Button kind="quiet" onClick={() => void rename(endpoint, reload)}>
        {t('endpoint.rename')}
      </Button>
      <Button kind="quiet" icon="bin" onClick={() => void delete_it(endpoint)}>
        {t('action.delete')}
      </Button>
    </>
  );
}

export default function EndpointPage({ params }: PageProps) {
  const id = params['id']!;
  const tab = (params['tab'] ?? 'try') as Tab;
  const from = useGet<Endpoint>(`/endpoints/${id}`);
  if (!tabs.includes(tab)) return <NotFound />;
  const endpoint = from.data;
  const on = tab === 'try' && endpoint?.forecasts ? 'file' : tab;
  return (
    <Page
      title={endpoint?.name ?? t('endpoint.one')}
      wide
      crumbs={[{ text: t('nav.endpoints'), href: '/endpoints' }]}
      badge={endpoint && <EndpointState endpoint={endpoint} />}
      lead={
        endpoint && (
          <>
            {t('endpoint.answers', { version: endpoint.version })}{' '}
            {may('research') ? (
              <a href={`/models/${endpoint.model.id}`}>{endpoint.model.name}</a>
            ) : (
              endpoint.model.name
            )}
          </>
        )
      }
      actions={
        endpoint && may('research') && <Actions endpoint={endpoint} reload={from.reload} />
      }
    >
      <Shown from={from} lines={8}>
        {(data) => (
          <>
            {!data.on && <Notice tone="warn" title={t('endpoint.off_notice')} />}
            <Tabs
              label={data.name}
              items={tabs_of(data).map((name) => ({
                text:
                  name === 'file' && data.forecasts ? t('series.tab') : t(`endpoint.tab.${name}`),
                on: name === on,
                href: name === 'try' ? `/endpoints/${id}` : `/endpoints/${id}/${name}`,
              }))}
            />
            <Body key={on} endpoint={data} tab={on} reload={from.reload} />
          </>
        )}
      </Shown>
    </Page>
  );
}
