/**
 * Keeps a share of the answers to reads of online features, to be replayed by `features verify`. A request costs one subtraction:
 * how many go by until the next is drawn at once. What is kept is written in the background, in bounded memory and at a bounded rate.
 */
import type { JsonObject, JsonValue } from '../lib/json.ts';
import { createLogWriter, type LogStatus } from '../lib/log-writer.ts';
import type { AnsweredSet, AnswerLogStore, NewAnswer } from '../stores/control/answer-log.ts';

/** What of one set version was answered to one entity. */
export interface AnsweredRead {
  readonly set: string;
  readonly version: number;
  /** With its value as it was answered. */
  readonly features: readonly (readonly [feature: string, value: unknown])[];
  /** Null where there was none. */
  readonly record: { readonly sequence: number; readonly eventTime: string } | null;
  readonly expired: boolean;
}

export interface AnswerLog {
  /** Of each request, once: whether its answer is to be kept. */
  isDrawn(): boolean;
  /** One of so many, by chance. */
  pick(entities: number): number;
  add(answer: {
    readonly reader: string;
    readonly entity: Readonly<Record<string, unknown>>;
    readonly at: string;
    readonly reads: readonly AnsweredRead[];
    readonly latencyMs: number;
  }): void;
  status(): LogStatus;
  /** Writes the rest, for as long as the control store answers. */
  close(): Promise<void>;
}

export interface AnswerLogOptions {
  readonly store: AnswerLogStore;
  /** The share of the requests, 0 to 1. */
  readonly sample: number;
  readonly keepMs: number;
  /** However many requests there are. Default 10. */
  readonly mostASecond?: number;
  readonly newId: () => string;
  /** From 0 up to 1. */
  readonly random: () => number;
  /** Milliseconds of a clock that never jumps. */
  readonly monotonicMs: () => number;
  /** What goes wrong with forgetting old ones; it is tried again. */
  readonly onError?: (error: unknown) => void;
}

export const DEFAULT_SAMPLE = 0.01;
export const DEFAULT_KEEP = '7d';
const MOST_A_SECOND = 10;
const MOST_KEPT = 100_000;
/** An answer of a hundred features takes some kilobytes. */
const MOST_WAITING = 1_000;
const PRUNE_EVERY_MS = 60_000;
const CLOSE_WITHIN_MS = 5_000;

export function createAnswerLog(options: AnswerLogOptions): AnswerLog {
  const {
    store,
    sample,
    keepMs,
    mostASecond = MOST_A_SECOND,
    newId,
    random,
    monotonicMs,
    onError = () => {},
  } = options;
  let left = requestsUntilNext(sample, random());
  let second = Number.NEGATIVE_INFINITY;
  let inSecond = 0;
  let prunedAt = Number.NEGATIVE_INFINITY;

  const writer = createLogWriter<Omit<NewAnswer, 'ageMs'>>(
    async (rows) => {
      await store.append(rows);
      if (monotonicMs() - prunedAt < PRUNE_EVERY_MS) return;
      prunedAt = monotonicMs();
      await store.prune({ keepMs, most: MOST_KEPT }).catch(onError);
    },
    { maxDelayMs: 1_000, maxBatch: 200, maxPending: MOST_WAITING, monotonicMs },
  );

  return {
    isDrawn: () => {
      left -= 1;
      if (left > 0) return false;
      left = requestsUntilNext(sample, random());
      const now = monotonicMs();
      if (now - second >= 1_000) {
        second = now;
        inSecond = 0;
      }
      inSecond += 1;
      return inSecond <= mostASecond;
    },
    pick: (entities) => Math.floor(random() * entities),
    add: ({ reader, entity, at, reads, latencyMs }) =>
      writer.add({
        id: newId(),
        reader,
        entity: plainJson(entity) as JsonObject,
        reads: { at, sets: Object.fromEntries(reads.map((read) => [`${read.set}@${read.version}`, answered(read)])) },
        latencyMs,
      }),
    status: writer.status,
    close: () => writer.drain(AbortSignal.timeout(CLOSE_WITHIN_MS)),
  };
}

/** Of requests that are each drawn with the probability `sample`, the number of the first that is. */
function requestsUntilNext(sample: number, uniform: number): number {
  if (sample >= 1) return 1;
  if (sample <= 0) return Number.POSITIVE_INFINITY;
  return 1 + Math.floor(Math.log(1 - uniform) / Math.log(1 - sample));
}

function answered({ version, features, record, expired }: AnsweredRead): AnsweredSet {
  return {
    version,
    values: Object.fromEntries(features.map(([feature, value]) => [feature, plainJson(value)])),
    ...(record !== null && { sequence: record.sequence, event_time: record.eventTime }),
    ...(expired && { expired }),
  };
}

/** Integers beyond 2^53 as text. */
function plainJson(value: unknown): JsonValue {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  const json = JSON.stringify(value ?? null, (_name, member: unknown) =>
    typeof member === 'bigint' ? String(member) : member,
  );
  return JSON.parse(json) as JsonValue;
}
