// The shapes of the API's answers; see app/server/api.json. Times are milliseconds since 1970.
import type { Decisions, Difference, JudgedGroup } from './types_judged';
import type { Caps, Job } from './types_allocation';

export * from './types_allocation';

export type Role = 'system' | 'security' | 'audit' | 'data' | 'research';
export const ROLES: Role[] = ['system', 'security', 'audit', 'data', 'research'];

export interface List<T> {
  items: T[];
  total: number;
  page: number;
  size: number;
}

export interface Fault {
  code: string;
  row?: number;
  column?: number;
  detail?: string;
}

export interface Person {
  id: number;
  name: string;
  display_name: string;
  department: string;
  tenant: number;
  caps: Caps;
  roles: Role[];
  disabled: boolean;
  password_set: boolean;
  must_change_password: boolean;
  created_ms: number;
  last_seen_ms: number | null;
  officers_joined?: boolean;
}

export interface State {
  setup_needed: boolean;
  appliance: boolean; // the box is a machine of its own
  version: string;
  person: Person | null;
  time_ms: number;
}

export interface Token {
  id: number;
  name: string;
  roles: Role[];
  created_ms: number;
  expires_ms: number | null;
  last_used_ms: number | null;
  secret?: string;
}

export interface AuditEntry {
  sequence: number;
  time_ms: number;
  actor: string;
  action: string;
  object: string;
  result: string;
  detail: string;
  hash: string;
}

export interface Upload {
  id: number;
  name: string;
  size: number;
  received: number;
  created_ms: number;
  complete: boolean;
}

export type ColumnType = 'text' | 'integer' | 'number' | 'boolean' | 'date' | 'time';
export const COLUMN_TYPES: ColumnType[] = ['text', 'integer', 'number', 'boolean', 'date', 'time'];
export const ENCODINGS = ['utf-8', 'gb18030', 'big5', 'utf-16le', 'utf-16be', 'latin1'] as const;
export type Encoding = (typeof ENCODINGS)[number];

export interface IntakeColumn {
  name: string;
  rename?: string;
  type: ColumnType;
  type_told?: boolean;
  skip?: boolean;
}
export const FORMATS = ['csv', 'json_lines', 'json', 'text', 'html', 'xlsx'] as const;
export type Format = (typeof FORMATS)[number];
export const TEXT_ROWS = ['line', 'paragraph', 'file'] as const;
export interface Intake {
  format?: Format;
  packing?: 'none' | 'gzip' | 'zstd' | 'zip';
  rows?: (typeof TEXT_ROWS)[number];
  sheet?: string;
  member?: string;
  file_name?: string;
  encoding?: Encoding;
  header?: boolean;
  delimiter?: string;
  quote?: string;
  missing?: string;
  columns?: IntakeColumn[];
}
export interface Look {
  options: Intake;
  encoding_confidence: number;
  file_bytes: number;
  sample: string[][];
  items: LookItem[];
  notes: { code: string; count: number; detail: string }[];
}
export interface LookItem {
  name: string;
  bytes: number;
  state: 'used' | 'visible' | 'hidden' | 'differs' | 'unread' | 'archive' | 'encrypted';
}

export type ColumnRole = 'plain' | 'direct' | 'quasi' | 'sensitive';
export const COLUMN_ROLES: ColumnRole[] = ['plain', 'direct', 'quasi', 'sensitive'];
export interface Column {
  name: string;
  type: ColumnType;
  role?: string;
  treatment?: string;
}

