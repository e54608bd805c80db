// The audit chain: who did what, newest first, and whether every link still holds.
import { useState } from 'preact/hooks';
import { get } from '../api';
import { Button } from '../components/form';
import { Badge, Card, Empty, Notice, Page, Shown } from '../components/page';
import { Hash, Table } from '../components/table';
import { hash_short, time_exact } from '../format';
import { useGet } from '../load';
import { t, t_or } from '../messages';
import { query_number, query_set, query_text } from '../router';
import { toast_error } from '../state';
import type { AuditEntry } from '../types';

const SIZE = 50;

// What can be asked for; an action that is not here is still listed, by its own word.
const ACTIONS = (
  'dataset.change dataset.check dataset.cleanse dataset.create dataset.delete ' +
  'dataset.import dataset.reveal job.cancel job.download job.log_delete model.change model.create model.export model.import ' +
  'model.delete model.predict model.train people.change people.create people.disable ' +
  'people.enable people.password people.password_reset people.roles people.setup ' +
  'recipe.delete recipe.save release.approve release.download release.refused ' +
  'release.reject release.request release.withdraw session.close session.open system.backup ' +
  'token.create token.delete upload.create upload.delete'
).split(' ');

interface Verified {
  ok: boolean;
  count: number;
  head: string;
  broken_at: number | null;
}

function Verify() {
  const [state, state_set] = useState<Verified | null>(null);
  const [busy, busy_set] = useState(false);
  const run = async () => {
    if (busy) return;
    busy_set(true);
    try {
      state_set(await get<Verified>('/audit/verify'));
    } catch (error) {
      toast_error(error);
    }
    busy_set(false);
  };
  return (
    <Card title={t('audit.verify')}>
      <p class="muted">{t('audit.verify_about')}</p>
      {state && (
        <Notice
          tone={state.ok ? 'good' : 'bad'}
          title={
            state.ok
              ? t('audit.whole', { entries: state.count })
              : t('audit.broken', { sequence: state.broken_at ?? 0 })
          }
        >
          <p>
            {t('audit.head')} <Hash value={state.head} />
          </p>
        </Notice>
      )}
      <Button kind="primary" icon="check" busy={busy} onClick={() => void run()}>
        {t('audit.verify_run')}
      </Button>
    </Card>
  );
}

function action_name(action: string): string {
  return t_or(`audit.action.${action}`, action);
}

function Filter() {
  const chosen = query_text('action');
  return (
    <form
      class="filters"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        const form = new FormData(event.currentTarget);
        query_set({ actor: String(form.get('actor') ?? ''), before: null });
      }}
    >
      <input
        type="search"
        name="actor"
        defaultValue={query_text('actor')}
        aria-label={t('audit.actor')}
        placeholder={t('audit.actor')}
      />
      <button type="submit" class="button button-plain">
        {t('action.search')}
      </button>
      <select
        aria-label={t('audit.action')}
        value={chosen}
        onChange={(event) => query_set({ action: event.currentTarget.value, before: null })}
      >
        <option value="">{t('audit.action.any')}</option>
        {ACTIONS.map((action) => (
          <option key={action} value={action} selected={action === chosen}>
            {action_name(action)}
          </option>
        ))}
      </select>
    </form>
  );
}

function Entries({ items }: { items: AuditEntry[] }) {
  return (
    <Table label={t('nav.audit')} dense>
      <thead>
        <tr>
          <th class="number">#</th>
          <th>{t('audit.time')}</th>
          <th>{t('audit.actor')}</th>
          <th>{t('audit.action')}</th>
          <th>{t('audit.object')}</th>
          <th>{t('audit.result')}</th>
          <th>{t('audit.detail')}</th>
          <th>{t('audit.hash')}</th>
        </tr>
      </thead>
      <tbody>
        {items.map((entry) => (
          <tr key={entry.sequence}>
            <th scope="row" class="number">
              {entry.sequence}
            </th>
            <td class="nowrap">{time_exact(entry.time_ms)}</td>
            <td>{entry.actor}</td>
            <td>
              {action_name(entry.action)}
              {action_name(entry.action) !== entry.action && (
                <div class="muted small">{entry.action}</div>
              )}
            </td>
            <td>{entry.object}</td>
            <td>
              <Badge tone={entry.result === 'ok' ? 'good' : 'warn'}>
                {t_or(`audit.result.${entry.result}`, entry.result)}
              </Badge>
            </td>
            <td>{entry.detail}</td>
            <td>
              <code title={entry.hash}>{hash_short(entry.hash)}</code>
            </td>
          </tr>
        ))}
      </tbody>
    </Table>
  );
}

export default function AuditPage() {
  const before = query_number('before', 0);
  const list = useGet<{ items: AuditEntry[]; next: number | null }>(
    `/audit?size=${SIZE}&actor=${encodeURIComponent(query_text('actor'))}` +
      `&action=${encodeURIComponent(query_text('action'))}${before ? `&before=${before}` : ''}`,
  );
  return (
    <Page title={t('nav.audit')} lead={t('audit.lead')} wide>
      <Verify />
      <Filter />
      <Card flush>
        <Shown from={list} lines={8}>
          {(data) =>
            data.items.length ? (
              <>
                <Entries items={data.items} />
                <nav class="pager" aria-label={t('pager.label')}>
                  <div class="actions">
                    <Button disabled={!before} onClick={() => query_set({ before: null })}>
                      {t('audit.newest')}
                    </Button>
                    <Button disabled={!data.next} onClick={() => query_set({ before: data.next })}>
                      {t('audit.older')}
                    </Button>
                  </div>
                </nav>
              </>
            ) : (
              <Empty title={t('audit.none')} icon="audit" />
            )
          }
        </Shown>
      </Card>
    </Page>
  );
}
