// A person's API tokens: what programs use in place of a password. Made, listed and deleted.
import { useState } from 'preact/hooks';
import { post, remove } from '../api';
import { ago, time } from '../format';
import { useGet } from '../load';
import { t } from '../messages';
import { person, toast, toast_error } from '../state';
import type { List, Role, Token } from '../types';
import { ask } from './dialog';
import {
  Button,
  CheckField,
  ErrorSummary,
  TextField,
  error_at,
  errors_of,
  type FieldError,
} from './form';
import { Badge, Card, Empty, Notice, Shown } from './page';
import { Code, Table } from './table';

function TokenForm({ made }: { made: (token: Token) => void }) {
  const mine = person.value?.roles ?? [];
  const [name, name_set] = useState('');
  const [days, days_set] = useState('90');
  const [roles, roles_set] = useState<Role[]>(mine);
  const [errors, errors_set] = useState<FieldError[]>([]);
  const submit = async (event: Event) => {
    event.preventDefault();
    const wrong: FieldError[] = [];
    const span = Number(days);
    if (!name.trim()) {
      wrong.push({ field: 'token_name', text: t('form.missing', { label: t('token.name') }) });
    }
    if (!Number.isInteger(span) || span < 1 || span > 366) {
      wrong.push({ field: 'token_days', text: t('token.days_bad') });
    }
    errors_set(wrong);
    if (wrong.length) return;
    try {
      made(await post<Token>('/me/tokens', { name: name.trim(), roles, expires_days: span }));
      name_set('');
    } catch (error) {
      errors_set(errors_of(error));
    }
  };
  return (
    <form class="form" onSubmit={(event) => void submit(event)} noValidate>
      <ErrorSummary errors={errors} />
      <TextField
        id="token_name"
        label={t('token.name')}
        hint={t('token.name_hint')}
        value={name}
        change={name_set}
        error={error_at(errors, 'token_name')}
        autocomplete="off"
      />
      <TextField
        id="token_days"
        label={t('token.days')}
        inputMode="numeric"
        value={days}
        change={days_set}
        error={error_at(errors, 'token_days')}
        autocomplete="off"
      />
      <fieldset>
        <legend>{t('token.roles')}</legend>
        {mine.map((role) => (
          <CheckField
            key={role}
            id={`token-${role}`}
            label={t(`people.role.${role}`)}
            value={roles.includes(role)}
            change={(on) => roles_set(on ? [...roles, role] : roles.filter((one) => one !== role))}
          />
        ))}
      </fieldset>
      <Button type="submit" kind="primary" icon="plus">
        {t('token.create')}
      </Button>
    </form>
  );
}

export function Tokens({ title }: { title?: string }) {
  const list = useGet<List<Token>>('/me/tokens');
  const [fresh, fresh_set] = useState<Token | null>(null);
  const drop = async (token: Token) => {
    const sure = await ask({
      title: t('token.delete_title', { name: token.name }),
      text: t('token.delete_text'),
      confirm: t('action.delete'),
      danger: true,
    });
    if (sure === null) return;
    try {
      await remove(`/me/tokens/${token.id}`);
      toast(t('token.deleted'));
      list.reload();
    } catch (error) {
      toast_error(error);
    }
  };
  return (
    <Card title={title ?? t('account.tokens')}>
      <p class="muted">{t('token.about')}</p>
      {fresh?.secret && (
        <Notice tone="good" title={t('token.made', { name: fresh.name })}>
          <Code label={t('token.secret')} text={fresh.secret} />
          <p>{t('token.once')}</p>
        </Notice>
      )}
      <Shown from={list}>
        {(data) =>
          data.items.length ? (
            <Table label={t('account.tokens')}>
              <thead>
                <tr>
                  <th>{t('token.name')}</th>
                  <th>{t('people.roles')}</th>
                  <th>{t('token.expires')}</th>
                  <th>{t('token.used')}</th>
                  <th>{t('table.action')}</th>
                </tr>
              </thead>
              <tbody>
                {data.items.map((token) => (
                  <tr key={token.id}>
                    <th scope="row">{token.name}</th>
                    <td>
                      <span class="badges">
                        {token.roles.map((role) => (
                          <Badge key={role} tone="plain">
                            {t(`people.role.${role}`)}
                          </Badge>
                        ))}
                      </span>
                    </td>
                    <td>{time(token.expires_ms)}</td>
                    <td>{ago(token.last_used_ms)}</td>
                    <td>
                      <Button
                        kind="quiet"
                        icon="bin"
                        aria-label={`${t('action.delete')} ${token.name}`}
                        onClick={() => void drop(token)}
                      >
                        {t('action.delete')}
                      </Button>
                    </td>
                  </tr>
                ))}
              </tbody>
            </Table>
          ) : (
            <Empty title={t('token.none')} icon="lock" />
          )
        }
      </Shown>
      <h3>{t('token.new')}</h3>
      <TokenForm
        made={(token) => {
          fresh_set(token);
          list.reload();
        }}
      />
    </Card>
  );
}
