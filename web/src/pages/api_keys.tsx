// API keys: how an ordinary OpenAI client, curl or a program of one's own asks the language models of
// this box. Trust its certificate, make a key, copy an example.
import { BASE } from '../api';
import { example, kinds, type Kind } from '../components/examples';
import { LinkButton, SelectField } from '../components/form';
import { Card, Notice, Page, Tabs } from '../components/page';
import { Code, Facts } from '../components/table';
import { Tokens } from '../components/tokens';
import { useGet } from '../load';
import { t } from '../messages';
import { place, query_number, query_set, query_text } from '../router';
import type { List } from '../types';
import type { LanguageModel } from '../types_language';

const MODELS_SHOWN = 200;
const none = { id: 0, name: 'MODEL', chats: true, embeds: false };

function Certificate() {
  return (
    <Card
      title={t('api_keys.trust')}
      actions={
        <LinkButton href={`${BASE}/certificate`} icon="download" download>
          {t('api_keys.certificate')}
        </LinkButton>
      }
    >
      <p>{t('api_keys.trust_text')}</p>
      <Code
        label={t('api_keys.fingerprint')}
        text="openssl x509 -in courtyard.pem -noout -fingerprint -sha256"
      />
      <ul class="plain-list">
        <li>
          curl: <code>--cacert courtyard.pem</code>
        </li>
        <li>
          Python: <code>SSL_CERT_FILE=courtyard.pem</code>
        </li>
        <li>
          Node.js: <code>NODE_EXTRA_CA_CERTS=courtyard.pem</code>
        </li>
      </ul>
    </Card>
  );
}

// A tab is a link, and keeps the other choices.
function tab_of(kind: Kind): string {
  const query = new URLSearchParams(place.value.query);
  query.set('language', kind);
  return `/api-keys?${query}`;
}

function Examples() {
  const list = useGet<List<LanguageModel>>(`/language-models?size=${MODELS_SHOWN}`);
  const models = (list.data?.items ?? []).filter(
    (one) => one.state === 'ready' && one.on && one.fits,
  );
  const wanted = query_number('model', 0);
  const model = models.find((one) => one.id === wanted) ?? models[0] ?? none;
  const asked = query_text('language') as Kind;
  const kind = kinds.includes(asked) ? asked : 'curl';
  const base = `${location.origin}/v1`;
  const words = t(model.chats || model.embeds ? 'api_keys.question' : 'api_keys.beginning');
  return (
    <Card title={t('api_keys.ask')}>
      <Facts
        items={[
          [t('api_keys.base'), <code>{base}</code>],
          [t('api_keys.key'), t('api_keys.key_text')],
        ]}
      />
      {models.length ? (
        <SelectField
          id="model"
          label={t('api_keys.model')}
          value={String(model.id)}
          change={(value) => query_set({ model: value }, true)}
          choices={models.map((one) => ({ value: String(one.id), text: one.name }))}
        />
      ) : (
        list.data && <Notice title={t('api_keys.no_model')} />
      )}
      <Tabs
        label={t('api_keys.ask')}
        items={kinds.map((one) => ({ text: t(`api.${one}`), href: tab_of(one), on: one === kind }))}
      />
      <Code label={t(`api.${kind}`)} text={example(kind, base, model, words)} />
      {kind !== 'curl' && <p class="hint">{t(`api_keys.${kind}_hint`)}</p>}
      <p class="hint">{t('api_keys.more')}</p>
    </Card>
  );
}

export default function ApiKeysPage() {
  return (
    <Page title={t('nav.api_keys')} lead={t('api_keys.lead')}>
      <Certificate />
      <Tokens title={t('api_keys.make')} />
      <Examples />
    </Page>
  );
}
