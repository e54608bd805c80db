// The shapes of jobs, departments, usage, the calendar and what-if; types.ts hands them on.
import type { Fault } from './types';

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
  guard: Guards;
}
// What is done about personal data in what people ask language models, and in the answers.
export const GUARD_SIDES = ['prompts', 'answers'] as const;
export const GUARD_RULES = ['inherit', 'off', 'count', 'mask', 'refuse'] as const;
export type GuardSide = (typeof GUARD_SIDES)[number];
export type GuardRule = (typeof GUARD_RULES)[number];
export type Guards = Record<GuardSide, GuardRule>;
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
  tenants: Omit<Tenant, 'parent' | 'caps' | 'each' | 'approval' | 'guard'>[]; // mine first, then those above
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
