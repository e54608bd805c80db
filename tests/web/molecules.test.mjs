// Molecules on the pages: drawn from a typed SMILES, a wrong one told with its place, a pattern
// brought out, found in a release, and what a prediction owes to each atom, on the form and on a
// pilot's result.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { JOB_MS_MAX, axe_check, sentences } from './house.mjs';
import { Place } from './way.mjs';

// Alcohols dissolve, halides and rings do not.
function table() {
  const lines = ['SMILES,logS,note'];
  for (let n = 1; n <= 40; n++) {
    for (const tail of ['O', 'Cl', 'C1CC1', 'c1ccccc1']) {
      lines.push(`${'C'.repeat(n)}${tail},${tail === 'O' ? 1 - n / 20 : -2 - n / 10},plain words`);
    }
  }
  lines.push('CC(C,-1,broken');
  return lines.join('\n') + '\n';
}

for (const language of ['zh-CN', 'en']) {
  describe(`molecules in ${language}`, { concurrency: 1 }, () => {
    const t = sentences(language);
    let place, chief, who, release, model;
    const circles = (scope) => scope.locator('svg.molecule circle').count();

    before(async () => {
      place = await Place.open(language);
      chief = await place.first();
      who = await place.join(chief, 'zhang.wei', '张伟', ['data', 'research']);
    });
    after(() => place?.close());

    test('without a release the page says what to do, and still draws', async () => {
      await who.go('/molecules');
      await who.see('molecules.empty');
      await who.see('train.no_releases');
      // By the keyboard alone.
      await who.by_id('smiles').focus();
      await who.page.keyboard.type('CC(=O)Oc1ccccc1C(=O)O');
      await who.page.keyboard.press('Enter');
      await who.page.locator('svg.molecule').waitFor();
      assert.match(who.page.url(), /smiles=CC/);
      await who.see('molecules.scaffold');
      await who.page.getByText('c1ccccc1', { exact: true }).waitFor();
      assert.equal(await circles(who.page), 0);
      await axe_check(who.page, 'a molecule');
    });

    test('a wrong SMILES is told with its place, at its field', async () => {
      who.allowed.add(400);
      await who.by_id('smiles').fill('CC(C');
      await who.page.keyboard.press('Enter');
      await who.page.locator('.summary').waitFor();
      const sentence = t('smiles.open_branch', { column: 3 });
      await who.page.locator('#smiles-error').getByText(sentence).waitFor();
      assert.equal(await who.page.locator('svg.molecule').count(), 0);
      await axe_check(who.page, 'a wrong molecule');
      await who.by_id('smiles').fill('CC(=O)Oc1ccccc1C(=O)O');
      await who.by_id('pattern').fill('C(=O');
      await who.page.keyboard.press('Enter');
      await who.page.locator('#pattern-error').waitFor();
      await who.by_id('pattern').fill('C(=O)O');
      await who.page.keyboard.press('Enter');
      await who.page.locator('svg.molecule circle').first().waitFor();
      assert.equal(await circles(who.page), 6);
      await who.see('molecules.matches', { matches: 2 });
      who.calm();
    });

    test('a release with molecules leads here: the most similar, those that hold a pattern', async () => {
      release = await who.release('Molecules', table(), chief);
      await who.go(`/releases/${release}`);
      await who.page.locator('.card').getByRole('link', { name: t('molecules.title') }).click();
      await who.heading(t('molecules.title'));
      assert.equal(await who.by_id('column').inputValue(), 'SMILES');
      await who.see('molecules.ask_first');
      await who.by_id('smiles').fill('OCCC');
      await who.by_id('pattern').fill('CCl');
      await who.button('molecules.draw').click();
      const found = who.page.locator('section.found');
      const tile = found.first().locator('.molecules li').first();
      await tile.getByText('CCCO', { exact: true }).waitFor();
      await tile.getByText(t('molecules.similarity', { share: '100%' })).waitFor();
      await who.see('molecules.unreadable', { rows: 1 });
      await found.nth(1).getByText(t('molecules.holding', { rows: 40, shown: 20 })).waitFor();
      assert.ok(await circles(found.nth(1)) >= 40);
      await axe_check(who.page, 'molecules of a release');
      // One that was found is gone on from.
      await found.first().getByRole('button', { name: t('molecules.choose', { smiles: 'CCCCCO' }) }).press('Enter');
      await who.page.waitForURL(/smiles=CCCCCO/);
      assert.equal(await who.by_id('smiles').inputValue(), 'CCCCCO');
      await who.by_id('pattern').fill('[Fe]');
      await who.button('molecules.draw').click();
      await who.see('molecules.none_holding');
      await axe_check(who.page, 'nothing found');
    });

    test('the form of a model colours the atoms', async () => {
      const made = await who.api('POST', `/releases/${release}/models`, {
        name: 'wet', target: 'logS', features: ['SMILES'], task: 'regression',
        prepare: { steps: [{ kind: 'molecule', column: 'SMILES', bits: 256 }] }, options: { trees: 40 },
      });
      await who.job_done(made.job.id);
      model = made.model.id;
      await who.go(`/models/${model}/try`);
      await who.by_id('value-SMILES').fill('CCCCCO');
      await who.button('try.submit').click();
      const figure = who.page.locator('figure', { hasText: t('molecules.atoms', { column: 'SMILES' }) });
      await figure.locator('circle').first().waitFor();
      await figure.getByText(t('try.raises')).waitFor();
      await axe_check(who.page, 'atoms coloured');
      await figure.getByRole('button', { name: t('chart.as_table') }).click();
      const cells = await figure.locator('tbody th').allInnerTexts();
      assert.deepEqual(cells, ['1 C', '2 C', '3 C', '4 C', '5 C', '6 O']);
    });

    test('a pilot\'s result explains a molecule and goes on to the next', async () => {
      const run = await who.api('POST', '/pilots/drug-solubility/runs', {
        name: 'solubility', release, mapping: { smiles: 'SMILES', log_solubility: 'logS' },
      });
      await who.until(`/pilot-runs/${run.id}`, (one) => one.state === 'done');
      await who.go(`/pilot-runs/${run.id}`);
      const card = who.page.locator('.card').filter({ has: who.page.locator('#smiles') });
      await card.locator('figure circle').first().waitFor({ timeout: JOB_MS_MAX });
      await card.locator('.molecules li').nth(5).waitFor();
      await axe_check(who.page, 'a pilot of molecules');
      const before = await card.locator('.headline-value b').innerText();
      who.allowed.add(400);
      await who.by_id('smiles').fill('CC(C');
      await card.getByRole('button', { name: t('try.submit') }).click();
      await card.getByText(t('smiles.open_branch', { column: 3 })).waitFor();
      await axe_check(who.page, 'a pilot asked for a wrong molecule');
      await who.by_id('smiles').fill('CCCCCCCCCCCCCCCCCCCCc1ccccc1');
      await card.getByRole('button', { name: t('try.submit') }).click();
      await card.locator('figure circle').first().waitFor();
      assert.notEqual(await card.locator('.headline-value b').innerText(), before);
      await card.getByRole('link', { name: t('molecules.more') }).click();
      await who.heading(t('molecules.title'));
      await who.page.locator('section.found .molecules li').first().waitFor();
      who.calm();
    });

    test('nothing is wider than a telephone', async () => {
      await who.page.setViewportSize({ width: 360, height: 740 });
      for (const path of [`/molecules?release=${release}&smiles=CCO&pattern=CO`, '/pilot-runs/1', `/models/${model}`]) {
        await who.go(path);
        const wide = await who.page.evaluate(() =>
          document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.ok(wide <= 0, `${path} is ${wide} px too wide`);
      }
      who.calm();
    });
  });
}
