// Chat with the language models of the house.
import type { VNode } from 'preact';
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import {
  PARAMS,
  as_json,
  as_markdown,
  draft,
  failures,
  forget,
  keep,
  kept,
  param_good,
  send,
  shown_answers,
  stop,
  storage_full,
  talk_new,
  talk_runs,
  talks,
  title_of,
  useBeat,
  way,
  type Talk,
} from '../chat';
import { ModelChoice, Settings, settings_show } from '../components/chat_settings';
import { TurnView, sends, waits_text } from '../components/chat_turn';
import { ask } from '../components/dialog';
import { Button, CheckField, LinkButton } from '../components/form';
import { Icon } from '../components/icon';
import { Empty, Notice, Page, Shown } from '../components/page';
import { save_file } from '../components/recipe_library';
import { ago } from '../format';
import { useGet } from '../load';
import { t } from '../messages';
import { place, query_set, query_text } from '../router';
import { may } from '../state';
import type { List } from '../types';
import type { LanguageModel } from '../types_language';

const ENDS = ['。', '！', '？', '\n', '. ', '! ', '? '];
const TOLD_MS = 1500;

// For who cannot see it: a waiting place as it changes, then the answer sentence by sentence; that of
// the second of two models as a whole, once it is there.
function Announcer({ talk, column }: { talk: Talk; column: number }) {
  useBeat();
  const told = useRef<{ answer: unknown; at: number; ms: number }>({ answer: null, at: 0, ms: 0 });
  const [said, said_set] = useState('');
  const turns = way(talk);
  const last = turns[turns.length - 1];
  const answer = last && shown_answers(last)[column];
  useEffect(() => {
    const mine = told.current;
    if (!answer) return;
    if (mine.answer !== answer) {
      told.current = { answer, at: answer.state === 'done' ? answer.text.length : 0, ms: 0 };
      return;
    }
    const over = answer.state !== 'writing' && answer.state !== 'waiting';
    if (column > 0 && !over) return;
    if (answer.state === 'waiting') {
      said_set(waits_text(answer));
      return;
    }
    const fresh = answer.text.slice(mine.at);
    const end = over ? fresh.length : Math.max(...ENDS.map((mark) => fresh.lastIndexOf(mark) + 1));
    if (end <= 0 || (!over && Date.now() - mine.ms < TOLD_MS)) return;
    said_set(column > 0 ? `${answer.model}: ${fresh}` : fresh.slice(0, end));
    mine.at += end;
    mine.ms = Date.now();
  });
  return (
    <p class="hidden-text" role="status" aria-live="polite">
      {said}
    </p>
  );
}

function Composer({
  talk,
  models,
  busy,
  wrong,
}: {
  talk: Talk;
  models: LanguageModel[];
  busy: boolean;
  wrong: () => boolean; // something set is not right; it has been shown
}) {
  const typed = draft.value;
  const submit = () => {
    const text = typed.trim();
    if (!text || busy || wrong()) return;
    draft.value = '';
    send(talk, text, models);
  };
  return (
    <form
      class="chat-box"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <textarea
        id="prompt"
        aria-label={t('chat.prompt')}
        aria-describedby="prompt-hint"
        placeholder={t('chat.prompt')}
        rows={Math.max(2, Math.min(10, typed.split('\n').length))}
        value={typed}
        onInput={(event) => {
          draft.value = event.currentTarget.value;
        }}
        onKeyDown={(event) => {
          if (event.key === 'Escape' && !event.isComposing && busy) stop(talk);
          if (!sends(event)) return;
          event.preventDefault();
          submit();
        }}
      />
      <div class="chat-box-foot">
        <p class="hint" id="prompt-hint">
          {t('chat.prompt_hint')}
        </p>
        {busy ? (
          <Button
            icon="stop"
            onClick={() => {
              stop(talk);
              document.getElementById('prompt')?.focus();
            }}
          >
            {t('chat.stop')}
          </Button>
        ) : (
          <Button type="submit" kind="primary" icon="up">
            {t('chat.send')}
          </Button>
        )}
      </div>
    </form>
  );
}

// Keeps the end in sight while it is being written, unless the person has scrolled away from it.
function useFollow(busy: boolean): void {
  const at_end = useRef(true);
  useEffect(() => {
    const look = () => {
      const left = document.documentElement.scrollHeight - window.innerHeight - window.scrollY;
      at_end.current = left < 120;
    };
    window.addEventListener('scroll', look, { passive: true });
    return () => window.removeEventListener('scroll', look);
  }, []);
  useLayoutEffect(() => {
    if (busy) at_end.current = true;
  }, [busy]);
  useLayoutEffect(() => {
    if (busy && at_end.current) window.scrollTo(0, document.documentElement.scrollHeight);
  });
}

