// A dataset's overview: what it holds, the roles of its columns, how it came to be.
import { patch, post, remove } from '../api';
import { ask } from '../components/dialog';
import { LinkButton } from '../components/form';
import { RoleSelect } from '../components/role';
import { Card } from '../components/page';
import { Facts, Hash, Table } from '../components/table';
import { bytes, count, decimal, time } from '../format';
import { t } from '../messages';
import { navigate } from '../router';
import { toast, toast_error } from '../state';
import type { Column, ColumnRole, Dataset, Revision } from '../types';
import type { DatasetTab } from './dataset';

export async function role_set(
  dataset: Dataset,
  column: string,
  role: ColumnRole,
  reload: () => void,
): Promise<void> {
  try {
    await patch(`/datasets/${dataset.id}`, { roles: { [column]: role } });
    toast(t('role.saved', { name: column }));
  } catch (error) {
    toast_error(error);
  }
  reload();
}

function NextSteps({ dataset, revision }: { dataset: Dataset; revision: Revision }) {
  const base = `/datasets/${dataset.id}`;
  return (
    <div class="actions">
      <LinkButton
        href={`${base}/check`}
        kind={revision.kind === 'import' ? 'primary' : 'plain'}
        icon="eye"
      >
        {t('dataset.tab.check')}
      </LinkButton>
      <LinkButton href={`${base}/cleanse`} icon="dataset">
        {t('dataset.tab.cleanse')}
      </LinkButton>
      <LinkButton
        href={`${base}/publish`}
        kind={revision.kind === 'cleanse' ? 'primary' : 'plain'}
        icon="release"
      >
        {t('dataset.tab.publish')}
      </LinkButton>
    </div>
  );
}

function Columns({ dataset, revision, reload }: DatasetTab) {
  const newest = revision.number === dataset.revision;
  const row = (column: Column) => (
    <tr key={column.name}>
      <th scope="row">{column.name}</th>
      <td>{t(`type.${column.type}`)}</td>
      <td>
        <RoleSelect
          column={column.name}
          role={column.role}
          disabled={!newest || dataset.deleted}
          change={(role) => void role_set(dataset, column.name, role, reload)}
        />
      </td>
    </tr>
  );
  return (
    <Card title={t('dataset.columns_title')} flush>
      <p class="card-note">{t('role.about')}</p>
      <Table label={t('dataset.columns_title')} dense>
        <thead>
          <tr>
            <th>{t('look.name')}</th>
            <th>{t('look.type')}</th>
            <th>{t('role.label')}</th>
          </tr>
        </thead>
        <tbody>{revision.columns.map(row)}</tbody>
      </Table>
    </Card>
  );
}

// A former revision becomes the newest one again; nothing is lost by it.
async function restore(dataset: Dataset, number: number, reload: () => void): Promise<void> {
  const sure = await ask({
    title: t('dataset.restore_title', { number }),
    text: t('dataset.restore_text', { number, next: dataset.revision + 1 }),
    confirm: t('dataset.restore_do'),
  });
  if (sure === null) return;
  try {
    await post(`/datasets/${dataset.id}/revisions/${number}/restore`);
    toast(t('dataset.restore_done', { number }));
    navigate(`/datasets/${dataset.id}`);
  } catch (error) {
    toast_error(error);
  }
  reload();
}

async function remove_data(dataset: Dataset, number: number, reload: () => void): Promise<void> {
  const sure = await ask({
    title: t('dataset.revision_delete_title', { number }),
    text: t('dataset.revision_delete_text'),
    confirm: t('dataset.revision_delete_do'),
    danger: true,
  });
  if (sure === null) return;
  try {
    await remove(`/datasets/${dataset.id}/revisions/${number}`);
    toast(t('dataset.revision_delete_done', { number }));
  } catch (error) {
    toast_error(error);
  }
  reload();
}

function RevisionItem({
  dataset,
  revision,
  reload,
}: {
  dataset: Dataset;
  revision: Revision;
  reload: () => void;
}) {
  const newest = revision.number === dataset.revision;
  return (
    <li>
      <p>
        <a href={`/datasets/${dataset.id}?revision=${revision.number}`}>
          {t('dataset.revision_number', { number: revision.number })}
        </a>
        {' · '}
        {t(`revision.kind.${revision.kind}`)}
        {revision.kind === 'restore' &&
          revision.parent !== null &&
          ` · ${t('dataset.restored_from', { number: revision.parent })}`}
        {newest && ` · ${t('dataset.revision_current')}`}
      </p>
      <p class="muted small">
        {t('dataset.rows_columns', { rows: revision.rows, columns: revision.columns.length })}
        {' · '}
        {bytes(revision.bytes)}
        {' · '}
        {revision.actor}
        {' · '}
        {time(revision.created_ms)}
      </p>
      {revision.source && (
        <p class="muted small">{t('dataset.from_file', { name: revision.source.name })}</p>
      )}
      <p class="small links">
        {revision.report && (
          <a href={`/datasets/${dataset.id}/report?revision=${revision.number}`}>
            {t('dataset.tab.report')}
          </a>
        )}
        {revision.fault_count > 0 && (
          <a href={`/datasets/${dataset.id}/faults?revision=${revision.number}`}>
            {t('dataset.fault_count', { faults: revision.fault_count })}
          </a>
        )}
        {revision.recipe && (
          <a href={`/datasets/${dataset.id}/cleanse?from=${dataset.id}.${revision.number}`}>
            {t('report.again_go')}
          </a>
        )}
        {!newest && !dataset.deleted && !revision.deleted_ms && (
          <>
            <button
              type="button"
              class="link"
              onClick={() => void restore(dataset, revision.number, reload)}
            >
              {t('dataset.restore_to', { number: revision.number })}
            </button>
            <button
              type="button"
              class="link"
              onClick={() => void remove_data(dataset, revision.number, reload)}
            >
              {t('dataset.revision_delete', { number: revision.number })}
            </button>
          </>
        )}
      </p>
      {revision.deleted_ms && (
        <p class="muted small">
          {t('dataset.revision_gone', {
            time: time(revision.deleted_ms),
            actor: revision.deleted_by,
          })}
        </p>
      )}
    </li>
  );
}

export function OverviewTab({ dataset, revision, reload }: DatasetTab) {
  const newest_first = [...(dataset.revisions ?? [])].sort((a, b) => b.number - a.number);
  return (
    <div class="split">
      <div>
        <Card title={t('dataset.about')}>
          {dataset.note && <p>{dataset.note}</p>}
          <Facts
            items={[
              [t('dataset.rows'), count(revision.rows)],
              [t('dataset.columns'), count(revision.columns.length)],
              [t('dataset.owner'), dataset.owner],
              [t('dataset.created'), time(dataset.created_ms)],
              [t('dataset.size'), bytes(revision.bytes)],
              [t('dataset.hash'), <Hash value={revision.table} />],
              ...(dataset.epsilon_spent > 0
                ? [[t('budget.title'), `ε ${decimal(dataset.epsilon_spent, 3)}`] as [string, string]]
                : []),
            ]}
          />
          {!dataset.deleted && <NextSteps dataset={dataset} revision={revision} />}
        </Card>
        <Columns dataset={dataset} revision={revision} reload={reload} />
      </div>
      <Card title={t('dataset.revisions')}>
        <ol class="timeline">
          {newest_first.map((one) => (
            <RevisionItem key={one.number} dataset={dataset} revision={one} reload={reload} />
          ))}
        </ol>
      </Card>
    </div>
  );
}
