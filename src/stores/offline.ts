/**
 * The offline store: immutable tables. Snapshots of sources go in, rows of feature sets are computed from them, training
 * sets come out. It knows no versions and no watermarks; what is readable is recorded in the feature state, so a table
 * that nobody recorded is garbage. `location` is an opaque name of one table. Times are UTC.
 */
import type { CanonicalSource } from '../spec/canonical-specs.ts';
import type { Column } from '../spec/column.ts';
import type { QueryText } from '../spec/query-text.ts';
import type { Dtype, KeyType } from '../spec/schema-types.ts';
import type { TableState } from './control/observed.ts';
import type { TableProfile } from './profile.ts';

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

export interface SnapshotRequest {
  readonly source: CanonicalSource;
  /** Absolute path that the source's file is relative to. */
  readonly root: string;
  /** Snapshots of the sources that its query reads; empty for a file. */
  readonly inputs: Inputs;
  /** Digest of the newest snapshot: where the content has the same, nothing is written. */
  readonly lastDigest: string | null;
  /** Its location: of what it holds already, nothing is read again where a store can tell. */
  readonly lastLocation?: string | null;
  /** How else the file came about: where that changes, what was read before is not gone on from. */
  readonly readAs?: string;
  /** The file has only the rows from there on, as `resumeFrom` said. {@link ReadAll} where that will not do. */
  readonly from?: ResumePoint;
}

/** Of a source that is read by a column: rows from this value on, and those without one, are still to be read. */
export interface ResumePoint {
  readonly column: string;
  /** As text. */
  readonly from: string;
}

/** What was read before cannot be gone on from: all of it is to be read. */
export class ReadAll extends Error {}

/** What there was to read of a source that is read in parts. */
export interface Increment {
  /** The rows that were read now. */
  readonly rows: number;
  /** Of a source of many files. */
  readonly files?: {
    readonly all: number;
    readonly added: readonly string[];
    /** Read before, and different now. */
    readonly changed: readonly string[];
    /** Read before, and not there any more. */
    readonly gone: readonly string[];
  };
}

