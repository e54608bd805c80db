// A data officer's way from what the check found to a report, in both languages: suggestions taken by
// one click, a recipe for a purpose, lines changed by forms, undone and done again, kept, shared and
// used again, a preview that shows what changed inside a cell, and the way back to a former revision.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { JOB_MS_MAX, axe_check, hospital_file, sentences } from './house.mjs';
import { Place } from './way.mjs';

for (const language of ['zh-CN', 'en']) {
  describe(`cleansing in ${language}`, { concurrency: 1 }, () => {
    const t = sentences(language);
    let place, officer, colleague, path;
    const recipe = () => officer.by_id('recipe').inputValue();
    const good = () => officer.see('recipe.good');
    // Puts the cursor on the first line that begins so.
    const to_line = async (start) => {
      const at = (await recipe()).split('\n').findIndex((line) => line.startsWith(start));
      assert.ok(at >= 0, `no line ${start}`);
      await officer.by_id('recipe').focus();
      await officer.page.keyboard.press('Control+Home');
      for (let i = 0; i < at; i++) await officer.page.keyboard.press('ArrowDown');
      await officer.page.locator('.line-form').waitFor();
    };

    before(async () => {
      place = await Place.open(language);
      officer = await place.visitor();
      colleague = await place.visitor();
      await officer.set_up('li.na', 'Li Na');
      await officer.to('nav.people');
      const passwords = [await officer.make_person('zhang.wei', '张伟', ['data']),
        await officer.make_person('wang.fang', '王芳', ['data'])];
      await officer.sign_out();
      await officer.sign_in('zhang.wei', passwords[0], true);
      await colleague.sign_in('wang.fang', passwords[1], true);
      path = await officer.import_file(hospital_file(place.folder), '住院病人 2024');
      await officer.wait_for_check();
    });
    after(() => place?.close());

    test('the check says what to do next; a suggestion is taken by one click', async () => {
      await officer.see('check.next_roles');
      const role = t('role.direct');
      await officer.button('role.take_for', { name: '姓名', role }).click();
      await officer.see('role.saved', { name: '姓名' });
      await officer.page.getByLabel(t('check.only_personal')).check();
      await officer.page.waitForFunction(() => {
        const cards = [...document.querySelectorAll('.column-card')];
        return cards.length >= 3 && cards.length < 10 && cards.every((one) => one.querySelector('.found'));
      });
      await axe_check(officer.page, 'only columns with personal data');
      await officer.page.locator('.notice').getByRole('button').click();
      await officer.see('check.next_roles_done');
      officer.calm();
    });

    test('every purpose gives a good recipe', async () => {
      await officer.tab('dataset.tab.cleanse');
      for (const name of ['statistics', 'corpus', 'custom', 'clinical']) {
        await officer.by_id(`preset-${name}`).check();
        const old = await recipe();
        await officer.button('cleanse.propose').click();
        await officer.page.waitForFunction((text) =>
          document.getElementById('recipe').value !== text, old);
        await good();
      }
      assert.match(await recipe(), /how=pseudonym/);
      await axe_check(officer.page, 'proposed');
      officer.calm();
    });

    test('a line is changed by its form, undone and done again', async () => {
      await to_line('mask 姓名');
      const before = await recipe();
      await axe_check(officer.page, 'a line as a form');
      await officer.by_id('line-how').selectOption('mask');
      assert.match(await recipe(), /^mask 姓名,身份证号,手机 how=mask/m);
      await good();
      await officer.button('action.undo').click();
      assert.equal(await recipe(), before);
      await officer.button('action.redo').click();
      assert.match(await recipe(), /how=mask/);
      await officer.by_id('recipe').focus();
      await officer.page.keyboard.press('Control+z');
      assert.equal(await recipe(), before);
      await to_line('mask 姓名');
      await officer.page.locator('#line-bare').click();
      await officer.page.locator('.picker[open]').getByLabel('手机', { exact: true }).uncheck();
      assert.match(await recipe(), /^mask 姓名,身份证号 how=/m);
      await officer.page.keyboard.press('Control+Home');
      await officer.button('recipe.switch_off').click();
      assert.match(await recipe(), /^# mask 姓名,身份证号/m);
      await officer.button('recipe.switch_on').click();
      await officer.button('action.undo').click();
      await officer.button('action.undo').click();
      await officer.button('action.undo').click();
      assert.equal(await recipe(), before);
      officer.calm();
    });

    test('an operation is added with columns of the table; a suggestion mends a word', async () => {
      await officer.button('recipe.add_operator', { name: 'check' }).click();
      assert.match(await recipe(), /^check 年龄:0\.\.130/m);
      await good();
      await officer.by_id('recipe').fill(`${(await recipe()).trimEnd()}\nmsk 手机 how=mask\n`);
      await officer.page.locator('.recipe-state li').first().waitFor();
      await officer.button('recipe.take_suggestion', { word: 'mask' }).click();
      await good();
      assert.match(await recipe(), /^mask 手机 how=mask$/m);
      officer.calm();
    });

    test('every operation that is added is one the table can take', async () => {
      const names = await officer.page.locator('.operator code').allInnerTexts();
      assert.ok(names.length >= 8, names.join());
      for (const name of names) {
        await officer.by_id('recipe').fill('recipe 1\n');
        await good();
        await officer.button('recipe.add_operator', { name }).click();
        const line = (await recipe()).split('\n')[1];
        const checked = officer.page.waitForResponse(/recipes\/check/);
        const { errors } = await (await checked).json();
        assert.deepEqual(errors, [], line);
        await officer.page.locator('.line-form').waitFor();
      }
      await axe_check(officer.page, 'an added line');
      await officer.by_id('recipe').fill('recipe 1\nmask 姓名 how=pseudonym\n');
      await good();
      officer.calm();
    });

    test('a recipe is kept, gets versions, is shared and goes out as a file', async () => {
      await officer.button('recipe.save').click();
      await officer.by_id('dialog-input').fill('标准');
      await officer.page.getByRole('dialog').getByRole('button', { name: t('action.save') }).click();
      await officer.see('recipe.saved', { name: '标准' });
      await officer.by_id('recipe').fill(`${(await recipe()).trimEnd()}\ndedup exact\n`);
      await officer.button('recipe.save_version', { name: '标准', version: 2 }).click();
      await officer.see('recipe.version_saved', { name: '标准', version: 2 });
      await officer.page.getByLabel(t('recipe.saved_list')).selectOption({ label: '标准' });
      await officer.button('recipe.share').click();
      await officer.see('recipe.shared', { name: '标准' });
      await officer.button('recipe.versions', { versions: 2 }).click();
      await officer.button('recipe.load_version', { version: 1 }).click();
      await axe_check(officer.page, 'versions');
      assert.doesNotMatch(await recipe(), /^dedup exact$/m);
      const waiting = officer.page.waitForEvent('download');
      await officer.button('recipe.export').click();
      const text = readFileSync(await (await waiting).path(), 'utf8');
      assert.equal(text, await recipe());
      const file = join(place.folder, 'mine.recipe');
      writeFileSync(file, '\ufeffrecipe 1\r\ndecode auto\r\n');
      const chooser = officer.page.waitForEvent('filechooser');
      await officer.button('recipe.import').click();
      await (await chooser).setFiles(file);
      await officer.see('recipe.imported', { name: 'mine.recipe' });
      assert.equal(await recipe(), 'recipe 1\ndecode auto\n');
      officer.calm();
    });

    test('a colleague finds the shared recipe', async () => {
      await colleague.go(`${path}/cleanse`);
      await colleague.page.getByLabel(t('recipe.saved_list'))
        .selectOption({ label: t('recipe.of', { name: '标准', actor: 'zhang.wei' }) });
      assert.equal(await colleague.button('action.delete').count(), 0, 'only the owner deletes');
      await colleague.button('recipe.load').click();
      assert.match(await colleague.by_id('recipe').inputValue(), /^dedup exact$/m);
      await colleague.see('recipe.good');
      colleague.calm();
    });

    test('the risk moves as columns are ticked; a k goes into the recipe with its levels', async () => {
      const title = officer.page.locator('#risk .notice-title');
      await title.waitFor();
      const first = await title.innerText();
      await officer.by_id('risk-quasi').click();
      await officer.page.locator('#risk .picker[open]').getByLabel('入院日期', { exact: true }).uncheck();
      await officer.page.waitForFunction((old) =>
        document.querySelector('#risk .notice-title').innerText !== old, first);
      await officer.page.locator('#risk .bars li').first().waitFor();
      await officer.page.locator('#risk').getByRole('button', { name: t('chart.as_table') }).click();
      await axe_check(officer.page, 'class sizes as a table');
      await officer.page.locator('.hierarchy').nth(1).locator('summary').click();
      await officer.by_id('hierarchy-年龄-steps').fill('10,20');
      // What else changes meanwhile (a box ticked and its answer, say) does not take it away.
      await officer.page.evaluate(() =>
        document.querySelectorAll('#risk .picker')[1].querySelector('[type=checkbox]').click());
      await officer.page.waitForFunction(() => document.querySelector('.risk-busy') !== null);
      await officer.page.waitForFunction(() => document.querySelector('.risk-busy') === null);
      assert.equal(await officer.by_id('hierarchy-年龄-steps').inputValue(), '10,20');
      await officer.by_id('hierarchy-年龄-steps').press('Tab');
      await officer.page.waitForFunction(() => document.querySelector('.risk-busy') !== null);
      await officer.page.waitForFunction(() => document.querySelector('.risk-busy') === null);
      await axe_check(officer.page, 'risk');
      await officer.button('risk.use_k', { k: 5 }).click();
      await officer.see('risk.used', { k: 5 });
      await good();
      assert.match(await recipe(), /^kanon (?=.*k=5 )(?=.*年龄:age\|10\|20 )/m);
      assert.match(await recipe(), /^field .*quasi=性别,年龄( |$)/m);
      officer.calm();
    });

    test('a preview shows what changes inside a cell and why a row goes', async () => {
      await officer.by_id('recipe').fill(
        'recipe 1\nmask text=主诉 how=replace\nmask 手机 how=mask\ndrop missing=纹理\n');
      await good();
      await officer.button('cleanse.preview').click();
      await officer.page.locator('.preview .changed ins').first().waitFor();
      assert.ok(await officer.page.locator('.preview .changed del').count() > 0);
      assert.ok(await officer.page.locator('.preview .row-dropped').count() > 0);
      await officer.see('preview.dropped');
      const all = await officer.page.locator('.preview tbody tr').count();
      await officer.by_id('recipe').fill('recipe 1\nmask text=主诉 how=replace\n');
      await good();
      await officer.see('preview.stale');
      await officer.button('cleanse.preview').click();
      await officer.page.getByText(t('preview.stale')).waitFor({ state: 'detached' });
      await officer.by_id('only-changed').check();
      await officer.page.waitForFunction((count) =>
        document.querySelectorAll('.preview tbody tr').length < count, all);
      await axe_check(officer.page, 'only changed rows');
      officer.calm();
    });

    test('the report tells everything and is used again on another revision', async () => {
      await officer.by_id('recipe').fill(
        'recipe 1\nsource HIS licence=internal basis=IRB-17\nfield direct=姓名,身份证号,手机\n'
        + 'mask 姓名,身份证号,手机 how=pseudonym\nmask text=主诉 how=replace\n');
      await good();
      await officer.button('cleanse.run').click();
      await officer.page.getByText(t('report.personal')).first().waitFor({ timeout: JOB_MS_MAX });
      await officer.page.waitForURL(/report/);
      await officer.see('report.wording.deidentified');
      await officer.see('report.anonymised_when');
      await officer.page.getByText('IRB-17').first().waitFor();
      await axe_check(officer.page, 'report');
      await officer.page.emulateMedia({ media: 'print' });
      const hidden = await officer.page.locator('.side, .tabs, .no-print').evaluateAll((all) =>
        all.every((one) => getComputedStyle(one).display === 'none'
          || one.closest('.no-print, .side') !== one));
      assert.ok(hidden, 'nothing but the report is printed');
      await officer.page.emulateMedia({ media: 'screen' });
      await officer.button('report.again_go').click();
      await officer.see('recipe.replayed');
      assert.match(await recipe(), /basis=IRB-17/);
      officer.calm();
    });

    test('a former revision is used again', async () => {
      await officer.go(path, 'overview');
      await officer.button('dataset.restore_to', { number: 1 }).click();
      await officer.page.getByRole('dialog').waitFor();
      await officer.button('dataset.restore_do').click();
      await officer.see('dataset.restore_done', { number: 1 });
      await officer.page.getByText(t('dataset.restored_from', { number: 1 })).waitFor();
      await axe_check(officer.page, 'restored');
      officer.calm();
    });

    test('what is raw is deleted for good once it has been treated', async () => {
      await officer.button('dataset.revision_delete', { number: 1 }).click();
      await officer.page.getByRole('dialog').waitFor();
      await axe_check(officer.page, 'delete a revision?');
      await officer.button('dataset.revision_delete_do').click();
      await officer.see('dataset.revision_delete_done', { number: 1 });
      await officer.button('dataset.restore_to', { number: 1 }).waitFor({ state: 'detached' });
      await officer.go(`${path}/rows?revision=1`);
      await officer.page.locator('.notice').waitFor();
      assert.equal(await officer.page.locator('.tabs a').count(), 1);
      officer.calm();
    });

    test('noisy counts are shown before they cost anything, and never overspent', async () => {
      const budget = { epsilon: 6, before: 6, total: 6, most: 10 };
      const counts = async () => {
        await officer.button('cleanse.preview').click();
        await officer.page.locator('#counts tbody tr').first().waitFor();
        return officer.page.locator('#counts tbody tr').count();
      };
      await officer.go(`${path}/cleanse`);
      await officer.by_id('recipe').fill('recipe 1\nnoise by=性别,诊断 epsilon=6 as=人数\n');
      await good();
      assert.equal(await counts(), 4);
      await officer.see('preview.counts_drawn');
      await officer.see('budget.would_spend', budget);
      await axe_check(officer.page, 'counts in a preview');
      await officer.button('cleanse.run').click();
      await officer.page.getByText(t('report.personal')).first().waitFor({ timeout: JOB_MS_MAX });
      await officer.page.waitForURL(/report/);
      await officer.see('budget.spent', budget);
      await axe_check(officer.page, 'report with a budget');
      await officer.tab('dataset.tab.overview');
      await officer.page.getByText('ε 6', { exact: true }).waitFor();
      await officer.tab('dataset.tab.cleanse');
      await officer.by_id('recipe').fill('recipe 1\nnoise by=性别 epsilon=6\n');
      await good();
      await counts();
      await officer.see('budget.over', budget);
      officer.allowed.add(409);
      await officer.button('cleanse.run').click();
      await officer.see('noise.over_budget', { detail: '6 + 6 > 10' });
      officer.calm();
    });
  });
}
