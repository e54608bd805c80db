// The copies that the box keeps of its database: whether one is made each night, one on a person's
// wish, what there is.
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { patch, post } from '../api';
import { bytes, time, time_of_day } from '../format';
import { useGet } from '../load';
import { explain, t } from '../messages';
import { toast_error } from '../state';
import type { Fault } from '../types';
import { Button, CheckField } from './form';
import { Badge, Card, Notice, Shown } from './page';
import { Grid } from './table';

const POLL_MS = 2000;

export interface DatabaseCopy {
  name: string;
  made_ms: number;
  bytes: number;
  whole: boolean;
}
interface Kept {
  nightly: boolean;
  minute: number; // of the day, UTC
  running: boolean;
  fault: Fault | null;
  items: DatabaseCopy[];
}

type Act = ((copy: DatabaseCopy) => ComponentChildren) | undefined;

function List({ kept, act }: { kept: Kept; act: Act }) {
  if (!kept.items.length) return <p>{t('copies.none')}</p>;
  return (
    <Grid
      label={t('copies.title')}
      columns={[
        t('machine.when'),
        { name: t('dataset.size'), number: true },
        t('machine.file'),
        ...(act ? [t('machine.restore')] : []),
      ]}
      rows={kept.items.map((copy) => [
        time(copy.made_ms),
        bytes(copy.bytes),
        <>
          {copy.name} {!copy.whole && <Badge tone="bad">{t('copies.damaged')}</Badge>}
        </>,
        ...(act ? [copy.whole ? act(copy) : '–'] : []),
      ])}
    />
  );
}

function Body({ kept, act, reload }: { kept: Kept; act: Act; reload: () => void }) {
  useEffect(() => {
    if (!kept.running) return undefined;
    const timer = setInterval(() => !document.hidden && reload(), POLL_MS);
    return () => clearInterval(timer);
  }, [kept.running]);
  const now = () => post('/system/backups').then(reload, toast_error);
  const nightly = (on: boolean) =>
    patch('/system/backups', { nightly: on }).then(reload, toast_error);
  const wrong = kept.fault && explain(kept.fault);
  return (
    <>
      <p class="hint">{t('copies.about')}</p>
      {wrong && (
        <Notice tone="bad" title={wrong.text}>
          {wrong.hint}
        </Notice>
      )}
      <CheckField
        id="copies-nightly"
        label={t('copies.nightly', { time: time_of_day(kept.minute) })}
        value={kept.nightly}
        change={(on) => void nightly(on)}
      />
      <List kept={kept} act={act} />
      {kept.running ? (
        <p role="status">{t('backup.running')}</p>
      ) : (
        <div class="actions">
          <Button onClick={() => void now()}>{t('copies.now')}</Button>
        </div>
      )}
    </>
  );
}

// `act`: what can be done with one.
export function Copies({ act }: { act?: (copy: DatabaseCopy) => ComponentChildren }) {
  const kept = useGet<Kept>('/system/backups');
  return (
    <Card title={t('copies.title')}>
      <Shown from={kept}>{(data) => <Body kept={data} act={act} reload={kept.reload} />}</Shown>
    </Card>
  );
}
