// The check: a card a column with its figures, its shape, and the personal data found in it.
import { useState } from 'preact/hooks';
import { patch, post } from '../api';
import { Histogram } from '../charts/histogram';
import { Button, LinkButton } from '../components/form';
import { JobPanel } from '../components/job';
import { Badge, Card, Empty, Notice, Shown } from '../components/page';
import { RoleSelect, role_name } from '../components/role';
import { Bar, Pager, Table } from '../components/table';
import { count, percent, short } from '../format';
import { useGet } from '../load';
import { t, t_or } from '../messages';
import { query_number, query_set, query_text } from '../router';
import { toast, toast_error } from '../state';
import type { ColumnRole, Job, PersonalFound, Profile, ProfileColumn } from '../types';
import type { DatasetTab } from './dataset';
import { role_set } from './dataset_overview';
import { ask_reveal } from './dataset_rows';

const SIZE = 24; // cards a page

export function personal_name(kind: string): string {
  return t_or(`personal.${kind}`, kind);
}

function confidence(value: number): string {
  return t('check.confidence_is', { value: percent(value / 100, 0) });
}

// Some of what was found, hidden but for a few characters by the server already.
function Examples({ found }: { found: PersonalFound }) {
  const examples = found.examples ?? [];
  if (!examples.length) return null;
  return (
    <span class="found-examples">
      {examples.slice(0, 3).map((value, i) => (
        <code key={i}>{value}</code>
      ))}
    </span>
  );
}

function Personal({ column }: { column: ProfileColumn }) {
  const found = column.personal ?? [];
  if (!found.length) return null;
  return (
    <ul class="found">
      {found.map((one) => (
        <li key={one.kind + one.where}>
          <Badge tone="bad">{personal_name(one.kind)}</Badge>
          <span>
            {t(one.where === 'inside' ? 'check.found_inside' : 'check.found_whole', {
              cells: one.cells,
              share: percent(one.share),
            })}
            {one.confidence !== undefined && ` · ${confidence(one.confidence)}`}
          </span>
          <Examples found={one} />
        </li>
      ))}
    </ul>
  );
}

function Quantiles({ column }: { column: ProfileColumn }) {
  const q = column.quantiles;
  if (!q || q.length < 7) return null;
  const all = [
    ['check.q0', 0],
    ['check.q25', 2],
    ['check.q50', 3],
    ['check.q75', 4],
    ['check.q100', 6],
  ] as const;
  const long = typeof q[0] === 'string'; // dates: five would not fit beside one another
  return (
    <dl class="quantiles">
      {all
        .filter(([, i]) => !long || i === 0 || i === 3 || i === 6)
        .map(([key, i]) => (
          <div key={key}>
            <dt>{t(key)}</dt>
            <dd>{short(q[i])}</dd>
          </div>
        ))}
    </dl>
  );
}

function Top({ column, hidden }: { column: ProfileColumn; hidden: boolean }) {
  const top = (column.top ?? []).slice(0, 6);
  if (!top.length) return null;
  const most = Math.max(1, ...top.map((one) => one.count));
  return (
    <>
      <ul class="top" aria-label={t('check.top')}>
        {top.map((one, i) => (
          <li key={i}>
            <span class={hidden ? 'masked' : ''}>{short(one.value)}</span>
            <Bar share={one.count / most} />
            <span class="number">{count(one.count)}</span>
          </li>
        ))}
      </ul>
      {column.examples && column.examples.length > 0 && !hidden && (
        <p class="small">
          <span class="muted">{t('check.examples')} </span>
          {column.examples.slice(0, 5).map((value, i) => (
            <code key={i}>{short(value)} </code>
          ))}
        </p>
      )}
    </>
  );
}

function ColumnCard({
  column,
  rows,
  hidden,
  editable,
  change,
}: {
  column: ProfileColumn;
  rows: number;
  hidden: boolean;
  editable: boolean;
  change: Parameters<typeof RoleSelect>[0]['change'];
}) {
  const histogram = column.histogram;
  const drawn = histogram && histogram.counts.length > 1;
  return (
    <section class="column-card" aria-label={column.name}>
      <div class="column-head">
        <h3>{column.name}</h3>
        <Badge tone="plain">{t(`type.${column.type}`)}</Badge>
      </div>
      <dl class="column-facts">
        <div>
          <dt>{t('check.missing')}</dt>
          <dd>
            {count(column.missing)} ({percent(rows ? column.missing / rows : 0)})
            <Bar share={rows ? column.missing / rows : 0} tone="warn" />
          </dd>
        </div>
        <div>
          <dt>{t('check.distinct')}</dt>
          <dd>
            {column.distinct_exact ? '' : '≈ '}
            {count(column.distinct)}
          </dd>
        </div>
        {column.mean !== undefined && column.mean !== null && (
          <div>
            <dt>{t('check.mean')}</dt>
            <dd>
              {short(column.mean)}
              {column.deviation !== undefined && ` ± ${short(column.deviation)}`}
            </dd>
          </div>
        )}
        {column.length_maximum !== undefined && column.type === 'text' && (
          <div>
            <dt>{t('check.length')}</dt>
            <dd>
              {column.length_minimum}–{column.length_maximum}
            </dd>
          </div>
        )}
      </dl>
      {drawn && <Histogram name={column.name} edges={histogram.edges} counts={histogram.counts} />}
      <Quantiles column={column} />
      {!drawn && <Top column={column} hidden={hidden} />}
      <Personal column={column} />
      <p class="column-role">
        <span class="muted">{t('role.label')}</span>
        <RoleSelect
          column={column.name}
          role={column.role}
          proposed={column.role_proposed}
          disabled={!editable}
          change={change}
        />
        {editable && column.role_proposed && column.role_proposed !== (column.role || 'plain') && (
          <button
            type="button"
            class="button button-small"
            aria-label={t('role.take_for', {
              name: column.name,
              role: role_name(column.role_proposed),
            })}
            onClick={() => change(column.role_proposed as ColumnRole)}
          >
            {t('role.proposed_is', { role: role_name(column.role_proposed) })}
          </button>
        )}
      </p>
    </section>
  );
}

