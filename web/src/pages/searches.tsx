// Searches for the best options of a learner.
import { LinkButton } from '../components/form';
import { Badge, Card, Empty, Page, Shown } from '../components/page';
import { Pager, Table } from '../components/table';
import { ago } from '../format';
import { useGet } from '../load';
import { t, t_or } from '../messages';
import { query_number } from '../router';
import type { List, Search } from '../types';
import { Headline } from './models';

const SIZE = 20;
const TONES = { running: 'busy', done: 'good', stopped: 'warn', failed: 'bad' } as const;

export function SearchState({ search }: { search: Search }) {
  return <Badge tone={TONES[search.state]}>{t(`search.state.${search.state}`)}</Badge>;
}

export default function SearchesPage() {
  const page = query_number('page', 1);
  const list = useGet<List<Search>>(`/searches?page=${page}&size=${SIZE}`);
  const begin = (
    <LinkButton href="/train" kind="primary" icon="plus">
      {t('nav.train')}
    </LinkButton>
  );
  return (
    <Page
      title={t('searches.title')}
      lead={t('searches.lead')}
      crumbs={[{ text: t('nav.models'), href: '/models' }]}
    >
      <Card flush>
        <Shown from={list} lines={6}>
          {(data) =>
            data.items.length ? (
              <>
                <Table label={t('searches.title')}>
                  <thead>
                    <tr>
                      <th>{t('model.name')}</th>
                      <th>{t('job.state')}</th>
                      <th>{t('search.tries')}</th>
                      <th>{t('model.headline')}</th>
                      <th>{t('model.target')}</th>
                      <th>{t('train.learner')}</th>
                      <th>{t('job.created')}</th>
                    </tr>
                  </thead>
                  <tbody>
                    {data.items.map((one) => (
                      <tr key={one.id}>
                        <th scope="row">
                          <a href={`/searches/${one.id}`}>{one.name}</a>
                        </th>
                        <td>
                          <SearchState search={one} />
                        </td>
                        <td class="number">
                          {one.done + one.failed + one.cancelled} / {one.tries}
                        </td>
                        <td>
                          <Headline value={one.headline} />
                        </td>
                        <td>{one.target}</td>
                        <td>{t_or(`learner.${one.learner}`, one.learner)}</td>
                        <td>
                          {one.actor} · {ago(one.created_ms)}
                        </td>
                      </tr>
                    ))}
                  </tbody>
                </Table>
                <Pager page={data.page} size={data.size} total={data.total} />
              </>
            ) : (
              <Empty
                title={t('searches.empty')}
                text={t('searches.empty_text')}
                icon="train"
                action={begin}
              />
            )
          }
        </Shown>
      </Card>
    </Page>
  );
}
