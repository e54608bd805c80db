// One question of a conversation and its answers, side by side where two models were asked.
import { useState } from 'preact/hooks';
import {
  pick_answer,
  pick_turn,
  retry,
  running,
  send,
  shown_answers,
  siblings,
  useBeat,
  type Answer,
  type Guard,
  type Talk,
  type Turn,
} from '../chat';
import { count, decimal, duration } from '../format';
import { explain, t, t_or } from '../messages';
import type { Fault } from '../types';
import type { LanguageModel } from '../types_language';
import { Button } from './form';
import { reason_text } from './job';
import { Markdown } from './markdown';
import { Notice } from './page';
import { Copy } from './table';

// ‹ 1/2 › among what was written or answered in the same place.
function Alternatives({
  at,
  all,
  label,
  pick,
}: {
  at: number;
  all: number;
  label: string;
  pick: (index: number) => void;
}) {
  if (all < 2) return null;
  return (
    <span class="alternatives" role="group" aria-label={label}>
      <button
        type="button"
        class="button button-quiet button-small"
        aria-label={t('chat.before')}
        disabled={at === 0}
        onClick={() => pick(at - 1)}
      >
        ‹
      </button>
      <span>
        {at + 1}/{all}
      </span>
      <button
        type="button"
        class="button button-quiet button-small"
        aria-label={t('chat.after')}
        disabled={at === all - 1}
        onClick={() => pick(at + 1)}
      >
        ›
      </button>
    </span>
  );
}

// Why there is no word of it yet.
export function waits_text(answer: Answer): string {
  const waits = running.get(answer);
  const service = waits?.service;
  // When it is likely to start is reckoned without those that give way to it.
  if (service?.state === 'waiting') {
    return `${t('chat.starting')} ${reason_text({ ...service, expected_ms: null })}`;
  }
  if (service?.state === 'loading') return t('chat.loading');
  if (waits && waits.place > 1) return t('chat.before_you', { places: waits.place - 1 });
  if (waits && waits.place === 1) return t('chat.next');
  return t('chat.asked', { name: answer.model });
}

function Figures({ answer, model }: { answer: Answer; model: LanguageModel | undefined }) {
  useBeat();
  if (!answer.tokens) return null;
  const used = answer.tokens + (answer.prompt_tokens ?? 0);
  const parts = [t('chat.tokens', { tokens: count(answer.tokens) })];
  if (answer.ms) {
    parts.push(duration(answer.ms));
    if (answer.tokens > 1) {
      parts.push(t('chat.speed', { speed: decimal((1000 * answer.tokens) / answer.ms, 1) }));
    }
  }
  if (model) parts.push(t('chat.context', { used: count(used), most: count(model.context) }));
  return <span class="muted small">{parts.join(' · ')}</span>;
}

function kind_text(kind: string, times: number): string {
  const name = t_or(`personal.${kind}`, kind);
  return times > 1 ? `${name} × ${times}` : name;
}

// The kinds of a refusal ("id 1, mobile 2") in the page's language.
function in_words(fault: Fault): Fault {
  if (fault.code !== 'guard.prompt_refused') return fault;
  const detail = (fault.detail ?? '').replace(/(\w+) (\d+)/g, (_, kind: string, times: string) =>
    kind_text(kind, Number(times)),
  );
  return { ...fault, detail };
}

// What the department's policy has done about personal data.
function Guarded({ guard }: { guard: Guard }) {
  const sides = (['prompts', 'answers'] as const).flatMap((side) => {
    const { rule, found } = guard[side] ?? { rule: 'refuse', found: {} };
    if (rule === 'refuse') return []; // told by what was refused
    const kinds = Object.entries(found).map(([kind, times]) => kind_text(kind, times));
    return [t(`chat.guard_${side}_${rule}`, { kinds: kinds.join(', ') })];
  });
  return (
    <>
      {sides.map((text) => (
        <p class="muted small" key={text}>
          {text}
        </p>
      ))}
    </>
  );
}

function State({ answer }: { answer: Answer }) {
  useBeat();
  const { text, hint } = answer.fault ? explain(in_words(answer.fault)) : { text: '', hint: '' };
  return (
    <>
      {answer.state === 'waiting' && (
        <p class="chat-waits">
          <span class="spinner" />
          <span>{waits_text(answer)}</span>
        </p>
      )}
      {answer.state === 'failed' && (
        <Notice tone="bad" title={text}>
          {hint && <p>{hint}</p>}
          {answer.text && <p>{t('chat.partial')}</p>}
        </Notice>
      )}
      {answer.state === 'stopped' && <p class="muted small">{t('chat.stopped')}</p>}
      {answer.finish === 'length' && <p class="muted small">{t('chat.cut')}</p>}
      {answer.finish === 'content_filter' && <Notice tone="warn" title={t('chat.filtered')} />}
      {answer.guard && <Guarded guard={answer.guard} />}
    </>
  );
}

