// The machine under the service, where Courtyard is the appliance: its state, network, clock,
// updates, backups and end. What is asked here is done by the machine's own system.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { ApiError, patch, post } from '../api';
import { Backups, Reset } from '../components/appliance_backups';
import { Packs } from '../components/appliance_packs';
import { Update } from '../components/appliance_update';
import { Ending, NEAR_MS, Work, boot_of, type End } from '../components/appliance_work';
import { ask } from '../components/dialog';
import {
  Button,
  ErrorSummary,
  RadioGroup,
  SelectField,
  TextField,
  error_at,
  errors_of,
  type FieldError,
} from '../components/form';
import { Card, Empty, Notice, Page, Shown } from '../components/page';
import { Facts } from '../components/table';
import { bytes, duration, time, time_exact } from '../format';
import { useGet } from '../load';
import { explain, t, type MessageKey } from '../messages';
import { toast, toast_error } from '../state';
import type { Appliance, ApplianceStatus, ApplianceSticks } from '../types_appliance';

const POLL_MS = 2000;
const STICK_ROUNDS = 150; // five minutes
const ADDRESS = /^(\d{1,3}\.){3}\d{1,3}\/\d{1,2}$/; // as far as it can be told here

// ---- state --------------------------------------------------------------------------------------
function slot_text({ slots, version }: ApplianceStatus): string {
  if (!slots) return version;
  const kind = slots.confirmed ? 'appliance.console.system_slot' : 'appliance.console.system_trial';
  return t(kind, { version, slot: slots.running.toUpperCase() });
}

const DATA_TEXT: Record<string, MessageKey> = {
  none: 'appliance.console.data_none',
  checking: 'appliance.console.data_checking',
  making: 'appliance.console.data_making',
  unmounted: 'appliance.console.data_unmounted',
  broken: 'machine.data_broken',
};

function data_text({ data }: ApplianceStatus): string {
  if (data.bytes !== undefined && data.free_bytes !== undefined) {
    const values = { free: bytes(data.free_bytes), total: bytes(data.bytes) };
    const full = data.free_bytes < data.bytes / 20;
    return t(full ? 'appliance.console.data_full' : 'appliance.console.data_free', values);
  }
  const key = DATA_TEXT[data.state];
  return key ? t(key) : data.state;
}

const OPENER_TEXT: Record<ApplianceStatus['data']['opened_by'][number], MessageKey> = {
  passphrase: 'machine.key.passphrase',
  stick: 'machine.key.stick',
  recovery: 'machine.key.recovery',
  foreign: 'machine.key.foreign',
};

function encryption_text({ data }: ApplianceStatus): string {
  if (!data.encrypted) return t('machine.not_encrypted');
  const keys = data.opened_by.map((key) => t(OPENER_TEXT[key])).join(' · ');
  return t('machine.encrypted', { keys });
}

// Of all the network, else of each card that is to be used.
function LinkFaults({ box }: { box: ApplianceStatus }) {
  const faults = (box.links ?? [])
    .filter((link) => link.wanted && link.fault)
    .map(({ name, fault }) => ({ name, fault: fault! }));
  if (box.network_fault) faults.unshift({ name: '', fault: box.network_fault });
  return (
    <>
      {faults.map(({ name, fault }) => {
        const { text, hint } = explain(fault);
        return (
          <Notice key={name} tone="warn" title={name ? `${name}: ${text}` : text}>
            {hint}
          </Notice>
        );
      })}
    </>
  );
}

function State({ box }: { box: ApplianceStatus }) {
  const links = (box.links ?? []).map(({ name, mac, carrier, address, prefix }) => {
    const state = address ? `${address}/${prefix}` : '–';
    return `${name} (${mac}) ${carrier ? state : t('machine.no_cable')}`;
  });
  return (
    <Card title={t('machine.state')}>
      {box.data.mended && <Notice tone="warn">{t('appliance.console.data_mended')}</Notice>}
      <LinkFaults box={box} />
      <Facts
        items={[
          [t('appliance.console.system'), slot_text(box)],
          [t('system.uptime'), duration(box.up_s * 1000)],
          [t('appliance.console.memory'), bytes(box.memory_bytes)],
          [t('appliance.console.temperature'), box.temperature ? `${box.temperature} °C` : '–'],
          [t('appliance.console.data'), data_text(box)],
          [t('machine.disk'), box.data.disk],
          [t('appliance.console.encryption'), encryption_text(box)],
          ...(links.length
            ? [[t('appliance.console.network'), links.join(' · ')] as [string, string]]
            : []),
        ]}
      />
    </Card>
  );
}

// ---- settings -----------------------------------------------------------------------------------
const SENTENCE_OF: Record<string, () => string> = {
  hostname: () => t('machine.wrong_name'),
  address: () => t('machine.wrong_address'),
  gateway: () => t('appliance.console.wrong_gateway'),
};

