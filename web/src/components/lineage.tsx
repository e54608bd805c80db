// How something came to be: the chain of steps behind it, newest on top.
import { time } from '../format';
import { useGet } from '../load';
import { t, t_or } from '../messages';
import { may } from '../state';
import type { Lineage, LineageRef } from '../types';
import { Card, Shown } from './page';
import { Code } from './table';

function ref_text(one: LineageRef): string {
  const name = t_or(`lineage.kind.${one.kind}`, one.kind);
  return `${name}${one.id ? ` ${one.id}` : ''}${one.hash ? ` · ${one.hash.slice(0, 12)}…` : ''}`;
}

function Step({ step }: { step: Lineage }) {
  const recipe = step.options?.['recipe'];
  const dataset = step.outputs.find((one) => one.kind === 'revision')?.id;
  return (
    <li>
      <p>
        <b>{t_or(`job.step.${step.step}`, step.step)}</b>
      </p>
      <p class="muted small">
        {step.actor} · {time(step.time_ms)}
      </p>
      {step.inputs.length > 0 && (
        <p class="small">
          {t('lineage.from')} {step.inputs.map(ref_text).join('，')}
        </p>
      )}
      {step.outputs.length > 0 && (
        <p class="small">
          {t('lineage.to')} {step.outputs.map(ref_text).join('，')}
        </p>
      )}
      {typeof recipe === 'string' && (
        <details>
          <summary class="small">{t('cleanse.recipe')}</summary>
          <Code text={recipe} label={t('cleanse.recipe')} />
          {dataset && may('data') && (
            <p>
              <a href={`/datasets/${dataset}/cleanse?from=step.${step.id}`}>
                {t('report.again_go')}
              </a>
            </p>
          )}
        </details>
      )}
      {(step.parents ?? []).length > 0 && (
        <ol class="timeline">
          {step.parents!.map((one) => (
            <Step key={one.id} step={one} />
          ))}
        </ol>
      )}
    </li>
  );
}

export function LineageCard({ id }: { id: number }) {
  const lineage = useGet<Lineage>(`/lineage/${id}`);
  return (
    <Card title={t('lineage.title')}>
      <Shown from={lineage}>
        {(data) => (
          <ol class="timeline lineage">
            <Step step={data} />
          </ol>
        )}
      </Shown>
    </Card>
  );
}
