// Run a program: a command line, its files, what it needs; all else folded away. Closed boxes say
// who can open them.
import { useState } from 'preact/hooks';
import { post } from '../api';
import {
  Button,
  CheckField,
  ErrorSummary,
  Field,
  SelectField,
  TextField,
  error_at,
  errors_of,
  type FieldError,
} from '../components/form';
import { LimitWarning } from '../components/limits';
import { Card, Empty, Notice, Page, Shown } from '../components/page';
import { FilePicker, SendingRow } from '../components/upload';
import { WhatIfLine } from '../components/what_if';
import {
  WHEN_NONE,
  WhenFields,
  when_body,
  when_errors,
  when_field,
  type When,
} from '../components/when';
import { bytes, decimal } from '../format';
import { useGet } from '../load';
import { explain, t, type MessageKey } from '../messages';
import { navigate } from '../router';
import { toast } from '../state';
import type { Job, List, Release, Resources } from '../types';
import { sendings, upload_add, upload_used } from '../upload';
import { words_of } from '../words';

const GIB = 2 ** 30;
const HOUR_MS = 3_600_000;
const FILES_MAX = 7;

interface Form {
  command: string;
  shell: boolean;
  name: string;
  release: string;
  cpus: string;
  memory: string;
  disk: string;
  hours: string;
  devices: string;
  members: string;
  tasks: string;
  at_once: string;
  checkpoint: string;
  own_cpus: boolean;
  restartable: boolean;
  lease: boolean;
}
const NEW: Form = {
  command: '',
  shell: false,
  name: '',
  release: '',
  cpus: '1',
  memory: '1',
  disk: '1',
  hours: '1',
  devices: '',
  members: '',
  tasks: '',
  at_once: '',
  checkpoint: '',
  own_cpus: false,
  restartable: false,
  lease: false,
};
type Change = (values: Partial<Form>) => void;

// The numbers typed as text; what the server calls each where it refuses one.
const NUMBERS: { name: keyof Form & MessageName; told: string; needed: boolean }[] = [
  { name: 'cpus', told: 'cpu_milli', needed: true },
  { name: 'memory', told: 'memory_bytes', needed: true },
  { name: 'disk', told: 'disk_bytes', needed: true },
  { name: 'hours', told: 'time_limit_ms', needed: true },
  { name: 'devices', told: 'device_milli', needed: false },
  { name: 'members', told: 'members', needed: false },
  { name: 'tasks', told: 'array', needed: false },
  { name: 'at_once', told: 'at_once', needed: false },
  { name: 'checkpoint', told: 'checkpoint_ms', needed: false },
];
type MessageName =
  | 'cpus'
  | 'memory'
  | 'disk'
  | 'hours'
  | 'devices'
  | 'members'
  | 'tasks'
  | 'at_once'
  | 'checkpoint';

function field_of(code: string, detail: string): string | undefined {
  if (code === 'command.no_device') return 'devices';
  if (code !== 'command.bad') return when_field(code);
  return NUMBERS.find((one) => one.told === detail)?.name ?? detail;
}

function command_of(form: Form): string[] | null {
  const line = form.command.trim();
  if (form.shell) return line ? ['sh', '-c', line] : [];
  return words_of(line);
}

function check(form: Form): FieldError[] {
  const words = command_of(form);
  const wrong: FieldError[] = [];
  if (words === null) wrong.push({ field: 'command', text: t('run.quote_open') });
  else if (!words.length)
    wrong.push({ field: 'command', text: t('form.missing', { label: t('run.command') }) });
  for (const { name, needed } of NUMBERS) {
    const value = Number(form[name]);
    if (form[name] ? !(value > 0) : needed) {
      wrong.push({
        field: name,
        text: t('run.bad_number', { label: t(`run.${name}` as MessageKey) }),
      });
    }
  }
  return wrong;
}

function resources_of(form: Form) {
  return {
    cpu_milli: Math.round(Number(form.cpus) * 1000),
    memory_bytes: Math.round(Number(form.memory) * GIB),
    disk_bytes: Math.round(Number(form.disk) * GIB),
    ...(form.devices ? { device_milli: Math.round(Number(form.devices) * 1000) } : {}),
  };
}

