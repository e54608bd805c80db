// What is read of a file, chosen on the import page: the sheet of a workbook, the table of a page, the
// member of an archive, and whether a line, a paragraph or the whole file of text makes a row.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { xlsx, zip } from '../api/lib/zip.mjs';
import { JOB_MS_MAX, axe_check, sentences } from './house.mjs';
import { Place } from './way.mjs';

const rows = (name, count) => [['编号', name], ...Array.from({ length: count }, (_, i) => [i + 1, `${name}${i}`])];
const csv = (table) => table.map((row) => row.join(',')).join('\n');
const html = (table) => `<table>${table.map((row) =>
  `<tr>${row.map((cell) => `<td>${cell}</td>`).join('')}</tr>`).join('')}</table>`;
const TEXT = '第一段第一行\n第一段第二行\n\n第二段\n';
const FILES = {
  '病人.xlsx': xlsx({ 门诊: rows('门诊号', 3), 住院: rows('住院号', 5) }),
  '网页.html': `<html><body>${html(rows('门诊号', 3))}<p>and</p>${html(rows('住院号', 5))}</body></html>`,
  '记录.txt': TEXT,
  '归档.zip': zip({ '一月.csv': csv(rows('姓名', 3)), '二月.csv': csv(rows('姓名', 4)), '费用.csv': csv(rows('金额', 6)) }),
};

for (const language of ['zh-CN', 'en']) {
  describe(`import choices in ${language}`, { concurrency: 1 }, () => {
    const t = sentences(language);
    let place, who;
    before(async () => {
      place = await Place.open(language);
      who = await place.first();
      await who.become('zhang.wei', '张伟', ['data']);
    });
    after(() => place?.close());

    // Up to the page that tells what the file seems to be.
    const look = async (name) => {
      const path = join(place.folder, name);
      writeFileSync(path, FILES[name]);
      await who.to('nav.import');
      await who.upload(path);
      await who.page.getByRole('link', { name: t('import.continue'), exact: true }).last().click();
      await who.page.locator('.sample-cells').first().waitFor();
    };
    // A choice that the server answers with another look.
    const choose = async (id, option) => {
      const looked = who.page.waitForResponse(/\/look$/);
      await who.by_id(id).selectOption(option);
      assert.equal((await looked).status(), 200);
      await axe_check(who.page, `${id} ${JSON.stringify(option)}`);
    };
    const column = (name) => who.page.getByLabel(t('look.name_of', { name }), { exact: true });
    const sample = () => who.page.locator('.sample-cells').first().locator('code').allInnerTexts();
    const taken = async (name) => {
      await who.by_id('name').fill(name);
      await who.button('look.import').click();
      await who.heading(name);
      await who.page.locator('.badge-good').first().waitFor({ timeout: JOB_MS_MAX });
      const path = new URL(who.page.url()).pathname;
      return who.page.evaluate(async (at) => (await (await fetch(`/api/v1${at}`)).json()), path);
    };

    test('the sheet of a workbook', async () => {
      await look('病人.xlsx');
      await column('门诊号').waitFor();
      assert.equal(await who.by_id('encoding').count(), 0, 'a workbook has no encoding');
      await choose('sheet', { label: '住院' });
      await column('住院号').waitFor();
      const made = await taken('住院');
      assert.equal(made.rows, 5);
      assert.deepEqual(made.revisions[0].columns.map((one) => one.name), ['编号', '住院号']);
      who.calm();
    });

    test('the table of a page', async () => {
      await look('网页.html');
      const first = (await column('住院号').count()) ? '住院号' : '门诊号';
      const other = first === '住院号' ? '门诊号' : '住院号';
      const [now] = await who.by_id('sheet').locator('option:checked').allInnerTexts();
      const all = await who.by_id('sheet').locator('option').allInnerTexts();
      assert.equal(all.length, 2);
      await choose('sheet', { label: all.find((one) => one !== now) });
      await column(other).waitFor();
      assert.equal((await taken('另一张表')).rows, other === '住院号' ? 5 : 3);
      who.calm();
    });

    test('a row of text is a line, a paragraph or the file', async () => {
      await look('记录.txt');
      const seen = {};
      for (const rows_are of ['paragraph', 'file', 'line']) {
        await choose('rows', rows_are);
        await who.page.waitForFunction((before) => before
          !== document.querySelector('.sample-cells').innerText, seen.last ?? '');
        seen.last = await who.page.locator('.sample-cells').first().innerText();
        seen[rows_are] = await sample();
      }
      assert.equal(seen.paragraph.length, 2);
      assert.match(seen.paragraph[0], /第一行\s+第一段第二行/);
      assert.equal(seen.file.length, 1);
      assert.match(seen.file[0], /第二段/);
      assert.equal(seen.line[0], '第一段第一行');
      await choose('rows', 'paragraph');
      assert.equal((await taken('段落')).rows, 2);
      who.calm();
    });

    test('one member of an archive, or all that fit together', async () => {
      await look('归档.zip');
      await who.see('look.members');
      await who.page.getByRole('cell', { name: t('look.state.used') }).first().waitFor();
      await choose('member', '费用.csv');
      await column('金额').waitFor();
      assert.equal(await who.by_id('member').inputValue(), '费用.csv');
      await choose('member', '二月.csv');
      await column('姓名').waitFor();
      await choose('member', '');
      await who.see('look.members');
      const made = await taken('两个月');
      assert.equal(made.rows, 7);
      assert.ok(made.revisions[0].columns.some((one) => one.name === 'source_file'));
      who.calm();
    });
  });
}
