// One line of a recipe as a form: columns to tick, choices to make, rules to write, so that nobody
// needs to know how the line is spelt. Made from the server's own table of operators.
import {
  bare_of,
  bare_set,
  line_read,
  line_write,
  option_of,
  option_set,
  rules_of,
  type Line,
  type Sign,
  type Word,
} from '../recipe';
import { t, t_or } from '../messages';
import type { Operator, OperatorOption } from '../types';
import { ColumnsPicker } from './columns_picker';
import { Button, Field, LateInput, SelectField } from './form';

// Options that may take several of their choices.
const SEVERAL = new Set(['kinds', 'parts']);
const COMPARED: Sign[] = ['=', '>', '>=', '<', '<='];

// Some words mean another thing in one operator than in the others.
function choice_name(operator: string, value: string): string {
  const own = t_or(`choice.${operator}.${value}`, '');
  return own || t_or(`choice.${value}`, t_or(`personal.${value}`, value));
}

export function operator_title(operator: Operator): string {
  return t_or(operator.summary_key, operator.name);
}

interface Editing {
  line: Line;
  change: (line: Line) => void;
  columns: string[];
}

function several(
  operator: string,
  id: string,
  label: string,
  values: string[],
  chosen: string[],
  change: (v: string[]) => void,
) {
  return (
    <fieldset class="radios" id={id}>
      <legend>{label}</legend>
      <div class="picker-list">
        {values.map((value) => (
          <label key={value} class="picker-item">
            <input
              type="checkbox"
              checked={chosen.includes(value)}
              onChange={(event) =>
                change(
                  event.currentTarget.checked
                    ? values.filter((one) => one === value || chosen.includes(one))
                    : chosen.filter((one) => one !== value),
                )
              }
            />{' '}
            {choice_name(operator, value)}
          </label>
        ))}
      </div>
    </fieldset>
  );
}

// A number or a text; with the way it is compared where the operator's example compares.
function FreeOption({
  id,
  label,
  word,
  sign,
  change,
}: {
  id: string;
  label: string;
  word: Word | undefined;
  sign: Sign;
  change: (sign: Sign, values: string[]) => void;
}) {
  const now = word?.sign || sign;
  const value = (word?.values ?? []).join(',');
  return (
    <Field id={id} label={label}>
      {(aria) => (
        <div class="compared">
          {(sign !== '=' || (word && word.sign !== '=')) && (
            <select
              aria-label={t('recipe.compared', { name: label })}
              value={now}
              onChange={(event) => change(event.currentTarget.value as Sign, word?.values ?? [])}
            >
              {COMPARED.map((one) => (
                <option key={one} value={one} selected={one === now}>
                  {one}
                </option>
              ))}
            </select>
          )}
          <LateInput
            {...aria}
            value={value}
            commit={(typed) => {
              const text = typed.trim();
              change(now, text ? text.split(/[,，]/).map((one) => one.trim()) : []);
            }}
          />
        </div>
      )}
    </Field>
  );
}

function Option({
  operator,
  option,
  editing,
}: {
  operator: Operator;
  option: OperatorOption;
  editing: Editing;
}) {
  const { line, change, columns } = editing;
  const id = `line-${option.name}`;
  const label = t_or(option.summary_key, option.name);
  const word = option_of(line, option.name);
  const chosen = word?.values ?? [];
  const set = (values: string[], sign: Sign = '=') =>
    change(option_set(line, option.name, sign, values));
  if (option.columns) {
    return (
      <ColumnsPicker id={id} label={label} all={columns} chosen={chosen} change={(v) => set(v)} />
    );
  }
  if (SEVERAL.has(option.name))
    return several(operator.name, id, label, option.values, chosen, set);
  if (option.values.length) {
    return (
      <SelectField
        id={id}
        label={label}
        value={chosen[0] ?? ''}
        change={(value) => set(value ? [value] : [])}
        choices={[
          { value: '', text: t('recipe.by_default') },
          ...option.values.map((value) => ({ value, text: choice_name(operator.name, value) })),
        ]}
      />
    );
  }
  const example = line_read(operator.example);
  const sign = (example && option_of(example, option.name)?.sign) || '=';
  return (
    <FreeOption
      id={id}
      label={label}
      word={word}
      sign={sign}
      change={(now, values) => set(values, now)}
    />
  );
}

