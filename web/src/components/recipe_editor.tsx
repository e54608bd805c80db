// A plain-text editor for recipes: line numbers beside it, lines with an error marked, and what is
// wrong below it as links that put the cursor on the line.
import { useRef } from 'preact/hooks';
import { explain, t } from '../messages';
import type { Fault } from '../types';
import { Icon } from './icon';

export function RecipeEditor({
  text,
  change,
  faults,
  ok,
}: {
  text: string;
  change: (text: string) => void;
  faults: Fault[];
  ok: boolean | null;
}) {
  const area = useRef<HTMLTextAreaElement>(null);
  const gutter = useRef<HTMLOListElement>(null);
  const lines = text.split('\n');
  const bad = new Set(faults.map((fault) => fault.row ?? 0));
  const go = (row: number) => {
    const start = lines.slice(0, row - 1).reduce((sum, line) => sum + line.length + 1, 0);
    area.current?.focus();
    area.current?.setSelectionRange(start, start + (lines[row - 1]?.length ?? 0));
  };
  return (
    <div class="recipe">
      <label for="recipe" class="recipe-label">
        {t('recipe.text')}
      </label>
      <div class="recipe-box">
        <ol class="recipe-gutter" ref={gutter} aria-hidden="true">
          {lines.map((_, i) => (
            <li key={i} class={bad.has(i + 1) ? 'bad' : ''}>
              {i + 1}
            </li>
          ))}
        </ol>
        <textarea
          id="recipe"
          ref={area}
          value={text}
          spellcheck={false}
          wrap="off"
          rows={Math.min(24, Math.max(10, lines.length + 1))}
          aria-describedby="recipe-state"
          aria-invalid={faults.length > 0 || undefined}
          onScroll={(event) => {
            if (gutter.current) gutter.current.scrollTop = event.currentTarget.scrollTop;
          }}
          onInput={(event) => change(event.currentTarget.value)}
        />
      </div>
      <div id="recipe-state" class="recipe-state" aria-live="polite">
        {faults.length > 0 ? (
          <ul>
            {faults.map((fault, i) => {
              const { text: sentence, hint } = explain(fault);
              return (
                <li key={i}>
                  <Icon name="warn" />
                  {fault.row ? (
                    <button type="button" class="link" onClick={() => go(fault.row!)}>
                      {t('recipe.line', { row: fault.row })}
                    </button>
                  ) : null}{' '}
                  {sentence} {hint && <span class="muted">{hint}</span>}
                </li>
              );
            })}
          </ul>
        ) : ok ? (
          <p class="ok">
            <Icon name="check" />
            {t('recipe.good')}
          </p>
        ) : (
          <p class="muted">{t('recipe.checking')}</p>
        )}
      </div>
    </div>
  );
}
