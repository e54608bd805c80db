// The steps of the journey as a person takes them, by what is written on the page; the same for both
// languages, since every name comes from the messages. And the place where they are taken: a server
// of its own, a browser, and who visits it.
import assert from 'node:assert/strict';
import { JOB_MS_MAX, axe_check, browser_open, house_open, page_open, sentences } from './house.mjs';

export const PASSWORD = '青砖灰瓦 朱红大门 2024';

export class Visitor {
  constructor(opened, house, t) {
    Object.assign(this, opened, { house, t });
  }

  button(key, values) {
    return this.page.getByRole('button', { name: this.t(key, values), exact: true });
  }
  field(key) {
    return this.page.getByLabel(this.t(key), { exact: false }).first();
  }
  by_id(id) {
    return this.page.locator(`[id="${id}"]`);
  }
  async heading(text) {
    await this.page.getByRole('heading', { level: 1, name: text }).waitFor();
  }
  async see(key, values) {
    await this.page.getByText(this.t(key, values)).first().waitFor();
  }
  async go(path, where = path) {
    await this.page.goto(this.house.origin + path);
    await axe_check(this.page, where);
  }
  // By the navigation, as a person would.
  async to(key) {
    await this.page.getByRole('navigation', { name: this.t('nav.label') })
      .getByRole('link', { name: this.t(key), exact: true }).click();
    await this.heading(this.t(key));
    await axe_check(this.page, key);
  }
  async tab(key) {
    await this.page.locator('.tabs').first().getByRole('link', { name: this.t(key), exact: true })
      .click();
    await this.page.locator('.tabs [aria-current]').getByText(this.t(key)).first().waitFor();
    await axe_check(this.page, key);
  }

  // ---- the gate --------------------------------------------------------------------------------
  async set_up(name, display_name) {
    await this.go('/', 'setup');
    await this.heading(this.t('setup.title'));
    await this.by_id('code').fill(this.house.code);
    await this.by_id('name').fill(name);
    await this.by_id('display_name').fill(display_name);
    await this.by_id('password').fill(PASSWORD);
    await this.by_id('again').fill(PASSWORD);
    await this.button('setup.submit').click();
    await this.heading(this.t('home.title', { name: display_name }));
  }
  async sign_in(name, password, one_time = false) {
    await this.go('/sign-in');
    await this.by_id('name').fill(name);
    await this.by_id('password').fill(password);
    await this.button('signin.submit').click();
    if (one_time) {
      await this.heading(this.t('password.forced'));
      await axe_check(this.page, 'password');
      await this.by_id('old').fill(password);
      await this.by_id('password').fill(PASSWORD);
      await this.by_id('again').fill(PASSWORD);
      await this.button('password.save').click();
    }
    await this.page.getByRole('navigation', { name: this.t('nav.label') }).waitFor();
  }
  async sign_out() {
    await this.button('nav.sign_out').click();
    await this.heading(this.t('signin.title'));
  }

  // ---- people ----------------------------------------------------------------------------------
  async make_person(name, display_name, roles) {
    await this.by_id('name').fill(name);
    await this.by_id('display_name').fill(display_name);
    await this.button('people.create_submit').click();
    await this.see('people.one_time', { name });
    const password = await this.page.locator('.notice .code code').innerText();
    await axe_check(this.page, 'one-time password');
    await this.button('people.noted').click();
    await this.button('people.roles_of', { name }).click();
    for (const role of roles) await this.by_id(`role-${role}`).check();
    await axe_check(this.page, 'roles');
    await this.button('action.save').click();
    await this.see('people.roles_saved', { name: display_name });
    return password;
  }

  // The first person makes another, and goes on as them.
  async become(name, display_name, roles) {
    await this.to('nav.people');
    const password = await this.make_person(name, display_name, roles);
    await this.sign_out();
    await this.sign_in(name, password, true);
  }

