// What a policy that is not saved yet would do to what runs and waits now.
import { time_exact } from '../format';
import { t } from '../messages';
import type { PolicyPreview } from '../types';
import { step_name } from './job';
import { Card } from './page';

const time = (ms: number | null) => (ms ? time_exact(ms) : t('preview.unknown'));

// Expected starts are guesses from how long jobs have run: a few seconds are no difference.
const SAME_MS = 5000;

export function PolicyPreviewCard({ preview }: { preview: PolicyPreview }) {
  const starts = new Set(preview.at_once.filter((one) => one.what === 'starts').map((o) => o.job));
  const moved = preview.waiting.filter(
    (one) =>
      !starts.has(one.job) && Math.abs((one.before_ms ?? 0) - (one.after_ms ?? 0)) > SAME_MS,
  );
  const rows = [
    ...preview.at_once.map((one) => ({
      one,
      text:
        one.what === 'gives_way'
          ? t('preview.gives_way', { id: String(one.for) })
          : t(one.what === 'starts' ? 'preview.starts' : 'preview.refused'),
    })),
    ...moved.map((one) => ({
      one,
      text: t('preview.expected', { before: time(one.before_ms), after: time(one.after_ms) }),
    })),
  ];
  return (
    <Card title={t('preview.policy')}>
      {rows.length === 0 && <p class="muted">{t('preview.policy_nothing')}</p>}
      {rows.length > 0 && (
        <ul>
          {rows.map(({ one, text }) => (
            <li key={`${one.job} ${text}`}>
              <a href={`/jobs/${one.job}`}>
                {step_name(one.step)} {one.subject && `· ${one.subject}`}
              </a>{' '}
              <span class="muted">{one.actor}</span> — {text}
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}
