// My share: what my department and I may use, how much of it is used, day by day and month by month.
import { LimitWarning, limit_name, limit_share } from '../components/limits';
import { Badge, Card, Empty, Page, Shown } from '../components/page';
import { Bar, Facts, Table } from '../components/table';
import { UsageCharts } from '../components/usage_charts';
import { bytes, count } from '../format';
import { useGet } from '../load';
import { t } from '../messages';
import { SHARES, type Share, type Shares, type Usage } from '../types';
import { cap_text, period_text, share_text, units } from '../units';

const WARN_SHARE = 0.8;

function amounts(shares: Shares | null, none: string): string {
  if (!shares) return none;
  const some = SHARES.filter((name) => shares[name] > 0);
  return some.map((name) => share_text(name, shares[name])).join(' · ') || none;
}

function Limits({ share }: { share: Share }) {
  if (!share.limits.length) {
    return <Empty title={t('share.no_limits')} text={t('share.no_limits_text')} icon="check" />;
  }
  return (
    <>
      {share.limits.map((one) => (
        <div class="gauge" key={`${one.of} ${one.name} ${one.cap}`}>
          <p>
            <b>{limit_name(one)}</b>
            <span>
              {t('limit.used_of', {
                used: cap_text(one.cap, one.used),
                most: cap_text(one.cap, one.most),
              })}
            </span>
          </p>
          <Bar
            share={Math.min(1, limit_share(one))}
            tone={limit_share(one) >= WARN_SHARE ? 'warn' : 'accent'}
          />
        </div>
      ))}
    </>
  );
}

function Place({ share }: { share: Share }) {
  return (
    <Table label={t('share.place')} dense>
      <thead>
        <tr>
          <th>{t('tenant.name')}</th>
          <th>{t('tenant.quota')}</th>
          <th>{t('tenant.limit')}</th>
          <th class="number">{t('tenant.weight')}</th>
          <th class="number">{t('tenant.billing')}</th>
          <th>{t('tenant.lending')}</th>
        </tr>
      </thead>
      <tbody>
        {share.tenants.map((one) => (
          <tr key={one.id}>
            <th scope="row">{one.name}</th>
            <td>{amounts(one.quota, t('tenant.no_quota'))}</td>
            <td>{amounts(one.limit, t('tenant.no_limit'))}</td>
            <td class="number">{one.weight}</td>
            <td class="number">{one.billing_permille / 10}</td>
            <td>
              <span class="badges">
                {one.may_lend && <Badge tone="plain">{t('tenant.lends')}</Badge>}
                {one.may_borrow && <Badge tone="plain">{t('tenant.borrows')}</Badge>}
              </span>
            </td>
          </tr>
        ))}
      </tbody>
    </Table>
  );
}

function Month({ share }: { share: Share }) {
  const used = share.used;
  return (
    <Facts
      items={[
        [t('usage.units'), units(used.units)],
        [t('usage.voucher_units'), units(used.voucher_units)],
        [t('share.vouchers_left'), units(share.voucher_units_left)],
        [t('usage.attempts'), count(used.attempts)],
        [t('share.jobs'), count(share.jobs)],
        [t('usage.storage'), bytes(share.storage_bytes)],
      ]}
    />
  );
}

export default function SharePage() {
  const share = useGet<Share>('/share');
  const usage = useGet<Usage>('/usage');
  return (
    <Page title={t('nav.share')} lead={t('share.lead')} wide>
      <LimitWarning />
      <Shown from={share} lines={5}>
        {(data) => (
          <>
            <div class="charts">
              <Card title={t('share.this_month', { month: period_text(data.month) })}>
                <Month share={data} />
                <p class="hint">
                  {t('share.prices', {
                    cpu: units(data.rate_micro.cpu_milli),
                    memory: units(data.rate_micro.memory_mib),
                    device: units(data.rate_micro.device_milli),
                  })}
                </p>
              </Card>
              <Card title={t('share.limits')}>
                <Limits share={data} />
              </Card>
            </div>
            <Card flush title={t('share.place')}>
              <Place share={data} />
            </Card>
          </>
        )}
      </Shown>
      <Card title={t('usage.title')}>
        <Shown from={usage} lines={5}>
          {(data) =>
            data.months.length ? (
              <UsageCharts usage={data} />
            ) : (
              <Empty title={t('usage.none')} text={t('usage.none_text')} icon="job" />
            )
          }
        </Shown>
      </Card>
    </Page>
  );
}
