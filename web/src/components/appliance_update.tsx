// Updates of the appliance: a file goes up, what it holds is shown, the machine writes it into the
// slot that does not run; what became of earlier ones.
import { signal } from '@preact/signals';
import { useEffect, useState } from 'preact/hooks';
import { post } from '../api';
import { bytes, time } from '../format';
import { useGet } from '../load';
import { explain, t, t_or } from '../messages';
import { Sent, useTaken } from './appliance_work';
import { ask } from './dialog';
import { Button } from './form';
import { Card, Empty, ErrorBox, Loading, Notice, Shown } from './page';
import { Facts, Grid } from './table';
import type { Fault } from '../types';
import type {
  ApplianceEvent,
  ApplianceStatus,
  ApplianceStick,
  ApplianceSticks,
  ApplianceUpdate,
} from '../types_appliance';

// ---- a new one ----------------------------------------------------------------------------------
// What an update holds, and the way to install it; `body` says where it is.
function Offer({
  about,
  version,
  body,
  begun,
}: {
  about: ApplianceUpdate & { fault?: Fault };
  version: string; // that runs
  body: object;
  begun: () => void;
}) {
  const [error, error_set] = useState<unknown>(null);
  const [busy, busy_set] = useState(false);
  const install = async () => {
    if (busy) return;
    if (about.older) {
      const older = explain({ code: 'appliance.update_older', detail: about.version });
      const sure = await ask({
        title: t('machine.downgrade'),
        text: `${older.text}. ${older.hint}`,
        confirm: t('machine.downgrade'),
        danger: true,
      });
      if (sure === null) return;
    }
    busy_set(true);
    error_set(null);
    try {
      await post('/appliance/update', { ...body, downgrade: about.older });
      begun();
    } catch (failure) {
      error_set(failure);
    }
    busy_set(false);
  };
  const wrong = about.fault && explain(about.fault);
  return (
    <>
      {about.version && (
        <Facts
          items={[
            [t('system.version'), `${version} → ${about.version}`],
            [t('machine.kind'), about.architecture],
            [t('machine.build'), about.build],
            [t('machine.signer'), <code key="signer">{about.signer}</code>],
            [t('machine.unpacked'), bytes(about.bytes)],
          ]}
        />
      )}
      {error !== null && <ErrorBox error={error} />}
      {wrong ? (
        <Notice tone="bad" title={wrong.text}>
          {wrong.hint}
        </Notice>
      ) : (
        <div class="actions">
          <Button
            kind={about.older ? 'danger' : 'primary'}
            busy={busy}
            onClick={() => void install()}
          >
            {t(about.older ? 'machine.downgrade' : 'machine.install')}
          </Button>
        </div>
      )}
    </>
  );
}

function Found({ id, version, begun }: { id: number; version: string; begun: () => void }) {
  const [about, about_set] = useState<ApplianceUpdate | null>(null);
  const [error, error_set] = useState<unknown>(null);
  useEffect(() => {
    post<ApplianceUpdate>('/appliance/update/look', { upload: id }).then(about_set, error_set);
  }, [id]);
  if (!about) return error ? <ErrorBox error={error} /> : <Loading />;
  return <Offer about={about} version={version} body={{ upload: id }} begun={begun} />;
}

function OnSticks({
  sticks,
  version,
  begun,
}: {
  sticks: ApplianceStick[];
  version: string;
  begun: () => void;
}) {
  const all = sticks.flatMap(({ disk, updates }) => updates.map((about) => ({ disk, about })));
  return (
    <section class="block">
      <h3>{t('machine.stick_updates')}</h3>
      {all.length === 0 && <p>{t('machine.no_stick_updates')}</p>}
      {all.map(({ disk, about }) => (
        <section key={`${disk}/${about.name}`} aria-label={about.name}>
          <h4>
            {about.name} ({disk})
          </h4>
          <Offer about={about} version={version} body={{ disk, name: about.name }} begun={begun} />
        </section>
      ))}
    </section>
  );
}

const chosen = signal(0); // the key of the upload, while the page is left as well

// ---- earlier ones -------------------------------------------------------------------------------
function result_text(result: string): string {
  return result === 'ok' ? t('machine.ok') : explain({ code: result }).text;
}

function History({ events }: { events: ApplianceEvent[] }) {
  if (!events.length) return <Empty title={t('machine.no_history')} />;
  return (
    <Grid
      label={t('machine.history')}
      columns={[t('machine.when'), t('machine.event'), t('system.version'), t('machine.result')]}
      rows={events.map((event) => [
        time(event.at),
        t_or(`machine.event.${event.event}`, event.event),
        [event.from, event.to].filter(Boolean).join(' → ') || '–',
        result_text(event.result),
      ])}
    />
  );
}

export function Update({
  box,
  sticks,
  reload,
}: {
  box: ApplianceStatus;
  sticks: ApplianceSticks | undefined;
  reload: () => void;
}) {
  const history = useGet<{ events: ApplianceEvent[] }>('/appliance/history');
  const running = !!box.work?.running;
  const [taken, take] = useTaken(box, 'update', chosen.value);
  useEffect(() => {
    if (!running) history.reload();
  }, [box]);
  const begun = () => {
    take();
    reload();
  };
  const other = box.slots?.[box.slots.running === 'a' ? 'b' : 'a'];
  return (
    <>
      <Card title={t('machine.updates')}>
        {box.slots && !box.slots.confirmed && (
          <Notice tone="warn">{t('machine.unconfirmed')}</Notice>
        )}
        <p>
          {other?.usable
            ? t(box.slots?.trial ? 'machine.next' : 'machine.other', { version: other.version })
            : t('machine.other_empty')}
        </p>
        {!running && (
          <Sent
            chosen={chosen}
            label={t('machine.drop')}
            hint={t('machine.drop_hint')}
            taken={taken}
            found={(id) => <Found id={id} version={box.version} begun={begun} />}
          />
        )}
        {!running && sticks && (
          <OnSticks sticks={sticks.sticks} version={box.version} begun={reload} />
        )}
      </Card>
      <Card title={t('machine.history')}>
        <Shown from={history}>{(data) => <History events={data.events} />}</Shown>
      </Card>
    </>
  );
}
