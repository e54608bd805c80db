// Making room: a dataset goes from the bin for good; the system's page tells of a nearly full disk and
// of records that cannot be read. The last two come from the test, the page is the real one.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { axe_check, hospital_file, sentences } from './house.mjs';
import { Place } from './way.mjs';

for (const language of ['zh-CN', 'en']) {
  describe(`making room in ${language}`, { concurrency: 1 }, () => {
    const t = sentences(language);
    let place, who;
    before(async () => {
      place = await Place.open(language);
      who = await place.first();
    });
    after(() => place?.close());

    test('the page of the machine warns', async () => {
      await who.page.route(/\/api\/v1\/system$/, async (route) => {
        const body = await (await route.fetch()).json();
        body.disk_low = true;
        body.records = { state: 'read', read: 90, finding_count: 3,
          findings: ['dataset/7', 'index/#0123456789abcdef'].map((detail) => ({ code: 'store.record_damaged', detail })) };
        body.records.findings.push({ code: 'audit.broken', row: 12, detail: '' });
        await route.fulfill({ json: body });
      });
      await who.to('nav.system');
      await who.see('system.disk_low_text');
      await who.see('system.records_damaged', { count: 2 });
      await who.see('system.records_damaged_text', { list: 'dataset/7, index/#0123456789abcdef' });
      await who.see('audit.broken', { row: 12 });
      await who.see('audit.broken.hint');
      await axe_check(who.page, 'a nearly full disk');
      await who.page.unroute(/\/api\/v1\/system$/);
      await who.page.reload();
      await who.button('system.check_run').waitFor();
      assert.equal(await who.page.getByText('dataset/7').count(), 0);
      who.calm();
    });

    test('what is in the bin is deleted for good', async () => {
      await who.become('zhang.wei', '张伟', ['data']);
      await who.import_file(hospital_file(place.folder), '住院病人 2024');
      await who.wait_for_check();
      await who.button('dataset.bin').click();
      await who.page.getByRole('dialog').getByRole('button', { name: t('dataset.bin') }).click();
      await who.see('dataset.binned', { name: '住院病人 2024' });
      await who.go('/datasets?deleted=1', 'bin');
      await who.button('dataset.revision_delete_do').click();
      await who.see('dataset.empty_text');
      await axe_check(who.page, 'delete for good');
      await who.page.getByRole('dialog').getByRole('button', { name: t('dataset.revision_delete_do') }).click();
      await who.see('dataset.empty_done', { name: '住院病人 2024' });
      who.allowed.add(409);
      await who.button('dataset.restore').first().click();
      await who.see('dataset.emptied');
      who.calm();
    });
  });
}
