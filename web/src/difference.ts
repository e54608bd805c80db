// What changed inside a cell, character by character: pieces that both have and pieces that only one
// has. Characters are code points, so that no Chinese character or emoji is cut.

export interface Piece {
  text: string;
  changed: boolean;
}

const CELLS_MAX = 40_000; // of the table of common subsequences; beyond, the middle is one change

function add(pieces: Piece[], text: string, changed: boolean): void {
  const last = pieces[pieces.length - 1];
  if (!text) return;
  if (last && last.changed === changed) last.text += text;
  else pieces.push({ text, changed });
}

// Lengths of the longest common subsequence of the tails.
function common_lengths(a: string[], b: string[]): Uint16Array {
  const width = b.length + 1;
  const lengths = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      lengths[i * width + j] =
        a[i] === b[j]
          ? lengths[(i + 1) * width + j + 1]! + 1
          : Math.max(lengths[(i + 1) * width + j]!, lengths[i * width + j + 1]!);
    }
  }
  return lengths;
}

function middle(a: string[], b: string[], before: Piece[], after: Piece[]): void {
  if (a.length * b.length > CELLS_MAX) {
    add(before, a.join(''), true);
    add(after, b.join(''), true);
    return;
  }
  const lengths = common_lengths(a, b);
  const width = b.length + 1;
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    const same = i < a.length && j < b.length && a[i] === b[j];
    if (same) {
      add(before, a[i++]!, false);
      add(after, b[j++]!, false);
    } else if (
      j >= b.length ||
      (i < a.length && lengths[(i + 1) * width + j]! >= lengths[i * width + j + 1]!)
    ) {
      add(before, a[i++]!, true);
    } else {
      add(after, b[j++]!, true);
    }
  }
}

export function difference(old: string, now: string): { before: Piece[]; after: Piece[] } {
  const a = [...old];
  const b = [...now];
  const least = Math.min(a.length, b.length);
  let head = 0;
  while (head < least && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < least - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++;
  const before: Piece[] = [];
  const after: Piece[] = [];
  add(before, a.slice(0, head).join(''), false);
  add(after, b.slice(0, head).join(''), false);
  middle(a.slice(head, a.length - tail), b.slice(head, b.length - tail), before, after);
  add(before, a.slice(a.length - tail).join(''), false);
  add(after, b.slice(b.length - tail).join(''), false);
  return { before, after };
}
