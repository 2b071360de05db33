/** Point-in-time joins in an offline store: who asks as of when, of which sets, and how rows are set aside for the test. */
import type { CanonicalSource } from '../spec/canonical-specs.ts';
import type { QueryText } from '../spec/query-text.ts';
import type { Dtype } from '../spec/schema-types.ts';
import type { ComputedFeature, Inputs, KeyColumn, StoredFeature } from './offline-rows.ts';

/** One feature set's part of a point-in-time join. */
export interface JoinedSet {
  readonly address: string;
  readonly parts: readonly string[];
  readonly keys: readonly KeyColumn[];
  /** Null: for ever. Both ends of the window count. */
  readonly ttlMicros: bigint | null;
  /** Whether a row must have been known at the spine row's time. */
  readonly asKnownAtSpine: boolean;
  readonly stored: readonly StoredFeature[];
  readonly computed: readonly ComputedFeature[];
  /** Features to hand out and the column each becomes. */
  readonly output: readonly { readonly feature: string; readonly dtype: Dtype; readonly column: string }[];
}

/** Rows that ask: of a query, of a file, or each key and event time that parts hold. */
export type AskingRows =
  | { readonly query: QueryText; readonly inputs: Inputs }
  | { readonly file: CanonicalSource; readonly root: string }
  | PartsAsking;

/** `time`: the column that says as of when each row asks. */
export type Spine = AskingRows & { readonly time: string };

/** Every key and event time from `start` (inclusive) to `end` (exclusive), once, in order of time and key. */
export interface PartsAsking {
  readonly of: Pick<JoinedSet, 'parts' | 'keys'>;
  /** Microseconds since 1970; null: no limit. */
  readonly start: bigint | null;
  readonly end: bigint | null;
}

export interface SplitPlan {
  readonly by: 'entity' | 'time' | 'row';
  /** Share of rows for the test, 0 to 1. */
  readonly test: number;
  readonly seed: number;
  readonly keys: readonly string[];
}

export interface JoinRequest {
  readonly spine: Spine;
  readonly sets: readonly JoinedSet[];
  /** Order of the feature columns after the spine's. Default: set by set. */
  readonly columns?: readonly string[];
  /** Adds the column `__split` (train, test). */
  readonly split: SplitPlan | null;
}

/** A Parquet file on this machine, the caller's to move or delete. */
export interface JoinedFile {
  readonly path: string;
  readonly rows: number;
  readonly trainRows: number;
  readonly testRows: number;
}
