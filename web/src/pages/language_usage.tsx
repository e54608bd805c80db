// What language models were used for, in requests and tokens: by day and month, department, person
// and model. Officers see everybody's, others their own.
import type { ComponentChildren } from 'preact';
import { BASE } from '../api';
import { Bars } from '../charts/bars';
import { Curve, type Point } from '../charts/curve';
import { LinkButton, SelectField } from '../components/form';
import { Card, Empty, Page, Shown } from '../components/page';
import { Facts, Grid, number_column } from '../components/table';
import { count } from '../format';
import { useGet } from '../load';
import { t, t_or } from '../messages';
import { place, query_number, query_set } from '../router';
import type { Usage } from '../types';
import type { LanguageSums, LanguageUsage } from '../types_language';
import { month_choices, month_now, period_text } from '../units';

function days_of(month: number): number {
  return new Date(Math.floor(month / 100), month % 100, 0).getDate();
}

const sum_names = () => [
  t('language_usage.requests'),
  t('language_usage.prompt'),
  t('language_usage.cached'),
  t('language_usage.answer'),
  t('language_usage.refused'),
  t('language_usage.masked'),
];

function sum_cells(sums: LanguageSums): string[] {
  return [
    sums.requests,
    sums.prompt_tokens,
    sums.cached_tokens,
    sums.answer_tokens,
    sums.refused,
    sums.masked,
  ].map(count);
}

function Sums({
  title,
  heads,
  rows,
}: {
  title: string;
  heads: string[];
  rows: { cells: ComponentChildren[]; sums: LanguageSums }[];
}) {
  return (
    <Card flush title={title}>
      <Grid
        label={title}
        columns={[
          ...heads,
          ...sum_names().map((name) => number_column(<span class="nowrap">{name}</span>)),
        ]}
        rows={rows.map((one) => [...one.cells, ...sum_cells(one.sums)])}
      />
    </Card>
  );
}

function Days({ data }: { data: LanguageUsage }) {
  const used = new Map(data.days.map((one) => [one.day % 100, one]));
  // Days without use are zero, not missing; those to come are neither. The box's day may be ahead.
  const today = Math.max(new Date().getDate(), ...used.keys());
  const last = data.month === month_now() ? today : days_of(data.month);
  const points = (value: (sums: LanguageSums) => number): Point[] =>
    Array.from({ length: last }, (_, i) => {
      const one = used.get(i + 1);
      return { x: i + 1, y: one ? value(one) : 0 };
    });
  const prompts = points((one) => one.prompt_tokens);
  const answers = points((one) => one.answer_tokens);
  const most = Math.max(...prompts.map((one) => one.y), ...answers.map((one) => one.y));
  return (
    <Curve
      title={t('language_usage.by_day')}
      series={[
        { name: t('language_usage.prompt'), points: prompts },
        { name: t('language_usage.answer'), points: answers, tone: 2 },
      ]}
      x_name={t('language_usage.day')}
      y_name={t('language_usage.tokens')}
      x_range={[1, days_of(data.month)]}
      y_range={[0, most || 1]}
      table={{
        head: [t('language_usage.day'), ...sum_names()],
        rows: data.days.map((one) => [period_text(one.day), ...sum_cells(one)]),
      }}
    />
  );
}

// Of the person, or of the department that is looked at: all months that are known.
function Months({ tenant }: { tenant: number }) {
  const usage = useGet<Usage>(`/usage${tenant ? `?tenant=${tenant}` : ''}`);
  const months = (usage.data?.months ?? []).filter((one) => one.requests > 0).reverse();
  if (!months.length) return null;
  return (
    <Bars
      title={t('language_usage.by_month')}
      head={[t('usage.month'), t('language_usage.tokens')]}
      items={months.map((one) => ({
        name: period_text(one.period),
        value: one.tokens,
        text: count(one.tokens),
        note: t('language_usage.requests_of', { requests: one.requests }),
      }))}
    />
  );
}

