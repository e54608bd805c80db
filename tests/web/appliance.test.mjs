// The appliance's page: shown only where the box is one; state, faults of the network, settings with
// errors at their fields, the clock, an update from its file or from a stick to its result, backups,
// restoring one, packs of libraries, the reset, restart and the way back.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join, resolve, dirname } from 'node:path';
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { after, before, describe, test } from 'node:test';
import { applianceOpen, Init } from '../api/lib/appliance.mjs';
import { axe_check, browser_open, house_open, page_open, sentences } from './house.mjs';
import { PASSWORD, Visitor } from './way.mjs';

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

const SIGNER = '0123 4567 89ab cdef';
const update_of = (name, version, more) => ({
  name, version, architecture: 'x86_64', build: 'b1', from: '0.0.0', signer: SIGNER, bytes: 4e7, older: false, ...more,
});
const STICK = {
  disk: 'sdb', model: 'DataTraveler', kind: 'vfat', bytes: 32 * 2 ** 30, free_bytes: 16 * 2 ** 30, backup_count: 9,
  backups: [
    { name: 'courtyard-20261126-010203-0.1.0.tar', at: 1795654923000, bytes: 5e6, version: '0.1.0' },
    { name: 'courtyard-20261125-010203.tar', at: 1795568523000, bytes: 4e6, version: '' },
  ],
  updates: [
    update_of('old.update', '0.0.7', { older: true }),
    update_of('bad.update', '0.2.0', { fault: { code: 'appliance.update_other_signer', detail: 'ffff eeee dddd cccc' } }),
  ],
  packs: [
    { file: 'demo.pack', name: 'demo', vendor: 'Demo', version: '1.0', architecture: 'x86_64', files: 2, bytes: 5e8, signer: SIGNER },
    { file: 'bad.pack', name: '', vendor: '', version: '', architecture: '', files: 0, bytes: 0, signer: '', fault: { code: 'appliance.no_pack', detail: 'bad.pack' } },
  ],
};
const BLANK = { disk: 'sdc', model: '', kind: '', bytes: 8e9, free_bytes: 0, backup_count: 0, backups: [], updates: [], packs: [] };
const bytes = (count) => `${count / 2 ** 30} GB`;

