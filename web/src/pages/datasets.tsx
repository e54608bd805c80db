// The list of datasets, and the bin beside it.
import { patch, remove } from '../api';
import { ask } from '../components/dialog';
import { Button, LinkButton } from '../components/form';
import { Badge, Card, Empty, Page, Shown, Tabs } from '../components/page';
import { Pager, Table } from '../components/table';
import { ago, count } from '../format';
import { useGet } from '../load';
import { t } from '../messages';
import { query_number, query_text } from '../router';
import { toast, toast_error } from '../state';
import type { Dataset, List } from '../types';

const SIZE = 20;

export function DatasetState({ dataset }: { dataset: Dataset }) {
  const tone = dataset.state === 'ready' ? 'good' : dataset.state === 'failed' ? 'bad' : 'busy';
  return <Badge tone={tone}>{t(`dataset.state.${dataset.state}`)}</Badge>;
}

function Row({ dataset, bin, reload }: { dataset: Dataset; bin: boolean; reload: () => void }) {
  const restore = async () => {
    try {
      await patch(`/datasets/${dataset.id}`, { deleted: false });
      toast(t('dataset.restored', { name: dataset.name }));
      reload();
    } catch (error) {
      toast_error(error);
    }
  };
  const empty = async () => {
    const sure = await ask({
      title: t('dataset.empty_title', { name: dataset.name }),
      text: t('dataset.empty_text'),
      confirm: t('dataset.revision_delete_do'),
      danger: true,
    });
    if (sure === null) return;
    try {
      await remove(`/datasets/${dataset.id}`);
      toast(t('dataset.empty_done', { name: dataset.name }));
      reload();
    } catch (error) {
      toast_error(error);
    }
  };
  return (
    <tr>
      <th scope="row">
        <a href={`/datasets/${dataset.id}`}>{dataset.name}</a>
        {dataset.note && <div class="muted small clip">{dataset.note}</div>}
      </th>
      <td>
        <DatasetState dataset={dataset} />
      </td>
      <td class="number">{count(dataset.rows)}</td>
      <td class="number">{count(dataset.columns)}</td>
      <td class="number">{dataset.revision || '–'}</td>
      <td>{dataset.owner}</td>
      <td>
        {bin ? (
          <>
            <Button icon="undo" onClick={() => void restore()}>
              {t('dataset.restore')}
            </Button>
            <Button kind="quiet" onClick={() => void empty()}>
              {t('dataset.revision_delete_do')}
            </Button>
          </>
        ) : (
          ago(dataset.changed_ms)
        )}
      </td>
    </tr>
  );
}

export default function DatasetsPage() {
  const bin = query_text('deleted') === '1';
  const page = query_number('page', 1);
  const list = useGet<List<Dataset>>(`/datasets?deleted=${bin ? 1 : 0}&page=${page}&size=${SIZE}`);
  return (
    <Page
      title={t('nav.datasets')}
      lead={t('datasets.lead')}
      actions={
        <LinkButton href="/import" kind="primary" icon="plus">
          {t('nav.import')}
        </LinkButton>
      }
    >
      <Tabs
        label={t('nav.datasets')}
        items={[
          { text: t('datasets.all'), href: '/datasets', on: !bin },
          { text: t('datasets.bin'), href: '/datasets?deleted=1', on: bin },
        ]}
      />
      <Card flush>
        <Shown from={list} lines={6}>
          {(data) =>
            data.items.length ? (
              <>
                <Table label={t('nav.datasets')}>
                  <thead>
                    <tr>
                      <th>{t('dataset.name')}</th>
                      <th>{t('job.state')}</th>
                      <th class="number">{t('dataset.rows')}</th>
                      <th class="number">{t('dataset.columns')}</th>
                      <th class="number">{t('dataset.revision')}</th>
                      <th>{t('dataset.owner')}</th>
                      <th>{bin ? t('table.action') : t('dataset.changed')}</th>
                    </tr>
                  </thead>
                  <tbody>
                    {data.items.map((dataset) => (
                      <Row key={dataset.id} dataset={dataset} bin={bin} reload={list.reload} />
                    ))}
                  </tbody>
                </Table>
                <Pager page={data.page} size={data.size} total={data.total} />
              </>
            ) : bin ? (
              <Empty title={t('datasets.bin_empty')} icon="bin" />
            ) : (
              <Empty
                title={t('datasets.empty')}
                text={t('datasets.empty_text')}
                icon="dataset"
                action={
                  <LinkButton href="/import" kind="primary">
                    {t('nav.import')}
                  </LinkButton>
                }
              />
            )
          }
        </Shown>
      </Card>
    </Page>
  );
}
