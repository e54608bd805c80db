// Cleansing: a recipe is proposed for a purpose, written as text or by forms, checked while it is
// written, tried on the first rows, weighed by the risk that remains, then run as a job.
import { useEffect, useMemo, useState } from 'preact/hooks';
import { fault_of, get, is_gone, post, request } from '../api';
import { Button, type FieldError } from '../components/form';
import { JobPanel } from '../components/job';
import { LineForm } from '../components/line_form';
import { OperatorPalette } from '../components/operators';
import { Card, ErrorBox, Notice, Shown } from '../components/page';
import { PreviewTable } from '../components/preview';
import { RecipeEditor } from '../components/recipe_editor';
import { RecipeLibrary } from '../components/recipe_library';
import { RiskPanel, type Choice } from '../components/risk';
import { WHEN_NONE, WhenFields, when_body, when_errors, type When } from '../components/when';
import { WhatIfLine } from '../components/what_if';
import { default_line } from '../default_line';
import { FIRST, draft_forget, useDraft, type DraftHandle } from '../draft';
import { useGet } from '../load';
import { t, t_or } from '../messages';
import { navigate, query_set, query_text } from '../router';
import {
  line_insert,
  line_read,
  line_replace,
  line_write,
  operator_line,
  option_set,
  type Line,
} from '../recipe';
import { toast } from '../state';
import type { Fault, Job, Lineage, Operator, Preset, Preview, RecipeCheck } from '../types';
import type { DatasetTab } from './dataset';

const PREVIEW_ROWS = 100;

