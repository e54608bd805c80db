// Large requests on the pages: a department's threshold is set, somebody asks for more, the system
// officer hears of it at home, sees what is asked and what approval would do, approves one and
// rejects another; whoever asked reads it on the job's page.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { JOB_MS_MAX, axe_check, hospital_file, sentences } from './house.mjs';
import { Place } from './way.mjs';

for (const language of ['zh-CN', 'en']) {
  describe(`approvals in ${language}`, { concurrency: 1 }, () => {
    const t = sentences(language);
    let place, boss, officer, dataset;
    const ended = (id, state) => officer.page.waitForFunction(async ([job, wanted]) =>
      (await (await fetch(`/api/v1/jobs/${job}`)).json()).state === wanted, [id, state],
    { timeout: JOB_MS_MAX, polling: 200 });
    const answer = async (key, text) => {
      await boss.page.getByRole('dialog').waitFor();
      await axe_check(boss.page, key);
      if (text) await boss.by_id('dialog-input').fill(text);
      await boss.page.getByRole('dialog').getByRole('button', { name: t(key), exact: true }).click();
    };
    // As an application would; the check page offers it only where there is none yet.
    const check = () => officer.page.evaluate(async (path) => (await fetch(`/api/v1${path}/check`, {
      method: 'POST', headers: { 'X-Courtyard': '1', 'Content-Type': 'application/json' }, body: '{}',
    })).json(), dataset);

    before(async () => {
      place = await Place.open(language);
      boss = await place.first(); // system and security
      officer = await place.join(boss, 'zhang.wei', '张伟', ['data']);
      dataset = await officer.import_file(hospital_file(place.folder), '住院病人');
      await officer.wait_for_check();
    });
    after(() => place?.close());

    test('a threshold is set for a department', async () => {
      await boss.to('nav.departments');
      await boss.page.getByRole('button', { name: t('tenant.edit_this', { name: '默认部门' }), exact: true }).click();
      await boss.by_id('approval-memory_mib').fill('x');
      await boss.button('tenant.take').click();
      await boss.page.locator('.summary').first().waitFor();
      await boss.by_id('approval-memory_mib').fill('0.5');
      await axe_check(boss.page, 'thresholds');
      await boss.button('tenant.take').click();
      await boss.button('policy.save').click();
      await answer('policy.save', '大作业要批准');
      await boss.see('policy.saved');
      await boss.page.getByText(t('policy.changed',
        { name: '默认部门', field: t('policy.field.approval') })).first().waitFor();
      boss.calm();
    });

    test('one who may decides, with what is asked and what it would do', async () => {
      const job = await check();
      await officer.go(`/jobs/${job.id}`);
      await officer.see('approval.state.waiting');
      assert.equal(await officer.button('approval.ask').count(), 0);
      await boss.go('/');
      await boss.page.getByRole('link', { name: t('home.approvals_see') }).click();
      await boss.see('approval.now_soon');
      await axe_check(boss.page, 'approvals');
      const row = boss.page.getByRole('row').filter({ hasText: '住院病人' });
      assert.match(await row.innerText(), /0\.5/);
      await boss.page.getByRole('button', { name: /./ }).filter({ hasText: t('approval.ask') }).first().click();
      await answer('approval.ask', '可以');
      await boss.see('approval.none');
      await axe_check(boss.page, 'no approvals');
      await ended(job.id, 'done');
      await officer.go(`/jobs/${job.id}`);
      await officer.page.getByText('可以', { exact: true }).waitFor();
      boss.calm();
      officer.calm();
    });

    test('rejected with a reason, on the job\'s own page', async () => {
      const job = await check();
      await boss.go(`/jobs/${job.id}`);
      await boss.page.getByRole('button', { name: /./ }).filter({ hasText: t('approval.turn_down') }).first().click();
      await answer('approval.turn_down', '本月额度已满');
      await ended(job.id, 'failed');
      await officer.go(`/jobs/${job.id}`);
      await officer.see('approval.rejected', { detail: '本月额度已满' });
      boss.calm();
      officer.calm();
    });

    test('it fits a narrow screen', async () => {
      await check();
      await boss.page.setViewportSize({ width: 360, height: 740 });
      await boss.go('/jobs?approval=waiting');
      const wide = await boss.page.evaluate(() =>
        document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.ok(wide <= 0, `${wide} px too wide`);
      boss.calm();
    });
  });
}
