// "If I submit this now?": one calm line below every button that submits a job, so that it moves
// nothing, asked anew shortly after the form has changed. It never holds the form up: an answer that
// comes too late is dropped, one that does not come leaves the line empty.
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { is_gone, request } from '../api';
import { language, explain, t, t_or } from '../messages';
import type { OtherJob, ScheduleBody, WhatIf } from '../types';
import { step_name } from './job';

const SETTLE_MS = 350; // since the last change
const AGAIN_MS = 10_000;
const SOON_MS = 2_000;

export interface WhatIfBody {
  step?: string;
  release?: number;
  dataset?: number;
  revision?: number;
  cpu_milli?: number;
  memory_bytes?: number;
  device_milli?: number;
  disk_bytes?: number;
  estimate_ms?: number;
  checkpoint_ms?: number;
  schedule?: ScheduleBody;
}

// null: nothing is asked. The last answer stays until the next one is there.
export function useWhatIf(body: WhatIfBody | null): WhatIf | null {
  const [answer, answer_set] = useState<WhatIf | null>(null);
  const text = body ? JSON.stringify(body) : '';
  useEffect(() => {
    if (!text) {
      answer_set(null);
      return undefined;
    }
    const abort = new AbortController();
    let timer = 0;
    const ask = async () => {
      if (!document.hidden) {
        try {
          const asked = JSON.parse(text) as WhatIfBody;
          answer_set(await request<WhatIf>('POST', '/jobs/what-if', asked, abort.signal));
        } catch (error) {
          if (is_gone(error)) return;
          answer_set(null);
        }
      }
      if (!abort.signal.aborted) timer = window.setTimeout(() => void ask(), AGAIN_MS);
    };
    timer = window.setTimeout(() => void ask(), SETTLE_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [text]);
  return answer;
}

// A time of today as hours and minutes, one of another day with its date.
export function clock(ms: number): string {
  const today = new Date(ms).toDateString() === new Date().toDateString();
  return new Intl.DateTimeFormat(language.value, {
    ...(today ? {} : { month: 'numeric', day: 'numeric' }),
    hour: '2-digit',
    minute: '2-digit',
    hour12: false,
  }).format(new Date(ms));
}

// "job 12 (radiology)", with its link where the person may open it.
export function OtherName({ job }: { job: OtherJob }) {
  const what = [step_name(job.step), job.subject].filter(Boolean).join(' · ');
  const words = t('whatif.job', { id: String(job.job) });
  return (
    <>
      {job.seen ? (
        <a href={`/jobs/${job.job}`} title={what}>
          {words}
        </a>
      ) : (
        words
      )}
      {job.tenant && t('whatif.of', { name: job.tenant })}
    </>
  );
}

// A sentence with things in the places of {0}.
function woven(text: string, thing: ComponentChildren): ComponentChildren {
  const [before, after] = text.split('{0}');
  return (
    <>
      {before}
      {thing}
      {after}
    </>
  );
}

function start_text(answer: WhatIf): string {
  if (answer.would === 'start') return t('whatif.at_once');
  if (!answer.start_ms) return t(answer.hopeless ? 'whatif.never' : 'whatif.waits');
  const soon = answer.start_ms - (answer.at_ms ?? 0) < SOON_MS;
  return soon ? t('whatif.soon') : t('whatif.about', { time: clock(answer.start_ms) });
}

// What follows the start: who is in its way, else why it waits.
function Because({ answer }: { answer: WhatIf }) {
  const first = answer.blockers[0];
  if (!first) {
    if (!answer.reason) return <>{t('whatif.end')}</>;
    const why = t_or(`job.reason.${answer.reason}`, answer.reason);
    return <>{t('whatif.end_why', { why })}</>;
  }
  const more = answer.blocker_count - 1;
  return (
    <>
      {woven(
        t(first.running ? 'whatif.after_running' : 'whatif.after_waiting'),
        <OtherName job={first} />,
      )}
      {more > 0 && ` ${t('whatif.more', { count: more })}`}
    </>
  );
}

export function WhatIfAnswer({ answer }: { answer: WhatIf }) {
  if (answer.would === 'refuse' && answer.fault) {
    return <>{t('whatif.refused', { why: explain(answer.fault).text })}</>;
  }
  return (
    <>
      {start_text(answer)}
      {answer.would === 'wait' && <Because answer={answer} />}
      {answer.end_ms && ` ${t('whatif.ends', { time: clock(answer.end_ms) })}`}
    </>
  );
}

// What it costs others, in one sentence; nothing where it costs nobody anything.
export function WhatIfOthers({ answer }: { answer: WhatIf }) {
  const gives = answer.gives_way[0];
  return (
    <>
      {gives && <> {woven(t('whatif.gives_way'), <OtherName job={gives} />)}</>}
      {answer.delayed > 0 && <> {t('whatif.delays', { count: answer.delayed })}</>}
    </>
  );
}

export function WhatIfLine({ body }: { body: WhatIfBody | null }) {
  const answer = useWhatIf(body);
  return (
    <p class="hint what-if" aria-live="polite">
      {answer && (
        <>
          <WhatIfAnswer answer={answer} />
          <WhatIfOthers answer={answer} /> <a href="/what-if">{t('whatif.link')}</a>
        </>
      )}
    </p>
  );
}
