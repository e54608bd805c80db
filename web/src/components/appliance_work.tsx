// The appliance's long work: what runs or ran; and the wait for one that takes the service away.
import type { Signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, fault_of, get, post } from '../api';
import { explain, t, t_or, type MessageKey } from '../messages';
import { state_load, toast_error } from '../state';
import type { Appliance, ApplianceStatus, ApplianceWork } from '../types_appliance';
import { sendings, upload_add, upload_cancel } from '../upload';
import { Button } from './form';
import { Card, Notice } from './page';
import { FilePicker, SendingRow } from './upload';

const POLL_MS = 2000;
export const NEAR_MS = 2000; // clocks that differ by less are the same to a person

const DONE: Record<string, MessageKey> = {
  update: 'appliance.console.done_update',
  backup: 'appliance.console.done_backup',
  restore: 'appliance.console.done_restore',
  reset: 'appliance.console.done_factory_reset',
};

// An upload that a work takes: while it is taken nothing is asked about it, for the server may have
// removed it. The work that ended well removes it; after one that failed it is offered again.
export function useTaken(box: ApplianceStatus, work: string, key: number): [boolean, () => void] {
  const running = !!box.work?.running;
  const ran = useRef(running);
  const [taken, taken_set] = useState(false);
  useEffect(() => {
    if (ran.current && !running) {
      if (box.work?.name === work && !box.work.fault) upload_cancel(key);
      taken_set(false);
    }
    ran.current = running;
  }, [box]);
  return [taken, () => taken_set(true)];
}

// A file for a work: chosen, sent, then what `found` shows of it, until the work takes it. `chosen`
// holds the upload's key, while the page is left as well.
export function Sent({
  chosen,
  label,
  hint,
  taken,
  found,
}: {
  chosen: Signal<number>;
  label: string;
  hint?: string;
  taken: boolean;
  found: (id: number) => ComponentChildren;
}) {
  const item = sendings.value.find((one) => one.key === chosen.value);
  if (!item) {
    return (
      <>
        <FilePicker
          any
          label={label}
          picked={(files) => {
            chosen.value = upload_add(files[0]!);
          }}
        />
        {hint && <p class="hint">{hint}</p>}
      </>
    );
  }
  return (
    <>
      <SendingRow item={item} />
      {item.state === 'complete' && !taken && found(item.id)}
    </>
  );
}

function Running({ work, name, reload }: { work: ApplianceWork; name: string; reload: () => void }) {
  const stop = () => post('/appliance/cancel').then(reload, toast_error);
  // Without a value the bar says that the end is not known.
  const far = work.total ? { value: work.done, max: work.total } : {};
  return (
    <div class="sending">
      <div class="sending-about">
        <b>{name}</b>
        <span class="muted" role="status">
          {t_or(`phase.${work.phase}`, work.phase)}
        </span>
      </div>
      <progress {...far} aria-label={name} />
      <div class="sending-line">
        <p>{t('appliance.console.wait')}</p>
        <Button icon="stop" onClick={() => void stop()}>
          {t('appliance.console.cancel')}
        </Button>
      </div>
    </div>
  );
}

function Ended({ work, name }: { work: ApplianceWork; name: string }) {
  if (work.fault) {
    const { text, hint } = explain(work.fault);
    return (
      <Notice tone="bad" title={`${name}: ${text}`}>
        {hint}
      </Notice>
    );
  }
  const done = DONE[work.name];
  return done ? <Notice tone="good">{t(done)}</Notice> : null;
}

export function Work({ work, reload }: { work: ApplianceWork; reload: () => void }) {
  const name = t_or(`machine.work.${work.name}`, work.name);
  if (!work.running) return <Ended work={work} name={name} />;
  return (
    <Card title={t('machine.work')}>
      <Running work={work} name={name} reload={reload} />
    </Card>
  );
}

// ---- what takes the service away ----------------------------------------------------------------
export type End = 'restart' | 'power-off' | 'restore' | 'reset';

// After asking for one: begun. The answer may be lost with the service that gave it.
export function begun(asked: Promise<unknown>, end: () => void): Promise<void> {
  return asked.then(end, (error: unknown) => {
    const lost = error instanceof ApiError && error.status === 0;
    if (!lost && fault_of(error).code !== 'server.appliance_silent') throw error;
    end();
  });
}

// When the machine started, by this browser's clock.
export const boot_of = (box: ApplianceStatus) => Date.now() - box.up_s * 1000;

const END: Record<End, [MessageKey, MessageKey]> = {
  restart: ['machine.restarting', 'machine.restarting_hint'],
  'power-off': ['appliance.console.done_power_off', 'machine.off_hint'],
  restore: ['machine.working', 'machine.working_hint'],
  reset: ['machine.working', 'machine.working_hint'],
};

function is_over(end: End, box: ApplianceStatus, boot_ms: number): boolean {
  if (end === 'restart') return boot_of(box) > boot_ms + NEAR_MS;
  return box.work?.name === end && !box.work.running;
}

// Asks until it is known whether it is the set-up that is needed, or a sign-in.
function gate(): void {
  state_load().catch(() => setTimeout(gate, POLL_MS));
}

// Shown from when the machine was told to; comes back by itself. After a restoring the session may
// be one that the data of then does not know, after a reset nobody is known: the gate is shown.
export function Ending({ end, boot_ms, back }: { end: End; boot_ms: number; back: () => void }) {
  useEffect(() => {
    if (end === 'power-off') return undefined;
    const timer = setInterval(() => {
      get<Appliance>('/appliance').then(
        (now) => now.present && is_over(end, now, boot_ms) && back(),
        (error: unknown) => {
          // All else: away, or not yet whole.
          if (error instanceof ApiError && error.status === 401) gate();
        },
      );
    }, POLL_MS);
    return () => clearInterval(timer);
  }, [end]);
  const [title, hint] = END[end];
  return (
    <Notice tone="info" title={t(title)}>
      <p role="status">{t(hint)}</p>
      {end === 'reset' && <p>{t('machine.working_reset')}</p>}
    </Notice>
  );
}