function Summary({ profile }: { profile: Profile }) {
  const found = profile.columns.filter((column) => column.personal?.length);
  if (!found.length) {
    return (
      <Notice tone="good" title={t('check.no_personal')}>
        {t('check.no_personal_hint')}
      </Notice>
    );
  }
  const all = found.flatMap((column) => column.personal!);
  const told = all.some((one) => one.confidence !== undefined);
  const shown = all.some((one) => one.examples?.length);
  return (
    <Card tone="warn" title={t('check.personal_title', { columns: found.length })} flush>
      <Table label={t('check.personal')} dense>
        <thead>
          <tr>
            <th>{t('look.name')}</th>
            <th>{t('check.kind')}</th>
            <th class="number">{t('check.cells')}</th>
            <th class="number">{t('check.share')}</th>
            <th>{t('check.where')}</th>
            {told && <th class="number">{t('check.confidence')}</th>}
            {shown && <th>{t('check.hidden_examples')}</th>}
          </tr>
        </thead>
        <tbody>
          {found.flatMap((column) =>
            column.personal!.map((one) => (
              <tr key={column.name + one.kind + one.where}>
                <th scope="row">{column.name}</th>
                <td>{personal_name(one.kind)}</td>
                <td class="number">{count(one.cells)}</td>
                <td class="number">{percent(one.share)}</td>
                <td>{t(one.where === 'inside' ? 'check.inside' : 'check.whole')}</td>
                {told && (
                  <td class="number">
                    {one.confidence === undefined ? '–' : percent(one.confidence / 100, 0)}
                  </td>
                )}
                {shown && (
                  <td>
                    <Examples found={one} />
                  </td>
                )}
              </tr>
            )),
          )}
        </tbody>
      </Table>
    </Card>
  );
}

// The roles that the check proposes where they differ from the present ones, taken over at once.
function Proposals({
  profile,
  tab,
  changed,
}: {
  profile: Profile;
  tab: DatasetTab;
  changed: () => void;
}) {
  const open = profile.columns.filter(
    (column) => column.role_proposed && column.role_proposed !== (column.role || 'plain'),
  );
  if (!open.length || tab.revision.number !== tab.dataset.revision || tab.dataset.deleted)
    return null;
  const accept = async () => {
    try {
      await patch(`/datasets/${tab.dataset.id}`, {
        roles: Object.fromEntries(open.map((column) => [column.name, column.role_proposed])),
      });
      toast(t('check.accepted'));
    } catch (error) {
      toast_error(error);
    }
    changed();
  };
  return (
    <Notice title={t('check.accept_about', { columns: open.length })}>
      <p>
        {open.map((column) => `${column.name}: ${role_name(column.role_proposed)}`).join(' · ')}
      </p>
      <p>
        <Button icon="check" onClick={() => void accept()}>
          {t('check.accept', { columns: open.length })}
        </Button>
      </p>
    </Notice>
  );
}

function Cards({
  profile,
  tab,
  hidden,
  changed,
}: {
  profile: Profile;
  tab: DatasetTab;
  hidden: boolean;
  changed: () => void;
}) {
  const wanted = query_text('q').toLowerCase();
  const only = query_text('personal') === '1';
  const shown = profile.columns.filter(
    (column) => column.name.toLowerCase().includes(wanted) && (!only || column.personal?.length),
  );
  const page = query_number('page', 1);
  const editable = tab.revision.number === tab.dataset.revision && !tab.dataset.deleted;
  return (
    <>
      <div class="filters no-print">
        <input
          type="search"
          value={query_text('q')}
          aria-label={t('check.filter')}
          placeholder={t('check.filter')}
          onInput={(event) => query_set({ q: event.currentTarget.value, page: null }, true)}
        />
        <div class="check">
          <input
            type="checkbox"
            id="only"
            checked={only}
            onChange={(event) =>
              query_set({ personal: event.currentTarget.checked ? 1 : null, page: null }, true)
            }
          />
          <label for="only">{t('check.only_personal')}</label>
        </div>
      </div>
      {shown.length === 0 && <Empty title={t('check.none_fit')} />}
      <h2 class="hidden-text">{t('dataset.columns_title')}</h2>
      <div class="columns">
        {shown.slice((page - 1) * SIZE, page * SIZE).map((column) => (
          <ColumnCard
            key={column.name}
            column={column}
            rows={profile.rows}
            hidden={hidden}
            editable={editable}
            change={(role) => {
              void role_set(tab.dataset, column.name, role, changed);
            }}
          />
        ))}
      </div>
      {shown.length > SIZE && <Pager page={page} size={SIZE} total={shown.length} />}
    </>
  );
}

