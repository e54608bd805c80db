// A pilot in the browser, in both languages: the gallery, a hospital's file, its columns found and one
// of them corrected, the run waiting for the second person, the result in the field's words. Nothing
// is typed but by the people's gate.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { JOB_MS_MAX, axe_check, sentences } from './house.mjs';
import { Place } from './way.mjs';

// What a check-up centre exports; the outcome follows from sugar and mass, with noise.
function checkup(folder, rows = 400) {
  let state = 7;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const lines = ['体检号,姓名,手机号,年龄(岁),空腹血糖值,餐后血糖,体质指数（BMI）,舒张压,糖尿病'];
  for (let i = 0; i < rows; i++) {
    const age = 20 + Math.floor(random() * 60);
    const sugar = 70 + Math.floor(random() * 130);
    const mass = (18 + random() * 22).toFixed(1);
    const risk = (age - 45) / 20 + (sugar - 130) / 30 + (Number(mass) - 29) / 8 + (random() - 0.5) * 3;
    lines.push(`T${i},李${i},1381234${1000 + i},${age},${90 + Math.floor(random() * 9)},${sugar},${mass},`
      + `${60 + Math.floor(random() * 50)},${risk > 0.6 ? '是' : '否'}`);
  }
  const path = join(folder, '体检.csv');
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
}