export interface Revision {
  number: number;
  kind: 'import' | 'cleanse' | 'restore';
  parent: number | null;
  rows: number;
  columns: Column[];
  table: string;
  bytes: number;
  created_ms: number;
  actor: string;
  source?: { name: string; hash: string; bytes: number };
  recipe?: string | null;
  fault_count: number;
  profile: boolean;
  report: boolean;
  lineage?: number;
  deleted_ms: number | null; // its rows are gone
  deleted_by: string;
}
export interface Dataset {
  id: number;
  name: string;
  note: string;
  owner: string;
  created_ms: number;
  changed_ms: number;
  state: 'importing' | 'ready' | 'failed';
  rows: number;
  columns: number;
  revision: number;
  revisions?: Revision[];
  job: number | null;
  deleted: boolean;
  epsilon_spent: number; // of the privacy budget, by noisy counts
}
export interface Rows {
  columns: Column[];
  rows: (string | null)[][];
  total: number;
  hidden?: boolean;
}
// What a cleansing set aside to be looked at: a page of the file it wrote.
export interface Extract {
  name: string;
  hash: string;
  bytes: number;
  columns: string[];
  rows: string[][];
  total: number;
  hidden: boolean;
}
export interface FaultList extends List<Fault> {
  counts: { column: string; count: number }[];
}

export interface PersonalFound {
  kind: string;
  cells: number;
  share: number;
  where: 'whole' | 'inside';
  confidence?: number; // 0..100
  examples?: string[]; // masked by the server
}
export type Scalar = number | string | boolean | null;
export interface ProfileColumn {
  name: string;
  type: ColumnType;
  role: string;
  role_proposed?: string;
  missing: number;
  distinct: number;
  distinct_exact: boolean;
  minimum?: Scalar;
  maximum?: Scalar;
  mean?: Scalar;
  deviation?: Scalar;
  quantiles?: Scalar[];
  histogram?: { edges: Scalar[]; counts: number[] };
  top?: { value: Scalar; count: number }[];
  examples?: Scalar[];
  length_minimum?: number;
  length_maximum?: number;
  personal?: PersonalFound[];
}
export interface Profile {
  rows: number;
  columns: ProfileColumn[];
  duplicates?: { rows: number };
  hidden?: boolean;
}

export interface OperatorOption {
  name: string;
  summary_key: string;
  columns: boolean; // its values are names of columns
  values: string[]; // its choices; none: anything
}
export interface Operator {
  name: string;
  summary_key: string;
  options: OperatorOption[];
  example: string;
  bare: { columns: boolean; values: string[] }; // what words without a sign are
}
export interface Preset {
  name: string;
  text_key: string;
  hint_key: string;
}
export interface Recipe {
  id: number;
  name: string;
  text: string;
  hash: string;
  actor: string;
  changed_ms: number;
  previous: number | null;
  version: number;
  visibility: 'mine' | 'everybody';
}
export interface RecipeCheck {
  ok: boolean;
  hash?: string;
  errors: Fault[];
}
export interface PreviewColumn extends Column {
  type_after: ColumnType;
  treatment: string;
  removed: boolean;
}
// Of a line noise: epsilon it spends, what was spent before, both together, the limit.
export interface Budget {
  epsilon: number;
  before: number;
  total: number;
  most: number;
}
export interface Preview {
  columns: PreviewColumn[];
  rows: {
    before: (string | null)[];
    after: (string | null)[] | null;
    reason?: string | null;
    line?: number; // that drops the row
    lines?: number[]; // for each cell the last line that changed it; 0: none
  }[];
  // The table of noisy counts that takes the place of the rows, drawn for the preview alone.
  counts?: {
    columns: { name: string; type: ColumnType }[];
    rows: (string | null)[][];
    total: number;
    rows_seen: number;
    budget?: Budget;
  };
}
export interface Risk {
  rows: number;
  quasi: string[];
  sensitive: string[];
  classes: number;
  k: number;
  uniques: number;
  highest: number; // of recognising somebody whose quasi-identifiers are known, 0..1
  mean: number;
  share_over_threshold: number;
  threshold: number;
  k_histogram?: { size: number; rows: number }[];
  l?: { column: string; distinct: number; entropy: number }[];
  t?: { column: string; distance: number }[];
}
export interface Suggestion {
  k: number;
  granularity: number;
  suppressed: number;
}
export interface Hierarchy {
  column: string;
  levels: string[][]; // of some values: what they become, level by level
  guessed: string; // its kind
  rule: string; // kind and steps, "age,5,10,20"
}
export interface RiskAnswer {
  risk: Risk;
  suggest_rows: number; // suggestions are measured over so many
  suggest: Suggestion[];
  hierarchies: Hierarchy[];
}
export interface Utility {
  granularity: number;
  columns: {
    name: string;
    granularity: number;
    entropy_before: number;
    entropy_after: number;
  }[];
  suppressed_rows: number;
}
export interface Sampling {
  manual: { size: number; threshold: number };
  technical: { share: number; size: number; threshold: number };
}
export interface ReportOperator {
  line: number;
  name: string;
  rows_in: number;
  rows_out: number;
  cells_changed: number;
  reasons?: { code: string; column?: string; count: number }[];
  detail?: Record<string, unknown>;
  seconds?: number;
  mb_per_s?: number;
}
type Counts = Record<string, number>;
// Members came one after another: older reports lack the later ones.
export interface Report {
  recipe_hash: string;
  recipe?: string;
  source?: Record<string, string>;
  input_rows: number;
  output_rows: number;
  inputs?: { name?: string; hash: string; bytes: number; rows: number }[];
  output?: { hash: string; bytes: number; rows: number };
  dictionaries?: { name: string; version: string; hash: string }[];
  operators: ReportOperator[];
  personal: { found: Counts; remaining: Counts; checksum_remaining?: Counts | number };
  columns: { name: string; role: string; treatment: string; reason?: string }[];
  risk?: Risk | null;
  utility?: Utility | null;
  sources?: {
    name?: string;
    rows: number;
    illegal: number;
    share: number;
    limit: number;
    refused: boolean;
  }[];
  sampling?: Sampling | null;
  budget?: Budget;
  files?: { name: string; hash: string; bytes: number; rows: number }[];
  wording: string;
  wording_reasons?: string[];
  program?: string;
  rules?: string | { version: string; hash: string };
}