// What the guard has found in texts: how often, never what it was.
function Found({ total }: { total: LanguageSums }) {
  const { prompts, answers } = total.found;
  const kinds = [...new Set([...Object.keys(prompts), ...Object.keys(answers)])].sort();
  if (!kinds.length) return null;
  return (
    <Card flush title={t('language_usage.found')}>
      <Grid
        label={t('language_usage.found')}
        columns={[
          t('language_usage.found_kind'),
          number_column(t('language_usage.in_prompts')),
          number_column(t('language_usage.in_answers')),
        ]}
        rows={kinds.map((kind) => [
          t_or(`personal.${kind}`, kind),
          count(prompts[kind] ?? 0),
          count(answers[kind] ?? 0),
        ])}
      />
    </Card>
  );
}

function link_of(values: Record<string, number>): string {
  const query = new URLSearchParams(place.value.query);
  for (const [name, value] of Object.entries(values)) query.set(name, String(value));
  return `/language-usage?${query}`;
}

function Tables({ data }: { data: LanguageUsage }) {
  return (
    <>
      {data.everybody && (
        <Sums
          title={t('usage.departments')}
          heads={[t('tenant.name')]}
          rows={data.departments.map((one) => ({
            cells: [<a href={link_of({ tenant: one.tenant })}>{one.path}</a>],
            sums: one,
          }))}
        />
      )}
      {data.everybody && (
        <Sums
          title={t('usage.people')}
          heads={[t('usage.person'), t('tenant.name')]}
          rows={data.people.map((one) => ({
            cells: [<a href={link_of({ person: one.person })}>{one.name}</a>, one.path],
            sums: one,
          }))}
        />
      )}
      <Sums
        title={t('language_usage.models')}
        heads={[t('language.one')]}
        rows={data.models.map((one) => ({ cells: [one.name], sums: one }))}
      />
      <Found total={data.total} />
    </>
  );
}

function Report({ data, tenant, person }: { data: LanguageUsage; tenant: number; person: number }) {
  if (!data.total.requests) {
    return (
      <Card>
        <Empty
          title={t('language_usage.none')}
          text={t('language_usage.none_text')}
          icon="gauge"
        />
      </Card>
    );
  }
  const names = sum_names();
  return (
    <>
      <Card title={t(data.everybody ? 'language_usage.all' : 'language_usage.mine')}>
        <Facts
          items={sum_cells(data.total).map((text, i) => [names[i]!, text] as [string, string])}
        />
        <div class="charts">
          <Days data={data} />
          {!person && (tenant > 0 || !data.everybody) && <Months tenant={tenant} />}
        </div>
      </Card>
      <Tables data={data} />
    </>
  );
}

export default function LanguageUsagePage() {
  const month = query_number('month', 0);
  const tenant = query_number('tenant', 0);
  const person = query_number('person', 0);
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries({ month, tenant, person })) {
    if (value) query.set(name, String(value));
  }
  const report = useGet<LanguageUsage>(`/language-usage?${query}`);
  const shown = report.data?.month ?? (month || month_now());
  return (
    <Page
      title={t('nav.language_usage')}
      lead={t('language_usage.lead')}
      wide
      actions={
        <LinkButton href={`${BASE}/language-usage/file?${query}`} icon="download" download>
          {t('usage.csv')}
        </LinkButton>
      }
    >
      <div class="form-grid">
        <SelectField
          id="month"
          label={t('usage.month')}
          value={String(shown)}
          change={(value) => query_set({ month: value })}
          choices={month_choices(shown)}
        />
      </div>
      {(tenant > 0 || person > 0) && (
        <p>
          <a href={`/language-usage?month=${shown}`}>{t('language_usage.everybody')}</a>
        </p>
      )}
      <Shown from={report} lines={6}>
        {(data) => <Report data={data} tenant={tenant} person={person} />}
      </Shown>
    </Page>
  );
}
