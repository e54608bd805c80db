// A plain-text editor for recipes: line numbers beside it, lines with an error and the line of the
// cursor marked, undo and redo by keys, and what is wrong below it as links to the line, with a button
// that takes a suggestion over.
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { DraftHandle } from '../draft';
import { explain, t } from '../messages';
import { line_at, line_replace, word_replace } from '../recipe';
import type { Fault } from '../types';
import { Icon } from './icon';

// Faults whose detail is a word that may have been meant.
const SUGGESTING = new Set([
  'recipe.unknown_operator',
  'recipe.unknown_column',
  'recipe.unknown_option',
  'recipe.unknown_kind',
]);

function FaultItem({
  fault,
  go,
  take,
}: {
  fault: Fault;
  go: (row: number) => void;
  take: (fault: Fault) => void;
}) {
  const { text: sentence, hint } = explain(fault);
  const known = SUGGESTING.has(fault.code) && fault.row && fault.column && fault.detail;
  return (
    <li>
      <Icon name="warn" />
      {fault.row ? (
        <button type="button" class="link" onClick={() => go(fault.row!)}>
          {t('recipe.line', { row: fault.row })}
        </button>
      ) : null}{' '}
      {sentence} {hint && <span class="muted">{hint}</span>}
      {known && (
        <button type="button" class="button button-small" onClick={() => take(fault)}>
          {t('recipe.take_suggestion', { word: fault.detail! })}
        </button>
      )}
    </li>
  );
}

export function RecipeEditor({
  draft,
  faults,
  ok,
  line,
  line_set,
}: {
  draft: DraftHandle;
  faults: Fault[];
  ok: boolean | null;
  line: number;
  line_set: (index: number) => void;
}) {
  const { text } = draft;
  const area = useRef<HTMLTextAreaElement>(null);
  const gutter = useRef<HTMLOListElement>(null);
  const lines = text.split('\n');
  const bad = new Set(faults.map((fault) => fault.row ?? 0));
  const go = (row: number) => {
    const start = lines.slice(0, row - 1).reduce((sum, one) => sum + one.length + 1, 0);
    area.current?.focus();
    area.current?.setSelectionRange(start, start + (lines[row - 1]?.length ?? 0));
    line_set(row - 1);
  };
  const take = (fault: Fault) => {
    const index = fault.row! - 1;
    const mended = word_replace(lines[index] ?? '', fault.column!, fault.detail!);
    draft.change(line_replace(text, index, mended));
    line_set(index);
  };
  const moved = () => {
    if (area.current) line_set(line_at(area.current.value, area.current.selectionStart));
  };
  const pressed = (event: KeyboardEvent) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
    const key = event.key.toLowerCase();
    if (key !== 'z' && key !== 'y') return;
    event.preventDefault();
    if (key === 'y' || event.shiftKey) draft.redo();
    else draft.undo();
  };
  useLayoutEffect(() => {
    if (line >= lines.length) line_set(lines.length - 1);
  }, [text]);
  return (
    <div class="recipe">
      <label for="recipe" class="recipe-label">
        {t('recipe.text')}
      </label>
      <div class="recipe-box">
        <ol class="recipe-gutter" ref={gutter} aria-hidden="true">
          {lines.map((_, i) => (
            <li key={i} class={(bad.has(i + 1) ? 'bad' : '') + (i === line ? ' here' : '')}>
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
          onInput={(event) => {
            draft.type(event.currentTarget.value);
            moved();
          }}
          onKeyDown={pressed}
          onKeyUp={moved}
          onClick={moved}
        />
      </div>
      <div id="recipe-state" class="recipe-state" aria-live="polite">
        {faults.length > 0 ? (
          <ul>
            {faults.map((fault, i) => (
              <FaultItem key={i} fault={fault} go={go} take={take} />
            ))}
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
