// Boot: language, who is signed in, the router's table. Every page but the gate is a part of its
// own, fetched when it is first needed or when the browser has nothing better to do.
import { render, type ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { ApiError } from './api';
import { ErrorBox, Loading, Page } from './components/page';
import { Gate, Shell } from './components/shell';
import { language_choose, language_rest, language_whole, t } from './messages';
import { PasswordPage, SetupPage, SignInPage } from './pages/gate';
import { match, navigate, place, query_text, router_start } from './router';
import { may, person, setup_needed, state_load } from './state';
import { NotAllowed, NotFound } from './pages/missing';
import type { PageProps } from './page_props';
import type { Role } from './types';

type Part = () => Promise<{ default: ComponentType<PageProps> }>;
interface Route {
  path: string;
  part: Part;
  roles: Role[];
}

const data: Role[] = ['data'];
const officers: Role[] = ['system', 'security', 'audit'];
const askers: Role[] = ['research', 'data', 'system'];
const dataset: Part = () => import('./pages/dataset');
const model: Part = () => import('./pages/model');
const endpoint: Part = () => import('./pages/endpoint');
const routes: Route[] = [
  { path: '/', part: () => import('./pages/home'), roles: [] },
  { path: '/import', part: () => import('./pages/import'), roles: data },
  { path: '/import/:id', part: () => import('./pages/import_look'), roles: data },
  { path: '/datasets', part: () => import('./pages/datasets'), roles: data },
  { path: '/datasets/:id', part: dataset, roles: data },
  { path: '/datasets/:id/:tab', part: dataset, roles: data },
  { path: '/chat', part: () => import('./pages/chat'), roles: ['research', 'data'] },
  { path: '/pilots', part: () => import('./pages/pilots'), roles: ['data', 'research'] },
  { path: '/pilots/:id', part: () => import('./pages/pilot'), roles: ['research'] },
  { path: '/pilot-runs/:id', part: () => import('./pages/pilot_run'), roles: [] },
  { path: '/releases', part: () => import('./pages/releases'), roles: [] },
  { path: '/releases/:id', part: () => import('./pages/release'), roles: [] },
  { path: '/molecules', part: () => import('./pages/molecules'), roles: ['data', 'research'] },
  { path: '/train', part: () => import('./pages/train'), roles: ['research'] },
  { path: '/models', part: () => import('./pages/models'), roles: ['research'] },
  { path: '/models/import', part: () => import('./pages/model_import'), roles: ['research'] },
  { path: '/models/:id', part: model, roles: ['research'] },
  { path: '/models/:id/:tab', part: model, roles: ['research'] },
  { path: '/searches', part: () => import('./pages/searches'), roles: ['research'] },
  { path: '/searches/:id', part: () => import('./pages/search'), roles: ['research'] },
  { path: '/endpoints', part: () => import('./pages/endpoints'), roles: ['research', 'data'] },
  { path: '/endpoints/:id', part: endpoint, roles: ['research', 'data'] },
  { path: '/endpoints/:id/:tab', part: endpoint, roles: ['research', 'data'] },
  { path: '/language-models', part: () => import('./pages/language_models'), roles: askers },
  {
    path: '/language-models/import',
    part: () => import('./pages/language_import'),
    roles: ['research'],
  },
  { path: '/language-models/:id', part: () => import('./pages/language_model'), roles: askers },
  { path: '/api-keys', part: () => import('./pages/api_keys'), roles: ['research', 'data'] },
  { path: '/language-usage', part: () => import('./pages/language_usage'), roles: [] },
  { path: '/run', part: () => import('./pages/run'), roles: ['research'] },
  { path: '/jobs', part: () => import('./pages/jobs'), roles: [] },
  { path: '/jobs/:id', part: () => import('./pages/job'), roles: [] },
  { path: '/calendar', part: () => import('./pages/calendar'), roles: [] },
  { path: '/resources', part: () => import('./pages/resources'), roles: [] },
  { path: '/what-if', part: () => import('./pages/what_if'), roles: [] },
  { path: '/people', part: () => import('./pages/people'), roles: officers },
  { path: '/departments', part: () => import('./pages/departments'), roles: officers },
  { path: '/share', part: () => import('./pages/share'), roles: [] },
  { path: '/usage', part: () => import('./pages/usage'), roles: officers },
  { path: '/vouchers', part: () => import('./pages/vouchers'), roles: [] },
  { path: '/keys', part: () => import('./pages/keys'), roles: ['security', 'audit', 'data'] },
  { path: '/account', part: () => import('./pages/account'), roles: [] },
  { path: '/audit', part: () => import('./pages/audit'), roles: ['audit'] },
  { path: '/system', part: () => import('./pages/system'), roles: ['system', 'audit'] },
  { path: '/appliance', part: () => import('./pages/appliance'), roles: ['system'] },
];

const rescue: Part = () => import('./pages/rescue');
const ready = new Map<Part, ComponentType<PageProps>>();

async function load(part: Part): Promise<void> {
  if (!ready.has(part)) ready.set(part, (await part()).default);
}

// Fetches the other pages one after another, so that later navigation needs no network for them.
async function load_ahead(): Promise<void> {
  for (const route of routes) {
    if (!may(...route.roles)) continue;
    try {
      await load(route.part);
    } catch {
      return; // They are asked for again when they are visited.
    }
  }
}

function Lazy({ part, params }: { part: Part; params: Record<string, string> }) {
  const [, redraw] = useState(0);
  const [error, error_set] = useState<unknown>(null);
  const Loaded = ready.get(part);
  useEffect(() => {
    if (Loaded) return;
    error_set(null);
    load(part).then(() => redraw((n) => n + 1), error_set);
  }, [part]);
  if (Loaded) return <Loaded params={params} />;
  if (error) return <ErrorBox error={error} retry={() => location.reload()} />;
  return (
    <Page title={t('app.loading')}>
      <Loading />
    </Page>
  );
}

function Inside() {
  const here = place.value.path;
  for (const route of routes) {
    const params = match(route.path, here);
    if (!params) continue;
    if (!may(...route.roles)) return <NotAllowed />;
    // A new record is a new page; tabs of one record are the same page.
    const key = here.split('/').slice(1, 3).join('/');
    return <Lazy key={key} part={route.part} params={params} />;
  }
  return <NotFound />;
}

function App() {
  const here = place.value.path;
  const who = person.value;
  const gate = here === '/setup' || here === '/sign-in' || here === '/password';
  const wanted =
    setup_needed.value && !who
      ? '/setup'
      : !who
        ? '/sign-in'
        : who.must_change_password
          ? '/password'
          : gate
            ? query_text('next').match(/^\/(?![/\\])/)
              ? query_text('next')
              : '/'
            : here;
  const whole = language_whole.value;
  const [failed, failed_set] = useState<unknown>(null);
  useEffect(() => {
    if (who && !whole) void language_rest().catch(failed_set);
  }, [who?.id, whole]);
  const moving = wanted.split('?')[0] !== here;
  useEffect(() => {
    if (!moving) return;
    const next =
      wanted === '/sign-in' && here !== '/' && !gate
        ? `/sign-in?next=${encodeURIComponent(here + location.search)}`
        : wanted;
    navigate(next, true);
  }, [wanted, here]);
  useEffect(() => {
    if (who && !who.must_change_password) setTimeout(() => void load_ahead(), 1500);
  }, [who?.id]);
  if (failed) return <Unreachable error={failed} />;
  if (moving || (who && !whole)) return null;
  if (here === '/setup')
    return (
      <Gate>
        <SetupPage />
      </Gate>
    );
  if (here === '/sign-in')
    return (
      <Gate>
        <SignInPage />
      </Gate>
    );
  if (here === '/password')
    return (
      <Gate>
        <PasswordPage />
      </Gate>
    );
  return (
    <Shell>
      <Inside />
    </Shell>
  );
}

// Without its data the box answers nothing, but what can be done then.
function Unreachable({ error }: { error: unknown }) {
  const [, redraw] = useState(0);
  const Rescue = ready.get(rescue);
  // Busy is another thing: it passes.
  const unfit =
    error instanceof ApiError &&
    error.status === 503 &&
    !/^(server|base|page)\./.test(error.fault.code);
  useEffect(() => {
    if (!unfit) return;
    void language_rest()
      .then(() => load(rescue))
      .then(() => redraw(1));
  }, [unfit]);
  if (Rescue)
    return (
      <Gate>
        <Rescue params={{}} />
      </Gate>
    );
  return (
    <Gate>
      <Page title={t('app.name')}>
        <ErrorBox error={error} retry={() => location.reload()} />
      </Page>
    </Gate>
  );
}

async function boot(): Promise<void> {
  const root = document.getElementById('app')!;
  router_start();
  const state = state_load().then(
    () => null,
    (error: unknown) => ({ error }),
  );
  await language_choose();
  const failed = await state;
  render(failed ? <Unreachable error={failed.error} /> : <App />, root);
}

void boot();
