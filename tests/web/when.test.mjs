// When a job runs, said on a page: a cleansing put on hold, its priority changed, released; a
// deadline that is promised, and one that is too soon.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { JOB_MS_MAX, axe_check, hospital_file, sentences } from './house.mjs';
import { Place } from './way.mjs';

const local = (ms) => {
  const at = new Date(ms - new Date(ms).getTimezoneOffset() * 60_000);
  return at.toISOString().slice(0, 16);
};

for (const language of ['zh-CN', 'en']) {
  describe(`when a job runs in ${language}`, { concurrency: 1 }, () => {
    const t = sentences(language);
    let place, who, dataset;
    const fold_open = () => who.page.locator('details.advanced summary')
      .getByText(t('when.title'), { exact: true }).click();
    const recipe_ready = async () => {
      await who.go(`${dataset}/cleanse`);
      await who.by_id('recipe').fill('recipe 1\nfield direct=姓名\nmask 姓名 how=pseudonym\n');
      await who.see('recipe.good');
      await fold_open();
    };
    const newest = () => who.page.evaluate(async () =>
      (await (await fetch('/api/v1/jobs?size=1')).json()).items[0]);
    const ended = (id) => who.page.waitForFunction(async (job) =>
      (await (await fetch(`/api/v1/jobs/${job}`)).json()).state === 'done', id,
    { timeout: JOB_MS_MAX, polling: 200 });

    before(async () => {
      place = await Place.open(language);
      who = await place.first();
      await who.become('zhang.wei', '张伟', ['data']);
      dataset = await who.import_file(hospital_file(place.folder), '住院病人');
    });
    after(() => place?.close());

    test('on hold, another priority, released', async () => {
      await recipe_ready();
      await axe_check(who.page, 'when');
      await who.by_id('hold').check();
      await who.button('cleanse.run').click();
      await who.see('job.reason.held');
      const job = await newest();
      assert.equal(job.schedule.hold, true);
      await who.go(`/jobs/${job.id}`);
      await who.see('when.hold_on');
      await who.button('when.priority_change').click();
      await who.by_id('dialog-input').fill('-40');
      await who.page.getByRole('dialog').getByRole('button', { name: t('when.priority_change') }).click();
      await who.page.getByText('-40', { exact: true }).waitFor();
      await axe_check(who.page, 'job on hold');
      await who.button('when.release').click();
      await ended(job.id);
      const after_all = await who.page.evaluate(async (id) =>
        (await (await fetch(`/api/v1/jobs/${id}`)).json()).schedule, job.id);
      assert.equal(after_all.priority, -40);
      assert.equal(after_all.hold, false);
      who.calm();
    });

    test('a deadline is promised, or refused with the reason', async () => {
      await recipe_ready();
      who.allowed.add(409);
      await who.by_id('deadline').fill(local(Date.now() - 60_000));
      await who.button('cleanse.run').click();
      await who.see('schedule.deadline_too_soon', { detail: 1 });
      await who.by_id('deadline').fill(local(Date.now() + 3 * 3_600_000));
      await who.by_id('not_before').fill(local(Date.now() + 3_600_000));
      await who.button('cleanse.run').click();
      await who.see('job.reason.not_before');
      const job = await newest();
      assert.ok(job.schedule.promised_ms > Date.now() + 3_600_000);
      await who.go(`/jobs/${job.id}`);
      await who.see('when.promised');
      assert.equal(await who.button('when.priority_change').count(), 0);
      who.calm();
    });
  });
}
