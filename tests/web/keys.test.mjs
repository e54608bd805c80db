// Keys in both languages: a data officer encrypts, a security officer opens a value for a reason and
// destroys the key, after which nothing opens; an auditor reads of it all.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { JOB_MS_MAX, axe_check, hospital_file, hospital_rows, sentences } from './house.mjs';
import { Place } from './way.mjs';

for (const language of ['zh-CN', 'en']) {
  describe(`keys in ${language}`, { concurrency: 1 }, () => {
    const t = sentences(language);
    const name = t('key.of_dataset', { name: 1 });
    let place, guard, officer, sealed;
    before(async () => {
      place = await Place.open(language);
      guard = await place.first(); // holds system and security
      officer = await place.join(guard, 'zhang.wei', '张伟', ['data']);
      await officer.import_file(hospital_file(place.folder), '住院病人 2024');
      await officer.tab('dataset.tab.cleanse');
      await officer.by_id('recipe').fill('recipe 1\nmask 姓名 how=encrypt\npack format=csv\n');
      await officer.see('recipe.good');
      await officer.button('cleanse.run').click();
      await officer.page.waitForURL(/report/, { timeout: JOB_MS_MAX });
      sealed = await officer.page.evaluate(async () =>
        (await (await fetch('/api/v1/datasets/1/revisions/2/rows?size=1&reveal=1')).json()).rows[0][0]);
    });
    after(() => place?.close());

    test('the signed bundle is fetched from the report', async () => {
      const link = officer.page.getByRole('link', { name: t('bundle.fetch') });
      await link.waitFor();
      await axe_check(officer.page, 'report with a bundle');
      const waiting = officer.page.waitForEvent('download');
      await link.click();
      const bytes = readFileSync(await (await waiting).path());
      assert.equal(bytes.subarray(257, 262).toString(), 'ustar');
      officer.calm();
    });

    test('a data officer sees the keys and can do nothing to them', async () => {
      await officer.to('nav.keys');
      await officer.page.getByRole('link', { name }).waitFor();
      assert.equal(await officer.page.locator('main .button-danger').count(), 0);
      await officer.page.getByText('BEGIN PUBLIC KEY').waitFor();
      assert.equal(await officer.by_id('sealed').count(), 0);
      officer.calm();
    });

    test('a security officer opens a value, and must say why', async () => {
      await guard.to('nav.keys');
      await guard.by_id('sealed').fill(sealed);
      await guard.button('key.open').click();
      await guard.page.locator('.summary').waitFor();
      await axe_check(guard.page, 'no reason');
      await guard.by_id('reason').fill('患者本人申请');
      await guard.button('key.open').click();
      await guard.see('key.opened', { count: 1, left: 0 });
      await guard.page.getByText(hospital_rows(1)[0][0], { exact: true }).waitFor();
      await axe_check(guard.page, 'opened');
      guard.calm();
    });

    test('a destroyed key is final', async () => {
      await guard.button('key.destroy_this', { name }).click();
      await guard.page.getByRole('dialog').waitFor();
      await axe_check(guard.page, 'destroy?');
      await guard.by_id('dialog-input').fill('项目结束');
      await guard.page.getByRole('dialog').getByRole('button', { name: t('key.destroy') }).click();
      await guard.see('key.destroyed_now', { name });
      await guard.see('key.is_destroyed');
      await guard.button('key.open').click();
      await guard.see('key.opened', { count: 0, left: 1 });
      await axe_check(guard.page, 'nothing opens');
      guard.calm();
    });
  });
}
