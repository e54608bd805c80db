// The steps of the journey as a person takes them, by what is written on the page; the same for both
// languages, since every name comes from the messages.
import assert from 'node:assert/strict';
import { JOB_MS_MAX, axe_check } from './house.mjs';

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