// What a data officer does with the findings, one after another.
function Next({ profile, tab }: { profile: Profile; tab: DatasetTab }) {
  const base = `/datasets/${tab.dataset.id}`;
  if (tab.dataset.deleted || tab.revision.number !== tab.dataset.revision) return null;
  const open = profile.columns.some(
    (column) => column.role_proposed && column.role_proposed !== (column.role || 'plain'),
  );
  const personal = profile.columns.some(
    (column) => column.personal?.length || ['direct', 'quasi'].includes(column.role),
  );
  return (
    <Card title={t('check.next')} tone="accent">
      <ol class="steps">
        <li class={open ? 'now' : 'done'}>
          {t(open ? 'check.next_roles' : 'check.next_roles_done')}
        </li>
        <li class={open ? '' : 'now'}>
          {t(personal ? 'check.next_cleanse' : 'check.next_repair')}
        </li>
        <li>{t('check.next_publish')}</li>
      </ol>
      <div class="actions">
        <LinkButton href={`${base}/cleanse`} kind={open ? 'plain' : 'primary'} icon="dataset">
          {t('check.to_recipe')}
        </LinkButton>
        {!personal && (
          <LinkButton href={`${base}/publish`} icon="release">
            {t('dataset.tab.publish')}
          </LinkButton>
        )}
      </div>
    </Card>
  );
}

export function CheckTab(tab: DatasetTab) {
  const { dataset, revision, reload } = tab;
  const [reveal, reveal_set] = useState(false);
  const [job, job_set] = useState<number | null>(null);
  const base = `/datasets/${dataset.id}/revisions/${revision.number}/profile`;
  const profile = useGet<Profile>(revision.profile ? base + (reveal ? '?reveal=1' : '') : null);
  // Roles may have been changed after the check was made; what is treated needs no other role.
  const columns = new Map(revision.columns.map((column) => [column.name, column]));
  const present = (column: ProfileColumn): ProfileColumn => {
    const now = columns.get(column.name);
    const role = now?.role ?? column.role;
    const treated = now?.treatment && now.treatment !== 'none';
    return treated ? { ...column, role, role_proposed: role } : { ...column, role };
  };
  const shown = {
    ...profile,
    data: profile.data && { ...profile.data, columns: profile.data.columns.map(present) },
  };
  const start = async () => {
    try {
      job_set((await post<Job>(`/datasets/${dataset.id}/check`, { revision: revision.number })).id);
    } catch (error) {
      toast_error(error);
    }
  };
  if (!revision.profile) {
    return (
      <Card>
        {job || dataset.job ? (
          <>
            <p>{t('check.running')}</p>
            {job && <JobPanel id={job} ended={reload} />}
          </>
        ) : null}
        {!job && (
          <Empty
            title={t('check.none')}
            text={t('check.none_text')}
            icon="eye"
            action={
              <Button kind="primary" onClick={() => void start()}>
                {t('check.start')}
              </Button>
            }
          />
        )}
      </Card>
    );
  }
  return (
    <Shown from={shown} lines={8}>
      {(data) => (
        <>
          <div class="toolbar">
            <p class="muted">
              {t('dataset.rows_columns', { rows: data.rows, columns: data.columns.length })}
              {data.duplicates && ` · ${t('check.duplicates', { rows: data.duplicates.rows })}`}
            </p>
            {reveal ? (
              <Button icon="lock" onClick={() => reveal_set(false)}>
                {t('reveal.hide')}
              </Button>
            ) : (
              <Button
                icon="eye"
                onClick={async () => {
                  if (await ask_reveal()) reveal_set(true);
                }}
              >
                {t('reveal.examples')}
              </Button>
            )}
          </div>
          {reveal && <Notice tone="warn" title={t('reveal.on')} />}
          <Next profile={data} tab={tab} />
          <Summary profile={data} />
          <Proposals
            profile={data}
            tab={tab}
            changed={() => {
              profile.reload();
              reload();
            }}
          />
          <Cards
            profile={data}
            tab={tab}
            hidden={!reveal}
            changed={() => {
              profile.reload();
              reload();
            }}
          />
        </>
      )}
    </Shown>
  );
}
