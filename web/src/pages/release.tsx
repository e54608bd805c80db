// One release: what it is, what a second person has to know to decide, and, once it is out, its
// name by hash, its rows, its lineage and what was made from it.
import { post } from '../api';
import { BASE } from '../api';
import { ask } from '../components/dialog';
import { Button, LinkButton } from '../components/form';
import { LineageCard } from '../components/lineage';
import { smiles_column } from '../components/molecule';
import { Card, Notice, Page, Shown } from '../components/page';
import { ColumnsCard } from '../components/role';
import { Facts, Hash, Pager, Table } from '../components/table';
import { bytes, count, time } from '../format';
import { useGet } from '../load';
import { explain, t } from '../messages';
import { query_number } from '../router';
import { may, person, toast, toast_error } from '../state';
import type { PageProps } from '../page_props';
import type { Dataset, Release, Rows } from '../types';
import { RowsTable } from './dataset_rows';
import { ReleaseBadge } from './releases';

const SIZE = 20;

// The person who asked may not decide; both names may stand in requested_by.
function is_mine(release: Release): boolean {
  const who = person.value;
  return release.requested_by === who?.name || release.requested_by === who?.display_name;
}

function Decide({ release, decided }: { release: Release; decided: (next: Release) => void }) {
  if (release.state !== 'pending' || !may('data', 'security')) return null;
  if (is_mine(release)) return <Notice title={t('release.wait_second')} />;
  const approve = async () => {
    const sure = await ask({
      title: t('release.approve_title', { name: release.title }),
      text: t('release.approve_text'),
      confirm: t('release.approve'),
    });
    if (sure === null) return;
    try {
      decided(await post<Release>(`/releases/${release.id}/approve`));
      toast(t('release.approved'));
    } catch (error) {
      toast_error(error);
    }
  };
  const reject = async () => {
    const reason = await ask({
      title: t('release.reject_title'),
      text: t('release.reject_text'),
      danger: true,
      confirm: t('release.reject'),
      input: { label: t('release.reason'), required: true },
    });
    if (!reason) return;
    try {
      decided(await post<Release>(`/releases/${release.id}/reject`, { reason }));
      toast(t('release.rejected'));
    } catch (error) {
      toast_error(error);
    }
  };
  return (
    <Card tone="accent" title={t('release.decide')}>
      <p>{t('release.decide_text', { name: release.requested_by })}</p>
      <div class="actions">
        <Button kind="primary" icon="check" onClick={() => void approve()}>
          {t('release.approve')}
        </Button>
        <Button icon="close" onClick={() => void reject()}>
          {t('release.reject')}
        </Button>
      </div>
    </Card>
  );
}

// What the released table has become since its import: the decider's summary.
function Difference({ release }: { release: Release }) {
  const from = useGet<Dataset>(may('data') ? `/datasets/${release.dataset}` : null);
  const first = from.data?.revisions?.find((revision) => revision.kind === 'import');
  if (!first || first.number === release.revision) return null;
  const now = new Map(release.columns.map((column) => [column.name, column]));
  const before = new Set(first.columns.map((column) => column.name));
  const rows: [string, string][] = [
    ...first.columns
      .filter((column) => !now.has(column.name))
      .map((column): [string, string] => [column.name, t('difference.removed')]),
    ...release.columns
      .filter((column) => !before.has(column.name))
      .map((column): [string, string] => [column.name, t('difference.added')]),
    ...first.columns
      .filter((column) => {
        const type = now.get(column.name)?.type;
        return type && type !== column.type;
      })
      .map((column): [string, string] => [
        column.name,
        t('difference.type', {
          before: t(`type.${column.type}`),
          after: t(`type.${now.get(column.name)!.type}`),
        }),
      ]),
  ];
  return (
    <Card title={t('difference.title')}>
      <p>{t('difference.rows', { before: first.rows, after: release.rows })}</p>
      {rows.length > 0 && (
        <Table label={t('difference.title')} dense>
          <thead>
            <tr>
              <th>{t('look.name')}</th>
              <th>{t('difference.what')}</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(([name, what]) => (
              <tr key={name + what}>
                <th scope="row">{name}</th>
                <td>{what}</td>
              </tr>
            ))}
          </tbody>
        </Table>
      )}
      <p class="links">
        <a href={`/datasets/${release.dataset}/report?revision=${release.revision}`}>
          {t('difference.report')}
        </a>
        <a href={`/datasets/${release.dataset}/rows?revision=${release.revision}`}>
          {t('dataset.tab.rows')}
        </a>
      </p>
    </Card>
  );
}

