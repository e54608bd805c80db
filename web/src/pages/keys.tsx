// Keys: what pseudonyms and encrypted values hang on. A security officer opens values, with a reason
// that is audited, and destroys a key for good; then nothing leads back.
import { useState } from 'preact/hooks';
import { post } from '../api';
import { ask } from '../components/dialog';
import {
  Button,
  ErrorSummary,
  TextField,
  error_at,
  errors_of,
  type FieldError,
} from '../components/form';
import { Badge, Card, Empty, Notice, Page, Shown } from '../components/page';
import { Code, Facts, Pager, Table } from '../components/table';
import { time } from '../format';
import { useGet } from '../load';
import { t } from '../messages';
import { query_number } from '../router';
import { may, toast, toast_error } from '../state';
import type { Key, List, Opened } from '../types';

const SIZE = 50;
const TEXTS_MAX = 1000;
const REASON_LENGTH_MIN = 4;

function key_name(key: Key): string {
  const name = key.name.replace(/^[^/]*\//, '');
  return t(key.scope === 'project' ? 'key.of_project' : 'key.of_dataset', { name });
}

async function destroy(key: Key, done: () => void): Promise<void> {
  const reason = await ask({
    title: t('key.destroy_title', { name: key_name(key) }),
    text: t('key.destroy_text'),
    confirm: t('key.destroy'),
    danger: true,
    input: { label: t('key.reason'), required: true },
  });
  if (!reason) return;
  try {
    await post(`/keys/${key.id}/destroy`, { reason });
    toast(t('key.destroyed_now', { name: key_name(key) }));
  } catch (error) {
    toast_error(error);
  }
  done();
}

function Row({ one, reload }: { one: Key; reload: () => void }) {
  return (
    <tr>
      <th scope="row">
        {one.dataset && may('data') ? (
          <a href={`/datasets/${one.dataset}`}>{key_name(one)}</a>
        ) : (
          key_name(one)
        )}
      </th>
      <td>
        <code>{one.mark}</code>
      </td>
      <td>
        {time(one.created_ms)} · {one.created_by}
      </td>
      <td>
        {one.destroyed_ms ? (
          <>
            <Badge tone="bad">{t('key.is_destroyed')}</Badge>
            <p class="muted small">
              {time(one.destroyed_ms)} · {one.destroyed_by} · {one.reason}
            </p>
          </>
        ) : (
          <Badge tone="good">{t('key.in_use')}</Badge>
        )}
      </td>
      <td>
        {!one.destroyed_ms && may('security') && (
          <button
            type="button"
            class="button button-danger button-small"
            aria-label={t('key.destroy_this', { name: key_name(one) })}
            onClick={() => void destroy(one, reload)}
          >
            {t('key.destroy')}
          </button>
        )}
      </td>
    </tr>
  );
}

// Sealed values, a line each, opened for a reason.
function Open() {
  const [texts, texts_set] = useState('');
  const [reason, reason_set] = useState('');
  const [errors, errors_set] = useState<FieldError[]>([]);
  const [busy, busy_set] = useState(false);
  const [opened, opened_set] = useState<Opened | null>(null);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy) return;
    const lines = texts.split('\n').filter((line) => line.trim());
    const wrong: FieldError[] = [];
    if (!lines.length) wrong.push({ field: 'sealed', text: t('key.no_texts') });
    if (lines.length > TEXTS_MAX) {
      wrong.push({ field: 'sealed', text: t('key.too_many_texts', { texts: TEXTS_MAX }) });
    }
    if ([...reason.trim()].length < REASON_LENGTH_MIN) {
      wrong.push({ field: 'reason', text: t('key.no_reason') });
    }
    errors_set(wrong);
    if (wrong.length) return;
    busy_set(true);
    try {
      opened_set(await post<Opened>('/keys/open', { texts: lines, reason: reason.trim() }));
    } catch (error) {
      errors_set(errors_of(error));
    }
    busy_set(false);
  };
  const count = opened?.items.reduce((sum, one) => sum + one.opened, 0) ?? 0;
  const left = opened?.items.reduce((sum, one) => sum + one.left, 0) ?? 0;
  return (
    <Card title={t('key.open_title')}>
      <p>{t('key.open_text')}</p>
      <form onSubmit={(event) => void submit(event)} noValidate>
        <ErrorSummary errors={errors} />
        <TextField
          id="sealed"
          label={t('key.texts')}
          hint={t('key.texts_hint')}
          multiline={4}
          value={texts}
          change={texts_set}
          error={error_at(errors, 'sealed')}
        />
        <TextField
          id="reason"
          label={t('key.reason')}
          value={reason}
          change={reason_set}
          error={error_at(errors, 'reason')}
        />
        <div class="actions">
          <Button type="submit" kind="primary" icon="eye" busy={busy}>
            {t('key.open')}
          </Button>
        </div>
      </form>
      {opened && (
        <>
          <Notice tone={left ? 'warn' : 'good'} title={t('key.opened', { count, left })}>
            {opened.destroyed.map((one) => (
              <p key={one.id}>
                {t('key.was_destroyed', {
                  name: key_name(one),
                  actor: one.destroyed_by,
                  time: time(one.destroyed_ms),
                })}
              </p>
            ))}
          </Notice>
          <Code text={opened.items.map((one) => one.text).join('\n')} label={t('key.result')} />
        </>
      )}
    </Card>
  );
}

// What a receiver checks our bundles with; its other half never leaves the box.
function Signing() {
  const key = useGet<{ public_key: string; fingerprint: string }>('/keys/bundle');
  return (
    <Card title={t('bundle.sign_title')}>
      <p>{t('bundle.sign_text')}</p>
      <Shown from={key} lines={2}>
        {(data) => (
          <>
            <Facts items={[[t('bundle.fingerprint'), <code>{data.fingerprint}</code>]]} />
            <Code text={data.public_key} label={t('bundle.public_key')} />
          </>
        )}
      </Shown>
    </Card>
  );
}

export default function KeysPage() {
  const page = query_number('page', 1);
  const list = useGet<List<Key>>(`/keys?page=${page}&size=${SIZE}`);
  return (
    <Page title={t('nav.keys')} lead={t('key.lead')} wide>
      <Card flush>
        <Shown from={list} lines={4}>
          {(data) =>
            data.total === 0 ? (
              <Empty title={t('key.none')} text={t('key.none_text')} icon="lock" />
            ) : (
              <>
                <Table label={t('nav.keys')} dense>
                  <thead>
                    <tr>
                      <th>{t('key.name')}</th>
                      <th>{t('key.mark')}</th>
                      <th>{t('key.created')}</th>
                      <th>{t('key.state')}</th>
                      <th>
                        <span class="hidden-text">{t('key.destroy')}</span>
                      </th>
                    </tr>
                  </thead>
                  <tbody>
                    {data.items.map((one) => (
                      <Row key={one.id} one={one} reload={list.reload} />
                    ))}
                  </tbody>
                </Table>
                <Pager page={page} size={SIZE} total={data.total} />
              </>
            )
          }
        </Shown>
      </Card>
      {may('security') && <Open />}
      <Signing />
    </Page>
  );
}
