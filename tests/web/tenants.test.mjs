// Departments, shares, usage and vouchers in both languages: the system officer makes a department,
// sets what it may use, puts a person there, issues and revokes a voucher; the person sees their
// share, is warned and refused; the auditor reads the report and verifies the ledger.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { JOB_MS_MAX, axe_check, hospital_file, sentences } from './house.mjs';
import { Place } from './way.mjs';

for (const language of ['zh-CN', 'en']) {
  describe(`tenants in ${language}`, { concurrency: 1 }, () => {
    const t = sentences(language);
    const unit = '放射科';
    let place, boss, officer, auditor;
    before(async () => {
      place = await Place.open(language);
      boss = await place.first(); // system and security
      officer = await place.visitor();
      auditor = await place.visitor();
    });
    after(() => place?.close());
    const answer = async (key) => {
      await boss.page.getByRole('dialog').waitFor();
      await boss.by_id('dialog-input').fill('年度调整');
      await boss.page.getByRole('dialog').getByRole('button', { name: t(key), exact: true }).click();
    };

    test('a department is added, checked and saved as a version', async () => {
      await boss.to('nav.departments');
      await boss.button('tenant.add').click();
      await axe_check(boss.page, 'department form');
      await boss.button('tenant.take').click();
      await boss.page.locator('.summary').first().waitFor(); // a name is missing
      await boss.by_id('tenant-name').fill(unit);
      await boss.by_id('guaranteed').check();
      await boss.by_id('quota-cpu_milli').fill('4000');
      await axe_check(boss.page, 'quota');
      await boss.button('tenant.take').click();
      await boss.see('policy.refused'); // more than the box has
      await axe_check(boss.page, 'findings');
      await boss.button('tenant.edit_this', { name: unit }).click();
      await boss.by_id('quota-cpu_milli').fill('0.5');
      await boss.by_id('caps-jobs').fill('0');
      await boss.button('tenant.take').click();
      await boss.page.waitForFunction(() => !document.querySelector('.notice-bad'));
      await boss.button('policy.save').click();
      await answer('policy.save');
      await boss.see('policy.saved');
      await boss.page.getByText(t('policy.added', { name: unit })).first().waitFor();
      await axe_check(boss.page, 'saved');
      boss.calm();
    });

    test('the officers\' pages fit a narrow screen', async () => {
      await boss.page.setViewportSize({ width: 360, height: 740 });
      for (const path of ['/departments', '/usage', '/vouchers', '/share', '/people']) {
        await boss.go(path);
        const wide = await boss.page.evaluate(() =>
          document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.ok(wide <= 0, `${path} is ${wide} px too wide`);
      }
      await boss.page.setViewportSize({ width: 1280, height: 900 });
      boss.calm();
    });

    test('a person is put there', async () => {
      await boss.to('nav.people');
      await boss.by_id('department').selectOption(unit);
      const password = await boss.make_person('zhang.wei', '张伟', ['data', 'research']);
      await boss.page.getByRole('cell', { name: unit, exact: true }).first().waitFor();
      await officer.sign_in('zhang.wei', password, true);
      const second = await boss.make_person('shen.ji', '沈计', ['audit']);
      await auditor.sign_in('shen.ji', second, true);
      await boss.button('people.place_of', { name: 'shen.ji' }).click();
      await axe_check(boss.page, 'place');
      await boss.by_id('place').selectOption(unit);
      await boss.button('action.save').click();
      await boss.see('people.place_saved', { name: '沈计' });
      boss.calm();
    });

    test('over a limit one is warned, refused and told what to do', async () => {
      await officer.go('/');
      await officer.see('limit.reached');
      await officer.to('nav.share');
      await officer.page.getByRole('cell', { name: unit }).first().or(
        officer.page.getByRole('rowheader', { name: unit })).first().waitFor();
      officer.allowed.add(413);
      await officer.to('nav.import');
      await officer.see('limit.reached');
      await officer.upload(hospital_file(place.folder));
      await officer.page.getByRole('link', { name: t('import.continue'), exact: true }).click();
      await officer.page.locator('#encoding').waitFor();
      await officer.by_id('name').fill('一');
      await officer.button('look.import').click();
      await officer.page.getByText(t('limit.department_jobs.hint')).first().waitFor();
      officer.calm();
    });

    test('a former version is taken back', async () => {
      await boss.to('nav.departments');
      await boss.button('tenant.edit_this', { name: unit }).click();
      await boss.by_id('caps-jobs').fill('');
      await boss.by_id('guard-prompts').selectOption('refuse');
      await boss.by_id('guard-answers').selectOption('mask');
      await axe_check(boss.page, 'guard');
      await boss.button('tenant.take').click();
      await boss.see('policy.unsaved');
      await boss.see('preview.policy_nothing');
      await boss.button('policy.save').click();
      await answer('policy.save');
      await boss.see('policy.saved');
      await boss.see('policy.changed', { name: unit, field: t('policy.field.guard') });
      await boss.button('tenant.edit_this', { name: unit }).click();
      assert.equal(await boss.by_id('guard-prompts').inputValue(), 'refuse');
      assert.equal(await boss.by_id('guard-answers').inputValue(), 'mask');
      await boss.page.getByRole('button', { name: t('action.cancel'), exact: true }).click();
      await boss.button('policy.restore_title', { version: 2 }).click();
      await answer('policy.restore');
      await boss.see('policy.restored', { version: 2 });
      await boss.button('policy.restore_title', { version: 3 }).click();
      await answer('policy.restore');
      await boss.see('policy.restored', { version: 3 });
      await axe_check(boss.page, 'restored');
      boss.calm();
    });

    test('a voucher is issued and pays', async () => {
      await boss.to('nav.vouchers');
      await boss.see('voucher.none');
      await boss.button('voucher.issue_submit').click();
      await boss.page.locator('.summary').first().waitFor();
      await axe_check(boss.page, 'units are missing');
      await boss.by_id('units').fill('10');
      await boss.by_id('holder-name').selectOption(unit);
      await boss.button('voucher.issue_submit').click();
      await boss.see('voucher.issued');
      await boss.page.getByText('CYV1.').first().waitFor();
      await axe_check(boss.page, 'issued');
      // The upload that was refused above is still there.
      await officer.to('nav.import');
      await officer.page.getByRole('link', { name: t('import.continue'), exact: true }).click();
      await officer.page.locator('#encoding').waitFor();
      await officer.by_id('name').fill('住院病人');
      await officer.button('look.import').click();
      await officer.page.locator('.badge-good').first().waitFor({ timeout: JOB_MS_MAX });
      await officer.to('nav.vouchers');
      await officer.see('voucher.state.good');
      assert.equal(await officer.page.locator('main form').count(), 0, 'nothing to issue');
      await officer.to('nav.share');
      await officer.page.locator('svg.curve').waitFor();
      await officer.button('chart.as_table').or(
        officer.page.getByRole('button', { name: t('chart.as_table') })).first().click();
      await axe_check(officer.page, 'as a table');
      officer.calm();
    });

    test('a voucher that was tampered with is refused; one is revoked', async () => {
      boss.allowed.add(400);
      await boss.by_id('voucher-text').fill('CYV1.AAAA.BBBB');
      await boss.button('voucher.import_submit').click();
      await boss.page.locator('.summary').first().waitFor();
      await boss.page.getByText(t('voucher.unreadable')).first().waitFor();
      await boss.button('voucher.revoke_title', { id: 1 }).click();
      await answer('voucher.revoke');
      await boss.see('voucher.revoked', { id: 1 });
      await boss.see('voucher.state.revoked');
      await axe_check(boss.page, 'revoked');
      boss.calm();
    });

    test('the auditor reads the report, takes it along and verifies the ledger', async () => {
      await auditor.to('nav.usage');
      await auditor.page.getByRole('rowheader', { name: 'zhang.wei' }).first().waitFor();
      const waiting = auditor.page.waitForEvent('download');
      await auditor.page.getByRole('link', { name: t('usage.csv'), exact: true }).first().click();
      const text = readFileSync(await (await waiting).path(), 'utf8');
      assert.match(text, /^\ufeffmonth,department,person,attempts,units_micro/);
      assert.match(text, /"放射科","zhang\.wei"/);
      await auditor.button('ledger.verify').click();
      await auditor.page.locator('.notice-good').waitFor();
      await axe_check(auditor.page, 'verified');
      await auditor.page.getByRole('link', { name: unit, exact: true }).first().click();
      await auditor.page.locator('svg.curve').waitFor();
      await axe_check(auditor.page, 'department');
      await auditor.to('nav.departments');
      assert.equal(await auditor.page.locator('main .card-head button').count(), 0, 'reads only');
      auditor.calm();
    });
  });
}
