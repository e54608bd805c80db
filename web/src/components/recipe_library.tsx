// Recipes that are kept: one's own and those that colleagues share, their versions, files.
import { useEffect, useRef, useState } from 'preact/hooks';
import { patch, post, remove } from '../api';
import type { DraftHandle } from '../draft';
import { hash_short, time } from '../format';
import { useGet, type Loaded } from '../load';
import { t } from '../messages';
import { person, toast, toast_error } from '../state';
import type { List, Recipe } from '../types';
import { ask } from './dialog';
import { Button } from './form';
import { Badge } from './page';
import { Table } from './table';

const FILE_BYTES_MAX = 256 * 1024;

export function save_file(name: string, text: string, type = 'text/plain'): void {
  const url = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

function is_mine(recipe: Recipe): boolean {
  return recipe.actor === person.value?.name;
}

async function save_as(draft: DraftHandle, list: Loaded<List<Recipe>>): Promise<void> {
  const name = await ask({
    title: t('recipe.save_title'),
    text: t('recipe.save_text'),
    confirm: t('action.save'),
    input: { label: t('recipe.name'), required: true },
  });
  if (!name) return;
  try {
    const made = await post<Recipe>('/recipes', { name, text: draft.text });
    draft.change(draft.text, made.id);
    toast(t('recipe.saved', { name }));
    list.reload();
  } catch (error) {
    toast_error(error);
  }
}

async function save_version(
  recipe: Recipe,
  draft: DraftHandle,
  list: Loaded<List<Recipe>>,
): Promise<void> {
  try {
    const made = await post<Recipe>('/recipes', { previous: recipe.id, text: draft.text });
    draft.change(draft.text, made.id);
    toast(t('recipe.version_saved', { name: made.name, version: made.version }));
    list.reload();
  } catch (error) {
    toast_error(error);
  }
}

async function share(recipe: Recipe, list: Loaded<List<Recipe>>): Promise<void> {
  const shared = recipe.visibility === 'everybody';
  try {
    await patch(`/recipes/${recipe.id}`, { visibility: shared ? 'mine' : 'everybody' });
    toast(t(shared ? 'recipe.unshared' : 'recipe.shared', { name: recipe.name }));
    list.reload();
  } catch (error) {
    toast_error(error);
  }
}

async function drop(recipe: Recipe, draft: DraftHandle, list: Loaded<List<Recipe>>) {
  const sure = await ask({
    title: t('recipe.delete_title', { name: recipe.name }),
    text: t('recipe.delete_text'),
    confirm: t('action.delete'),
    danger: true,
  });
  if (sure === null) return;
  try {
    await remove(`/recipes/${recipe.id}`);
    if (draft.recipe === recipe.id) draft.change(draft.text, 0);
    list.reload();
    const { name, text, visibility } = recipe;
    toast(t('recipe.deleted', { name }), 'plain', {
      text: t('action.undo'),
      act: () => void post('/recipes', { name, text, visibility }).then(list.reload, toast_error),
    });
  } catch (error) {
    toast_error(error);
  }
}

function Versions({ recipe, load }: { recipe: Recipe; load: (recipe: Recipe) => void }) {
  const list = useGet<Recipe[]>(`/recipes/${recipe.id}/versions`);
  if (!list.data) return null;
  return (
    <Table label={t('recipe.versions_of', { name: recipe.name })} dense>
      <thead>
        <tr>
          <th class="number">{t('recipe.version')}</th>
          <th>{t('recipe.saved_by')}</th>
          <th>{t('recipe.hash')}</th>
          <th>
            <span class="hidden-text">{t('recipe.load')}</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {list.data.map((one) => (
          <tr key={one.id}>
            <th scope="row" class="number">
              {one.version}
            </th>
            <td>
              {one.actor} · {time(one.changed_ms)}
            </td>
            <td>
              <code title={one.hash}>{hash_short(one.hash)}</code>
            </td>
            <td>
              <Button kind="quiet" onClick={() => load(one)}>
                {t('recipe.load_version', { version: one.version })}
              </Button>
            </td>
          </tr>
        ))}
      </tbody>
    </Table>
  );
}

function Chosen({
  recipe,
  draft,
  list,
}: {
  recipe: Recipe;
  draft: DraftHandle;
  list: Loaded<List<Recipe>>;
}) {
  const [versions, versions_set] = useState(false);
  const mine = is_mine(recipe);
  const shared = recipe.visibility === 'everybody';
  return (
    <div class="chosen">
      <p class="muted small">
        {t('recipe.about', { version: recipe.version, actor: recipe.actor })}{' '}
        <Badge tone={shared ? 'accent' : 'plain'}>
          {t(shared ? 'recipe.visible_everybody' : 'recipe.visible_mine')}
        </Badge>
      </p>
      <div class="actions">
        <Button onClick={() => draft.change(recipe.text, mine ? recipe.id : 0)}>
          {t('recipe.load')}
        </Button>
        {mine && (
          <Button kind="quiet" icon="share" onClick={() => void share(recipe, list)}>
            {t(shared ? 'recipe.unshare' : 'recipe.share')}
          </Button>
        )}
        {recipe.version > 1 && (
          <Button kind="quiet" aria-expanded={versions} onClick={() => versions_set(!versions)}>
            {t('recipe.versions', { versions: recipe.version })}
          </Button>
        )}
        {mine && (
          <Button kind="quiet" icon="bin" onClick={() => void drop(recipe, draft, list)}>
            {t('action.delete')}
          </Button>
        )}
      </div>
      {versions && (
        <Versions recipe={recipe} load={(one) => draft.change(one.text, mine ? recipe.id : 0)} />
      )}
    </div>
  );
}

function Files({ draft, name }: { draft: DraftHandle; name: string }) {
  const input = useRef<HTMLInputElement>(null);
  const take = async (file: File | undefined) => {
    if (!file) return;
    if (file.size > FILE_BYTES_MAX) return toast(t('recipe.file_too_large'), 'bad');
    draft.change((await file.text()).replace(/^﻿/, '').replace(/\r\n/g, '\n'), 0);
    return toast(t('recipe.imported', { name: file.name }));
  };
  return (
    <>
      <input
        type="file"
        hidden
        accept=".recipe,.txt,text/plain"
        ref={input}
        onChange={(event) => {
          void take(event.currentTarget.files?.[0]);
          event.currentTarget.value = '';
        }}
      />
      <Button kind="quiet" icon="import" onClick={() => input.current?.click()}>
        {t('recipe.import')}
      </Button>
      <Button
        kind="quiet"
        icon="download"
        onClick={() => save_file(`${name.replace(/[\\/:*?"<>|]/g, '_')}.recipe`, draft.text)}
      >
        {t('recipe.export')}
      </Button>
    </>
  );
}

export function RecipeLibrary({ draft, name }: { draft: DraftHandle; name: string }) {
  const list = useGet<List<Recipe>>('/recipes?size=200');
  const [wanted, wanted_set] = useState('');
  const items = list.data?.items ?? [];
  // A version saved meanwhile takes the place of the one that was chosen.
  const recipe =
    items.find((one) => String(one.id) === wanted) ??
    items.find((one) => one.previous !== null && String(one.previous) === wanted);
  const chosen = recipe ? String(recipe.id) : wanted;
  useEffect(() => wanted_set(chosen), [chosen]);
  const own = items.find((one) => one.id === draft.recipe && is_mine(one));
  return (
    <div class="library">
      <div class="saved">
        <select
          aria-label={t('recipe.saved_list')}
          value={chosen}
          onChange={(event) => wanted_set(event.currentTarget.value)}
        >
          <option value="">{t(items.length ? 'recipe.choose' : 'recipe.none_saved')}</option>
          {items.map((one) => (
            <option key={one.id} value={String(one.id)}>
              {is_mine(one) ? one.name : t('recipe.of', { name: one.name, actor: one.actor })}
            </option>
          ))}
        </select>
        {own && (
          <Button onClick={() => void save_version(own, draft, list)}>
            {t('recipe.save_version', { name: own.name, version: own.version + 1 })}
          </Button>
        )}
        <Button kind="quiet" onClick={() => void save_as(draft, list)}>
          {t('recipe.save')}
        </Button>
        <Files draft={draft} name={name} />
      </div>
      {recipe && <Chosen key={recipe.id} recipe={recipe} draft={draft} list={list} />}
    </div>
  );
}
