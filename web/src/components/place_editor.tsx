// Where a person belongs, and limits of their own.
import { useState } from 'preact/hooks';
import { patch } from '../api';
import { useGet } from '../load';
import { t } from '../messages';
import { toast } from '../state';
import type { Person, Policy } from '../types';
import { CapFields, caps_read, caps_typed } from './amounts';
import { Button, ErrorSummary, SelectField, errors_of, type FieldError } from './form';
import { Card } from './page';

const DEFAULT = 1;

// "" is the default department.
export function department_choices(policy: Policy | undefined) {
  return (policy?.tenants ?? []).map((one) => ({
    value: one.id === DEFAULT ? '' : one.name,
    text: one.name,
  }));
}

export function PlaceEditor({ who, done }: { who: Person; done: (changed: boolean) => void }) {
  const policy = useGet<Policy>('/policy');
  const [department, department_set] = useState(who.department);
  const [caps, caps_set] = useState(caps_typed(who.caps));
  const [errors, errors_set] = useState<FieldError[]>([]);
  const name = who.display_name || who.name;
  const save = async (event: Event) => {
    event.preventDefault();
    const wrong: FieldError[] = [];
    const read = caps_read('own', caps, wrong);
    errors_set(wrong);
    if (wrong.length) return;
    try {
      await patch(`/people/${who.id}`, { department, caps: read });
      toast(t('people.place_saved', { name }));
      done(true);
    } catch (error) {
      errors_set(errors_of(error));
    }
  };
  return (
    <Card tone="accent" title={t('people.place_of', { name })}>
      <form class="form form-wide" onSubmit={(event) => void save(event)} noValidate>
        <ErrorSummary errors={errors} />
        <SelectField
          id="place"
          label={t('person.department')}
          hint={t('people.place_hint')}
          value={department}
          change={department_set}
          choices={department_choices(policy.data)}
        />
        <CapFields
          id="own"
          label={t('people.caps')}
          hint={t('people.caps_hint')}
          typed={caps}
          change={caps_set}
          errors={errors}
        />
        <div class="actions">
          <Button type="submit" kind="primary">
            {t('action.save')}
          </Button>
          <Button onClick={() => done(false)}>{t('action.cancel')}</Button>
        </div>
      </form>
    </Card>
  );
}