export interface Key {
  id: number;
  name: string; // dataset/ID or project/NAME
  scope: 'dataset' | 'project';
  dataset: number | null;
  mark: string;
  created_ms: number | null;
  created_by: string;
  destroyed_ms: number | null;
  destroyed_by: string;
  reason: string;
}
export interface Opened {
  items: { text: string; opened: number; left: number }[];
  destroyed: Key[];
}

export interface Sheet {
  title: string;
  purpose: string;
  source: string;
  licence: string;
  contact: string;
  limits: string;
  sensitivity: 'open' | 'internal' | 'restricted';
}
export type ReleaseState = 'pending' | 'released' | 'rejected' | 'withdrawn';
export interface Release {
  id: number;
  name: string;
  title: string;
  state: ReleaseState;
  dataset: number;
  revision: number;
  rows: number;
  columns: Column[];
  hash: string | null;
  table: string;
  bytes: number;
  sheet: Sheet;
  requested_by: string;
  requested_ms: number;
  decided_by: string | null;
  decided_ms: number | null;
  reason: string;
  warnings: { code: string; detail: string }[];
  lineage: number;
  models?: { id: number; name: string }[];
}
export interface LineageRef {
  kind: string;
  id: number;
  hash: string;
}
export interface Lineage {
  id: number;
  step: string;
  time_ms: number;
  actor: string;
  inputs: LineageRef[];
  outputs: LineageRef[];
  options?: Record<string, unknown>;
  parents?: Lineage[];
}

