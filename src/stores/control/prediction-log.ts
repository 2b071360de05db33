/** The log of predictions: what was answered or failed, by which version, from which features. Append-only. One scope. */
import type { JsonObject, JsonValue } from '../../lib/json.ts';

/**
 * `answer`: what the caller got. `shadow`: what another version would have said, which nobody got. `member`: what a member of an ensemble
 * said; the ensemble's own answer is a row of its own.
 */
export const PREDICTION_ROLES = ['answer', 'shadow', 'member'] as const;

export type PredictionRole = (typeof PREDICTION_ROLES)[number];

interface PredictionRecord {
  /** UUID. */
  readonly id: string;
  readonly requestId: string;
  /** Position of the row within its request, from 0. */
  readonly ordinal: number;
  readonly endpoint: string;
  /** Of a shadow its name; of a member the variant that it belongs to. Null where the request failed before one was found. */
  readonly variant: string | null;
  /** Of a member its name within the ensemble. */
  readonly member?: string;
  /** Of an ensemble its name where no one model gives the answer. */
  readonly model: string | null;
  readonly version: number | null;
  /** Why this variant answered: `split`, `rule 2` (from 0), `fallback from treatment`, `asked`. */
  readonly routed?: string;
  /** Null where the request brought its inputs without an entity. */
  readonly entity: JsonObject | null;
  /** As the model got them, by `set.feature`. Empty where it failed before they were known. */
  readonly features: JsonObject;
  /** Null where it failed. */
  readonly prediction: JsonValue;
  /** The code of what it failed with. */
  readonly failure?: string;
  /** Of a shadow: what the answer to the same row said. */
  readonly against?: JsonValue;
  readonly latencyMs: number;
  /**
   * What was read for it: `{at, sets: {SET: {version, features, sequence, event_time, expired}}, given, defaults}`, the record of each
   * set absent where there was none. Absent where it was not recorded.
   */
  readonly reads?: JsonObject;
}

export interface NewPrediction extends PredictionRecord {
  /** Default `answer`. */
  readonly role?: PredictionRole;
  /** Milliseconds since the answer, by a clock that never jumps: the store's own clock tells the time. */
  readonly ageMs: number;
}

export interface LoggedPrediction extends PredictionRecord {
  readonly role: PredictionRole;
  readonly at: Date;
}

export interface PredictionFilter {
  readonly endpoint?: string;
  readonly model?: string;
  readonly requestId?: string;
  readonly limit: number;
  /** Opaque, from the answer before. */
  readonly cursor?: string | undefined;
}

export interface PredictionLogStore {
  /** Durable when it resolves. The same rows again, in the same order, change nothing. */
  append(predictions: readonly NewPrediction[]): Promise<void>;
  /** Newest first. API400 where the cursor is none of ours. */
  list(
    filter: PredictionFilter,
  ): Promise<{ readonly items: readonly LoggedPrediction[]; readonly nextCursor: string | null }>;
}
