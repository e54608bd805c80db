// How easily somebody is recognised by the columns that are ticked: it is measured anew whenever a
// box changes. In sentences first, then as figures, a picture and a table; last, what a larger k
// costs, and a button that writes it into the recipe.
import { useEffect, useState } from 'preact/hooks';
import { is_gone, request } from '../api';
import { Bars } from '../charts/bars';
import { count, decimal, percent } from '../format';
import { t, t_or } from '../messages';
import type { Column, Hierarchy, Risk, RiskAnswer, Suggestion } from '../types';
import { ColumnsPicker } from './columns_picker';
import { Button, Field, LateInput } from './form';
import { Badge, Card, ErrorBox, Notice } from './page';
import { Facts, Table } from './table';

const REST_MS = 300;
const KINDS = ['flat', 'age', 'number', 'date', 'region', 'prefix'] as const;
const SHOWN_CLASSES = 12;

// "1 in 20": how sure somebody can be who knows the ticked columns of a person.
export function one_in(risk: number): string {
  return risk > 0 ? count(Math.max(1, Math.floor(1 / risk + 1e-9))) : '–';
}

// The sentence of a report as well.
export function risk_sentence(risk: Risk): string {
  if (risk.rows === 0) return t('risk.no_rows');
  if (risk.k <= 1) {
    return t('risk.unique', {
      rows: risk.uniques,
      share: percent(risk.uniques / risk.rows),
    });
  }
  return t('risk.hidden_among', { others: risk.k - 1, one: one_in(risk.highest) });
}

export function RiskFigures({ risk }: { risk: Risk }) {
  return (
    <Facts
      items={[
        [t('risk.k'), count(risk.k)],
        [
          t('risk.uniques'),
          `${count(risk.uniques)} (${percent(risk.rows ? risk.uniques / risk.rows : 0)})`,
        ],
        [
          t('risk.highest'),
          `${percent(risk.highest)} · ${t('risk.one_in', { one: one_in(risk.highest) })}`,
        ],
        [t('risk.mean'), `${percent(risk.mean)} · ${t('risk.one_in', { one: one_in(risk.mean) })}`],
        [t('risk.over', { share: percent(risk.threshold) }), percent(risk.share_over_threshold)],
        [t('risk.classes'), count(risk.classes)],
      ]}
    />
  );
}

export function ClassSizes({ risk }: { risk: Risk }) {
  const all = risk.k_histogram ?? [];
  if (!all.length) return null;
  const few = all.slice(0, SHOWN_CLASSES);
  const rest = all.slice(SHOWN_CLASSES).reduce((sum, one) => sum + one.rows, 0);
  const items = few.map((one) => ({
    name: t('risk.class_of', { rows: one.size }),
    value: one.rows,
    text: count(one.rows),
  }));
  if (rest) items.push({ name: t('risk.class_larger'), value: rest, text: count(rest) });
  return <Bars title={t('risk.sizes')} head={[t('risk.size'), t('risk.rows')]} items={items} />;
}

export function Diversity({ risk }: { risk: Risk }) {
  const names = [...new Set([...(risk.l ?? []), ...(risk.t ?? [])].map((one) => one.column))];
  if (!names.length) return null;
  return (
    <Table label={t('risk.diversity')} dense>
      <thead>
        <tr>
          <th>{t('look.name')}</th>
          <th class="number">{t('risk.l_distinct')}</th>
          <th class="number">{t('risk.l_entropy')}</th>
          <th class="number">{t('risk.t_distance')}</th>
        </tr>
      </thead>
      <tbody>
        {names.map((name) => {
          const l = risk.l?.find((one) => one.column === name);
          const near = risk.t?.find((one) => one.column === name);
          return (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td class="number">{l ? count(l.distinct) : '–'}</td>
              <td class="number">{l ? decimal(l.entropy, 2) : '–'}</td>
              <td class="number">{near ? decimal(near.distance, 3) : '–'}</td>
            </tr>
          );
        })}
      </tbody>
    </Table>
  );
}

// ---- hierarchies -------------------------------------------------------------------------------

export type Rules = Record<string, string>; // column → "age,10,20,40"

