// A command line as a person types it, cut into words: blanks divide, quotes and backslashes hold
// together. Nothing else means anything: no variables, no pipes; for those there is the shell.
export function words_of(line: string): string[] | null {
  const words: string[] = [];
  let word = '';
  let begun = false;
  let quote = '';
  for (let i = 0; i < line.length; i++) {
    const c = line[i]!;
    if (quote) {
      if (c === quote) quote = '';
      else if (c === '\\' && quote === '"' && i + 1 < line.length) word += line[++i]!;
      else word += c;
    } else if (c === '"' || c === "'") {
      quote = c;
      begun = true;
    } else if (c === '\\' && i + 1 < line.length) {
      word += line[++i]!;
      begun = true;
    } else if (/\s/.test(c)) {
      if (begun) words.push(word);
      word = '';
      begun = false;
    } else {
      word += c;
      begun = true;
    }
  }
  if (quote) return null; // never closed
  if (begun) words.push(word);
  return words;
}

// The other way, for showing it.
export function words_text(words: string[]): string {
  return words
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replace(/'/g, `'\\''`)}'`))
    .join(' ');
}
