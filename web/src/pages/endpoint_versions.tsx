// The versions of an endpoint: which one answers, back to an earlier one, another model put in; and
// who may ask it.
import { useState } from 'preact/hooks';
import { patch, post } from '../api';
import { Button, SelectField, TextField } from '../components/form';
import { Badge, Card, Shown } from '../components/page';
import { Facts, Table } from '../components/table';
import { time } from '../format';
import { useGet } from '../load';
import { t } from '../messages';
import { may, toast, toast_error } from '../state';
import type { Endpoint, List, Model } from '../types';

// Models that answer the same question and are not in use here already.
export function ModelField({
  endpoint,
  id,
  label,
  hint,
  value,
  change,
}: {
  endpoint: Endpoint;
  id: string;
  label: string;
  hint: string;
  value: string;
  change: (value: string) => void;
}) {
  const list = useGet<List<Model>>('/models?size=200');
  return (
    <Shown from={list} lines={2}>
      {(data) => {
        const fit = data.items.filter(
          (one) =>
            one.state === 'ready' &&
            one.id !== endpoint.model.id &&
            one.target === endpoint.model.target &&
            one.task === endpoint.model.task,
        );
        return fit.length ? (
          <SelectField
            id={id}
            label={label}
            hint={hint}
            value={value}
            change={change}
            choices={[
              { value: '', text: t('form.choose') },
              ...fit.map((one) => ({ value: String(one.id), text: `${one.name} (#${one.id})` })),
            ]}
          />
        ) : (
          <p class="hint">{t('endpoint.no_other_model', { target: endpoint.model.target })}</p>
        );
      }}
    </Shown>
  );
}

function PutForm({ endpoint, reload }: { endpoint: Endpoint; reload: () => void }) {
  const [model, model_set] = useState('');
  const [note, note_set] = useState('');
  const submit = async (event: Event) => {
    event.preventDefault();
    if (!model) return;
    try {
      await post(`/endpoints/${endpoint.id}/versions`, { model: Number(model), note });
      toast(t('endpoint.version_put'));
      model_set('');
      note_set('');
      reload();
    } catch (error) {
      toast_error(error);
    }
  };
  return (
    <Card title={t('endpoint.put_version')}>
      <form class="form" onSubmit={(event) => void submit(event)} noValidate>
        <ModelField
          endpoint={endpoint}
          id="version-model"
          label={t('model.one')}
          hint={t('endpoint.put_version_hint')}
          value={model}
          change={model_set}
        />
        {model && (
          <>
            <TextField
              id="version-note"
              label={t('endpoint.note')}
              optional
              value={note}
              change={note_set}
            />
            <Button type="submit" kind="primary">
              {t('endpoint.put_version')}
            </Button>
          </>
        )}
      </form>
    </Card>
  );
}

function Who({ endpoint, reload }: { endpoint: Endpoint; reload: () => void }) {
  const audience = (value: string) =>
    void patch(`/endpoints/${endpoint.id}`, { audience: value }).then(reload, toast_error);
  return (
    <Card title={t('endpoint.about')}>
      <Facts
        items={[
          [t('endpoint.department'), endpoint.department],
          [t('job.actor'), endpoint.owner],
          [t('job.created'), time(endpoint.created_ms)],
          ...(endpoint.note ? [[t('endpoint.note'), endpoint.note] as [string, string]] : []),
        ]}
      />
      {may('research') ? (
        <SelectField
          id="audience"
          label={t('endpoint.audience')}
          value={endpoint.audience}
          change={audience}
          choices={(['everybody', 'department'] as const).map((value) => ({
            value,
            text: t(`endpoint.audience.${value}`),
          }))}
        />
      ) : (
        <p>{t(`endpoint.audience.${endpoint.audience}`)}</p>
      )}
    </Card>
  );
}

export function VersionsTab({ endpoint, reload }: { endpoint: Endpoint; reload: () => void }) {
  const pin = async (version: number) => {
    try {
      await post(`/endpoints/${endpoint.id}/rollback`, { version });
      toast(t('endpoint.pinned', { version }));
      reload();
    } catch (error) {
      toast_error(error);
    }
  };
  const versions = endpoint.versions ?? [];
  const before = versions.find((one) => one.version === endpoint.version)?.before ?? 0;
  return (
    <>
      <Card
        title={t('endpoint.tab.versions')}
        flush
        actions={
          may('research') &&
          before > 0 && (
            <Button icon="undo" onClick={() => void pin(before)}>
              {t('endpoint.roll_back', { version: before })}
            </Button>
          )
        }
      >
        <Table label={t('endpoint.tab.versions')}>
          <thead>
            <tr>
              <th>{t('endpoint.version')}</th>
              <th>{t('model.one')}</th>
              <th>{t('endpoint.put_by')}</th>
              <th>{t('endpoint.note')}</th>
              <th>{t('job.state')}</th>
            </tr>
          </thead>
          <tbody>
            {versions.map((one) => (
              <tr key={one.version}>
                <th scope="row">{one.version}</th>
                <td>
                  {may('research') ? (
                    <a href={`/models/${one.model}`}>{one.model_name || `#${one.model}`}</a>
                  ) : (
                    one.model_name || `#${one.model}`
                  )}
                </td>
                <td>
                  {one.actor} · {time(one.put_ms)}
                </td>
                <td>{one.note}</td>
                <td>
                  {one.version === endpoint.version ? (
                    <Badge tone="good">{t('endpoint.is_pinned')}</Badge>
                  ) : !one.usable ? (
                    <Badge tone="plain">{t('endpoint.unusable')}</Badge>
                  ) : (
                    may('research') && (
                      <Button kind="quiet" onClick={() => void pin(one.version)}>
                        {t('endpoint.pin', { version: one.version })}
                      </Button>
                    )
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </Table>
      </Card>
      <div class="split split-even">
        {may('research') ? <PutForm endpoint={endpoint} reload={reload} /> : <div />}
        <Who endpoint={endpoint} reload={reload} />
      </div>
    </>
  );
}
