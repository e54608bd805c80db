// Molecules: one typed is drawn and described, a pattern in it stands out; of a release those most
// similar to it, and those that hold the pattern. Everything asked for is in the address.
import { useState } from 'preact/hooks';
import { fault_of } from '../api';
import {
  Button,
  ErrorSummary,
  SelectField,
  TextField,
  error_at,
  errors_of,
  type FieldError,
} from '../components/form';
import { Drawing, MoleculeTiles, smiles_column } from '../components/molecule';
import { Card, Empty, ErrorBox, Loading, Page, Shown } from '../components/page';
import { Copy, Facts } from '../components/table';
import { short } from '../format';
import { useAsk, useGet } from '../load';
import { t, t_or } from '../messages';
import { query_set, query_text } from '../router';
import type { List, MoleculeDrawing, MoleculeList, Release, Rows } from '../types';

const MOST = 20;
const TILE = { width: 240, height: 180 };

function Written({ text }: { text: string }) {
  return text ? (
    <span class="smiles">
      <code>{text}</code> <Copy text={text} />
    </span>
  ) : (
    <>–</>
  );
}

function About({ drawing, pattern }: { drawing: MoleculeDrawing; pattern: string }) {
  return (
    <div class="molecule-about">
      <div>
        <Drawing svg={drawing.svg} label={drawing.smiles} />
        {pattern && (
          <p role="status">{t('molecules.matches', { matches: drawing.matches ?? 0 })}</p>
        )}
      </div>
      <Facts
        items={[
          [t('molecules.canonical'), <Written text={drawing.smiles} />],
          [t('molecules.scaffold'), <Written text={drawing.scaffold} />],
          ...Object.entries(drawing.descriptors).map(([name, value]): [string, string] => [
            t_or(`descriptor.${name}`, name),
            short(value),
          ]),
        ]}
      />
    </div>
  );
}

function Found({
  title,
  from,
  none,
  choose,
}: {
  title: string;
  from: ReturnType<typeof useAsk<MoleculeList>>;
  none: string;
  choose: (smiles: string) => void;
}) {
  const { data } = from;
  return (
    <section class="found">
      <h3>{title}</h3>
      {from.error ? <ErrorBox error={from.error} retry={from.reload} /> : null}
      {!data && !from.error && <Loading lines={4} />}
      {data && (
        <>
          {data.holding !== undefined && (
            <p>
              {t('molecules.holding', { rows: data.holding, shown: data.items.length })}
              {(data.undecided ?? 0) > 0 &&
                ` ${t('molecules.undecided', { rows: data.undecided ?? 0 })}`}
            </p>
          )}
          {data.items.length ? (
            <MoleculeTiles items={data.items} choose={choose} />
          ) : (
            <Empty title={none} icon="info" />
          )}
          {data.unreadable > 0 && (
            <p class="hint">{t('molecules.unreadable', { rows: data.unreadable })}</p>
          )}
        </>
      )}
    </section>
  );
}

function InRelease({ release, smiles, pattern }: { release: Release; smiles: string; pattern: string }) {
  const head = useGet<Rows>(`/releases/${release.id}/rows?size=20`);
  const texts = release.columns.filter((one) => one.type === 'text' && one.role !== 'direct');
  const guess = head.data ? smiles_column(head.data.columns, head.data.rows) : null;
  const column = query_text('column') || guess || texts[0]?.name || '';
  const ready = column !== '' && (query_text('column') !== '' || head.data !== undefined);
  const ask = (path: string, what: object, on: boolean) =>
    useAsk<MoleculeList>(on && ready ? `/releases/${release.id}/${path}` : null, {
      column,
      most: MOST,
      ...TILE,
      ...what,
    });
  const similar = ask('similar', { smiles }, smiles !== '');
  const holding = ask('substructure', { pattern }, pattern !== '');
  const choose = (text: string) => {
    query_set({ smiles: text });
    window.scrollTo(0, 0);
    document.getElementById('smiles')?.focus();
  };
  if (!texts.length) return <Empty title={t('molecules.no_column')} icon="release" />;
  return (
    <>
      <SelectField
        id="column"
        label={t('molecules.column')}
        value={column}
        change={(value) => query_set({ column: value })}
        choices={texts.map((one) => ({ value: one.name, text: one.name }))}
      />
      {!smiles && !pattern && <p class="hint">{t('molecules.ask_first')}</p>}
      {smiles && ready && (
        <Found
          title={t('molecules.most_similar')}
          from={similar}
          none={t('molecules.none_readable')}
          choose={choose}
        />
      )}
      {pattern && ready && (
        <Found
          title={t('molecules.holding_title')}
          from={holding}
          none={t('molecules.none_holding')}
          choose={choose}
        />
      )}
    </>
  );
}

