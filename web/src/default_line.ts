// A first line of an operator for a table: the operator's example with the table's own columns in it.
import { line_read, line_write, option_set, type Line, type Word } from './recipe';
import type { Column, Operator } from './types';

const with_role = (columns: Column[], role: string) =>
  columns.filter((column) => (column.role || 'plain') === role).map((column) => column.name);
const of_type = (columns: Column[], ...types: string[]) =>
  columns.filter((column) => types.includes(column.type)).map((column) => column.name);

// Which columns a line of that name would be about, best first; never empty while there are any.
function fitting(name: string, columns: Column[]): string[] {
  const text = of_type(columns, 'text');
  const prose = text.filter((one) => !with_role(columns, 'direct').includes(one));
  const found: Record<string, string[]> = {
    mask: with_role(columns, 'direct'),
    date: of_type(columns, 'date', 'time'),
    html: prose.slice(-1),
    normalise: prose.slice(-1),
    words: prose.slice(-1),
    noise: with_role(columns, 'quasi'),
    check: of_type(columns, 'integer', 'number'),
    drop: [],
  };
  const own = found[name] ?? [];
  if (own.length) return own;
  return text.length ? text.slice(0, 1) : columns.slice(0, 1).map((column) => column.name);
}

function roles_line(columns: Column[]): Line {
  let line: Line = { name: 'field', words: [], comment: '' };
  for (const role of ['direct', 'quasi', 'sensitive']) {
    line = option_set(line, role, '=', with_role(columns, role));
  }
  if (line.words.length) return line;
  return option_set(
    line,
    'plain',
    '=',
    columns.slice(0, 1).map((column) => column.name),
  );
}

// k-anonymity over the columns that help to find people; l only where something is to be kept secret.
function kanon_line(columns: Column[]): Line {
  const quasi = with_role(columns, 'quasi');
  const line = option_set({ name: 'kanon', words: [], comment: '' }, 'k', '=', ['5']);
  const secret = with_role(columns, 'sensitive');
  const diverse = secret.length ? option_set(line, 'l', '=', ['2']) : line;
  const some = option_set(diverse, 'suppress', '<=', ['.02']);
  const fits = quasi.length ? quasi : columns.slice(0, 1).map((column) => column.name);
  return option_set(option_set(some, 'quasi', '=', fits), 'sensitive', '=', secret);
}

export function default_line(operator: Operator, columns: Column[]): string {
  const example = line_read(operator.example);
  if (!example) return operator.name;
  if (operator.name === 'field') return line_write(roles_line(columns));
  if (operator.name === 'kanon') return line_write(kanon_line(columns));
  const names = new Set(columns.map((column) => column.name));
  const fits = fitting(operator.name, columns);
  const by_columns = new Set(operator.options.filter((one) => one.columns).map((one) => one.name));
  const ways = new Set(operator.bare.values);
  const words: Word[] = [];
  for (const word of example.words) {
    if (word.sign === ':') {
      const number = of_type(columns, 'integer', 'number')[0];
      if (!words.length && number) words.push({ heads: [number], sign: ':', values: ['0..130'] });
    } else if (!word.sign) {
      const named = operator.bare.columns && !ways.has(word.heads[0]!);
      words.push(named ? { ...word, heads: fits } : word);
    } else if (by_columns.has(word.heads[0]!) && word.sign === '=') {
      const kept = word.values.filter((value) => names.has(value));
      // Which columns make rows equal is for a person to say; without them all count.
      if (kept.length || word.heads[0] !== 'by')
        words.push({ ...word, values: kept.length ? kept : fits.slice(0, 1) });
    } else words.push(word);
  }
  return line_write({ ...example, words });
}
