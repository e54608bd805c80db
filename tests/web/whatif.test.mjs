// What if, on the pages: the calm line beside the button that submits, which follows the form and
// says what then happens.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { axe_check, hospital_file, sentences } from './house.mjs';
import { PASSWORD, Place } from './way.mjs';

const local = (ms) => {
  const at = new Date(ms - new Date(ms).getTimezoneOffset() * 60_000);
  return at.toISOString().slice(0, 16);
};

for (const language of ['zh-CN', 'en']) {
  describe(`what if in ${language}`, { concurrency: 1 }, () => {
    const t = sentences(language);
    let place, who, dataset;
    const line = () => who.page.locator('.what-if');
    const says = (text) => line().getByText(text).waitFor();
    const newest = () => who.page.evaluate(async () =>
      (await (await fetch('/api/v1/jobs?size=1')).json()).items[0]);

    before(async () => {
      place = await Place.open(language);
      who = await place.first();
      await who.become('zhang.wei', '张伟', ['data']);
      dataset = await who.import_file(hospital_file(place.folder), '住院病人');
    });
    after(() => place?.close());

    test('the line beside the button follows the form, and what it says happens', async () => {
      await who.go(`${dataset}/cleanse`);
      await who.by_id('recipe').fill('recipe 1\nfield direct=姓名\nmask 姓名 how=pseudonym\n');
      await says(t('whatif.at_once'));
      await who.page.locator('details.advanced summary')
        .getByText(t('when.title'), { exact: true }).click();
      await axe_check(who.page, 'line');
      const at = Date.now() + 3 * 3_600_000;
      await who.by_id('not_before').fill(local(at));
      await says(t('job.reason.not_before'));
      await who.by_id('deadline').fill(local(Date.now() - 60_000));
      await says(t('whatif.refused', { why: '' }).trim());
      await who.by_id('deadline').fill('');
      await who.by_id('not_before').fill('');
      await says(t('whatif.at_once'));
      await who.by_id('hold').check();
      await says(t('job.reason.held'));
      await who.see('recipe.good');
      await who.button('cleanse.run').click();
      await who.page.locator('.job-panel').first().waitFor();
      await who.page.waitForFunction(async () =>
        (await (await fetch('/api/v1/jobs?size=1')).json()).items[0].reason === 'held', null,
      { polling: 100 });
      const job = await newest();
      assert.deepEqual([job.state, job.reason], ['queued', 'held']);
      who.calm();
    });

    test('anybody may ask when plain amounts would start', async () => {
      await who.to('nav.what_if');
      await says(t('whatif.at_once'));
      await who.by_id('cpus').fill('100000');
      await says(t('whatif.refused', { why: t('job.too_large') }));
      await who.by_id('cpus').fill('x');
      await says(t('whatif.numbers'));
      await who.by_id('cpus').fill('0,5');
      await says(t('whatif.at_once'));
      await who.see('whatif.officers');
      await axe_check(who.page, 'what if');
      who.calm();
    });

    test('officers try a change on the queue and on the past week', async () => {
      await who.sign_out();
      await who.sign_in('li.na', PASSWORD);
      await who.to('nav.what_if');
      await who.button('replay.run').click(); // without a change
      await who.page.getByText(t('replay.cell_about')).waitFor();
      assert.equal(await who.page.getByText(t('replay.way.changed'), { exact: true }).count(), 0);
      await axe_check(who.page, 'replay');
      await who.by_id('tenant').selectOption({ index: 1 });
      await who.by_id('more').fill('-0.5');
      await who.button('whatif.show').first().click();
      await who.page.getByRole('region', { name: t('whatif.department') }).waitFor(); // the held one
      await who.by_id('more-cpus').fill('+8');
      await who.button('whatif.show').nth(1).press('Enter');
      await who.page.getByRole('region', { name: t('whatif.machine') }).waitFor();
      await who.see('replay.with_change');
      await who.button('replay.run').press('Enter');
      await who.page.locator('th').getByText(t('replay.way.changed'), { exact: true }).waitFor();
      assert.equal(await who.page.locator('svg.curve').count(), 2);
      await axe_check(who.page, 'replay of a change');
      await who.page.emulateMedia({ media: 'print' });
      assert.equal(await who.button('chart.as_table').first().isVisible(), false);
      await who.page.emulateMedia({ media: 'screen' });
      who.calm();
    });

    test('a narrow screen holds it', async () => {
      await who.page.setViewportSize({ width: 360, height: 700 });
      await who.go('/what-if');
      const wide = await who.page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= 360, `${wide} wide`);
      await who.page.setViewportSize({ width: 1280, height: 900 });
      who.calm();
    });

    test('a fresh box has nothing to replay, and says so', async () => {
      const fresh = await Place.open(language);
      try {
        const boss = await fresh.first();
        await boss.to('nav.what_if');
        await boss.button('replay.run').click();
        await boss.see('replay.none');
        await axe_check(boss.page, 'nothing to replay');
        boss.calm();
      } finally {
        await fresh.close();
      }
    });
  });
}
