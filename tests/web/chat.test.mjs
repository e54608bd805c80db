// Chat in both languages with a real model that the real binary serves: answers that stream, stop, are
// asked anew and beside each other, are kept and forgotten, and what is said when something goes wrong.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { hasStories, reciterGguf, storiesGguf, textValue } from '../api/lib/gguf.mjs';
import { JOB_MS_MAX, axe_check, sentences } from './house.mjs';
import { PASSWORD, Place } from './way.mjs';

const STORY = 'Once upon a time';
const TEMPLATE = '{% for m in messages %}{{ m.content }}{% if not loop.last %} {% endif %}{% endfor %}';
const skip = hasStories ? false : 'no models/stories260K.bin in ../shared/data';

for (const language of ['zh-CN', 'en']) {
  describe(`chat in ${language}`, { concurrency: 1, skip }, () => {
    const t = sentences(language);
    let place, chief, who, reader;
    let broken = '';
    const step = (name, act) => test(name, async () => {
      assert.equal(broken, '', `${broken} failed before`);
      broken = name;
      await act();
      broken = '';
    });

    const api = (method, path, body) => who.page.evaluate(async ([m, p, b]) => {
      const answer = await fetch(p, {
        method: m, headers: { 'X-Courtyard': '1', 'Content-Type': 'application/json' },
        body: b === undefined ? undefined : JSON.stringify(b),
      });
      if (!answer.ok) throw new Error(`${m} ${p}: ${await answer.text()}`);
      return answer.status === 204 ? null : answer.json();
    }, [method, path, body]);
    const take = async (name, bytes) => {
      const { id } = await api('POST', '/api/v1/uploads', { name: `${name}.gguf`, size: bytes.length });
      await who.page.evaluate(async ([upload, text]) => {
        await fetch(`/api/v1/uploads/${upload}?offset=0`, {
          method: 'PUT', headers: { 'X-Courtyard': '1' },
          body: Uint8Array.from(atob(text), (c) => c.charCodeAt(0)),
        });
      }, [id, bytes.toString('base64')]);
      const { model } = await api('POST', '/api/v1/language-models', { name, upload: id });
      for (const start = Date.now(); Date.now() - start < JOB_MS_MAX; await who.page.waitForTimeout(100)) {
        const now = await api('GET', `/api/v1/language-models/${model.id}`);
        if (now.state !== 'training') return now;
      }
      return assert.fail(`${name} was not read`);
    };

    const answers = () => who.page.locator('.chat-answer');
    const text_of = (at = -1) => answers().nth(at).locator('.written-text').innerText();
    const written = (at = -1) => answers().nth(at).locator('.written-text').waitFor({ timeout: JOB_MS_MAX });
    const quiet = () => who.button('chat.send').waitFor({ timeout: JOB_MS_MAX });
    const say = async (text) => {
      await who.by_id('prompt').fill(text);
      await who.page.keyboard.press('Enter');
    };
    const ask = async (text) => {
      await say(text);
      await quiet();
    };
    const set = (name, value) => who.by_id(`param-${name}`).fill(value);
    const settings = () => who.page.locator('details.advanced summary').click();
    const anew = async () => {
      await who.page.getByRole('link', { name: t('chat.new'), exact: true }).click();
      await who.see('chat.begin');
    };
    // What the page asks next, as the server gets it.
    const asked = () => who.page.waitForRequest((request) => request.url().endsWith('/v1/chat/completions'))
      .then((request) => request.postDataJSON());

    before(async () => {
      place = await Place.open(language);
      chief = await place.first();
      who = await place.join(chief, 'zhang.wei', '张伟', ['data', 'research'],
        { permissions: ['clipboard-read', 'clipboard-write'] });
      reader = await place.join(chief, 'wang.fang', '王芳', ['data']);
    });
    after(() => place?.close());

    step('without a model the page says who can bring one in', async () => {
      await who.to('nav.chat');
      await who.see('chat.none');
      await who.see('chat.none_mine');
      const link = (page) => page.locator('main').getByRole('link', { name: t('nav.language_models') });
      assert.equal(await link(who.page).getAttribute('href'), '/language-models');
      await reader.to('nav.chat');
      await reader.see('chat.none_text');
      assert.equal(await link(reader.page).count(), 0);
      reader.calm();
    });

    step('a question is answered as the API answers it', async () => {
      await take('stories', storiesGguf([textValue('tokenizer.chat_template', TEMPLATE)]));
      await take('endless', storiesGguf([], { context: 16384, end: 0 }));
      await who.go('/chat?model=stories');
      await who.see('chat.begin');
      assert.equal(await who.by_id('model').inputValue(), 'stories');
      await settings();
      await set('temperature', '0');
      await set('max_tokens', '30');
      await axe_check(who.page, 'settings');
      await settings();
      await say(STORY);
      await written();
      await quiet();
      const want = await api('POST', '/v1/chat/completions', { model: 'stories', temperature: 0, max_tokens: 30,
        messages: [{ role: 'user', content: STORY }] });
      assert.equal(await text_of(), want.choices[0].message.content.trim());
      await who.see('chat.cut');
      await who.see('chat.tokens', { tokens: '30' });
      assert.equal(await who.page.evaluate(() => document.activeElement.id), 'prompt');
      // Readers are told what was written, and nothing twice.
      const told = await who.page.locator('.chat [role=status]').first().innerText();
      assert.ok(told && want.choices[0].message.content.includes(told.trim()), told);
      await axe_check(who.page, 'answered');
      who.calm();
    });

    step('what was said before goes with the next question', async () => {
      const first = await text_of();
      const request = asked();
      await ask('The dog ran.');
      const body = await request;
      assert.deepEqual(body.messages.map((m) => m.role), ['user', 'assistant', 'user']);
      assert.equal(body.messages[1].content.trim(), first);
      assert.deepEqual([body.temperature, body.max_tokens, body.stream, 'seed' in body], [0, 30, true, false]);
      assert.equal(await answers().count(), 2);
      who.calm();
    });

    step('an earlier question is written anew; the old way stays beside it', async () => {
      const old = await text_of(0);
      await who.button('chat.edit').first().click();
      const box = who.page.getByLabel(t('chat.edit_label'));
      await axe_check(who.page, 'editing');
      await box.press('Escape');
      assert.equal(await who.page.evaluate(() => document.activeElement.id), 'prompt');
      await who.button('chat.edit').first().click();
      await box.fill('Lily had a cat');
      await box.press('Enter');
      await quiet();
      assert.equal(await answers().count(), 1);
      assert.notEqual(await text_of(), old);
      const group = who.page.getByRole('group', { name: t('chat.questions') });
      assert.match(await group.innerText(), /2\/2/);
      await group.getByRole('button', { name: t('chat.before') }).click();
      assert.equal(await answers().count(), 2);
      assert.equal(await text_of(0), old);
      who.calm();
    });

    step('another answer stands beside the first', async () => {
      await settings();
      await set('temperature', '1.5');
      await settings();
      const old = await text_of(1);
      await who.button('chat.retry').nth(1).click();
      await quiet();
      const group = who.page.getByRole('group', { name: t('chat.answers') });
      assert.match(await group.innerText(), /2\/2/);
      assert.notEqual(await text_of(1), old);
      await group.getByRole('button', { name: t('chat.before') }).click();
      assert.equal(await text_of(1), old);
      await axe_check(who.page, 'alternatives');
      who.calm();
    });

    step('what cannot be is told at its field, and nothing is sent', async () => {
      await anew();
      await settings();
      await set('temperature', '7');
      await settings();
      await say(STORY);
      await who.see('chat.not_between', { least: '0', most: '2' });
      assert.equal(await who.page.evaluate(() => document.activeElement.id), 'param-temperature');
      assert.equal(await answers().count(), 0);
      await axe_check(who.page, 'bad parameter');
      await who.button('chat.reset').click();
      assert.equal(await who.by_id('param-temperature').inputValue(), '0.7');
      await who.by_id('system').fill('Tim had a hat.');
      const request = asked();
      await set('max_tokens', '8');
      await say(STORY);
      assert.deepEqual((await request).messages[0], { role: 'system', content: 'Tim had a hat.' });
      await quiet();
      await who.by_id('system').fill('');
      who.calm();
    });

    step('an input method ends its line by Enter without sending', async () => {
      await anew();
      await who.by_id('prompt').fill('ni hao');
      await who.to('nav.releases');
      await who.to('nav.chat');
      assert.equal(await who.by_id('prompt').inputValue(), 'ni hao', 'what is being written stays');
      const enter = (how) => who.by_id('prompt').evaluate((box, more) => box.dispatchEvent(
        new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true, ...more })), how);
      assert.ok(await enter({ isComposing: true }));
      assert.ok(await enter({ shiftKey: true }));
      await who.page.waitForTimeout(200);
      assert.equal(await answers().count(), 0);
      assert.ok(!(await enter({})), 'an ordinary Enter is taken');
      await answers().first().waitFor();
      await quiet();
      who.calm();
    });

    step('an answer is stopped; what had come stays, and can be gone on from', async () => {
      await anew();
      await who.by_id('model').selectOption('endless');
      await who.see('chat.plain', { name: 'endless' });
      await settings();
      await set('max_tokens', '15000');
      await settings();
      await say(STORY);
      await written();
      await axe_check(who.page, 'streaming');
      await who.page.keyboard.press('Escape');
      await who.see('chat.stopped');
      const kept = await text_of();
      assert.ok(kept.length > 0);
      await who.page.waitForTimeout(500);
      assert.equal(await text_of(), kept);
      await who.button('chat.go_on').click();
      await who.page.waitForFunction(() => document.querySelectorAll('.written-text').length === 2);
      await who.button('chat.stop').click();
      await quiet();
      assert.equal(await who.page.locator('.chat-said').nth(1).innerText(), t('chat.go_on_text'));
      who.calm();
    });

    step('two models answer side by side', async () => {
      await anew();
      await settings();
      await set('max_tokens', '20');
      await set('temperature', '0');
      await settings();
      await who.by_id('model').selectOption('stories');
      await who.by_id('second').selectOption('endless');
      await ask(STORY);
      await who.page.waitForFunction(() => document.querySelectorAll('.written-text').length === 2);
      const boxes = await Promise.all([0, 1].map((at) => answers().nth(at).boundingBox()));
      assert.ok(Math.abs(boxes[0].y - boxes[1].y) < 2 && boxes[1].x > boxes[0].x + boxes[0].width - 1);
      assert.equal(await text_of(0), await text_of(1), 'the same weights');
      const told = await who.page.locator('.chat [role=status]').nth(1).innerText();
      assert.equal(told.trim(), `endless: ${await text_of(1)}`);
      await axe_check(who.page, 'side by side');
      who.calm();
    });

    step('it is taken along as Markdown, as JSON and by copying', async () => {
      const file = async (name) => {
        const waiting = who.page.waitForEvent('download');
        await who.page.getByRole('button', { name, exact: true }).click();
        return readFileSync(await (await waiting).path(), 'utf8');
      };
      const markdown = await file('Markdown');
      assert.ok(markdown.startsWith(`# ${STORY}\n\n## ${t('chat.you')}\n\n${STORY}\n\n## stories\n\n`), markdown);
      const json = JSON.parse(await file('JSON'));
      assert.deepEqual(json.messages.map((m) => [m.role, m.model]),
        [['user', undefined], ['assistant', 'stories'], ['assistant', 'endless']]);
      assert.deepEqual([json.models, json.parameters.max_tokens], [['stories', 'endless'], 20]);
      await who.button('action.copy').first().click();
      await who.see('action.copied');
      const copied = await who.page.evaluate(() => navigator.clipboard.readText());
      assert.equal(copied, json.messages[1].content);
      who.calm();
    });

    step('a model that has no place on the machine says that it waits for one', async () => {
      await anew();
      await settings();
      await set('max_tokens', '15000');
      await settings();
      await who.by_id('model').selectOption('endless');
      await who.by_id('second').selectOption('stories');
      await say(STORY);
      // Where there is room for both at one time, both answer.
      await who.page.waitForFunction((text) => document.querySelectorAll('.written-text').length === 2
        || document.querySelector('.chat-turns').textContent.includes(text), t('chat.starting'));
      await who.button('chat.stop').click();
      await quiet();
      await who.by_id('second').selectOption('');
      who.calm();
    });

    step('what is asked for on the page of a model is asked of it', async () => {
      await who.go('/language-models');
      await who.page.locator('main').getByRole('link', { name: 'stories', exact: true }).click();
      await who.page.locator('main').getByRole('link', { name: t('nav.chat'), exact: true }).click();
      await who.see('chat.begin');
      assert.equal(await who.by_id('model').inputValue(), 'stories');
      who.calm();
    });

    step('what a model writes becomes elements, never markup', async () => {
      const text = '# Top\n\nA **bold** `word` and [a page](https://example.org/x).\n\n1. one\n   - deeper\n2. two\n\n'
        + '```python\nif a < b:\n    pass\n```\n\n| a | b |\n|---|---|\n| 1 | <b>2</b> |\n\n'
        + `<img src=x onerror="document.title='hit'">\n\n${'>'.repeat(4000)} deep ${'**'.repeat(2001)}`;
      await who.page.evaluate((said) => {
        const key = Object.keys(sessionStorage).find((one) => one.startsWith('chat.'));
        const talk = { ...JSON.parse(sessionStorage.getItem(key)), id: 'made', picked: {}, models: ['stories'] };
        talk.turns = [{ id: 1, at: '0:', text: 'x', chosen: [0], answers: [[{ model: 'stories', text: said, state: 'done' }]] }];
        sessionStorage.setItem(key.replace(/[^.]+$/, 'made'), JSON.stringify(talk));
      }, text);
      await who.go('/chat?c=made');
      const box = who.page.locator('.written-text');
      assert.equal(await box.locator('strong').first().innerText(), 'bold');
      assert.equal(await box.locator('ol > li > ul > li').innerText(), 'deeper');
      assert.equal(await box.locator('pre code').innerText(), 'if a < b:\n    pass');
      assert.equal(await box.locator('td').nth(1).innerText(), '<b>2</b>');
      assert.deepEqual([await box.locator('img').count(), await box.locator('a').count()], [0, 0]);
      await box.getByText('<img src=x').waitFor();
      await box.getByText('a page (https://example.org/x)').waitFor();
      who.calm();
    });

    step('what is done about personal data is told', async () => {
      const mobile = '13812345678';
      await take('reciter', reciterGguf([{ on: '甲', pieces: ['请致电', '138', '1234', '56', '78', '联系。'] }]));
      const rules = async (prompts, answers) => {
        const me = await api('GET', '/api/v1/me');
        await chief.page.evaluate(async ([tenant, guard]) => {
          const now = await (await fetch('/api/v1/policy')).json();
          (now.tenants.find((one) => one.id === tenant) ?? now.tenants[0]).guard = guard;
          const { version, rate_micro, utc_offset_minutes, tenants } = now;
          const answer = await fetch('/api/v1/policy', {
            method: 'POST', headers: { 'X-Courtyard': '1', 'Content-Type': 'application/json' },
            body: JSON.stringify({ version, note: 'test', rate_micro, utc_offset_minutes, tenants }),
          });
          if (!answer.ok) throw new Error(await answer.text());
        }, [me.tenant, { prompts, answers }]);
      };
      const kinds = t('personal.mobile');
      await rules('mask', 'count');
      await who.go('/chat?model=reciter', 'personal data');
      await ask(`${mobile}，甲`);
      await who.see('chat.guard_prompts_mask', { kinds });
      await who.see('chat.guard_answers_count', { kinds });
      assert.ok((await text_of()).includes(mobile));
      await rules('refuse', 'refuse');
      who.allowed.add(400);
      await anew();
      await ask(`${mobile}，甲`);
      await who.see('guard.prompt_refused', { detail: kinds });
      await axe_check(who.page, 'refused');
      await anew();
      await ask('甲');
      await who.see('chat.filtered');
      assert.ok(!(await answers().last().innerText()).includes(mobile.slice(0, 7)));
      await axe_check(who.page, 'ended by the guard');
      await rules('off', 'off');
      who.allowed.delete(400);
      who.calm();
    });

    step('conversations stay in the tab, or on this computer if one says so, and are forgotten', async () => {
      const links = (page) => page.locator('.chat-talks li a');
      const count = await links(who.page).count();
      assert.ok(count >= 5, `${count}`);
      const other = await who.context.newPage();
      await other.goto(`${place.origin}/chat`);
      await other.getByText(t('chat.talks_none')).waitFor();
      await who.by_id('keep').check();
      await who.see('chat.kept_here');
      await other.reload();
      await links(other).first().waitFor();
      assert.equal(await links(other).count(), count);
      await other.close();
      await who.button('chat.forget_one', { name: 'x' }).click();
      await who.page.getByRole('dialog').waitFor();
      await axe_check(who.page, 'forget?');
      await who.button('chat.forget_confirm').click();
      await who.page.waitForFunction((n) => document.querySelectorAll('.chat-talks li a').length === n, count - 1);
      await who.by_id('keep').uncheck();
      const held = () => who.page.evaluate(() => [localStorage, sessionStorage].map((room) =>
        Object.keys(room).filter((key) => key.startsWith('chat')).length));
      assert.deepEqual(await held(), [0, count - 1]);
      await who.button('chat.forget').click();
      await who.button('chat.forget_confirm').click();
      await who.see('chat.talks_none');
      assert.deepEqual(await held(), [0, 0]);
      await ask(STORY);
      assert.deepEqual(await held(), [0, 1]);
      await who.sign_out();
      assert.deepEqual(await held(), [0, 0]);
      await who.sign_in('zhang.wei', PASSWORD);
      await who.to('nav.chat');
      await who.see('chat.talks_none');
      who.calm();
    });

    step('by keys alone, and on a narrow screen', async () => {
      await who.page.setViewportSize({ width: 360, height: 700 });
      await who.go('/chat?model=endless', 'narrow');
      await who.page.locator('h1').focus();
      const on = () => who.page.evaluate(() => document.activeElement.id || document.activeElement.textContent);
      for (let i = 0; i < 20 && (await on()) !== 'prompt'; i++) await who.page.keyboard.press('Tab');
      assert.equal(await on(), 'prompt');
      await who.page.keyboard.type(STORY);
      await who.page.keyboard.press('Enter');
      await written();
      await who.page.keyboard.press('Tab');
      assert.equal(await on(), t('chat.stop'));
      await who.page.keyboard.press('Enter');
      await who.see('chat.stopped');
      assert.equal(await on(), 'prompt');
      const wide = await who.page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= 360, `${wide}`);
      await axe_check(who.page, 'narrow answer');
      await who.page.setViewportSize({ width: 1280, height: 900 });
      who.calm();
    });

    step('a model that is gone, and one whose process ends, are told in words', async () => {
      await who.go('/chat?model=endless', 'errors');
      await settings();
      await set('max_tokens', '15000');
      await settings();
      await say(STORY);
      await written();
      const { items } = await api('GET', '/api/v1/language-models');
      const { id, serving } = items.find((model) => model.name === 'endless');
      const [pid] = execFileSync('pgrep', ['-f', `job ${place.folder}/data/jobs/${serving}$`]).toString().split('\n');
      process.kill(Number(pid), 'SIGKILL');
      await who.see('language.ended');
      await who.see('chat.partial');
      assert.ok((await text_of()).length > 0);
      await axe_check(who.page, 'ended');
      await api('PATCH', `/api/v1/language-models/${id}`, { on: false });
      who.allowed.add(404);
      await say(STORY);
      await who.see('language.not_found', { detail: 'endless' });
      await who.page.waitForFunction((text) => document.querySelector('#model option:checked')?.textContent === text,
        t('chat.gone', { name: 'endless' }));
      await axe_check(who.page, 'gone');
      const others = items.filter((model) => model.id !== id).map((model) => model.id);
      for (const other of others) await api('PATCH', `/api/v1/language-models/${other}`, { on: false });
      await who.button('chat.retry').last().click();
      await who.see('chat.none_off');
      assert.ok((await text_of(0)).length > 0, 'what was said is still there to read');
      await axe_check(who.page, 'none any more');
      who.calm();
      for (const other of others) await api('PATCH', `/api/v1/language-models/${other}`, { on: true });
      await api('PATCH', `/api/v1/language-models/${id}`, { on: true });
    });

    step('the connection breaks: what had come stays', async () => {
      await who.go('/chat?model=endless', 'lost');
      await settings();
      await set('max_tokens', '15000');
      await settings();
      await say(STORY);
      await written();
      await place.house.close();
      await who.see('chat.lost');
      await who.see('chat.partial');
      assert.ok((await text_of()).length > 0);
      await who.button('chat.retry').waitFor();
    });
  });
}