export interface Interval {
  name: string;
  value: number;
  low: number;
  high: number;
}
export interface Model {
  id: number;
  name: string;
  release: number | null; // null: imported; release_title is then the file's name
  release_title: string;
  target: string;
  task: Task;
  learner: Learner;
  state: 'training' | 'ready' | 'failed';
  job: number;
  created_ms: number;
  actor: string;
  hash: string | null;
  headline: Interval | null;
  deleted: boolean;
}
export type Learner = 'boost' | 'linear' | 'points';
export interface PointsBin {
  from?: number;
  below?: number;
  categories?: string[];
  missing?: boolean;
  negative: number;
  positive: number;
  woe: number;
  points: number;
}
export interface PointsCard {
  base: number;
  at: number;
  odds: number;
  double: number;
  features: { feature: string; information: number; weight: number; bins: PointsBin[] }[];
}
export type Task = 'binary' | 'classes' | 'regression' | 'survival';
export interface Metric extends Interval {
  better: 'higher' | 'lower' | 'target';
  target?: number;
}
export interface SurvivalPart {
  groups: {
    risk: 'low' | 'middle' | 'high';
    rows: number;
    events: number;
    curve: { x: number; y: number }[];
  }[];
  calibration: { time: number; bins: { predicted: number; observed: number; count: number }[] }[];
}
export interface SeriesHorizon {
  horizon: number;
  rows: number;
  metrics: Metric[];
  coverage: { level: number; value: number; low: number; high: number; width: number }[];
  rules: { rule: string; metrics: Metric[] }[];
}
// Values over time; null where there is none.
export interface Banded {
  time: string[];
  truth: (number | null)[];
  value: (number | null)[];
  low_80: (number | null)[];
  high_80: (number | null)[];
  low_95: (number | null)[];
  high_95: (number | null)[];
}
export interface SeriesRecent extends Banded {
  series: string;
  horizon: number;
}
export interface Forecast {
  series: string;
  time: string;
  horizon: number;
  value: number;
  low_80: number;
  high_80: number;
  low_95: number;
  high_95: number;
}
// What follows the rows of training, after the last that are known.
export interface SeriesAhead {
  origin: string;
  silent: number;
  forecasts: Forecast[];
  history: { series: string; time: string[]; truth: (number | null)[] }[];
}
export interface SeriesCard {
  step_s: number;
  timed: boolean;
  season: number;
  cycle: number;
  series: number;
  steps: number;
  history: number;
  first: string;
  last: string;
  origins: string[];
  backtest: SeriesHorizon[];
  recent: SeriesRecent[];
}
export interface Scorecard {
  series?: SeriesCard;
  forecast?: SeriesAhead;
  task: Task;
  target: string;
  learner: Learner;
  classes?: string[];
  rows: { train: number; validate: number; test: number };
  seed: number;
  options?: Record<string, unknown>;
  split?: Record<string, unknown>;
  rounds?: number;
  best_round?: number;
  curve?: { round: number; train: number; validate: number }[];
  metrics: Metric[];
  baseline?: { rule: string; detail?: string; column?: string; metrics: Metric[]; difference?: Difference };
  baseline_linear?: { metrics: Metric[]; difference?: Difference };
  decisions?: Decisions;
  groups?: JudgedGroup[];
  folds?: { rows: { train: number; validate: number; test: number }; metrics: Metric[] }[];
  folds_summary?: { name: string; mean: number; spread: number | null }[];
  roc?: { x: number; y: number }[];
  calibration?: {
    bins: { predicted: number; observed: number; count: number }[];
    error: number;
  };
  points?: PointsCard;
  survival?: SurvivalPart;
  confusion?: { threshold?: number; labels: string[]; counts: number[][] };
  importance?: { feature: string; gain?: number; share: number; permutation?: number }[];
  dependence?: Dependence[];
  warnings?: { code: string; detail: string }[];
}
export interface Dependence {
  feature: string;
  class?: string; // of several, the one that is shown
  points: { x?: number; category?: string; y: number; low: number; high: number }[];
}
export interface Feature {
  name: string;
  kind: 'number' | 'category' | 'prepared';
  type: ColumnType | 'smiles'; // of a column that is prepared
  categories?: string[];
  typical: number | string | null;
}
export interface ModelShow extends Model {
  purpose?: string;
  not_for?: string;
  scorecard?: Scorecard;
  features?: Feature[];
  classes?: string[];
  forecasts?: boolean; // asked with a history, not with rows
  pilot?: ModelPilot | null;
  lineage?: number;
}
export interface ModelPilot {
  id: string;
  mapping: Record<string, string>;
}
export interface Contribution {
  feature: string;
  value: Scalar;
  typical: Scalar;
  contribution: number;
  direction: 'raises' | 'lowers' | 'none';
}
export interface Prediction {
  value: Scalar;
  probability?: number;
  probabilities?: Record<string, number>;
  survival?: { time: number; probability: number }[];
  contributions?: Contribution[];
  base?: number;
}

