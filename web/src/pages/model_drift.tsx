// Is what comes in now like what the model was trained on? A release or a file is held against the
// training rows by a job; the answer stays at this address.
import { useState } from 'preact/hooks';
import { BASE, post } from '../api';
import { Button, LinkButton, SelectField } from '../components/form';
import { JobPanel } from '../components/job';
import { Badge, Card, ErrorBox, Notice, Shown } from '../components/page';
import { Grid, Table, number_column } from '../components/table';
import { FilePicker, SendingRow } from '../components/upload';
import { count, decimal, percent, short } from '../format';
import { job_is_over, useJob } from '../live';
import { useGet } from '../load';
import { t } from '../messages';
import { query_number, query_set } from '../router';
import { sendings, upload_add, upload_used } from '../upload';
import type { Job, List, ModelShow, Release } from '../types';
import type { DriftErrors, DriftForecast, DriftPart, DriftReport, DriftVerdict } from '../types_judged';
import { ahead } from './model_series';
import { Headline } from './models';

function Level({ part }: { part: DriftPart }) {
  if (!part.level) return <span>–</span>;
  const tone = part.level === 'stable' ? 'good' : part.level === 'moderate' ? 'warn' : 'bad';
  return <Badge tone={tone}>{t(`drift.level.${part.level}`)}</Badge>;
}

function bin_name(bin: DriftPart['bins'][number]): string {
  if (bin.category !== undefined) return bin.category;
  if (bin.from === undefined) return bin.to === undefined ? t('drift.any') : `< ${short(bin.to)}`;
  return bin.to === undefined ? `≥ ${short(bin.from)}` : `${short(bin.from)} – ${short(bin.to)}`;
}

function Shares({ part }: { part: DriftPart }) {
  const rows = [
    ...part.bins.map((bin) => ({ name: bin_name(bin), before: bin.before, now: bin.now })),
    { name: t('try.missing'), ...part.missing },
  ];
  return (
    <details>
      <summary>{t('drift.shares', { name: part.name })}</summary>
      <Table label={t('drift.shares', { name: part.name })} dense>
        <thead>
          <tr>
            <th>{t('chart.range')}</th>
            <th class="number">{t('drift.before')}</th>
            <th class="number">{t('drift.now')}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row, i) => (
            <tr key={i}>
              <th scope="row">{row.name}</th>
              <td class="number">{percent(row.before)}</td>
              <td class="number">{percent(row.now)}</td>
            </tr>
          ))}
        </tbody>
      </Table>
    </details>
  );
}

const tones: Record<DriftVerdict, 'good' | 'warn' | 'bad' | undefined> = {
  worse: 'bad',
  behind: 'bad',
  harder: 'warn',
  better: 'good',
  same: 'good',
  few: undefined,
  none: undefined,
};

// Each horizon's error beside the backtest's, then all of them together.
function ForecastCard({ forecast, model }: { forecast: DriftForecast; model: ModelShow }) {
  const { horizons, judged, verdict, steps, ...span } = forecast;
  const series = model.scorecard?.series;
  const title = t('drift.forecast_title');
  const row = (one: DriftErrors) => [
    one.horizon ? (series ? ahead(one.horizon, series) : one.horizon) : t('drift.any'),
    one.before ? decimal(one.before.value) : '–',
    one.now ? decimal(one.now.value) : '–',
    one.ratio
      ? `${decimal(one.ratio.value)} (${decimal(one.ratio.low)} – ${decimal(one.ratio.high)})`
      : '–',
    one.rule_ratio ? decimal(one.rule_ratio.value) : '–',
    <Badge tone={tones[one.verdict] ?? 'plain'}>{t(`drift.verdict.${one.verdict}`)}</Badge>,
  ];
  return (
    <Card title={title}>
      <p>{t('drift.forecast_span', { ...span, steps: count(steps) })}</p>
      <Notice tone={tones[verdict] ?? 'info'}>{t(`drift.forecast.${verdict}`)}</Notice>
      {judged && (
        <Grid
          label={title}
          columns={[
            t('series.horizon'),
            number_column(`${t('metric.mae')} · ${t('drift.backtest')}`),
            number_column(t('drift.now')),
            number_column(t('drift.ratio')),
            number_column(t('drift.rule_ratio')),
            t('drift.verdict'),
          ]}
          rows={[...horizons, judged].map(row)}
        />
      )}
    </Card>
  );
}

