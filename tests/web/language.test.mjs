// Language models on the pages: taken in by upload and from the box's own folder, what is wrong with
// a file, what it is and whether it fits, loaded and stopped, renamed, switched off, deleted; a tiny
// model that really tells something.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { hasStories, storiesGguf } from '../api/lib/gguf.mjs';
import { JOB_MS_MAX, axe_check, sentences } from './house.mjs';
import { Place } from './way.mjs';

// The same model that says it remembers texts of 16 million tokens in 100 layers: 400 GiB.
const greedy_gguf = () => storiesGguf([], { times: 20, context: 1 << 24 });

const options = { skip: hasStories ? false : 'no models/stories260K.bin in ../shared/data' };

for (const language of ['zh-CN', 'en']) {
  describe(`language models in ${language}`, { concurrency: 1, ...options }, () => {
    const t = sentences(language);
    let place, chief, who, reader, folder;
    // A button reached and pressed by keys alone.
    const press = async (visitor, key, values) => {
      const button = visitor.button(key, values);
      await button.waitFor();
      await button.focus();
      await visitor.page.keyboard.press('Enter');
    };
    const confirm = async (key) => {
      const dialog = who.page.getByRole('dialog');
      await dialog.waitFor();
      await axe_check(who.page, key);
      await dialog.getByRole('button', { name: t(key) }).focus();
      await who.page.keyboard.press('Enter');
    };
    const badge = (key) => who.page.locator('.page-title .badge', { hasText: t(key) })
      .waitFor({ timeout: JOB_MS_MAX });
    const upload = async (name, bytes) => {
      writeFileSync(join(folder, name), bytes);
      await who.go('/language-models/import');
      const chooser = who.page.waitForEvent('filechooser');
      await press(who, 'import.pick');
      await (await chooser).setFiles(join(folder, name));
      await who.see('import.state.complete');
      await axe_check(who.page, 'uploaded');
    };

    before(async () => {
      place = await Place.open(language);
      folder = join(place.folder, 'files');
      mkdirSync(folder);
      chief = await place.first();
      who = await place.join(chief, 'zhang.wei', '张伟', ['research']);
      reader = await place.join(chief, 'wang.fang', '王芳', ['data']);
    });
    after(() => place?.close());

    test('nothing is there yet: what a GGUF file is and where one comes from', async () => {
      await who.to('nav.language_models');
      await who.see('language.empty');
      await who.see('language.about.where');
      assert.equal(await who.page.getByRole('link', { name: t('language.import'), exact: true }).count(), 1);
      await reader.to('nav.language_models');
      await reader.see('language.empty_ask');
      assert.equal(await reader.page.getByRole('link', { name: t('language.import') }).count(), 0);
      reader.calm();
    });

    test('a file goes up, is read, and tells what it is and what it needs', async () => {
      await upload('stories.gguf', storiesGguf());
      assert.equal(await who.by_id('name').inputValue(), 'stories');
      await who.by_id('name').focus();
      await who.page.keyboard.press('Enter');
      await who.heading('stories');
      await badge('language.state.off');
      await who.page.getByText('llama', { exact: true }).waitFor();
      await who.page.getByText(/^(It fits|放得下)/).waitFor();
      await who.see('language.chats_not');
      await axe_check(who.page, 'a model');
      who.calm();
    });

    test('it is loaded by hand and stopped by hand', async () => {
      await press(who, 'language.serve');
      await badge('language.state.idle');
      await who.see('language.idle_text', { minutes: 10 });
      await axe_check(who.page, 'a loaded model');
      const answer = await who.page.evaluate(async () => (await fetch('/v1/completions', {
        method: 'POST', headers: { 'X-Courtyard': '1', 'Content-Type': 'application/json' },
        body: JSON.stringify({ model: 'stories', prompt: 'Once upon a time', temperature: 0, max_tokens: 8 }),
      })).json());
      assert.ok(answer.choices[0].text.startsWith(', there was'), JSON.stringify(answer));
      await reader.to('nav.language_models');
      await reader.page.getByRole('link', { name: 'stories' }).click();
      await reader.heading('stories');
      await reader.see('language.state.idle');
      for (const key of ['language.stop', 'language.rename', 'action.delete', 'language.turn_off']) {
        assert.equal(await reader.button(key).count(), 0, key);
      }
      reader.calm();
      await press(who, 'language.stop');
      await badge('language.state.off');
      who.calm();
    });

    test('another name, off and on', async () => {
      await press(who, 'language.rename');
      await who.by_id('dialog-input').fill('tales');
      await confirm('action.save');
      await who.heading('tales');
      await press(who, 'language.turn_off');
      await who.see('language.closed_notice');
      await axe_check(who.page, 'switched off');
      await press(who, 'language.turn_on');
      await who.button('language.serve').waitFor();
      who.calm();
    });

    test('the examples for programs run as they are copied', async () => {
      await who.to('nav.api_keys');
      const download = who.page.waitForEvent('download');
      await who.page.getByRole('link', { name: t('api_keys.certificate') }).click();
      await (await download).saveAs(join(folder, 'courtyard.pem'));
      const code = (label) => who.page.getByLabel(t(label), { exact: true }).innerText();
      const run = (file, words, env = {}) => execFileSync(file, words, {
        cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env.PATH, ...env },
      });
      assert.match(run('bash', ['-c', await code('api_keys.fingerprint')]), /=[0-9A-F]{2}(:[0-9A-F]{2}){31}\s*$/);
      await who.by_id('token_name').fill('ward');
      await who.by_id('token_name').press('Enter');
      await who.see('token.made', { name: 'ward' });
      await axe_check(who.page, 'a key');
      const env = { COURTYARD_TOKEN: await who.page.locator('.notice .code code').innerText() };
      const curl = await code('api.curl');
      assert.ok(curl.includes('"model": "tales"'), curl);
      const told = JSON.parse(run('bash', ['-c', curl], env)).choices[0].text;
      assert.ok(told.length > 0);
      assert.throws(() => run('bash', ['-c', curl.replace('--cacert courtyard.pem', '')], env)); // who is not told does not trust it
      await who.tab('api.javascript');
      writeFileSync(join(folder, 'example.mjs'), await code('api.javascript'));
      const words = { ...env, NODE_EXTRA_CA_CERTS: 'courtyard.pem' };
      assert.ok(run(process.execPath, ['example.mjs'], words).trim().length > 0);
      await who.tab('api.python');
      writeFileSync(join(folder, 'example.py'), await code('api.python'));
      run('python3', ['-c', 'compile(open("example.py").read(), "example.py", "exec")']);
      let has = true;
      try { run('python3', ['-c', 'import openai']); } catch { has = false; }
      if (has) assert.ok(run('python3', ['example.py'], env).trim().length > 0);
      who.calm();
    });

    test('who used it, in requests and tokens: mine, and everybody\'s for the officers', async () => {
      const counted = (visitor) => visitor.page.evaluate(async () => (await fetch('/api/v1/language-usage')).json());
      const cells = async (visitor, label) => visitor.page.getByRole('region', { name: t(label), exact: true })
        .locator('tbody tr').first().locator('th, td').allInnerTexts();
      const plain = (value) => value.toLocaleString(language);
      await who.to('nav.language_usage');
      await who.see('language_usage.mine');
      const mine = await counted(who);
      const { requests, prompt_tokens, cached_tokens, answer_tokens } = mine.total;
      assert.ok(requests >= 3 && answer_tokens > 0 && !mine.everybody);
      const sums = [requests, prompt_tokens, cached_tokens, answer_tokens, 0, 0].map(plain);
      assert.deepEqual(await cells(who, 'language_usage.models'), [mine.models[0].name, ...sums]);
      assert.equal(await who.page.getByRole('heading', { name: t('usage.people') }).count(), 0);
      await who.see('language_usage.by_month');
      const shown = who.page.locator('figure', { hasText: t('language_usage.by_day') });
      const marks = (await shown.locator('svg text').allTextContents()).map(Number).filter(Number.isFinite);
      assert.ok(Math.max(...marks) >= answer_tokens / 2 && marks.length > 4, `${marks}`); // the tokens are in the picture
      await shown.getByRole('button', { name: t('chart.as_table') }).click();
      assert.deepEqual((await cells(who, 'language_usage.by_day')).slice(1), sums);
      await axe_check(who.page, 'my use of language models');
      const download = who.page.waitForEvent('download');
      await who.page.getByRole('link', { name: t('usage.csv'), exact: true }).click();
      await (await download).saveAs(join(folder, 'usage.csv'));
      const lines = readFileSync(join(folder, 'usage.csv'), 'utf8').trim().split('\n');
      assert.ok(lines.length === 2 && lines[1].includes('zhang.wei'), lines.join('|'));
      await chief.to('nav.language_usage');
      await chief.see('language_usage.all');
      assert.deepEqual((await cells(chief, 'usage.people')).slice(2), sums);
      await axe_check(chief.page, 'everybody\'s use of language models');
      await chief.page.getByRole('region', { name: t('usage.departments'), exact: true }).getByRole('link').first().click();
      await chief.see('language_usage.by_month');
      await axe_check(chief.page, 'a department\'s use of language models');
      await reader.to('nav.language_usage');
      await reader.see('language_usage.none');
      await axe_check(reader.page, 'no use of language models');
      for (const one of [who, chief, reader]) one.calm();
    });

    test('a file on the box is taken in without an upload', async () => {
      await who.go('/language-models/import');
      await who.see('language.box_empty');
      writeFileSync(join(place.folder, 'data/incoming/from-stick.gguf'), greedy_gguf());
      await press(who, 'action.refresh');
      await who.page.getByRole('button', { name: t('language.choose_this', { name: 'from-stick.gguf' }) }).focus();
      await who.page.keyboard.press('Enter');
      assert.equal(await who.by_id('box-name').inputValue(), 'from-stick');
      await axe_check(who.page, 'a file on the box');
      await who.by_id('box-name').fill('tales');
      who.allowed.add(409);
      await press(who, 'language.take');
      await who.see('language.name_taken', { detail: 'tales' });
      await who.by_id('box-name').fill('greedy');
      await press(who, 'language.take');
      await who.heading('greedy');
      await badge('language.state.off');
      who.calm();
    });

    test('what does not fit says so, and what would help', async () => {
      await who.page.getByText(/^(It does not fit|放不下)/).waitFor();
      await who.page.locator('.notice', { hasText: 'Q4_K_M' }).waitFor();
      assert.equal(await who.button('language.serve').count(), 0);
      await axe_check(who.page, 'a model that does not fit');
      await who.to('nav.language_models');
      await who.page.locator('tr', { hasText: 'greedy' }).getByText(t('language.fits.not')).waitFor();
      who.calm();
    });

    test('a smaller copy is made on the box', async () => {
      await who.to('nav.language_models');
      await who.page.getByRole('link', { name: 'tales', exact: true }).click();
      await who.heading('tales');
      await who.page.locator('summary').press('Enter');
      await who.by_id('weights').selectOption('q8_0');
      assert.equal(await who.by_id('copy-name').inputValue(), 'tales-q8_0');
      await axe_check(who.page, 'a smaller copy');
      await who.by_id('copy-name').fill('little');
      await who.by_id('copy-name').press('Enter');
      await who.heading('little');
      await badge('language.state.off');
      await who.page.getByText('Q8_0', { exact: true }).waitFor();
      assert.equal(await who.page.locator('summary').count(), 0);
      who.calm();
    });

    test('what is no such file is refused with a sentence', async () => {
      await upload('broken.gguf', 'GGUF and then nothing of it');
      await press(who, 'language.take');
      await who.heading('broken');
      await badge('language.state.failed');
      await who.see('language.refused');
      await who.page.locator('.job-panel .notice-bad').waitFor();
      await axe_check(who.page, 'a refused file');
      who.calm();
    });

    test('deleted, after a question', async () => {
      await press(who, 'action.delete');
      await who.page.getByRole('dialog').waitFor();
      await who.page.keyboard.press('Escape');
      await who.heading('broken');
      await press(who, 'action.delete');
      await confirm('action.delete');
      await who.heading(t('nav.language_models'));
      await who.see('language.deleted', { name: 'broken' });
      await who.page.getByRole('link', { name: 'tales' }).waitFor();
      assert.equal(await who.page.getByRole('link', { name: 'broken' }).count(), 0);
      await axe_check(who.page, 'language models');
      who.calm();
    });

    test('the system officer sees all, takes in nothing', async () => {
      await chief.to('nav.language_models');
      await chief.page.getByRole('link', { name: 'tales' }).click();
      await chief.heading('tales');
      await chief.button('language.turn_off').waitFor();
      await axe_check(chief.page, 'a model for the system officer');
      chief.calm();
    });
  });
}
