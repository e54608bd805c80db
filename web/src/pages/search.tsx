// One search: how far it is, the best so far, each try with its options, and stopping it.
import { useEffect } from 'preact/hooks';
import { post } from '../api';
import { Parallel } from '../charts/parallel';
import { ask } from '../components/dialog';
import { Button, LinkButton } from '../components/form';
import { Card, Notice, Page, Shown } from '../components/page';
import { Bar, Facts, Grid, number_column } from '../components/table';
import { decimal, duration, short, time } from '../format';
import { useGet } from '../load';
import { explain, t, t_or } from '../messages';
import { may, toast_error } from '../state';
import type { PageProps } from '../page_props';
import type { Search, Try } from '../types';
import { Headline, metric_name } from './models';
import { SearchState } from './searches';

const POLL_MS = 2500;

function option_name(name: string): string {
  return t_or(`option.${name}`, name);
}

async function stop(search: Search, reload: () => void): Promise<void> {
  const sure = await ask({
    title: t('search.stop_title'),
    text: t('search.stop_text'),
    confirm: t('search.stop'),
    danger: true,
  });
  if (sure === null) return;
  await post(`/searches/${search.id}/stop`).then(reload, toast_error);
}

function Progress({ search }: { search: Search }) {
  const over = search.done + search.failed + search.cancelled;
  const best = search.list?.find((one) => one.best);
  return (
    <Card title={t('search.progress')}>
      <Bar share={over / search.tries} />
      <Facts
        items={[
          [t('search.tries'), `${over} / ${search.tries}`],
          [
            t('search.best'),
            best?.validation
              ? `${t('search.number', { number: best.number })}: ${metric_name(best.validation.name)} ${decimal(best.validation.value, 4)}`
              : '–',
          ],
          [t('search.time_each'), duration(search.try_limit_ms)],
          [t('model.target'), search.target],
          [t('release.one'), <a href={`/releases/${search.release}`}>{search.release_title}</a>],
          [t('option.seed'), String(search.seed)],
          [t('job.created'), `${search.actor} · ${time(search.created_ms)}`],
          [t('nav.jobs'), <a href={`/jobs/${search.job}`}>{search.job}</a>],
        ]}
      />
      <p class="hint">{t('search.validation_hint')}</p>
    </Card>
  );
}

function Tries({ list }: { list: Try[] }) {
  const names = [...new Set(list.flatMap((one) => Object.keys(one.drawn)))];
  const metric = list.find((one) => one.validation)?.validation?.name;
  return (
    <Grid
      label={t('search.list')}
      columns={[
        t('search.try'),
        number_column(metric ? metric_name(metric) : t('search.score')),
        ...names.map((name) => number_column(option_name(name))),
        number_column(t('search.took')),
        t('job.state'),
      ]}
      rows={list.map((one) => [
        one.best ? <b>{t('search.number_best', { number: one.number })}</b> : String(one.number),
        one.validation ? decimal(one.validation.value, 4) : '–',
        ...names.map((name) =>
          one.drawn[name] === undefined ? t('search.as_given') : short(one.drawn[name]),
        ),
        one.ran_ms ? duration(one.ran_ms) : '–',
        one.fault ? explain(one.fault).text : t(`job.state.${one.state}`),
      ])}
    />
  );
}

// Of the tries that drew; the first took the options as given.
function Picture({ list }: { list: Try[] }) {
  const drawn = list.filter((one) => one.validation && Object.keys(one.drawn).length > 0);
  const names = Object.keys(drawn[0]?.drawn ?? {});
  if (drawn.length < 2 || names.length < 1) return null;
  const metric = drawn[0]!.validation!;
  const better = metric.better === 'higher' ? Math.max : Math.min;
  const best = better(...drawn.map((one) => one.validation!.value));
  const first = drawn.find((one) => one.validation!.value === best)!;
  return (
    <Card title={t('search.picture')}>
      <Parallel
        title={t('search.picture')}
        axes={[...names.map(option_name), metric_name(metric.name)]}
        rows={drawn.map((one) => ({
          name: String(one.number),
          values: [...names.map((name) => one.drawn[name]!), one.validation!.value],
          strong: one === first,
        }))}
      />
    </Card>
  );
}

export default function SearchPage({ params }: PageProps) {
  const id = params['id']!;
  const from = useGet<Search>(`/searches/${id}`);
  const search = from.data;
  const running = search?.state === 'running';
  useEffect(() => {
    if (!running) return undefined;
    const timer = setInterval(from.reload, POLL_MS);
    return () => clearInterval(timer);
  }, [running]);
  return (
    <Page
      title={search?.name ?? t('search.one')}
      wide
      crumbs={[{ text: t('searches.title'), href: '/searches' }]}
      badge={search && <SearchState search={search} />}
      actions={
        running &&
        may('research') && (
          <Button kind="danger" onClick={() => void stop(search, from.reload)}>
            {t('search.stop')}
          </Button>
        )
      }
    >
      <Shown from={from} lines={8}>
        {(data) => (
          <>
            {data.model > 0 && (
              <Card
                tone="accent"
                title={t('search.kept', { number: data.best })}
                actions={
                  <LinkButton href={`/models/${data.model}`} kind="primary">
                    {t('search.to_model')}
                  </LinkButton>
                }
              >
                <p>
                  <Headline value={data.headline} />
                </p>
              </Card>
            )}
            {data.state === 'failed' && <Notice tone="bad" title={t('search.nothing')} />}
            <Progress search={data} />
            <Picture list={data.list ?? []} />
            <Card title={t('search.list')} flush>
              <Tries list={data.list ?? []} />
            </Card>
          </>
        )}
      </Shown>
    </Page>
  );
}
