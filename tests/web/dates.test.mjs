// A target out of two dates on the train page: what is missing or cannot be is said at its field;
// in time or late, and how long it takes; the end is no column to predict from.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { JOB_MS_MAX, axe_check, browser_open, house_open, page_open, sentences } from './house.mjs';
import { Visitor } from './way.mjs';

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
    let house, browser, chief, who, release;
    const api = (visitor, method, path, body) => visitor.page.evaluate(async ([m, p, b]) => {
      const raw = p.startsWith('/uploads/');
      const answer = await fetch(`/api/v1${p}`, {
        method: m, headers: { 'X-Courtyard': '1', ...(raw ? {} : { 'Content-Type': 'application/json' }) },
        body: b === undefined ? undefined : raw ? b : JSON.stringify(b),
      });
      if (!answer.ok) throw new Error(`${m} ${p}: ${await answer.text()}`);
      return answer.status === 204 ? null : answer.json();
    }, [method, path, body]);
    const until = async (what, good) => {
      for (const start = Date.now(); Date.now() - start < JOB_MS_MAX; await who.page.waitForTimeout(100)) {
        const seen = await api(who, 'GET', what);
        if (good(seen)) return seen;
      }
      assert.fail(`${what} is not as it should be`);
    };
    const model_of_page = async () => {
      await who.page.waitForURL(/\/models\/\d+$/);
      return until(new URL(who.page.url()).pathname, (model) => model.state !== 'training');
    };

    before(async () => {
      house = await house_open();
      browser = await browser_open();
      chief = new Visitor(await page_open(browser, house, language), house, t);
      await chief.set_up('li.na', 'Li Na');
      await chief.to('nav.people');
      const password = await chief.make_person('zhang.wei', '张伟', ['data', 'research']);
      who = new Visitor(await page_open(browser, house, language), house, t);
      await who.sign_in('zhang.wei', password, true);
      const text = requests(600);
      const { id } = await api(who, 'POST', '/uploads', { name: 'requests.csv', size: text.length });
      await api(who, 'PUT', `/uploads/${id}?offset=0`, text);
      const { dataset, job } = await api(who, 'POST', '/datasets', { name: 'requests', upload: id });
      await until(`/jobs/${job.id}`, (one) => one.state === 'done');
      const sheet = { title: 'Requests', purpose: 'test', source: 'made', licence: 'CC0', contact: '', limits: '', sensitivity: 'open' };
      release = (await api(who, 'POST', `/datasets/${dataset.id}/releases`, { sheet })).id;
      await api(chief, 'POST', `/releases/${release}/approve`, {});
    });
    after(async () => {
      await browser?.close();
      await house?.close();
    });

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
