// The shapes of pilots, of what was found in a file for one, and of their runs.
import type { Fault } from './types';

export interface Words {
  'zh-CN': string;
  en: string;
}
export const FIELDS = ['medical', 'drug', 'finance', 'transport', 'urban'] as const;
export type Origin = '' | 'package' | 'synthetic';

export interface PilotColumn {
  name: string;
  title: Words;
  unit?: string;
  names: string[];
  type: string;
  needed: boolean;
  many?: boolean;
  use: 'feature' | 'target' | 'event' | 'group' | 'time' | 'judge' | 'identify' | 'later';
  values?: { value: string; title: Words; names?: string[] }[];
}
export interface PilotMetric {
  name: string;
  title: Words;
  explain: Words;
  good?: number;
  fair?: number;
  higher?: boolean;
}
export interface Pilot {
  id: string;
  field: (typeof FIELDS)[number];
  title: Words;
  summary: Words;
  needs: Words;
  row: Words;
  limits?: Words;
  columns?: PilotColumn[];
  positive?: string;
  graph?: { title: Words; explain: Words };
  judge?: { headline: string; metrics: PilotMetric[] };
  result?: string[];
  demonstration: { kind: Origin; package: string; source?: Words };
}

export interface PilotMatch {
  source: string;
  origin: Origin;
  header: boolean;
  columns: { name: string; type: string; examples: string[]; values: string[] }[];
  mapping: {
    column: string;
    from: string | null;
    confidence: number;
    why: '' | 'name' | 'similar' | 'position' | 'values';
    doubtful: boolean;
  }[];
  positive: string | null;
}

export type StepState = 'waiting' | 'running' | 'done' | 'failed' | 'cancelled' | 'skipped';
export interface PilotRun {
  id: number;
  pilot: string;
  field: string;
  name: string;
  owner: string;
  created_ms: number;
  ended_ms: number | null;
  state: 'running' | 'done' | 'failed' | 'cancelled';
  step: 'import' | 'check' | 'cleanse' | 'recheck' | 'publish' | 'train' | 'serve';
  waits_for: '' | 'queue' | 'approval' | 'release' | 'room';
  progress: number;
  steps: { step: PilotRun['step']; state: StepState }[];
  cancelling: boolean;
  source: string;
  origin: Origin;
  positive: string;
  mapping: Record<string, string>;
  graph: boolean;
  job: number | null;
  dataset: number | null;
  release: number | null;
  model: number | null;
  endpoint: number | null;
  fault: Fault | null;
}
