// What an endpoint has done: calls and rows by month, department and person, and how fast.
import { Card, Empty, Shown } from '../components/page';
import { Grid, number_column } from '../components/table';
import { ago, count, decimal } from '../format';
import { useGet } from '../load';
import { t } from '../messages';
import type { Endpoint, EndpointUsage } from '../types';

function month_text(month: number): string {
  return `${Math.floor(month / 100)}-${String(month % 100).padStart(2, '0')}`;
}

function People({ usage }: { usage: EndpointUsage }) {
  const newest = [...usage.people].sort((a, b) => b.month - a.month || b.calls - a.calls);
  return (
    <Grid
      label={t('endpoint.by_person')}
      columns={[
        t('endpoint.month'),
        t('endpoint.department'),
        t('endpoint.person'),
        number_column(t('endpoint.calls')),
        number_column(t('endpoint.rows')),
        number_column(t('endpoint.refused')),
        t('endpoint.last'),
      ]}
      head={2}
      rows={newest.map((one) => [
        month_text(one.month),
        one.department,
        one.person,
        count(one.calls),
        count(one.rows),
        count(one.failed),
        ago(one.last_ms),
      ])}
    />
  );
}

function Speed({ usage }: { usage: EndpointUsage }) {
  return (
    <Grid
      label={t('endpoint.by_version')}
      columns={[
        t('endpoint.version'),
        number_column(t('endpoint.calls')),
        number_column(t('endpoint.rows')),
        number_column(`${t('sketch.p50')} (ms)`),
        number_column(`${t('sketch.p99')} (ms)`),
        number_column(`${t('sketch.most')} (ms)`),
      ]}
      rows={usage.versions
        .filter((one) => !one.shadow)
        .map((one) => [
          String(one.version),
          count(one.calls),
          count(one.rows),
          decimal(one.pinned_ms.p50),
          decimal(one.pinned_ms.p99),
          decimal(one.pinned_ms.most),
        ])}
    />
  );
}

export function UsageTab({ endpoint }: { endpoint: Endpoint }) {
  const from = useGet<EndpointUsage>(`/endpoints/${endpoint.id}/usage`);
  return (
    <Shown from={from}>
      {(usage) =>
        usage.people.length ? (
          <>
            <Card title={t('endpoint.by_person')}>
              <p>
                {t('endpoint.used', {
                  calls: count(usage.calls),
                  rows: count(usage.rows),
                  failed: count(usage.failed),
                })}
              </p>
              <People usage={usage} />
            </Card>
            <Card title={t('endpoint.by_version')}>
              <Speed usage={usage} />
              <p class="hint">{t('endpoint.speed_hint')}</p>
            </Card>
          </>
        ) : (
          <Card>
            <Empty title={t('endpoint.no_calls')} text={t('endpoint.unused_text')} icon="gauge" />
          </Card>
        )
      }
    </Shown>
  );
}
