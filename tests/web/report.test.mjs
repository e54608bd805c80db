// A report with every member it may have, in both languages: each is shown in words, prints on A4 and
// passes axe. The members come from the test, so that all of them are there at once; the page, and the
// sheets that the cleansing set aside, are the real ones: hidden cells stay hidden, and the file that
// is fetched is the one the report names.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { JOB_MS_MAX, axe_check, hospital_file, sentences } from './house.mjs';
import { Place } from './way.mjs';

const hash = (digit) => digit.repeat(64);
const REPORT = {
  recipe_hash: hash('a'), recipe: 'recipe 1\nkanon k=5\n',
  source: { name: 'HIS 2026', licence: 'internal', basis: 'IRB-17' },
  input_rows: 425, output_rows: 420,
  inputs: [{ name: '住院病人.csv', hash: hash('b'), bytes: 123456, rows: 425 }],
  output: { hash: hash('c'), bytes: 120000, rows: 420 },
  dictionaries: [{ name: 'risk31', version: '2026.1', hash: hash('d') }],
  rules: { version: '2026.1', hash: hash('e') },
  operators: [{
    line: 2, name: 'kanon', rows_in: 425, rows_out: 420, cells_changed: 900,
    reasons: [{ code: 'drop.missing', count: 5 }], detail: { mode: 'local', classes: [1, 2] },
    seconds: 0.01, mb_per_s: 12.4,
  }],
  personal: { found: { id: 425, mobile: 464 }, remaining: { id: 0, mobile: 1 }, checksum_remaining: 0 },
  columns: [{ name: '姓名', role: 'plain', treatment: 'pseudonym' }],
  risk: {
    rows: 420, quasi: ['性别', '年龄'], sensitive: ['诊断'], classes: 38, k: 5, uniques: 0,
    highest: 0.2, mean: 0.09, share_over_threshold: 0.3, threshold: 0.05,
    k_histogram: Array.from({ length: 20 }, (_, i) => ({ size: i + 5, rows: (i + 5) * 2 })),
    l: [{ column: '诊断', distinct: 2, entropy: 1.7 }], t: [{ column: '诊断', distance: 0.31 }],
  },
  utility: {
    granularity: 0.91, suppressed_rows: 5,
    columns: [{ name: '年龄', granularity: 0.82, entropy_before: 5.9, entropy_after: 3.1 }],
  },
  sources: [
    { name: 'web-a', rows: 4000, illegal: 12, share: 0.003, limit: 0.05, refused: false },
    { name: 'web-b', rows: 100, illegal: 9, share: 0.09, limit: 0.05, refused: true },
  ],
  sampling: { manual: { size: 120, threshold: 0.96 }, technical: { share: 0.1, size: 42, threshold: 0.98 } },
  wording: 'deidentified', wording_reasons: ['drop.missing'], program: 'courtyard 0.1.0',
};

