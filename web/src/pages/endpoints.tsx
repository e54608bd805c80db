// The endpoints: models that answer under a name.
import { LinkButton } from '../components/form';
import { Badge, Card, Empty, Page, Shown } from '../components/page';
import { Pager, Table } from '../components/table';
import { ago } from '../format';
import { useGet } from '../load';
import { t } from '../messages';
import { query_number } from '../router';
import { may } from '../state';
import type { Endpoint, List } from '../types';

const SIZE = 20;

export function EndpointState({ endpoint }: { endpoint: Endpoint }) {
  return (
    <Badge tone={endpoint.on ? 'good' : 'plain'}>
      {t(endpoint.on ? 'endpoint.on' : 'endpoint.is_off')}
    </Badge>
  );
}

export default function EndpointsPage() {
  const page = query_number('page', 1);
  const list = useGet<List<Endpoint>>(`/endpoints?page=${page}&size=${SIZE}`);
  return (
    <Page title={t('nav.endpoints')} lead={t('endpoints.lead')}>
      <Card flush>
        <Shown from={list} lines={6}>
          {(data) =>
            data.items.length ? (
              <>
                <Table label={t('nav.endpoints')}>
                  <thead>
                    <tr>
                      <th>{t('endpoint.name')}</th>
                      <th>{t('job.state')}</th>
                      <th>{t('endpoint.version')}</th>
                      <th>{t('model.one')}</th>
                      <th>{t('model.target')}</th>
                      <th>{t('endpoint.department')}</th>
                      <th>{t('endpoint.changed')}</th>
                    </tr>
                  </thead>
                  <tbody>
                    {data.items.map((one) => (
                      <tr key={one.id}>
                        <th scope="row">
                          <a href={`/endpoints/${one.id}`}>{one.name}</a>
                        </th>
                        <td>
                          <EndpointState endpoint={one} />
                        </td>
                        <td class="number">{one.version}</td>
                        <td>{one.model.name}</td>
                        <td>{one.model.target}</td>
                        <td>{one.department}</td>
                        <td>
                          {one.owner} · {ago(one.changed_ms)}
                        </td>
                      </tr>
                    ))}
                  </tbody>
                </Table>
                <Pager page={data.page} size={data.size} total={data.total} />
              </>
            ) : (
              <Empty
                title={t('endpoints.empty')}
                text={t('endpoints.empty_text')}
                icon="share"
                action={
                  may('research') && (
                    <LinkButton href="/models" kind="primary">
                      {t('nav.models')}
                    </LinkButton>
                  )
                }
              />
            )
          }
        </Shown>
      </Card>
    </Page>
  );
}