// Of check: what values must keep; of kanon: how a column becomes broader.
function Rules({ line, change, columns }: Editing) {
  const broader = line.name === 'kanon';
  const rules = rules_of(line);
  const others = line.words.filter((word) => word.sign !== ':');
  const set = (next: Word[]) => change({ ...line, words: [...next, ...others] });
  const put = (index: number, rule: Word) => set(rules.map((old, i) => (i === index ? rule : old)));
  const free = columns.find((name) => !rules.some((rule) => rule.heads.includes(name)));
  return (
    <fieldset class="rules">
      <legend>{t(broader ? 'hierarchy.title' : 'recipe.rules')}</legend>
      <p class="hint">{t(broader ? 'hierarchy.rule_hint' : 'recipe.rules_hint')}</p>
      {rules.map((rule, i) => (
        <div class="rule" key={i}>
          <select
            aria-label={t('recipe.rule_column', { number: i + 1 })}
            value={rule.heads[0]}
            onChange={(event) => put(i, { ...rule, heads: [event.currentTarget.value] })}
          >
            {[...new Set([...rule.heads, ...columns])].map((name) => (
              <option key={name} value={name} selected={name === rule.heads[0]}>
                {name}
              </option>
            ))}
          </select>
          <LateInput
            aria-label={t('recipe.rule_value', { number: i + 1 })}
            value={rule.values[0] ?? ''}
            commit={(typed) => {
              const value = typed.trim();
              if (value) put(i, { ...rule, values: [value] });
            }}
          />
          <Button kind="quiet" icon="close" onClick={() => set(rules.filter((_, k) => k !== i))}>
            {t('action.remove')}
          </Button>
        </div>
      ))}
      {free !== undefined && (
        <Button
          icon="plus"
          onClick={() =>
            set([...rules, { heads: [free], sign: ':', values: [broader ? 'flat' : '0..100'] }])
          }
        >
          {t('recipe.rule_add')}
        </Button>
      )}
    </fieldset>
  );
}

function Bare({ operator, editing }: { operator: Operator; editing: Editing }) {
  const { line, change, columns } = editing;
  const { values, columns: by_columns } = operator.bare;
  const bare = bare_of(line);
  const ways = bare.filter((word) => values.includes(word));
  const others = bare.filter((word) => !values.includes(word));
  const set = (names: string[], flags: string[]) => change(bare_set(line, names, flags));
  return (
    <>
      {by_columns && (
        <ColumnsPicker
          id="line-bare"
          label={t('recipe.columns')}
          all={columns}
          chosen={others}
          change={(names) => set(names, ways)}
        />
      )}
      {values.length > 0 &&
        several(operator.name, 'line-ways', t('recipe.ways'), values, ways, (flags) =>
          set(others, flags),
        )}
      {!by_columns && (others.length > 0 || operator.name === 'source') && (
        <Field id="line-words" label={t('recipe.words')}>
          {(aria) => (
            <LateInput
              {...aria}
              value={others.join(' ')}
              commit={(typed) => {
                const words = typed.split(/\s+/).filter(Boolean);
                change(bare_set(line, [], [...words, ...ways]));
              }}
            />
          )}
        </Field>
      )}
    </>
  );
}

function Fields({ operator, editing }: { operator: Operator; editing: Editing }) {
  const ruled = operator.name === 'check' || operator.name === 'kanon';
  return (
    <div class="line-fields">
      {ruled ? <Rules {...editing} /> : <Bare operator={operator} editing={editing} />}
      {operator.options.map((option) => (
        <Option key={option.name} operator={operator} option={option} editing={editing} />
      ))}
    </div>
  );
}

// A line that is switched off is a comment that would be a line.
export function line_off(text: string, operators: Operator[]): Line | null {
  const match = /^\s*#\s*(.*)$/.exec(text);
  const line = match ? line_read(match[1]!) : null;
  return line && operators.some((one) => one.name === line.name) ? line : null;
}

export function LineForm({
  number,
  text,
  operators,
  columns,
  change,
  move,
  drop,
}: {
  number: number; // from 1
  text: string;
  operators: Operator[];
  columns: string[];
  change: (text: string) => void;
  move: (by: -1 | 1) => void;
  drop: () => void;
}) {
  const line = line_read(text);
  const off = line_off(text, operators);
  const operator = operators.find((one) => one.name === (line ?? off)?.name);
  if (!operator) return <p class="hint">{t('recipe.line_none', { row: number })}</p>;
  return (
    <section class="line-form" aria-label={t('recipe.line', { row: number })}>
      <h3>
        {t('recipe.line', { row: number })}: <code>{operator.name}</code>{' '}
        <span>{operator_title(operator)}</span>
      </h3>
      <div class="actions">
        <Button kind="quiet" icon="up" onClick={() => move(-1)}>
          {t('recipe.up')}
        </Button>
        <Button kind="quiet" icon="down" onClick={() => move(1)}>
          {t('recipe.down')}
        </Button>
        {off ? (
          <Button icon="play" onClick={() => change(text.replace(/^\s*#\s*/, ''))}>
            {t('recipe.switch_on')}
          </Button>
        ) : (
          <Button kind="quiet" icon="pause" onClick={() => change(`# ${text}`)}>
            {t('recipe.switch_off')}
          </Button>
        )}
        <Button kind="quiet" icon="bin" onClick={drop}>
          {t('recipe.drop_line')}
        </Button>
      </div>
      {line && (
        <Fields
          operator={operator}
          editing={{ line, columns, change: (next) => change(line_write(next)) }}
        />
      )}
    </section>
  );
}
