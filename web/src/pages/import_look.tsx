// Import, second step: what the file seems to be, every guess open to correction, then the job.
import { useEffect, useRef, useState } from 'preact/hooks';
import { fault_of, get, is_gone, post, request } from '../api';
import {
  Button,
  CheckField,
  ErrorSummary,
  SelectField,
  TextField,
  error_at,
  errors_of,
  type FieldError,
} from '../components/form';
import { Card, ErrorBox, Loading, Notice, Page } from '../components/page';
import { Table } from '../components/table';
import {
  WHEN_NONE,
  WhenFields,
  when_body,
  when_errors,
  when_field,
  type When,
} from '../components/when';
import { bytes, percent } from '../format';
import { explain, t, t_or } from '../messages';
import { navigate } from '../router';
import { upload_used } from '../upload';
import type { PageProps } from '../page_props';
import {
  COLUMN_TYPES,
  ENCODINGS,
  FORMATS,
  TEXT_ROWS,
  type ColumnType,
  type Dataset,
  type Intake,
  type IntakeColumn,
  type Job,
  type Look,
  type LookItem,
  type Upload,
} from '../types';

const DELIMITERS = [',', '\t', ';', '|', ' '];

function delimiter_name(delimiter: string): string {
  switch (delimiter) {
    case ',':
      return t('look.delimiter.comma');
    case '\t':
      return t('look.delimiter.tab');
    case ';':
      return t('look.delimiter.semicolon');
    case '|':
      return t('look.delimiter.bar');
    case ' ':
      return t('look.delimiter.space');
    default:
      return delimiter;
  }
}

function name_of(file: string): string {
  return file
    .replace(/\.(gz|zst|zstd)$/i, '')
    .replace(/\.(csv|tsv|txt|json|jsonl|ndjson|xlsx?|html?|zip)$/i, '');
}

// A new look keeps what was told of the columns that are still there.
function keep_told(old: IntakeColumn[], fresh: IntakeColumn[]): IntakeColumn[] {
  return fresh.map((column, i) => {
    const was = old[i];
    if (!was || was.name !== column.name) return column;
    const kept = { ...column, rename: was.rename ?? '', skip: was.skip ?? false };
    return was.type_told ? { ...kept, type: was.type, type_told: true } : kept;
  });
}

// What was told of which part of the file is read.
function kept(told: Intake): Intake {
  const part: Intake = {};
  if (told.format) part.format = told.format;
  if (told.member) part.member = told.member;
  if (told.rows) part.rows = told.rows;
  return part;
}

// Only what the person told, so that the rest stays open to the server's guess.
function told_of(told: Intake, columns: IntakeColumn[]): Intake {
  return {
    ...told,
    columns: columns.map((column) => ({
      name: column.name,
      rename: column.rename ?? '',
      type: column.type,
      type_told: column.type_told ?? false,
      skip: column.skip ?? false,
    })),
  };
}

// Which sheet of a workbook, table of a page or member of an archive; and what a row of text is.
function Part({
  told,
  look,
  change,
}: {
  told: Intake;
  look: Look;
  change: (values: Intake) => void;
}) {
  const now = { ...look.options, ...told };
  const workbook = look.items.some((item) => item.state === 'visible' || item.state === 'hidden');
  const parts = look.items.filter((item) => item.state === 'used' || workbook);
  const used = look.items.find((item) => item.state === 'used');
  const zip = now.packing === 'zip';
  // A look at one member tells of no other.
  const members = useRef<LookItem[]>([]);
  if (zip && !look.options.member) members.current = look.items;
  return (
    <>
      {now.packing !== 'zip' && now.format !== 'xlsx' && (
        <SelectField
          id="format"
          label={t('look.format')}
          value={now.format ?? 'csv'}
          hint={told.format ? t('look.told') : t('look.guessed')}
          change={(value) => change({ format: value as (typeof FORMATS)[number] })}
          choices={FORMATS.filter((value) => value !== 'xlsx').map((value) => ({
            value,
            text: t(`look.format.${value}`),
          }))}
        />
      )}
      {!zip && (now.format === 'xlsx' || now.format === 'html') && parts.length > 0 && (
        <SelectField
          id="sheet"
          label={now.format === 'xlsx' ? t('look.sheet') : t('look.table')}
          value={used?.name ?? ''}
          change={(value) => change({ sheet: value })}
          choices={parts.map((item) => ({
            value: item.name,
            text: item.state === 'hidden' ? t('look.sheet_hidden', { name: item.name }) : item.name,
          }))}
        />
      )}
      {zip && (
        <SelectField
          id="member"
          label={t('look.member')}
          value={now.member ?? ''}
          hint={now.member ? '' : t('look.member_hint')}
          change={(value) => change({ member: value })}
          choices={[
            { value: '', text: t('look.member_all') },
            ...members.current.map((item) => ({ value: item.name, text: item.name })),
          ]}
        />
      )}
      {now.format === 'text' && (
        <SelectField
          id="rows"
          label={t('look.rows')}
          value={now.rows ?? 'line'}
          change={(value) => change({ rows: value as (typeof TEXT_ROWS)[number] })}
          choices={TEXT_ROWS.map((value) => ({ value, text: t(`look.rows.${value}`) }))}
        />
      )}
    </>
  );
}

