// The start of a pilot: a file, a release or the demonstration; which column plays which part, as it
// was found and open to correction; a name.
import { useEffect, useState } from 'preact/hooks';
import { post } from '../api';
import {
  Button,
  ErrorSummary,
  SelectField,
  TextField,
  error_at,
  errors_of,
  type FieldError,
} from '../components/form';
import { LimitWarning } from '../components/limits';
import { Badge, Card, Notice, Page, Shown } from '../components/page';
import { OriginNotice, column_title, outcome_of, value_title, words } from '../components/pilot';
import { Table } from '../components/table';
import { FilePicker, SendingRow } from '../components/upload';
import { useGet } from '../load';
import { language, t } from '../messages';
import type { PageProps } from '../page_props';
import { navigate } from '../router';
import { may, toast_error } from '../state';
import type { List, Release, Upload } from '../types';
import type { Pilot, PilotColumn, PilotMatch, PilotRun } from '../types_pilot';
import { sendings, upload_add, upload_used } from '../upload';

type Source = { upload: number } | { release: number };

function name_of(file: string): string {
  return file.replace(/(\.(gz|zst|csv|tsv|txt|json|jsonl|xlsx?|html?|zip))+$/i, '');
}

// ---- the data -----------------------------------------------------------------------------------

function Data({ pilot, chosen }: { pilot: Pilot; chosen: (source: Source) => void }) {
  const [key, key_set] = useState(0);
  const [busy, busy_set] = useState(false);
  const releases = useGet<List<Release>>('/releases?state=released&size=100');
  const item = sendings.value.find((one) => one.key === key);
  useEffect(() => {
    if (item?.state === 'complete') chosen({ upload: item.id });
  }, [item?.state]);
  const demonstrate = async () => {
    busy_set(true);
    try {
      chosen({ upload: (await post<Upload>(`/pilots/${pilot.id}/demonstration`)).id });
    } catch (error) {
      toast_error(error);
      busy_set(false);
    }
  };
  const list = releases.data?.items ?? [];
  return (
    <>
      <LimitWarning />
      {may('data') ? (
        <Card title={t('pilot.data')}>
          <FilePicker picked={(files) => key_set(upload_add(files[0]!))} />
          {item && <SendingRow item={item} />}
          {pilot.demonstration.kind && (
            <div class="actions">
              <Button icon="dataset" busy={busy} onClick={() => void demonstrate()}>
                {t(`pilot.demonstration.use_${pilot.demonstration.kind}`)}
              </Button>
            </div>
          )}
          {pilot.demonstration.kind && <p class="hint">{words(pilot.demonstration.source)}</p>}
        </Card>
      ) : (
        <Notice title={t('pilot.only_releases')} />
      )}
      {list.length > 0 && (
        <Card title={t('pilot.from_release')}>
          <SelectField
            id="release"
            label={t('release.one')}
            value=""
            change={(value) => value && chosen({ release: Number(value) })}
            choices={[
              { value: '', text: t('pilot.choose_release') },
              ...list.map((one) => ({
                value: String(one.id),
                text: `${one.sheet.title} · ${one.rows}`,
              })),
            ]}
          />
        </Card>
      )}
    </>
  );
}

// ---- which column is which ----------------------------------------------------------------------

function How({ match, column, from }: { match: PilotMatch; column: PilotColumn; from: string }) {
  const found = match.mapping.find((one) => one.column === column.name);
  if (!from) {
    return column.needed ? (
      <Badge tone="bad">{t('pilot.is_missing')}</Badge>
    ) : (
      <span class="muted small">{t('pilot.not_needed')}</span>
    );
  }
  if (!found || found.from !== from) return <Badge tone="accent">{t('pilot.why.chosen')}</Badge>;
  const sure = found.confidence >= 0.75 && !found.doubtful;
  return (
    <Badge tone={sure ? 'good' : 'warn'}>
      {found.doubtful ? t('pilot.why.doubtful') : t(`pilot.why.${found.why || 'chosen'}`)}
    </Badge>
  );
}

