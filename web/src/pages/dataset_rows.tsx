// Rows in pages with personal data hidden, and the faults that the import met.
import { useState } from 'preact/hooks';
import { ask } from '../components/dialog';
import { Button } from '../components/form';
import { Card, Empty, Notice, Shown } from '../components/page';
import { RoleBadge } from '../components/role';
import { Pager, Table } from '../components/table';
import { count } from '../format';
import { useGet } from '../load';
import { explain, t } from '../messages';
import { query_number } from '../router';
import type { FaultList, Rows } from '../types';
import type { DatasetTab } from './dataset';

const SIZE = 50;

// Asked before anything personal is shown: it goes to the audit chain.
export async function ask_reveal(): Promise<boolean> {
  return (
    (await ask({
      title: t('reveal.title'),
      text: t('reveal.text'),
      confirm: t('reveal.confirm'),
    })) !== null
  );
}

export const HIDDEN = '•••';

export function Hidden() {
  return (
    <span class="masked" title={t('rows.hidden_cell')}>
      {HIDDEN}
    </span>
  );
}

export function Cell({ value }: { value: string | null | undefined }) {
  if (value === null || value === undefined) {
    return (
      <td class="missing" aria-label={t('rows.missing')}>
        –
      </td>
    );
  }
  if (value === HIDDEN)
    return (
      <td class="masked" aria-label={t('rows.hidden_cell')}>
        {HIDDEN}
      </td>
    );
  return <td title={value.length > 30 ? value : undefined}>{value}</td>;
}

export function RowsTable({ data, first, label }: { data: Rows; first: number; label: string }) {
  return (
    <Table label={label} dense cells>
      <thead>
        <tr>
          <th class="number">#</th>
          {data.columns.map((column) => (
            <th key={column.name}>
              {column.name}
              <div class="th-type">
                {t(`type.${column.type}`)}
                {column.role && column.role !== 'plain' && (
                  <>
                    {' '}
                    <RoleBadge role={column.role} />
                  </>
                )}
              </div>
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {data.rows.map((row, i) => (
          <tr key={i}>
            <th scope="row" class="number muted">
              {count(first + i + 1)}
            </th>
            {row.map((value, j) => (
              <Cell key={j} value={value} />
            ))}
          </tr>
        ))}
      </tbody>
    </Table>
  );
}

export function RowsTab({ dataset, revision }: DatasetTab) {
  const [reveal, reveal_set] = useState(false);
  const page = query_number('page', 1);
  const offset = (page - 1) * SIZE;
  const rows = useGet<Rows>(
    `/datasets/${dataset.id}/revisions/${revision.number}/rows` +
      `?offset=${offset}&size=${SIZE}&reveal=${reveal ? 1 : 0}`,
  );
  return (
    <Card
      flush
      title={t('dataset.tab.rows')}
      actions={
        reveal ? (
          <Button icon="lock" onClick={() => reveal_set(false)}>
            {t('reveal.hide')}
          </Button>
        ) : (
          rows.data?.hidden && (
            <Button
              icon="eye"
              onClick={async () => {
                if (await ask_reveal()) reveal_set(true);
              }}
            >
              {t('reveal.show')}
            </Button>
          )
        )
      }
    >
      {reveal && <Notice tone="warn" title={t('reveal.on')} />}
      <Shown from={rows} lines={8}>
        {(data) =>
          data.total === 0 ? (
            <Empty title={t('rows.none')} />
          ) : (
            <>
              <RowsTable data={data} first={offset} label={t('dataset.tab.rows')} />
              <Pager page={page} size={SIZE} total={data.total} />
            </>
          )
        }
      </Shown>
    </Card>
  );
}

export function FaultsTab({ dataset, revision }: DatasetTab) {
  const page = query_number('page', 1);
  const list = useGet<FaultList>(
    `/datasets/${dataset.id}/revisions/${revision.number}/faults?page=${page}&size=${SIZE}`,
  );
  return (
    <Shown from={list} lines={6}>
      {(data) => (
        <>
          <Notice tone="info" title={t('faults.about', { faults: revision.fault_count })}>
            {t('faults.hint')}
          </Notice>
          {data.counts?.length > 0 && (
            <Card title={t('faults.by_column')} flush>
              <Table label={t('faults.by_column')} dense>
                <thead>
                  <tr>
                    <th>{t('faults.column')}</th>
                    <th class="number">{t('faults.count')}</th>
                  </tr>
                </thead>
                <tbody>
                  {data.counts.map((one) => (
                    <tr key={one.column}>
                      <th scope="row">{one.column}</th>
                      <td class="number">{count(one.count)}</td>
                    </tr>
                  ))}
                </tbody>
              </Table>
            </Card>
          )}
          <Card title={t('faults.list')} flush>
            <Table label={t('faults.list')} dense>
              <thead>
                <tr>
                  <th class="number">{t('faults.row')}</th>
                  <th class="number">{t('faults.column')}</th>
                  <th>{t('faults.sentence')}</th>
                </tr>
              </thead>
              <tbody>
                {data.items.map((fault, i) => (
                  <tr key={i}>
                    <td class="number">{fault.row ? count(fault.row) : '–'}</td>
                    <td class="number">{fault.column || '–'}</td>
                    <td>
                      {explain(fault).text} <span class="muted">{explain(fault).hint}</span>
                    </td>
                  </tr>
                ))}
              </tbody>
            </Table>
            <Pager page={data.page} size={data.size} total={data.total} />
          </Card>
        </>
      )}
    </Shown>
  );
}
