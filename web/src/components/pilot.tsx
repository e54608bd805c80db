// What the pages of pilots share: words in the page's language, where the data came from, a state.
import { useGet } from '../load';
import { language, t, t_or } from '../messages';
import type { ModelShow } from '../types';
import type { Origin, Pilot, PilotColumn, PilotRun, Words } from '../types_pilot';
import { Badge, Notice } from './page';

export function words(text: Words | undefined): string {
  return text?.[language.value] ?? '';
}

// A column as people of the field call it; one the template does not know by its own name.
export function column_title(pilot: Pilot | undefined, name: string): string {
  const find = (wanted: string) => pilot?.columns?.find((one) => one.name === wanted);
  const whole = find(name);
  if (whole) return words(whole.title);
  // What is made of a column: "smiles:logp".
  const [part = '', made] = name.split(':');
  const column = made ? find(part) : undefined;
  if (!column || !made) return name;
  return t('pilot.made_of', {
    name: words(column.title),
    made: t_or(`descriptor.${made}`, made),
  });
}

// Under the data's own names of the parts.
export function pilot_named(pilot: Pilot, mapping: Record<string, string>): Pilot {
  const columns = (pilot.columns ?? []).map((one) => ({
    ...one,
    name: mapping[one.name] ?? one.name,
  }));
  return { ...pilot, columns };
}

// The template whose words a model's columns have, where a pilot has trained it.
export function usePilotOf(model: ModelShow): Pilot | undefined {
  const from = useGet<Pilot>(model.pilot ? `/pilots/${model.pilot.id}` : null);
  return from.data && model.pilot ? pilot_named(from.data, model.pilot.mapping) : undefined;
}

// Whose values say what happened: of survival the event's column, else the target.
export function outcome_of(pilot: Pilot | undefined): PilotColumn | undefined {
  const of = (use: PilotColumn['use']) => pilot?.columns?.find((one) => one.use === use);
  return of('event') ?? of('target');
}

// What a value of the data is called: "A11" is an account below nothing.
export function value_title(column: PilotColumn | undefined, value: string): string {
  const fold = (text: string) => text.trim().toLowerCase();
  const known = column?.values?.find((one) =>
    [one.value, ...(one.names ?? [])].some((name) => fold(name) === fold(value)),
  );
  const title = known ? words(known.title) : '';
  return title && title !== value ? `${title} (${value})` : value;
}

// Said on every page that shows what was made of it.
export function OriginNotice({ origin, pilot }: { origin: Origin; pilot: Pilot | undefined }) {
  if (!origin) return null;
  const source = words(pilot?.demonstration.source);
  return origin === 'synthetic' ? (
    <Notice tone="warn" title={t('pilot.synthetic')}>
      <p>{source}</p>
    </Notice>
  ) : (
    <Notice title={t('pilot.demonstration_real')}>
      <p>{source}</p>
    </Notice>
  );
}

export function RunState({ run }: { run: PilotRun }) {
  const waits = run.state === 'running' && (run.waits_for === 'release' || run.waits_for === 'approval');
  const tone =
    run.state === 'done' ? 'good' : run.state === 'failed' ? 'bad' : waits ? 'warn' : 'busy';
  return (
    <Badge tone={run.state === 'cancelled' ? 'plain' : tone}>
      {waits ? t('pilot.state.waiting') : t(`pilot.state.${run.state}`)}
    </Badge>
  );
}