  // ---- as an application does --------------------------------------------------------------------
  // A call by the person signed in; what it answers. A text to /uploads/… goes as it is.
  api(method, path, body) {
    return this.page.evaluate(async ([m, p, b]) => {
      const raw = p.startsWith('/uploads/');
      const answer = await fetch(`/api/v1${p}`, {
        method: m, headers: { 'X-Courtyard': '1', ...(raw ? {} : { 'Content-Type': 'application/json' }) },
        body: b === undefined ? undefined : raw ? b : JSON.stringify(b),
      });
      if (!answer.ok) throw new Error(`${m} ${p}: ${await answer.text()}`);
      return answer.status === 204 ? null : answer.json();
    }, [method, path, body]);
  }
  // What is there, once it is as it should be.
  async until(path, good) {
    for (const start = Date.now(); Date.now() - start < JOB_MS_MAX; await this.page.waitForTimeout(100)) {
      const now = await this.api('GET', path);
      if (good(now)) return now;
    }
    return assert.fail(`${path} is not as it should be`);
  }
  async job_done(id) {
    await this.until(`/jobs/${id}`, (job) => job.state === 'done');
  }
  // A CSV as a dataset, published, and approved by another; the release's number.
  async release(title, text, approver) {
    const name = title.toLowerCase();
    const { id } = await this.api('POST', '/uploads', { name: `${name}.csv`, size: Buffer.byteLength(text) });
    await this.api('PUT', `/uploads/${id}?offset=0`, text);
    const { dataset, job } = await this.api('POST', '/datasets', { name, upload: id });
    await this.job_done(job.id);
    const sheet = { title, purpose: 'test', source: 'made', licence: 'CC0', contact: '', limits: '', sensitivity: 'open' };
    const made = await this.api('POST', `/datasets/${dataset.id}/releases`, { sheet });
    await approver.api('POST', `/releases/${made.id}/approve`, {});
    return made.id;
  }

  // ---- data ------------------------------------------------------------------------------------
  async upload(path) {
    const chooser = this.page.waitForEvent('filechooser');
    await this.button('import.pick').click();
    await (await chooser).setFiles(path);
    await this.see('import.state.complete');
  }
  // From the uploaded file to a dataset that has been imported and checked; answers its address.
  async import_file(path, name) {
    await this.to('nav.import');
    await this.upload(path);
    await axe_check(this.page, 'uploaded');
    await this.page.getByRole('link', { name: this.t('import.continue'), exact: true }).click();
    await this.page.locator('#encoding').waitFor();
    await axe_check(this.page, 'look');
    await this.by_id('name').fill(name);
    await this.button('look.import').click();
    await this.heading(name);
    await this.page.locator('.badge-good').first().waitFor({ timeout: JOB_MS_MAX });
    return new URL(this.page.url()).pathname;
  }
  async wait_for_check() {
    await this.tab('dataset.tab.check');
    await this.page.locator('.column-card').first().waitFor({ timeout: JOB_MS_MAX });
    await axe_check(this.page, 'check');
  }
  async set_role(column, role) {
    const select = this.page.getByLabel(this.t('role.of', { name: column }), { exact: true });
    await select.selectOption(role);
    await this.see('role.saved', { name: column });
  }
  async cleanse() {
    await this.tab('dataset.tab.cleanse');
    await this.button('cleanse.propose').click();
    await this.page.waitForFunction(() =>
      document.getElementById('recipe').value.split('\n').length > 3);
    await this.see('recipe.good');
  }
  async publish(values) {
    await this.tab('dataset.tab.publish');
    for (const [name, value] of Object.entries(values)) await this.by_id(name).fill(value);
    await this.button('publish.request').click();
    await this.heading(values.title);
    await this.see('release.wait_second');
    await axe_check(this.page, 'release');
    return new URL(this.page.url()).pathname;
  }

  // Nothing that must not happen has happened.
  calm() {
    assert.deepEqual(this.wrong, []);
  }
}

export class Place {
  // A server on a fresh folder, with these arguments more, and a browser in that language.
  static async open(language, more) {
    const place = Object.assign(new Place(), { language, t: sentences(language) });
    place.house = await house_open(more);
    try {
      place.browser = await browser_open();
    } catch (error) {
      await place.close();
      throw error;
    }
    return place;
  }
  get folder() {
    return this.house.folder;
  }
  get origin() {
    return this.house.origin;
  }
  // With a page and cookies of their own, nobody yet; `options`: of the browser's context.
  async visitor(options) {
    return new Visitor(await page_open(this.browser, this.house, this.language, options), this.house, this.t);
  }
  // The first person, who holds system and security.
  async first() {
    const visitor = await this.visitor();
    await visitor.set_up('li.na', 'Li Na');
    return visitor;
  }
  // A further person, made by the first, signed in on a page of their own.
  async join(first, name, display_name, roles, options) {
    await first.to('nav.people');
    const password = await first.make_person(name, display_name, roles);
    const visitor = await this.visitor(options);
    await visitor.sign_in(name, password, true);
    return visitor;
  }
  async close() {
    await this.browser?.close();
    await this.house.close();
  }
}