function settings_errors(error: unknown): FieldError[] {
  const errors = errors_of(error, (code, field) =>
    code === 'appliance.settings' && field in SENTENCE_OF ? field : undefined,
  );
  return errors.map(({ field, ...rest }) =>
    field ? { field, text: SENTENCE_OF[field]!() } : rest,
  );
}

// The way back is only at the machine. `where` '': an address that the network gives.
async function moves_sure(where: string): Promise<boolean> {
  const name = t('machine.address_new');
  const address = where || t('machine.address_given');
  const text = t('machine.address_danger', { address });
  return (await ask({ title: name, text, confirm: name, danger: true })) !== null;
}

// The network cards there are, and the one that was chosen even if it has gone.
function card_choices(box: ApplianceStatus, chosen: string) {
  const names = (box.links ?? []).map((link) => link.name);
  if (chosen && !names.includes(chosen)) names.push(chosen);
  return [{ value: '', text: t('machine.interface_any') }].concat(
    names.map((name) => ({ value: name, text: name })),
  );
}

function Settings({ box, saved }: { box: ApplianceStatus; saved: () => void }) {
  const was = box.settings;
  const [hostname, hostname_set] = useState(was.hostname);
  const [language, language_set] = useState(was.language);
  const [fixed, fixed_set] = useState(was.address !== 'dhcp');
  const [address, address_set] = useState(was.address === 'dhcp' ? '' : was.address);
  const [gateway, gateway_set] = useState(was.gateway);
  const [card, card_set] = useState(was.interface);
  const [errors, errors_set] = useState<FieldError[]>([]);
  const [busy, busy_set] = useState(false);
  const [moved, moved_set] = useState('');
  const save = async (event: Event) => {
    event.preventDefault();
    if (busy) return;
    errors_set([]);
    const wanted = { hostname, language, address: fixed ? address.trim() : 'dhcp' };
    const moves = wanted.address !== was.address || card !== was.interface;
    const where = fixed ? wanted.address.split('/')[0]! : 'dhcp';
    const wrong = fixed && !ADDRESS.test(wanted.address); // the machine says so at the field
    if (moves && !wrong && !(await moves_sure(fixed ? `https://${where}/` : ''))) return;
    busy_set(true);
    try {
      const network = { gateway: fixed ? gateway : '', interface: card };
      await patch('/appliance/settings', { ...wanted, ...network });
      if (moves) moved_set(where);
      toast(t('machine.saved'));
      saved();
    } catch (error) {
      // The answer may be lost with the address it was asked at.
      const gone = error instanceof ApiError && error.status === 0;
      if (moves && gone) moved_set(where);
      else errors_set(settings_errors(error));
    }
    busy_set(false);
  };
  return (
    <Card title={t('machine.settings')}>
      {moved && (
        <Notice tone="warn" title={t('machine.moved')}>
          {moved === 'dhcp' ? t('machine.moved_dhcp') : <a href={`https://${moved}/`}>{moved}</a>}
        </Notice>
      )}
      <ErrorSummary errors={errors} />
      <form class="form" onSubmit={(event) => void save(event)} noValidate>
        <TextField
          id="hostname"
          label={t('appliance.console.name')}
          error={error_at(errors, 'hostname')}
          value={hostname}
          change={hostname_set}
          spellcheck={false}
        />
        <SelectField
          id="console-language"
          label={t('machine.language')}
          value={language}
          change={language_set}
          choices={[
            { value: 'zh-CN', text: '中文' },
            { value: 'en', text: 'English' },
          ]}
        />
        <SelectField
          id="interface"
          label={t('machine.interface')}
          value={card}
          change={card_set}
          choices={card_choices(box, card)}
        />
        <RadioGroup
          name="network"
          label={t('appliance.console.network_mode')}
          value={fixed ? 'fixed' : 'dhcp'}
          change={(value) => fixed_set(value === 'fixed')}
          choices={[
            { value: 'dhcp', text: t('appliance.console.network_dhcp') },
            { value: 'fixed', text: t('appliance.console.network_fixed') },
          ]}
        />
        {fixed && (
          <>
            <TextField
              id="address"
              label={t('appliance.console.network_address')}
              hint={t('machine.address_hint')}
              error={error_at(errors, 'address')}
              value={address}
              change={address_set}
              spellcheck={false}
            />
            <TextField
              id="gateway"
              label={t('appliance.console.network_gateway')}
              optional
              error={error_at(errors, 'gateway')}
              value={gateway}
              change={gateway_set}
              spellcheck={false}
            />
          </>
        )}
        <p class="hint">{t('machine.settings_hint')}</p>
        <div class="actions">
          <Button type="submit" kind="primary" busy={busy}>
            {t('action.save')}
          </Button>
        </div>
      </form>
    </Card>
  );
}

