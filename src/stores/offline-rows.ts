/** Rows of feature sets in an offline store: how they are computed, checked, written in parts, and handed out. Times are UTC. */
import type { QueryText } from '../spec/query-text.ts';
import type { Dtype, KeyType } from '../spec/schema-types.ts';
import type { Expectation, ExpectationFailure } from './offline-expectations.ts';

export interface StoredTable {
  readonly location: string;
  readonly rows: number;
  readonly bytes: number;
}

/** Source name → location of its snapshot. */
export type Inputs = Readonly<Record<string, string>>;

export interface KeyColumn {
  readonly name: string;
  readonly type: KeyType;
}

/** A feature that a row holds. */
export interface StoredFeature {
  readonly name: string;
  readonly dtype: Dtype;
  /** The column of the source or query that holds it. */
  readonly column: string;
}

/** A feature computed from a set's other features. One implementation computes it offline and online. */
export interface ComputedFeature {
  readonly name: string;
  readonly dtype: Dtype;
  /** Names of the features that it reads: stored ones, or computed ones that stand before it. */
  readonly reads: readonly string[];
  /** Values by feature name, as the online store gives them. Null in, null out is its own affair. */
  readonly evaluate: (values: Readonly<Record<string, unknown>>) => unknown;
}

/** How the rows of a feature set are computed. */
export interface RowPlan {
  /** For messages: `feature_set.patient_labs`. */
  readonly address: string;
  readonly keys: readonly KeyColumn[];
  readonly eventTime: string;
  readonly createdTime: string | null;
  readonly features: readonly StoredFeature[];
  readonly from: { readonly source: string } | { readonly query: QueryText };
  readonly inputs: Inputs;
  /**
   * Source name → digest of the snapshot whose rows are stored already: those need not be looked at again, where a store can tell
   * which they are. Rows of a query are always all computed.
   */
  readonly since?: Readonly<Record<string, string>>;
  /** What rows must be to be staged. Default: nothing is checked. */
  readonly checks?: RowChecks;
}

export interface RowChecks {
  /** Those that the expectations are of, and what these read. */
  readonly computed: readonly ComputedFeature[];
  readonly expectations: readonly Expectation[];
  /** Of rows that share keys, event time and created time all but the last are rejected too. */
  readonly rejectDuplicates: boolean;
}

/** A row that is not staged because it breaks an expectation with `onFailure: quarantine`. Values as the online store has them. */
export interface RejectedRow {
  readonly key: Readonly<Record<string, unknown>>;
  readonly eventTime: bigint;
  readonly createdTime: bigint | null;
  readonly values: Readonly<Record<string, unknown>>;
  /** e.g. `bili max 60: 71`. */
  readonly reasons: readonly string[];
}

/** Rows that a run found new, held until they are written in chunks. */
export interface StagedRows {
  readonly rowsRead: number;
  /** Rows without a key or an event time: they describe nothing and are left out. */
  readonly rowsSkipped: number;
  /** Rows that differ from what is stored, in order of event time. */
  readonly rows: number;
  /** Rows that share keys, event time and created time with a later one, which counts. */
  readonly duplicates: number;
  /** Greatest event time read, in microseconds since 1970; null where no row has one. */
  readonly newestEventTime: bigint | null;
  /** Expectations that the rows that differ do not meet, the rejected ones included. */
  readonly failures: readonly ExpectationFailure[];
  readonly rejected: number;
  /** In batches. */
  rejectedRows(signal: AbortSignal): AsyncIterable<readonly RejectedRow[]>;
  /** Rows `from` (inclusive) to `to` (exclusive) as one durable table, each row marked with `sequence`. */
  write(
    range: { readonly from: number; readonly to: number; readonly sequence: number },
    signal: AbortSignal,
  ): Promise<WrittenPart>;
  discard(): Promise<void>;
}

export interface WrittenPart extends StoredTable {
  /** Least event time, in microseconds since 1970. */
  readonly minEventTime: bigint;
  /** Greatest event time, in microseconds since 1970. */
  readonly maxEventTime: bigint;
  /** Greatest of event and created time of any row: when the last of its rows becomes visible. */
  readonly maxVisibleTime: bigint;
}

/** Rows that clients pushed, already of their types (see `features/values.ts`). */
export interface PushedRow {
  readonly sequence: number;
  readonly key: Readonly<Record<string, unknown>>;
  readonly eventTime: bigint;
  readonly createdTime: bigint | null;
  readonly values: Readonly<Record<string, unknown>>;
}

export interface LatestRequest {
  readonly plan: Pick<RowPlan, 'keys' | 'createdTime' | 'features' | 'address'>;
  readonly parts: readonly string[];
  /** Rows that became visible after `after` or have a sequence beyond `sequence`, but not after `now`. */
  readonly after: bigint | null;
  readonly sequence: number;
  readonly now: bigint;
  /** Rows with an event time from here on too, whenever they came; null for none. */
  readonly again: bigint | null;
  /** Rows whose created time is null or late count too. */
  readonly asKnownNow: boolean;
  /** Told how many rows there are before the first batch, where a store knows by then. */
  readonly counted?: (rows: number) => void;
}

export interface LatestRow {
  readonly key: readonly unknown[];
  readonly eventTime: bigint;
  readonly createdTime: bigint | null;
  readonly sequence: number;
  readonly values: Readonly<Record<string, unknown>>;
}

export interface RowsRequest {
  readonly plan: Pick<RowPlan, 'keys' | 'features'>;
  readonly parts: readonly string[];
  /** Rows of a greater sequence than `after`, and a lesser one than `before`. */
  readonly after: number;
  readonly before: number;
  /** Of these keys alone, each as the texts of its values in the order of the plan's. */
  readonly keys?: readonly (readonly string[])[];
}