for (const language of ['zh-CN', 'en']) {
  describe(`a whole report in ${language}`, { concurrency: 1 }, () => {
    const t = sentences(language);
    let place, who, files;
    const back = () => who.button('sampling.back').click();
    before(async () => {
      place = await Place.open(language);
      who = await place.first();
      await who.become('zhang.wei', '张伟', ['data']);
      await who.import_file(hospital_file(place.folder), '住院病人 2024');
      await who.tab('dataset.tab.cleanse');
      const words = join(place.folder, 'data/words');
      mkdirSync(words, { recursive: true });
      writeFileSync(join(words, 'own.txt'), 'A.3e\t肿块\n');
      await who.by_id('recipe').fill('recipe 1\nsample manual=120 technical=.1 columns=主诉\n'
        + 'mask 姓名 how=pseudonym\nwords own.txt action=flag columns=主诉\n');
      await who.see('recipe.good');
      await who.button('cleanse.run').click();
      await who.page.waitForURL(/report/, { timeout: JOB_MS_MAX });
      await who.page.route(/\/api\/.*\/report$/, async (route) => {
        ({ files } = await (await route.fetch()).json());
        await route.fulfill({ json: { ...REPORT, files } });
      });
      await who.page.reload();
      await who.page.getByText('risk31').first().waitFor();
    });
    after(() => place?.close());

    test('every member is there, in words', async () => {
      for (const [key, values] of [
        ['risk.hidden_among', { others: 4, one: 5 }], ['report.left', { cells: 1 }],
        ['report.checksum_none', { cells: 0 }], ['report.sources', {}], ['report.utility', {}],
        ['report.wording.deidentified', {}], ['report.anonymised_when', {}], ['drop.missing', {}],
        ['sampling.manual_how', {}], ['report.extract', {}], ['extract.title.words', {}], ['sampling.reviewer', {}], ['report.files', {}],
      ]) await who.see(key, values);
      for (const text of ['IRB-17', 'HIS 2026', 'kanon k=5', 'web-b', '≥ 96%']) {
        await who.page.getByText(text).first().waitFor();
      }
      for (const digit of 'abcde') {
        assert.ok(await who.page.locator(`code[title="${hash(digit)}"]`).count() > 0, digit);
      }
      await axe_check(who.page, 'whole report');
      await who.button('chart.as_table').first().click();
      await axe_check(who.page, 'class sizes as a table');
      who.calm();
    });

    test('it prints on A4 with whole hashes and nothing else', async () => {
      await who.page.emulateMedia({ media: 'print' });
      const wide = await who.page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= 1280, `${wide} px wide`);
      assert.ok(await who.page.locator('.hash-rest').first().isVisible());
      assert.equal(await who.page.locator('nav:visible, button:visible').count(), 0);
      const pdf = await who.page.pdf({ format: 'A4' });
      assert.ok(pdf.subarray(0, 5).toString() === '%PDF-' && pdf.length > 10_000);
      await who.page.emulateMedia({ media: 'screen' });
    });

    test('the sheet of samples hides what is personal; its file is the one of the run', async () => {
      await who.button('extract.open.sampling').click();
      await who.page.locator('.verdict').first().waitFor();
      assert.equal(await who.page.locator('.verdict').count(), 100, 'a page of the sheet');
      assert.ok(await who.page.locator('.masked').count() > 0);
      const { hash: wanted } = files.find((file) => file.name === 'sampling.csv');
      assert.ok(await who.page.locator(`code[title="${wanted}"]`).count() === 1);
      await axe_check(who.page, 'sheet of samples');
      await who.button('extract.fetch').click();
      await who.page.getByRole('dialog').waitFor();
      const waiting = who.page.waitForEvent('download');
      await who.button('reveal.confirm').click();
      const bytes = readFileSync(await (await waiting).path());
      assert.equal(createHash('sha256').update(bytes).digest('hex'), wanted);
      assert.equal(bytes.toString().trim().split('\r\n').length, 1 + 120);
      await who.button('reveal.show').click();
      await who.page.getByRole('dialog').waitFor();
      await who.button('reveal.confirm').click();
      await who.page.locator('.masked').first().waitFor({ state: 'detached' });
      who.calm();
    });

    test('all of the sheet goes on paper', async () => {
      await who.page.evaluate(() => {
        window.print = () => { window.printed = document.querySelectorAll('.verdict').length; };
      });
      await who.button('action.print').click();
      await who.page.waitForFunction(() => window.printed !== undefined);
      assert.equal(await who.page.evaluate(() => window.printed), 120);
      assert.equal(await who.page.locator('.verdict').count(), 100);
      await back();
      who.calm();
    });

    test('samples for the program and keyword hits are opened too', async () => {
      await who.button('extract.open.technical').click();
      await who.page.getByText('sampling_technical.csv').first().waitFor();
      await axe_check(who.page, 'samples for the program');
      await back();
      await who.button('extract.open.words').click();
      await who.page.getByRole('cell', { name: t('risk.a3e') }).first().waitFor();
      await who.page.getByRole('cell', { name: '肿块' }).first().waitFor();
      await axe_check(who.page, 'keyword hits');
      who.calm();
    });
  });
}
