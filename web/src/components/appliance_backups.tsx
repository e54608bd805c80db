// Backups of the appliance: onto a stick, what lies on it and on the data disk, restoring one; the
// reset to a new machine. What cannot be taken back wants the machine's name typed.
import { useState } from 'preact/hooks';
import { post } from '../api';
import { bytes, time } from '../format';
import { explain, t } from '../messages';
import { toast_error } from '../state';
import type {
  ApplianceBackup,
  ApplianceStatus,
  ApplianceStick,
  ApplianceSticks,
} from '../types_appliance';
import { begun as begun_end, type End } from './appliance_work';
import { Copies, type DatabaseCopy } from './copies';
import { Button, ErrorSummary, TextField, error_at, errors_of, type FieldError } from './form';
import { Card, Empty, Notice } from './page';
import { Grid } from './table';

// ---- the question -------------------------------------------------------------------------------
interface SureProps {
  id: string;
  name: string; // of the machine
  text: string;
  action: string;
  password?: boolean;
  run: (typed: { confirm: string; password: string }) => Promise<void>;
  close: () => void;
}

function Sure({ id, name, text, action, password, run, close }: SureProps) {
  const [confirm, confirm_set] = useState('');
  const [secret, secret_set] = useState('');
  const [errors, errors_set] = useState<FieldError[]>([]);
  const [busy, busy_set] = useState(false);
  const typed = `${id}-name`;
  const again = `${id}-password`;
  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy) return;
    const wrong: FieldError[] = [];
    if (confirm.trim() !== name) wrong.push({ field: typed, text: t('machine.wrong_confirm') });
    if (password && !secret) wrong.push({ field: again, text: t('form.required') });
    errors_set(wrong);
    if (wrong.length) return;
    busy_set(true);
    try {
      await run({ confirm: confirm.trim(), password: secret });
    } catch (error) {
      errors_set(
        errors_of(error, (code) => (code === 'people.wrong_password' ? again : undefined)),
      );
    }
    busy_set(false);
  };
  return (
    <form class="form" onSubmit={(event) => void submit(event)} noValidate>
      <Notice tone="warn">{text}</Notice>
      <ErrorSummary errors={errors} />
      <TextField
        id={typed}
        label={t('machine.confirm_name', { name })}
        error={error_at(errors, typed)}
        value={confirm}
        change={confirm_set}
        autocomplete="off"
        autocapitalize="none"
        spellcheck={false}
      />
      {password && (
        <TextField
          id={again}
          type="password"
          label={t('machine.password_again')}
          error={error_at(errors, again)}
          value={secret}
          change={secret_set}
          autocomplete="current-password"
        />
      )}
      <div class="actions">
        <Button type="submit" kind="danger" busy={busy}>
          {action}
        </Button>
        <Button onClick={close}>{t('action.cancel')}</Button>
      </div>
    </form>
  );
}

// ---- backups ------------------------------------------------------------------------------------
// What is to be restored, as the API wants it, and what is said of it.
interface Chosen {
  body: { disk?: string; name: string } | { copy: string };
  at: number;
}

function Restore({ at, click }: { at: number; click: (() => void) | null }) {
  return (
    <Button
      aria-label={t('machine.restore_of', { time: time(at) })}
      disabled={!click}
      onClick={() => click?.()}
    >
      {t('machine.restore')}
    </Button>
  );
}

function List({
  label,
  backups,
  choose,
}: {
  label: string;
  backups: ApplianceBackup[];
  choose: ((backup: ApplianceBackup) => void) | null; // null: not now
}) {
  return (
    <Grid
      label={label}
      columns={[
        t('machine.when'),
        t('system.version'),
        { name: t('dataset.size'), number: true },
        t('machine.file'),
        t('machine.restore'),
      ]}
      rows={backups.map((backup) => [
        time(backup.at),
        backup.version || '–',
        bytes(backup.bytes),
        backup.name,
        <Restore key="restore" at={backup.at} click={choose && (() => choose(backup))} />,
      ])}
    />
  );
}