function Columns({
  pilot,
  match,
  mapping,
  change,
}: {
  pilot: Pilot;
  match: PilotMatch;
  mapping: Record<string, string>;
  change: (column: string, from: string) => void;
}) {
  const taken = new Set(Object.values(mapping));
  const left = match.columns.filter(
    (one) => !taken.has(one.name) && (one.type === 'number' || one.type === 'integer'),
  ).length;
  return (
    <Table label={t('pilot.columns')} dense>
      <thead>
        <tr>
          <th>{t('pilot.part')}</th>
          <th>{t('pilot.column')}</th>
          <th>{t('pilot.how')}</th>
          <th>{t('look.sample')}</th>
        </tr>
      </thead>
      <tbody>
        {(pilot.columns ?? []).map((column) => {
          const from = mapping[column.name] ?? '';
          const source = match.columns.find((one) => one.name === from);
          return (
            <tr key={column.name}>
              <th scope="row">
                {words(column.title)}
                {column.unit && <span class="muted small"> {column.unit}</span>}
                {column.use !== 'feature' && (
                  <div class="muted small">{t(`pilot.use.${column.use}`)}</div>
                )}
              </th>
              <td>
                <select
                  id={`column-${column.name}`}
                  value={from}
                  aria-label={t('pilot.column_of', { name: words(column.title) })}
                  onChange={(event) => change(column.name, event.currentTarget.value)}
                >
                  <option value="" selected={from === ''}>
                    {t('pilot.no_column')}
                  </option>
                  {column.many && (
                    <option value="*" selected={from === '*'}>
                      {t('pilot.rest', { count: left })}
                    </option>
                  )}
                  {match.columns.map((one) => (
                    <option
                      key={one.name}
                      value={one.name}
                      selected={one.name === from}
                      disabled={taken.has(one.name) && one.name !== from}
                    >
                      {one.name}
                    </option>
                  ))}
                </select>
              </td>
              <td>
                <How match={match} column={column} from={from} />
              </td>
              <td class="sample-cells">
                {source?.examples.map((text, i) => <code key={i}>{text || '∅'}</code>)}
              </td>
            </tr>
          );
        })}
      </tbody>
    </Table>
  );
}

// ---- which series are neighbours ----------------------------------------------------------------

function Graph({ pilot, given }: { pilot: Pilot; given: (upload: number) => void }) {
  const [key, key_set] = useState(0);
  const item = sendings.value.find((one) => one.key === key);
  useEffect(() => {
    if (item?.state === 'complete') given(item.id);
  }, [item?.state]);
  return (
    <Card title={words(pilot.graph?.title)}>
      <p class="hint">{words(pilot.graph?.explain)}</p>
      {may('data') && <FilePicker picked={(files) => key_set(upload_add(files[0]!))} />}
      {item ? <SendingRow item={item} /> : <p>{t('pilot.graph_none')}</p>}
    </Card>
  );
}

// ---- checking and starting ----------------------------------------------------------------------

function mapping_of(match: PilotMatch): Record<string, string> {
  const found: Record<string, string> = {};
  for (const one of match.mapping) if (one.from !== null) found[one.column] = one.from;
  return found;
}

