// Choosing columns: the chosen ones in a line, all of them as boxes to tick behind it.
import { useState } from 'preact/hooks';
import { t } from '../messages';

const SHOWN_MAX = 200;

export function ColumnsPicker({
  id,
  label,
  all,
  chosen,
  change,
}: {
  id: string;
  label: string;
  all: string[];
  chosen: string[];
  change: (names: string[]) => void;
}) {
  const [wanted, wanted_set] = useState('');
  // What is named but not there stays visible, so that it can be taken out.
  const names = [...all, ...chosen.filter((name) => !all.includes(name))];
  const shown = names.filter((name) => name.toLowerCase().includes(wanted.toLowerCase()));
  const toggle = (name: string, on: boolean) =>
    change(on ? [...chosen, name] : chosen.filter((one) => one !== name));
  return (
    <details class="picker">
      <summary id={id}>
        <span class="picker-label">{label}</span>{' '}
        <span class="muted">{chosen.length ? chosen.join('，') : t('recipe.none_chosen')}</span>
      </summary>
      <fieldset>
        <legend class="hidden-text">{label}</legend>
        {names.length > 12 && (
          <input
            type="search"
            value={wanted}
            aria-label={t('check.filter')}
            placeholder={t('check.filter')}
            onInput={(event) => wanted_set(event.currentTarget.value)}
          />
        )}
        <div class="picker-list">
          {shown.slice(0, SHOWN_MAX).map((name) => (
            <label key={name} class="picker-item">
              <input
                type="checkbox"
                checked={chosen.includes(name)}
                onChange={(event) => toggle(name, event.currentTarget.checked)}
              />{' '}
              {name}
            </label>
          ))}
        </div>
        {shown.length > SHOWN_MAX && (
          <p class="hint">{t('recipe.more_columns', { columns: shown.length - SHOWN_MAX })}</p>
        )}
      </fieldset>
    </details>
  );
}
