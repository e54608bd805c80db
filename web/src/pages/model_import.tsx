// A model from elsewhere: an XGBoost JSON file (or a model file of ours) becomes one of the list.
import { useState } from 'preact/hooks';
import { post } from '../api';
import { Button, TextField } from '../components/form';
import { Card, ErrorBox, Notice, Page } from '../components/page';
import { FilePicker, SendingRow } from '../components/upload';
import { t } from '../messages';
import { navigate } from '../router';
import { sendings, upload_add, upload_cancel, upload_used } from '../upload';
import type { Model } from '../types';

export default function ModelImportPage() {
  const [key, key_set] = useState(0);
  const [name, name_set] = useState('');
  const [error, error_set] = useState<unknown>(null);
  const [busy, busy_set] = useState(false);
  const item = sendings.value.find((one) => one.key === key);
  const take = async () => {
    if (!item || busy) return;
    busy_set(true);
    error_set(null);
    try {
      const made = await post<Model>('/models', { name: name.trim(), upload: item.id });
      upload_used(item.id);
      navigate(`/models/${made.id}`);
    } catch (failure) {
      error_set(failure);
      busy_set(false);
    }
  };
  return (
    <Page
      title={t('model.import')}
      lead={t('model.import_lead')}
      crumbs={[{ text: t('nav.models'), href: '/models' }]}
    >
      <Card>
        <Notice title={t('model.import_honest')} />
        {item ? (
          <>
            <SendingRow item={item} />
            <TextField id="name" label={t('model.name')} value={name} change={name_set} />
            {error !== null && <ErrorBox error={error} />}
            <div class="actions">
              <Button
                kind="primary"
                busy={busy}
                disabled={item.state !== 'complete' || !name.trim()}
                onClick={() => void take()}
              >
                {t('model.import')}
              </Button>
              <Button
                kind="quiet"
                onClick={() => {
                  upload_cancel(key);
                  key_set(0);
                }}
              >
                {t('action.cancel')}
              </Button>
            </div>
          </>
        ) : (
          <FilePicker
            any
            picked={(files) => {
              key_set(upload_add(files[0]!));
              name_set(files[0]!.name.replace(/\.[a-z0-9]+$/i, ''));
            }}
          />
        )}
      </Card>
    </Page>
  );
}
