// One language model: how it stands now, what its file says of itself, and the memory it needs here.
import { useState } from 'preact/hooks';
import { patch, post, remove } from '../api';
import { ask } from '../components/dialog';
import { Button, LinkButton, SelectField, TextField } from '../components/form';
import { JobPanel, reason_text } from '../components/job';
import { FitsNotice, LanguageState, kind_text, parameters, useLooks } from '../components/language';
import { Card, ErrorBox, Notice, Page, Shown } from '../components/page';
import { Facts, Grid, Hash, number_column } from '../components/table';
import { ago, bytes, count, time } from '../format';
import { useGet } from '../load';
import { explain, t } from '../messages';
import { navigate } from '../router';
import { may, person, toast, toast_error } from '../state';
import type { PageProps } from '../page_props';
import type { LanguageModel } from '../types_language';

const MINUTE_MS = 60_000;
const UNQUANTISED = ['F32', 'F16', 'BF16'];

interface Of {
  model: LanguageModel;
  reload: () => void;
}

function may_change(model: LanguageModel): boolean {
  return may('system') || (may('research') && model.actor === person.value?.name);
}

function may_ask(model: LanguageModel): boolean {
  const ready = model.state === 'ready' && model.on && model.fits;
  return ready && !model.embeds && may('research', 'data');
}

async function rename({ model, reload }: Of): Promise<void> {
  const name = await ask({
    title: t('language.rename'),
    text: t('language.rename_text'),
    confirm: t('action.save'),
    input: { label: t('language.name'), required: true, value: model.name },
  });
  if (!name || name === model.name) return;
  await patch(`/language-models/${model.id}`, { name }).then(reload, toast_error);
}

async function delete_it(model: LanguageModel): Promise<void> {
  const sure = await ask({
    title: t('language.delete_title', { name: model.name }),
    text: t('language.delete_text'),
    confirm: t('action.delete'),
    danger: true,
  });
  if (sure === null) return;
  try {
    await remove(`/language-models/${model.id}`);
    navigate('/language-models');
    toast(t('language.deleted', { name: model.name }));
  } catch (error) {
    toast_error(error);
  }
}

function Actions({ model, reload }: Of) {
  const turn = () =>
    void patch(`/language-models/${model.id}`, { on: !model.on }).then(reload, toast_error);
  return (
    <>
      {model.state === 'ready' && (
        <Button kind={model.on ? 'quiet' : 'primary'} onClick={turn}>
          {t(model.on ? 'language.turn_off' : 'language.turn_on')}
        </Button>
      )}
      <Button kind="quiet" onClick={() => void rename({ model, reload })}>
        {t('language.rename')}
      </Button>
      <Button kind="quiet" icon="bin" onClick={() => void delete_it(model)}>
        {t('action.delete')}
      </Button>
    </>
  );
}

function ServiceFacts({ model }: { model: LanguageModel }) {
  const { service } = model;
  if (!model.fits) return <p>{t('language.off_never')}</p>;
  if (service.state === 'off') {
    return <p>{t('language.off_text', { minutes: service.idle_ms / MINUTE_MS })}</p>;
  }
  const job = may('research', 'system') && service.job;
  return (
    <>
      {service.state === 'waiting' && <p>{reason_text(service)}</p>}
      <Facts
        items={[
          [t('language.since'), `${time(service.since_ms)} (${ago(service.since_ms)})`],
          [t('language.requests'), count(service.requests)],
          [t('language.tokens'), count(service.tokens)],
          [t('language.memory_now'), service.memory_bytes ? bytes(service.memory_bytes) : '–'],
          [t('nav.jobs'), job ? <a href={`/jobs/${job}`}>{job}</a> : (service.job ?? '–')],
        ]}
      />
      <p class="hint">{t('language.idle_text', { minutes: service.idle_ms / MINUTE_MS })}</p>
    </>
  );
}

function Service({ model, reload }: Of) {
  const [busy, busy_set] = useState(false);
  const act = async (what: 'serve' | 'stop') => {
    if (what === 'stop' && model.service.requests > 0) {
      const sure = await ask({
        title: t('language.stop_title', { requests: model.service.requests }),
        text: t('language.stop_text'),
        confirm: t('language.stop'),
        danger: true,
      });
      if (sure === null) return;
    }
    busy_set(true);
    void post(`/language-models/${model.id}/${what}`)
      .then(reload, toast_error)
      .then(() => busy_set(false));
  };
  const { state, fault } = model.service;
  const why = state === 'off' && fault ? explain(fault) : null;
  return (
    <Card
      title={t('language.service')}
      actions={
        state === 'off'
          ? model.fits && (
              <Button kind="primary" icon="play" busy={busy} onClick={() => void act('serve')}>
                {t('language.serve')}
              </Button>
            )
          : may_change(model) && (
              <Button icon="pause" busy={busy} onClick={() => void act('stop')}>
                {t('language.stop')}
              </Button>
            )
      }
    >
      {why && (
        <Notice tone="bad" title={t('language.ended_badly')}>
          {why.text} {why.hint}
        </Notice>
      )}
      <ServiceFacts model={model} />
    </Card>
  );
}