for (const language of ['zh-CN', 'en']) {
  describe(`the appliance in ${language}`, { concurrency: 1 }, () => {
    const t = sentences(language);
    const init = new Init();
    let house, browser, who;
    const dialog = (key) => who.page.getByRole('dialog').getByRole('button', { name: t(key) });
    const asked = (deed) => init.asked.filter((packet) => packet.do === deed).at(-1);

    before(async () => {
      init.state.links = [
        { name: 'eth0', mac: '02:00:00:00:00:01', carrier: false, how: 'none', address: '', prefix: 0, gateway: '', wanted: false },
        { name: 'eth1', mac: '02:00:00:00:00:02', carrier: true, how: 'dhcp', address: '10.0.0.7', prefix: 24, gateway: '', wanted: true },
      ];
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
      Object.assign(init.state.data, { mended: true, encrypted: true, opened_by: ['stick', 'recovery'] });
      await who.to('nav.appliance');
      await who.heading(t('nav.appliance'));
      await who.see('appliance.console.system_slot', { version: '0.1.0', slot: 'A' });
      await who.see('appliance.console.data_mended');
      await who.see('machine.encrypted', { keys: `${t('machine.key.stick')} · ${t('machine.key.recovery')}` });
      await who.see('machine.no_history');
      await who.see('machine.time_same');
      await who.see('machine.no_stick_text');
      await who.see('machine.no_stick_updates');
      await axe_check(who.page, 'appliance');
      Object.assign(init.state.data, { mended: false, encrypted: false, opened_by: [] });
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
      await who.by_id('interface').selectOption('eth1');
      await who.by_id('address').press('Enter');
      // What it means is told before: no is no.
      await who.see('machine.address_danger', { address: 'https://192.168.1.10/' });
      await axe_check(who.page, 'the question before an address changes');
      await dialog('action.cancel').click();
      assert.equal(init.state.settings.address, 'dhcp');
      await who.by_id('address').press('Enter');
      await dialog('machine.address_new').click();
      await who.page.getByRole('link', { name: '192.168.1.10', exact: true }).waitFor();
      assert.deepEqual(init.state.settings,
        { hostname: 'ward-3', language: 'zh-CN', address: '192.168.1.10/24', gateway: '', interface: 'eth1' });
      who.calm();
    });

    test('what is wrong with the network is told, of all of it and of a card', async () => {
      await who.see('machine.no_cable');
      init.state.network_fault = { code: 'appliance.net_no_cable', detail: '' };
      init.state.links[1].fault = { code: 'appliance.net_duplicate_address', detail: '192.168.1.10' };
      init.state.links[0].fault = { code: 'appliance.net_no_dhcp', detail: '' }; // not to be used: silent
      await who.button('action.refresh').click();
      await who.see('appliance.net_no_cable.hint');
      await who.page.getByText(`eth1: ${t('appliance.net_duplicate_address', { detail: '192.168.1.10' })}`).waitFor();
      assert.equal(await who.page.getByText(t('appliance.net_no_dhcp')).count(), 0);
      await axe_check(who.page, 'faults of the network');
      init.state.network_fault = undefined;
      for (const link of init.state.links) delete link.fault;
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
      const file = update_file(house.folder, '0.0.7'), looks = [];
      who.page.on('request', (request) => {
        if (request.url().endsWith('/appliance/update/look')) looks.push(request);
      });
      await who.page.locator('input[type=file]').first().setInputFiles(file);
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
      assert.equal(looks.length, 1); // of what is removed nothing is asked any more
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

    test('a stick that is plugged in appears, and takes a backup', async () => {
      init.state.work = undefined;
      init.sticks = { looking: true, sticks: [], kept: [] };
      await who.see('machine.looking');
      init.sticks = { looking: false, sticks: [STICK, BLANK], kept: [] };
      await who.see('machine.stick', { model: 'DataTraveler', disk: 'sdb', free: bytes(STICK.free_bytes), total: bytes(STICK.bytes) });
      await who.see('machine.older_backups', { count: 7 });
      await who.see('appliance.no_stick.hint');
      await axe_check(who.page, 'sticks');
      await who.button('machine.backup_to').click();
      await who.page.getByRole('progressbar', { name: t('machine.work.backup') }).waitFor();
      assert.equal(asked('backup').disk, 'sdb');
      assert.equal(await who.page.getByRole('progressbar').getAttribute('value'), null); // its end is not known
      Object.assign(init.state.work, { phase: 'copy', done: 30, total: 90 });
      await who.page.locator('progress[value="30"][max="90"]').waitFor();
      assert.ok(await who.button('machine.backup_to').isDisabled());
      await axe_check(who.page, 'a backup that is written');
      await who.button('appliance.console.cancel').click();
      for (let i = 0; i < 400 && !asked('cancel'); i++) await new Promise((done) => { setTimeout(done, 50); });
      assert.ok(asked('cancel'));
      init.state.work = { name: 'backup', running: false, phase: 'start', done: 0, total: 0 };
      await who.see('appliance.console.done_backup');
      init.state.work = { ...init.state.work, fault: { code: 'appliance.stick_full', detail: '12.5 MB' } };
      await who.button('action.refresh').click();
      await who.see('appliance.stick_full.hint');
      init.state.work = undefined;
      who.calm();
    });

    test('packs are told, mounted or why not; one is sent, looked at and added; one is removed', async () => {
      const pack = { file: 'demo-0.9.pack', name: 'demo', vendor: 'Demo', version: '0.9', architecture: 'x86_64', files: 2, bytes: 5e8, mounted: true };
      init.state.work = undefined;
      await who.button('action.refresh').click();
      await who.see('machine.packs_none');
      const folder = join(house.folder, `libraries-${language}`), key = `${folder}-key`, file = join(house.folder, `${language}.pack`);
      mkdirSync(folder);
      writeFileSync(join(folder, 'libdemo.so'), 'library');
      execFileSync(program, ['appliance', 'key', '-o', key], { stdio: 'pipe' });
      execFileSync(program, ['appliance', 'pack', folder, '--name', 'demo', '--vendor', 'Demo & Söhne', '--version', '1.0', '--key', key, '-o', file], { stdio: 'pipe' });
      const card = who.page.locator('section.card', { has: who.page.getByRole('heading', { name: t('machine.packs'), exact: true }) });
      await card.locator('input[type=file]').setInputFiles(file);
      await card.getByText('Demo & Söhne').waitFor();
      await axe_check(who.page, 'a pack that was looked at');
      await card.getByRole('button', { name: t('machine.pack_add') }).first().click();
      await who.page.getByRole('progressbar', { name: t('machine.work.pack') }).waitFor();
      assert.equal(asked('pack').path.startsWith('/'), true);
      init.state.packs = { looking: true, all: [] };
      init.state.work = { name: 'pack', running: false, phase: 'copy', done: 9, total: 9 };
      await who.see('machine.packs_looking'); // it goes on looking by itself
      init.state.packs = { looking: false, all: [pack, { ...pack, file: 'other-1.pack', mounted: false, fault: { code: 'appliance.pack_damaged', detail: 'other-1.pack' } }] };
      await card.getByText(t('machine.pack_mounted', { name: 'demo' })).waitFor();
      await card.getByText(t('appliance.pack_damaged', { detail: 'other-1.pack' })).waitFor();
      await axe_check(who.page, 'packs');
      await card.getByRole('button', { name: t('machine.pack_remove', { name: 'other-1.pack' }) }).click();
      await dialog('action.cancel').click();
      assert.equal(asked('pack-remove'), undefined);
      await card.getByRole('button', { name: t('machine.pack_remove', { name: 'other-1.pack' }) }).click();
      await dialog('action.remove').click();
      await card.getByText('other-1.pack').first().waitFor({ state: 'detached' });
      assert.equal(asked('pack-remove').file, 'other-1.pack');
      init.state.packs.all = [];
      init.state.work = undefined;
      who.calm();
    });

    test('updates on a stick are told with their signer; an older one is confirmed', async () => {
      init.sticks = { looking: false, sticks: [STICK], kept: [] };
      await who.see('machine.stick_updates');
      await who.page.getByText(t('appliance.update_other_signer', { detail: 'ffff eeee dddd cccc' })).waitFor();
      await who.page.getByText(t('appliance.no_pack', { detail: 'bad.pack' })).waitFor();
      await axe_check(who.page, 'updates on a stick');
      const offer = (name) => who.page.getByRole('region', { name, exact: true });
      assert.equal(await offer('bad.update').getByRole('button').count(), 0);
      await offer('old.update').getByText('0123 4567 89ab cdef').waitFor();
      await offer('demo.pack').getByRole('button', { name: t('machine.pack_add') }).click();
      await who.page.getByRole('progressbar', { name: t('machine.work.pack') }).waitFor();
      assert.deepEqual([asked('pack').disk, asked('pack').name], ['sdb', 'demo.pack']);
      init.state.work = undefined;
      await who.button('action.refresh').click();
      await offer('old.update').getByRole('button', { name: t('machine.downgrade') }).click();
      await dialog('machine.downgrade').click();
      await who.page.getByRole('progressbar', { name: t('machine.work.update') }).waitFor();
      assert.deepEqual([asked('update').disk, asked('update').name, asked('update').downgrade], ['sdb', 'old.update', true]);
      init.state.work = { name: 'update', running: false, phase: 'start', done: 0, total: 0 };
      await who.see('appliance.console.done_update');
      init.state.work = undefined;
      who.calm();
    });

    test('a backup is restored once the name of the machine is typed; the page waits and comes back', async () => {
      const list = who.page.getByRole('region', { name: t('machine.on_stick', { stick: 'DataTraveler' }) });
      await list.getByRole('button').first().click();
      await who.see('machine.restore_what');
      await axe_check(who.page, 'the question before restoring');
      await who.by_id('restore-name').fill('box');
      await who.button('machine.restore').click();
      await who.page.locator('#restore-name-error').getByText(t('machine.wrong_confirm')).waitFor();
      assert.equal(asked('restore'), undefined);
      // The service may go before its answer has come: it was begun all the same.
      await who.page.route('**/appliance/restore', async (route) => {
        await route.fetch();
        await route.abort('connectionreset');
      });
      await who.by_id('restore-name').fill(init.state.settings.hostname);
      await who.by_id('restore-name').press('Enter');
      await who.see('machine.working_hint');
      await who.page.unroute('**/appliance/restore');
      assert.deepEqual(who.wrong.splice(0).filter((line) => !line.includes('ERR_CONNECTION_RESET')), []);
      const { name, disk, confirm } = asked('restore');
      assert.deepEqual([name, disk, confirm], [STICK.backups[0].name, 'sdb', init.state.settings.hostname]);
      await axe_check(who.page, 'a restoring that is waited for');
      init.state.work.running = false;
      await who.see('appliance.console.done_restore');
      who.calm();
    });

    test('a copy of the database is made, seen and restored by its name', async () => {
      init.state.work = undefined;
      const card = who.page.locator('section.card', { has: who.page.getByRole('heading', { name: t('copies.title') }) });
      await card.getByText(t('copies.none')).waitFor();
      await card.getByRole('button', { name: t('copies.now') }).click();
      const list = who.page.getByRole('region', { name: t('copies.title') });
      await list.getByRole('button').first().waitFor();
      await list.getByText(/^wish-\d{8}-\d{6}/).waitFor();
      const nightly = who.by_id('copies-nightly');
      assert.ok(await nightly.isChecked());
      await nightly.click(); // the list may be drawn anew meanwhile, which uncheck() takes for its failure
      await who.page.waitForFunction(() => fetch('/api/v1/system/backups').then((answer) => answer.json()).then((kept) => !kept.nightly));
      await who.page.waitForFunction(() => !document.getElementById('copies-nightly').checked);
      await axe_check(who.page, 'copies of the database');
      await list.getByRole('button').first().click();
      await who.see('machine.restore_copy');
      await who.by_id('restore-name').fill(init.state.settings.hostname);
      await who.by_id('restore-name').press('Enter');
      await who.see('machine.working_hint');
      const { items } = await who.page.evaluate(() => fetch('/api/v1/system/backups').then((answer) => answer.json()));
      assert.equal(asked('restore').copy, items[0].name);
      init.state.work.running = false;
      await who.see('appliance.console.done_restore');
      who.calm();
    });

    test('a reset wants the name and the password; what comes after it is the gate', async () => {
      init.state.work = undefined;
      await who.button('appliance.console.factory_reset').click();
      await who.by_id('reset-name').fill(init.state.settings.hostname);
      await who.button('appliance.console.factory_reset').click();
      await who.page.locator('#reset-password-error').getByText(t('form.required')).waitFor();
      await who.by_id('reset-password').fill('not this one');
      who.allowed.add(403);
      await who.button('appliance.console.factory_reset').click();
      await who.page.locator('#reset-password-error').getByText(t('people.wrong_password')).waitFor();
      await axe_check(who.page, 'a reset with a wrong password');
      assert.equal(asked('reset'), undefined);
      await who.by_id('reset-password').fill(PASSWORD);
      await who.by_id('reset-password').press('Enter');
      await who.see('machine.working_reset');
      assert.equal(asked('reset').confirm, init.state.settings.hostname);
      await axe_check(who.page, 'a reset that is waited for');
      // The machine that comes back does not know the session.
      who.allowed.add(401);
      await who.page.evaluate(() => fetch('/api/v1/session', { method: 'DELETE', headers: { 'X-Courtyard': '1' } }));
      await who.by_id('password').waitFor();
      await who.sign_in('li.na', PASSWORD);
      init.state.work = undefined;
      await who.to('nav.appliance');
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