export interface Snapshot extends StoredTable {
  /** SHA-256 of the content. */
  readonly digest: string;
  readonly columns: readonly Column[];
  /** Absent where all of it was read. */
  readonly increment?: Increment;
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

/** `json`: one array of objects. `jsonl`: an object a line. `arrow`: an IPC stream. */
export const EXPORT_FORMATS = ['arrow', 'csv', 'json', 'jsonl'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export interface Expectation {
  readonly feature: string;
  readonly dtype: Dtype;
  readonly min?: number | undefined;
  readonly max?: number | undefined;
  readonly maxNull?: number | undefined;
  readonly in?: readonly (string | number | boolean)[] | undefined;
  /** Items of an array, characters of a text, bytes. */
  readonly minLength?: number | undefined;
  readonly maxLength?: number | undefined;
  /** Of a text: an expression that it must match somewhere. Without lookaround and back references. */
  readonly pattern?: string | undefined;
  /** Default `warn`. */
  readonly onFailure?: OnFailure | undefined;
}

export type OnFailure = 'warn' | 'quarantine' | 'fail';

export interface ExpectationFailure {
  readonly feature: string;
  readonly onFailure: OnFailure;
  /** e.g. `min 0`. */
  readonly expectation: string;
  readonly observed: number | string | null;
  readonly rows: number | null;
}

/**
 * Columns of a table as arrays: numbers, booleans (0, 1) and times (ms since 1970) as Float64Array with NaN for null, lists as
 * arrays of numbers, booleans, texts and nulls, everything else as text.
 */
export interface ColumnarData {
  readonly rows: number;
  readonly columns: Readonly<Record<string, Float64Array | readonly (string | readonly unknown[] | null)[]>>;
}

export interface ProfileRequest {
  readonly of:
    | {
        readonly parts: readonly string[];
        readonly keys: readonly KeyColumn[];
        readonly features: readonly StoredFeature[];
        /** Without the rows that a later one of the same keys and times replaced. */
        readonly current: boolean;
        /** Event times, in microseconds since 1970: from (inclusive) to (exclusive); null: no limit. */
        readonly from: bigint | null;
        readonly until: bigint | null;
      }
    /** A Parquet file on this machine: all its columns but some; their dtypes where they are features. */
    | {
        readonly path: string;
        readonly dtypes: Readonly<Record<string, Dtype>>;
        readonly leftOut: readonly string[];
      };
  /** Of parts: features computed on demand, profiled too, over a sample where there are many rows. */
  readonly computed: readonly ComputedFeature[];
  /** Of parts: how many values break them is counted. */
  readonly expectations: readonly Expectation[];
  /** Bounds of the bins by column, from a profile before, so that the two compare; where there are none they are chosen. */
  readonly edges: Readonly<Record<string, readonly number[]>>;
}

export interface Profiled extends TableProfile {
  /** Different keys, about; null of a file. */
  readonly entities: number | null;
  /** Rows left out because a later one replaced them. */
  readonly superseded: number;
  /** Microseconds since 1970; null where there are no rows, and of a file. */
  readonly minEventTime: bigint | null;
  readonly maxEventTime: bigint | null;
}

/** What one look at a table told. */
export type InspectedTable = { readonly location: string } & TableState;

export interface ColumnBatchesRequest {
  readonly path: string;
  readonly columns: readonly { readonly name: string; readonly dtype: Dtype }[];
  readonly batchRows: number;
}

export interface ColumnBatch {
  readonly rows: number;
  /** A column each, in the order asked. Null where there is no value. */
  readonly columns: readonly (readonly unknown[])[];
}

export interface WidenRequest {
  readonly path: string;
  /** Columns of it that are left out. */
  readonly without: readonly string[];
  readonly lines: string;
  readonly added: readonly { readonly name: string; readonly dtype: Dtype }[];
}

export interface OfflineStore {
  /** Columns of a source as they would be ingested. FS204 when it cannot be read. */
  describe(source: CanonicalSource, root: string, inputs: Inputs): Promise<readonly Column[]>;
  /** SP204 or SP206 where it is refused, SP205 where it has no translation, SP207 where the store has no text of it. */
  describeQuery(query: QueryText, inputs: Inputs): Promise<readonly Column[]>;
  /** Names of the tables that a query reads, sorted. SP201 when it is not one readable query. */
  tablesOf(query: QueryText): Promise<readonly string[]>;
  /** Where a source that is read by a column is to be read from; undefined: all of it. */
  resumeFrom(request: SnapshotRequest, signal: AbortSignal): Promise<ResumePoint | undefined>;
  /** An immutable, durable copy. Undefined where the content's digest is `lastDigest`. FS204 when it cannot be read. */
  snapshot(request: SnapshotRequest, signal: AbortSignal): Promise<Snapshot | undefined>;
  /**
   * Computes the rows of a set, keeps the last of rows that share keys, event time and created time, and holds those that
   * differ from the last stored one. FS204 when a value does not fit its dtype. Memory stays bounded: rows spill to disk.
   */
  stage(plan: RowPlan, existing: readonly string[], folder: string, signal: AbortSignal): Promise<StagedRows>;
  /** Pushed rows as one durable table. */
  writePushed(plan: RowPlan, rows: readonly PushedRow[], folder: string, signal: AbortSignal): Promise<WrittenPart>;
  /** The row of each key that counts at `now`, among those asked for; in batches of at most a few thousand. */
  latest(request: LatestRequest, signal: AbortSignal): AsyncIterable<readonly LatestRow[]>;
  /** Every row asked for, by sequence; in batches of at most a few thousand. */
  rows(request: RowsRequest, signal: AbortSignal): AsyncIterable<readonly LatestRow[]>;
  /** The point-in-time join of semantics: every spine row once, in order. The same request writes the same bytes. */
  join(request: JoinRequest, signal: AbortSignal): Promise<JoinedFile>;
  /** Checks a set's rows as a materialization would compute them. */
  check(
    plan: RowPlan,
    computed: readonly ComputedFeature[],
    expectations: readonly Expectation[],
    signal: AbortSignal,
  ): Promise<{ readonly rows: number; readonly failures: readonly ExpectationFailure[] }>;
  /** What the rows tell of their columns. Memory stays bounded. Means and estimates may differ in their last digits from call to call. */
  profile(request: ProfileRequest, signal: AbortSignal): Promise<Profiled>;
  /** Columns of a Parquet file on this machine. FS201 names a column that it lacks. */
  readColumns(path: string, columns: readonly string[]): Promise<ColumnarData>;
  /**
   * Columns of a Parquet file on this machine, so many rows at a time and in their order: each value as the online store has one of its
   * dtype. FS204 where one does not fit.
   */
  columnBatches(request: ColumnBatchesRequest, signal: AbortSignal): AsyncIterable<ColumnBatch>;
  /**
   * A Parquet file on this machine with the rows of another and further columns, in its order: `lines` has a JSON object a row. A new file
   * that is the caller's. Memory stays bounded.
   */
  widen(request: WidenRequest, signal: AbortSignal): Promise<string>;
  /**
   * Tables by their footers, in the order asked: rows, and columns (of a part its keys and features; an empty type where the
   * footer does not tell one). Reads none of their rows, a few tables at once, and writes nothing.
   */
  inspect(locations: readonly string[], signal: AbortSignal): Promise<readonly InspectedTable[]>;
  /**
   * The rows of a Parquet file on this machine in another format, as a new file that is the caller's; memory stays bounded.
   * Times are ISO 8601 in UTC, bytes base64 (in Arrow: as they are). `json` names columns whose text is JSON.
   */
  convert(path: string, format: ExportFormat, json: readonly string[], signal: AbortSignal): Promise<string>;
  /** Deletes snapshots of sources, but for what they share with those to keep. What is gone already is passed over. */
  removeSnapshots(locations: readonly string[], keep: readonly string[]): Promise<void>;
  /** Deletes the tables of a folder except those to keep. */
  sweep(folder: string, keep: readonly string[]): Promise<void>;
  /** Throws, in bounded time, where the store cannot be used now. Makes nothing. */
  health(): Promise<OfflineHealth>;
  close(): Promise<void>;
}

export interface OfflineHealth {
  /** What it is and where, without secrets. */
  readonly detail: string;
  /** What about its set-up will keep it from working. */
  readonly warnings: readonly string[];
}
