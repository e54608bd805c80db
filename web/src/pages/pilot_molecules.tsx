// Molecules on a pilot's result: what the model says of one, which atoms make it say so, and the
// most similar of the data it has learned from, each to go on with.
import { useState } from 'preact/hooks';
import { Button, LinkButton, TextField } from '../components/form';
import { AtomsFigure, MoleculeTiles, directions } from '../components/molecule';
import { Card, ErrorBox, Loading } from '../components/page';
import { column_title, value_title } from '../components/pilot';
import { percent, short } from '../format';
import { useAsk, useGet } from '../load';
import { explain, t } from '../messages';
import { fault_of } from '../api';
import type { ModelShow, MoleculeList, Prediction, Predictions, Rows } from '../types';
import type { Pilot } from '../types_pilot';
import { typical_row } from './model_try';

const SIMILAR = 6;

function Answer({ model, pilot, told }: { model: ModelShow; pilot: Pilot; told: Prediction }) {
  const target = pilot.columns?.find((one) => one.use === 'target');
  const positive = model.classes?.[1];
  const chance = told.probability !== undefined && positive !== undefined;
  return (
    <p class="headline-value">
      <span>
        {column_title(pilot, model.target)}
        {chance && ` = ${value_title(target, positive)}`}
      </span>
      <b>
        {chance
          ? percent(told.probability!)
          : typeof told.value === 'string'
            ? value_title(target, told.value)
            : short(told.value)}
      </b>
    </p>
  );
}

export function PilotMolecules({ model, pilot }: { model: ModelShow; pilot: Pilot }) {
  const column = model.features?.find((one) => one.type === 'smiles')?.name ?? '';
  const address = column && model.release ? `/releases/${model.release}` : null;
  const head = useGet<Rows>(address && `${address}/rows?size=1`).data;
  const at = head?.columns.findIndex((one) => one.name === column) ?? -1;
  const first = head?.rows[0]?.[at] ?? '';
  const [chosen, chosen_set] = useState<string | null>(null);
  const [typed, typed_set] = useState<string | null>(null);
  const smiles = chosen ?? first;
  const row = { ...typical_row(model.features ?? []), [column]: smiles };
  const predicted = useAsk<Predictions>(smiles ? `/models/${model.id}/predict` : null, {
    rows: [row],
  });
  const similar = useAsk<MoleculeList>(smiles && address ? `${address}/similar` : null, {
    column,
    smiles,
    most: SIMILAR,
    width: 240,
    height: 180,
  });
  if (!column) return null;
  const target = pilot.columns?.find((one) => one.use === 'target');
  const [up, down] = directions(model, (label) => value_title(target, label));
  // What is wrong with the SMILES itself is told by the one who reads it alone.
  const wrong = similar.error && fault_of(similar.error).code.startsWith('smiles.');
  const told = predicted.data?.predictions[0];
  const choose = (text: string) => {
    chosen_set(text);
    typed_set(null);
  };
  return (
    <Card title={t('molecules.title')}>
      <form
        class="form form-wide"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          choose((typed ?? smiles).trim());
        }}
      >
        <TextField
          id="smiles"
          label={column_title(pilot, column)}
          hint={t('molecules.smiles_hint')}
          value={typed ?? smiles}
          spellcheck={false}
          autocapitalize="off"
          error={wrong ? explain(fault_of(similar.error)).text : undefined}
          change={typed_set}
        />
        <div class="actions no-print">
          <Button type="submit" kind="primary" icon="play">
            {t('try.submit')}
          </Button>
          <LinkButton
            href={`/molecules?${String(
              new URLSearchParams({ release: String(model.release), column, smiles }),
            )}`}
          >
            {t('molecules.more')}
          </LinkButton>
        </div>
      </form>
      {!wrong && smiles && (
        <div class="molecule-about" aria-live="polite">
          <div>
            {predicted.error ? (
              <ErrorBox error={predicted.error} />
            ) : told ? (
              <Answer model={model} pilot={pilot} told={told} />
            ) : (
              <Loading lines={1} />
            )}
            <AtomsFigure model={model} column={column} row={row} up={up} down={down} />
          </div>
          <div>
            <h3>{t('molecules.most_similar')}</h3>
            {similar.data ? (
              <MoleculeTiles items={similar.data.items} choose={choose} />
            ) : (
              <Loading lines={4} />
            )}
          </div>
        </div>
      )}
    </Card>
  );
}
