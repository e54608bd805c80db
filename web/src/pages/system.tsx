// The machine and the store: what there is, what is used, whether it is whole, and a copy of it.
import { useState } from 'preact/hooks';
import { BASE, post } from '../api';
import { Copies } from '../components/copies';
import { Button, LinkButton } from '../components/form';
import { Card, Notice, Page, Shown } from '../components/page';
import { Bar, Copy, Facts } from '../components/table';
import { bytes, count, duration, time } from '../format';
import { useGet } from '../load';
import { explain, t, t_or } from '../messages';
import { may, toast_error } from '../state';
import type { Fault, System } from '../types';

function Gauge({ name, used, total }: { name: string; used: number; total: number }) {
  const share = total ? used / total : 0;
  return (
    <div class="gauge">
      <p>
        <b>{name}</b>
        <span>{t('system.used_of', { used: bytes(used), total: bytes(total) })}</span>
      </p>
      <Bar share={share} tone={share > 0.9 ? 'warn' : 'accent'} />
    </div>
  );
}

interface Checked {
  findings: Fault[];
  checked_ms: number;
}

function StoreCheck() {
  const [state, state_set] = useState<Checked | null>(null);
  const [busy, busy_set] = useState(false);
  const run = async () => {
    if (busy) return;
    busy_set(true);
    try {
      state_set(await post<Checked>('/system/check'));
    } catch (error) {
      toast_error(error);
    }
    busy_set(false);
  };
  return (
    <Card title={t('system.check')}>
      <p class="muted">{t('system.check_about')}</p>
      {state &&
        (state.findings.length ? (
          <Notice tone="bad" title={t('system.findings', { findings: state.findings.length })}>
            <ul>
              {state.findings.map((fault, i) => {
                const { text, hint } = explain(fault);
                return (
                  <li key={i}>
                    {text} {hint}
                  </li>
                );
              })}
            </ul>
          </Notice>
        ) : (
          <Notice tone="good" title={t('system.whole')}>
            {time(state.checked_ms)}
          </Notice>
        ))}
      <div class="actions">
        <Button kind="primary" icon="check" busy={busy} onClick={() => void run()}>
          {t('system.check_run')}
        </Button>
        <LinkButton href={`${BASE}/system/backup`} icon="download" download>
          {t('system.backup')}
        </LinkButton>
      </div>
      <p class="hint">{t('system.backup_hint')}</p>
    </Card>
  );
}

function executor_text({ executor }: { executor: System['executor'] }) {
  if (executor.name !== 'slurm') return t('executor.local');
  return t('executor.slurm', {
    partition: executor.partition ?? '',
    nodes: executor.nodes ?? 0,
    version: executor.version ?? '',
    by: t(executor.by === 'slurmrestd' ? 'executor.by_slurmrestd' : 'executor.by_commands'),
  });
}

function Machine({ system }: { system: System }) {
  const used = system.disk_bytes - system.disk_free_bytes;
  const { findings, finding_count } = system.records;
  const chain = findings.find((one) => one.code === 'audit.broken');
  const records = findings.filter((one) => one !== chain);
  return (
    <>
      {system.disk_low && (
        <Notice tone="warn" title={t('system.disk_low', { size: bytes(system.disk_free_bytes) })}>
          {t('system.disk_low_text')}
        </Notice>
      )}
      {records.length > 0 && (
        <Notice
          tone="bad"
          title={t('system.records_damaged', { count: finding_count - (chain ? 1 : 0) })}
        >
          {t('system.records_damaged_text', { list: records.map((one) => one.detail).join(', ') })}
        </Notice>
      )}
      {chain && (
        <Notice tone="bad" title={explain(chain).text}>
          {explain(chain).hint}
        </Notice>
      )}
      <div class="charts">
        <Card title={t('system.machine')}>
          <Gauge
            name={t('system.memory')}
            total={system.memory_bytes}
            used={system.memory_bytes - system.memory_free_bytes}
          />
          <Gauge name={t('system.disk')} total={system.disk_bytes} used={used} />
          <Facts
            items={[
              [t('system.cpu'), t('job.cores', { cores: system.cpu_count })],
              [t('system.confine'), t_or(`confine.${system.confine}`, system.confine)],
              [t('system.executor'), executor_text(system)],
              [
                t('system.confine_parts'),
                system.confine_parts.map((part) => t_or(`confine.part.${part}`, part)).join(' · ') ||
                  t('confine.none'),
              ],
              [
                t('system.capacity'),
                `${t('job.cores', { cores: system.capacity.cpu_milli / 1000 })}` +
                  ` · ${bytes(system.capacity.memory_bytes)}`,
              ],
              [t('system.queue'), t('system.queue_text', system.queue)],
            ]}
          />
        </Card>
        <Card title={t('system.store')}>
          <Facts
            items={[
              [t('system.state'), bytes(system.state_bytes)],
              [
                t('system.blobs'),
                t('system.blobs_text', {
                  blobs: system.blob_count,
                  size: bytes(system.blob_bytes),
                }),
              ],
              ...(system.schema === undefined
                ? []
                : [[t('system.schema'), String(system.schema)] as [string, string]]),
              [t('system.version'), system.version],
              [t('system.uptime'), duration(system.uptime_s * 1000)],
              [t('system.connections'), count(system.connections)],
              [t('system.requests'), count(system.requests_total)],
            ]}
          />
        </Card>
      </div>
      <Card title={t('system.fingerprint')}>
        <p class="fingerprint">
          <code>{system.fingerprint}</code> <Copy text={system.fingerprint} />
        </p>
        <p class="hint">{t('system.fingerprint_hint')}</p>
      </Card>
    </>
  );
}

export default function SystemPage() {
  const system = useGet<System>('/system');
  return (
    <Page
      title={t('nav.system')}
      lead={t('system.lead')}
      actions={<Button onClick={system.reload}>{t('action.refresh')}</Button>}
    >
      <Shown from={system} lines={6}>
        {(data) => <Machine system={data} />}
      </Shown>
      {may('system') && <StoreCheck />}
      {may('system') && <Copies />}
    </Page>
  );
}
