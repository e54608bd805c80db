// A recipe that was used is used again, from wherever one meets it: a revision in the list, the lineage
// of a release, the report for another dataset. It stands in the editor, is previewed, and runs only
// when somebody says so.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { JOB_MS_MAX, axe_check, hospital_file, sentences } from './house.mjs';
import { Place } from './way.mjs';

const RECIPE = 'recipe 1\nfield direct=姓名,身份证号,手机\nmask 姓名,身份证号,手机 how=pseudonym\nmask text=主诉 how=replace\n';

for (const language of ['zh-CN', 'en']) {
  describe(`a recipe again in ${language}`, { concurrency: 1 }, () => {
    const t = sentences(language);
    let place, who, first, second, release;
    const recipe = () => who.by_id('recipe').inputValue();
    const revisions = (path) => who.page.evaluate(async (at) =>
      (await (await fetch(`/api/v1${at}`)).json()).revision, path);
    // In the editor of a dataset, word for word, and not run.
    const replayed = async (path, count) => {
      await who.see('recipe.replayed');
      await who.see('recipe.good');
      assert.equal(new URL(who.page.url()).pathname, `${path}/cleanse`);
      assert.equal(new URL(who.page.url()).search, '', 'reloading the page does not load it again');
      assert.equal((await recipe()).trimEnd(), RECIPE.trimEnd());
      assert.equal(await revisions(path), count, 'nothing ran by itself');
    };
    before(async () => {
      place = await Place.open(language);
      who = await place.first();
      await who.become('zhang.wei', '张伟', ['data']);
      first = await who.import_file(hospital_file(place.folder), '住院病人');
      second = await who.import_file(hospital_file(place.folder, '门诊.csv', 60), '门诊病人');
      await who.go(`${first}/cleanse`);
      await who.by_id('recipe').fill(RECIPE);
      await who.see('recipe.good');
      await who.button('cleanse.run').click();
      await who.page.waitForURL(/report/, { timeout: JOB_MS_MAX });
      release = await who.publish({ title: '住院病人公开版', purpose: '研究', source: 'HIS' });
    });
    after(() => place?.close());

    test('from the lineage of a release', async () => {
      await who.page.goto(place.origin + release);
      const step = who.page.locator('.lineage details');
      await step.locator('summary').click();
      await step.getByText('mask text=主诉 how=replace').waitFor();
      await axe_check(who.page, 'lineage');
      await step.getByRole('link', { name: t('report.again_go'), exact: true }).click();
      await replayed(first, 2);
      who.calm();
    });

    test('from a revision in the list', async () => {
      await who.go(first, 'overview');
      await who.page.getByRole('link', { name: t('report.again_go'), exact: true }).click();
      await replayed(first, 2);
      who.calm();
    });

    test('on another dataset, previewed and run', async () => {
      await who.go(`${first}/report`);
      await who.page.getByLabel(t('report.again_on'), { exact: true })
        .selectOption({ label: '门诊病人' });
      await who.button('report.again_go').click();
      await replayed(second, 1);
      await who.button('cleanse.preview').click();
      await who.page.locator('.preview .changed ins').first().waitFor();
      await axe_check(who.page, 'replayed and previewed');
      await who.button('cleanse.run').click();
      await who.page.waitForURL(/report/, { timeout: JOB_MS_MAX });
      await who.page.getByText('mask text=主诉 how=replace').first().waitFor();
      assert.equal(await revisions(second), 2);
      who.calm();
    });

    test('a step or revision that is not there is told', async () => {
      who.allowed.add(404);
      for (const from of ['step.999', '999.1']) {
        await who.page.goto(`${place.origin}${second}/cleanse?from=${from}`);
        await who.page.locator('.notice-bad').first().waitFor();
      }
      await who.page.goto(`${place.origin}${second}/cleanse?from=${encodeURIComponent('../x')}`);
      await who.by_id('recipe').waitFor();
      assert.equal(await who.page.locator('.notice-bad').count(), 0, 'what is no address is passed over');
      who.calm();
    });
  });
}