interface TurnProps {
  talk: Talk;
  turn: Turn;
  models: LanguageModel[];
  busy: boolean; // something of the conversation is being answered
  last: boolean;
}

function AnswerBox({
  talk,
  turn,
  models,
  busy,
  last,
  answer,
  column,
}: TurnProps & { answer: Answer; column: number }) {
  useBeat();
  const runs = running.has(answer);
  const partial = answer.text && (answer.state !== 'done' || answer.finish === 'length');
  return (
    <article class="chat-answer" aria-label={answer.model} aria-busy={runs}>
      <p class="chat-who">{answer.model}</p>
      {answer.text && <Markdown text={answer.text} />}
      {answer.state === 'done' && !answer.text.trim() && answer.finish !== 'content_filter' && (
        <p class="muted">{t('chat.empty')}</p>
      )}
      <State answer={answer} />
      {!runs && (
        <div class="chat-tools">
          <Alternatives
            at={turn.chosen[column]!}
            all={turn.answers[column]!.length}
            label={t('chat.answers')}
            pick={(index) => pick_answer(talk, turn, column, index)}
          />
          {answer.text && <Copy text={answer.text} />}
          {!busy && (
            <button
              type="button"
              class="button button-quiet button-small"
              onClick={() => retry(talk, turn, column, models)}
            >
              {t('chat.retry')}
            </button>
          )}
          {partial && last && !busy && (
            <button
              type="button"
              class="button button-quiet button-small"
              onClick={() => send(talk, t('chat.go_on_text'), models)}
            >
              {t('chat.go_on')}
            </button>
          )}
          <Figures answer={answer} model={models.find((one) => one.name === answer.model)} />
        </div>
      )}
    </article>
  );
}

// Enter ends a line of an input method before it sends anything.
export function sends(event: KeyboardEvent): boolean {
  return event.key === 'Enter' && !event.shiftKey && !event.isComposing && event.keyCode !== 229;
}

function Editor({ text, done }: { text: string; done: (text: string | null) => void }) {
  const [typed, typed_set] = useState(text);
  const submit = () => {
    if (typed.trim()) done(typed.trim());
  };
  return (
    <form
      class="chat-edit"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <textarea
        aria-label={t('chat.edit_label')}
        rows={Math.min(10, typed.split('\n').length + 1)}
        value={typed}
        ref={(box) => {
          if (box && !box.dataset['begun']) {
            box.dataset['begun'] = '1';
            box.focus();
          }
        }}
        onInput={(event) => typed_set(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape' && !event.isComposing) done(null);
          if (!sends(event)) return;
          event.preventDefault();
          submit();
        }}
      />
      <p class="hint">{t('chat.edit_hint')}</p>
      <div class="actions">
        <Button type="submit" kind="primary">
          {t('chat.edit_send')}
        </Button>
        <Button onClick={() => done(null)}>{t('action.cancel')}</Button>
      </div>
    </form>
  );
}

export function TurnView(props: TurnProps & { settled: () => void }) {
  useBeat();
  const { talk, turn, models, busy, settled } = props;
  const [editing, editing_set] = useState(false);
  const all = siblings(talk, turn.at);
  const edited = (text: string | null) => {
    editing_set(false);
    settled();
    if (text !== null) send(talk, text, models, turn);
  };
  return (
    <li class="chat-turn">
      <article class="chat-question" aria-label={t('chat.you')}>
        {editing ? (
          <Editor text={turn.text} done={edited} />
        ) : (
          <>
            <p class="chat-said">{turn.text}</p>
            <div class="chat-tools">
              <Alternatives
                at={all.indexOf(turn)}
                all={all.length}
                label={t('chat.questions')}
                pick={(index) => pick_turn(talk, all[index]!)}
              />
              {!busy && (
                <button
                  type="button"
                  class="button button-quiet button-small"
                  onClick={() => editing_set(true)}
                >
                  {t('chat.edit')}
                </button>
              )}
            </div>
          </>
        )}
      </article>
      <div class={turn.answers.length > 1 ? 'chat-answers chat-two' : 'chat-answers'}>
        {shown_answers(turn).map((answer, column) => (
          <AnswerBox key={column} {...props} answer={answer} column={column} />
        ))}
      </div>
    </li>
  );
}
