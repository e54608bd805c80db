// People and their roles: the system officer makes and disables, the security officer grants.
import { useState } from 'preact/hooks';
import { patch, post } from '../api';
import { ask } from '../components/dialog';
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
import { PlaceEditor, department_choices } from '../components/place_editor';
import { Badge, Card, Notice, Page, Shown } from '../components/page';
import { Code, Pager, Table } from '../components/table';
import { ago } from '../format';
import { useGet } from '../load';
import { t } from '../messages';
import { query_number } from '../router';
import { may, person, toast, toast_error } from '../state';
import { ROLES, type List, type Person, type Policy, type Role } from '../types';

const SIZE = 25;

interface Secret {
  name: string;
  password: string;
}

function OneTime({ secret, close }: { secret: Secret; close: () => void }) {
  return (
    <Notice tone="good" title={t('people.one_time', { name: secret.name })}>
      <Code label={t('password.one_time')} text={secret.password} />
      <p>{t('people.one_time_hint')}</p>
      <Button onClick={close}>{t('people.noted')}</Button>
    </Notice>
  );
}

function Create({ made }: { made: (secret: Secret) => void }) {
  const [name, name_set] = useState('');
  const [display_name, display_name_set] = useState('');
  const [department, department_set] = useState('');
  const policy = useGet<Policy>('/policy');
  const [errors, errors_set] = useState<FieldError[]>([]);
  const [busy, busy_set] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy) return;
    const wrong = name.trim()
      ? []
      : [{ field: 'name', text: t('form.missing', { label: t('person.name') }) }];
    errors_set(wrong);
    if (wrong.length) return;
    busy_set(true);
    try {
      const answer = await post<{ person: Person; one_time_password: string }>('/people', {
        name: name.trim(),
        display_name: display_name.trim(),
        department: department.trim(),
      });
      made({ name: answer.person.name, password: answer.one_time_password });
      name_set('');
      display_name_set('');
      department_set('');
    } catch (error) {
      errors_set(errors_of(error, (code) => (code.includes('name') ? 'name' : undefined)));
    }
    busy_set(false);
  };
  return (
    <Card title={t('people.create')}>
      <form class="form" onSubmit={(event) => void submit(event)} noValidate>
        <ErrorSummary errors={errors} />
        <TextField
          id="name"
          label={t('person.name')}
          hint={t('person.name_hint')}
          value={name}
          change={name_set}
          error={error_at(errors, 'name')}
          autocomplete="off"
        />
        <TextField
          id="display_name"
          label={t('person.display_name')}
          optional
          value={display_name}
          change={display_name_set}
          autocomplete="off"
        />
        <SelectField
          id="department"
          label={t('person.department')}
          hint={t('people.department_hint')}
          value={department}
          change={department_set}
          choices={department_choices(policy.data)}
        />
        <Button type="submit" kind="primary" icon="plus" busy={busy}>
          {t('people.create_submit')}
        </Button>
        <p class="hint">{t('people.create_hint')}</p>
      </form>
    </Card>
  );
}

