// Publishing: the data sheet that goes with a revision, then a second person's decision.
import { useState } from 'preact/hooks';
import { post } from '../api';
import {
  Button,
  ErrorSummary,
  RadioGroup,
  TextField,
  error_at,
  errors_of,
  type FieldError,
} from '../components/form';
import { Badge, Card, Notice } from '../components/page';
import { ColumnsCard } from '../components/role';
import { t } from '../messages';
import { navigate } from '../router';
import { toast } from '../state';
import type { Release, Sheet } from '../types';
import type { DatasetTab } from './dataset';

const FIELDS = ['title', 'purpose', 'source', 'licence', 'contact', 'limits'] as const;
const NEEDED = new Set<string>(['title', 'purpose', 'source']);
const LONG = new Set<string>(['purpose', 'source', 'limits']);

export function PublishTab(tab: DatasetTab) {
  const { dataset, revision } = tab;
  const [sheet, sheet_set] = useState<Sheet>({
    title: dataset.name,
    purpose: '',
    source: '',
    licence: '',
    contact: '',
    limits: '',
    sensitivity: 'internal',
  });
  const [errors, errors_set] = useState<FieldError[]>([]);
  const [busy, busy_set] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy) return;
    const wrong = FIELDS.filter((name) => NEEDED.has(name) && !sheet[name].trim()).map((name) => ({
      field: name,
      text: t('form.missing', { label: t(`sheet.${name}`) }),
    }));
    errors_set(wrong);
    if (wrong.length) return;
    busy_set(true);
    try {
      const release = await post<Release>(`/datasets/${dataset.id}/releases`, {
        revision: revision.number,
        sheet,
      });
      toast(t('publish.requested'));
      navigate(`/releases/${release.id}`);
    } catch (error) {
      errors_set(
        errors_of(error, (_, detail) =>
          FIELDS.find((name) => detail === name || detail.endsWith(`.${name}`)),
        ),
      );
      busy_set(false);
    }
  };
  return (
    <div class="split">
      <div>
        {revision.kind === 'import' && (
          <Notice tone="warn" title={t('publish.raw')}>
            {t('publish.raw_hint')}
          </Notice>
        )}
        <Card title={t('publish.sheet')}>
          <p class="muted">
            {t('publish.about', { revision: revision.number, rows: revision.rows })}{' '}
            <Badge tone="plain">{t(`revision.kind.${revision.kind}`)}</Badge>
          </p>
          <form class="form" onSubmit={(event) => void submit(event)} noValidate>
            <ErrorSummary errors={errors} />
            {FIELDS.map((name) => (
              <TextField
                key={name}
                id={name}
                label={t(`sheet.${name}`)}
                optional={!NEEDED.has(name)}
                hint={t(`sheet.${name}_hint`)}
                {...(LONG.has(name) ? { multiline: 3 } : {})}
                value={sheet[name]}
                error={error_at(errors, name)}
                change={(value) => sheet_set({ ...sheet, [name]: value })}
              />
            ))}
            <RadioGroup
              name="sensitivity"
              label={t('sheet.sensitivity')}
              value={sheet.sensitivity}
              change={(value) =>
                sheet_set({ ...sheet, sensitivity: value as Sheet['sensitivity'] })
              }
              choices={(['open', 'internal', 'restricted'] as const).map((value) => ({
                value,
                text: t(`sensitivity.${value}`),
                hint: t(`sensitivity.${value}_hint`),
              }))}
            />
            <Button
              type="submit"
              kind="primary"
              icon="release"
              busy={busy}
              disabled={dataset.deleted}
            >
              {t('publish.request')}
            </Button>
            <p class="hint">{t('publish.second')}</p>
          </form>
        </Card>
      </div>
      <ColumnsCard title={t('publish.columns')} columns={revision.columns} />
    </div>
  );
}
