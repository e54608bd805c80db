// A target out of two dates on the train page: what is missing or cannot be is said at its field;
// in time or late, and how long it takes; the end is no column to predict from.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { axe_check, sentences } from './house.mjs';
import { Place } from './way.mjs';

const HOUR = 3_600_000;
function requests(rows) {
  const lines = ['opened,kind,closed'];
  const text = (ms) => new Date(ms).toISOString().slice(0, 16).replace('T', ' ');
  for (let i = 0; i < rows; i++) {
    const at = Date.UTC(2026, 0, 1) + i * HOUR, ended = at + ((i % 2 ? 4 : 40) + (i * 7919) % 17) * HOUR;
    lines.push(`${text(at)},${['road', 'lamp'][i % 2]},${ended < Date.UTC(2026, 0, 1) + rows * HOUR ? text(ended) : ''}`);
  }
  return lines.join('\n') + '\n';
}

for (const language of ['zh-CN', 'en']) {
  describe(`dates in ${language}`, { concurrency: 1 }, () => {
    const t = sentences(language);
    let place, chief, who, release;
    const model_of_page = async () => {
      await who.page.waitForURL(/\/models\/\d+$/);
      return who.until(new URL(who.page.url()).pathname, (model) => model.state !== 'training');
    };

    before(async () => {
      place = await Place.open(language);
      chief = await place.first();
      who = await place.join(chief, 'zhang.wei', '张伟', ['data', 'research']);
      release = await who.release('Requests', requests(600), chief);
    });
    after(() => place?.close());

    test('in time or late: asked for on the train page', async () => {
      await who.go(`/train?release=${release}`, 'nav.train');
      await who.by_id('target').selectOption({ label: t('dates.choose') });
      await who.by_id('name').fill('in time');
      await who.by_id('within').fill('0');
      await who.button('train.start').click();
      await who.see('form.missing', { label: t('dates.start') });
      await who.see('train.bad_within');
      await axe_check(who.page, 'dates that lack');
      await who.by_id('start').selectOption('opened');
      await who.by_id('end').selectOption('opened');
      await who.button('train.start').click();
      await who.see('dates.same');
      await who.by_id('end').selectOption('closed');
      assert.equal(await who.by_id('feature-closed').count(), 0, 'the end teaches nothing');
      assert.equal(await who.by_id('feature-opened').count(), 1);
      await who.by_id('unit').selectOption('hours');
      await who.by_id('within').fill('24');
      await who.by_id('target-name').fill('kind');
      who.allowed.add(400);
      await who.button('train.start').click();
      await who.see('train.target_taken', { detail: 'kind' });
      await who.by_id('target-name').fill('');
      await axe_check(who.page, 'train with dates');
      await who.button('train.start').click();
      const model = await model_of_page();
      assert.equal(model.state, 'ready');
      assert.equal(model.target, t('dates.within_name'));
      assert.deepEqual(model.classes, [t('dates.yes'), t('dates.no')]);
      assert.deepEqual(model.features.map((one) => one.name), ['opened', 'kind']);
      await who.page.reload();
      await who.see('train.end_left_out', { detail: 'closed' });
      who.calm();
    });

    test('how long it takes: what has not ended counts, too', async () => {
      await who.go(`/train?release=${release}`, 'nav.train');
      await who.by_id('target').selectOption({ label: t('dates.choose') });
      await who.by_id('name').fill('hours');
      await who.by_id('start').selectOption('opened');
      await who.by_id('end').selectOption('closed');
      await who.by_id('dates-kind-took').check();
      assert.equal(await who.by_id('within').count(), 0);
      await who.by_id('unit').selectOption('hours');
      await who.by_id('aim-survival').check();
      await who.by_id('event').selectOption('closed');
      await axe_check(who.page, 'train with a time out of dates');
      await who.button('train.start').click();
      const model = await model_of_page();
      assert.equal(model.scorecard.task, 'survival');
      assert.equal(model.target, t('dates.took_name'));
      assert.deepEqual(model.features.map((one) => one.name), ['opened', 'kind']);
      who.calm();
    });
  });
}
