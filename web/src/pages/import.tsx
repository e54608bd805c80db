// Import, first step: files by drag or pick, several at a time, in pieces that can be resumed.
import { LimitWarning } from '../components/limits';
import { Button, LinkButton } from '../components/form';
import { Card, Page } from '../components/page';
import { FilePicker, SendingRow } from '../components/upload';
import { t } from '../messages';
import { navigate } from '../router';
import { sendings, upload_add } from '../upload';

export default function ImportPage() {
  const items = sendings.value;
  const done = items.filter((item) => item.state === 'complete');
  return (
    <Page title={t('import.title')} lead={t('import.lead')}>
      <LimitWarning />
      <FilePicker multiple picked={(files) => files.forEach((file) => upload_add(file))} />
      {items.length > 0 && (
        <Card title={t('import.files')}>
          <ul class="sendings">
            {items.map((item) => (
              <li key={item.key}>
                <SendingRow
                  item={item}
                  action={
                    item.state === 'complete' && (
                      <LinkButton href={`/import/${item.id}`} kind="primary" icon="arrow">
                        {t('import.continue')}
                      </LinkButton>
                    )
                  }
                />
              </li>
            ))}
          </ul>
          {items.length === 1 && done.length === 1 && (
            <p class="hint">{t('import.continue_hint')}</p>
          )}
        </Card>
      )}
      <Card title={t('import.what')}>
        <ul class="plain-list">
          <li>{t('import.what_formats')}</li>
          <li>{t('import.what_encodings')}</li>
          <li>{t('import.what_size')}</li>
          <li>{t('import.what_resume')}</li>
        </ul>
        <Button kind="quiet" onClick={() => navigate('/datasets')}>
          {t('import.datasets')}
        </Button>
      </Card>
    </Page>
  );
}
