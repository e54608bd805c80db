// A language model is taken in: a file sent by the browser, or one that lies on the box already.
import { useState } from 'preact/hooks';
import { post } from '../api';
import { Button, TextField } from '../components/form';
import { Card, Empty, ErrorBox, Page, Shown } from '../components/page';
import { Code, Table } from '../components/table';
import { FilePicker, SendingRow } from '../components/upload';
import { ago, bytes } from '../format';
import { useGet } from '../load';
import { t } from '../messages';
import { navigate } from '../router';
import { sendings, upload_add, upload_cancel, upload_used } from '../upload';
import type { Incoming, LanguageModel } from '../types_language';

const NAME_LENGTH_MAX = 100;

function name_of(file: string): string {
  return file.replace(/\.[a-z0-9]+$/i, '').slice(0, NAME_LENGTH_MAX);
}

// The name, and the button that takes it in. `id`: there are two such forms on the page.
function NameForm({
  id,
  file,
  ready,
  source,
  done,
  cancel,
}: {
  id: string;
  file: string;
  ready: boolean;
  source: { upload: number } | { incoming: string };
  done: () => void;
  cancel: () => void;
}) {
  const [name, name_set] = useState(name_of(file));
  const [error, error_set] = useState<unknown>(null);
  const [busy, busy_set] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy || !ready || !name.trim()) return;
    busy_set(true);
    error_set(null);
    try {
      const body = { name: name.trim(), ...source };
      const made = await post<{ model: LanguageModel }>('/language-models', body);
      done();
      navigate(`/language-models/${made.model.id}`);
    } catch (failure) {
      error_set(failure);
      busy_set(false);
    }
  };
  return (
    <form class="form" onSubmit={(event) => void submit(event)} noValidate>
      <TextField
        id={id}
        label={t('language.name')}
        hint={t('language.name_hint')}
        value={name}
        change={name_set}
        autocomplete="off"
        spellcheck={false}
      />
      {error !== null && <ErrorBox error={error} />}
      <div class="actions">
        <Button type="submit" kind="primary" busy={busy} disabled={!ready || !name.trim()}>
          {t('language.take')}
        </Button>
        <Button kind="quiet" onClick={cancel}>
          {t('action.cancel')}
        </Button>
      </div>
    </form>
  );
}

function Upload() {
  const [key, key_set] = useState(0);
  const item = sendings.value.find((one) => one.key === key);
  return (
    <Card title={t('language.from_here')}>
      {item ? (
        <>
          <SendingRow item={item} />
          <NameForm
            id="name"
            file={item.file.name}
            ready={item.state === 'complete'}
            source={{ upload: item.id }}
            done={() => upload_used(item.id)}
            cancel={() => {
              upload_cancel(key);
              key_set(0);
            }}
          />
        </>
      ) : (
        <>
          <FilePicker
            any
            label={t('language.drop')}
            picked={(files) => key_set(upload_add(files[0]!))}
          />
          <p class="hint">{t('language.upload_hint')}</p>
        </>
      )}
    </Card>
  );
}

function Files({ data, pick }: { data: Incoming; pick: (name: string) => void }) {
  return (
    <Table label={t('language.from_box')}>
      <thead>
        <tr>
          <th>{t('language.file')}</th>
          <th>{t('table.action')}</th>
        </tr>
      </thead>
      <tbody>
        {data.items.map((one) => (
          <tr key={one.name}>
            <th scope="row">
              {one.name}
              <p class="muted small">
                {bytes(one.bytes)} · {ago(one.changed_ms)}
              </p>
            </th>
            <td>
              <Button
                aria-label={t('language.choose_this', { name: one.name })}
                onClick={() => pick(one.name)}
              >
                {t('language.choose')}
              </Button>
            </td>
          </tr>
        ))}
      </tbody>
    </Table>
  );
}

// The folder DIR/incoming of the box.
function OnTheBox() {
  const list = useGet<Incoming>('/incoming');
  const [picked, picked_set] = useState('');
  return (
    <Card
      title={t('language.from_box')}
      actions={<Button onClick={list.reload}>{t('action.refresh')}</Button>}
    >
      <Shown from={list}>
        {(data) => (
          <>
            <p>{t('language.box_text')}</p>
            <Code label={t('language.folder')} text={data.folder} />
            {data.items.length ? (
              <Files data={data} pick={picked_set} />
            ) : (
              <Empty title={t('language.box_empty')} icon="import" />
            )}
            {data.total > data.items.length && (
              <p class="hint">{t('language.box_more', { more: data.total - data.items.length })}</p>
            )}
            {picked && (
              <NameForm
                key={picked}
                id="box-name"
                file={picked}
                ready
                source={{ incoming: picked }}
                done={() => undefined}
                cancel={() => picked_set('')}
              />
            )}
          </>
        )}
      </Shown>
    </Card>
  );
}

export default function LanguageImportPage() {
  return (
    <Page
      title={t('language.import')}
      lead={t('language.import_lead')}
      crumbs={[{ text: t('nav.language_models'), href: '/language-models' }]}
    >
      <Upload />
      <OnTheBox />
    </Page>
  );
}
