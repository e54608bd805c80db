// The operators a recipe may use, from the server's own table, each with an example to insert.
import { useGet } from '../load';
import { t, t_or } from '../messages';
import type { Operator } from '../types';
import { Button } from './form';
import { Shown } from './page';

export function Operators({ insert }: { insert: (line: string) => void }) {
  const list = useGet<Operator[] | { items: Operator[] }>('/recipes/operators');
  return (
    <Shown from={list} lines={4}>
      {(data) => (
        <ul class="operators">
          {(Array.isArray(data) ? data : data.items).map((operator) => (
            <li key={operator.name}>
              <details>
                <summary>
                  <code>{operator.name}</code> {t_or(operator.summary_key, '')}
                </summary>
                <dl>
                  {operator.options.map((option) => (
                    <div key={option.name}>
                      <dt>
                        <code>{option.name}</code>
                      </dt>
                      <dd class="muted">{option.values ?? ''}</dd>
                    </div>
                  ))}
                </dl>
                <pre>
                  <code>{operator.example}</code>
                </pre>
                <Button onClick={() => insert(operator.example)}>{t('recipe.insert')}</Button>
              </details>
            </li>
          ))}
        </ul>
      )}
    </Shown>
  );
}