for (const language of ['zh-CN', 'en']) {
  describe(`a pilot in ${language}`, { concurrency: 1 }, () => {
    const t = sentences(language);
    const title = language === 'en' ? 'Risk of diabetes' : '糖尿病风险';
    let place, officer, worker, other;
    let broken = '';
    const step = (name, act) => test(name, async () => {
      assert.equal(broken, '', `${broken} failed before`);
      broken = name;
      await act();
      broken = '';
    });

    before(async () => {
      place = await Place.open(language);
      officer = await place.visitor();
      worker = await place.visitor();
      other = await place.visitor();
    });
    after(() => place?.close());

    step('people', async () => {
      await officer.set_up('li.na', '李娜');
      await officer.to('nav.people');
      const first = await officer.make_person('zhang.wei', '张伟', ['data', 'research']);
      const second = await officer.make_person('wang.fang', '王芳', ['data']);
      await worker.sign_in('zhang.wei', first, true);
      await other.sign_in('wang.fang', second, true);
    });

    step('the gallery tells what each needs and gives', async () => {
      await worker.to('nav.pilots');
      await worker.see('pilot.field.medical');
      await worker.page.getByRole('link', { name: title }).click();
      await worker.heading(title);
      await axe_check(worker.page, 'pilot');
    });

    step('a file: its columns are found, one that is wrong is corrected', async () => {
      await worker.page.locator('input[type=file]').setInputFiles(checkup(place.folder));
      await worker.page.locator('#column-glucose').waitFor();
      await axe_check(worker.page, 'columns');
      const chosen = (name) => worker.by_id(`column-${name}`).inputValue();
      assert.equal(await chosen('age'), '年龄(岁)');
      assert.equal(await chosen('bmi'), '体质指数（BMI）');
      assert.equal(await chosen('patient_name'), '姓名');
      assert.equal(await chosen('diabetes'), '糖尿病');
      assert.equal(await chosen('glucose'), '餐后血糖');
      assert.equal(await worker.by_id('positive').inputValue(), '是');
      await worker.by_id('column-glucose').selectOption('空腹血糖值');
      await worker.see('pilot.why.chosen');
      await worker.by_id('column-glucose').selectOption('');
      await worker.button('pilot.start').click();
      await worker.page.locator('.summary').waitFor();
      await axe_check(worker.page, 'columns with an error');
      await worker.by_id('column-glucose').selectOption('餐后血糖');
    });

    const started = async () => {
      await worker.button('pilot.start').click();
      await worker.page.getByText(t('pilot.waits.release')).waitFor({ timeout: JOB_MS_MAX });
      await axe_check(worker.page, 'a run that waits');
      const href = await worker.page.getByRole('link', { name: t('pilot.to_release') }).first()
        .getAttribute('href');
      await other.go(href, 'the release');
      await other.button('release.approve').first().click();
      await other.page.getByRole('dialog').getByRole('button', { name: t('release.approve') }).click();
      await other.see('release.state.released');
    };
    const done = async () => {
      await worker.page.getByText(t('pilot.state.done')).first().waitFor({ timeout: JOB_MS_MAX });
      await worker.page.getByRole('heading', { name: t('pilot.result'), exact: true })
        .waitFor({ timeout: JOB_MS_MAX });
    };
    const demonstration = async (name, column) => {
      await worker.to('nav.pilots');
      await worker.page.getByRole('link', { name }).click();
      await worker.heading(name);
      await worker.button('pilot.demonstration.use_synthetic').click();
      await worker.page.locator(`#column-${column}`).waitFor();
      await worker.see('pilot.synthetic');
    };

    step('it goes by itself and waits for the second person', started);

    step('the result in the words of the field', async () => {
      await done();
      await worker.see('judged.readings');
      await worker.see('judged.benefit');
      await worker.page.getByText(language === 'en' ? 'Found (sensitivity)' : '查出率（灵敏度）').waitFor();
      await worker.see('dependence.hint');
      await worker.see('confusion.recall');
      await axe_check(worker.page, 'the result');
      // New rows are held against those of training from here.
      await worker.page.locator('#release option').nth(1).waitFor({ state: 'attached' });
      await worker.by_id('release').selectOption({ index: 1 });
      await worker.button('drift.start').click();
      await worker.page.getByText(t('drift.none_moved')).waitFor({ timeout: JOB_MS_MAX });
      await worker.see('pilot.result');
      await axe_check(worker.page, 'the result with drift');
      await worker.to('nav.pilots');
      await worker.see('pilot.runs');
    });

    step('survival: the value to be found is one of how it ended', async () => {
      await demonstration(language === 'en' ? 'Survival with biliary cirrhosis' : '肝硬化患者的生存', 'days');
      await worker.see('pilot.use.event');
      assert.equal(await worker.by_id('positive').inputValue(), '2');
      const shown = await worker.by_id('positive').locator('option').allInnerTexts();
      assert.ok(shown.some((text) => text.startsWith(language === 'en' ? 'dead' : '死亡')), shown.join());
      await started();
      await done();
      await worker.page.getByText(language === 'en' ? 'Ranking of risk (C-index)' : '风险排序（C 指数）').first().waitFor();
      await axe_check(worker.page, 'survival');
    });

    step('closed in time: both answers are offered, and the form has the words of the field', async () => {
      await demonstration(language === 'en' ? 'City requests closed in time' : '服务请求能否按时办结', 'closed');
      const words = language === 'en' ? ['late', 'in time (in_time)'] : ['超时 (late)', '按时 (in_time)'];
      assert.equal(await worker.by_id('positive').inputValue(), 'late');
      const offered = await worker.by_id('positive').locator('option').allInnerTexts();
      for (const word of words) assert.ok(offered.includes(word), offered.join());
      await started();
      await done();
      await axe_check(worker.page, 'closed in time');
      await worker.page.getByRole('link', { name: t('pilot.to_endpoint') }).click();
      await worker.by_id('value-descriptor').waitFor();
      const title = (column) => worker.page.locator(`label[for="value-${column}"]`);
      await title('descriptor').getByText(language === 'en' ? 'What it is about' : '具体事项', { exact: true }).waitFor();
      await title('agency').getByText(language === 'en' ? 'Agency' : '承办单位', { exact: true }).waitFor();
      await title('created').getByText(language === 'en' ? 'Opened' : '受理时间', { exact: true }).waitFor();
      await worker.by_id('value-agency').selectOption('住建局');
      await worker.button('try.submit').click();
      await worker.see('try.reasons');
      const shares = await worker.page.locator('ul.top li').allInnerTexts();
      for (const word of words) assert.ok(shares.some((text) => text.startsWith(word)), shares.join());
      const reasons = (await worker.page.locator('.reasons li').allInnerTexts()).join('\n');
      assert.ok(reasons.includes(language === 'en' ? 'Agency' : '承办单位') && !reasons.includes('agency'), reasons);
      await axe_check(worker.page, 'the form of a pilot');
    });

    step('tickets: the department of a sentence', async () => {
      await demonstration(language === 'en' ? "Routing of citizens' tickets" : '工单分派', 'department');
      await started();
      await done();
      await worker.page.getByText(language === 'en' ? 'Routed right at once' : '一次派对的比例').first().waitFor();
      await axe_check(worker.page, 'tickets');
      await worker.page.getByRole('link', { name: t('pilot.to_endpoint') }).click();
      await worker.page.getByRole('heading', { level: 1 }).waitFor();
      for (const one of [officer, worker, other]) assert.deepEqual(one.wrong, []);
    });
  });
}
