// The language models of the box: which there are, whether they fit and how they stand.
import { FitsWord, LanguageState, kind_text, useLooks } from '../components/language';
import { LinkButton } from '../components/form';
import { Card, Empty, Page, Shown } from '../components/page';
import { Pager, Table } from '../components/table';
import { ago } from '../format';
import { useGet } from '../load';
import { t } from '../messages';
import { query_number } from '../router';
import { may } from '../state';
import type { List } from '../types';
import type { LanguageModel } from '../types_language';

const SIZE = 20;

function Row({ model }: { model: LanguageModel }) {
  return (
    <tr>
      <th scope="row">
        <a href={`/language-models/${model.id}`}>{model.name}</a>
      </th>
      <td>
        <LanguageState model={model} />
      </td>
      <td class="nowrap">{model.state === 'ready' ? kind_text(model) : '–'}</td>
      <td class="nowrap">{model.state === 'ready' ? t(kind_of(model)) : '–'}</td>
      <td class="nowrap">{model.state === 'ready' ? <FitsWord model={model} /> : '–'}</td>
      <td>
        {model.actor} · {ago(model.created_ms)}
      </td>
    </tr>
  );
}

function kind_of(model: LanguageModel) {
  if (model.embeds) return 'language.does.embeds';
  return model.chats ? 'language.does.chats' : 'language.does.completes';
}

// What is one, where it comes from, and how it gets here without a network.
function About() {
  return (
    <Card title={t('language.about.title')}>
      <p>{t('language.about.what')}</p>
      <ul class="plain-list">
        <li>{t('language.about.where')}</li>
        <li>{t('language.about.carry')}</li>
        <li>{t('language.about.which')}</li>
      </ul>
    </Card>
  );
}

export default function LanguageModelsPage() {
  const page = query_number('page', 1);
  const list = useGet<List<LanguageModel>>(`/language-models?page=${page}&size=${SIZE}`);
  useLooks(list.reload);
  const take = may('research') && (
    <LinkButton href="/language-models/import" kind="primary" icon="import">
      {t('language.import')}
    </LinkButton>
  );
  return (
    <Page
      title={t('nav.language_models')}
      lead={t('language.lead')}
      actions={list.data?.items.length ? take : undefined}
      wide
    >
      <Card flush>
        <Shown from={list} lines={6}>
          {(data) =>
            data.items.length ? (
              <>
                <Table label={t('nav.language_models')}>
                  <thead>
                    <tr>
                      <th>{t('language.name')}</th>
                      <th>{t('job.state')}</th>
                      <th>{t('language.kind')}</th>
                      <th>{t('language.does')}</th>
                      <th>{t('language.memory')}</th>
                      <th>{t('language.taken_in')}</th>
                    </tr>
                  </thead>
                  <tbody>
                    {data.items.map((model) => (
                      <Row key={model.id} model={model} />
                    ))}
                  </tbody>
                </Table>
                <Pager page={data.page} size={data.size} total={data.total} />
              </>
            ) : (
              <Empty
                title={t('language.empty')}
                text={t(may('research') ? 'language.empty_text' : 'language.empty_ask')}
                icon="model"
                action={take}
              />
            )
          }
        </Shown>
      </Card>
      {list.data?.total === 0 && <About />}
    </Page>
  );
}