function body_of(form: Form, files: number[]) {
  return {
    command: command_of(form) ?? [],
    ...(form.name.trim() ? { name: form.name.trim() } : {}),
    ...(files.length ? { files } : {}),
    ...(form.release ? { release: Number(form.release) } : {}),
    resources: { ...resources_of(form), ...(form.own_cpus ? { own_cpus: true } : {}) },
    time_limit_ms: Math.round(Number(form.hours) * HOUR_MS),
    ...(form.checkpoint ? { checkpoint_ms: Math.round(Number(form.checkpoint) * 1000) } : {}),
    ...(form.members ? { members: Number(form.members) } : {}),
    ...(form.restartable ? { restartable: true } : {}),
    ...(form.lease ? { lease: true } : {}),
    ...(form.tasks
      ? {
          array: {
            count: Number(form.tasks),
            ...(form.at_once ? { at_once: Number(form.at_once) } : {}),
          },
        }
      : {}),
  };
}

function NumberField({
  name,
  form,
  errors,
  change,
  hint,
  optional,
}: {
  name: MessageName;
  form: Form;
  errors: FieldError[];
  change: Change;
  hint?: string;
  optional?: boolean;
}) {
  return (
    <TextField
      id={name}
      label={t(`run.${name}` as MessageKey)}
      hint={hint ?? t(`run.${name}_hint` as MessageKey)}
      inputMode="decimal"
      optional={optional ?? false}
      value={form[name]}
      error={error_at(errors, name)}
      change={(value) => change({ [name]: value.trim() })}
    />
  );
}

interface PartProps {
  form: Form;
  errors: FieldError[];
  change: Change;
}

function Needs({ form, errors, change, box }: PartProps & { box: Resources }) {
  const of = (most: string) => t('run.of_box', { most });
  const props = { form, errors, change };
  return (
    <div class="form-grid">
      <NumberField {...props} name="cpus" hint={of(decimal(box.capacity.cpu_milli / 1000, 1))} />
      <NumberField {...props} name="memory" hint={of(bytes(box.capacity.memory_mib * 2 ** 20))} />
      <NumberField {...props} name="disk" hint={of(bytes(box.commands.disk_bytes))} />
      <NumberField {...props} name="hours" />
      {box.commands.devices > 0 && (
        <NumberField {...props} name="devices" optional hint={of(String(box.commands.devices))} />
      )}
    </div>
  );
}

function More({ form, errors, change }: PartProps) {
  const [open, open_set] = useState(false);
  const names = ['tasks', 'at_once', 'members', 'checkpoint', 'own_cpus'] as const;
  const bad = names.some((name) => error_at(errors, name));
  const props = { form, errors, change };
  return (
    <details
      class="advanced"
      open={open || bad || undefined}
      onToggle={(event) => open_set(event.currentTarget.open)}
    >
      <summary>{t('run.more')}</summary>
      {(open || bad) && (
        <div class="form-grid">
          <NumberField {...props} name="tasks" optional />
          <NumberField {...props} name="at_once" optional />
          <NumberField {...props} name="members" optional />
          <NumberField {...props} name="checkpoint" optional />
          {(['own_cpus', 'restartable', 'lease'] as const).map((name) => (
            <CheckField
              key={name}
              id={name}
              label={t(`run.${name}`)}
              hint={t(`run.${name}_hint`)}
              value={form[name]}
              change={(value) => change({ [name]: value })}
            />
          ))}
        </div>
      )}
    </details>
  );
}

function Releases({ form, change }: { form: Form; change: Change }) {
  const list = useGet<List<Release>>('/releases?state=released&size=200');
  if (!list.data?.items.length) return null;
  return (
    <SelectField
      id="release"
      label={t('run.release')}
      hint={t('run.release_hint')}
      optional
      value={form.release}
      change={(release) => change({ release })}
      choices={[
        { value: '', text: t('run.release_none') },
        ...list.data.items.map((one) => ({ value: String(one.id), text: one.title })),
      ]}
    />
  );
}

