// The operators a recipe may use, from the server's own table: a palette that adds a line.
import { t } from '../messages';
import type { Operator } from '../types';
import { operator_title } from './line_form';

export function OperatorPalette({
  operators,
  insert,
}: {
  operators: Operator[];
  insert: (operator: Operator) => void;
}) {
  return (
    <ul class="operators">
      {operators.map((operator) => (
        <li key={operator.name}>
          <div class="operator">
            <span>
              <code>{operator.name}</code> {operator_title(operator)}
            </span>
            <button
              type="button"
              class="button button-small"
              aria-label={t('recipe.add_operator', { name: operator.name })}
              onClick={() => insert(operator)}
            >
              {t('recipe.add')}
            </button>
          </div>
          <details>
            <summary>{t('recipe.example')}</summary>
            <pre tabIndex={0}>
              <code>{operator.example}</code>
            </pre>
          </details>
        </li>
      ))}
    </ul>
  );
}
