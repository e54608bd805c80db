// Packs of driver libraries of the appliance: what is there and whether it is mounted; a new one, as
// a file or from a stick; removing one.
import { signal } from '@preact/signals';
import { useEffect, useState } from 'preact/hooks';
import { post } from '../api';
import { bytes } from '../format';
import { explain, t } from '../messages';
import { toast_error } from '../state';
import { Sent, useTaken } from './appliance_work';
import { ask } from './dialog';
import { Button } from './form';
import { Card, Empty, ErrorBox, Loading, Notice } from './page';
import { Facts, Grid } from './table';
import type { Fault } from '../types';
import type { AppliancePack, AppliancePackAbout, ApplianceStatus, ApplianceSticks } from '../types_appliance';

// ---- those that are there -----------------------------------------------------------------------
function List({ packs, busy, reload }: { packs: AppliancePack[]; busy: boolean; reload: () => void }) {
  const remove = async ({ file }: AppliancePack) => {
    const title = t('machine.pack_remove', { name: file });
    const text = t('machine.pack_remove_text');
    const sure = await ask({ title, text, confirm: t('action.remove'), danger: true });
    if (sure !== null) await post('/appliance/packs/remove', { file }).then(reload, toast_error);
  };
  return (
    <Grid
      label={t('machine.packs')}
      columns={[
        t('machine.file'),
        t('machine.vendor'),
        { name: t('dataset.size'), number: true },
        t('machine.state'),
        t('action.remove'),
      ]}
      rows={packs.map((pack) => [
        pack.file,
        pack.vendor || '–',
        bytes(pack.bytes),
        pack.fault ? explain(pack.fault).text : t('machine.pack_mounted', { name: pack.name }),
        <Button
          key="remove"
          aria-label={t('machine.pack_remove', { name: pack.file })}
          disabled={busy}
          onClick={() => void remove(pack)}
        >
          {t('action.remove')}
        </Button>,
      ])}
    />
  );
}

// ---- a new one ----------------------------------------------------------------------------------
function Offer({
  about,
  body,
  begun,
}: {
  about: AppliancePackAbout & { fault?: Fault };
  body: object; // where it is
  begun: () => void;
}) {
  const [busy, busy_set] = useState(false);
  const add = async () => {
    if (busy) return;
    busy_set(true);
    await post('/appliance/packs', body).then(begun, toast_error);
    busy_set(false);
  };
  const wrong = about.fault && explain(about.fault);
  return (
    <>
      {about.name && (
        <Facts
          items={[
            [t('system.version'), `${about.name} ${about.version}`],
            [t('machine.vendor'), about.vendor],
            [t('machine.kind'), about.architecture],
            [t('machine.signer'), <code key="signer">{about.signer}</code>],
            [t('dataset.size'), bytes(about.bytes)],
          ]}
        />
      )}
      {wrong ? (
        <Notice tone="bad" title={wrong.text}>
          {wrong.hint}
        </Notice>
      ) : (
        <div class="actions">
          <Button kind="primary" busy={busy} onClick={() => void add()}>
            {t('machine.pack_add')}
          </Button>
        </div>
      )}
    </>
  );
}

function Found({ id, begun }: { id: number; begun: () => void }) {
  const [about, about_set] = useState<AppliancePackAbout | null>(null);
  const [error, error_set] = useState<unknown>(null);
  useEffect(() => {
    post<AppliancePackAbout>('/appliance/packs/look', { upload: id }).then(about_set, error_set);
  }, [id]);
  if (!about) return error ? <ErrorBox error={error} /> : <Loading />;
  return <Offer about={about} body={{ upload: id }} begun={begun} />;
}

const chosen = signal(0); // the key of the upload, while the page is left as well

function OnSticks({ sticks, begun }: { sticks: ApplianceSticks; begun: () => void }) {
  const all = sticks.sticks.flatMap(({ disk, packs }) => packs.map((about) => ({ disk, about })));
  return (
    <>
      {all.map(({ disk, about }) => (
        <section key={`${disk}/${about.file}`} aria-label={about.file}>
          <h3>
            {about.file} ({disk})
          </h3>
          <Offer about={about} body={{ disk, name: about.file }} begun={begun} />
        </section>
      ))}
    </>
  );
}

export function Packs({
  box,
  sticks,
  reload,
}: {
  box: ApplianceStatus;
  sticks: ApplianceSticks | undefined;
  reload: () => void;
}) {
  const running = !!box.work?.running;
  const [taken, take] = useTaken(box, 'pack', chosen.value);
  const begun = () => {
    take();
    reload();
  };
  const { packs } = box;
  if (!packs) return null;
  return (
    <Card title={t('machine.packs')}>
      <p>{t('machine.packs_text')}</p>
      {packs.looking && <p role="status">{t('machine.packs_looking')}</p>}
      {packs.all.length > 0 && (
        <List packs={packs.all} busy={running || packs.looking} reload={reload} />
      )}
      {!packs.looking && packs.all.length === 0 && <Empty title={t('machine.packs_none')} />}
      {!running && (
        <Sent
          chosen={chosen}
          label={t('machine.pack_drop')}
          taken={taken}
          found={(id) => <Found id={id} begun={begun} />}
        />
      )}
      {!running && sticks && <OnSticks sticks={sticks} begun={reload} />}
    </Card>
  );
}