function Start({ pilot, match, source }: { pilot: Pilot; match: PilotMatch; source: Source }) {
  const outcome = outcome_of(pilot);
  const [mapping, mapping_set] = useState(() => mapping_of(match));
  const [positive, positive_set] = useState(match.positive ?? '');
  const [name, name_set] = useState(`${words(pilot.title)} ${name_of(match.source)}`.trim());
  const [errors, errors_set] = useState<FieldError[]>([]);
  const [busy, busy_set] = useState(false);
  const [graph, graph_set] = useState(0);
  // What a date is made into stands in no file.
  const made = outcome?.type === 'time' && outcome.values;
  const values = made
    ? made.map((one) => one.value)
    : (match.columns.find((one) => one.name === mapping[outcome?.name ?? ''])?.values ?? []);
  const known = positive && !values.includes(positive) ? [positive, ...values] : values;
  const change = (column: string, from: string) => {
    const next = { ...mapping };
    if (from) next[column] = from;
    else delete next[column];
    mapping_set(next);
    if (column === outcome?.name && !made) positive_set('');
  };
  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy) return;
    const wrong: FieldError[] = (pilot.columns ?? [])
      .filter((one) => one.needed && !mapping[one.name])
      .map((one) => ({
        field: `column-${one.name}`,
        text: t('pilot.column_missing', { detail: words(one.title) }),
      }));
    if (!name.trim()) {
      wrong.push({ field: 'name', text: t('form.missing', { label: t('pilot.name') }) });
    }
    if (pilot.positive && !positive) {
      wrong.push({
        field: 'positive',
        text: t('pilot.no_positive', { detail: column_title(pilot, outcome?.name ?? '') }),
      });
    }
    errors_set(wrong);
    if (wrong.length) return;
    busy_set(true);
    try {
      const run = await post<PilotRun>(`/pilots/${pilot.id}/runs`, {
        ...source,
        name: name.trim(),
        language: language.value,
        mapping,
        ...(positive ? { positive } : {}),
        ...(graph ? { graph } : {}),
      });
      if ('upload' in source) upload_used(source.upload);
      if (graph) upload_used(graph);
      navigate(`/pilot-runs/${run.id}`);
    } catch (error) {
      errors_set(errors_of(error, (code) => (code.includes('name') ? 'name' : undefined)));
      busy_set(false);
    }
  };
  return (
    <form onSubmit={(event) => void submit(event)} noValidate>
      <OriginNotice origin={match.origin} pilot={pilot} />
      <ErrorSummary errors={errors} />
      <Card title={t('pilot.columns_of', { name: match.source })} flush>
        <p class="card-note">{t('pilot.columns_hint')}</p>
        <Columns pilot={pilot} match={match} mapping={mapping} change={change} />
      </Card>
      {pilot.graph && !match.origin && <Graph pilot={pilot} given={graph_set} />}
      <Card title={t('pilot.start')}>
        <div class="form">
          {pilot.positive && (
            <SelectField
              id="positive"
              label={t('pilot.positive', { name: column_title(pilot, outcome?.name ?? '') })}
              hint={t('pilot.positive_hint')}
              value={positive}
              error={error_at(errors, 'positive')}
              change={positive_set}
              choices={[
                { value: '', text: t('pilot.choose_value') },
                ...known.map((value) => ({ value, text: value_title(outcome, value) })),
              ]}
            />
          )}
          <TextField
            id="name"
            label={t('pilot.name')}
            hint={t('pilot.name_hint')}
            value={name}
            error={error_at(errors, 'name')}
            change={name_set}
          />
          <p class="hint">{t('pilot.then')}</p>
          <Button type="submit" kind="primary" icon="play" busy={busy}>
            {t('pilot.start')}
          </Button>
        </div>
      </Card>
    </form>
  );
}

function Matched({ pilot, source }: { pilot: Pilot; source: Source }) {
  const [match, match_set] = useState<PilotMatch | undefined>();
  const [error, error_set] = useState<unknown>(null);
  const read = () => {
    error_set(null);
    post<PilotMatch>(`/pilots/${pilot.id}/match`, source).then(match_set, error_set);
  };
  useEffect(read, []);
  return (
    <Shown from={{ data: match, error, reload: read }} lines={8}>
      {(found) => <Start pilot={pilot} match={found} source={source} />}
    </Shown>
  );
}

export default function PilotPage({ params }: PageProps) {
  const pilot = useGet<Pilot>(`/pilots/${params['id']}`);
  const [source, source_set] = useState<Source | null>(null);
  return (
    <Page
      title={words(pilot.data?.title) || t('nav.pilots')}
      wide
      crumbs={[{ text: t('nav.pilots'), href: '/pilots' }]}
      lead={words(pilot.data?.summary)}
      actions={
        source && (
          <Button icon="undo" onClick={() => source_set(null)}>
            {t('pilot.other_data')}
          </Button>
        )
      }
    >
      <Shown from={pilot} lines={6}>
        {(one) => (
          <>
            {!source && <Notice title={words(one.needs)}>{words(one.limits)}</Notice>}
            {source ? (
              <Matched key={JSON.stringify(source)} pilot={one} source={source} />
            ) : (
              <Data pilot={one} chosen={source_set} />
            )}
          </>
        )}
      </Shown>
    </Page>
  );
}
