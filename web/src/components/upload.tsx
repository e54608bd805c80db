// Choosing a file and watching it go up.
import type { ComponentChildren } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { bytes, duration, percent } from '../format';
import { explain, t } from '../messages';
import { upload_cancel, upload_pause, upload_resume, type Sending } from '../upload';
import { Button } from './form';
import { Icon } from './icon';

export function FilePicker({
  picked,
  multiple,
  label,
  any,
}: {
  picked: (files: File[]) => void;
  multiple?: boolean;
  label?: string;
  any?: boolean; // files of every kind, not tables alone
}) {
  const input = useRef<HTMLInputElement>(null);
  const [over, over_set] = useState(false);
  const take = (list: FileList | null | undefined) => {
    const files = [...(list ?? [])];
    if (files.length) picked(multiple ? files : files.slice(0, 1));
  };
  return (
    <div
      class={over ? 'drop drop-over' : 'drop'}
      onDragOver={(event) => {
        event.preventDefault();
        over_set(true);
      }}
      onDragLeave={() => over_set(false)}
      onDrop={(event) => {
        event.preventDefault();
        over_set(false);
        take(event.dataTransfer?.files);
      }}
    >
      <Icon name="import" />
      <p class="drop-title">{label ?? t(multiple ? 'import.drop' : 'import.drop_one')}</p>
      {!any && <p class="muted">{t('import.drop_hint')}</p>}
      <input
        type="file"
        hidden
        multiple={multiple}
        ref={input}
        onChange={(event) => {
          take(event.currentTarget.files);
          event.currentTarget.value = '';
        }}
      />
      <Button kind="primary" onClick={() => input.current?.click()}>
        {t('import.pick')}
      </Button>
    </div>
  );
}

function status(item: Sending): string {
  const share = item.file.size ? item.sent / item.file.size : 0;
  switch (item.state) {
    case 'waiting':
      return t('import.state.waiting');
    case 'paused':
      return t('import.state.paused', { share: percent(share, 0) });
    case 'failed':
      return t('import.state.failed');
    case 'complete':
      return t('import.state.complete');
    case 'sending':
      break;
  }
  if (item.tries > 0) return t('import.state.again');
  const left = item.bytes_per_s > 0 ? (item.file.size - item.sent) / item.bytes_per_s : 0;
  const speed = item.bytes_per_s > 0 ? ` · ${bytes(item.bytes_per_s)}/s` : '';
  return (
    percent(share, 0) +
    speed +
    (left > 2 ? ` · ${t('import.left', { time: duration(left * 1000) })}` : '')
  );
}

export function SendingRow({ item, action }: { item: Sending; action?: ComponentChildren }) {
  const stopped = item.state === 'paused' || item.state === 'failed';
  const going = item.state === 'sending' || item.state === 'waiting';
  const fault = item.fault ? explain(item.fault) : null;
  return (
    <div class={`sending sending-${item.state}`}>
      <div class="sending-about">
        <b>{item.file.name}</b>
        <span class="muted">
          {bytes(item.sent)} / {bytes(item.file.size)}
        </span>
      </div>
      <progress
        max={item.file.size || 1}
        value={item.state === 'complete' ? item.file.size || 1 : item.sent}
        aria-label={item.file.name}
      />
      <div class="sending-line">
        <p role="status">{status(item)}</p>
        <div class="actions">
          {going && (
            <Button icon="pause" onClick={() => upload_pause(item.key)}>
              {t('import.pause')}
            </Button>
          )}
          {stopped && (
            <Button icon="play" onClick={() => void upload_resume(item.key)}>
              {t('import.resume')}
            </Button>
          )}
          <Button kind="quiet" icon="close" onClick={() => upload_cancel(item.key)}>
            {t(item.state === 'complete' ? 'import.discard' : 'import.cancel')}
          </Button>
          {action}
        </div>
      </div>
      {fault && (
        <p class="field-error" role="alert">
          <Icon name="warn" />
          {fault.text} {fault.hint}
        </p>
      )}
    </div>
  );
}
