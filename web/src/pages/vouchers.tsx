// Compute vouchers: units paid for beforehand. Officers issue them for a department, a person or
// another box, take in those of boxes they trust, and revoke; everybody sees what pays for them.
import { useState } from 'preact/hooks';
import { ask } from '../components/dialog';
import { post } from '../api';
import { VoucherImport, VoucherIssue } from '../components/voucher_forms';
import { Badge, Card, Empty, Notice, Page, Shown } from '../components/page';
import { Code, Pager, Table } from '../components/table';
import { time } from '../format';
import { useGet } from '../load';
import { t } from '../messages';
import { query_number } from '../router';
import { may, toast, toast_error } from '../state';
import type { List, Share, Voucher } from '../types';
import { units } from '../units';

const SIZE = 25;
const TONES = {
  good: 'good',
  early: 'plain',
  spent: 'plain',
  expired: 'warn',
  revoked: 'bad',
  away: 'accent',
} as const;

async function revoke(one: Voucher, done: () => void): Promise<void> {
  const reason = await ask({
    title: t('voucher.revoke_title', { id: one.id }),
    text: t(one.state === 'away' ? 'voucher.revoke_away_text' : 'voucher.revoke_text'),
    confirm: t('voucher.revoke'),
    danger: true,
    input: { label: t('key.reason'), required: true },
  });
  if (!reason) return;
  try {
    await post(`/vouchers/${one.id}/revoke`, { reason });
    toast(t('voucher.revoked', { id: one.id }));
  } catch (error) {
    toast_error(error);
  }
  done();
}

function Row({ one, show, reload }: { one: Voucher; show: () => void; reload: () => void }) {
  const officer = may('system', 'security');
  return (
    <tr>
      <th scope="row">{one.id}</th>
      <td>
        {one.holder_name}
        <div class="muted small">{t(`voucher.holder.${one.holder}`)}</div>
      </td>
      <td class="number">
        {one.state === 'away' ? units(one.units) : `${units(one.left)} / ${units(one.units)}`}
        {one.job_cap > 0 && (
          <div class="muted small">{t('voucher.cap_short', { units: units(one.job_cap) })}</div>
        )}
      </td>
      <td>{t(`voucher.use.${one.use}`)}</td>
      <td>
        {time(one.from_ms)} – {time(one.until_ms)}
      </td>
      <td>
        <Badge tone={TONES[one.state]}>{t(`voucher.state.${one.state}`)}</Badge>
        {one.revoked_ms && (
          <p class="muted small">
            {one.revoked_by} · {one.reason}
          </p>
        )}
        {one.imported && <p class="muted small">{t('voucher.from_box', { box: one.issuer })}</p>}
        {one.state === 'away' && <p class="muted small">{t('voucher.for_box', { box: one.box })}</p>}
      </td>
      <td>
        <div class="actions">
          <button
            type="button"
            class="button button-quiet button-small"
            aria-label={t('voucher.text_of', { id: one.id })}
            onClick={show}
          >
            {t('voucher.text')}
          </button>
          {officer && !one.revoked_ms && (
            <button
              type="button"
              class="button button-danger button-small"
              aria-label={t('voucher.revoke_title', { id: one.id })}
              onClick={() => void revoke(one, reload)}
            >
              {t('voucher.revoke')}
            </button>
          )}
        </div>
      </td>
    </tr>
  );
}

function Listed({
  data,
  show,
  reload,
}: {
  data: List<Voucher>;
  show: (one: Voucher) => void;
  reload: () => void;
}) {
  return (
    <Table label={t('voucher.list')} dense>
      <thead>
        <tr>
          <th>{t('voucher.number')}</th>
          <th>{t('voucher.holder')}</th>
          <th class="number">{t('voucher.left')}</th>
          <th>{t('voucher.use')}</th>
          <th>{t('voucher.valid')}</th>
          <th>{t('voucher.state')}</th>
          <th>{t('table.action')}</th>
        </tr>
      </thead>
      <tbody>
        {data.items.map((one) => (
          <Row key={one.id} one={one} show={() => show(one)} reload={reload} />
        ))}
      </tbody>
    </Table>
  );
}

export default function VouchersPage() {
  const page = query_number('page', 1);
  const list = useGet<List<Voucher>>(`/vouchers?page=${page}&size=${SIZE}`);
  const share = useGet<Share>('/share');
  const [shown, shown_set] = useState<Voucher | null>(null);
  const officer = may('system', 'security');
  const made = (one: Voucher) => {
    shown_set(one);
    list.reload();
    share.reload();
    window.scrollTo(0, 0);
  };
  const show = (one: Voucher) => {
    shown_set(one);
    window.scrollTo(0, 0);
  };
  return (
    <Page title={t('nav.vouchers')} lead={t('voucher.lead')} wide>
      {shown && (
        <Notice title={t('voucher.text_of', { id: shown.id })}>
          <p>{t(shown.state === 'away' ? 'voucher.carry' : 'voucher.proof')}</p>
          <Code label={t('voucher.text')} text={shown.text} />
        </Notice>
      )}
      <Card
        flush
        title={t('voucher.list')}
        actions={
          share.data && (
            <span>{t('voucher.balance', { units: units(share.data.voucher_units_left) })}</span>
          )
        }
      >
        <Shown from={list} lines={4}>
          {(data) =>
            data.total === 0 ? (
              <Empty title={t('voucher.none')} text={t('voucher.none_text')} icon="voucher" />
            ) : (
              <>
                <Listed data={data} show={show} reload={list.reload} />
                <Pager page={page} size={SIZE} total={data.total} />
              </>
            )
          }
        </Shown>
      </Card>
      {officer && <VoucherIssue made={made} />}
      {officer && <VoucherImport made={made} />}
    </Page>
  );
}