function HierarchyForm({
  hierarchy,
  rule,
  set,
}: {
  hierarchy: Hierarchy;
  rule: string;
  set: (rule: string) => void;
}) {
  const [kind, ...steps] = (rule || hierarchy.rule).split(',');
  const id = `hierarchy-${hierarchy.column}`;
  return (
    <details class="hierarchy">
      <summary>
        {hierarchy.column}{' '}
        <Badge tone={rule ? 'accent' : 'plain'}>{t_or(`hierarchy.kind.${kind!}`, kind!)}</Badge>
      </summary>
      <div class="line-fields">
        <Field id={id} label={t('hierarchy.kind')}>
          {(aria) => (
            <select {...aria} value={kind} onChange={(event) => set(event.currentTarget.value)}>
              {KINDS.map((one) => (
                <option key={one} value={one} selected={one === kind}>
                  {t(`hierarchy.kind.${one}`)}
                </option>
              ))}
            </select>
          )}
        </Field>
        {kind !== 'flat' && kind !== 'region' && (
          <Field id={`${id}-steps`} label={t('hierarchy.steps')} hint={t('hierarchy.steps_hint')}>
            {(aria) => (
              <LateInput
                {...aria}
                value={steps.join(',')}
                commit={(typed) => {
                  const text = typed.replace(/，/g, ',').replace(/\s/g, '');
                  set([kind, ...text.split(',').filter(Boolean)].join(','));
                }}
              />
            )}
          </Field>
        )}
      </div>
      {hierarchy.levels.length > 0 && (
        <Table label={t('hierarchy.levels_of', { name: hierarchy.column })} dense>
          <thead>
            <tr>
              {hierarchy.levels[0]!.map((_, i) => (
                <th key={i}>{t('hierarchy.level', { level: i + 1 })}</th>
              ))}
            </tr>
          </thead>
          <tbody>
            {hierarchy.levels.map((row, i) => (
              <tr key={i}>
                {row.map((value, j) => (
                  <td key={j}>{value}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </Table>
      )}
    </details>
  );
}

// ---- the panel ---------------------------------------------------------------------------------

function Costs({ suggest, choose }: { suggest: Suggestion[]; choose: (one: Suggestion) => void }) {
  if (!suggest.length) return null;
  return (
    <Table label={t('risk.costs')} dense>
      <thead>
        <tr>
          <th class="number">k</th>
          <th class="number">{t('risk.at_most')}</th>
          <th class="number">{t('risk.kept')}</th>
          <th class="number">{t('risk.suppressed')}</th>
          <th>
            <span class="hidden-text">{t('risk.use')}</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {suggest.map((one) => (
          <tr key={one.k}>
            <th scope="row" class="number">
              {one.k}
            </th>
            <td class="number">{t('risk.one_in', { one: one.k })}</td>
            <td class="number">{percent(one.granularity)}</td>
            <td class="number">{count(one.suppressed)}</td>
            <td>
              <Button onClick={() => choose(one)}>{t('risk.use_k', { k: one.k })}</Button>
            </td>
          </tr>
        ))}
      </tbody>
    </Table>
  );
}

function useRisk(dataset: number, body: Record<string, unknown>, wanted: boolean) {
  const [state, state_set] = useState<{ data?: RiskAnswer; error?: unknown; busy: boolean }>({
    busy: false,
  });
  const asked = JSON.stringify(body);
  useEffect(() => {
    if (!wanted) {
      state_set({ busy: false });
      return undefined;
    }
    const abort = new AbortController();
    state_set((old) => ({ ...old, busy: true }));
    const timer = setTimeout(() => {
      request<RiskAnswer>(
        'POST',
        `/datasets/${dataset}/risk`,
        JSON.parse(asked),
        abort.signal,
      ).then(
        (data) => state_set({ data, busy: false }),
        (error: unknown) => {
          if (!is_gone(error)) state_set({ error, busy: false });
        },
      );
    }, REST_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [dataset, asked, wanted]);
  return state;
}

export interface Choice {
  quasi: string[];
  sensitive: string[];
  k: number;
  rules: Rules;
}

export function RiskPanel({
  dataset,
  revision,
  columns,
  choose,
}: {
  dataset: number;
  revision: number;
  columns: Column[];
  choose: (choice: Choice) => void;
}) {
  const named = (role: string) =>
    columns.filter((column) => column.role === role).map((column) => column.name);
  const [quasi, quasi_set] = useState(named('quasi'));
  const [sensitive, sensitive_set] = useState(named('sensitive'));
  const [rules, rules_set] = useState<Rules>({});
  const all = columns.map((column) => column.name);
  const own = Object.fromEntries(Object.entries(rules).filter(([name]) => quasi.includes(name)));
  const body = {
    revision,
    quasi,
    sensitive,
    ...(Object.keys(own).length ? { hierarchies: own } : {}),
  };
  const { data, error, busy } = useRisk(dataset, body, quasi.length > 0);
  return (
    <Card title={t('risk.title')} id="risk">
      <p>{t('risk.about')}</p>
      <ColumnsPicker
        id="risk-quasi"
        label={t('risk.quasi')}
        all={all}
        chosen={quasi}
        change={quasi_set}
      />
      <ColumnsPicker
        id="risk-sensitive"
        label={t('risk.sensitive')}
        all={all.filter((name) => !quasi.includes(name))}
        chosen={sensitive}
        change={sensitive_set}
      />
      {quasi.length === 0 && <p class="muted">{t('risk.tick')}</p>}
      {error !== undefined && quasi.length > 0 && <ErrorBox error={error} />}
      <div aria-live="polite" aria-busy={busy} class={busy ? 'risk risk-busy' : 'risk'}>
        {data && quasi.length > 0 && (
          <>
            <Notice tone={data.risk.k <= 1 ? 'warn' : 'info'} title={risk_sentence(data.risk)} />
            <RiskFigures risk={data.risk} />
            <ClassSizes risk={data.risk} />
            <Diversity risk={data.risk} />
          </>
        )}
      </div>
      {data && quasi.length > 0 && (
        <>
          {data.suggest.length > 0 && (
            <>
              <h3>{t('risk.costs')}</h3>
              <p class="hint">
                {t('risk.costs_hint')}{' '}
                {data.suggest_rows < data.risk.rows &&
                  t('risk.costs_rows', { rows: data.suggest_rows })}
              </p>
              <Costs
                suggest={data.suggest}
                choose={(one) => choose({ quasi, sensitive, k: one.k, rules: own })}
              />
            </>
          )}
          {data.hierarchies.length > 0 && (
            <>
              <h3>{t('hierarchy.title')}</h3>
              <p class="hint">{t('hierarchy.about')}</p>
              {data.hierarchies.map((one) => (
                <HierarchyForm
                  key={one.column}
                  hierarchy={one}
                  rule={rules[one.column] ?? ''}
                  set={(rule) => rules_set({ ...rules, [one.column]: rule })}
                />
              ))}
            </>
          )}
        </>
      )}
    </Card>
  );
}
