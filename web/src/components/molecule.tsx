// Molecules as the service draws them: one, a list to choose from, and one whose atoms tell what a
// prediction owes to them.
import { h, type ComponentChildren, type VNode } from 'preact';
import { Figure } from '../charts/figure';
import { decimal, percent } from '../format';
import { useAsk } from '../load';
import { t } from '../messages';
import type { Column, ModelShow, MoleculeAtoms, MoleculeItem, Scalar } from '../types';
import { Loading } from './page';

const TAGS = new Set(['svg', 'g', 'path', 'circle', 'text', 'tspan']);
const ATTRIBUTES = new Set(
  (
    'cx cy d dy fill fill-opacity font-family font-size r stroke stroke-dasharray ' +
    'stroke-linecap stroke-width text-anchor viewBox x y'
  ).split(' '),
);

// Built anew from what a drawing may consist of, so that nothing else can come in with it.
function built(from: Element, more: Record<string, unknown> = {}): VNode | null {
  if (!TAGS.has(from.localName)) return null;
  const kept = [...from.attributes].filter((one) => ATTRIBUTES.has(one.name));
  const inside: ComponentChildren[] = [...from.childNodes].map((node) =>
    node instanceof Element ? built(node) : from.localName === 'g' ? null : node.textContent,
  );
  return h(
    from.localName,
    { ...Object.fromEntries(kept.map((one) => [one.name, one.value])), ...more },
    inside,
  );
}

// Without a label it is left out for who reads by ear: what is beside it says the same.
export function Drawing({ svg, label }: { svg: string; label?: string }) {
  const root = new DOMParser().parseFromString(svg, 'image/svg+xml').documentElement;
  const spoken = label ? { role: 'img', 'aria-label': label } : { 'aria-hidden': 'true' };
  return built(root, { class: 'molecule', ...spoken });
}

// Each can be chosen, to go on from there.
export function MoleculeTiles({
  items,
  choose,
}: {
  items: MoleculeItem[];
  choose: (smiles: string) => void;
}) {
  return (
    <ul class="molecules">
      {items.map((one) => (
        <li key={one.row}>
          <button type="button" class="molecule-tile" onClick={() => choose(one.smiles)}>
            <Drawing svg={one.svg} />
            <span class="hidden-text">{t('molecules.choose', { smiles: one.smiles })}</span>
          </button>
          <p>
            <b>
              {one.similarity !== undefined
                ? t('molecules.similarity', { share: percent(one.similarity, 0) })
                : t('molecules.matches', { matches: one.matches ?? 0 })}
            </b>{' '}
            <span class="muted">{t('molecules.row', { row: one.row })}</span>
          </p>
          <p class="smiles">{one.smiles}</p>
        </li>
      ))}
    </ul>
  );
}

// The atoms of a SMILES in its order: their symbols.
function symbols(smiles: string): string[] {
  return (smiles.match(/\[[^\]]*\]|Br|Cl|[BCNOPSFI*bcnops]/g) ?? []).map((one) => {
    const symbol = /^\[\d*([A-Z][a-z]?|[a-z]{1,2}|\*)/.exec(one)?.[1] ?? one;
    return symbol.charAt(0).toUpperCase() + symbol.slice(1);
  });
}

// What the prediction for one row owes to each atom of a column's molecule. `up`, `down`: what it
// means when an atom raises the answer, and when it lowers it.
export function AtomsFigure({
  model,
  column,
  row,
  up,
  down,
}: {
  model: ModelShow;
  column: string;
  row: Record<string, Scalar>;
  up: string;
  down: string;
}) {
  const answer = useAsk<MoleculeAtoms>(`/models/${model.id}/molecules`, {
    rows: [row],
    width: 420,
    height: 300,
  });
  if (answer.error) return null; // the prediction beside it says why
  if (!answer.data) return <Loading lines={4} />;
  const drawn = answer.data.rows[0]?.find((one) => one.column === column);
  if (!drawn?.svg || !drawn.atoms) return null;
  const smiles = String(row[column]);
  const names = symbols(smiles);
  const known = names.length === drawn.atoms.length;
  const sign = (value: number) => `${value > 0 ? '+' : ''}${decimal(value)}`;
  return (
    <Figure
      title={t('molecules.atoms', { column })}
      caption={t('molecules.atoms_hint')}
      table={{
        head: [t('molecules.atom'), t('try.contribution')],
        rows: drawn.atoms.map((value, i) => [`${i + 1} ${known ? names[i] : ''}`, sign(value)]),
      }}
    >
      <Drawing svg={drawn.svg} label={t('molecules.atoms_of', { smiles })} />
      <p class="legend">
        <span class="legend-atom">{up}</span>
        <span class="legend-atom legend-atom-less">{down}</span>
      </p>
    </Figure>
  );
}

// What raising and lowering the answer means: toward one class or the other, or more and less.
export function directions(model: ModelShow, name = (label: string) => label): [string, string] {
  const [negative, positive] = model.classes ?? [];
  if (model.task !== 'binary' || negative === undefined || positive === undefined) {
    return [t('try.raises'), t('try.lowers')];
  }
  return [
    t('try.toward', { name: name(positive) }),
    t('try.toward', { name: name(negative) }),
  ];
}

const SMILES = /^(?:\[[^\]\s]+\]|Cl|Br|[BCNOPSFIbcnops*]|[-0-9=#$:/\\.()%@+])+$/;

// The column whose cells read like SMILES; null: none does.
export function smiles_column(columns: Column[], rows: (string | null)[][]): string | null {
  const found = columns.findIndex((column, i) => {
    const cells = rows.flatMap((row) => (row[i] ? [row[i].trim()] : []));
    const fit = cells.filter((cell) => SMILES.test(cell));
    return (
      column.type === 'text' &&
      fit.length > 0 &&
      fit.length >= 0.9 * cells.length &&
      fit.some((cell) => /[=#()]|[A-Za-z]\d/.test(cell))
    );
  });
  return columns[found]?.name ?? null;
}
