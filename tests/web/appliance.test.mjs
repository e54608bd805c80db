// The appliance's page: shown only where the box is one; state, settings with errors at their fields,
// the clock, an update from its file to its result, restart and the way back.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join, resolve, dirname } from 'node:path';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { after, before, describe, test } from 'node:test';
import { applianceOpen, Init } from '../api/lib/appliance.mjs';
import { axe_check, browser_open, house_open, page_open, sentences } from './house.mjs';
import { Visitor } from './way.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const program = process.env.COURTYARD ?? join(root, 'build/courtyard');

// A slot as PID 1 wants it: a FAT file system whose version.txt says what it is.
function update_file(folder, version) {
  const [image, key, text] = ['slot.img', 'key', 'version.txt'].map((name) => join(folder, name));
  const out = join(folder, `courtyard-${version}-x86_64.update`);
  writeFileSync(text, `${version} x86_64\n`);
  execFileSync('mformat', ['-C', '-i', image, '-T', '8192', '-h', '2', '-s', '32', '::']);
  execFileSync('mcopy', ['-i', image, text, '::version.txt']);
  execFileSync(program, ['appliance', 'key', '-o', key], { stdio: 'pipe' });
  execFileSync(program, ['appliance', 'bundle', image, '--version', version, '--arch', 'x86_64',
    '--key', key, '-o', out], { stdio: 'pipe' });
  return out;
}

for (const language of ['zh-CN', 'en']) {
  describe(`the appliance in ${language}`, { concurrency: 1 }, () => {
    const t = sentences(language);
    const init = new Init();
    let house, browser, who;
    const dialog = (key) => who.page.getByRole('dialog').getByRole('button', { name: t(key) });
    const asked = (deed) => init.asked.filter((packet) => packet.do === deed).at(-1);

    before(async () => {
      browser = await browser_open();
      house = await applianceOpen(program, init);
      who = new Visitor(await page_open(browser, house, language), house, t);
      await who.set_up('li.na', 'Li Na');
    });
    after(async () => {
      await browser?.close();
      await house?.close();
    });

    test('its state stands on the page', async () => {
      init.state.data.mended = true;
      await who.to('nav.appliance');
      await who.heading(t('nav.appliance'));
      await who.see('appliance.console.system_slot', { version: '0.1.0', slot: 'A' });
      await who.see('appliance.console.data_mended');
      await who.see('machine.no_history');
      await who.see('machine.time_same');
      await axe_check(who.page, 'appliance');
      init.state.data.mended = false;
      who.calm();
    });

    test('a wrong setting is told at its field; a right one is saved, and the new address shown', async () => {
      await who.by_id('network-fixed').check();
      await who.by_id('address').fill('192.168.1');
      await who.by_id('hostname').fill('ward-3');
      who.allowed.add(400);
      await who.button('action.save').click();
      await who.page.locator('#address-error').getByText(t('machine.wrong_address')).waitFor();
      await axe_check(who.page, 'appliance with an error');
      // By keyboard, from the summary to the field.
      await who.page.locator('.summary a').press('Enter');
      assert.equal(await who.page.evaluate(() => document.activeElement.id), 'address');
      await who.by_id('address').fill('192.168.1.10/24');
      await who.by_id('address').press('Enter');
      await who.page.getByRole('link', { name: '192.168.1.10', exact: true }).waitFor();
      assert.deepEqual(init.state.settings,
        { hostname: 'ward-3', language: 'zh-CN', address: '192.168.1.10/24', gateway: '' });
      who.calm();
    });

    test('a clock that is behind is set to the browser\'s', async () => {
      init.state.time_ms = Date.now() - 3600_000;
      await who.button('action.refresh').click();
      await who.page.waitForFunction((text) => document.body.innerText.includes(text),
        t('machine.time_behind', { apart: '|' }).split('|')[0].trim());
      await who.button('machine.time_set').click();
      await who.see('appliance.console.done_time');
      assert.ok(Math.abs(asked('time').ms - Date.now()) < 600_000);
      who.calm();
    });

    test('an older version is shown, confirmed, written and told of', async () => {
      const file = update_file(house.folder, '0.0.7');
      await who.page.locator('input[type=file]').setInputFiles(file);
      await who.see('machine.signer');
      await axe_check(who.page, 'an update that was looked at');
      await who.button('machine.downgrade').click();
      await dialog('action.cancel').click();
      assert.equal(asked('update'), undefined);
      await who.button('machine.downgrade').click();
      await dialog('machine.downgrade').click();
      await who.page.getByRole('progressbar', { name: t('machine.work.update') }).waitFor();
      assert.equal(asked('update').downgrade, true);
      Object.assign(init.state.work, { phase: 'write', done: 30, total: 90 });
      await who.see('phase.write');
      await axe_check(who.page, 'an update that is written');
      init.events = [{ at: Date.now(), event: 'update', from: '0.1.0', to: '0.0.7', slot: 'b', result: 'ok' }];
      init.state.work.running = false;
      Object.assign(init.state.slots, { trial: true, b: { usable: true, version: '0.0.7' } });
      await who.see('appliance.console.done_update');
      await who.see('machine.next', { version: '0.0.7' });
      await who.see('machine.event.update');
      await who.page.waitForFunction(async () => !document.querySelector('.sending'));
      who.calm();
    });

    test('one that failed says why, and what to do', async () => {
      init.state.work = { name: 'update', running: false, phase: 'verify', done: 1, total: 9,
        fault: { code: 'appliance.update_signature', detail: '' } };
      await who.button('action.refresh').click();
      await who.see('appliance.update_signature.hint');
      await axe_check(who.page, 'an update that failed');
      who.calm();
    });

    test('a restart is confirmed, waited for, and the page comes back', async () => {
      await who.button('appliance.console.restart').click();
      await axe_check(who.page, 'the question before a restart');
      await dialog('appliance.console.restart').click();
      await who.see('machine.restarting_hint');
      assert.ok(asked('restart'));
      await axe_check(who.page, 'a restart that is waited for');
      init.state.up_s = 1;
      init.state.slots = { running: 'b', confirmed: false, a: { usable: true, version: '0.1.0' }, b: { usable: true, version: '0.0.7' } };
      await who.button('appliance.console.restart').waitFor();
      await who.see('machine.unconfirmed');
      await who.button('appliance.console.power_off').click();
      await dialog('appliance.console.power_off').click();
      await who.see('machine.off_hint');
      who.calm();
    });
  });
}

test('a box that is no appliance has no such page in its navigation, and says so', async () => {
  const t = sentences('en');
  const house = await house_open();
  const browser = await browser_open();
  const who = new Visitor(await page_open(browser, house, 'en'), house, t);
  await who.set_up('li.na', 'Li Na');
  await who.to('nav.system');
  assert.equal(await who.page.getByRole('link', { name: t('nav.appliance'), exact: true }).count(), 0);
  await who.go('/appliance');
  await who.see('server.no_appliance.hint');
  who.calm();
  await browser.close();
  await house.close();
});
