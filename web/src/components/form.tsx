// Form fields with label, hint and error tied to the control; the error summary on top of a form
// takes the focus and links to the fields.
import type { ComponentChildren, JSX } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { ApiError, fault_of } from '../api';
import { explain, t } from '../messages';
import { Icon, type IconName } from './icon';

export interface FieldError {
  field?: string;
  text: string;
  hint?: string;
}

export function Button({
  kind = 'plain',
  icon,
  busy,
  children,
  ...rest
}: {
  kind?: 'primary' | 'plain' | 'danger' | 'quiet';
  icon?: IconName;
  busy?: boolean;
} & JSX.IntrinsicElements['button']) {
  return (
    <button
      type="button"
      {...rest}
      class={`button button-${kind}`}
      aria-disabled={busy || undefined}
      onClick={busy ? (event) => event.preventDefault() : rest.onClick}
    >
      {busy ? <span class="spinner" /> : icon && <Icon name={icon} />}
      <span>{children}</span>
    </button>
  );
}

export function LinkButton({
  href,
  kind = 'plain',
  icon,
  children,
  download,
}: {
  href: string;
  kind?: 'primary' | 'plain' | 'quiet';
  icon?: IconName;
  children: ComponentChildren;
  download?: boolean;
}) {
  return (
    <a href={href} class={`button button-${kind}`} download={download || undefined}>
      {icon && <Icon name={icon} />}
      <span>{children}</span>
    </a>
  );
}

interface FieldProps {
  id: string;
  label: ComponentChildren;
  hint?: ComponentChildren;
  error?: string | undefined;
  optional?: boolean;
  children: (aria: {
    id: string;
    'aria-describedby': string | undefined;
    'aria-invalid': true | undefined;
  }) => ComponentChildren;
}

export function Field({ id, label, hint, error, optional, children }: FieldProps) {
  const describedby = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(' ');
  return (
    <div class={error ? 'field field-bad' : 'field'}>
      <label for={id}>
        {label}
        {optional && <span class="optional">{t('form.optional')}</span>}
      </label>
      {hint && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {error && (
        <p class="field-error" id={`${id}-error`}>
          <Icon name="warn" />
          {error}
        </p>
      )}
      {children({
        id,
        'aria-describedby': describedby || undefined,
        'aria-invalid': error ? true : undefined,
      })}
    </div>
  );
}

interface InputProps {
  type?: 'text' | 'password';
  autocomplete?: string;
  autocapitalize?: string;
  placeholder?: string;
  inputMode?: 'text' | 'decimal' | 'numeric';
  spellcheck?: boolean;
}

export function TextField({
  id,
  label,
  hint,
  error,
  optional,
  value,
  change,
  multiline,
  ...rest
}: Omit<FieldProps, 'children'> & {
  value: string;
  change: (value: string) => void;
  multiline?: number;
} & InputProps) {
  return (
    <Field id={id} label={label} hint={hint} error={error} optional={optional ?? false}>
      {(aria) =>
        multiline ? (
          <textarea
            {...aria}
            rows={multiline}
            value={value}
            onInput={(event) => change(event.currentTarget.value)}
          />
        ) : (
          <input
            {...(rest as JSX.IntrinsicElements['input'])}
            {...aria}
            value={value}
            onInput={(event) => change(event.currentTarget.value)}
          />
        )
      }
    </Field>
  );
}

// An input whose text counts once it is left or Enter is pressed. What is being typed stays,
// whatever else changes on the page meanwhile.
export function LateInput({
  value,
  commit,
  ...rest
}: { value: string; commit: (value: string) => void } & JSX.IntrinsicElements['input']) {
  const [typed, typed_set] = useState<string | null>(null);
  return (
    <input
      {...rest}
      value={typed ?? value}
      onInput={(event) => typed_set(event.currentTarget.value)}
      onChange={(event) => {
        typed_set(null);
        commit(event.currentTarget.value);
      }}
      onBlur={() => typed_set(null)}
    />
  );
}

export interface Choice {
  value: string;
  text: string;
}

export function SelectField({
  id,
  label,
  hint,
  error,
  optional,
  value,
  change,
  choices,
}: Omit<FieldProps, 'children'> & {
  value: string;
  change: (value: string) => void;
  choices: Choice[];
}) {
  return (
    <Field id={id} label={label} hint={hint} error={error} optional={optional ?? false}>
      {(aria) => (
        <select {...aria} value={value} onChange={(event) => change(event.currentTarget.value)}>
          {choices.map((choice) => (
            <option key={choice.value} value={choice.value} selected={choice.value === value}>
              {choice.text}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

export function CheckField({
  id,
  label,
  hint,
  value,
  change,
  disabled,
}: {
  id: string;
  label: ComponentChildren;
  hint?: ComponentChildren;
  value: boolean;
  change: (value: boolean) => void;
  disabled?: boolean;
}) {
  return (
    <div class="check">
      <input
        type="checkbox"
        id={id}
        checked={value}
        disabled={disabled}
        aria-describedby={hint ? `${id}-hint` : undefined}
        onChange={(event) => change(event.currentTarget.checked)}
      />
      <div>
        <label for={id}>{label}</label>
        {hint && (
          <p class="hint" id={`${id}-hint`}>
            {hint}
          </p>
        )}
      </div>
    </div>
  );
}

export function RadioGroup({
  name,
  label,
  value,
  change,
  choices,
}: {
  name: string;
  label: string;
  value: string;
  change: (value: string) => void;
  choices: { value: string; text: string; hint?: string }[];
}) {
  return (
    <fieldset class="radios">
      <legend>{label}</legend>
      {choices.map((choice) => (
        <div class="check" key={choice.value}>
          <input
            type="radio"
            id={`${name}-${choice.value}`}
            name={name}
            checked={choice.value === value}
            onChange={() => change(choice.value)}
          />
          <div>
            <label for={`${name}-${choice.value}`}>{choice.text}</label>
            {choice.hint && <p class="hint">{choice.hint}</p>}
          </div>
        </div>
      ))}
    </fieldset>
  );
}

// What the server refused, as the summary's lines; `field_of` names the field of a code.
export function errors_of(
  error: unknown,
  field_of: (code: string, detail: string) => string | undefined = () => undefined,
): FieldError[] {
  const faults =
    error instanceof ApiError && error.faults.length ? error.faults : [fault_of(error)];
  return faults.map((fault) => {
    const field = field_of(fault.code, fault.detail ?? '');
    const { text, hint } = explain(fault);
    return field ? { field, text, hint } : { text, hint };
  });
}

export function error_at(errors: FieldError[], field: string): string | undefined {
  return errors.find((error) => error.field === field)?.text;
}

// Takes the focus whenever a new list of errors comes.
export function ErrorSummary({ errors }: { errors: FieldError[] }) {
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    if (errors.length) box.current?.focus();
  }, [errors]);
  if (!errors.length) return null;
  return (
    <div class="notice notice-bad summary" role="alert" tabIndex={-1} ref={box}>
      <Icon name="warn" />
      <div>
        <p class="notice-title">{t('form.errors')}</p>
        <ul>
          {errors.map((error, i) => (
            <li key={i}>
              {error.field ? (
                <a
                  href={`#${error.field}`}
                  onClick={(event) => {
                    event.preventDefault();
                    document.getElementById(error.field!)?.focus();
                  }}
                >
                  {error.text}
                </a>
              ) : (
                error.text
              )}
              {error.hint && <span> {error.hint}</span>}
            </li>
          ))}
        </ul>
      </div>
    </div>
  );
}
