// Numbers, sizes and times as a person reads them, in the page's language.
import { language, t } from './messages';
import type { Scalar } from './types';

export function count(value: number): string {
  return value.toLocaleString(language.value, { maximumFractionDigits: 0 });
}

export function decimal(value: number, digits = 3): string {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e9 || size < 1e-4)) return value.toExponential(2);
  return value.toLocaleString(language.value, { maximumFractionDigits: digits });
}

// About four significant digits: for a distribution's figures of any size.
export function short(value: Scalar | undefined): string {
  if (value === null || value === undefined) return '–';
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return value;
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e9 || size < 1e-3)) return value.toExponential(2);
  return value.toLocaleString(language.value, { maximumSignificantDigits: size >= 1e4 ? 7 : 4 });
}

export function percent(share: number, digits = 1): string {
  return share.toLocaleString(language.value, { style: 'percent', maximumFractionDigits: digits });
}

export function bytes(value: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  let unit = 0;
  let left = value;
  while (left >= 1024 && unit < units.length - 1) {
    left /= 1024;
    unit++;
  }
  const digits = unit === 0 || left >= 100 ? 0 : 1;
  return `${left.toLocaleString(language.value, { maximumFractionDigits: digits })} ${units[unit]}`;
}

export function time(ms: number | null | undefined): string {
  if (!ms) return '–';
  return new Intl.DateTimeFormat(language.value, {
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    hour12: false,
  }).format(new Date(ms));
}

// A minute of the day by UTC, as a clock here shows it today.
export function time_of_day(minute: number): string {
  const at = new Date();
  at.setUTCHours(0, minute, 0, 0);
  return at.toLocaleTimeString(language.value, { hour: '2-digit', minute: '2-digit', hour12: false });
}

export function time_exact(ms: number): string {
  return new Intl.DateTimeFormat(language.value, {
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hour12: false,
  }).format(new Date(ms));
}

export function ago(ms: number | null | undefined, now = Date.now()): string {
  if (!ms) return t('time.never');
  const seconds = Math.round((ms - now) / 1000);
  const steps: [Intl.RelativeTimeFormatUnit, number][] = [
    ['day', 86400],
    ['hour', 3600],
    ['minute', 60],
  ];
  const format = new Intl.RelativeTimeFormat(language.value, { numeric: 'auto' });
  if (Math.abs(seconds) > 30 * 86400) return time(ms);
  for (const [unit, size] of steps) {
    if (Math.abs(seconds) >= size) return format.format(Math.round(seconds / size), unit);
  }
  return t('time.just_now');
}

export function duration(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 60) return t('time.seconds', { value: decimal(seconds, seconds < 10 ? 1 : 0) });
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) {
    return t('time.minutes', { minutes, seconds: Math.floor(seconds % 60) });
  }
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return t('time.hours', { hours, minutes: minutes % 60 });
  return t('time.days', { days: Math.floor(hours / 24), hours: hours % 24 });
}

export function hash_short(hash: string | null | undefined): string {
  return hash ? `${hash.slice(0, 12)}…` : '–';
}
