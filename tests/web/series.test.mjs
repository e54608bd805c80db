// A forecast from the pages: asked for on the train page, judged beside simple rules with a fan
// chart, and what follows the release as a file.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { JOB_MS_MAX, axe_check, sentences } from './house.mjs';
import { Place } from './way.mjs';

const HOURS = 24 * 7 * 5;
function traffic(from = 0, until = HOURS, moved = 0) {
  const lines = ['when,flow'];
  for (let i = from; i < until; i++) {
    const at = new Date(Date.UTC(2025, 0, 6) + i * 3_600_000).toISOString().slice(0, 19).replace('T', ' ');
    lines.push(`${at},${Math.round(500 + 300 * Math.sin((((i + (i < HOURS ? 0 : moved)) % 24) - 6) / 24 * 2 * Math.PI) + 40 * Math.sin(i / 31) + (i * 7919) % 23)}`);
  }
  return lines.join('\n') + '\n';
}

for (const language of ['zh-CN', 'en']) {
  describe(`series in ${language}`, { concurrency: 1 }, () => {
    const t = sentences(language);
    let place, chief, who, release;

    before(async () => {
      place = await Place.open(language);
      chief = await place.first();
      who = await place.join(chief, 'zhang.wei', '张伟', ['data', 'research']);
      const reviewer = await place.join(chief, 'wang.fang', '王芳', ['data']);
      release = await who.release('Traffic', traffic(), reviewer);
    });
    after(() => place?.close());

    test('asked for on the train page', async () => {
      await who.go(`/train?release=${release}`, 'train');
      await who.by_id('target').selectOption('flow');
      await who.by_id('series').check();
      await who.by_id('series-horizons').fill('0');
      await who.button('train.start').click();
      await who.see('series.bad_horizons');
      await who.by_id('series-horizons').fill('1, 24');
      await axe_check(who.page, 'train a forecast');
      await who.button('train.start').click();
      await who.page.waitForURL(/\/models\/\d+$/);
      await who.page.getByText(t('series.backtest')).first().waitFor({ timeout: JOB_MS_MAX });
      await axe_check(who.page, 'the forecast\'s scorecard');
      await who.see('series.ahead_text', { time: '2025-02-09 23:00:00' });
      assert.equal(await who.page.locator('svg.fan').count(), 2);
      const next = await who.page.getByRole('region', { name: t('series.ahead'), exact: true })
        .locator('tbody tr').allInnerTexts();
      assert.deepEqual(next.map((line) => line.split('\t')[1]), ['2025-02-10 00:00:00', '2025-02-10 23:00:00']);
      const rows = await who.page.getByRole('region', { name: t('series.backtest') }).locator('tbody tr').count();
      assert.equal(rows, 8); // two horizons: the model and three rules each
      await fits(t('series.backtest'));
      // What it learns from is told in words, none by its short name.
      const bars = await who.page.locator('.bars-name').allInnerTexts();
      const charts = bars.join('\n');
      assert.ok(charts.includes(t('series.of.place', { time: t('series.days', { days: 1 }) })), charts);
      assert.ok(charts.includes(t('series.of.latest')), charts);
      assert.doesNotMatch(charts, /^(lag|change|mean|least|largest|spread|season|cycle|now|then)[:_]/m);
    });

    // As wide as it may be beside the navigation of a screen of 1280 pixels.
    async function fits(name) {
      const size = who.page.viewportSize();
      await who.page.setViewportSize({ width: 1280, height: 800 });
      const [inner, outer] = await who.page.getByRole('region', { name }).first()
        .evaluate((region) => [region.scrollWidth, region.clientWidth]);
      assert.ok(inner <= outer, `${name}: ${inner} of ${outer}`);
      await who.page.setViewportSize(size);
    }

    test('later data is held against the forecasts that were made in the backtest', async () => {
      await who.tab('model.tab.drift');
      await who.see('drift.about_forecast');
      await who.page.locator('input[type=file]').setInputFiles({
        name: 'later.csv', mimeType: 'text/csv', buffer: Buffer.from(traffic(HOURS - 400, HOURS + 24 * 14, 7)),
      });
      await who.button('drift.start').click();
      await who.page.getByText(t('drift.forecast.worse')).waitFor({ timeout: JOB_MS_MAX });
      await who.see('drift.forecast_span', { trained_to: '2025-02-09 23:00:00', from: '2025-02-10 00:00:00', to: '2025-02-23 23:00:00', steps: '336' });
      const rows = await who.page.getByRole('region', { name: t('drift.forecast_title') }).locator('tbody tr').allInnerTexts();
      assert.equal(rows.length, 3); // two horizons, and both together
      assert.ok(rows.slice(1).every((row) => row.includes(t('drift.verdict.worse'))), rows.join('\n'));
      await fits(t('drift.forecast_title'));
      await axe_check(who.page, 'drift of a forecast');
      await who.page.locator('.tabs').first().getByRole('link', { name: t('model.tab.scorecard'), exact: true }).click();
    });

    test('what follows the release comes down as a file', async () => {
      await who.page.locator('.tabs').first().getByRole('link', { name: t('series.tab'), exact: true }).click();
      await who.button('series.from_release').click();
      const link = who.page.getByRole('link', { name: t('file.download') });
      await link.waitFor({ timeout: JOB_MS_MAX });
      const text = await who.page.evaluate(async (href) => (await fetch(href)).text(), await link.getAttribute('href'));
      assert.equal(text.trim().split('\n').length, 3);
      assert.match(text, /^\uFEFF?series,time,horizon,value,low_80/);
      await axe_check(who.page, 'the forecast');
    });

    test('a pilot tells what comes next in the words of its field', async () => {
      const run = await who.api('POST', '/pilots/transport-flow/runs',
        { name: 'bridge', release, mapping: { time: 'when', volume: 'flow' } });
      for (const start = Date.now(); Date.now() - start < JOB_MS_MAX; await who.page.waitForTimeout(100)) {
        if ((await who.api('GET', `/pilot-runs/${run.id}`)).state !== 'running') break;
      }
      await who.go(`/pilot-runs/${run.id}`);
      await who.see('series.ahead_text', { time: '2025-02-09 23:00:00' });
      assert.equal(await who.page.locator('svg.fan').count(), 2);
      await who.see('series.backtest');
      await axe_check(who.page, 'a pilot\'s forecast');
      await who.page.getByRole('link', { name: t('pilot.to_endpoint') }).click();
      await who.heading('bridge');
      // Asked with a history: no form of single rows.
      await who.page.locator('.tabs [aria-current]').getByText(t('series.tab')).waitFor();
      assert.equal(await who.page.getByRole('link', { name: t('endpoint.tab.try'), exact: true }).count(), 0);
      await who.see('pilot.serve_series');
      await axe_check(who.page, 'a forecast served');
      await who.go(`/pilot-runs/${run.id}`);
      await who.page.locator('.card').getByRole('link', { name: t('series.tab'), exact: true }).click();
      await who.button('series.from_release').waitFor();
      who.calm();
    });

    // Five detectors along a road, every five minutes; the names of the columns are numbers.
    function speeds() {
      const lines = ['采集时间,1101,1102,1103,1104,1105'];
      for (let i = 0; i < 288 * 8; i++) {
        const time = new Date(Date.UTC(2025, 2, 3) + i * 300_000).toISOString().slice(0, 19).replace('T', ' ');
        lines.push([time, ...[0, 1, 2, 3, 4].map((k) => (60 + 8 * Math.sin((i - 2 * k) / 46) + (i * 7919 + k) % 5).toFixed(1))].join(','));
      }
      return lines.join('\n') + '\n';
    }

    test('a second file says which detectors are neighbours', async () => {
      const file = (name, text) => ({ name, mimeType: 'text/csv', buffer: Buffer.from(text) });
      const { graph } = await who.api('GET', '/pilots/transport-speeds');
      await who.go('/pilots/transport-speeds', 'speeds');
      await who.page.locator('input[type=file]').setInputFiles(file('speeds.csv', speeds()));
      const card = who.page.locator('.card', { has: who.page.getByRole('heading', { name: graph.title[language], exact: true }) });
      await card.getByText(t('pilot.graph_none')).waitFor();
      await axe_check(who.page, 'a pilot with a graph');
      const give = async (name, text) => {
        await card.locator('input[type=file]').setInputFiles(file(name, text));
        await card.locator('.sending-complete', { hasText: name }).waitFor();
        await who.button('pilot.start').click();
      };
      who.allowed.add(400);
      await give('bad.csv', '1101,1102,1\n1102,1103,near\n');
      await who.see('series.bad_graph', { row: '2' });
      await axe_check(who.page, 'a bad graph');
      await give('graph.csv', 'from,to,weight\n1101,1102,1\n1102,1103,1\n1103,1104,1\n1104,1105,1\n');
      await who.page.waitForURL(/\/pilot-runs\/\d+$/);
      const id = who.page.url().split('/').pop();
      assert.equal((await who.api('GET', `/pilot-runs/${id}`)).graph, true);
      await who.api('POST', `/pilot-runs/${id}/cancel`, {});
    });
  });
}
