// The calendar on its page: an empty week, a reservation made from a cell by keyboard, refused with
// who is in the way, changed, deleted and taken back by undo; a weekly one; a job told to run in it;
// by the day, in the dark, on paper and on a narrow screen.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { axe_check, hospital_file, sentences } from './house.mjs';
import { Place } from './way.mjs';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const local = (ms) => new Date(ms - new Date(ms).getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
const day = (ms) => local(ms).slice(0, 10);

for (const language of ['zh-CN', 'en']) {
  describe(`calendar in ${language}`, { concurrency: 1 }, () => {
    const t = sentences(language);
    // Noon of the day after tomorrow: never in the past, and with room to both sides.
    const noon = new Date(new Date().setHours(12, 0, 0, 0)).getTime() + 2 * DAY_MS;
    const week = `/calendar?view=week&date=${day(noon)}`;
    let place, boss;
    const fill = async (title, from, until, cpu = '1') => {
      await boss.by_id('title').fill(title);
      await boss.by_id('from_ms').fill(local(from));
      await boss.by_id('until_ms').fill(local(until));
      await boss.by_id('amount-cpu_milli').fill(cpu);
      await boss.by_id('amount-memory_mib').fill('1');
    };
    const keep = () => boss.button('reservation.keep').click();
    const entry = (title) => boss.page.getByRole('gridcell').getByRole('button', { name: title, exact: true });
    const undo = async (key) => {
      await boss.see(key);
      await boss.page.locator('.toast').last().getByRole('button', { name: t('action.undo') }).click();
    };
    const open = () => boss.page.evaluate(async () =>
      (await (await fetch('/api/v1/reservations?open=true')).json()).items);
    const until = async (good) => {
      for (let i = 0; i < 100; i++) {
        const items = await open();
        if (good(items)) return items;
        await new Promise((done) => { setTimeout(done, 50); });
      }
      return assert.fail(JSON.stringify(await open()));
    };

    before(async () => {
      place = await Place.open(language);
      boss = await place.first(); // system and security
    });
    after(() => place?.close());

    test('an empty week says what would stand there', async () => {
      await boss.to('nav.calendar');
      await boss.see('calendar.none');
      await boss.go(week);
      assert.equal(await boss.page.getByRole('gridcell').count(), 7 * 12);
      boss.calm();
    });

    test('by keyboard: from a cell to a reservation that is kept', async () => {
      const cell = boss.page.locator('td[tabindex="0"]');
      await cell.focus();
      await boss.page.keyboard.press('Home');
      await boss.page.keyboard.press('ArrowRight');
      await boss.page.keyboard.press('ArrowDown');
      await boss.page.keyboard.press('ArrowUp');
      const label = await cell.getAttribute('aria-label');
      assert.match(label, /08:00/);
      assert.equal(await boss.page.evaluate(() => document.activeElement.getAttribute('aria-label')), label);
      await boss.page.keyboard.press('Enter');
      await boss.by_id('title').waitFor();
      assert.match(await boss.by_id('from_ms').inputValue(), /T08:00$/);
      assert.match(await boss.by_id('until_ms').inputValue(), /T10:00$/);
      await axe_check(boss.page, 'reservation form');
      await keep();
      await boss.page.locator('.summary').first().waitFor(); // no title
      await fill('肿瘤组', noon, noon + 3 * HOUR_MS);
      await boss.by_id('title').press('Enter');
      await boss.see('reservation.saved');
      await entry('肿瘤组').waitFor();
      await boss.page.getByText(t('calendar.goes_on', { name: '肿瘤组' })).first().waitFor();
      await axe_check(boss.page, 'calendar with a slot');
      boss.calm();
    });

    test('who is in the way is said', async () => {
      boss.allowed.add(409);
      await boss.page.locator('.page-head').getByRole('button', { name: t('reservation.add') }).click();
      await fill('夜班', noon + HOUR_MS, noon + 2 * HOUR_MS, '10000');
      boss.allowed.add(413);
      await keep();
      await boss.see('reservation.too_large');
      const { cpu } = await boss.page.evaluate(async () =>
        ({ cpu: (await (await fetch('/api/v1/system')).json()).capacity.cpu_milli / 1000 }));
      await boss.by_id('amount-cpu_milli').fill(String(cpu));
      await keep();
      await boss.page.locator('.summary').getByText(t('reservation.taken', { detail: '肿瘤组' })).waitFor();
      await axe_check(boss.page, 'refused');
      await boss.button('action.cancel').click();
      boss.calm();
    });

    test('changed, deleted, and both taken back', async () => {
      await entry('肿瘤组').click();
      await boss.by_id('title').fill('肿瘤二组');
      await keep();
      await entry('肿瘤二组').waitFor();
      await undo('reservation.saved');
      await entry('肿瘤组').waitFor();
      await entry('肿瘤组').click();
      await boss.button('reservation.delete').click();
      await boss.see('reservation.deleted');
      await until((items) => items.length === 0);
      await undo('reservation.deleted');
      const [back] = await until((items) => items.length === 1);
      assert.deepEqual([back.title, back.from_ms, back.until_ms, back.state], ['肿瘤组', noon, noon + 3 * HOUR_MS, 'kept']);
      await entry('肿瘤组').waitFor();
      boss.calm();
    });

    test('every week', async () => {
      await boss.page.locator('.page-head').getByRole('button', { name: t('reservation.add') }).click();
      await fill('周会', noon - 3 * HOUR_MS, noon - HOUR_MS);
      await boss.by_id('weekly').check();
      await boss.by_id('weekly_until_ms').fill(local(noon + 30 * DAY_MS));
      await keep();
      await entry('周会').waitFor();
      for (let i = 0; i < 4; i++) {
        await boss.page.getByRole('link', { name: t('calendar.after'), exact: true }).click();
        await entry('周会').waitFor();
      }
      await boss.page.getByRole('link', { name: t('calendar.after'), exact: true }).click();
      await boss.see('calendar.none');
      boss.calm();
    });

    test('a job is told to run in it, and its page says so', async () => {
      const officer = await place.join(boss, 'zhang.wei', '张伟', ['data']);
      await officer.to('nav.import');
      await officer.upload(hospital_file(place.folder));
      await officer.page.getByRole('link', { name: t('import.continue'), exact: true }).click();
      await officer.page.locator('#encoding').waitFor();
      await officer.by_id('name').fill('预留');
      await officer.page.locator('details.advanced summary').getByText(t('when.title'), { exact: true }).click();
      await officer.by_id('reservation').selectOption({ index: 1 });
      await axe_check(officer.page, 'job in a reservation');
      await officer.button('look.import').click();
      await officer.see('job.reason.reservation');
      const job = await officer.page.evaluate(async () =>
        (await (await fetch('/api/v1/jobs?size=1')).json()).items[0]);
      await officer.go(`/jobs/${job.id}`);
      await officer.see('when.reservation');
      await officer.go(week);
      await officer.page.getByText('肿瘤组', { exact: true }).first().waitFor();
      assert.equal(await officer.page.getByRole('gridcell').getByRole('button', { name: '肿瘤组' }).count(), 0, 'another\'s');
      officer.calm();
      boss.calm();
    });

    test('by the day, in the dark, on paper, on a narrow screen', async () => {
      await boss.go(week);
      await boss.tab('calendar.day');
      assert.equal(await boss.page.getByRole('gridcell').count(), 24);
      await entry('肿瘤组').waitFor();
      await boss.page.emulateMedia({ colorScheme: 'dark' });
      await axe_check(boss.page, 'calendar in the dark');
      await boss.page.emulateMedia({ colorScheme: null, media: 'print' });
      assert.equal(await boss.page.locator('.side').isVisible(), false);
      assert.equal(await entry('肿瘤组').isVisible(), true);
      await boss.page.emulateMedia({ media: null });
      await boss.page.setViewportSize({ width: 360, height: 740 });
      await boss.go(week);
      const wide = await boss.page.evaluate(() =>
        document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.ok(wide <= 0, `${wide} px too wide`);
      boss.calm();
    });
  });
}
