// The machine under the service: see GET /api/v1/appliance.
import type { Fault } from './types';

export interface ApplianceWork {
  name: string;
  running: boolean;
  phase: string;
  done: number;
  total: number;
  fault?: Fault;
}
export interface ApplianceSettings {
  hostname: string;
  language: string;
  address: string; // "dhcp", or A.B.C.D/NN
  gateway: string;
  interface: string; // '': any
}
export interface ApplianceLink {
  name: string;
  mac: string;
  carrier: boolean;
  address: string;
  prefix: number;
  wanted: boolean;
  fault?: Fault;
}
export interface ApplianceStatus {
  present: true;
  version: string;
  time_ms: number;
  up_s: number;
  memory_bytes: number;
  temperature: number; // 0: no sensor
  data: {
    state: string;
    disk: string;
    mended: boolean;
    encrypted: boolean;
    opened_by: ('passphrase' | 'stick' | 'recovery' | 'foreign')[];
    bytes?: number;
    free_bytes?: number;
  };
  settings: ApplianceSettings;
  links?: ApplianceLink[];
  network_fault?: Fault;
  work?: ApplianceWork;
  packs?: { looking: boolean; all: AppliancePack[] };
  slots?: {
    running: 'a' | 'b';
    confirmed: boolean;
    trial?: boolean; // the next start tries the other one
    a: { usable: boolean; version: string };
    b: { usable: boolean; version: string };
  };
}
export interface AppliancePack {
  file: string;
  name: string; // '', as vendor and version: it could not be read
  vendor: string;
  version: string;
  bytes: number;
  mounted: boolean;
  fault?: Fault;
}
export interface AppliancePackAbout {
  name: string;
  vendor: string;
  version: string;
  architecture: string;
  signer: string;
  bytes: number;
}
export type Appliance = { present: false } | ApplianceStatus;

export interface ApplianceEvent {
  at: number;
  event: string;
  from?: string;
  to?: string;
  slot?: string;
  result: string;
}
export interface ApplianceBackup {
  name: string;
  at: number;
  bytes: number;
  version: string; // '': not known
}
export interface ApplianceStick {
  disk: string;
  model: string;
  kind: string; // '': no file system that is read
  bytes: number;
  free_bytes: number;
  backup_count: number;
  backups: ApplianceBackup[];
  updates: (ApplianceUpdate & { name: string; fault?: Fault })[];
  packs: (AppliancePackAbout & { file: string; fault?: Fault })[];
}
export interface ApplianceSticks {
  looking: boolean;
  sticks: ApplianceStick[];
  kept: ApplianceBackup[];
}
export interface ApplianceUpdate {
  version: string;
  architecture: string;
  build: string;
  signer: string;
  bytes: number;
  older: boolean;
}