function TalkList({ talk }: { talk: Talk }) {
  useBeat();
  const drop = async (gone: Talk[]) => {
    const [one] = gone;
    const answer = await ask({
      title:
        gone.length === 1 ? t('chat.forget_one', { name: title_of(one!) }) : t('chat.forget'),
      text: t('chat.forget_text'),
      confirm: t('chat.forget_confirm'),
      danger: true,
    });
    if (answer === null) return;
    forget(gone);
    if (gone.includes(talk)) query_set({ c: null }, true);
    document.querySelector('h1')?.focus();
  };
  return (
    <aside class="chat-talks" aria-label={t('chat.talks')}>
      <h2>{t('chat.talks')}</h2>
      {talks.value.length > 0 ? (
        <ul>
          {talks.value.map((one) => (
            <li key={one.id}>
              <a href={`/chat?c=${one.id}`} aria-current={one.id === talk.id ? 'true' : undefined}>
                <span>{title_of(one)}</span>
                <small>{ago(one.changed_ms)}</small>
              </a>
              <button
                type="button"
                class="button button-quiet button-small"
                aria-label={t('chat.forget_one', { name: title_of(one) })}
                onClick={() => void drop([one])}
              >
                <Icon name="bin" />
              </button>
            </li>
          ))}
        </ul>
      ) : (
        <p class="muted">{t('chat.talks_none')}</p>
      )}
      <CheckField
        id="keep"
        label={t('chat.keep')}
        hint={t(kept.value ? 'chat.kept_here' : 'chat.kept_tab')}
        value={kept.value}
        change={keep}
      />
      {storage_full.value && <Notice tone="warn" title={t('chat.storage_full')} />}
      {talks.value.length > 0 && (
        <Button kind="quiet" icon="bin" onClick={() => void drop(talks.value)}>
          {t('chat.forget')}
        </Button>
      )}
    </aside>
  );
}

interface Of {
  talk: Talk;
  models: LanguageModel[]; // that can be asked
  none: VNode; // said where there is none
}

function TalkView({ talk, models, none }: Of) {
  useBeat();
  const busy = talk_runs(talk);
  const turns = way(talk);
  useFollow(busy);
  const wrong = () => {
    const bad = PARAMS.find((param) => !param_good(param, talk.params[param.name] ?? ''));
    if (!bad) return false;
    settings_show(`param-${bad.name}`);
    return true;
  };
  return (
    <div class="chat">
      <section class="chat-main" aria-label={title_of(talk)}>
        {models.length > 0 ? (
          <>
            <ModelChoice talk={talk} models={models} />
            <Settings talk={talk} />
          </>
        ) : (
          none
        )}
        {turns.length ? (
          <ol class="chat-turns" aria-label={t('chat.talk')}>
            {turns.map((turn, i) => (
              <TurnView
                key={turn.id}
                talk={talk}
                turn={turn}
                models={models}
                busy={busy}
                last={i === turns.length - 1}
                settled={() => document.getElementById('prompt')?.focus()}
              />
            ))}
          </ol>
        ) : (
          models.length > 0 && (
            <Empty title={t('chat.begin')} text={t('chat.begin_text')} icon="chat" />
          )
        )}
        {models.length > 0 && (
          <Composer key={talk.id} talk={talk} models={models} busy={busy} wrong={wrong} />
        )}
        <Announcer talk={talk} column={0} />
        <Announcer talk={talk} column={1} />
      </section>
      <TalkList talk={talk} />
    </div>
  );
}

// None that can be asked: why, and who can change that.
function NoModel({ all }: { all: LanguageModel[] }) {
  const reading = all.some((model) => model.state === 'training');
  const text = reading
    ? t('chat.none_reading')
    : all.length
      ? t('chat.none_off')
      : t(may('research') ? 'chat.none_mine' : 'chat.none_text');
  return (
    <Empty
      title={t('chat.none')}
      text={text}
      icon="chat"
      action={
        may('research') && (
          <LinkButton href="/language-models" kind="primary">
            {t('nav.language_models')}
          </LinkButton>
        )
      }
    />
  );
}

// The conversation of the address, or a new one that is like the last.
function useTalk(models: LanguageModel[]): Talk {
  const id = query_text('c');
  const wanted = query_text('model');
  const found = talks.value.find((talk) => talk.id === id);
  const fresh = useMemo(() => {
    const like = talks.value[0];
    const known = (name: string | undefined) => models.find((model) => model.name === name)?.name;
    const name = known(wanted) ?? known(like?.models[0]) ?? models[0]?.name ?? '';
    return talk_new([name], like);
  }, [place.value.query.toString(), models[0]?.name]);
  const talk = found ?? fresh;
  // Once it has begun it has an address of its own.
  useEffect(() => {
    if (talk.turns.length && id !== talk.id) query_set({ c: talk.id, model: null }, true);
  }, [talk, talk.turns.length, id]);
  return talk;
}

function Inside({ models, none }: Omit<Of, 'talk'>) {
  useBeat();
  const talk = useTalk(models);
  const begun = talk.turns.length > 0;
  const name = title_of(talk).replace(/[\\/:*?"<>|\s]+/g, '_');
  return (
    <Page
      wide
      title={t('nav.chat')}
      lead={t('chat.lead')}
      actions={
        begun && (
          <>
            <LinkButton href="/chat" icon="plus">
              {t('chat.new')}
            </LinkButton>
            <Button
              icon="download"
              onClick={() => save_file(`${name}.md`, as_markdown(talk), 'text/markdown')}
            >
              Markdown
            </Button>
            <Button
              icon="download"
              onClick={() => save_file(`${name}.json`, as_json(talk), 'application/json')}
            >
              JSON
            </Button>
          </>
        )
      }
    >
      <TalkView key={talk.id} talk={talk} models={models} none={none} />
    </Page>
  );
}

export default function ChatPage() {
  const list = useGet<List<LanguageModel>>('/language-models?size=200');
  const good = (list.data?.items ?? []).filter(
    (model) => model.state === 'ready' && model.on && model.fits && !model.embeds,
  );
  const failed = failures.value;
  useEffect(() => {
    if (failed) list.reload();
  }, [failed]);
  // Without a model that can be asked, what was said can still be read.
  if (list.data && (good.length || talks.value.length)) {
    return <Inside models={good} none={<NoModel all={list.data.items} />} />;
  }
  return (
    <Page wide title={t('nav.chat')} lead={t('chat.lead')}>
      <Shown from={list}>{(data) => <NoModel all={data.items} />}</Shown>
    </Page>
  );
}
