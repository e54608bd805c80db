// What is shown while the box cannot open its database: why, the copies that it kept, and one of
// them put in its place by whoever reads the code on the machine's screen. Nobody can sign in then.
import { useEffect, useState } from 'preact/hooks';
import { get, post } from '../api';
import {
  Button,
  ErrorSummary,
  RadioGroup,
  TextField,
  error_at,
  errors_of,
  type FieldError,
} from '../components/form';
import { ErrorBox, Loading, Notice, Page } from '../components/page';
import { bytes, time } from '../format';
import { explain, t } from '../messages';
import type { Fault } from '../types';

const POLL_MS = 3000;

interface Rescue {
  needed: boolean;
  fault: Fault | null;
  offered: boolean;
  running: boolean;
  outcome: Fault | null; // of the last try
  items: { name: string; made_ms: number; bytes: number; whole: boolean; version: string }[];
}

function Wrong({ fault }: { fault: Fault }) {
  const { text, hint } = explain(fault);
  return (
    <Notice tone="bad" title={text}>
      {hint}
    </Notice>
  );
}

function Offer({ rescue, begun }: { rescue: Rescue; begun: () => void }) {
  const copies = rescue.items.filter((copy) => copy.whole);
  const [copy, copy_set] = useState(copies[0]?.name ?? '');
  const [code, code_set] = useState('');
  const [errors, errors_set] = useState<FieldError[]>([]);
  const [busy, busy_set] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy) return;
    if (!code.trim()) {
      errors_set([{ field: 'code', text: t('form.missing', { label: t('rescue.code') }) }]);
      return;
    }
    busy_set(true);
    try {
      await post('/rescue', { code: code.trim(), copy });
      begun();
    } catch (error) {
      errors_set(errors_of(error, (name) => (name.includes('code') ? 'code' : undefined)));
    }
    busy_set(false);
  };
  return (
    <form class="form" onSubmit={(event) => void submit(event)} noValidate>
      <ErrorSummary errors={errors} />
      <RadioGroup
        name="copy"
        label={t('rescue.choose')}
        value={copy}
        change={copy_set}
        choices={copies.map(({ name, made_ms, version, bytes: size }) => ({
          value: name,
          text: time(made_ms),
          hint: `${name} · ${version || '–'} · ${bytes(size)}`,
        }))}
      />
      <TextField
        id="code"
        label={t('rescue.code')}
        hint={t('rescue.code_hint')}
        value={code}
        change={code_set}
        error={error_at(errors, 'code')}
        autocomplete="off"
        spellcheck={false}
      />
      <p class="hint">{t('rescue.what')}</p>
      <Button type="submit" kind="primary" busy={busy}>
        {t('machine.restore')}
      </Button>
    </form>
  );
}

export default function RescuePage() {
  const [rescue, rescue_set] = useState<Rescue | null>(null);
  const [error, error_set] = useState<unknown>(null);
  const [begun, begun_set] = useState(false);
  const look = () =>
    get<Rescue>('/rescue').then(
      (now) => {
        if (!now.needed) location.assign('/');
        error_set(null);
        rescue_set(now);
        if (!now.running) begun_set(false);
      },
      // The service ends while the copy takes its place.
      (wrong: unknown) => !begun && error_set(wrong),
    );
  const waits = begun || rescue?.running;
  useEffect(() => void look(), []);
  useEffect(() => {
    if (!waits) return undefined;
    const timer = setInterval(() => void look(), POLL_MS);
    return () => clearInterval(timer);
  }, [waits]);
  return (
    <Page title={t('rescue.title')}>
      {error !== null && <ErrorBox error={error} retry={() => location.reload()} />}
      {!rescue && error === null && <Loading />}
      {waits ? (
        <Notice title={t('rescue.running')}>{t('machine.working_hint')}</Notice>
      ) : (
        rescue?.fault && (
          <>
            <Wrong fault={rescue.outcome ?? rescue.fault} />
            {rescue.offered ? (
              <Offer rescue={rescue} begun={() => begun_set(true)} />
            ) : (
              <p>{t('rescue.none')}</p>
            )}
            <p class="hint">{t('rescue.screen')}</p>
          </>
        )
      )}
    </Page>
  );
}
