// The model card: what a committee signs. One sheet of paper with what the model is for, what it
// was made of, how good it is and for whom, what to beware of, and room for signatures.
import { useState } from 'preact/hooks';
import { patch } from '../api';
import { Button, TextField } from '../components/form';
import { Card, Notice } from '../components/page';
import { Facts, Hash, Table } from '../components/table';
import { Groups } from '../components/judged';
import { count, decimal, percent, time } from '../format';
import { useGet } from '../load';
import { explain, t, t_or } from '../messages';
import { toast, toast_error } from '../state';
import type { ModelShow, Release, Scorecard } from '../types';
import { interval } from './model_decisions';
import { Comparison, Folds } from './model_groups';
import { metric_name } from './models';
import { rule_name } from './model_scorecard';

const TEXTS = ['purpose', 'not_for'] as const;

// What a person writes; kept with the model, and in the audit trail that it was changed.
function Written({ model, saved }: { model: ModelShow; saved: () => void }) {
  const [texts, texts_set] = useState({
    purpose: model.purpose ?? '',
    not_for: model.not_for ?? '',
  });
  const [busy, busy_set] = useState(false);
  const changed = TEXTS.some((name) => texts[name] !== (model[name] ?? ''));
  const save = async () => {
    busy_set(true);
    try {
      const now = await patch<ModelShow>(`/models/${model.id}`, texts);
      texts_set({ purpose: now.purpose ?? '', not_for: now.not_for ?? '' });
      saved();
      toast(t('card.saved'));
    } catch (error) {
      toast_error(error);
    }
    busy_set(false);
  };
  return (
    <>
      {TEXTS.map((name) => (
        <div key={name}>
          <div class="no-print">
            <TextField
              multiline={3}
              id={`card-${name}`}
              label={t(`card.${name}`)}
              hint={t(`card.${name}_hint`)}
              value={texts[name]}
              change={(value: string) => texts_set({ ...texts, [name]: value })}
            />
          </div>
          <div class="only-print">
            <h3>{t(`card.${name}`)}</h3>
            <p class="written">{texts[name] || '　'}</p>
          </div>
        </div>
      ))}
      <div class="actions no-print">
        <Button kind="primary" busy={busy} disabled={!changed} onClick={() => void save()}>
          {t('action.save')}
        </Button>
      </div>
    </>
  );
}

function Data({ model, card }: { model: ModelShow; card: Scorecard }) {
  const release = useGet<Release>(model.release ? `/releases/${model.release}` : null).data;
  return (
    <Card title={t('card.data')}>
      <Facts
        items={[
          [t('release.one'), model.release_title || '–'],
          [t('card.data_hash'), <Hash value={release?.hash} />],
          [t('card.data_rows'), release ? count(release.rows) : '–'],
          [t('model.target'), card.target],
          [
            t('scorecard.rows'),
            t('scorecard.rows_of', {
              train: card.rows.train,
              validate: card.rows.validate,
              test: card.rows.test,
            }),
          ],
          [
            t('card.split'),
            t_or(`card.split.${String(card.split?.['groups'])}`, '–') +
              (card.split?.['refitted'] ? t('card.refitted') : ''),
          ],
          ...(card.split?.['all_rows']
            ? [[t('card.last_fit'), t('scorecard.all_rows')] as [string, string]]
            : []),
          [t('train.learner'), t_or(`learner.${card.learner}`, card.learner)],
          [t('scorecard.seed'), String(card.seed)],
          [t('job.created'), `${time(model.created_ms)} · ${model.actor}`],
          [t('model.hash'), <Hash value={model.hash} />],
        ]}
      />
    </Card>
  );
}

function Quality({ card }: { card: Scorecard }) {
  const half = card.decisions?.choices.find((one) => one.rule === 'half');
  return (
    <Card title={t('scorecard.metrics')} flush>
      <Table label={t('scorecard.metrics')}>
        <thead>
          <tr>
            <th>{t('scorecard.metric')}</th>
            <th class="number">{t('card.value')}</th>
          </tr>
        </thead>
        <tbody>
          {card.metrics.map((metric) => (
            <tr key={metric.name}>
              <th scope="row">{metric_name(metric.name)}</th>
              <td class="number">
                {decimal(metric.value)} ({decimal(metric.low)}–{decimal(metric.high)})
              </td>
            </tr>
          ))}
          {half &&
            (['sensitivity', 'specificity', 'precision'] as const).map((name) => (
              <tr key={name}>
                <th scope="row">{t('card.at_half', { metric: metric_name(name) })}</th>
                <td class="number">{interval(half[name], percent)}</td>
              </tr>
            ))}
        </tbody>
      </Table>
    </Card>
  );
}

function Warned({ card }: { card: Scorecard }) {
  const warnings = card.warnings ?? [];
  return (
    <Card title={t('scorecard.warnings')}>
      {warnings.length ? (
        <ul>
          {warnings.map((warning, i) => (
            <li key={i}>
              {explain(warning).text} {explain(warning).hint}
            </li>
          ))}
        </ul>
      ) : (
        <p>{t('card.no_warnings')}</p>
      )}
    </Card>
  );
}

function Signatures() {
  return (
    <Card title={t('card.signatures')}>
      <ul class="signatures">
        {(['made', 'checked', 'approved'] as const).map((who) => (
          <li key={who}>
            <span>{t(`card.signed.${who}`)}</span>
            <span class="line" />
            <span>{t('card.date')}</span>
            <span class="line" />
          </li>
        ))}
      </ul>
    </Card>
  );
}

export function CardTab({ model, saved }: { model: ModelShow; saved: () => void }) {
  const card = model.scorecard;
  if (!card) return <Notice tone="warn" title={t('scorecard.none')} />;
  return (
    <article class="sheet">
      <Card
        title={t('card.title', { name: model.name })}
        actions={
          <Button icon="print" onClick={() => window.print()}>
            {t('action.print')}
          </Button>
        }
      >
        <Written model={model} saved={saved} />
      </Card>
      <Data model={model} card={card} />
      <Quality card={card} />
      {card.baseline && <Comparison card={card} rule={rule_name(card)} />}
      <Folds card={card} />
      {(card.groups ?? []).map((group) => (
        <Groups key={group.column} group={group} title={group.column} value={(text) => text} />
      ))}
      <Warned card={card} />
      <Signatures />
    </article>
  );
}
