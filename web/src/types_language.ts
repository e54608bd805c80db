// Language models as the API shows them.
import type { Fault } from './types';

export type ServiceState = 'off' | 'waiting' | 'loading' | 'idle' | 'serving';
export interface LanguageService {
  state: ServiceState;
  job: number | null;
  since_ms: number | null;
  reason: string;
  blocker: number;
  expected_ms: number | null;
  memory_bytes: number;
  requests: number;
  tokens: number;
  idle_ms: number;
  fault: Fault | null;
}

export interface LanguageModel {
  id: number;
  name: string;
  file: string;
  state: 'training' | 'ready' | 'failed';
  job: number;
  created_ms: number;
  actor: string;
  hash: string | null;
  bytes: number;
  architecture: string;
  weights: string;
  parameters: number;
  context: number;
  vocabulary: number;
  embeds: boolean;
  chats: boolean;
  on: boolean;
  memory_bytes: number;
  cache_bytes: number;
  memory_most_bytes: number;
  service: LanguageService;
  fits: boolean;
  serving: number | null;
}

export interface Incoming {
  folder: string;
  items: { name: string; bytes: number; changed_ms: number }[];
  total: number;
}

export interface LanguageSums {
  requests: number;
  refused: number;
  masked: number;
  prompt_tokens: number;
  cached_tokens: number;
  answer_tokens: number;
  found: { prompts: Record<string, number>; answers: Record<string, number> };
}
export interface LanguageUsage {
  month: number;
  everybody: boolean;
  total: LanguageSums;
  days: ({ day: number } & LanguageSums)[];
  departments: ({ tenant: number; path: string } & LanguageSums)[];
  people: ({ tenant: number; path: string; person: number; name: string } & LanguageSums)[];
  models: ({ model: number; name: string } & LanguageSums)[];
}
