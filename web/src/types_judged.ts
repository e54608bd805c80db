// What a scorecard tells beyond its metrics: decisions at thresholds, errors by group.
import type { Metric } from './types';

export interface Between {
  value: number;
  low: number;
  high: number;
}
export interface Difference extends Between {
  name: string;
  better?: 'higher' | 'lower'; // of the comparison with simpler models
}
// Found, false alarms, missed, rightly rejected.
export type Decided = [number, number, number, number];
export interface Decisions {
  costs: { false_alarm: number; miss: number; all: number; none: number };
  choices: {
    rule: string;
    least?: number;
    threshold: number;
    sensitivity: Between;
    specificity: Between;
    precision: Between;
    cost: Between;
  }[];
  reading: { level: number; sensitivity: Between; specificity: Between }[];
  benefit: { chance: number; model: number; low: number; high: number; all: number }[];
  gains: { share: number; found: number; lift: number }[];
  precision_curve: { x: number; y: number }[];
  thresholds: { threshold: number; validate?: Decided; test: Decided }[];
}
export interface JudgedGroup {
  column: string;
  threshold?: number;
  values: ({ value: string | null; rows: number; positives?: number } & Record<
    string,
    Between | string | number | null | undefined
  >)[];
  differences: (Difference & { most: string | null; least: string | null })[];
}

// How far new rows are from those of training, column by column.
export interface DriftPart {
  name: string;
  kind?: 'target' | 'column' | 'series';
  psi: number | null;
  level?: 'stable' | 'moderate' | 'large';
  bins: { category?: string; from?: number; to?: number; before: number; now: number }[];
  missing: { before: number; now: number };
}
export type DriftVerdict = 'worse' | 'harder' | 'behind' | 'better' | 'same' | 'few' | 'none';
export interface DriftErrors {
  horizon?: number;
  rows: number;
  verdict: DriftVerdict;
  before?: Between;
  now?: Between;
  ratio?: Between;
  rule_ratio?: Between;
}
export interface DriftForecast {
  trained_to: string;
  from: string;
  to: string;
  steps: number;
  verdict: DriftVerdict;
  judged?: DriftErrors;
  horizons: DriftErrors[];
}
export interface DriftReport {
  without: string[];
  rows: number;
  columns: DriftPart[];
  prediction?: DriftPart; // none of a forecast
  forecast?: DriftForecast;
  judged_rows: number;
  metrics?: Metric[];
}