// ---- time ---------------------------------------------------------------------------------------
function Clock({ box, came_ms, set }: { box: ApplianceStatus; came_ms: number; set: () => void }) {
  const off = box.time_ms - came_ms;
  const run = async () => {
    try {
      await post('/appliance/time', { ms: Date.now() });
      toast(t('appliance.console.done_time'));
      set();
    } catch (error) {
      toast_error(error);
    }
  };
  const apart = duration(Math.abs(off));
  return (
    <Card title={t('appliance.console.time')}>
      <p>{time_exact(box.time_ms)}</p>
      <p class="hint">
        {Math.abs(off) < NEAR_MS
          ? t('machine.time_same')
          : t(off > 0 ? 'machine.time_ahead' : 'machine.time_behind', { apart })}
      </p>
      <div class="actions">
        <Button onClick={() => void run()}>{t('machine.time_set')}</Button>
      </div>
      <p class="hint">{t('machine.time_hint')}</p>
    </Card>
  );
}

// ---- the end ------------------------------------------------------------------------------------
function Power({ ended }: { ended: (end: End) => void }) {
  const end = async (what: 'restart' | 'power-off') => {
    const restart = what === 'restart';
    const name = t(restart ? 'appliance.console.restart' : 'appliance.console.power_off');
    const text = t(
      restart ? 'appliance.console.confirm_restart' : 'appliance.console.confirm_power_off',
    );
    if ((await ask({ title: name, text, confirm: name, danger: true })) === null) return;
    try {
      await post(`/appliance/${what}`);
      ended(what);
    } catch (error) {
      toast_error(error);
    }
  };
  return (
    <Card title={t('machine.power')}>
      <div class="actions">
        <Button icon="redo" onClick={() => void end('restart')}>
          {t('appliance.console.restart')}
        </Button>
        <Button kind="danger" icon="stop" onClick={() => void end('power-off')}>
          {t('appliance.console.power_off')}
        </Button>
      </div>
    </Card>
  );
}

// ---- sticks -------------------------------------------------------------------------------------
// They come and go: looked at again for a while, which keeps nobody signed in for ever.
function useSticks(running: boolean): ApplianceSticks | undefined {
  const sticks = useGet<ApplianceSticks>('/appliance/sticks');
  const rounds = useRef(0);
  useEffect(() => {
    rounds.current = 0;
    const timer = setInterval(() => {
      if (!document.hidden && rounds.current++ < STICK_ROUNDS) sticks.reload();
    }, POLL_MS);
    return () => clearInterval(timer);
  }, [running]);
  return sticks.data;
}

// ---- the page -----------------------------------------------------------------------------------
// `fresh`: read just now, so that its clock is right.
function Box({
  box,
  fresh,
  reload,
}: {
  box: ApplianceStatus;
  fresh: boolean;
  reload: () => void;
}) {
  const [end, end_set] = useState<End | null>(null);
  const came_ms = useMemo(() => Date.now(), [box]);
  const boot_ms = useMemo(() => boot_of(box), [box]);
  const running = !!box.work?.running;
  const moving = running || !!box.packs?.looking;
  const sticks = useSticks(running);
  useEffect(() => {
    if (!moving || end) return undefined;
    const timer = setInterval(() => !document.hidden && reload(), POLL_MS);
    return () => clearInterval(timer);
  }, [moving, end]);
  if (end) {
    const back = () => {
      end_set(null);
      toast(t('machine.back', { time: time(Date.now()) }));
      reload();
    };
    return <Ending end={end} boot_ms={boot_ms} back={back} />;
  }
  return (
    <>
      {box.work && <Work work={box.work} reload={reload} />}
      <State box={box} />
      <Update box={box} sticks={sticks} reload={reload} />
      <Packs box={box} sticks={sticks} reload={reload} />
      {sticks && <Backups box={box} sticks={sticks} begun={reload} ended={end_set} />}
      <Settings box={box} saved={reload} />
      {fresh && <Clock box={box} came_ms={came_ms} set={reload} />}
      <Power ended={end_set} />
      <Reset box={box} ended={end_set} />
    </>
  );
}

export default function AppliancePage() {
  const box = useGet<Appliance>('/appliance');
  return (
    <Page
      title={t('nav.appliance')}
      lead={t('machine.lead')}
      actions={<Button onClick={box.reload}>{t('action.refresh')}</Button>}
    >
      <Shown from={box} lines={6}>
        {(data) =>
          data.present ? (
            <Box box={data} fresh={!box.loading} reload={box.reload} />
          ) : (
            <Empty title={t('server.no_appliance')} text={t('server.no_appliance.hint')} />
          )
        }
      </Shown>
    </Page>
  );
}
