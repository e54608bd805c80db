// A model put to use on the pages: asked by its form with reasons in words, another version, back
// again, a shadow compared and promoted, who used it; and a search whose best becomes a model.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { JOB_MS_MAX, axe_check, sentences } from './house.mjs';
import { Place } from './way.mjs';

function patients(count) {
  const lines = ['age,pressure,ward,outcome'];
  for (let i = 0; i < count; i++) {
    const age = 20 + (i * 37) % 60, pressure = 90 + (i * 53) % 80;
    const ill = (age - 50) / 20 + (pressure - 130) / 30 + ((i * 7919) % 100) / 100 - 0.5 > 0;
    lines.push(`${age},${pressure},${'ABCD'[i % 4]},${ill ? 'ill' : 'well'}`);
  }
  return lines.join('\n') + '\n';
}

for (const language of ['zh-CN', 'en']) {
  describe(`endpoints in ${language}`, { concurrency: 1 }, () => {
    const t = sentences(language);
    let place, chief, who, release;
    const models = [];
    const train = async (name, options) => {
      const made = await who.api('POST', `/releases/${release}/models`, { name, target: 'outcome', options });
      await who.job_done(made.job.id);
      models.push(made.model.id);
    };

    before(async () => {
      place = await Place.open(language);
      chief = await place.first();
      who = await place.join(chief, 'zhang.wei', '张伟', ['data', 'research']);
      release = await who.release('Patients', patients(600), chief);
    });
    after(() => place?.close());

    test('nothing is there yet, and the page says what to do', async () => {
      await who.to('nav.endpoints');
      await who.see('endpoints.empty');
      await axe_check(who.page, 'no endpoints');
      await who.go('/searches');
      await who.see('searches.empty');
      await axe_check(who.page, 'no searches');
    });

    test('a model is put to use and asked by its form, with reasons in words', async () => {
      await train('first', { trees: 20 });
      await train('second', { trees: 3, depth: 2 });
      await who.go(`/models/${models[0]}`);
      await who.button('endpoint.put').click();
      await who.by_id('dialog-input').fill('risk');
      await who.page.getByRole('dialog').getByRole('button', { name: t('endpoint.put') }).click();
      await who.heading('risk');
      await who.by_id('value-age').fill('200');
      await who.by_id('value-pressure').fill('160');
      await who.button('try.submit').click();
      await who.see('try.reasons');
      const reasons = await who.page.locator('.reasons li').allInnerTexts();
      assert.ok(reasons.length > 0 && reasons[0].includes('200') && reasons[0].includes('ill'), reasons[0]);
      await who.see('predict.out_of_range', { row: 1, detail: 'age' });
      await axe_check(who.page, 'an endpoint asked');
      who.allowed.add(400);
      await who.by_id('value-age').fill('');
      await who.button('try.submit').click();
      await who.see('try.reasons');
      who.calm();
    });

    test('a shadow is compared and takes over, and one step leads back', async () => {
      await who.tab('endpoint.tab.shadow');
      await axe_check(who.page, 'no shadow');
      await who.by_id('shadow-model').selectOption(String(models[1]));
      await who.button('endpoint.shadow_set').click();
      await who.see('endpoint.no_calls');
      const rows = Array.from({ length: 20 }, (_, i) => ({ age: 20 + 2 * i, pressure: 100 + 3 * i, ward: 'A' }));
      await who.api('POST', '/endpoints/risk/predict', { rows });
      await who.until('/endpoints/1/usage', (used) => used.versions.some((one) => one.shadow > 0 && one.calls > 0));
      await who.button('action.refresh').click();
      await who.see('endpoint.differ');
      await axe_check(who.page, 'a shadow compared');
      await who.button('endpoint.promote').click();
      await who.page.getByRole('dialog').getByRole('button', { name: t('endpoint.promote') }).click();
      await who.see('endpoint.shadow_choose');
      await who.tab('endpoint.tab.versions');
      await axe_check(who.page, 'versions');
      await who.button('endpoint.roll_back', { version: 1 }).click();
      await who.see('endpoint.pinned', { version: 1 });
      await who.button('endpoint.pin', { version: 2 }).waitFor();
      who.calm();
    });

    test('who used it, how to ask it, and off', async () => {
      await who.tab('endpoint.tab.usage');
      await who.page.getByText('zhang.wei').first().waitFor();
      await axe_check(who.page, 'usage');
      await who.tab('endpoint.tab.api');
      const code = await who.page.locator('pre, code').allInnerTexts();
      assert.ok(code.some((one) => /\/api\/v1\/endpoints\/\d+\/predict/.test(one)), code.join('\n'));
      await axe_check(who.page, 'examples');
      await who.button('endpoint.turn_off').click();
      await who.see('endpoint.off_notice');
      await axe_check(who.page, 'off');
      await who.button('endpoint.turn_on').click();
      await who.button('endpoint.turn_off').waitFor();
      await who.to('nav.endpoints');
      await who.page.getByRole('link', { name: 'risk' }).waitFor();
      await axe_check(who.page, 'endpoints');
      who.calm();
    });

    test('what trees keep to is chosen on the train page, and the model keeps to it', async () => {
      await who.go(`/train?release=${release}`, 'nav.train');
      await who.by_id('target').selectOption('outcome');
      await who.by_id('name').fill('shaped');
      await who.page.locator('summary').getByText(t('train.advanced')).click();
      assert.equal(await who.by_id('leaves').count(), 0);
      await who.by_id('grow-leaf').check();
      await who.by_id('leaves').fill('1');
      const pick = async (id, name) => {
        const box = who.page.locator('details.picker', { has: who.by_id(id) }).getByLabel(name, { exact: true });
        if (!(await box.isVisible())) await who.by_id(id).click();
        await box.check();
      };
      await pick('rise', 'age');
      await pick('fall', 'age');
      await who.button('train.start').click();
      await who.see('shape.both', { name: 'age' });
      await who.see('train.out_of_bounds', { label: t('option.leaves'), low: 2, high: '4,096' });
      await axe_check(who.page, 'train with a shape');
      await who.page.locator('details.picker', { has: who.by_id('fall') }).getByLabel('age', { exact: true }).uncheck();
      await who.by_id('leaves').fill('8');
      await who.button('shape.add_group').click();
      await pick('group-0', 'age');
      await pick('group-0', 'pressure');
      await who.button('train.start').click();
      await who.page.waitForURL(/\/models\/\d+$/);
      const id = new URL(who.page.url()).pathname;
      await who.until(id, (model) => model.state === 'ready');
      const { options } = (await who.api('GET', id)).scorecard;
      assert.deepEqual([options.grow, options.leaves, options.monotone, options.interactions],
        ['leaf', 8, { age: 1 }, [['age', 'pressure']]]);
      who.calm();
    });

    test('a search is begun where one trains, watched, and its best is a model', async () => {
      await who.go(`/train?release=${release}`, 'nav.train');
      await who.by_id('target').selectOption('outcome');
      await who.by_id('search').check();
      await who.by_id('tries').fill('0');
      await who.button('search.start').click();
      await who.see('search.bad_tries');
      await who.by_id('tries').fill('6');
      await axe_check(who.page, 'train with a search');
      await who.button('search.start').click();
      await who.page.getByText(t('search.state.done'), { exact: true }).first().waitFor({ timeout: JOB_MS_MAX });
      await who.see('search.picture');
      assert.equal(await who.page.locator('.parallel path').count(), 5);
      await axe_check(who.page, 'a search');
      await who.page.getByRole('link', { name: t('search.to_model') }).click();
      await who.button('endpoint.put').waitFor();
      await who.go('/searches');
      await axe_check(who.page, 'searches');
      who.calm();
    });
  });
}