function RunForm({ box }: { box: Resources }) {
  const [form, form_set] = useState<Form>(NEW);
  const [keys, keys_set] = useState<number[]>([]);
  const [when, when_set] = useState<When>(WHEN_NONE);
  const [errors, errors_set] = useState<FieldError[]>([]);
  const [busy, busy_set] = useState(false);
  const change: Change = (values) => form_set({ ...form, ...values });
  const files = sendings.value.filter((one) => keys.includes(one.key));
  const whole = files.every((one) => one.state === 'complete');
  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy) return;
    const wrong = [...check(form), ...when_errors(when)];
    if (!whole) wrong.push({ field: 'files', text: t('run.files_coming') });
    errors_set(wrong);
    if (wrong.length) return;
    busy_set(true);
    try {
      const ids = files.map((one) => one.id);
      const job = await post<Job>('/jobs', { ...body_of(form, ids), ...when_body(when) });
      ids.forEach(upload_used);
      toast(t('run.started'));
      navigate(`/jobs/${job.id}`);
    } catch (error) {
      errors_set(errors_of(error, field_of));
      busy_set(false);
    }
  };
  const asked = !check({ ...form, command: form.command || 'true' }).length;
  return (
    <Card title={t('run.form')}>
      <form class="form form-wide" onSubmit={(event) => void submit(event)} noValidate>
        <ErrorSummary errors={errors} />
        <TextField
          id="command"
          label={t('run.command')}
          hint={t('run.command_hint')}
          spellcheck={false}
          autocapitalize="off"
          multiline={2}
          value={form.command}
          error={error_at(errors, 'command')}
          change={(command) => change({ command })}
        />
        <CheckField
          id="shell"
          label={t('run.shell')}
          hint={t('run.shell_hint')}
          value={form.shell}
          change={(shell) => change({ shell })}
        />
        <Field
          id="files"
          label={t('run.files')}
          hint={t('run.files_hint', { most: FILES_MAX })}
          error={error_at(errors, 'files')}
          optional
        >
          {(aria) => (
            <div {...aria} tabIndex={-1}>
              {files.map((item) => (
                <SendingRow key={item.key} item={item} />
              ))}
              {files.length < FILES_MAX && (
                <FilePicker
                  any
                  multiple
                  picked={(picked) =>
                    keys_set([
                      ...keys,
                      ...picked.slice(0, FILES_MAX - files.length).map((file) => upload_add(file)),
                    ])
                  }
                />
              )}
            </div>
          )}
        </Field>
        <Releases form={form} change={change} />
        <TextField
          id="name"
          label={t('run.name')}
          optional
          value={form.name}
          error={error_at(errors, 'name')}
          change={(name) => change({ name })}
        />
        <Needs form={form} errors={errors} change={change} box={box} />
        <More form={form} errors={errors} change={change} />
        <WhenFields when={when} change={when_set} errors={errors} />
        <Button type="submit" kind="primary" icon="play" busy={busy}>
          {t('run.start')}
        </Button>
        <WhatIfLine
          body={
            asked && !when_errors(when).length
              ? {
                  ...resources_of(form),
                  estimate_ms: Math.round(Number(form.hours) * HOUR_MS),
                  ...when_body(when),
                }
              : null
          }
        />
      </form>
    </Card>
  );
}

function Closed({ box }: { box: Resources }) {
  const lacks = box.commands.allowed && box.commands.lacks;
  const about = explain({
    code: lacks ? 'command.no_fence' : 'command.closed',
    detail: box.commands.lacks,
  });
  return (
    <Card>
      <Empty title={about.text} text={about.hint} icon="lock" />
    </Card>
  );
}

export default function RunPage() {
  const box = useGet<Resources>('/resources');
  return (
    <Page title={t('nav.run')} lead={t('run.lead')}>
      <LimitWarning />
      <Shown from={box} lines={6}>
        {(data) =>
          data.commands.open ? (
            <>
              <Notice title={t('run.fence')}>
                {t(data.commands.own_user ? 'run.fence_user' : 'run.fence_same')}
              </Notice>
              <RunForm box={data} />
            </>
          ) : (
            <Closed box={data} />
          )
        }
      </Shown>
    </Page>
  );
}
