// The shapes of the API's answers; see app/server/api.json. Times are milliseconds since 1970.

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
  release: number;
  release_title: string;
  target: string;
  task: Task;
  learner: 'boost' | 'linear';
  state: 'training' | 'ready' | 'failed';
  job: number;
  created_ms: number;
  actor: string;
  hash: string | null;
  headline: Interval | null;
  deleted: boolean;
}
export type Task = 'binary' | 'classes' | 'regression';
export interface Metric extends Interval {
  better: 'higher' | 'lower';
}
export interface Scorecard {
  task: Task;
  target: string;
  learner: 'boost' | 'linear';
  classes?: string[];
  rows: { train: number; validate: number; test: number };
  seed: number;
  options?: Record<string, unknown>;
  split?: Record<string, unknown>;
  rounds?: number;
  best_round?: number;
  curve?: { round: number; train: number; validate: number }[];
  metrics: Metric[];
  baseline?: { rule: string; detail?: string; column?: string; metrics: Metric[] };
  baseline_linear?: { metrics: Metric[] };
  roc?: { x: number; y: number }[];
  calibration?: {
    bins: { predicted: number; observed: number; count: number }[];
    error: number;
  };
  confusion?: { threshold?: number; labels: string[]; counts: number[][] };
  importance?: { feature: string; gain?: number; share: number; permutation?: number }[];
  warnings?: { code: string; detail: string }[];
}
export interface Feature {
  name: string;
  kind: 'number' | 'category';
  type: ColumnType;
  categories?: string[];
  typical: number | string | null;
}
export interface ModelShow extends Model {
  scorecard?: Scorecard;
  features?: Feature[];
  lineage?: number;
}
export interface Contribution {
  feature: string;
  value: Scalar;
  contribution: number;
}
export interface Prediction {
  value: Scalar;
  probability?: number;
  probabilities?: Record<string, number>;
  contributions?: Contribution[];
  base?: number;
}

export type JobState = 'queued' | 'running' | 'done' | 'failed' | 'cancelled';
export const JOB_STATES: JobState[] = ['queued', 'running', 'done', 'failed', 'cancelled'];
export interface ScheduleBody {
  priority?: number;
  not_before_ms?: number;
  deadline_ms?: number;
  hold?: boolean;
  after?: number[];
  after_any?: boolean;
  reservation?: number;
}
export interface ReservationBody {
  title: string;
  tenant?: number;
  amount: Shares;
  from_ms: number;
  until_ms: number;
  weekly_until_ms: number | null;
}
export interface Reservation extends Required<ReservationBody> {
  id: number;
  path: string;
  actor: string;
  created_ms: number;
  changed_ms: number;
  state: 'kept' | 'refused' | 'over';
  why: string;
}
export interface CalendarSlot extends Required<ReservationBody> {
  id: number;
  path: string;
  actor: string;
  number: number;
  why: string; // it is not kept
}
export interface CalendarJob {
  id: number;
  what: 'running' | 'promised' | 'not_before';
  seen: boolean;
  step: string;
  subject: string;
  actor: string;
  path: string;
  cpu_milli: number;
  memory_mib: number;
  from_ms: number;
  until_ms: number;
}
export interface Calendar {
  from_ms: number;
  until_ms: number;
  slots: CalendarSlot[];
  jobs: CalendarJob[];
}
export interface JobSchedule {
  priority: number;
  not_before_ms: number | null;
  deadline_ms: number | null;
  promised_ms: number | null; // it will have started by then
  hold: boolean;
  reservation: number | null;
  after: number[];
  after_any: boolean;
}

// Above which a job needs approval.
export const THRESHOLDS = ['cpu_milli', 'memory_mib', 'device_milli', 'cpu_hours'] as const;
export type ThresholdName = (typeof THRESHOLDS)[number];
export type Thresholds = Record<ThresholdName, number>;
export interface JobApproval {
  state: 'waiting' | 'approved' | 'rejected';
  over: { threshold: ThresholdName; asks: number; most: number }[];
  start_ms: number | null; // if it were approved now
  decided_by: string;
  decided_ms: number | null;
  reason: string;
}

