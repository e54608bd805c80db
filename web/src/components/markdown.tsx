// What models write, as a page shows it: paragraphs, code, lists, quotes, tables, bold and such.
// The text becomes elements one by one, never HTML; an address is shown as text, since nothing on a
// page leads out of the house.
import type { ComponentChildren, VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import { t } from '../messages';
import { Code, Table } from './table';

const INLINE = new RegExp(
  [
    /(`+)([^`]|[^`][^]*?[^`])\1(?!`)/, // code
    /\*\*(\S(?:[^]*?\S)?)\*\*/,
    /__(\S(?:[^]*?\S)?)__/,
    /~~(\S[^]*?)~~/,
    /\*(\S(?:[^*]*?\S)?)\*/,
    /!?\[([^\][]*)\]\(([^)\s]*)\)/, // a link or a picture
    /\\([\\`*_~[\]#>-])/,
  ]
    .map((one) => one.source)
    .join('|'),
);

const DEPTH_MAX = 12; // of things within things: what is deeper stays as it was written

// Rounds are bounded by the text: each takes at least one character away.
function inline(text: string, depth = 0): ComponentChildren[] {
  if (depth > DEPTH_MAX) return [text];
  const parts: ComponentChildren[] = [];
  let rest = text;
  for (let found = INLINE.exec(rest); found; found = INLINE.exec(rest)) {
    const [whole, , code, bold, strong, struck, slanted, name, address, escaped] = found;
    parts.push(rest.slice(0, found.index));
    rest = rest.slice(found.index + whole.length);
    if (code !== undefined) parts.push(<code>{code}</code>);
    else if (bold ?? strong) parts.push(<strong>{inline((bold ?? strong)!, depth + 1)}</strong>);
    else if (struck !== undefined) parts.push(<s>{inline(struck, depth + 1)}</s>);
    else if (slanted !== undefined) parts.push(<em>{inline(slanted, depth + 1)}</em>);
    else if (address !== undefined) parts.push(name === address ? name : `${name} (${address})`);
    else parts.push(escaped);
  }
  parts.push(rest);
  return parts;
}

function lines_of(text: string): ComponentChildren[] {
  return text.split('\n').flatMap((line, i) => (i ? [<br />, ...inline(line)] : inline(line)));
}

const FENCE = /^ {0,3}(```+|~~~+)\s*([\w+#.-]*)/;
const ITEM = /^(\s*)([-*+]|\d{1,9}[.)])\s+(.*)$/;
const HEADING = /^ {0,3}(#{1,6})\s+(.*?)\s*#*$/;
const RULE = /^ {0,3}([-*_])(\s*\1){2,}\s*$/;
const ROW = /^\s*\|.*\|\s*$/;
const DIVIDER = /^\s*\|(\s*:?-+:?\s*\|)+\s*$/;

class Reader {
  at = 0;
  constructor(
    readonly lines: string[],
    readonly depth: number,
  ) {}
  get line(): string {
    return this.lines[this.at]!;
  }
  get over(): boolean {
    return this.at >= this.lines.length;
  }
  // The lines from here that fit.
  take(fits: (line: string) => boolean): string[] {
    const from = this.at;
    while (!this.over && fits(this.line)) this.at++;
    return this.lines.slice(from, this.at);
  }
}

function code_block(reader: Reader, fence: RegExpExecArray): VNode {
  const mark = fence[1]!;
  reader.at++;
  const text = reader.take((line) => !line.trim().startsWith(mark)).join('\n');
  reader.at++; // the closing fence; while it is being written there is none
  const label = fence[2] ? t('chat.code_of', { name: fence[2] }) : t('chat.code');
  return <Code text={text} label={label} />;
}

function table(rows: string[]): VNode {
  const cells = (row: string) =>
    row
      .trim()
      .slice(1, -1)
      .split('|')
      .map((cell) => inline(cell.trim()));
  return (
    <Table label={t('chat.table')}>
      <thead>
        <tr>
          {cells(rows[0]!).map((cell) => (
            <th>{cell}</th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.slice(2).map((row) => (
          <tr>
            {cells(row).map((cell) => (
              <td>{cell}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </Table>
  );
}

const indent_of = (line: string): number => /^\s*/.exec(line)![0].length;

// Items of one depth; what is set in deeper belongs to the item before it.
function list(reader: Reader): VNode {
  const first = ITEM.exec(reader.line)!;
  const depth = first[1]!.length;
  const ordered = /\d/.test(first[2]!);
  const items: VNode[] = [];
  while (!reader.over) {
    const item = ITEM.exec(reader.line);
    if (!item || item[1]!.length < depth || /\d/.test(item[2]!) !== ordered) break;
    reader.at++;
    const inner = reader.take((line) => line.trim() !== '' && indent_of(line) > depth);
    const blank = !reader.over && reader.line.trim() === '';
    if (blank && ITEM.test(reader.lines[reader.at + 1] ?? '')) reader.at++;
    const cut = Math.min(...inner.map(indent_of));
    items.push(
      <li>
        {inline(item[3]!)}
        {inner.length > 0 && blocks(inner.map((line) => line.slice(cut)), reader.depth + 1)}
      </li>,
    );
  }
  return ordered ? <ol start={parseInt(first[2]!, 10)}>{items}</ol> : <ul>{items}</ul>;
}

function begins_block(line: string): boolean {
  return [FENCE, ITEM, HEADING, RULE, /^ {0,3}>/].some((one) => one.test(line));
}

function block(reader: Reader): VNode | null {
  const line = reader.line;
  const fence = FENCE.exec(line);
  const heading = HEADING.exec(line);
  if (fence) return code_block(reader, fence);
  if (heading || RULE.test(line) || line.trim() === '') {
    reader.at++;
    if (heading) return <p class="written-heading">{inline(heading[2]!)}</p>;
    return line.trim() ? <hr /> : null;
  }
  if (ITEM.test(line)) return list(reader);
  if (/^ {0,3}>/.test(line)) {
    const quoted = reader.take((one) => /^ {0,3}>/.test(one));
    const inner = quoted.map((one) => one.replace(/^ {0,3}> ?/, ''));
    return <blockquote>{blocks(inner, reader.depth + 1)}</blockquote>;
  }
  if (ROW.test(line) && DIVIDER.test(reader.lines[reader.at + 1] ?? '')) {
    return table(reader.take((one) => ROW.test(one)));
  }
  const from = reader.at++;
  reader.take((one) => one.trim() !== '' && !begins_block(one));
  return <p>{lines_of(reader.lines.slice(from, reader.at).join('\n'))}</p>;
}

function blocks(lines: string[], depth = 0): (VNode | null)[] {
  if (depth > DEPTH_MAX) return [<p>{lines.join('\n')}</p>];
  const reader = new Reader(lines, depth);
  const found: (VNode | null)[] = [];
  while (!reader.over) found.push(block(reader));
  return found;
}

export function Markdown({ text }: { text: string }) {
  const shown = useMemo(() => blocks(text.split(/\r?\n/)), [text]);
  return <div class="written-text">{shown}</div>;
}