// One thing about one row that does not fit a model.
export interface Finding {
  severity: 'error' | 'warning';
  code: string;
  row: number;
  column: string;
  given: Scalar;
}
export interface Predictions {
  predictions: Prediction[];
  findings: Finding[];
}
// Molecules, drawn as SVG.
export interface MoleculeDrawing {
  smiles: string;
  scaffold: string;
  matches?: number;
  svg: string;
  descriptors: Record<string, number>;
}
export interface MoleculeItem {
  row: number;
  smiles: string;
  svg: string;
  similarity?: number;
  matches?: number;
}
export interface MoleculeList {
  items: MoleculeItem[];
  unreadable: number;
  holding?: number;
  undecided?: number;
}
export interface MoleculeAtoms {
  rows: { column: string; atoms?: number[]; svg?: string }[][];
}

export interface EndpointVersion {
  version: number;
  model: number;
  model_name: string;
  usable: boolean;
  actor: string;
  put_ms: number;
  before: number;
  note: string;
}
export interface Endpoint {
  id: number;
  name: string;
  note: string;
  department: string;
  owner: string;
  created_ms: number;
  changed_ms: number;
  on: boolean;
  audience: 'everybody' | 'department';
  version: number;
  version_count: number;
  model: Model;
  shadow: Model | null;
  versions?: EndpointVersion[];
  features?: Feature[];
  classes?: string[];
  forecasts?: boolean;
  pilot?: ModelPilot | null;
}
export interface Sketch {
  count: number;
  mean: number;
  p50: number;
  p90: number;
  p99: number;
  most: number;
}
export interface EndpointTally {
  version: number;
  shadow: number; // 0: of all calls
  shadow_name: string;
  first_ms: number | null;
  last_ms: number | null;
  calls: number;
  rows: number;
  failed: number;
  skipped: number;
  differ: number;
  mean_difference: number;
  distance: Sketch;
  pinned_ms: Sketch;
  shadow_ms: Sketch;
}
export interface EndpointUsage {
  people: {
    month: number;
    tenant: number;
    department: string;
    person: string;
    calls: number;
    rows: number;
    failed: number;
    last_ms: number | null;
  }[];
  calls: number;
  rows: number;
  failed: number;
  versions: EndpointTally[];
}

export interface Try {
  number: number;
  job: number;
  state: 'queued' | 'running' | 'done' | 'failed' | 'cancelled';
  drawn: Record<string, number | string>;
  validation: { name: string; value: number; better: 'higher' | 'lower' } | null;
  ran_ms: number;
  best: boolean;
  fault: Fault | null;
}
export interface Search {
  id: number;
  name: string;
  state: 'running' | 'done' | 'stopped' | 'failed';
  actor: string;
  created_ms: number;
  ended_ms: number | null;
  release: number;
  release_title: string;
  target: string;
  learner: string;
  seed: number;
  tries: number;
  try_limit_ms: number;
  job: number;
  done: number;
  failed: number;
  cancelled: number;
  best: number;
  model: number;
  headline: Interval | null;
  list?: Try[];
}

export interface Home {
  next: { key: string; path: string };
  counts: {
    datasets: number;
    releases_pending: number;
    releases: number;
    models: number;
    jobs_running: number;
    jobs_queued: number;
    approvals: number; // that this person may give
  };
  pending: Release[];
  jobs: Job[];
}
export interface System {
  version: string;
  started_ms: number;
  uptime_s: number;
  cpu_count: number;
  memory_bytes: number;
  memory_free_bytes: number;
  disk_bytes: number;
  disk_free_bytes: number;
  disk_low: boolean;
  records: { state: string; read: number; finding_count: number; findings: Fault[] };
  state_bytes: number;
  blob_bytes: number;
  blob_count: number;
  confine: string;
  confine_parts: string[];
  executor: {
    name: string;
    partition?: string;
    version?: string;
    nodes?: number;
    by?: string;
    limit_minutes?: number;
  };
  fingerprint: string;
  schema?: number;
  connections: number;
  requests_total: number;
  queue: { running: number; queued: number };
  capacity: { cpu_milli: number; memory_bytes: number };
}
