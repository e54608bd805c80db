// The gate: first start, sign-in with its lock-out, and the change of a one-time password.
import { useEffect, useState } from 'preact/hooks';
import { ApiError, get, post } from '../api';
import { Notice, Page } from '../components/page';
import { NewPassword, PasswordForm, password_errors } from '../components/password';
import {
  Button,
  ErrorSummary,
  TextField,
  error_at,
  errors_of,
  type FieldError,
} from '../components/form';
import { t } from '../messages';
import { query_text } from '../router';
import { person_set, setup_needed, sign_in, sign_out, toast } from '../state';
import type { Person } from '../types';

function required(values: [string, string, string][]): FieldError[] {
  return values
    .filter(([, value]) => !value.trim())
    .map(([field, , label]) => ({ field, text: t('form.missing', { label }) }));
}

export function SetupPage() {
  const [code, code_set] = useState('');
  const [name, name_set] = useState('');
  const [display_name, display_name_set] = useState('');
  const [password, password_set] = useState('');
  const [again, again_set] = useState('');
  const [errors, errors_set] = useState<FieldError[]>([]);
  const [busy, busy_set] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy) return;
    const wrong = [
      ...required([
        ['code', code, t('setup.code')],
        ['name', name, t('person.name')],
      ]),
      ...password_errors(password, again),
    ];
    errors_set(wrong);
    if (wrong.length) return;
    busy_set(true);
    try {
      const person = await post<Person>('/setup', {
        code: code.trim(),
        name: name.trim(),
        display_name: display_name.trim(),
        password,
      });
      setup_needed.value = false;
      person_set(person);
      toast(t('setup.done'));
    } catch (error) {
      errors_set(
        errors_of(error, (code_) =>
          code_.includes('code')
            ? 'code'
            : code_.includes('password')
              ? 'password'
              : code_.includes('name')
                ? 'name'
                : undefined,
        ),
      );
    }
    busy_set(false);
  };
  return (
    <Page title={t('setup.title')} lead={t('setup.lead')}>
      <form class="form" onSubmit={(event) => void submit(event)} noValidate>
        <ErrorSummary errors={errors} />
        <TextField
          id="code"
          label={t('setup.code')}
          hint={t('setup.code_hint')}
          value={code}
          change={code_set}
          error={error_at(errors, 'code')}
          autocomplete="off"
          autocapitalize="characters"
          spellcheck={false}
        />
        <TextField
          id="name"
          label={t('person.name')}
          hint={t('person.name_hint')}
          value={name}
          change={name_set}
          error={error_at(errors, 'name')}
          autocomplete="username"
          spellcheck={false}
        />
        <TextField
          id="display_name"
          label={t('person.display_name')}
          optional
          value={display_name}
          change={display_name_set}
          autocomplete="name"
        />
        <NewPassword
          password={password}
          password_set={password_set}
          again={again}
          again_set={again_set}
          errors={errors}
        />
        <Button type="submit" kind="primary" busy={busy}>
          {t('setup.submit')}
        </Button>
      </form>
    </Page>
  );
}

// Counts down from the seconds that the server named.
function useCountdown(): [number, (seconds: number) => void] {
  const [until, until_set] = useState(0);
  const [now, now_set] = useState(Date.now());
  const left = Math.max(0, Math.ceil((until - now) / 1000));
  useEffect(() => {
    if (left <= 0) return undefined;
    const timer = setInterval(() => now_set(Date.now()), 250);
    return () => clearInterval(timer);
  }, [left > 0]);
  return [
    left,
    (seconds) => {
      now_set(Date.now());
      until_set(Date.now() + seconds * 1000);
    },
  ];
}

export function SignInPage() {
  const [name, name_set] = useState('');
  const [password, password_set] = useState('');
  const [errors, errors_set] = useState<FieldError[]>([]);
  const [busy, busy_set] = useState(false);
  const [wait, wait_set] = useCountdown();
  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy || wait > 0) return;
    const wrong = required([
      ['name', name, t('person.name')],
      ['password', password, t('password.label')],
    ]);
    errors_set(wrong);
    if (wrong.length) return;
    busy_set(true);
    try {
      await sign_in(name.trim(), password);
    } catch (error) {
      const locked = error instanceof ApiError && error.status === 429;
      if (locked) wait_set(Number(error.fault.detail) || error.retry_after_s || 30);
      errors_set(locked ? [] : errors_of(error));
      password_set('');
      busy_set(false);
    }
  };
  return (
    <Page title={t('signin.title')} lead={t('signin.lead')}>
      {query_text('ended') && !errors.length && <Notice title={t('signin.ended')} />}
      <form class="form" onSubmit={(event) => void submit(event)} noValidate>
        <ErrorSummary errors={errors} />
        {wait > 0 && (
          <div class="notice notice-warn" role="timer">
            <div>
              <p class="notice-title">{t('signin.locked')}</p>
              <p>{t('signin.wait', { seconds: wait })}</p>
            </div>
          </div>
        )}
        <TextField
          id="name"
          label={t('person.name')}
          value={name}
          change={name_set}
          error={error_at(errors, 'name')}
          autocomplete="username"
          spellcheck={false}
        />
        <TextField
          id="password"
          label={t('password.label')}
          type="password"
          value={password}
          change={password_set}
          error={error_at(errors, 'password')}
          autocomplete="current-password"
        />
        <Button type="submit" kind="primary" busy={busy} disabled={wait > 0}>
          {t('signin.submit')}
        </Button>
        <p class="hint">{t('signin.forgot')}</p>
      </form>
    </Page>
  );
}

export function PasswordPage() {
  const done = async () =>
    person_set({ ...(await get<Person>('/me')), must_change_password: false });
  return (
    <Page title={t('password.forced')} lead={t('password.forced_lead')}>
      <PasswordForm old_label={t('password.one_time')} done={done}>
        <Button kind="quiet" onClick={() => void sign_out()}>
          {t('nav.sign_out')}
        </Button>
      </PasswordForm>
    </Page>
  );
}