// Members of an archive, and why some are left out.
function Members({ items }: { items: LookItem[] }) {
  return (
    <Table label={t('look.members')} dense>
      <thead>
        <tr>
          <th>{t('look.member')}</th>
          <th>{t('look.member_size')}</th>
          <th>{t('look.member_state')}</th>
        </tr>
      </thead>
      <tbody>
        {items.slice(0, 200).map((item) => (
          <tr key={item.name} class={item.state === 'used' ? '' : 'row-off'}>
            <td>{item.name}</td>
            <td>{bytes(item.bytes)}</td>
            <td>{t(`look.state.${item.state}`)}</td>
          </tr>
        ))}
      </tbody>
    </Table>
  );
}

function Dialect({
  told,
  look,
  change,
}: {
  told: Intake;
  look: Look;
  change: (values: Intake) => void;
}) {
  const now = { ...look.options, ...told };
  const delimiter = now.delimiter ?? ',';
  const sure = look.encoding_confidence;
  const many = now.packing === 'zip' && !now.member; // each has its own
  return (
    <div class="form-grid">
      <Part told={told} look={look} change={change} />
      {now.format !== 'xlsx' && !many && (
        <SelectField
          id="encoding"
          label={t('look.encoding')}
          value={now.encoding ?? 'utf-8'}
          hint={told.encoding ? t('look.told') : t('look.confidence', { share: percent(sure, 0) })}
          change={(value) => change({ encoding: value as (typeof ENCODINGS)[number] })}
          choices={ENCODINGS.map((value) => ({ value, text: t(`look.encoding.${value}`) }))}
        />
      )}
      {now.format === 'csv' && (
        <SelectField
          id="delimiter"
          label={t('look.delimiter')}
          value={delimiter}
          hint={told.delimiter ? t('look.told') : t('look.guessed')}
          change={(value) => change({ delimiter: value })}
          choices={[...new Set([...DELIMITERS, delimiter])].map((value) => ({
            value,
            text: delimiter_name(value),
          }))}
        />
      )}
      <TextField
        id="missing"
        label={t('look.missing')}
        hint={t('look.missing_hint')}
        value={now.missing ?? ''}
        change={(missing) => change({ missing })}
      />
      {(now.format === 'csv' || now.format === 'xlsx' || now.format === 'html') && (
        <CheckField
          id="header"
          label={t('look.header')}
          value={now.header ?? true}
          change={(header) => change({ header })}
        />
      )}
    </div>
  );
}

function Columns({
  columns,
  sample,
  change,
}: {
  columns: IntakeColumn[];
  sample: string[][];
  change: (i: number, values: Partial<IntakeColumn>) => void;
}) {
  return (
    <Table label={t('look.columns')} dense>
      <thead>
        <tr>
          <th>{t('look.use')}</th>
          <th>{t('look.name')}</th>
          <th>{t('look.type')}</th>
          <th>{t('look.sample')}</th>
        </tr>
      </thead>
      <tbody>
        {columns.map((column, i) => (
          <tr key={i} class={column.skip ? 'row-off' : ''}>
            <td>
              <input
                type="checkbox"
                checked={!column.skip}
                aria-label={t('look.use_column', { name: column.name })}
                onChange={(event) => change(i, { skip: !event.currentTarget.checked })}
              />
            </td>
            <td>
              <input
                type="text"
                value={column.rename || column.name}
                aria-label={t('look.name_of', { name: column.name })}
                disabled={column.skip}
                onInput={(event) =>
                  change(i, {
                    rename:
                      event.currentTarget.value === column.name ? '' : event.currentTarget.value,
                  })
                }
              />
            </td>
            <td>
              <select
                value={column.type}
                disabled={column.skip}
                aria-label={t('look.type_of', { name: column.name })}
                onChange={(event) =>
                  change(i, {
                    type: event.currentTarget.value as ColumnType,
                    type_told: true,
                  })
                }
              >
                {COLUMN_TYPES.map((type) => (
                  <option key={type} value={type} selected={type === column.type}>
                    {t(`type.${type}`)}
                  </option>
                ))}
              </select>
              {!column.type_told && <span class="muted small"> {t('look.guess')}</span>}
            </td>
            <td class="sample-cells">
              {sample.slice(0, 5).map((row, j) => (
                <code key={j}>{row[i] || '∅'}</code>
              ))}
            </td>
          </tr>
        ))}
      </tbody>
    </Table>
  );
}