export interface JobArray {
  id: number; // of its first task
  index: number;
  count: number;
  at_once: number; // 0: no bound
  counts?: Record<JobState, number>; // in lists
}
export interface Program {
  command: string[];
  disk_bytes: number;
  checkpoint_ms: number;
  restartable: boolean;
  release: number;
  device_milli?: number;
  own_cpus?: boolean;
  members?: number;
  lease?: boolean;
}
export interface Job {
  id: number;
  step: string;
  state: JobState;
  actor: string;
  created_ms: number;
  started_ms: number | null;
  ended_ms: number | null;
  attempt: number;
  paused: number;
  gave_way: string; // why it did so last
  phase: string;
  done: number;
  total: number;
  rows: number;
  reason: string;
  blocker: number;
  reservation: number; // that its place is kept for; 0: none
  expected_ms: number | null;
  schedule: JobSchedule;
  approval: JobApproval | null; // null: it needs none
  fault: Fault | null;
  subject: { kind: string; id: number; name: string };
  cpu_milli: number;
  memory_bytes: number;
  memory_used_bytes: number;
  confine: string;
  engine: {
    name: string;
    id: number;
    state: string;
    reason: string;
    account: string;
    account_wanted: string | null;
  } | null;
  time_limit_ms: number;
  array: JobArray | null;
  program?: Program; // of a program of one's own
  summary: Record<string, unknown> | null;
  download?: boolean; // its output can be fetched
  lineage: number | null; // the record of what it made
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

// ---- departments, usage, vouchers: units in millionths, -1 no bound -----------------------------
export const SHARES = ['cpu_milli', 'memory_mib', 'disk_mib', 'device_milli'] as const;
export type ShareName = (typeof SHARES)[number];
export type Shares = Record<ShareName, number>;
export const CAPS = [
  'units_month',
  'storage_bytes',
  'jobs',
  'tokens_day',
  'tokens_month',
  'requests_day',
  'requests_month',
] as const;
export type CapName = (typeof CAPS)[number];
export type Caps = Record<CapName, number>;
export interface Tenant {
  id: number;
  parent: number; // 0: at the top
  kind: 'department' | 'project';
  name: string;
  quota: Shares | null;
  limit: Shares;
  weight: number;
  may_lend: boolean;
  may_borrow: boolean;
  billing_permille: number;
  caps: Caps;
  each: Caps;
  approval: Thresholds;
}
export interface PolicyFinding {
  code: string;
  refused: boolean;
  tenant: number;
  share: string;
  has: number;
  most: number;
}
export interface Policy {
  version: number;
  time_ms: number;
  actor: string;
  note: string;
  next_tenant: number;
  utc_offset_minutes: number;
  rate_micro: Shares;
  tenants: Tenant[];
  capacity: Shares;
  findings: PolicyFinding[];
  members: { tenant: number; people: number }[];
}
export interface PolicyVersion {
  version: number;
  time_ms: number;
  actor: string;
  note: string;
  changes: { what: 'added' | 'removed' | 'changed'; tenant: string; field: string }[];
}
export interface UsageSum {
  units: number;
  voucher_units: number;
  cpu_milli_ms: number;
  memory_mib_ms: number;
  disk_mib_ms: number;
  device_milli_ms: number;
  attempts: number;
  tokens: number;
  requests: number;
}
export interface UsageLimit {
  of: 'person' | 'department';
  name: string;
  cap: CapName;
  used: number;
  most: number;
}
export interface Share {
  month: number;
  tenants: Omit<Tenant, 'parent' | 'caps' | 'each' | 'approval'>[]; // mine first, then those above
  rate_micro: Shares;
  used: UsageSum;
  jobs: number;
  storage_bytes: number;
  voucher_units_left: number;
  limits: UsageLimit[];
}
export type UsagePeriod = UsageSum & { period: number }; // 20261125 or 202611
export interface Usage {
  today: number;
  days: UsagePeriod[];
  months: UsagePeriod[];
}
export interface UsageReport {
  month: number;
  departments: (UsageSum & {
    tenant: number;
    parent: number;
    path: string;
    storage_bytes: number;
    units_most: number;
  })[];
  people: (UsageSum & { tenant: number; path: string; person: number; name: string })[];
}
export interface LedgerEntry {
  sequence: number;
  time_ms: number;
  kind: string;
  job: number;
  attempt: number;
  step: string;
  person: string;
  path: string;
  voucher: number;
  units: number;
  voucher_units: number;
  hash: string | null;
}
export interface Verified {
  ok: boolean;
  count: number;
  units: number;
  voucher_units: number;
  head: string | null;
  fault: Fault | null;
}
export type VoucherUse = 'any' | 'cleanse' | 'train';
export interface Voucher {
  id: number;
  serial: string;
  issuer: string;
  box: string;
  holder: 'department' | 'person';
  holder_name: string;
  units: number;
  left: number;
  from_ms: number;
  until_ms: number;
  use: VoucherUse;
  job_cap: number; // 0: none
  state: 'good' | 'early' | 'spent' | 'expired' | 'revoked' | 'away';
  created_ms: number;
  created_by: string;
  imported: boolean;
  text: string;
  revoked_ms: number | null;
  revoked_by: string;
  reason: string;
}
export interface Issuers {
  own: string;
  items: { fingerprint: string; name: string; created_ms: number; created_by: string }[];
}

export interface ResourceTenant {
  id: number;
  parent: number;
  path: string;
  own: boolean;
  used: Shares;
  quota: Shares | null;
  running: number;
  waiting: number;
}
export const ACTIVE_STATES = ['waiting', 'starting', 'running', 'stopping', 'ending'] as const;
export interface ResourceJob {
  id: number;
  state: (typeof ACTIVE_STATES)[number];
  seen: boolean;
  step: string;
  subject: string;
  actor: string;
  tenant: string;
  cpu_milli: number;
  memory_mib: number;
  memory_used_bytes: number;
  since_ms: number;
  reason: string;
  blocker: number;
  expected_ms: number | null;
}
export interface Resources {
  capacity: Shares;
  used: Shares;
  running: number;
  waiting: number;
  commands: {
    open: boolean;
    allowed: boolean;
    lacks: string; // why the machine cannot
    own_user: boolean;
    landlock: number;
    devices: number;
    disk_bytes: number;
    network: 'none' | 'open';
  };
  tenants: ResourceTenant[];
  jobs: ResourceJob[];
}

interface PreviewJob {
  job: number;
  step: string;
  subject: string;
  actor: string;
}
export interface PolicyPreview {
  at_once: (PreviewJob & {
    what: 'starts' | 'gives_way' | 'refused';
    why: string;
    for: number;
  })[];
  waiting: (PreviewJob & { before_ms: number | null; after_ms: number | null })[];
}

// ---- what if -------------------------------------------------------------------------------
export interface OtherJob {
  job: number;
  seen: boolean; // else its subject and actor are empty
  step: string;
  subject: string;
  actor: string;
  tenant: string;
  running: boolean;
}
export interface WhatIf {
  would: 'start' | 'wait' | 'refuse';
  fault: Fault | null;
  reason: string;
  blockers: OtherJob[];
  blocker_count: number;
  reserved: boolean;
  ahead: number;
  proven: boolean;
  hopeless: boolean;
  at_ms: number | null;
  start_ms: number | null;
  end_ms: number | null;
  promised_ms: number | null;
  estimate_ms: number | null;
  need: { cpu_milli: number; memory_bytes: number; device_milli: number; disk_bytes: number };
  gives_way: OtherJob[];
  delays: (OtherJob & { before_ms: number | null; after_ms: number | null })[];
  delayed: number;
  whole: boolean;
}
export interface ReplayWay {
  way: 'recorded' | 'present' | 'changed';
  jobs: number;
  left_out: number;
  wait_mean_s: number;
  wait_p95_s: number;
  wait_max_s: number;
  use: number;
  jain: number;
  preemptions: number;
  decisions: number;
  hash: string;
  departments: {
    tenant: number;
    name: string;
    jobs: number;
    wait_mean_s: number;
    wait_p95_s: number;
    wait_max_s: number;
    units: number;
  }[];
  busy: number[];
  waiting: number[];
}
export interface Replay {
  from_ms: number;
  until_ms: number;
  jobs: number;
  carried: number;
  open: number;
  ways: ReplayWay[];
}
