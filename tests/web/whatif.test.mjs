// What if, on the pages: the calm line beside the button that submits, which follows the form and
// says what then happens.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  axe_check, browser_open, hospital_file, house_open, page_open, sentences,
} from './house.mjs';
import { Visitor } from './way.mjs';

const local = (ms) => {
  const at = new Date(ms - new Date(ms).getTimezoneOffset() * 60_000);
  return at.toISOString().slice(0, 16);
};

for (const language of ['zh-CN', 'en']) {
  describe(`what if in ${language}`, { concurrency: 1 }, () => {
    const t = sentences(language);
    let house, browser, who, dataset;
    const line = () => who.page.locator('.what-if');
    const says = (text) => line().getByText(text).waitFor();
    const newest = () => who.page.evaluate(async () =>
      (await (await fetch('/api/v1/jobs?size=1')).json()).items[0]);

    before(async () => {
      house = await house_open();
      browser = await browser_open();
      who = new Visitor(await page_open(browser, house, language), house, t);
      await who.set_up('li.na', 'Li Na');
      await who.to('nav.people');
      const password = await who.make_person('zhang.wei', '张伟', ['data']);
      await who.sign_out();
      await who.sign_in('zhang.wei', password, true);
      dataset = await who.import_file(hospital_file(house.folder), '住院病人');
    });
    after(async () => {
      await browser?.close();
      await house?.close();
    });

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
      await who.page.locator('.job-panel').getByText(t('job.reason.held')).first().waitFor();
      const job = await newest();
      assert.deepEqual([job.state, job.reason], ['queued', 'held']);
      who.calm();
    });
  });
}
