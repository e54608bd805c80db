// Compute units, shares and limits as a person reads and types them.
import { bytes, count, decimal } from './format';
import { language, t } from './messages';
import type { CapName, ShareName, ThresholdName } from './types';

const MICRO = 1_000_000;
const GIB = 1024 ** 3;
const MONTHS = 24;

// Small amounts keep their digits: 0.000054 units are not nothing.
export function units(micro: number): string {
  const value = micro / MICRO;
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 1 ? 2 : 6;
  return value.toLocaleString(language.value, { maximumFractionDigits: digits });
}

export const share_factor: Record<ShareName, number> = {
  cpu_milli: 1000,
  memory_mib: 1024,
  disk_mib: 1024,
  device_milli: 1000,
};

export function share_text(name: ShareName, amount: number): string {
  if (amount < 0) return t('tenant.no_limit');
  return t(`share.amount.${name}`, { amount: decimal(amount / share_factor[name], 3) });
}

export const threshold_factor: Record<ThresholdName, number> = {
  cpu_milli: 1000,
  memory_mib: 1024,
  device_milli: 1000,
  cpu_hours: 1,
};

export function threshold_label(name: ThresholdName): string {
  return name === 'cpu_hours' ? t('threshold.cpu_hours') : t(`share.${name}`);
}

export function threshold_text(name: ThresholdName, amount: number): string {
  return name === 'cpu_hours'
    ? t('threshold.amount.cpu_hours', { amount: count(amount) })
    : share_text(name, amount);
}

export const cap_factor: Record<CapName, number> = {
  units_month: MICRO,
  storage_bytes: GIB,
  jobs: 1,
  tokens_day: 1,
  tokens_month: 1,
  requests_day: 1,
  requests_month: 1,
};

export function cap_text(cap: CapName, amount: number): string {
  if (cap === 'units_month') return units(amount);
  return cap === 'storage_bytes' ? bytes(amount) : count(amount);
}

// 202611 as "2026-11", 20261125 as "2026-11-25".
export function period_text(period: number): string {
  const text = String(period);
  return [text.slice(0, 4), text.slice(4, 6), text.slice(6)].filter(Boolean).join('-');
}

export function month_now(): number {
  const now = new Date();
  return now.getFullYear() * 100 + now.getMonth() + 1;
}

// Months to choose from, the newest first: two years, and the one that is shown.
export function month_choices(shown: number): { value: string; text: string }[] {
  const from = Math.max(month_now(), shown);
  const back = Array.from({ length: MONTHS }, (_, i) => {
    const total = Math.floor(from / 100) * 12 + (from % 100) - 1 - i;
    return Math.floor(total / 12) * 100 + (total % 12) + 1;
  });
  return [...new Set([shown, ...back])]
    .sort((a, b) => b - a)
    .map((one) => ({ value: String(one), text: period_text(one) }));
}

// What is typed into a field: empty is `none`, undefined is no number.
export function amount_read(text: string, factor: number, none: number): number | undefined {
  const plain = text.trim().replace(/,/g, '');
  if (!plain) return none;
  const value = Math.round(Number(plain) * factor);
  return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

export function amount_write(amount: number, factor: number): string {
  return amount < 0 ? '' : String(amount / factor);
}
