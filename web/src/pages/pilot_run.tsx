// A run of a pilot: its steps as they go, whom it waits for, why it failed; at its end the result in
// the field's words.
import { useEffect } from 'preact/hooks';
import { post } from '../api';
import { ask } from '../components/dialog';
import { Button, LinkButton } from '../components/form';
import { Icon, type IconName } from '../components/icon';
import { Card, Notice, Page, Shown } from '../components/page';
import { OriginNotice, RunState, words } from '../components/pilot';
import { ago, percent } from '../format';
import { useGet } from '../load';
import { explain, t } from '../messages';
import type { PageProps } from '../page_props';
import { may, toast_error } from '../state';
import type { Pilot, PilotRun, StepState } from '../types_pilot';
import { PilotResult } from './pilot_result';

const POLL_MS = 1000;
const ICONS: Record<StepState, IconName> = {
  waiting: 'job',
  running: 'play',
  done: 'check',
  failed: 'warn',
  cancelled: 'close',
  skipped: 'arrow',
};

function Steps({ run }: { run: PilotRun }) {
  return (
    <ol class="pilot-steps">
      {run.steps.map((one) => (
        <li
          key={one.step}
          class={`pilot-step-${one.state}`}
          aria-current={one.state === 'running' ? 'step' : undefined}
        >
          <Icon name={ICONS[one.state]} />
          <span>{t(`pilot.step.${one.step}`)}</span>
          <span class="muted small">{t(`pilot.step_state.${one.state}`)}</span>
        </li>
      ))}
    </ol>
  );
}

// Whom or what it waits for, and what can be done about it.
function Waits({ run }: { run: PilotRun }) {
  if (!run.waits_for) return null;
  const fault = run.fault ? explain(run.fault) : null;
  const person = run.waits_for === 'release' || run.waits_for === 'approval';
  return (
    <Notice tone={person ? 'warn' : 'info'} title={t(`pilot.waits.${run.waits_for}`)}>
      {fault && (
        <p>
          {fault.text} {fault.hint}
        </p>
      )}
      {run.waits_for === 'release' && run.release && (
        <p>
          <a href={`/releases/${run.release}`}>{t('pilot.to_release')}</a>
        </p>
      )}
      {run.waits_for === 'approval' && run.job && (
        <p>
          <a href={`/jobs/${run.job}`}>{t('pilot.to_job')}</a>
        </p>
      )}
    </Notice>
  );
}

function Failed({ run }: { run: PilotRun }) {
  if (run.state !== 'failed' || !run.fault) return null;
  const { text, hint } = explain(run.fault);
  return (
    <Notice
      tone="bad"
      title={t('pilot.failed_at', { step: t(`pilot.step.${run.step}`), reason: text })}
    >
      {hint && <p>{hint}</p>}
      <p>{t('pilot.nothing_left')}</p>
      <p>
        <LinkButton href={`/pilots/${run.pilot}`} icon="undo">
          {t('pilot.again')}
        </LinkButton>
      </p>
    </Notice>
  );
}

function Made({ run }: { run: PilotRun }) {
  const links: [string, string][] = [];
  if (run.dataset && may('data')) links.push([`/datasets/${run.dataset}`, t('pilot.to_dataset')]);
  if (run.release) links.push([`/releases/${run.release}`, t('pilot.to_release')]);
  if (run.job) links.push([`/jobs/${run.job}`, t('pilot.to_job')]);
  if (!links.length) return null;
  return (
    <p class="links">
      {links.map(([href, text]) => (
        <a key={href} href={href}>
          {text}
        </a>
      ))}
    </p>
  );
}

function Going({ run, reload }: { run: PilotRun; reload: () => void }) {
  const cancel = async () => {
    const sure = await ask({
      title: t('pilot.cancel_title', { name: run.name }),
      text: t('pilot.cancel_text'),
      confirm: t('pilot.cancel'),
      danger: true,
    });
    if (sure === null) return;
    try {
      await post(`/pilot-runs/${run.id}/cancel`);
    } catch (error) {
      toast_error(error);
    }
    reload();
  };
  return (
    <Card
      title={t('pilot.way')}
      actions={
        run.state === 'running' && (
          <Button icon="close" busy={run.cancelling} onClick={() => void cancel()}>
            {t('pilot.cancel')}
          </Button>
        )
      }
    >
      {run.state === 'running' && (
        <>
          <progress max={1} value={run.progress} aria-label={t('pilot.way')} />
          <p class="progress-text" role="status">
            <span>{t(`pilot.step.${run.step}`)}</span>
            <span>{percent(run.progress, 0)}</span>
          </p>
        </>
      )}
      <Waits run={run} />
      <Steps run={run} />
      <Made run={run} />
    </Card>
  );
}

export default function PilotRunPage({ params }: PageProps) {
  const run = useGet<PilotRun>(`/pilot-runs/${params['id']}`);
  const pilot = useGet<Pilot>(run.data ? `/pilots/${run.data.pilot}` : null);
  const going = run.data?.state === 'running';
  const { reload } = run;
  useEffect(() => {
    if (!going) return undefined;
    const timer = setInterval(() => !document.hidden && reload(), POLL_MS);
    return () => clearInterval(timer);
  }, [going]);
  return (
    <Page
      title={run.data?.name ?? t('nav.pilots')}
      wide
      crumbs={[{ text: t('nav.pilots'), href: '/pilots' }]}
      badge={run.data && <RunState run={run.data} />}
      lead={
        run.data &&
        [words(pilot.data?.title), run.data.source, ago(run.data.created_ms)]
          .filter(Boolean)
          .join(' · ')
      }
    >
      <Shown from={run} lines={6}>
        {(one) => (
          <>
            <OriginNotice origin={one.origin} pilot={pilot.data} />
            <Failed run={one} />
            {one.state === 'done' && pilot.data && <PilotResult run={one} pilot={pilot.data} />}
            <Going run={one} reload={run.reload} />
          </>
        )}
      </Shown>
    </Page>
  );
}