function RoleEditor({ who, done }: { who: Person; done: (changed: boolean) => void }) {
  const [roles, roles_set] = useState<Role[]>(who.roles);
  const [errors, errors_set] = useState<FieldError[]>([]);
  const save = async (event: Event) => {
    event.preventDefault();
    try {
      await patch(`/people/${who.id}`, { roles });
      toast(t('people.roles_saved', { name: who.display_name || who.name }));
      done(true);
    } catch (error) {
      errors_set(errors_of(error));
    }
  };
  return (
    <Card tone="accent" title={t('people.roles_of', { name: who.display_name || who.name })}>
      <form class="form" onSubmit={(event) => void save(event)} noValidate>
        <ErrorSummary errors={errors} />
        {ROLES.map((role) => (
          <CheckField
            key={role}
            id={`role-${role}`}
            label={t(`people.role.${role}`)}
            hint={t(`people.role.${role}_hint`)}
            value={roles.includes(role)}
            change={(on) => roles_set(on ? [...roles, role] : roles.filter((one) => one !== role))}
          />
        ))}
        <p class="hint">{t('people.apart')}</p>
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

async function disable(who: Person, done: () => void): Promise<void> {
  if (!who.disabled) {
    const sure = await ask({
      title: t('people.disable_title', { name: who.display_name || who.name }),
      text: t('people.disable_text'),
      confirm: t('people.disable'),
      danger: true,
    });
    if (sure === null) return;
  }
  const set = async (disabled: boolean) => {
    try {
      await patch(`/people/${who.id}`, { disabled });
      done();
    } catch (error) {
      toast_error(error);
    }
  };
  await set(!who.disabled);
  if (!who.disabled) {
    toast(t('people.disabled_done'), 'plain', {
      text: t('action.undo'),
      act: () => void set(false),
    });
  }
}

async function reset(who: Person, made: (secret: Secret) => void): Promise<void> {
  const sure = await ask({
    title: t('people.reset_title', { name: who.display_name || who.name }),
    text: t('people.reset_text'),
    confirm: t('people.reset'),
  });
  if (sure === null) return;
  try {
    const answer = await post<{ one_time_password: string }>(`/people/${who.id}/password-reset`);
    made({ name: who.name, password: answer.one_time_password });
  } catch (error) {
    toast_error(error);
  }
}

function Row({
  who,
  edit,
  place,
  made,
  reload,
}: {
  who: Person;
  edit: () => void;
  place: () => void;
  made: (secret: Secret) => void;
  reload: () => void;
}) {
  const me = who.id === person.value?.id;
  return (
    <tr class={who.disabled ? 'row-off' : ''}>
      <th scope="row">
        {who.display_name || who.name}
        {me && <span class="muted"> {t('people.you')}</span>}
        <div class="muted small">{who.name}</div>
      </th>
      <td>{who.department || '–'}</td>
      <td>
        <span class="badges">
          {who.roles.length ? (
            who.roles.map((role) => (
              <Badge key={role} tone="plain">
                {t(`people.role.${role}`)}
              </Badge>
            ))
          ) : (
            <span class="muted">{t('people.no_roles')}</span>
          )}
          {who.disabled && <Badge tone="bad">{t('people.disabled')}</Badge>}
          {who.must_change_password && <Badge tone="warn">{t('people.must_change')}</Badge>}
        </span>
      </td>
      <td>{ago(who.last_seen_ms)}</td>
      <td>
        <div class="actions">
          {may('security') && !me && (
            <Button aria-label={t('people.roles_of', { name: who.name })} onClick={edit}>
              {t('people.roles')}
            </Button>
          )}
          {may('system') && (
            <Button
              kind="quiet"
              aria-label={t('people.place_of', { name: who.name })}
              onClick={place}
            >
              {t('person.department')}
            </Button>
          )}
          {may('system') && !me && (
            <>
              <Button
                kind="quiet"
                aria-label={`${t('people.reset')} ${who.name}`}
                onClick={() => void reset(who, made)}
              >
                {t('people.reset')}
              </Button>
              <Button
                kind="quiet"
                aria-label={`${t(who.disabled ? 'people.enable' : 'people.disable')} ${who.name}`}
                onClick={() => void disable(who, reload)}
              >
                {t(who.disabled ? 'people.enable' : 'people.disable')}
              </Button>
            </>
          )}
        </div>
      </td>
    </tr>
  );
}

export default function PeoplePage() {
  const page = query_number('page', 1);
  const list = useGet<List<Person>>(`/people?page=${page}&size=${SIZE}`);
  const [secret, secret_set] = useState<Secret | null>(null);
  const [editing, editing_set] = useState<Person | null>(null);
  const [placing, placing_set] = useState<Person | null>(null);
  const made = (next: Secret) => {
    secret_set(next);
    list.reload();
    window.scrollTo(0, 0);
  };
  return (
    <Page title={t('nav.people')} lead={t('people.lead')} wide>
      {secret && <OneTime secret={secret} close={() => secret_set(null)} />}
      {editing && (
        <RoleEditor
          key={editing.id}
          who={editing}
          done={(changed) => {
            editing_set(null);
            if (changed) list.reload();
          }}
        />
      )}
      {placing && (
        <PlaceEditor
          key={placing.id}
          who={placing}
          done={(changed) => {
            placing_set(null);
            if (changed) list.reload();
          }}
        />
      )}
      <Card flush title={t('people.list')}>
        <Shown from={list} lines={6}>
          {(data) => (
            <>
              <Table label={t('people.list')}>
                <thead>
                  <tr>
                    <th>{t('person.display_name')}</th>
                    <th>{t('person.department')}</th>
                    <th>{t('people.roles')}</th>
                    <th>{t('people.seen')}</th>
                    <th>{t('table.action')}</th>
                  </tr>
                </thead>
                <tbody>
                  {data.items.map((who) => (
                    <Row
                      key={who.id}
                      who={who}
                      edit={() => {
                        editing_set(who);
                        window.scrollTo(0, 0);
                      }}
                      place={() => {
                        placing_set(who);
                        window.scrollTo(0, 0);
                      }}
                      made={made}
                      reload={list.reload}
                    />
                  ))}
                </tbody>
              </Table>
              <Pager page={data.page} size={data.size} total={data.total} />
            </>
          )}
        </Shown>
      </Card>
      {may('system') && <Create made={made} />}
    </Page>
  );
}
