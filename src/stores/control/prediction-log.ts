/** The log of predictions: what was answered, by which version, from which features. Append-only. One scope. */
import type { JsonObject, JsonValue } from '../../lib/json.ts';

export interface NewPrediction {
  /** UUID. Logging the same id again changes nothing. */
  readonly id: string;
  readonly requestId: string;
  /** Position of the row within its request, from 0. */
  readonly ordinal: number;
  readonly endpoint: string;
  readonly variant: string;
  readonly model: string;
  readonly version: number;
  /** Null where the request brought its inputs without an entity. */
  readonly entity: JsonObject | null;
  /** As the model got them, by `set.feature`. */
  readonly features: JsonObject;
  readonly prediction: JsonValue;
  readonly latencyMs: number;
  /**
   * What was read for it: `{at, sets: {SET: {version, features, sequence, event_time, expired}}, given, defaults}`, the record of each
   * set absent where there was none. Absent where it was not recorded.
   */
  readonly reads?: JsonObject;
  /** Milliseconds since the answer, by a clock that never jumps: the store's own clock tells the time. */
  readonly ageMs: number;
}

export interface LoggedPrediction extends Omit<NewPrediction, 'ageMs'> {
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
  /** Durable when it resolves. */
  append(predictions: readonly NewPrediction[]): Promise<void>;
  /** Newest first. API400 where the cursor is none of ours. */
  list(
    filter: PredictionFilter,
  ): Promise<{ readonly items: readonly LoggedPrediction[]; readonly nextCursor: string | null }>;
}
