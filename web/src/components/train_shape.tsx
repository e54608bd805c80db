// How trees grow, and what they must keep to: which columns the answer may only rise or fall with,
// and which columns may act together.
import { t } from '../messages';
import type { Column } from '../types';
import { ColumnsPicker } from './columns_picker';
import { Button, RadioGroup, type FieldError } from './form';

export interface Shape {
  grow: 'depth' | 'leaf';
  rise: string[];
  fall: string[];
  groups: string[][];
}
export const SHAPE_NONE: Shape = { grow: 'depth', rise: [], fall: [], groups: [] };

const GROUPS_MAX = 16;
const ORDERED = ['integer', 'number', 'date', 'time'];

// Names of columns that are no longer features do not count.
function kept(shape: Shape, features: string[]): Shape {
  const still = (names: string[]) => names.filter((name) => features.includes(name));
  return {
    grow: shape.grow,
    rise: still(shape.rise),
    fall: still(shape.fall),
    groups: shape.groups.map(still).filter((names) => names.length > 0),
  };
}

export function shape_errors(shape: Shape, features: string[]): FieldError[] {
  const { rise, fall } = kept(shape, features);
  return rise
    .filter((name) => fall.includes(name))
    .map((name) => ({ field: 'rise', text: t('shape.both', { name }) }));
}

// Members for the options of a training.
export function shape_options(shape: Shape, features: string[]): Record<string, unknown> {
  const { grow, rise, fall, groups } = kept(shape, features);
  const monotone = Object.fromEntries([
    ...rise.map((name) => [name, 1] as const),
    ...fall.map((name) => [name, -1] as const),
  ]);
  return {
    ...(grow === 'leaf' ? { grow } : {}),
    ...(rise.length || fall.length ? { monotone } : {}),
    ...(groups.length ? { interactions: groups } : {}),
  };
}

export function ShapeFields({
  shape,
  columns,
  change,
}: {
  shape: Shape;
  columns: Column[]; // the features; none where they are made of series
  change: (shape: Shape) => void;
}) {
  const set = (values: Partial<Shape>) => change({ ...shape, ...values });
  const ordered = columns.filter((one) => ORDERED.includes(one.type)).map((one) => one.name);
  const names = columns.map((one) => one.name);
  return (
    <>
      <RadioGroup
        name="grow"
        label={t('shape.grow')}
        value={shape.grow}
        change={(grow) => set({ grow: grow as Shape['grow'] })}
        choices={(['depth', 'leaf'] as const).map((value) => ({
          value,
          text: t(`shape.grow_${value}`),
          hint: t(`shape.grow_${value}_hint`),
        }))}
      />
      {ordered.length > 0 && (
        <fieldset>
          <legend>{t('shape.monotone')}</legend>
          <p class="hint">{t('shape.monotone_hint')}</p>
          {(['rise', 'fall'] as const).map((way) => (
            <ColumnsPicker
              key={way}
              id={way}
              label={t(`shape.${way}`)}
              all={ordered}
              chosen={shape[way]}
              change={(chosen) => set({ [way]: chosen })}
            />
          ))}
        </fieldset>
      )}
      {names.length > 1 && (
        <fieldset>
          <legend>{t('shape.groups')}</legend>
          <p class="hint">{t('shape.groups_hint')}</p>
          {shape.groups.map((group, i) => (
            <ColumnsPicker
              key={i}
              id={`group-${i}`}
              label={t('shape.group', { number: i + 1 })}
              all={names}
              chosen={group}
              change={(chosen) =>
                set({ groups: shape.groups.map((one, j) => (j === i ? chosen : one)) })
              }
            />
          ))}
          {shape.groups.length < GROUPS_MAX && (
            <div class="actions">
              <Button icon="plus" onClick={() => set({ groups: [...shape.groups, []] })}>
                {t('shape.add_group')}
              </Button>
            </div>
          )}
        </fieldset>
      )}
    </>
  );
}