function Stick({
  stick,
  busy,
  begun,
  choose,
}: {
  stick: ApplianceStick;
  busy: boolean;
  begun: () => void;
  choose: (chosen: Chosen) => void;
}) {
  const { disk } = stick;
  const model = stick.model || disk;
  const run = () => post('/appliance/backup', { disk }).then(begun, toast_error);
  const unread = explain({ code: 'appliance.no_stick' });
  return (
    <section class="block">
      <h3>
        {t('machine.stick', {
          model,
          disk,
          free: bytes(stick.free_bytes),
          total: bytes(stick.bytes),
        })}
      </h3>
      {stick.kind ? (
        <div class="actions">
          <Button kind="primary" disabled={busy} onClick={() => void run()}>
            {t('machine.backup_to')}
          </Button>
        </div>
      ) : (
        <Notice tone="warn" title={unread.text}>
          {unread.hint}
        </Notice>
      )}
      {stick.backups.length > 0 && (
        <List
          label={t('machine.on_stick', { stick: model })}
          backups={stick.backups}
          choose={busy ? null : ({ name, at }) => choose({ body: { disk, name }, at })}
        />
      )}
      {stick.kind !== '' && stick.backups.length === 0 && <p>{t('machine.no_backups')}</p>}
      {stick.backup_count > stick.backups.length && (
        <p class="hint">
          {t('machine.older_backups', { count: stick.backup_count - stick.backups.length })}
        </p>
      )}
    </section>
  );
}

export function Backups({
  box,
  sticks,
  begun,
  ended,
}: {
  box: ApplianceStatus;
  sticks: ApplianceSticks;
  begun: () => void;
  ended: (end: End) => void;
}) {
  const [chosen, chosen_set] = useState<Chosen | null>(null);
  const busy = !!box.work?.running;
  if (chosen) {
    const { body, at } = chosen;
    return (
      <Card title={t('machine.restore_of', { time: time(at) })} tone="warn">
        <Sure
          id="restore"
          name={box.settings.hostname}
          text={t('copy' in body ? 'machine.restore_copy' : 'machine.restore_what')}
          action={t('machine.restore')}
          run={({ confirm }) =>
            begun_end(post('/appliance/restore', { ...body, confirm }), () => ended('restore'))
          }
          close={() => chosen_set(null)}
        />
      </Card>
    );
  }
  const restore = ({ name, made_ms }: DatabaseCopy) => (
    <Restore
      at={made_ms}
      click={busy ? null : () => chosen_set({ body: { copy: name }, at: made_ms })}
    />
  );
  return (
    <>
      <Card title={t('machine.backups')}>
        <p class="hint">{t('machine.backups_lead')}</p>
        {sticks.looking && <p role="status">{t('machine.looking')}</p>}
        {!sticks.looking && sticks.sticks.length === 0 && (
          <Empty title={t('machine.no_stick')} text={t('machine.no_stick_text')} />
        )}
        {sticks.sticks.map((stick) => (
          <Stick key={stick.disk} stick={stick} busy={busy} begun={begun} choose={chosen_set} />
        ))}
        {sticks.kept.length > 0 && (
          <section class="block">
            <h3>{t('machine.kept')}</h3>
            <List
              label={t('machine.kept')}
              backups={sticks.kept}
              choose={busy ? null : ({ name, at }) => chosen_set({ body: { name }, at })}
            />
          </section>
        )}
      </Card>
      <Copies act={restore} />
    </>
  );
}

// ---- the reset ----------------------------------------------------------------------------------
export function Reset({ box, ended }: { box: ApplianceStatus; ended: (end: End) => void }) {
  const [open, open_set] = useState(false);
  const name = t('appliance.console.factory_reset');
  return (
    <Card title={name}>
      {open ? (
        <Sure
          id="reset"
          name={box.settings.hostname}
          text={t('appliance.console.confirm_factory_reset')}
          action={name}
          password
          run={(typed) => begun_end(post('/appliance/reset', typed), () => ended('reset'))}
          close={() => open_set(false)}
        />
      ) : (
        <>
          <p class="hint">{t('appliance.console.confirm_factory_reset')}</p>
          <div class="actions">
            <Button kind="danger" disabled={!!box.work?.running} onClick={() => open_set(true)}>
              {name}
            </Button>
          </div>
        </>
      )}
    </Card>
  );
}
