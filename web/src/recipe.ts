// A recipe's lines as words, the way the server reads them (app/data/cleanse/line.c): enough to show
// a line as a form and to write it back. What cannot be read here stays text.

export type Sign = '' | '=' | ':' | '<' | '<=' | '>' | '>=';
export interface Word {
  heads: string[];
  sign: Sign;
  values: string[];
}
export interface Line {
  name: string;
  words: Word[]; // without the operator's name
  comment: string; // what follows a '#', with it
}

const SIGNS: Record<string, string> = {
  '，': ',',
  '、': ',',
  '：': ':',
  '＝': '=',
  '＜': '<',
  '＞': '>',
  '｜': '|',
  '　': ' ',
  '“': '"',
  '”': '"',
  '＂': '"',
  '≤': '<=',
  '≥': '>=',
  '\t': ' ',
};
const ESCAPES: Record<string, string> = { n: '\n', t: '\t', r: '\r' };

// The sign at a place and its length; '' for an ordinary character.
function sign_at(text: string, at: number): [string, number] {
  const two = text.slice(at, at + 2);
  if (two === '<=' || two === '>=') return [two, 2];
  const one = text[at] ?? '';
  if (SIGNS[one]) return [SIGNS[one], 1];
  return ' ,:=<>|"'.includes(one) ? [one, 1] : ['', 1];
}

class Reader {
  at = 0;
  constructor(readonly text: string) {}
  sign(): string {
    return this.at < this.text.length ? sign_at(this.text, this.at)[0] : '';
  }
  skip(): void {
    while (this.at < this.text.length && this.sign() === ' ') this.at++;
  }
  quoted(): string {
    let out = '';
    for (this.at++; this.sign() !== '"'; this.at++) {
      if (this.at >= this.text.length) throw new Error('quote');
      if (this.text[this.at] === '\\') {
        const next = this.text[++this.at] ?? '';
        out += ESCAPES[next] ?? next;
      } else out += this.text[this.at];
    }
    this.at++;
    return out;
  }
  item(value: boolean): string {
    if (this.sign() === '"') return this.quoted();
    const start = this.at;
    while (this.at < this.text.length) {
      const [sign, size] = sign_at(this.text, this.at);
      if (sign === '"') throw new Error('quote');
      if (value ? sign === ' ' || sign === ',' || sign === '|' : sign) break;
      this.at += size;
    }
    if (this.at === start) throw new Error('empty');
    return this.text.slice(start, this.at);
  }
  items(value: boolean): string[] {
    const all: string[] = [];
    for (;;) {
      all.push(this.item(value));
      const sign = this.sign();
      if (sign !== ',' && sign !== '|') return all;
      this.at++;
      this.skip();
    }
  }
  word(): Word {
    const heads = this.items(false);
    const [sign, size] = this.at < this.text.length ? sign_at(this.text, this.at) : [' ', 0];
    if (sign === ' ') return { heads, sign: '', values: [] };
    if (sign === '"' || sign === '') throw new Error('quote');
    this.at += size;
    const start = this.at;
    const values = this.items(true);
    // A rule stays as it is written: quotes in it mean something.
    const rule = sign === ':';
    return { heads, sign: sign as Sign, values: rule ? [this.text.slice(start, this.at)] : values };
  }
}

// null for an empty line, a comment, or what cannot be read.
export function line_read(text: string): Line | null {
  const reader = new Reader(text);
  const words: Word[] = [];
  try {
    for (;;) {
      reader.skip();
      if (reader.at >= text.length || text[reader.at] === '#') break;
      words.push(reader.word());
    }
  } catch {
    return null;
  }
  const first = words.shift();
  if (!first || first.sign || first.heads.length !== 1) return null;
  return { name: first.heads[0]!, words, comment: text.slice(reader.at) };
}

function quoted(text: string): string {
  const inside = text
    .replace(/[\\"“”＂]/g, '\\$&')
    .replace(/\n/g, '\\n')
    .replace(/\t/g, '\\t');
  return `"${inside}"`;
}

export function name_write(name: string): string {
  const plain = name && name !== '*' && !name.startsWith('#') && !name.includes('..');
  return plain && !/[\s,:=<>|"\\，、：＝＜＞｜　“”＂≤≥]/.test(name) ? name : quoted(name);
}

function value_write(value: string): string {
  return value && !/[\s,|"\\，、｜　“”＂]/.test(value) ? value : quoted(value);
}

export function line_write(line: Line): string {
  const words = line.words.map(
    (word) =>
      word.heads.map(name_write).join(',') +
      word.sign +
      (word.sign === ':' ? word.values[0] : word.values.map(value_write).join(',')),
  );
  const text = [line.name, ...words].join(' ');
  return line.comment ? `${text} ${line.comment}` : text;
}

// ---- options of a line -------------------------------------------------------------------------

export function option_of(line: Line, name: string): Word | undefined {
  return line.words.find((word) => word.sign && word.sign !== ':' && word.heads[0] === name);
}

// The words without a sign: columns, or a way such as "exact".
export function bare_of(line: Line): string[] {
  return line.words.filter((word) => !word.sign).flatMap((word) => word.heads);
}

export function rules_of(line: Line): Word[] {
  return line.words.filter((word) => word.sign === ':');
}

export function option_set(line: Line, name: string, sign: Sign, values: string[]): Line {
  const old = option_of(line, name);
  const kept = values.filter((value) => value !== '');
  if (!kept.length) return { ...line, words: line.words.filter((word) => word !== old) };
  const next: Word = { heads: [name], sign, values: kept };
  const words = old
    ? line.words.map((word) => (word === old ? next : word))
    : [...line.words, next];
  return { ...line, words };
}

// Columns are one word of several heads, what else stands there words of their own.
export function bare_set(line: Line, columns: string[], words: string[]): Line {
  const word = (heads: string[]): Word => ({ heads, sign: '', values: [] });
  const bare = [...(columns.length ? [word(columns)] : []), ...words.map((one) => word([one]))];
  return { ...line, words: [...bare, ...line.words.filter((one) => one.sign)] };
}

// ---- the text ----------------------------------------------------------------------------------

export function line_at(text: string, place: number): number {
  return text.slice(0, place).split('\n').length - 1;
}

export function line_replace(text: string, index: number, line: string | null): string {
  const lines = text.split('\n');
  lines.splice(index, 1, ...(line === null ? [] : [line]));
  return lines.join('\n');
}

// Behind the line of the cursor, or at the end; answers the new text and the new line's index.
export function line_insert(text: string, line: string, after: number | null): [string, number] {
  const lines = text.replace(/\n+$/, '').split('\n');
  const at = after === null ? lines.length : Math.min(lines.length, Math.max(1, after + 1));
  lines.splice(at, 0, line);
  return [`${lines.join('\n')}\n`, at];
}

// The first line of an operator; -1 if there is none.
export function operator_line(text: string, name: string): number {
  return text.split('\n').findIndex((line) => line_read(line)?.name === name);
}

// Puts a suggestion in place of the word that a fault points at (its column counts characters).
export function word_replace(line: string, column: number, word: string): string {
  const characters = [...line];
  const start = characters.slice(0, column - 1).join('').length;
  const reader = new Reader(line);
  reader.at = start;
  try {
    reader.item(false);
  } catch {
    return line;
  }
  return line.slice(0, start) + name_write(word) + line.slice(reader.at);
}
