// Usage of a month by department and person, for those who answer for it: tables, a file for the
// bookkeeping, the ledger and whether it is whole.
import { useState } from 'preact/hooks';
import { BASE, get } from '../api';
import { Button, LinkButton, SelectField } from '../components/form';
import { Card, Empty, Notice, Page, Shown } from '../components/page';
import { Grid, Hash, number_column } from '../components/table';
import { UsageCharts } from '../components/usage_charts';
import { bytes, count, time } from '../format';
import { useGet } from '../load';
import { explain, t, t_or } from '../messages';
import { query_number, query_set } from '../router';
import { may, toast_error } from '../state';
import type { LedgerEntry, Usage, UsageReport, UsageSum, Verified } from '../types';
import { month_choices, month_now, units } from '../units';

const LEDGER_SIZE = 25;
const HOUR_MS = 3_600_000;
const MIB_PER_GIB = 1024;

function sum_cells(sum: UsageSum): string[] {
  return [
    units(sum.units),
    units(sum.voucher_units),
    (sum.cpu_milli_ms / 1000 / HOUR_MS).toFixed(4),
    (sum.memory_mib_ms / MIB_PER_GIB / HOUR_MS).toFixed(4),
    (sum.device_milli_ms / 1000 / HOUR_MS).toFixed(4),
    count(sum.attempts),
  ];
}

function sum_columns() {
  return [
    number_column(t('usage.units')),
    number_column(t('usage.voucher_units')),
    number_column(t('usage.cpu_hours')),
    number_column(t('usage.gib_hours')),
    number_column(t('usage.device_hours')),
    number_column(t('usage.attempts')),
  ];
}

function Report({ data }: { data: UsageReport }) {
  return (
    <>
      <Card
        flush
        title={t('usage.departments')}
        actions={
          <LinkButton href={`${BASE}/usage/report/file?month=${data.month}`} icon="download" download>
            {t('usage.csv')}
          </LinkButton>
        }
      >
        <Grid
          label={t('usage.departments')}
          columns={[
            t('tenant.name'),
            ...sum_columns(),
            number_column(t('usage.storage')),
            t('usage.csv'),
          ]}
          rows={data.departments.map((one) => [
            <a href={`/usage?month=${data.month}&tenant=${one.tenant}`}>{one.path}</a>,
            ...sum_cells(one),
            bytes(one.storage_bytes),
            <a
              href={`${BASE}/usage/report/file?month=${data.month}&tenant=${one.tenant}`}
              download
              aria-label={t('usage.csv_of', { name: one.path })}
            >
              CSV
            </a>,
          ])}
        />
      </Card>
      <Card flush title={t('usage.people')}>
        {data.people.length ? (
          <Grid
            label={t('usage.people')}
            columns={[t('usage.person'), t('tenant.name'), ...sum_columns()]}
            rows={data.people.map((one) => [one.name, one.path, ...sum_cells(one)])}
          />
        ) : (
          <Empty title={t('usage.none')} text={t('usage.none_month')} icon="job" />
        )}
      </Card>
    </>
  );
}

function Verify() {
  const [state, state_set] = useState<Verified | null>(null);
  const [busy, busy_set] = useState(false);
  const run = async () => {
    busy_set(true);
    try {
      state_set(await get<Verified>('/usage/verify'));
    } catch (error) {
      toast_error(error);
    }
    busy_set(false);
  };
  return (
    <>
      <p>{t('ledger.about')}</p>
      {state &&
        (state.fault ? (
          <Notice tone="bad" title={explain(state.fault).text}>
            {explain(state.fault).hint}
          </Notice>
        ) : (
          <Notice
            tone="good"
            title={t('ledger.whole', {
              count: state.count,
              units: units(state.units),
              vouchers: units(state.voucher_units),
            })}
          >
            <Hash value={state.head} />
          </Notice>
        ))}
      <div class="actions">
        <Button kind="primary" icon="check" busy={busy} onClick={() => void run()}>
          {t('ledger.verify')}
        </Button>
      </div>
    </>
  );
}

function Ledger() {
  const before = query_number('before', 0);
  const list = useGet<{ items: LedgerEntry[]; next: number | null }>(
    `/usage/ledger?size=${LEDGER_SIZE}${before ? `&before=${before}` : ''}`,
  );
  return (
    <>
      <Card title={t('ledger.title')}>
        <Verify />
      </Card>
      <Card flush title={t('ledger.entries')}>
        <Shown from={list} lines={4}>
          {(data) =>
            data.items.length ? (
              <>
                <Grid
                  label={t('ledger.entries')}
                  columns={[
                    t('ledger.sequence'),
                    t('ledger.time'),
                    t('ledger.kind'),
                    t('usage.person'),
                    t('tenant.name'),
                    t('nav.jobs'),
                    number_column(t('usage.units')),
                  ]}
                  rows={data.items.map((one) => [
                    one.sequence,
                    time(one.time_ms),
                    t_or(`ledger.kind.${one.kind}`, one.kind),
                    one.person || '–',
                    one.path || '–',
                    one.job ? <a href={`/jobs/${one.job}`}>{`${one.job}.${one.attempt}`}</a> : '–',
                    units(one.units),
                  ])}
                />
                <div class="actions pager no-print">
                  {before > 0 && (
                    <Button onClick={() => query_set({ before: null })}>{t('ledger.newest')}</Button>
                  )}
                  {data.next !== null && (
                    <Button onClick={() => query_set({ before: data.next })}>
                      {t('pager.next')}
                    </Button>
                  )}
                </div>
              </>
            ) : (
              <Empty title={t('ledger.none')} text={t('usage.none_text')} icon="audit" />
            )
          }
        </Shown>
      </Card>
    </>
  );
}

function Department({ id }: { id: number }) {
  const usage = useGet<Usage>(`/usage?tenant=${id}`);
  return (
    <Shown from={usage} lines={5}>
      {(data) => (
        <Card
          title={t('usage.title')}
          actions={<a href="/usage">{t('usage.all_departments')}</a>}
        >
          {data.months.length ? (
            <UsageCharts usage={data} />
          ) : (
            <Empty title={t('usage.none')} text={t('usage.none_text')} icon="job" />
          )}
        </Card>
      )}
    </Shown>
  );
}

export default function UsagePage() {
  const month = query_number('month', 0);
  const tenant = query_number('tenant', 0);
  const query = [month ? `month=${month}` : '', tenant ? `tenant=${tenant}` : ''];
  const report = useGet<UsageReport>(`/usage/report?${query.filter(Boolean).join('&')}`);
  const shown = report.data?.month ?? (month || month_now());
  return (
    <Page title={t('nav.usage')} lead={t('usage.lead')} wide>
      <div class="form-grid">
        <SelectField
          id="month"
          label={t('usage.month')}
          value={String(shown)}
          change={(value) => query_set({ month: value })}
          choices={month_choices(shown)}
        />
      </div>
      {tenant > 0 && <Department id={tenant} />}
      <Shown from={report} lines={6}>
        {(data) => <Report data={data} />}
      </Shown>
      {may('system', 'audit') && <Ledger />}
    </Page>
  );
}
