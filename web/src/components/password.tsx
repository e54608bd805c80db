// A new password, typed twice; and the whole form that changes one, for a person's own page and for
// the change of a one-time password.
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { post } from '../api';
import { t } from '../messages';
import { toast } from '../state';
import { Button, ErrorSummary, TextField, error_at, errors_of, type FieldError } from './form';

const PASSWORD_CHARACTERS_MIN = 10;

export function password_errors(fresh: string, again: string): FieldError[] {
  if ([...fresh].length < PASSWORD_CHARACTERS_MIN) {
    return [
      {
        field: 'password',
        text: t('password.too_short', { characters: PASSWORD_CHARACTERS_MIN }),
      },
    ];
  }
  return fresh === again ? [] : [{ field: 'again', text: t('password.differ') }];
}

export function NewPassword({
  password,
  password_set,
  again,
  again_set,
  errors,
}: {
  password: string;
  password_set: (value: string) => void;
  again: string;
  again_set: (value: string) => void;
  errors: FieldError[];
}) {
  return (
    <>
      <TextField
        id="password"
        label={t('password.new')}
        type="password"
        hint={t('password.hint', { characters: PASSWORD_CHARACTERS_MIN })}
        value={password}
        change={password_set}
        error={error_at(errors, 'password')}
        autocomplete="new-password"
      />
      <TextField
        id="again"
        label={t('password.again')}
        type="password"
        value={again}
        change={again_set}
        error={error_at(errors, 'again')}
        autocomplete="new-password"
      />
    </>
  );
}

// The server's fault belongs to the old password or, where it names a rule, to the new one.
function field_of(code: string): string | undefined {
  if (code === 'people.wrong_password') return 'old';
  return code.includes('password') ? 'password' : undefined;
}

export function PasswordForm({
  old_label,
  done,
  children,
}: {
  old_label: string;
  done?: () => Promise<void>;
  children?: ComponentChildren; // beside the button
}) {
  const [old, old_set] = useState('');
  const [password, password_set] = useState('');
  const [again, again_set] = useState('');
  const [errors, errors_set] = useState<FieldError[]>([]);
  const [busy, busy_set] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy) return;
    const wrong = password_errors(password, again);
    if (!old) wrong.unshift({ field: 'old', text: t('form.missing', { label: old_label }) });
    errors_set(wrong);
    if (wrong.length) return;
    busy_set(true);
    try {
      await post('/me/password', { old, new: password });
      await done?.();
      toast(t('password.changed'));
      old_set('');
      password_set('');
      again_set('');
    } catch (error) {
      errors_set(errors_of(error, field_of));
    }
    busy_set(false);
  };
  return (
    <form class="form" onSubmit={(event) => void submit(event)} noValidate>
      <ErrorSummary errors={errors} />
      <TextField
        id="old"
        label={old_label}
        type="password"
        value={old}
        change={old_set}
        error={error_at(errors, 'old')}
        autocomplete="current-password"
      />
      <NewPassword
        password={password}
        password_set={password_set}
        again={again}
        again_set={again_set}
        errors={errors}
      />
      <div class="actions">
        <Button type="submit" kind="primary" busy={busy}>
          {t('password.save')}
        </Button>
        {children}
      </div>
    </form>
  );
}
