// My account: who I am, my password, my API tokens.
import { Badge, Card, Page } from '../components/page';
import { PasswordForm } from '../components/password';
import { Facts } from '../components/table';
import { Tokens } from '../components/tokens';
import { time } from '../format';
import { t } from '../messages';
import { person } from '../state';

function Password() {
  return (
    <Card title={t('account.password')}>
      <PasswordForm old_label={t('password.old')} />
      <p class="hint">{t('account.password_hint')}</p>
    </Card>
  );
}

export default function AccountPage() {
  const who = person.value!;
  return (
    <Page title={t('account.title')}>
      <Card title={who.display_name || who.name}>
        <Facts
          items={[
            [t('person.name'), who.name],
            [t('person.department'), who.department || '–'],
            [
              t('people.roles'),
              <span class="badges">
                {who.roles.length
                  ? who.roles.map((role) => (
                      <Badge key={role} tone="accent">
                        {t(`people.role.${role}`)}
                      </Badge>
                    ))
                  : t('people.no_roles')}
              </span>,
            ],
            [t('account.since'), time(who.created_ms)],
          ]}
        />
      </Card>
      <Password />
      <Tokens />
    </Page>
  );
}
