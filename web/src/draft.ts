// The recipe being written for a dataset, with its history: every change can be undone and done again
// while the page is open. Typing in one go is one step.
import { useState } from 'preact/hooks';

export const FIRST = 'recipe 1\n';
const STEPS_MAX = 300;
const TYPING_MS = 900;

interface Draft {
  text: string;
  past: string[];
  future: string[];
  typed_ms: number; // when the last change by typing came; 0: the last one was none
  recipe: number; // the kept recipe it came from; 0: none
}
const drafts = new Map<number, Draft>(); // by dataset

export interface DraftHandle {
  text: string;
  recipe: number;
  can_undo: boolean;
  can_redo: boolean;
  type: (text: string) => void;
  change: (text: string, recipe?: number) => void;
  undo: () => void;
  redo: () => void;
}

export function draft_forget(dataset: number): void {
  drafts.delete(dataset);
}

export function useDraft(dataset: number): DraftHandle {
  const [, redraw] = useState(0);
  let draft = drafts.get(dataset);
  if (!draft) {
    draft = { text: FIRST, past: [], future: [], typed_ms: 0, recipe: 0 };
    drafts.set(dataset, draft);
  }
  const mine = draft;
  const shown = () => redraw((n) => n + 1);
  const keep = (typing: boolean) => {
    const now = Date.now();
    const on = typing && mine.typed_ms > 0 && now - mine.typed_ms < TYPING_MS;
    mine.typed_ms = typing ? now : 0;
    if (on) return;
    mine.past.push(mine.text);
    if (mine.past.length > STEPS_MAX) mine.past.shift();
  };
  const change = (text: string, typing: boolean) => {
    if (text === mine.text) return;
    keep(typing);
    mine.text = text;
    mine.future = [];
    shown();
  };
  const step = (from: string[], to: string[]) => {
    const text = from.pop();
    if (text === undefined) return;
    to.push(mine.text);
    mine.text = text;
    mine.typed_ms = 0;
    shown();
  };
  return {
    text: mine.text,
    recipe: mine.recipe,
    can_undo: mine.past.length > 0,
    can_redo: mine.future.length > 0,
    type: (text) => change(text, true),
    change: (text, recipe) => {
      if (recipe !== undefined) mine.recipe = recipe;
      change(text, false);
      shown();
    },
    undo: () => step(mine.past, mine.future),
    redo: () => step(mine.future, mine.past),
  };
}