function yes_no(value: boolean): string {
  return t(value ? 'language.yes' : 'language.no');
}

function About({ model }: { model: LanguageModel }) {
  return (
    <Card title={t('language.what')}>
      <Facts
        items={[
          [t('language.architecture'), model.architecture],
          [t('language.parameters'), parameters(model)],
          [t('language.weights'), model.weights],
          [t('language.context'), t('language.tokens_of', { tokens: model.context })],
          [t('language.vocabulary'), t('language.tokens_of', { tokens: model.vocabulary })],
          [t('language.chats'), yes_no(model.chats)],
          [t('language.embeds_also'), yes_no(model.embeds)],
          [t('language.file'), `${model.file} · ${bytes(model.bytes)}`],
          [t('language.taken_in'), `${model.actor} · ${time(model.created_ms)}`],
          [t('model.hash'), <Hash value={model.hash} />],
        ]}
      />
      {!model.chats && !model.embeds && <p class="hint">{t('language.chats_not')}</p>}
    </Card>
  );
}

const SMALLER = ['q4_k', 'q8_0', 'q6_k', 'q4_0'] as const;

// Another model of this one with its weights in fewer bits.
function Quantise({ model }: { model: LanguageModel }) {
  const [weights, weights_set] = useState<string>(SMALLER[0]);
  const [name, name_set] = useState(`${model.name}-${SMALLER[0]}`);
  const [error, error_set] = useState<unknown>(null);
  const submit = async (event: Event) => {
    event.preventDefault();
    try {
      const body = { name: name.trim(), weights };
      const made = await post<{ model: LanguageModel }>(
        `/language-models/${model.id}/quantise`,
        body,
      );
      navigate(`/language-models/${made.model.id}`);
    } catch (failure) {
      error_set(failure);
    }
  };
  return (
    <details class="advanced">
      <summary>{t('language.quantise')}</summary>
      <form class="form" onSubmit={(event) => void submit(event)} noValidate>
        <p class="hint">{t('language.quantise_text')}</p>
        <SelectField
          id="weights"
          label={t('language.quantise_to')}
          value={weights}
          change={(value) => {
            if (name === `${model.name}-${weights}`) name_set(`${model.name}-${value}`);
            weights_set(value);
          }}
          choices={SMALLER.map((one) => ({ value: one, text: t(`language.quantise.${one}`) }))}
        />
        <TextField id="copy-name" label={t('language.name')} value={name} change={name_set} />
        {error !== null && <ErrorBox error={error} />}
        <Button type="submit" kind="primary" disabled={!name.trim()}>
          {t('language.quantise')}
        </Button>
      </form>
    </details>
  );
}

function Memory({ model }: { model: LanguageModel }) {
  const rest = model.memory_bytes - model.bytes - model.cache_bytes;
  const row = (name: string, value: number) => [name, bytes(value)];
  return (
    <Card title={t('language.memory_title')}>
      <FitsNotice model={model} />
      <Grid
        label={t('language.memory_title')}
        columns={[t('language.memory_for'), number_column(t('language.memory'))]}
        rows={[
          row(t('language.memory_weights'), model.bytes),
          row(t('language.memory_cache'), model.cache_bytes),
          row(t('language.memory_rest'), rest),
          row(t('language.memory_all'), model.memory_bytes),
          row(t('language.memory_most'), model.memory_most_bytes),
        ]}
      />
      {may('research') && UNQUANTISED.includes(model.weights) && <Quantise model={model} />}
    </Card>
  );
}

function Reading({ model, reload }: Of) {
  return (
    <Card title={t(model.state === 'failed' ? 'language.refused' : 'language.reading')}>
      {may('research', 'system') && <JobPanel id={model.job} ended={reload} />}
      <p class="hint">
        {t(model.state === 'failed' ? 'language.refused_hint' : 'language.reading_hint')}
      </p>
    </Card>
  );
}

export default function LanguageModelPage({ params }: PageProps) {
  const from = useGet<LanguageModel>(`/language-models/${params['id']!}`);
  useLooks(from.reload);
  const model = from.data;
  return (
    <Page
      title={model?.name ?? t('language.one')}
      wide
      crumbs={[{ text: t('nav.language_models'), href: '/language-models' }]}
      badge={
        model && (
          <span role="status">
            <LanguageState model={model} />
          </span>
        )
      }
      lead={model?.state === 'ready' && kind_text(model)}
      actions={
        model && (
          <>
            {may_ask(model) && (
              <LinkButton href={`/chat?model=${encodeURIComponent(model.name)}`} icon="chat">
                {t('nav.chat')}
              </LinkButton>
            )}
            {may_change(model) && <Actions model={model} reload={from.reload} />}
          </>
        )
      }
    >
      <Shown from={from} lines={8}>
        {(data) =>
          data.state === 'ready' ? (
            <>
              {!data.on && <Notice tone="warn" title={t('language.closed_notice')} />}
              {data.on && <Service model={data} reload={from.reload} />}
              <div class="split">
                <About model={data} />
                <Memory model={data} />
              </div>
            </>
          ) : (
            <Reading model={data} reload={from.reload} />
          )
        }
      </Shown>
    </Page>
  );
}
