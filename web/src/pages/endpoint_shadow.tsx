// The shadow: a model that answers the same calls unseen, compared with the one that is pinned.
import { useState } from 'preact/hooks';
import { patch, post } from '../api';
import { ask } from '../components/dialog';
import { Button } from '../components/form';
import { Card, Empty, Shown } from '../components/page';
import { Facts, Grid, number_column } from '../components/table';
import { count, decimal, percent, time } from '../format';
import { useGet } from '../load';
import { t } from '../messages';
import { may, toast, toast_error } from '../state';
import type { Endpoint, EndpointTally, EndpointUsage, Sketch } from '../types';
import { ModelField } from './endpoint_versions';

function Choose({ endpoint, reload }: { endpoint: Endpoint; reload: () => void }) {
  const [model, model_set] = useState('');
  const set = () =>
    void patch(`/endpoints/${endpoint.id}`, { shadow: Number(model) }).then(reload, toast_error);
  return (
    <Card title={t('endpoint.shadow_choose')}>
      <p>{t('endpoint.shadow_about')}</p>
      {may('research') && (
        <div class="form">
          <ModelField
            endpoint={endpoint}
            id="shadow-model"
            label={t('model.one')}
            hint={t('endpoint.shadow_hint')}
            value={model}
            change={model_set}
          />
          {model && (
            <Button kind="primary" onClick={set}>
              {t('endpoint.shadow_set')}
            </Button>
          )}
        </div>
      )}
    </Card>
  );
}

function Quantiles({ tally, classes }: { tally: EndpointTally; classes: boolean }) {
  const line = (name: string, sketch: Sketch, unit: string, digits: number) => [
    name,
    ...[sketch.mean, sketch.p50, sketch.p90, sketch.p99, sketch.most].map(
      (value) => `${decimal(value, digits)}${unit}`,
    ),
  ];
  return (
    <Grid
      label={t('endpoint.comparison')}
      columns={[
        t('endpoint.compared'),
        ...(['mean', 'p50', 'p90', 'p99', 'most'] as const).map((name) =>
          number_column(t(`sketch.${name}`)),
        ),
      ]}
      rows={[
        line(t(classes ? 'endpoint.distance_class' : 'endpoint.distance'), tally.distance, '', 4),
        line(t('endpoint.pinned_ms'), tally.pinned_ms, ' ms', 2),
        line(t('endpoint.shadow_ms'), tally.shadow_ms, ' ms', 2),
      ]}
    />
  );
}

function Comparison({ tally, classes }: { tally: EndpointTally; classes: boolean }) {
  if (!tally.calls && !tally.failed && !tally.skipped) {
    return <Empty title={t('endpoint.no_calls')} text={t('endpoint.no_calls_text')} icon="eye" />;
  }
  const facts: [string, string][] = [
    [t('endpoint.calls'), count(tally.calls)],
    [t('endpoint.rows'), count(tally.rows)],
    [t('endpoint.mean_difference'), decimal(tally.mean_difference, 4)],
    [t('endpoint.shadow_failed'), count(tally.failed)],
    [t('endpoint.shadow_skipped'), count(tally.skipped)],
    [t('endpoint.since'), `${time(tally.first_ms)} – ${time(tally.last_ms)}`],
  ];
  if (classes && tally.rows) {
    const share = percent(tally.differ / tally.rows);
    facts.splice(2, 0, [t('endpoint.differ'), `${count(tally.differ)} (${share})`]);
  }
  return (
    <>
      <Facts items={facts} />
      <Quantiles tally={tally} classes={classes} />
      <p class="hint">{t('endpoint.sketch_hint')}</p>
    </>
  );
}

const NOTHING: Sketch = { count: 0, mean: 0, p50: 0, p90: 0, p99: 0, most: 0 };

export function ShadowTab({ endpoint, reload }: { endpoint: Endpoint; reload: () => void }) {
  const from = useGet<EndpointUsage>(endpoint.shadow ? `/endpoints/${endpoint.id}/usage` : null);
  const shadow = endpoint.shadow;
  if (!shadow) return <Choose endpoint={endpoint} reload={reload} />;
  const off = () =>
    void patch(`/endpoints/${endpoint.id}`, { shadow: null }).then(reload, toast_error);
  const promote = async () => {
    const sure = await ask({
      title: t('endpoint.promote_title', { name: shadow.name }),
      text: t('endpoint.promote_text'),
      confirm: t('endpoint.promote'),
    });
    if (sure === null) return;
    try {
      await post(`/endpoints/${endpoint.id}/promote`);
      toast(t('endpoint.version_put'));
      reload();
    } catch (error) {
      toast_error(error);
    }
  };
  return (
    <Card
      title={t('endpoint.shadow_of', { name: shadow.name })}
      actions={
        <>
          <Button kind="quiet" onClick={from.reload}>
            {t('action.refresh')}
          </Button>
          {may('research') && (
            <>
              <Button kind="quiet" onClick={off}>
                {t('endpoint.shadow_off')}
              </Button>
              <Button kind="primary" onClick={() => void promote()}>
                {t('endpoint.promote')}
              </Button>
            </>
          )}
        </>
      }
    >
      <Shown from={from}>
        {(usage) => (
          <Comparison
            classes={!!endpoint.classes?.length}
            tally={
              usage.versions.find(
                (one) => one.version === endpoint.version && one.shadow === shadow.id,
              ) ?? {
                version: endpoint.version,
                shadow: shadow.id,
                shadow_name: shadow.name,
                first_ms: null,
                last_ms: null,
                calls: 0,
                rows: 0,
                failed: 0,
                skipped: 0,
                differ: 0,
                mean_difference: 0,
                distance: NOTHING,
                pinned_ms: NOTHING,
                shadow_ms: NOTHING,
              }
            }
          />
        )}
      </Shown>
    </Card>
  );
}