// Asks the server about the text once typing rests.
function useRecipeCheck(text: string, dataset: number, revision: number) {
  const [state, state_set] = useState<{ ok: boolean | null; faults: Fault[] }>({
    ok: null,
    faults: [],
  });
  useEffect(() => {
    const abort = new AbortController();
    state_set((old) => ({ ok: null, faults: old.faults }));
    const timer = setTimeout(() => {
      request<RecipeCheck>(
        'POST',
        '/recipes/check',
        { text, dataset, revision },
        abort.signal,
      ).then(
        (answer) => state_set({ ok: answer.ok, faults: answer.errors ?? [] }),
        (error: unknown) => {
          if (!is_gone(error)) state_set({ ok: false, faults: [fault_of(error)] });
        },
      );
    }, 350);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [text, dataset, revision]);
  return state;
}

// A whole new text takes the place of what was written; that can be undone.
function replace(draft: DraftHandle, text: string, recipe = 0): void {
  const before = draft.text;
  draft.change(text, recipe);
  if (before.trim() && before !== FIRST && before !== text) {
    toast(t('recipe.replaced'), 'plain');
  }
}

// "?from=3.2": the recipe that made revision 2 of dataset 3; "?from=step.7": that of a step of the
// lineage. It is put into the editor, and nothing runs by itself.
async function recipe_of(from: string): Promise<string> {
  const step = /^step\.(\d+)$/.exec(from);
  if (step) {
    const recipe = (await get<Lineage>(`/lineage/${step[1]}`)).options?.['recipe'];
    if (typeof recipe === 'string') return recipe;
  }
  const [dataset, revision] = from.split('.').map(Number);
  return (await get<{ text: string }>(`/datasets/${dataset}/revisions/${revision}/recipe`)).text;
}

function useReplay(draft: DraftHandle): unknown {
  const from = query_text('from');
  const [error, error_set] = useState<unknown>(null);
  useEffect(() => {
    if (!/^(\d+|step)\.\d+$/.test(from)) return;
    recipe_of(from).then(
      (text) => {
        replace(draft, text);
        query_set({ from: null }, true);
        toast(t('recipe.replayed'));
      },
      (failure: unknown) => error_set(failure),
    );
  }, [from]);
  return error;
}

function Purposes({ tab, draft }: { tab: DatasetTab; draft: DraftHandle }) {
  const list = useGet<Preset[]>('/recipes/presets');
  const [chosen, chosen_set] = useState('clinical');
  const [busy, busy_set] = useState(false);
  const [error, error_set] = useState<unknown>(null);
  const propose = async () => {
    if (busy) return;
    busy_set(true);
    error_set(null);
    try {
      const { text } = await post<{ text: string }>('/recipes/propose', {
        dataset: tab.dataset.id,
        revision: tab.revision.number,
        preset: chosen,
      });
      replace(draft, text);
    } catch (failure) {
      error_set(failure);
    }
    busy_set(false);
  };
  return (
    <Card title={t('cleanse.purpose')}>
      <Shown from={list} lines={2}>
        {(presets) => (
          <fieldset class="purposes">
            <legend>{t('cleanse.purpose_about')}</legend>
            {presets.map((preset) => (
              <div class={preset.name === chosen ? 'purpose on' : 'purpose'} key={preset.name}>
                <input
                  type="radio"
                  name="preset"
                  id={`preset-${preset.name}`}
                  checked={preset.name === chosen}
                  aria-describedby={`preset-${preset.name}-hint`}
                  onChange={() => chosen_set(preset.name)}
                />
                <label for={`preset-${preset.name}`}>{t_or(preset.text_key, preset.name)}</label>
                <p class="hint" id={`preset-${preset.name}-hint`}>
                  {t_or(preset.hint_key, '')}
                </p>
              </div>
            ))}
          </fieldset>
        )}
      </Shown>
      {error !== null && <ErrorBox error={error} />}
      <div class="actions">
        <Button kind="primary" busy={busy} onClick={() => void propose()}>
          {t('cleanse.propose')}
        </Button>
        {!tab.revision.profile && <span class="muted">{t('cleanse.needs_check')}</span>}
      </div>
    </Card>
  );
}

// Roles and the line of k-anonymity as the risk panel has them; lines that are there are changed.
function kanon_into(text: string, choice: Choice): [string, number] {
  const set = (name: string, make: (line: Line) => Line, after: number | null): number => {
    const at = operator_line(text, name);
    const old = at < 0 ? null : line_read(text.split('\n')[at]!);
    const line = line_write(make(old ?? { name, words: [], comment: '' }));
    if (at >= 0) {
      text = line_replace(text, at, line);
      return at;
    }
    const [next, index] = line_insert(text, line, after);
    text = next;
    return index;
  };
  set(
    'field',
    (line) =>
      option_set(option_set(line, 'quasi', '=', choice.quasi), 'sensitive', '=', choice.sensitive),
    0,
  );
  const at = set(
    'kanon',
    (line) => {
      const told = new Set(Object.keys(choice.rules));
      const words = line.words.filter((word) => word.sign !== ':' || !told.has(word.heads[0]!));
      const rules = Object.entries(choice.rules).map(([name, rule]) => ({
        heads: [name],
        sign: ':' as const,
        values: [rule.replace(/,/g, '|')],
      }));
      const next = option_set({ ...line, words: [...words, ...rules] }, 'k', '=', [
        String(choice.k),
      ]);
      return next.words.some((word) => word.heads[0] === 'suppress')
        ? next
        : option_set(next, 'suppress', '<=', ['.02']);
    },
    null,
  );
  return [text, at];
}

interface Written {
  draft: DraftHandle;
  line: number;
  line_set: (index: number) => void;
}

function Writing({
  tab,
  operators,
  written,
  faults,
  ok,
}: {
  tab: DatasetTab;
  operators: Operator[];
  written: Written;
  faults: Fault[];
  ok: boolean | null;
}) {
  const { draft, line, line_set } = written;
  const lines = draft.text.split('\n');
  const move = (by: -1 | 1) => {
    const other = line + by;
    if (other < 1 || other >= lines.length || line < 1) return;
    const next = [...lines];
    [next[line], next[other]] = [next[other]!, next[line]!];
    draft.change(next.join('\n'));
    line_set(other);
  };
  return (
    <>
      <div class="actions">
        <Button kind="quiet" icon="undo" disabled={!draft.can_undo} onClick={draft.undo}>
          {t('action.undo')}
        </Button>
        <Button kind="quiet" icon="redo" disabled={!draft.can_redo} onClick={draft.redo}>
          {t('action.redo')}
        </Button>
      </div>
      <RecipeEditor draft={draft} faults={faults} ok={ok} line={line} line_set={line_set} />
      <LineForm
        number={line + 1}
        text={lines[line] ?? ''}
        operators={operators}
        columns={tab.revision.columns.map((column) => column.name)}
        change={(text) => draft.change(line_replace(draft.text, line, text))}
        move={move}
        drop={() => draft.change(line_replace(draft.text, line, null))}
      />
    </>
  );
}

function Trial({ preview, stale }: { preview: Preview | null; stale: boolean }) {
  if (!preview) return <p class="hint">{t('cleanse.preview_hint')}</p>;
  return (
    <Card title={t('cleanse.preview_title')} id="preview">
      <Notice tone="warn" title={t('reveal.on')} />
      {stale && <Notice title={t('preview.stale')} />}
      <PreviewTable preview={preview} />
    </Card>
  );
}

export function CleanseTab(tab: DatasetTab) {
  const { dataset, revision, reload } = tab;
  const draft = useDraft(dataset.id);
  const { ok, faults } = useRecipeCheck(draft.text, dataset.id, revision.number);
  const operators = useGet<Operator[]>('/recipes/operators');
  const [line, line_set] = useState(0);
  const [preview, preview_set] = useState<{ of: string; data: Preview } | null>(null);
  const [error, error_set] = useState<unknown>(null);
  const [busy, busy_set] = useState('');
  const [job, job_set] = useState<number | null>(null);
  const [when, when_set] = useState<When>(WHEN_NONE);
  const [wrong, wrong_set] = useState<FieldError[]>([]);
  const replay_error = useReplay(draft);
  const about = { revision: revision.number, recipe: draft.text };
  const written = useMemo(() => ({ draft, line, line_set }), [draft, line]);
  const act = async (name: string, work: () => Promise<void>) => {
    if (busy) return;
    busy_set(name);
    error_set(null);
    try {
      await work();
    } catch (failure) {
      error_set(failure);
    }
    busy_set('');
  };
  const show = () =>
    act('preview', async () => {
      const body = { ...about, rows: PREVIEW_ROWS };
      preview_set({
        of: about.recipe,
        data: await post<Preview>(`/datasets/${dataset.id}/preview`, body),
      });
    });
  const run = () =>
    act('run', async () => {
      const told = when_errors(when);
      wrong_set(told);
      if (told.length) return;
      const body = { ...about, ...when_body(when) };
      job_set((await post<Job>(`/datasets/${dataset.id}/cleanse`, body)).id);
    });
  const ended = (one: Job) => {
    reload();
    if (one.state !== 'done') return;
    draft_forget(dataset.id);
    toast(t('cleanse.done'));
    navigate(`/datasets/${dataset.id}/report`); // of the newest revision
  };
  const put = ([text, at]: [string, number]) => {
    draft.change(text);
    line_set(at);
  };
  const shown_error = error ?? replay_error;
  return (
    <>
      {job && (
        <Card title={t('cleanse.job')}>
          <JobPanel id={job} ended={ended} />
        </Card>
      )}
      <Purposes tab={tab} draft={draft} />
      <div class="split split-wide">
        <Card title={t('cleanse.recipe')}>
          <RecipeLibrary draft={draft} name={dataset.name} />
          <Writing
            tab={tab}
            operators={operators.data ?? []}
            written={written}
            faults={faults}
            ok={ok}
          />
          <WhenFields when={when} change={when_set} errors={wrong} />
          {shown_error !== null && <ErrorBox error={shown_error} />}
          <div class="actions">
            <Button
              icon="eye"
              busy={busy === 'preview'}
              disabled={ok !== true}
              onClick={() => void show()}
            >
              {t('cleanse.preview')}
            </Button>
            <Button
              kind="primary"
              icon="play"
              busy={busy === 'run'}
              disabled={ok !== true || dataset.deleted}
              onClick={() => void run()}
            >
              {t('cleanse.run')}
            </Button>
          </div>
          <WhatIfLine
            body={
              dataset.deleted || when_errors(when).length
                ? null
                : {
                    step: 'cleanse',
                    dataset: dataset.id,
                    revision: revision.number,
                    ...when_body(when),
                  }
            }
          />
          <p class="hint">{t('cleanse.run_hint', { revision: dataset.revision + 1 })}</p>
        </Card>
        <Card title={t('cleanse.operators')}>
          <Shown from={operators} lines={4}>
            {(list) => (
              <OperatorPalette
                operators={list}
                insert={(operator) =>
                  put(
                    line_insert(
                      draft.text,
                      default_line(operator, revision.columns),
                      line > 0 ? line : null,
                    ),
                  )
                }
              />
            )}
          </Shown>
        </Card>
      </div>
      <Trial
        preview={preview?.data ?? null}
        stale={preview !== null && preview.of !== draft.text}
      />
      {operators.data?.some((one) => one.name === 'kanon') && (
        <RiskPanel
          dataset={dataset.id}
          revision={revision.number}
          columns={revision.columns}
          choose={(choice) => {
            put(kanon_into(draft.text, choice));
            toast(t('risk.used', { k: choice.k }));
          }}
        />
      )}
    </>
  );
}
