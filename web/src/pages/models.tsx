// The models and how good each is, in one figure with its interval.
import { LinkButton } from '../components/form';
import { Badge, Card, Empty, Page, Shown } from '../components/page';
import { Pager, Table } from '../components/table';
import { ago, decimal } from '../format';
import { useGet } from '../load';
import { t, t_or } from '../messages';
import { query_number } from '../router';
import { may } from '../state';
import type { Interval, List, Model } from '../types';

const SIZE = 20;

export function ModelState({ model }: { model: Model }) {
  const tone = model.state === 'ready' ? 'good' : model.state === 'failed' ? 'bad' : 'busy';
  return <Badge tone={tone}>{t(`model.state.${model.state}`)}</Badge>;
}

export function metric_name(name: string): string {
  return t_or(`metric.${name}`, name);
}

export function Headline({ value }: { value: Interval | null }) {
  if (!value) return <span>–</span>;
  return (
    <span>
      {metric_name(value.name)} <b>{decimal(value.value)}</b>{' '}
      <span class="muted small">
        ({decimal(value.low)}–{decimal(value.high)})
      </span>
    </span>
  );
}

// The release it learnt from, or the file it came in.
export function Source({ model }: { model: Model }) {
  if (!model.release) return <>{t('model.imported', { file: model.release_title })}</>;
  return <a href={`/releases/${model.release}`}>{model.release_title}</a>;
}

export default function ModelsPage() {
  const page = query_number('page', 1);
  const list = useGet<List<Model>>(`/models?page=${page}&size=${SIZE}`);
  const train = may('research') && (
    <>
      <LinkButton href="/models/import" icon="import">
        {t('model.import')}
      </LinkButton>
      <LinkButton href="/searches" kind="quiet">
        {t('searches.title')}
      </LinkButton>
      <LinkButton href="/train" kind="primary" icon="plus">
        {t('nav.train')}
      </LinkButton>
    </>
  );
  return (
    <Page title={t('nav.models')} lead={t('models.lead')} actions={train}>
      <Card flush>
        <Shown from={list} lines={6}>
          {(data) =>
            data.items.length ? (
              <>
                <Table label={t('nav.models')}>
                  <thead>
                    <tr>
                      <th>{t('model.name')}</th>
                      <th>{t('job.state')}</th>
                      <th>{t('model.headline')}</th>
                      <th>{t('model.target')}</th>
                      <th>{t('train.learner')}</th>
                      <th>{t('release.one')}</th>
                      <th>{t('job.created')}</th>
                    </tr>
                  </thead>
                  <tbody>
                    {data.items.map((model) => (
                      <tr key={model.id}>
                        <th scope="row">
                          <a href={`/models/${model.id}`}>{model.name}</a>
                        </th>
                        <td>
                          <ModelState model={model} />
                        </td>
                        <td>
                          <Headline value={model.headline} />
                        </td>
                        <td>{model.target}</td>
                        <td>{t_or(`learner.${model.learner}`, model.learner)}</td>
                        <td>
                          <Source model={model} />
                        </td>
                        <td>
                          {model.actor} · {ago(model.created_ms)}
                        </td>
                      </tr>
                    ))}
                  </tbody>
                </Table>
                <Pager page={data.page} size={data.size} total={data.total} />
              </>
            ) : (
              <Empty
                title={t('models.empty')}
                text={t('models.empty_text')}
                icon="model"
                action={train}
              />
            )
          }
        </Shown>
      </Card>
    </Page>
  );
}
