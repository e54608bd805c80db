// Predicting a whole file: it goes up in pieces, a job answers it, the answer comes down as CSV.
import { useState } from 'preact/hooks';
import { BASE, post } from '../api';
import { LimitWarning } from '../components/limits';
import { Button, CheckField, LinkButton, type FieldError } from '../components/form';
import { JobPanel } from '../components/job';
import { Card, ErrorBox } from '../components/page';
import { WHEN_NONE, WhenFields, when_body, when_errors, type When } from '../components/when';
import { WhatIfLine } from '../components/what_if';
import { FilePicker, SendingRow } from '../components/upload';
import { job_is_over, useJob } from '../live';
import { t } from '../messages';
import { sendings, upload_add, upload_cancel, upload_used } from '../upload';
import type { Job, ModelShow } from '../types';

function Done({ job: id, again }: { job: number; again: () => void }) {
  const job = useJob(id);
  return (
    <>
      <JobPanel id={id} />
      {job_is_over(job) && (
        <div class="actions">
          {job?.state === 'done' && (
            <LinkButton
              href={`${BASE}/jobs/${id}/download`}
              kind="primary"
              icon="download"
              download
            >
              {t('file.download')}
            </LinkButton>
          )}
          <Button kind="quiet" onClick={again}>
            {t('file.another')}
          </Button>
        </div>
      )}
    </>
  );
}

export function FileTab({ model, address }: { model: ModelShow; address: string }) {
  const [key, key_set] = useState(0);
  const [contributions, contributions_set] = useState(false);
  const [lines, lines_set] = useState(false);
  const [when, when_set] = useState<When>(WHEN_NONE);
  const [wrong, wrong_set] = useState<FieldError[]>([]);
  const [job, job_set] = useState<number | null>(null);
  const [error, error_set] = useState<unknown>(null);
  const [busy, busy_set] = useState(false);
  const item = sendings.value.find((one) => one.key === key);
  const series = model.scorecard?.series;
  const start = async (from: { upload: number } | { release: true }) => {
    if (busy) return;
    const told = when_errors(when);
    wrong_set(told);
    if (told.length) return;
    busy_set(true);
    error_set(null);
    try {
      const made = await post<Job>(`${address}/predictions`, {
        ...from,
        contributions,
        format: lines ? 'jsonl' : 'csv',
        ...when_body(when),
      });
      if ('upload' in from) upload_used(from.upload);
      job_set(made.id);
    } catch (failure) {
      error_set(failure);
    }
    busy_set(false);
  };
  return (
    <Card title={t('file.title')}>
      <p>
        {series
          ? t('series.file', { steps: series.history })
          : t(model.forecasts ? 'pilot.serve_series' : 'file.about')}
      </p>
      {!model.forecasts && <p class="columns-needed">
        {(model.features ?? []).map((one) => (
          <code key={one.name}>{one.name}</code>
        ))}
      </p>}
      {job ? (
        <Done
          job={job}
          again={() => {
            job_set(null);
            key_set(0);
          }}
        />
      ) : item ? (
        <>
          <LimitWarning />
          <SendingRow item={item} />
          <CheckField
            id="contributions"
            label={t('file.contributions')}
            hint={t('file.contributions_hint')}
            value={contributions}
            change={contributions_set}
          />
          <CheckField
            id="lines"
            label={t('file.lines')}
            hint={t('file.lines_hint')}
            value={lines}
            change={lines_set}
          />
          <WhenFields when={when} change={when_set} errors={wrong} />
          {error !== null && <ErrorBox error={error} />}
          <div class="actions">
            <Button
              kind="primary"
              icon="play"
              busy={busy}
              disabled={item.state !== 'complete'}
              onClick={() => void start({ upload: item.id })}
            >
              {t('file.start')}
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
          <WhatIfLine
            body={when_errors(when).length ? null : { step: 'predict', ...when_body(when) }}
          />
        </>
      ) : (
        <>
          {series && model.release && (
            <div class="actions">
              <Button icon="play" busy={busy} onClick={() => void start({ release: true })}>
                {t('series.from_release')}
              </Button>
            </div>
          )}
          {error !== null && <ErrorBox error={error} />}
          <FilePicker picked={(files) => key_set(upload_add(files[0]!))} />
        </>
      )}
    </Card>
  );
}
