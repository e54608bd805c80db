// The frame around every page: skip link, the house's name, navigation by role, the person's menu,
// messages that pass by. On narrow screens the navigation folds under a button.
import { signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { language, language_choose, t, type MessageKey } from '../messages';
import { place } from '../router';
import { appliance, may, person, sign_out, toast_close, toasts } from '../state';
import { Dialogs, question } from './dialog';
import { Icon, Logo, type IconName } from './icon';
import type { Role } from '../types';

interface Entry {
  path: string;
  key: MessageKey;
  icon: IconName;
  roles: Role[];
}
const APPLIANCE = '/appliance'; // shown only where the box is one
const groups: { key: MessageKey | null; entries: Entry[] }[] = [
  { key: null, entries: [{ path: '/', key: 'nav.home', icon: 'home', roles: [] }] },
  {
    key: 'nav.group.data',
    entries: [
      { path: '/import', key: 'nav.import', icon: 'import', roles: ['data'] },
      { path: '/datasets', key: 'nav.datasets', icon: 'dataset', roles: ['data'] },
      { path: '/releases', key: 'nav.releases', icon: 'release', roles: [] },
    ],
  },
  {
    key: 'nav.group.models',
    entries: [
      { path: '/chat', key: 'nav.chat', icon: 'chat', roles: ['research', 'data'] },
      { path: '/pilots', key: 'nav.pilots', icon: 'pilot', roles: ['data', 'research'] },
      { path: '/train', key: 'nav.train', icon: 'train', roles: ['research'] },
      { path: '/models', key: 'nav.models', icon: 'model', roles: ['research'] },
      { path: '/endpoints', key: 'nav.endpoints', icon: 'share', roles: ['research', 'data'] },
      {
        path: '/language-models',
        key: 'nav.language_models',
        icon: 'language',
        roles: ['research', 'data', 'system'],
      },
      { path: '/api-keys', key: 'nav.api_keys', icon: 'lock', roles: ['research', 'data'] },
      { path: '/run', key: 'nav.run', icon: 'play', roles: ['research'] },
    ],
  },
  {
    key: 'nav.group.house',
    entries: [
      { path: '/jobs', key: 'nav.jobs', icon: 'job', roles: [] },
      { path: '/calendar', key: 'nav.calendar', icon: 'calendar', roles: [] },
      { path: '/resources', key: 'nav.resources', icon: 'system', roles: [] },
      { path: '/what-if', key: 'nav.what_if', icon: 'eye', roles: [] },
      {
        path: '/people',
        key: 'nav.people',
        icon: 'people',
        roles: ['system', 'security', 'audit'],
      },
      { path: '/share', key: 'nav.share', icon: 'gauge', roles: [] },
      { path: '/vouchers', key: 'nav.vouchers', icon: 'voucher', roles: [] },
      {
        path: '/departments',
        key: 'nav.departments',
        icon: 'tree',
        roles: ['system', 'security', 'audit'],
      },
      { path: '/usage', key: 'nav.usage', icon: 'train', roles: ['system', 'security', 'audit'] },
      { path: '/language-usage', key: 'nav.language_usage', icon: 'gauge', roles: [] },
      { path: '/keys', key: 'nav.keys', icon: 'lock', roles: ['security', 'audit', 'data'] },
      { path: '/audit', key: 'nav.audit', icon: 'audit', roles: ['audit'] },
      { path: '/system', key: 'nav.system', icon: 'system', roles: ['system', 'audit'] },
      { path: APPLIANCE, key: 'nav.appliance', icon: 'gauge', roles: ['system'] },
    ],
  },
];

const open = signal(false);

function is_here(path: string): boolean {
  const here = place.value.path;
  return path === '/' ? here === '/' : here === path || here.startsWith(`${path}/`);
}

function Navigation() {
  return (
    <nav class="nav" id="nav" aria-label={t('nav.label')}>
      {groups.map((group) => {
        const entries = group.entries.filter(
          ({ path, roles }) => may(...roles) && (path !== APPLIANCE || appliance.value),
        );
        if (!entries.length) return null;
        return (
          <div class="nav-group" key={group.key ?? 'home'}>
            {group.key && <p class="nav-title">{t(group.key)}</p>}
            <ul>
              {entries.map((entry) => (
                <li key={entry.path}>
                  <a href={entry.path} aria-current={is_here(entry.path) ? 'page' : undefined}>
                    <Icon name={entry.icon} />
                    <span>{t(entry.key)}</span>
                  </a>
                </li>
              ))}
            </ul>
          </div>
        );
      })}
    </nav>
  );
}

export function LanguageSwitch() {
  const other = language.value === 'en' ? 'zh-CN' : 'en';
  return (
    <button
      type="button"
      class="button button-quiet button-small"
      lang={other}
      onClick={() => void language_choose(other)}
    >
      {other === 'en' ? 'English' : '中文'}
    </button>
  );
}

export function Brand() {
  return (
    <a class="brand" href="/">
      <Logo />
      <span class="brand-name">
        <b>{t('app.name')}</b>
        <small>{t('app.name_other')}</small>
      </span>
    </a>
  );
}

function Toasts() {
  return (
    <div class="toasts no-print" role="status" aria-live="polite">
      {toasts.value.map((toast) => (
        <div class={`toast toast-${toast.tone}`} key={toast.id}>
          <Icon name={toast.tone === 'bad' ? 'warn' : 'check'} />
          <p>{toast.text}</p>
          {toast.action && (
            <button
              type="button"
              class="button button-small"
              onClick={() => {
                toast.action?.act();
                toast_close(toast.id);
              }}
            >
              {toast.action.text}
            </button>
          )}
          <button
            type="button"
            class="button button-quiet button-small"
            aria-label={t('action.close')}
            onClick={() => toast_close(toast.id)}
          >
            <Icon name="close" />
          </button>
        </div>
      ))}
    </div>
  );
}

function Skip() {
  return (
    <a
      class="skip"
      href="#main"
      onClick={(event) => {
        event.preventDefault();
        document.getElementById('main')?.focus();
      }}
    >
      {t('app.skip')}
    </a>
  );
}

export function Shell({ children }: { children: ComponentChildren }) {
  const here = place.value.path;
  useEffect(() => {
    open.value = false;
  }, [here]);
  const who = person.value!;
  return (
    <>
      <div class="shell" aria-hidden={question.value ? 'true' : undefined}>
        <Skip />
        <header class="side">
          <div class="side-top">
            <Brand />
            <button
              type="button"
              class="button button-quiet menu-button"
              aria-expanded={open.value}
              aria-controls="nav"
              onClick={() => {
                open.value = !open.value;
              }}
            >
              <Icon name="menu" />
              <span>{t('nav.menu')}</span>
            </button>
          </div>
          <div class={open.value ? 'side-rest side-open' : 'side-rest'}>
            <Navigation />
            <div class="side-person">
              <a href="/account" aria-current={is_here('/account') ? 'page' : undefined}>
                <Icon name="person" />
                <span>
                  <b>{who.display_name || who.name}</b>
                  <small>{who.department || t('nav.account')}</small>
                </span>
              </a>
              <div class="side-tools">
                <LanguageSwitch />
                <button
                  type="button"
                  class="button button-quiet button-small"
                  onClick={() => void sign_out()}
                >
                  {t('nav.sign_out')}
                </button>
              </div>
            </div>
          </div>
        </header>
        <main id="main" tabIndex={-1}>
          {children}
        </main>
      </div>
      <Toasts />
      <Dialogs />
    </>
  );
}

// Before signing in: the house, and one form in its yard.
export function Gate({ children }: { children: ComponentChildren }) {
  return (
    <>
      <div class="gate">
        <Skip />
        <header class="gate-top">
          <Brand />
          <LanguageSwitch />
        </header>
        <main id="main" tabIndex={-1} class="gate-yard">
          {children}
        </main>
        <footer class="gate-foot">
          <p>{t('app.tagline')}</p>
        </footer>
      </div>
      <Toasts />
      <Dialogs />
    </>
  );
}
