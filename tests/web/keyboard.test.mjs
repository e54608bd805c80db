// A run without a mouse: every control is reached by Tab, used by keys, and shows where the focus is.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { browser_open, hospital_file, house_open, page_open, sentences, JOB_MS_MAX } from './house.mjs';
import { PASSWORD, Visitor } from './way.mjs';

const TABS_MAX = 120;

describe('keyboard only', { concurrency: 1 }, () => {
  const t = sentences('zh-CN');
  let house, browser, who;

  const focused = () => who.page.evaluate(() => {
    const on = document.activeElement;
    const label = on.labels?.[0]?.textContent ?? '';
    return {
      text: (on.getAttribute('aria-label') ?? (label || on.textContent || '')).trim(),
      id: on.id, tag: on.tagName,
    };
  });
  // Goes on by Tab until `fits`; fails when the whole page was passed.
  const tab_to = async (fits, what) => {
    for (let i = 0; i < TABS_MAX; i++) {
      await who.page.keyboard.press('Tab');
      const on = await focused();
      if (fits(on)) {
        const outlined = await who.page.evaluate(() => {
          const style = getComputedStyle(document.activeElement);
          return style.outlineStyle !== 'none' || style.boxShadow !== 'none'
            || getComputedStyle(document.activeElement.closest('.recipe-box') ?? document.body)
              .boxShadow !== 'none';
        });
        assert.ok(outlined, `${what} shows no focus`);
        return;
      }
    }
    assert.fail(`Tab never reached ${what}`);
  };
  const to_text = (key, values) => tab_to((on) => on.text === t(key, values), key);
  const to_id = (id) => tab_to((on) => on.id === id, id);
  const type = async (id, text) => {
    await to_id(id);
    await who.page.keyboard.type(text);
  };
  const press = (key) => who.page.keyboard.press(key);

  before(async () => {
    house = await house_open();
    browser = await browser_open();
    who = new Visitor(await page_open(browser, house, 'zh-CN'), house, t);
  });
  after(async () => {
    await browser?.close();
    await house?.close();
  });

  test('set up and make a person', async () => {
    await who.page.goto(house.origin);
    await who.heading(t('setup.title'));
    await type('code', house.code);
    await type('name', 'li.na');
    await type('password', PASSWORD);
    await type('again', PASSWORD);
    await press('Enter');
    await who.heading(t('home.title', { name: 'li.na' }));
    await to_text('nav.people');
    await press('Enter');
    await who.heading(t('nav.people'));
    const on = await who.page.evaluate(() => document.activeElement.tagName);
    assert.equal(on, 'H1', 'the focus goes to the heading');
    await type('name', 'zhang.wei');
    await press('Enter');
    await who.see('people.one_time', { name: 'zhang.wei' });
  });

  test('grant a role; Escape closes a question and gives the focus back', async () => {
    const password = await who.page.locator('.notice .code code').innerText();
    await who.page.evaluate(() => document.querySelector('h1').focus());
    await to_text('people.roles_of', { name: 'zhang.wei' });
    await press('Enter');
    await to_id('role-data');
    await press('Space');
    await to_text('action.save');
    await press('Enter');
    await who.see('people.roles_saved', { name: 'zhang.wei' });
    await tab_to((on) => on.text === `${t('people.disable')} zhang.wei`, 'disable');
    await press('Enter');
    await who.page.getByRole('dialog').waitFor();
    await press('Tab');
    await press('Tab');
    await press('Tab');
    assert.ok(await who.page.evaluate(() => !!document.activeElement.closest('[role=dialog]')),
      'Tab stays in the question');
    await press('Escape');
    await who.page.getByRole('dialog').waitFor({ state: 'detached' });
    assert.equal((await focused()).text, `${t('people.disable')} zhang.wei`);
    await to_text('nav.sign_out');
    await press('Enter');
    await who.heading(t('signin.title'));
    await type('name', 'zhang.wei');
    await type('password', password);
    await press('Enter');
    await who.heading(t('password.forced'));
    await type('old', password);
    await type('password', PASSWORD);
    await type('again', PASSWORD);
    await press('Enter');
    await who.page.getByRole('navigation', { name: t('nav.label') }).waitFor();
  });

  test('skip link, import, cleanse', async () => {
    await who.page.goto(`${house.origin}/import`);
    await who.heading(t('import.title'));
    await press('Tab');
    assert.equal((await focused()).text, t('app.skip'));
    await press('Enter');
    assert.equal((await focused()).id, 'main');
    await to_text('import.pick');
    const chooser = who.page.waitForEvent('filechooser');
    await press('Enter');
    await (await chooser).setFiles(hospital_file(house.folder));
    await who.see('import.state.complete');
    await to_text('import.continue');
    await press('Enter');
    await who.page.locator('#encoding').waitFor();
    await to_text('look.import');
    await press('Enter');
    await who.page.locator('.badge-good').first().waitFor({ timeout: JOB_MS_MAX });
    await to_text('dataset.tab.cleanse');
    await press('Enter');
    await to_id('recipe');
    await press('Control+End');
    await who.page.keyboard.type('\nmsk 手机 how=mask');
    const line = who.page.locator('.recipe-state button.link');
    await line.waitFor();
    await to_text('recipe.line', { row: 3 });
    await press('Enter');
    assert.equal((await focused()).id, 'recipe', 'the error leads to its line');
    await who.page.keyboard.type('mask 手机 how=mask');
    await who.see('recipe.good');
    who.calm();
  });

  test('purpose, form of a line, undo, preview, run, report', async () => {
    await who.page.evaluate(() => document.querySelector('h1').focus());
    await to_id('preset-clinical');
    await press('ArrowDown');
    await press('ArrowUp');
    await to_text('cleanse.propose');
    await press('Enter');
    await who.page.waitForFunction(() => /pseudonym/.test(document.getElementById('recipe').value));
    await to_id('recipe');
    await press('Control+Home');
    const lines = (await who.by_id('recipe').inputValue()).split('\n');
    const at = lines.findIndex((line) => /^mask .*how=pseudonym/.test(line));
    for (let i = 0; i < at; i++) await press('ArrowDown');
    await to_id('line-bare');
    await press('Enter');
    await to_id('line-how');
    await press('ArrowUp');
    await who.page.waitForFunction(() => /how=mask/.test(document.getElementById('recipe').value));
    await to_id('recipe');
    await press('Control+z');
    await who.page.waitForFunction(() => !/how=mask/.test(document.getElementById('recipe').value));
    await who.see('recipe.good');
    await to_text('cleanse.preview');
    await press('Enter');
    await who.page.locator('.preview .changed').first().waitFor();
    await to_id('only-changed');
    await press('Space');
    await who.page.evaluate(() => document.querySelector('h1').focus());
    await to_text('cleanse.run');
    await press('Enter');
    await who.page.getByText(t('report.personal')).first().waitFor({ timeout: JOB_MS_MAX });
    who.calm();
  });

  const from_top = () => who.page.evaluate(() => document.querySelector('h1').focus());
  const recipe_is = (pattern) => who.page.waitForFunction((source) =>
    new RegExp(source, 'm').test(document.getElementById('recipe').value), pattern);

  test('recipe library: keep, choose, share, look at versions, delete', async () => {
    await who.page.goto(`${house.origin}/datasets/1/cleanse`);
    await who.by_id('recipe').waitFor();
    await to_id('recipe');
    await press('Control+a');
    await who.page.keyboard.type('recipe 1\ndecode auto');
    await who.see('recipe.good');
    await from_top();
    await to_text('recipe.save');
    await press('Enter');
    await who.by_id('dialog-input').waitFor();
    assert.equal((await focused()).id, 'dialog-input', 'the question takes the focus');
    await who.page.keyboard.type('每月');
    await to_text('action.save');
    await press('Enter');
    await who.see('recipe.saved', { name: '每月' });
    await to_id('recipe');
    await press('Control+End');
    await who.page.keyboard.type('\ndedup exact');
    await who.see('recipe.good');
    await from_top();
    await to_text('recipe.save_version', { name: '每月', version: 2 });
    await press('Enter');
    await who.see('recipe.version_saved', { name: '每月', version: 2 });
    await from_top();
    await to_text('recipe.saved_list');
    await press('ArrowDown');
    await to_text('recipe.share');
    await press('Enter');
    await who.see('recipe.shared', { name: '每月' });
    await to_text('recipe.versions', { versions: 2 });
    await press('Enter');
    await to_text('recipe.load_version', { version: 1 });
    await press('Enter');
    await who.page.waitForFunction(() => !/dedup/.test(document.getElementById('recipe').value));
    await from_top();
    await to_text('recipe.load');
    await press('Enter');
    await recipe_is('^dedup exact$');
    await to_text('action.delete');
    await press('Enter');
    const question = who.page.getByRole('dialog');
    await question.waitFor();
    await press('Escape');
    await question.waitFor({ state: 'detached' });
    assert.equal((await focused()).text, t('action.delete'), 'the focus comes back');
    who.calm();
  });

  test('risk panel: tick columns, a hierarchy, a k', async () => {
    await from_top();
    await to_id('risk-quasi');
    await press('Enter');
    const ticked = who.page.locator('#risk .picker[open] input:checked');
    for (const name of ['性别', '年龄']) {
      await tab_to((on) => on.text === name, name);
      const on = await who.page.evaluate(() => document.activeElement.checked);
      if (!on) await press('Space');
    }
    assert.ok(await ticked.count() >= 2);
    await who.page.locator('#risk .notice-title').waitFor();
    await who.page.waitForFunction(() => document.querySelector('.risk-busy') === null);
    await from_top();
    await tab_to((on) => on.text === t('risk.use_k', { k: 5 }), 'use k 5');
    await press('Enter');
    await recipe_is('^kanon .*k=5');
    await who.page.waitForFunction(() => document.querySelector('.hierarchy summary'));
    await who.page.evaluate(() => document.querySelector('#risk').focus());
    await tab_to((on) => /年龄/.test(on.text) && on.tag === 'SUMMARY', 'hierarchy of 年龄');
    await press('Enter');
    await to_id('hierarchy-年龄-steps');
    await press('Control+a');
    await who.page.keyboard.type('10,20');
    await press('Tab');
    await who.page.waitForFunction(() => document.querySelector('.risk-busy') === null);
    assert.equal(await who.by_id('hierarchy-年龄-steps').inputValue(), '10,20');
    who.calm();
  });

  test('keys: a value is opened, a key destroyed', async () => {
    await from_top();
    await to_id('recipe');
    await press('Control+a');
    await who.page.keyboard.type('recipe 1\nmask 手机 how=encrypt');
    await who.see('recipe.good');
    await from_top();
    await to_text('cleanse.run');
    await press('Enter');
    await who.page.waitForURL(/report/, { timeout: JOB_MS_MAX });
    const sealed = await who.page.evaluate(async () => {
      const { revision } = await (await fetch('/api/v1/datasets/1')).json();
      const at = `/api/v1/datasets/1/revisions/${revision}/rows?size=1&reveal=1`;
      return (await (await fetch(at)).json()).rows[0].find((cell) => cell?.includes('⟦'));
    });
    await who.sign_out();
    await who.sign_in('li.na', PASSWORD);
    await from_top();
    await to_text('nav.keys');
    await press('Enter');
    await who.heading(t('nav.keys'));
    await who.by_id('sealed').waitFor();
    await type('sealed', sealed);
    await type('reason', '患者本人申请');
    await press('Enter');
    await who.see('key.opened', { count: 1, left: 0 });
    await from_top();
    const name = t('key.of_dataset', { name: 1 });
    await to_text('key.destroy_this', { name });
    await press('Enter');
    await who.by_id('dialog-input').waitFor();
    assert.equal((await focused()).id, 'dialog-input');
    await press('Escape');
    await who.page.getByRole('dialog').waitFor({ state: 'detached' });
    assert.equal((await focused()).text, t('key.destroy_this', { name }));
    await press('Enter');
    await who.by_id('dialog-input').waitFor();
    await who.page.keyboard.type('项目结束');
    await to_text('key.destroy');
    await press('Enter');
    await who.see('key.destroyed_now', { name });
    who.calm();
  });
});
