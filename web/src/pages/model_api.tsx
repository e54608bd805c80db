// Use from a program: complete examples for this model, to copy and run.
import { BASE } from '../api';
import { Card, Notice, Tabs } from '../components/page';
import { Code } from '../components/table';
import { t } from '../messages';
import { query_text } from '../router';
import type { ModelShow } from '../types';
import { typical_row } from './model_try';

const kinds = ['curl', 'python', 'javascript'] as const;
type Kind = (typeof kinds)[number];

function curl(url: string, body: string): string {
  const quoted = body.replace(/'/g, `'\\''`);
  return `curl --cacert courtyard.pem '${url}' \\
  -H "Authorization: Bearer $COURTYARD_TOKEN" \\
  -H 'Content-Type: application/json' \\
  -d '${quoted}'`;
}

function python(url: string, body: string): string {
  return `import json, os, ssl, urllib.request

body = json.loads(r'''${body.replace(/'''/g, "\\'\\'\\'")}''')
request = urllib.request.Request(
    ${JSON.stringify(url)},
    data=json.dumps(body).encode(),
    headers={
        "Authorization": "Bearer " + os.environ["COURTYARD_TOKEN"],
        "Content-Type": "application/json",
    },
)
trust = ssl.create_default_context(cafile="courtyard.pem")
with urllib.request.urlopen(request, context=trust) as answer:
    for prediction in json.load(answer)["predictions"]:
        print(prediction)`;
}

function javascript(url: string, body: string): string {
  return `// node --use-openssl-ca, with NODE_EXTRA_CA_CERTS=courtyard.pem
const answer = await fetch(${JSON.stringify(url)}, {
  method: 'POST',
  headers: {
    Authorization: \`Bearer \${process.env.COURTYARD_TOKEN}\`,
    'Content-Type': 'application/json',
  },
  body: JSON.stringify(${body.replace(/\n/g, '\n  ')}),
});
if (!answer.ok) throw new Error(await answer.text());
const { predictions } = await answer.json();
console.log(predictions);`;
}

const makers: Record<Kind, (url: string, body: string) => string> = { curl, python, javascript };

// `address`: of what is asked; the page itself is of the same path.
export function ApiTab({ model, address }: { model: ModelShow; address: string }) {
  const asked = query_text('language') as Kind;
  const kind = kinds.includes(asked) ? asked : 'curl';
  const url = `${location.origin}${BASE}${address}/predict`;
  const body = JSON.stringify(
    { rows: [typical_row(model.features ?? [])], contributions: true },
    null,
    2,
  );
  const host = location.host;
  return (
    <Card title={t('api.title')}>
      <p>
        {t('api.about')} <a href="/account">{t('api.token_link')}</a>
      </p>
      <Notice title={t('api.certificate')}>
        <Code
          label={t('api.certificate')}
          text={`openssl s_client -connect ${host} </dev/null | openssl x509 > courtyard.pem`}
        />
      </Notice>
      <Tabs
        label={t('api.title')}
        items={kinds.map((one) => ({
          text: t(`api.${one}`),
          href: `${address}/api?language=${one}`,
          on: one === kind,
        }))}
      />
      <Code label={t(`api.${kind}`)} text={makers[kind](url, body)} />
      <p class="hint">{t('api.hint')}</p>
    </Card>
  );
}
