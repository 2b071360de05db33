/**
 * The offline store: immutable tables. Snapshots of sources go in, rows of feature sets are computed from them, training
 * sets come out. It knows no versions and no watermarks; what is readable is recorded in the feature state, so a table
 * that nobody recorded is garbage. `location` is an opaque name of one table. Times are UTC.
 */
import type { CanonicalSource } from '../spec/canonical-specs.ts';
import type { Column } from '../spec/column.ts';
import type { QueryText } from '../spec/query-text.ts';
import type { Dtype } from '../spec/schema-types.ts';
import type { TableState } from './control/observed.ts';
import type { Expectation, ExpectationFailure } from './offline-expectations.ts';
import type { JoinedFile, JoinRequest } from './offline-join.ts';
import type {
  ComputedFeature,
  Inputs,
  KeyColumn,
  LatestRequest,
  LatestRow,
  PushedRow,
  RowPlan,
  RowsRequest,
  StagedRows,
  StoredFeature,
  WrittenPart,
} from './offline-rows.ts';
import type { ResumePoint, Snapshot, SnapshotRequest } from './offline-snapshots.ts';
import type { TableProfile } from './profile.ts';

/** `json`: one array of objects. `jsonl`: an object a line. `arrow`: an IPC stream. */
export const EXPORT_FORMATS = ['arrow', 'csv', 'json', 'jsonl'] as const;

export type ExportFormat = (typeof EXPORT_FORMATS)[number];

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
