// One question at a time, over the page: keeps the focus inside, Escape means no, and gives the
// focus back. An own element, for <dialog> is not in the older browsers.
import { signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { t } from '../messages';
import { Button, Field } from './form';

interface Question {
  title: string;
  text: ComponentChildren;
  confirm: string;
  danger?: boolean;
  input?: { label: string; required: boolean; value?: string };
  from: HTMLElement | null; // what had the focus and gets it back
  answer: (value: string | null) => void;
}
export const question = signal<Question | null>(null);

// Resolves to null for no, else to the text typed ('' where none is asked for).
export function ask(about: Omit<Question, 'answer' | 'from'>): Promise<string | null> {
  question.value?.answer(null);
  return new Promise((answer) => {
    question.value = {
      ...about,
      from: document.activeElement as HTMLElement | null,
      answer: (value) => {
        question.value = null;
        answer(value);
      },
    };
  });
}

function focusable(root: HTMLElement): HTMLElement[] {
  return [...root.querySelectorAll<HTMLElement>('button, a[href], input, textarea, select')];
}

function Box({ asked }: { asked: Question }) {
  const box = useRef<HTMLDivElement>(null);
  const [text, text_set] = useState(asked.input?.value ?? '');
  const [missing, missing_set] = useState(false);
  // Before the next paint: no key that is pressed meanwhile may go to the page behind.
  useLayoutEffect(() => {
    const first = box.current?.querySelector<HTMLElement>('textarea, input') ?? box.current;
    first?.focus();
    return () => asked.from?.focus();
  }, []);
  const pressed = (event: KeyboardEvent) => {
    if (event.key === 'Escape') asked.answer(null);
    if (event.key !== 'Tab' || !box.current) return;
    const all = focusable(box.current);
    const edge = event.shiftKey ? all[0] : all[all.length - 1];
    if (document.activeElement === edge || document.activeElement === box.current) {
      event.preventDefault();
      (event.shiftKey ? all[all.length - 1] : all[0])?.focus();
    }
  };
  const confirm = (event: Event) => {
    event.preventDefault();
    if (asked.input?.required && !text.trim()) {
      missing_set(true);
      document.getElementById('dialog-input')?.focus();
    } else asked.answer(text.trim());
  };
  return (
    <div
      class="dialog-back"
      onMouseDown={(event) => {
        if (event.target === event.currentTarget) asked.answer(null);
      }}
    >
      <div
        class="dialog"
        role="dialog"
        aria-modal="true"
        aria-labelledby="dialog-title"
        aria-describedby="dialog-text"
        tabIndex={-1}
        ref={box}
        onKeyDown={pressed}
      >
        <form onSubmit={confirm} noValidate>
          <h2 id="dialog-title">{asked.title}</h2>
          <div id="dialog-text" class="dialog-text">
            {asked.text}
          </div>
          {asked.input && (
            <Field
              id="dialog-input"
              label={asked.input.label}
              error={missing ? t('form.required') : undefined}
            >
              {(aria) => (
                <textarea
                  {...aria}
                  rows={3}
                  value={text}
                  onInput={(event) => text_set(event.currentTarget.value)}
                />
              )}
            </Field>
          )}
          <div class="actions actions-end">
            <Button onClick={() => asked.answer(null)}>{t('action.cancel')}</Button>
            <Button type="submit" kind={asked.danger ? 'danger' : 'primary'}>
              {asked.confirm}
            </Button>
          </div>
        </form>
      </div>
    </div>
  );
}

export function Dialogs() {
  const asked = question.value;
  return asked ? <Box key={asked.title} asked={asked} /> : null;
}
