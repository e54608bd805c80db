// The releases: what is offered, what waits for a second person, what was turned down.
import { Badge, Card, Empty, Page, Shown, Tabs } from '../components/page';
import { Pager, Table } from '../components/table';
import { ago, count, hash_short } from '../format';
import { useGet } from '../load';
import { t } from '../messages';
import { query_number, query_set, query_text } from '../router';
import { may } from '../state';
import type { List, Release, ReleaseState } from '../types';

const SIZE = 20;
const tones = { pending: 'warn', released: 'good', rejected: 'bad', withdrawn: 'plain' } as const;

export function ReleaseBadge({ state }: { state: ReleaseState }) {
  return <Badge tone={tones[state]}>{t(`release.state.${state}`)}</Badge>;
}

export default function ReleasesPage() {
  const state = query_text('state');
  const q = query_text('q');
  const page = query_number('page', 1);
  const list = useGet<List<Release>>(
    `/releases?state=${state}&q=${encodeURIComponent(q)}&page=${page}&size=${SIZE}`,
  );
  const all = may('data', 'security', 'audit');
  const states: ReleaseState[] = ['released', 'pending', 'rejected', 'withdrawn'];
  return (
    <Page title={t('nav.releases')} lead={t('releases.lead')}>
      {all && (
        <Tabs
          label={t('nav.releases')}
          items={[
            { text: t('releases.all'), href: '/releases', on: !state },
            ...states.map((one) => ({
              text: t(`release.state.${one}`),
              href: `/releases?state=${one}`,
              on: state === one,
            })),
          ]}
        />
      )}
      <form
        class="filters"
        role="search"
        onSubmit={(event) => {
          event.preventDefault();
          const input = event.currentTarget.querySelector('input');
          query_set({ q: input?.value ?? '', page: null });
        }}
      >
        <input
          type="search"
          name="q"
          defaultValue={q}
          aria-label={t('releases.search')}
          placeholder={t('releases.search')}
        />
        <button class="button button-plain" type="submit">
          {t('action.search')}
        </button>
      </form>
      <Card flush>
        <Shown from={list} lines={6}>
          {(data) =>
            data.items.length ? (
              <>
                <Table label={t('nav.releases')}>
                  <thead>
                    <tr>
                      <th>{t('sheet.title')}</th>
                      <th>{t('job.state')}</th>
                      <th class="number">{t('dataset.rows')}</th>
                      <th class="number">{t('dataset.columns')}</th>
                      <th>{t('release.hash')}</th>
                      <th>{t('release.requested')}</th>
                    </tr>
                  </thead>
                  <tbody>
                    {data.items.map((release) => (
                      <tr key={release.id}>
                        <th scope="row">
                          <a href={`/releases/${release.id}`}>{release.title || release.name}</a>
                        </th>
                        <td>
                          <ReleaseBadge state={release.state} />
                        </td>
                        <td class="number">{count(release.rows)}</td>
                        <td class="number">{count(release.columns.length)}</td>
                        <td>
                          <code>{hash_short(release.hash)}</code>
                        </td>
                        <td>
                          {release.requested_by} · {ago(release.requested_ms)}
                        </td>
                      </tr>
                    ))}
                  </tbody>
                </Table>
                <Pager page={data.page} size={data.size} total={data.total} />
              </>
            ) : (
              <Empty
                title={t(q || state ? 'releases.none_fit' : 'releases.empty')}
                icon="release"
                text={q || state ? '' : t('releases.empty_text')}
              />
            )
          }
        </Shown>
      </Card>
    </Page>
  );
}
