// What holds for the pages as such: the weight of the first load, narrow screens, a page that does
// not exist, an address opened before signing in, the language that is remembered, the dark theme.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { axe_check, browser_open, house_open, page_open, sentences } from './house.mjs';
import { PASSWORD, Visitor } from './way.mjs';

const FIRST_LOAD_BYTES_MAX = 60 * 1024;

describe('the pages', { concurrency: 1 }, () => {
  const t = sentences('zh-CN');
  let house, browser, who;

  before(async () => {
    house = await house_open();
    browser = await browser_open();
    who = new Visitor(await page_open(browser, house, 'zh-CN'), house, t);
  });
  after(async () => {
    await browser?.close();
    await house?.close();
  });

  test('the first load is light', async () => {
    const session = await who.context.newCDPSession(who.page);
    await session.send('Network.enable');
    let bytes = 0;
    session.on('Network.loadingFinished', (event) => { bytes += event.encodedDataLength; });
    await who.page.goto(house.origin, { waitUntil: 'networkidle' });
    await who.heading(t('setup.title'));
    assert.ok(bytes > 10_000 && bytes <= FIRST_LOAD_BYTES_MAX, `${bytes} bytes`);
  });

  test('the language is remembered', async () => {
    await who.page.getByRole('button', { name: 'English' }).click();
    const en = sentences('en');
    await who.heading(en('setup.title'));
    await who.page.reload();
    await who.heading(en('setup.title'));
    await who.page.getByRole('button', { name: '中文' }).click();
    await who.heading(t('setup.title'));
    who.calm();
  });

  test('signing in leads to where one wanted to go', async () => {
    await who.set_up('li.na', '李娜');
    await who.sign_out();
    await who.page.goto(`${house.origin}/people?page=1`);
    await who.heading(t('signin.title'));
    await who.by_id('name').fill('li.na');
    await who.by_id('password').fill(PASSWORD);
    await who.button('signin.submit').click();
    await who.heading(t('nav.people'));
    assert.equal(new URL(who.page.url()).pathname, '/people');
  });

  test('an address without a page says so', async () => {
    await who.go('/no/such/page');
    await who.see('missing.text');
  });

  test('a dataset that is not there is told in words', async () => {
    const password = await (async () => {
      await who.to('nav.people');
      return who.make_person('zhang.wei', '张伟', ['data']);
    })();
    await who.sign_out();
    await who.sign_in('zhang.wei', password, true);
    who.allowed.add(404);
    await who.go('/datasets/999');
    await who.page.locator('.notice-bad').waitFor();
    assert.ok(!(await who.page.locator('.notice-bad').innerText()).includes('('), 'has a sentence');
    who.calm();
  });

  test('each role is offered only pages that open for it', async () => {
    await who.sign_out();
    await who.sign_in('li.na', PASSWORD);
    for (const role of ['system', 'security', 'audit', 'data', 'research']) {
      await who.to('nav.people');
      const password = await who.make_person(`only.${role}`, role, [role]);
      const one = new Visitor(await page_open(browser, house, 'zh-CN'), house, t);
      await one.sign_in(`only.${role}`, password, true);
      const names = await one.page.locator('.nav a').allInnerTexts();
      for (const name of names) {
        await one.page.locator('.nav').getByRole('link', { name: name.trim(), exact: true }).click();
        await axe_check(one.page, `${name} as ${role}`);
        assert.equal(await one.page.locator('.notice-bad').count(), 0, `${name} as ${role}`);
        assert.equal(await one.page.getByText(t('denied.text')).count(), 0, `${name} as ${role}`);
      }
      one.calm();
      await one.context.close();
    }
    await who.sign_out();
    await who.sign_in('zhang.wei', PASSWORD);
  });

  test('narrow and dark', async () => {
    const state = await who.context.storageState();
    const opened = await page_open(browser, house, 'zh-CN', {
      storageState: state, viewport: { width: 360, height: 740 }, colorScheme: 'dark',
    });
    const narrow = new Visitor(opened, house, t);
    for (const path of ['/', '/import', '/datasets', '/releases', '/jobs', '/resources', '/share', '/vouchers',
      '/account']) {
      await narrow.go(path);
      const wide = await narrow.page.evaluate(() =>
        document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.ok(wide <= 0, `${path} is ${wide} px too wide`);
    }
    await narrow.button('nav.menu').click();
    await narrow.page.getByRole('link', { name: t('nav.datasets'), exact: true }).click();
    await narrow.heading(t('nav.datasets'));
    narrow.calm();
  });
});
