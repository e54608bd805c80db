// What the pages of language models share: how one stands, how large it is, and whether this box has
// room for it, in words.
import { useEffect } from 'preact/hooks';
import { bytes, count, decimal } from '../format';
import { language, t } from '../messages';
import type { LanguageModel } from '../types_language';
import { Badge, Notice } from './page';

const LOOK_MS = 2500;
const BILLION = 1e9;
const MILLION = 1e6;

// Asks again while somebody looks: others load it, ask it and end it.
export function useLooks(reload: () => void): void {
  useEffect(() => {
    const timer = window.setInterval(() => {
      if (!document.hidden) reload();
    }, LOOK_MS);
    return () => window.clearInterval(timer);
  }, []);
}

const tones = {
  off: 'plain',
  waiting: 'warn',
  loading: 'busy',
  idle: 'good',
  serving: 'accent',
} as const;

export function LanguageState({ model }: { model: LanguageModel }) {
  if (model.state === 'failed') return <Badge tone="bad">{t('language.state.failed')}</Badge>;
  if (model.state === 'training') return <Badge tone="busy">{t('language.state.reading')}</Badge>;
  if (!model.on) return <Badge tone="plain">{t('language.state.closed')}</Badge>;
  const { state } = model.service;
  return <Badge tone={tones[state]}>{t(`language.state.${state}`)}</Badge>;
}

// 494032768 as "494 M" or, as Chinese counts, "4.94 亿".
export function parameters(model: LanguageModel): string {
  const value = model.parameters;
  if (language.value === 'zh-CN') {
    if (value >= 1e8) return `${decimal(value / 1e8, 2)} 亿`;
    return value >= 1e4 ? `${decimal(value / 1e4, 1)} 万` : count(value);
  }
  if (value >= BILLION) return `${decimal(value / BILLION, 2)} B`;
  return value >= MILLION ? `${decimal(value / MILLION, 0)} M` : count(value);
}

export function kind_text(model: LanguageModel): string {
  return [model.architecture, parameters(model), model.weights].join(' · ');
}

// Bits of one weight, its scale included; Q4_K in the usual mixture.
const BITS: Record<string, number> = {
  F32: 32,
  F16: 16,
  BF16: 16,
  Q8_0: 8.5,
  Q6_K: 6.56,
  Q5_K: 5.7,
  Q5_1: 6,
  Q5_0: 5.5,
};
const Q4_BITS = 4.85;

// What it would need with its weights in four bits; 0 where that saves nothing.
export function quantised_bytes(model: LanguageModel): number {
  const bits = BITS[model.weights];
  if (!bits) return 0;
  return model.memory_bytes - model.bytes + (model.bytes * Q4_BITS) / bits;
}

function help_text(model: LanguageModel): string {
  const least = quantised_bytes(model);
  if (!least) return t('language.fits.smaller');
  const fits = least <= model.memory_most_bytes;
  return t(fits ? 'language.fits.quantised' : 'language.fits.quantised_not', {
    weights: model.weights,
    need: bytes(least),
  });
}

export function FitsNotice({ model }: { model: LanguageModel }) {
  const values = { need: bytes(model.memory_bytes), most: bytes(model.memory_most_bytes) };
  return model.fits ? (
    <Notice tone="good" title={t('language.fits.yes', values)} />
  ) : (
    <Notice tone="warn" title={t('language.fits.no', values)}>
      <p>{help_text(model)}</p>
    </Notice>
  );
}

export function FitsWord({ model }: { model: LanguageModel }) {
  return (
    <>
      {bytes(model.memory_bytes)}{' '}
      {!model.fits && <Badge tone="warn">{t('language.fits.not')}</Badge>}
    </>
  );
}
