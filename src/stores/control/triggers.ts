/**
 * Events that start runs, and what sensors saw. One scope. An event is written together with what it tells of and waits until a
 * scheduler handles it, once. Every method that changes something is one transaction.
 */
import type { JsonObject, JsonValue } from '../../lib/json.ts';
import type { Trigger } from '../../spec/schema-types.ts';
import type { NewRun, RunRules, TriggerEventKind } from './runs.ts';

/** The pipeline and one of its triggers as it was applied. */
export interface TriggerRef {
  readonly pipeline: string;
  readonly spec: Trigger;
}

export interface TriggerEvent extends TriggerRef {
  readonly id: number;
  readonly kind: TriggerEventKind;
  /** `feature_set.NAME`, `model.NAME`, `pipeline.NAME`; what was looked at; the webhook's name. */
  readonly subject: string;
  readonly detail: JsonObject;
  readonly at: Date;
}

export interface HandledEvent extends TriggerEvent {
  /** Null: it waits. run: it started `runId`. skipped, refused: it started none, for `why`. */
  readonly outcome: 'run' | 'skipped' | 'refused' | null;
  readonly why: string | null;
  readonly runId: string | null;
}

export type EventOutcome = { readonly run: NewRun } | { readonly outcome: 'skipped' | 'refused'; readonly why: string };

export interface Sensed {
  readonly seen: JsonObject;
  /** Of what changed, for the event. */
  readonly detail: JsonObject;
}

export interface TriggerStore {
  /**
   * Events that wait, the oldest first. Without those of a trigger that coalesces and whose run is under way: they become one
   * run after it.
   */
  waiting(limit: number): Promise<readonly TriggerEvent[]>;
  /** False, and nothing done, where one of the events was handled already. A run that the pipeline's breaker keeps back is skipped. */
  handle(events: readonly number[], outcome: EventOutcome, rules: RunRules): Promise<boolean>;
  /** An event that is handled at once; under a key that came before, that one's run. */
  deliver(
    event: Omit<TriggerEvent, 'id' | 'at'> & { readonly idempotencyKey: string | null },
    run: NewRun,
    rules: RunRules,
  ): Promise<Pick<HandledEvent, 'id' | 'outcome' | 'why' | 'runId'> & { readonly created: boolean }>;
  /** Newest first. */
  of(pipeline: string, limit: number): Promise<readonly HandledEvent[]>;
  /**
   * The right to look now, and what was seen last; undefined where it is not time, or another looks. `seen` is null for one
   * that never looked.
   */
  takeLook(sensor: TriggerRef, everyMs: number): Promise<{ readonly seen: JsonValue } | undefined>;
  /** What it sees. Another than `before` is an event; the first is none. */
  sensed(sensor: TriggerRef, before: JsonValue, now: Sensed): Promise<void>;
  /** It could not look. */
  blind(sensor: TriggerRef, error: string): Promise<void>;
  /** All there are: others are forgotten once nobody looks after them. */
  keepSensors(sensors: readonly TriggerRef[]): Promise<void>;
  sensors(
    pipeline: string,
  ): Promise<readonly { readonly spec: Trigger; readonly error: string | null; readonly changedAt: Date | null }[]>;
  /** Events handled that long ago go. */
  prune(days: number): Promise<void>;
}