// Asks for a look at the upload whenever the dialect told changes.
function useLook(id: string, told: Intake) {
  const [look, look_set] = useState<Look | null>(null);
  const [error, error_set] = useState<unknown>(null);
  const [round, round_set] = useState(0);
  const text = JSON.stringify(told);
  useEffect(() => {
    const abort = new AbortController();
    const timer = setTimeout(
      () => {
        request<Look>('POST', `/uploads/${id}/look`, told, abort.signal).then(
          (answer) => {
            look_set(answer);
            error_set(null);
          },
          (failure: unknown) => {
            if (!is_gone(failure)) error_set(failure);
          },
        );
      },
      look ? 300 : 0,
    );
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [id, text, round]);
  return { look, error, again: () => round_set((n) => n + 1) };
}

function Confirm({
  upload,
  told,
  columns,
}: {
  upload: Upload | null;
  told: Intake;
  columns: IntakeColumn[];
}) {
  const [name, name_set] = useState('');
  const [note, note_set] = useState('');
  const [when, when_set] = useState<When>(WHEN_NONE);
  const [errors, errors_set] = useState<FieldError[]>([]);
  const [busy, busy_set] = useState(false);
  const named = useRef(false);
  useEffect(() => {
    if (upload && !named.current) name_set(name_of(upload.name));
  }, [upload]);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy || !upload) return;
    const wrong: FieldError[] = [];
    if (!name.trim())
      wrong.push({ field: 'name', text: t('form.missing', { label: t('dataset.name') }) });
    if (columns.every((column) => column.skip)) wrong.push({ text: t('look.all_skipped') });
    wrong.push(...when_errors(when));
    errors_set(wrong);
    if (wrong.length) return;
    busy_set(true);
    try {
      const made = await post<{ dataset: Dataset; job: Job }>('/datasets', {
        name: name.trim(),
        note: note.trim(),
        upload: upload.id,
        options: told_of(told, columns),
        ...when_body(when),
      });
      upload_used(upload.id);
      navigate(`/datasets/${made.dataset.id}`);
    } catch (error) {
      errors_set(
        errors_of(error, (code) => (code.includes('name') ? 'name' : when_field(code))),
      );
      busy_set(false);
    }
  };
  return (
    <Card title={t('look.confirm')}>
      <form class="form" onSubmit={(event) => void submit(event)} noValidate>
        <ErrorSummary errors={errors} />
        <TextField
          id="name"
          label={t('dataset.name')}
          value={name}
          error={error_at(errors, 'name')}
          change={(value) => {
            named.current = true;
            name_set(value);
          }}
        />
        <TextField
          id="note"
          label={t('dataset.note')}
          optional
          multiline={2}
          value={note}
          change={note_set}
        />
        <WhenFields when={when} change={when_set} errors={errors} />
        <Button type="submit" kind="primary" icon="import" busy={busy}>
          {t('look.import')}
        </Button>
      </form>
    </Card>
  );
}

export default function LookPage({ params }: PageProps) {
  const id = params['id']!;
  const [upload, upload_set] = useState<Upload | null>(null);
  const [told, told_set] = useState<Intake>({});
  const [columns, columns_set] = useState<IntakeColumn[]>([]);
  const { look, error, again } = useLook(id, told);
  useEffect(() => {
    get<Upload>(`/uploads/${id}`).then(upload_set, () => undefined);
  }, [id]);
  useEffect(() => {
    if (look) columns_set((old) => keep_told(old, look.options.columns ?? []));
  }, [look]);
  const change = (i: number, values: Partial<IntakeColumn>) =>
    columns_set(columns.map((column, j) => (j === i ? { ...column, ...values } : column)));
  return (
    <Page
      title={upload ? t('look.title', { name: upload.name }) : t('import.title')}
      wide
      crumbs={[{ text: t('nav.import'), href: '/import' }]}
      lead={t('look.lead')}
    >
      {!look && !error && <Loading lines={5} />}
      {error !== null &&
        (look ? (
          <Notice tone="bad" title={explain(fault_of(error)).text} />
        ) : (
          <ErrorBox error={error} retry={again} />
        ))}
      {look && (
        <>
          <Card title={t('look.dialect')}>
            <p class="muted">
              {t('look.about', {
                bytes: bytes(look.file_bytes),
                format: t(`look.format.${look.options.format ?? 'many'}`),
                packing: t(`look.packing.${look.options.packing ?? 'none'}`),
              })}
            </p>
            {look.notes.map((note) => (
              <p key={note.code} class="hint">
                {t_or(note.code, note.code, { count: note.count, detail: note.detail })}
              </p>
            ))}
            <Dialect
              told={told}
              look={look}
              change={(values) =>
                // Another part of the file is looked at anew.
                told_set(
                  values.sheet !== undefined || values.member !== undefined || values.format
                    ? {
                        ...(told.missing ? { missing: told.missing } : {}),
                        ...kept(told),
                        ...values,
                      }
                    : { ...told, ...values },
                )
              }
            />
          </Card>
          {look.options.packing === 'zip' && !look.options.member && (
            <Card title={t('look.members')} flush>
              <Members items={look.items} />
            </Card>
          )}
          <Card title={t('look.columns_of', { columns: columns.length })} flush>
            <Columns columns={columns} sample={look.sample} change={change} />
          </Card>
          <Confirm upload={upload} told={{ ...look.options, ...told }} columns={columns} />
        </>
      )}
    </Page>
  );
}
