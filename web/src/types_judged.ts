// What a scorecard tells beyond its metrics: decisions at thresholds, errors by group.
export interface Between {
  value: number;
  low: number;
  high: number;
}
export interface Decisions {
  choices: {
    rule: string;
    least?: number;
    threshold: number;
    sensitivity: Between;
    specificity: Between;
    precision: Between;
  }[];
  reading: { level: number; sensitivity: Between; specificity: Between }[];
  benefit: { chance: number; model: number; low: number; high: number; all: number }[];
  gains: { share: number; found: number; lift: number }[];
}
export interface JudgedGroup {
  column: string;
  threshold?: number;
  values: ({ value: string | null; rows: number; positives?: number } & Record<
    string,
    Between | string | number | null | undefined
  >)[];
  differences: { name: string; most: string; least: string; value: number; low: number; high: number }[];
}
