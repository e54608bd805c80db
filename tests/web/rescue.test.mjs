// The page of a box that cannot open its database: why, the copies, a wrong code at its field, one
// that does not pass its check, and a good one, after which the sign-in comes by itself.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { brokenMade, garbage, Keeper } from '../api/lib/rescue.mjs';
import { axe_check, browser_open, page_open, sentences } from './house.mjs';
import { Visitor } from './way.mjs';

for (const language of ['zh-CN', 'en']) {
  describe(`the rescue in ${language}`, { concurrency: 1 }, () => {
    const t = sentences(language);
    let broken, keeper, browser, who;
    const choice = (i) => who.by_id(`copy-${broken.copies[i].name}`);
    const code_give = async (code) => {
      await who.by_id('code').fill(code);
      await who.button('machine.restore').click();
    };

    before(async () => {
      broken = await brokenMade();
      browser = await browser_open();
      keeper = await Keeper.start(broken.folder);
      who = new Visitor(await page_open(browser, keeper, language), keeper, t);
      // Refused on purpose: everything but the rescue, a wrong code, a service that is not back yet.
      for (const status of [401, 403, 503]) who.allowed.add(status);
    });
    after(async () => {
      await browser?.close();
      await keeper?.close();
    });
    // A browser tells of each call that found nobody; those are what the page waits for.
    const calm = () => {
      const left = who.wrong.filter((line) => !/ERR_(CONNECTION|EMPTY|SOCKET|NETWORK)/.test(line));
      assert.deepEqual(left, []);
    };

    test('whatever address is asked for, it says what is wrong and which copies there are', async () => {
      await who.go('/datasets', 'rescue');
      await who.heading(t('rescue.title'));
      await who.page.getByRole('alert').getByText(t('store.damaged').split('{')[0].trim()).waitFor();
      await who.see('store.damaged.hint');
      assert.equal(await who.page.getByRole('radio').count(), broken.copies.length);
      assert.ok(await choice(0).isChecked());
      for (const { name } of broken.copies) await who.page.getByText(`${name} · `).waitFor();
      await who.see('rescue.screen');
      await axe_check(who.page, 'rescue');
      calm();
    });

    test('a missing code and a wrong one are told at the field', async () => {
      await who.button('machine.restore').click();
      await who.see('form.missing', { label: t('rescue.code') });
      await code_give('aaaa-bbbb-cccc');
      await who.see('rescue.wrong_code');
      await axe_check(who.page, 'a wrong code');
      assert.ok(!keeper.init.asked.some((packet) => packet.do === 'restore'));
      calm();
    });

    test('a copy that does not pass is told of, and the page goes on', async () => {
      garbage(join(broken.data, 'backups', broken.copies[0].name, 'data.mdb'));
      await code_give(keeper.box.ready.code);
      await who.see('rescue.running');
      await axe_check(who.page, 'a copy that takes the place');
      await who.page.getByText(t('backup.copy_bad').split('{')[0].trim()).waitFor();
      await who.heading(t('rescue.title'));
      calm();
    });

    test('a good copy is restored, and the sign-in comes by itself', async () => {
      await choice(1).check();
      await code_give(keeper.box.ready.code);
      await who.see('rescue.running');
      await who.heading(t('signin.title'));
      assert.equal(keeper.init.asked.filter((packet) => packet.do === 'restore').at(-1).copy, broken.copies[1].name);
      await who.by_id('name').fill('admin');
      await who.by_id('password').fill(broken.admin.password);
      await who.button('signin.submit').click();
      await who.heading(t('home.title', { name: '管理员' }));
      calm();
    });
  });
}
