// Cleansing: a recipe, checked while it is written, tried on the first rows, then run as a job.
import { useEffect, useRef, useState } from 'preact/hooks';
import { fault_of, is_gone, post, remove, request } from '../api';
import { ask } from '../components/dialog';
import { Button } from '../components/form';
import { JobPanel } from '../components/job';
import { Operators } from '../components/operators';
import { Card, ErrorBox, Notice } from '../components/page';
import { PreviewTable } from '../components/preview';
import { RecipeEditor } from '../components/recipe_editor';
import { useGet } from '../load';
import { t } from '../messages';
import { navigate } from '../router';
import { toast, toast_error } from '../state';
import type { Fault, Job, List, Preview, Recipe, RecipeCheck } from '../types';
import type { DatasetTab } from './dataset';

const FIRST = 'recipe 1\n';
const drafts = new Map<number, string>(); // dataset → text, while the page is open

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

function Saved({ text, load }: { text: string; load: (text: string) => void }) {
  const list = useGet<List<Recipe>>('/recipes?size=100');
  const [chosen, chosen_set] = useState('');
  const items = list.data?.items ?? [];
  const recipe = items.find((one) => String(one.id) === chosen);
  const save = async () => {
    const name = await ask({
      title: t('recipe.save_title'),
      text: t('recipe.save_text'),
      confirm: t('action.save'),
      input: { label: t('recipe.name'), required: true },
    });
    if (!name) return;
    try {
      await post('/recipes', { name, text });
      toast(t('recipe.saved', { name }));
      list.reload();
    } catch (error) {
      toast_error(error);
    }
  };
  const drop = async () => {
    if (!recipe) return;
    const sure = await ask({
      title: t('recipe.delete_title', { name: recipe.name }),
      text: t('recipe.delete_text'),
      confirm: t('action.delete'),
      danger: true,
    });
    if (sure === null) return;
    try {
      await remove(`/recipes/${recipe.id}`);
      chosen_set('');
      list.reload();
      toast(t('recipe.deleted', { name: recipe.name }), 'plain', {
        text: t('action.undo'),
        act: () =>
          void post('/recipes', { name: recipe.name, text: recipe.text }).then(
            list.reload,
            toast_error,
          ),
      });
    } catch (error) {
      toast_error(error);
    }
  };
  return (
    <div class="saved">
      <select
        aria-label={t('recipe.saved_list')}
        value={chosen}
        onChange={(event) => chosen_set(event.currentTarget.value)}
      >
        <option value="">{t(items.length ? 'recipe.choose' : 'recipe.none_saved')}</option>
        {items.map((one) => (
          <option key={one.id} value={String(one.id)}>
            {one.name}
          </option>
        ))}
      </select>
      <Button disabled={!recipe} onClick={() => recipe && load(recipe.text)}>
        {t('recipe.load')}
      </Button>
      <Button disabled={!recipe} kind="quiet" onClick={() => void drop()}>
        {t('action.delete')}
      </Button>
      <Button kind="quiet" onClick={() => void save()}>
        {t('recipe.save')}
      </Button>
    </div>
  );
}

function useDraft(dataset: number): [string, (text: string) => void, (text: string) => void] {
  const [text, text_set] = useState(drafts.get(dataset) ?? FIRST);
  const undo = useRef<string | null>(null);
  const set = (next: string) => {
    drafts.set(dataset, next);
    text_set(next);
  };
  // A whole new text can be undone, for it replaces what was written.
  const replace = (next: string) => {
    undo.current = text;
    set(next);
    if (text.trim() && text !== FIRST && text !== next) {
      toast(t('recipe.replaced'), 'plain', {
        text: t('action.undo'),
        act: () => undo.current !== null && set(undo.current),
      });
    }
  };
  return [text, set, replace];
}

export function CleanseTab({ dataset, revision, reload }: DatasetTab) {
  const [text, text_set, replace] = useDraft(dataset.id);
  const { ok, faults } = useRecipeCheck(text, dataset.id, revision.number);
  const [preview, preview_set] = useState<Preview | null>(null);
  const [error, error_set] = useState<unknown>(null);
  const [busy, busy_set] = useState('');
  const [job, job_set] = useState<number | null>(null);
  const about = { revision: revision.number, recipe: text };
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
  const propose = () =>
    act('propose', async () => {
      replace(
        (
          await post<{ text: string }>('/recipes/propose', {
            dataset: dataset.id,
            revision: revision.number,
          })
        ).text,
      );
    });
  const show = () =>
    act('preview', async () => {
      preview_set(await post<Preview>(`/datasets/${dataset.id}/preview`, { ...about, rows: 20 }));
    });
  const run = () =>
    act('run', async () => {
      job_set((await post<Job>(`/datasets/${dataset.id}/cleanse`, about)).id);
    });
  const ended = (one: Job) => {
    reload();
    if (one.state !== 'done') return;
    drafts.delete(dataset.id);
    const number = Number(one.summary?.['revision']) || 0;
    toast(t('cleanse.done'));
    navigate(`/datasets/${dataset.id}/report${number ? `?revision=${number}` : ''}`);
  };
  return (
    <>
      {job && (
        <Card title={t('cleanse.job')}>
          <JobPanel id={job} ended={ended} />
        </Card>
      )}
      <div class="split split-wide">
        <Card
          title={t('cleanse.recipe')}
          actions={
            <Button busy={busy === 'propose'} onClick={() => void propose()}>
              {t('cleanse.propose')}
            </Button>
          }
        >
          <Saved text={text} load={replace} />
          <RecipeEditor text={text} change={text_set} faults={faults} ok={ok} />
          {error !== null && <ErrorBox error={error} />}
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
          <p class="hint">{t('cleanse.run_hint', { revision: dataset.revision + 1 })}</p>
        </Card>
        <Card title={t('cleanse.operators')}>
          <Operators insert={(line) => text_set(`${text.replace(/\n*$/, '\n')}${line}\n`)} />
        </Card>
      </div>
      {preview ? (
        <Card title={t('cleanse.preview_title')}>
          <Notice tone="warn" title={t('reveal.on')} />
          <PreviewTable preview={preview} />
        </Card>
      ) : (
        <p class="hint">{t('cleanse.preview_hint')}</p>
      )}
    </>
  );
}
