// Run a program, on a page: a closed box says who can open it; on an open one a script goes up, runs
// with what it asks for, shows its log and what it left; an array is one row, and cancelled as one.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  JOB_MS_MAX, axe_check, browser_open, house_open, page_open, sentences,
} from './house.mjs';
import { Visitor } from './way.mjs';

const user = process.getuid() === 0 ? ['--job-user', 'nobody'] : [];

for (const language of ['zh-CN', 'en']) {
  describe(`programs in ${language}`, { concurrency: 1 }, () => {
    const t = sentences(language);
    let house, browser, who;
    const newest = () => who.page.evaluate(async () =>
      (await (await fetch('/api/v1/jobs?size=1')).json()).items[0]);
    const state_of = (id, state) => who.page.waitForFunction(async ([job, wanted]) =>
      (await (await fetch(`/api/v1/jobs/${job}`)).json()).state === wanted, [id, state],
    { timeout: JOB_MS_MAX, polling: 200 });
    const enter = async (args) => {
      house = await house_open(args);
      who = new Visitor(await page_open(browser, house, language), house, t);
      await who.set_up('li.na', 'Li Na');
      await who.to('nav.people');
      const password = await who.make_person('zhang.wei', '张伟', ['research']);
      await who.sign_out();
      await who.sign_in('zhang.wei', password, true);
    };
    const run = async (command, fill = async () => {}) => {
      await who.to('nav.run');
      await who.by_id('command').fill(command);
      await fill();
      await who.button('run.start').click();
      await who.page.waitForURL(/\/jobs\/\d+$/);
      return newest();
    };

    before(async () => { browser = await browser_open(); });
    after(async () => {
      await browser?.close();
      await house?.close();
    });

    test('a closed box says who can open it', async () => {
      await enter([]);
      await who.to('nav.run');
      await who.see('command.closed');
      await who.see('command.closed.hint');
      assert.equal(await who.by_id('command').count(), 0);
      who.calm();
      await house.close();
    });

    test('a script goes up and runs, and its files come down', async () => {
      await enter(['--commands', ...user]);
      const script = join(house.folder, 'hello.sh');
      writeFileSync(script, '#!/bin/sh\necho "hello $1 of $COURTYARD_MEMORY_BYTES"\nprintf made > "out/$1.txt"\n');
      await who.to('nav.run');
      // What cannot be is said before anything is sent.
      await who.button('run.start').click();
      await who.page.getByText(t('form.missing', { label: t('run.command') })).first().waitFor();
      await who.by_id('command').fill("./hello.sh 'a b");
      await who.by_id('memory').fill('x');
      await who.button('run.start').click();
      await who.see('run.quote_open');
      await who.page.getByText(t('run.bad_number', { label: t('run.memory') })).first().waitFor();
      await axe_check(who.page, 'run with errors');
      await who.page.locator('input[type=file]').setInputFiles(script);
      await who.see('import.state.complete');
      await who.by_id('command').fill("./hello.sh 'a b'");
      await who.by_id('memory').fill('0.125');
      await who.button('run.start').click();
      await who.page.waitForURL(/\/jobs\/\d+$/);
      const job = await newest();
      assert.deepEqual(job.program.command, ['./hello.sh', 'a b']);
      await state_of(job.id, 'done');
      await who.page.getByText(`hello a b of ${2 ** 27}`).waitFor();
      await axe_check(who.page, 'a program that is done');
      const coming = who.page.waitForEvent('download');
      await who.page.getByRole('link', { name: 'a b.txt' }).click();
      assert.equal((await coming).suggestedFilename(), 'a b.txt');
      who.calm();
    });

    test('why it failed stands on its page', async () => {
      const job = await run('echo the reason; exit 7', () => who.by_id('shell').check());
      await state_of(job.id, 'failed');
      await who.see('command.failed', { row: 7, detail: 'the reason' });
      who.calm();
    });

    test('what it has said is deleted there, once one is sure', async () => {
      const job = await run('echo enough; sleep 1', () => who.by_id('shell').check());
      const log = who.page.locator('pre.log');
      await log.getByText('enough').waitFor();
      await state_of(job.id, 'done');
      await who.button('action.delete').click();
      await who.see('job.log_delete');
      await axe_check(who.page, 'a log to be deleted');
      await who.page.keyboard.press('Escape');
      await log.getByText('enough').waitFor();
      await who.button('action.delete').click();
      await who.page.getByRole('dialog').getByRole('button', { name: t('action.delete'), exact: true }).click();
      await who.see('job.log_empty');
      assert.equal(await who.button('action.delete').count(), 0);
      who.calm();
    });

    test('an array is one row, its tasks a page, and cancelled as one', async () => {
      const job = await run('sleep 60', async () => {
        await who.page.locator('details.advanced summary').getByText(t('run.more'), { exact: true }).click();
        await who.by_id('tasks').fill('40');
        await who.by_id('at_once').fill('1');
        await axe_check(who.page, 'run with more');
      });
      assert.deepEqual([job.array.count, job.array.at_once], [40, 1]);
      await who.page.getByText(t('array.place', { index: 1, count: 40 })).waitFor();
      await who.page.getByRole('link', { name: t('array.see') }).click();
      await who.page.locator('tbody tr').nth(24).waitFor();
      await axe_check(who.page, 'tasks of an array');
      await who.to('nav.jobs');
      await who.page.locator('tbody tr', { hasText: 'sleep' }).first().waitFor();
      assert.equal(await who.page.locator('tbody tr', { hasText: 'sleep' }).count(), 1);
      await who.go(`/jobs/${job.id}`);
      await who.button('array.cancel').click();
      await who.page.getByRole('dialog').getByRole('button', { name: t('array.cancel') }).click();
      await who.page.waitForFunction(async () =>
        (await (await fetch('/api/v1/jobs?size=1')).json()).items[0].array.counts.cancelled === 40, null,
      { timeout: JOB_MS_MAX, polling: 300 });
      who.calm();
    });
  });
}
