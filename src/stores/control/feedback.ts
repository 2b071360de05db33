/** What predictions turned out to be, as it was told. Append-only: a correction is another row, and the last one counts. One scope. */
import type { JsonValue } from '../../lib/json.ts';

/** Which row of which request. */
export interface PredictedRow {
  readonly requestId: string;
  readonly ordinal: number;
}

export interface NewFeedback extends PredictedRow {
  readonly outcome: JsonValue;
  /** When it turned out so; null: not told. */
  readonly at: Date | null;
}

export interface RecordedFeedback extends NewFeedback {
  readonly recordedAt: Date;
  readonly recordedBy: string;
}

export interface FeedbackCount {
  /** Told for the first time. */
  readonly added: number;
  /** Told otherwise before. */
  readonly corrected: number;
  /** Told just so before. */
  readonly unchanged: number;
}

export interface FeedbackStore {
  /** When each was predicted, in the order asked. Undefined where the log of the endpoint has none that did not fail. */
  predicted(endpoint: string, rows: readonly PredictedRow[]): Promise<readonly (Date | undefined)[]>;
  /** All or none; what was told just so before adds nothing. Durable when it resolves. */
  record(endpoint: string, rows: readonly NewFeedback[], who: string): Promise<FeedbackCount>;
  /** The last of each row that was recorded by then (null: by now), in any order; rows without one are absent. */
  last(endpoint: string, rows: readonly PredictedRow[], asOf: Date | null): Promise<readonly RecordedFeedback[]>;
  /** All that was told of a request, the first first. */
  history(endpoint: string, requestId: string): Promise<readonly RecordedFeedback[]>;
}