function SheetCard({ release }: { release: Release }) {
  const sheet = release.sheet;
  return (
    <Card
      title={t('publish.sheet')}
      actions={
        <Button icon="print" onClick={() => window.print()}>
          {t('action.print')}
        </Button>
      }
    >
      <dl class="sheet-list">
        {(['title', 'purpose', 'source', 'licence', 'contact', 'limits'] as const).map((name) => (
          <div key={name}>
            <dt>{t(`sheet.${name}`)}</dt>
            <dd>{sheet[name] || '–'}</dd>
          </div>
        ))}
        <div>
          <dt>{t('sheet.sensitivity')}</dt>
          <dd>{t(`sensitivity.${sheet.sensitivity}`)}</dd>
        </div>
      </dl>
      <Facts
        items={[
          [t('dataset.rows'), count(release.rows)],
          [t('dataset.columns'), count(release.columns.length)],
          [t('dataset.size'), bytes(release.bytes)],
          [t('release.requested'), `${release.requested_by} · ${time(release.requested_ms)}`],
          ...(release.decided_by
            ? [
                [t('release.decided'), `${release.decided_by} · ${time(release.decided_ms)}`] as [
                  string,
                  string,
                ],
              ]
            : []),
          [t('release.hash'), release.hash ? <Hash value={release.hash} /> : t('release.no_hash')],
          [t('dataset.hash'), <Hash value={release.table} />],
        ]}
      />
    </Card>
  );
}

function Content({ release }: { release: Release }) {
  const page = query_number('page', 1);
  const on = release.state === 'released' && may('data', 'research');
  const rows = useGet<Rows>(
    on ? `/releases/${release.id}/rows?offset=${(page - 1) * SIZE}&size=${SIZE}` : null,
  );
  const smiles = rows.data && smiles_column(rows.data.columns, rows.data.rows);
  return (
    <>
      <ColumnsCard title={t('dataset.columns_title')} columns={release.columns} />
      {on && (
        <div class="no-print">
          <Card
            title={t('dataset.tab.rows')}
            flush
            actions={
              smiles && (
                <LinkButton
                  href={`/molecules?release=${release.id}&column=${encodeURIComponent(smiles)}`}
                  icon="eye"
                >
                  {t('molecules.title')}
                </LinkButton>
              )
            }
          >
            <Shown from={rows} lines={6}>
              {(data) => (
                <>
                  <RowsTable data={data} first={(page - 1) * SIZE} label={t('dataset.tab.rows')} />
                  <Pager page={page} size={SIZE} total={data.total} />
                </>
              )}
            </Shown>
          </Card>
        </div>
      )}
    </>
  );
}

function Made({ release }: { release: Release }) {
  const models = release.models ?? [];
  if (!models.length) return null;
  return (
    <Card title={t('release.models')}>
      <ul class="rows">
        {models.map((model) => (
          <li key={model.id}>
            {may('research') ? <a href={`/models/${model.id}`}>{model.name}</a> : model.name}
          </li>
        ))}
      </ul>
    </Card>
  );
}

async function withdraw(release: Release, done: (next: Release) => void): Promise<void> {
  const reason = await ask({
    title: t('release.withdraw_title', { name: release.title }),
    text: t('release.withdraw_text'),
    confirm: t('release.withdraw'),
    danger: true,
    input: { label: t('release.reason'), required: true },
  });
  if (!reason) return;
  try {
    done(await post<Release>(`/releases/${release.id}/withdraw`, { reason }));
    toast(t('release.withdrawn'));
  } catch (error) {
    toast_error(error);
  }
}

function Actions({ release, changed }: { release: Release; changed: (next: Release) => void }) {
  if (release.state !== 'released') return null;
  return (
    <>
      {may('research') && (
        <LinkButton href={`/train?release=${release.id}`} kind="primary" icon="train">
          {t('nav.train')}
        </LinkButton>
      )}
      {may('data', 'research') && (
        <LinkButton href={`${BASE}/releases/${release.id}/download`} icon="download" download>
          {t('action.download')}
        </LinkButton>
      )}
      {may('data') && (
        <Button kind="quiet" onClick={() => void withdraw(release, changed)}>
          {t('release.withdraw')}
        </Button>
      )}
    </>
  );
}

export default function ReleasePage({ params }: PageProps) {
  const from = useGet<Release>(`/releases/${params['id']!}`);
  const release = from.data;
  const changed = (next: Release) => {
    from.set(next);
    from.reload();
  };
  return (
    <Page
      title={release?.title || release?.name || t('release.one')}
      wide
      crumbs={[{ text: t('nav.releases'), href: '/releases' }]}
      badge={release && <ReleaseBadge state={release.state} />}
      actions={release && <Actions release={release} changed={changed} />}
    >
      <Shown from={from} lines={8}>
        {(data) => (
          <>
            {data.reason && (
              <Notice tone="warn" title={t('release.reason_is')}>
                {data.reason}
              </Notice>
            )}
            {data.warnings?.length > 0 && (
              <Notice tone="warn" title={t('release.warnings')}>
                <ul>
                  {data.warnings.map((warning, i) => (
                    <li key={i}>{explain(warning).text}</li>
                  ))}
                </ul>
              </Notice>
            )}
            <div class="split">
              <div>
                <Decide release={data} decided={changed} />
                <SheetCard release={data} />
                <Content release={data} />
              </div>
              <div class="no-print">
                <Difference release={data} />
                <Made release={data} />
                {data.lineage > 0 && <LineageCard id={data.lineage} />}
              </div>
            </div>
          </>
        )}
      </Shown>
    </Page>
  );
}
