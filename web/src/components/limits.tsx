// What is nearly or wholly used up of the limits that stand over this person, before they begin.
import { percent } from '../format';
import { useGet } from '../load';
import { t } from '../messages';
import type { Share, UsageLimit } from '../types';
import { cap_text } from '../units';
import { Notice } from './page';

const WARN_SHARE = 0.8;

export function limit_name(limit: UsageLimit): string {
  const cap = t(`cap.${limit.cap}`);
  return limit.of === 'person'
    ? t('limit.own', { cap })
    : t('limit.of_department', { cap, name: limit.name });
}

export function limit_share(limit: UsageLimit): number {
  return limit.most ? limit.used / limit.most : 1;
}

export function LimitWarning() {
  const share = useGet<Share>('/share');
  const near = (share.data?.limits ?? []).filter((one) => limit_share(one) >= WARN_SHARE);
  if (!near.length) return null;
  const full = near.some((one) => limit_share(one) >= 1);
  return (
    <Notice tone="warn" title={t(full ? 'limit.reached' : 'limit.near')}>
      <ul>
        {near.map((one) => (
          <li key={`${one.of} ${one.name} ${one.cap}`}>
            {limit_name(one)}
            {': '}
            {t('limit.used_of', {
              used: cap_text(one.cap, one.used),
              most: cap_text(one.cap, one.most),
            })}
            {` (${percent(limit_share(one), 0)})`}
          </li>
        ))}
      </ul>
      <p>
        <a href="/share">{t('nav.share')}</a>
      </p>
    </Notice>
  );
}