function Asking({ smiles, pattern, wrong }: { smiles: string; pattern: string; wrong: FieldError[] }) {
  const [typed, typed_set] = useState(smiles);
  const [part, part_set] = useState(pattern);
  return (
    <form
      class="form form-wide"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        query_set({ smiles: typed.trim(), pattern: part.trim() });
      }}
    >
      <ErrorSummary errors={wrong} />
      <div class="form-grid">
        <TextField
          id="smiles"
          label={t('molecules.smiles')}
          hint={t('molecules.smiles_hint')}
          value={typed}
          spellcheck={false}
          autocapitalize="off"
          error={error_at(wrong, 'smiles')}
          change={typed_set}
        />
        <TextField
          id="pattern"
          label={t('molecules.pattern')}
          hint={t('molecules.pattern_hint')}
          optional
          value={part}
          spellcheck={false}
          autocapitalize="off"
          error={error_at(wrong, 'pattern')}
          change={part_set}
        />
      </div>
      <div class="actions">
        <Button type="submit" kind="primary" icon="eye">
          {t('molecules.draw')}
        </Button>
      </div>
    </form>
  );
}

// Faults of the text itself stand at its field, all others in a box.
function wrong_at(field: string, error: unknown): FieldError[] {
  if (!error) return [];
  const { code } = fault_of(error);
  const own = code.startsWith('smiles.') || code.startsWith('molecule.');
  return errors_of(error, () => (own ? field : undefined));
}

export default function MoleculesPage() {
  const smiles = query_text('smiles');
  const pattern = query_text('pattern');
  const chosen = query_text('release');
  const list = useGet<List<Release>>('/releases?state=released&size=200');
  const release = useGet<Release>(chosen ? `/releases/${chosen}` : null);
  const plain = useAsk<MoleculeDrawing>(smiles ? '/molecules/draw' : null, { smiles });
  const marked = useAsk<MoleculeDrawing>(smiles && pattern ? '/molecules/draw' : null, {
    smiles,
    pattern,
  });
  const told = useAsk<MoleculeDrawing>(pattern ? '/molecules/draw' : null, { smiles: pattern });
  const wrong = [
    ...wrong_at('smiles', plain.error),
    ...wrong_at('pattern', told.error ?? (plain.error ? null : marked.error)),
  ];
  const drawing = pattern && !told.error ? marked.data ?? plain.data : plain.data;
  return (
    <Page title={t('molecules.title')} lead={t('molecules.lead')} wide>
      <Card title={t('molecules.one')}>
        <Asking key={`${smiles} ${pattern}`} smiles={smiles} pattern={pattern} wrong={wrong} />
        {drawing ? (
          <About drawing={drawing} pattern={marked.data ? pattern : ''} />
        ) : (
          !smiles && !pattern && <Empty title={t('molecules.empty')} text={t('molecules.empty_text')} icon="info" />
        )}
      </Card>
      <Card title={t('molecules.in_release')}>
        <Shown from={list} lines={1}>
          {(data) =>
            data.items.length ? (
              <SelectField
                id="release"
                label={t('train.release_label')}
                value={chosen}
                change={(value) => query_set({ release: value, column: null })}
                choices={[
                  { value: '', text: t('form.choose') },
                  ...data.items.map((one) => ({
                    value: String(one.id),
                    text: t('train.release_option', { name: one.title, rows: one.rows }),
                  })),
                ]}
              />
            ) : (
              <Empty title={t('train.no_releases')} text={t('train.no_releases_text')} icon="release" />
            )
          }
        </Shown>
        {chosen && (
          <Shown from={release} lines={3}>
            {(data) => (
              <InRelease
                key={data.id}
                release={data}
                smiles={plain.error ? '' : smiles}
                pattern={told.error ? '' : pattern}
              />
            )}
          </Shown>
        )}
      </Card>
    </Page>
  );
}
