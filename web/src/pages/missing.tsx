// Where there is no page, or not for this person.
import { LinkButton } from '../components/form';
import { Empty, Page } from '../components/page';
import { t } from '../messages';

export function NotFound() {
  return (
    <Page title={t('missing.title')}>
      <Empty
        title={t('missing.text')}
        icon="info"
        action={
          <LinkButton href="/" kind="primary">
            {t('missing.home')}
          </LinkButton>
        }
      />
    </Page>
  );
}

export function NotAllowed() {
  return (
    <Page title={t('denied.title')}>
      <Empty
        title={t('denied.text')}
        text={t('denied.hint')}
        icon="lock"
        action={
          <LinkButton href="/" kind="primary">
            {t('missing.home')}
          </LinkButton>
        }
      />
    </Page>
  );
}