function Report({ report, model }: { report: DriftReport; model: ModelShow }) {
  const trained = model.headline;
  const columns = [...report.columns].sort((a, b) => (b.psi ?? -1) - (a.psi ?? -1));
  const moved = columns.filter((one) => one.level === 'large').length;
  const title = t('drift.columns');
  const metric = report.metrics?.find((one) => one.value !== null);
  return (
    <>
      {report.forecast && <ForecastCard forecast={report.forecast} model={model} />}
      <Card title={t('drift.result', { rows: count(report.rows) })}>
        {report.prediction && (
          <p>
            {t('drift.prediction')}{' '}
            {report.prediction.psi === null ? '–' : decimal(report.prediction.psi)}{' '}
            <Level part={report.prediction} />
          </p>
        )}
        <p>{t(moved ? 'drift.some_moved' : 'drift.none_moved', { columns: moved })}</p>
        {metric && (
          <p>
            {t('drift.judged', { rows: count(report.judged_rows) })} <Headline value={metric} />
            {trained?.name === metric.name && (
              <>
                {' · '}
                {t('drift.before')} <Headline value={trained} />
              </>
            )}
          </p>
        )}
        {report.without.length > 0 && (
          <p class="hint">{t('drift.without', { names: report.without.join(', ') })}</p>
        )}
        {report.prediction && <Shares part={report.prediction} />}
      </Card>
      <Card title={title} flush>
        <Table label={title}>
          <thead>
            <tr>
              <th>{t('look.name')}</th>
              <th class="number">PSI</th>
              <th>{t('drift.level')}</th>
              <th>{t('drift.distribution')}</th>
            </tr>
          </thead>
          <tbody>
            {columns.map((part) => (
              <tr key={`${part.kind} ${part.name}`}>
                <th scope="row">{part.name}</th>
                <td class="number">{part.psi === null ? '–' : decimal(part.psi)}</td>
                <td>
                  <Level part={part} />
                </td>
                <td>
                  <Shares part={part} />
                </td>
              </tr>
            ))}
          </tbody>
        </Table>
        <p class="hint">
          {t('drift.hint')} {report.forecast && t('drift.usual_hint')}
        </p>
      </Card>
    </>
  );
}

function Answer({ job: id, model }: { job: number; model: ModelShow }) {
  const job = useJob(id);
  const done = job_is_over(job) && job?.state === 'done';
  const report = useGet<DriftReport>(done ? `/jobs/${id}/download` : null);
  return (
    <>
      <Card>
        <JobPanel id={id} />
        <div class="actions">
          {done && (
            <LinkButton href={`${BASE}/jobs/${id}/download`} icon="download" download>
              {t('drift.download')}
            </LinkButton>
          )}
          <Button kind="quiet" onClick={() => query_set({ job: null })}>
            {t('drift.another')}
          </Button>
        </div>
      </Card>
      {done && <Shown from={report}>{(data) => <Report report={data} model={model} />}</Shown>}
    </>
  );
}

export function DriftTab({ model }: { model: ModelShow }) {
  const job = query_number('job', 0);
  const releases = useGet<List<Release>>('/releases?state=released&size=200');
  const [release, release_set] = useState('');
  const [key, key_set] = useState(0);
  const [error, error_set] = useState<unknown>(null);
  const [busy, busy_set] = useState(false);
  const item = sendings.value.find((one) => one.key === key);
  const ready = release !== '' || item?.state === 'complete';
  if (job) return <Answer key={job} job={job} model={model} />;
  const start = async () => {
    busy_set(true);
    error_set(null);
    try {
      const made = await post<Job>(
        `/models/${model.id}/drift`,
        release ? { release: Number(release) } : { upload: item?.id },
      );
      if (item) upload_used(item.id);
      query_set({ job: made.id });
    } catch (failure) {
      error_set(failure);
    }
    busy_set(false);
  };
  return (
    <Card title={t('drift.title')}>
      <p>{t(model.forecasts ? 'drift.about_forecast' : 'drift.about')}</p>
      <SelectField
        id="release"
        label={t('drift.release')}
        value={release}
        change={release_set}
        choices={[
          { value: '', text: t('drift.no_release') },
          ...(releases.data?.items ?? []).map((one) => ({
            value: String(one.id),
            text: t('train.release_option', { name: one.title, rows: one.rows }),
          })),
        ]}
      />
      {!release && (item ? <SendingRow item={item} /> : <FilePicker picked={(files) => key_set(upload_add(files[0]!))} />)}
      {error !== null && <ErrorBox error={error} />}
      <div class="actions">
        <Button kind="primary" icon="play" busy={busy} disabled={!ready} onClick={() => void start()}>
          {t('drift.start')}
        </Button>
      </div>
    </Card>
  );
}
