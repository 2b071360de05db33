/**
 * What a store on a server leaves to the engine on this machine: files that people bring, values that must fit their types,
 * features computed row by row, and files that are handed out. Rows travel as text, in files, so that memory stays bounded.
 */
import type { CanonicalSource } from '../spec/canonical-specs.ts';
import type { Column } from '../spec/column.ts';
import type { SourceFile } from '../spec/source-files.ts';
import type { OfflineStore, Profiled, ProfileRequest } from './offline.ts';
import type { Expectation, ExpectationFailure } from './offline-expectations.ts';
import type { JoinedFile, JoinRequest } from './offline-join.ts';
import type { ComputedFeature, RowPlan } from './offline-rows.ts';
import type { Increment, ResumePoint } from './offline-snapshots.ts';

/**
 * Rows as CSV without a header on this machine, the receiver's to delete. Null is an empty field, an empty text is `""`, times are ISO 8601
 * (UTC where they have no offset). On their way to the server values are as Postgres reads them (bytes `\\x00ff`, lists `{1,NULL}`);
 * on their way from it bytes are hexadecimal and lists JSON.
 */
export interface TextTable {
  readonly path: string;
  readonly columns: readonly Column[];
}

export interface FileRows extends TextTable {
  /** SHA-256 of the file and how it is read. */
  readonly digest: string;
  readonly rows: number;
}

export interface ReadFile extends SourceFile {
  /** SHA-256 of its bytes. */
  readonly digest: string;
}

/** Files that were read together: an edit of one of them reads all of them again. */
export interface FilesRead {
  readonly id: string;
  readonly files: readonly ReadFile[];
}

/** What was read of a source of many files: the next time only what differs from it is. It is kept as JSON. */
export interface FilesState {
  /** Digest of how the source is read: another way starts afresh. */
  readonly reading: string;
  /** Columns over all files, each with the first file that has a value in it. */
  readonly known: readonly (Column & { readonly file: string | null })[];
  readonly parts: readonly FilesRead[];
}

export interface NewFiles {
  /** As it is once all of `read` is read. */
  readonly state: FilesState;
  /** SHA-256 of all files and how they are read. */
  readonly digest: string;
  /** Of what is to be read, together. */
  readonly columns: readonly Column[];
  /** Of the parts of the state: those that are to be read, … */
  readonly read: readonly string[];
  /** … and those that stay as they were read. */
  readonly kept: readonly string[];
  /** Nothing is to be read, and nothing is gone. */
  readonly isSame: boolean;
  /** A file has another time, and the same content. */
  readonly isTouched: boolean;
  readonly files: NonNullable<Increment['files']>;
  /** The rows of a part that is to be read, numbered from 0 in their first column; each part may have columns of its own. */
  rows(id: string): Promise<TextTable>;
  /** Whether the files are as they were when it was looked what there is to read. */
  areSameStill(): Promise<boolean>;
}

/** Rows of a set by their types: keys, event time, created time, the row's number, features. */
export interface TypedText extends TextTable {
  readonly rows: number;
}

/** What became of staged rows, see `RowPlan.checks`. */
export interface JudgedText {
  readonly failures: readonly ExpectationFailure[];
  readonly rejected: number;
  /**
   * The rejected rows, the receiver's to delete: a JSON object a line, as `RejectedRow` with integers beyond 2^53 and times as
   * text, and `n`, the number of a staged row, null of a duplicate.
   */
  readonly path: string;
}

export interface LocalTables
  extends Pick<
    OfflineStore,
    'describe' | 'tablesOf' | 'readColumns' | 'columnBatches' | 'widen' | 'convert' | 'profile' | 'close'
  > {
  /** A path for rows on their way; whoever asks deletes the file. */
  scratchFile(ending: string): Promise<string>;
  /**
   * The rows of a file source, numbered from 0 in their first column; from `from` on, where it has that column. Undefined where its digest
   * is `lastDigest`. FS204 where it cannot be read.
   */
  readFile(
    source: CanonicalSource,
    root: string,
    lastDigest: string | null,
    signal: AbortSignal,
    from?: ResumePoint,
  ): Promise<FileRows | undefined>;
  /** What of a source of many files is to be read after `last`; null: all. FS204 where it cannot be read. */
  newFiles(source: CanonicalSource, root: string, last: FilesState | null, signal: AbortSignal): Promise<NewFiles>;
  /** The rows as a Parquet file, the receiver's to delete. */
  writeParquet(rows: TextTable, signal: AbortSignal): Promise<string>;
  /** Each value cast to its type. `rows` has the row's number in its column `__row`. FS204 where one does not fit, SP203 where a column is missing. */
  typeRows(plan: RowPlan, rows: TextTable, signal: AbortSignal): Promise<TypedText>;
  check(
    plan: RowPlan,
    rows: TextTable,
    computed: readonly ComputedFeature[],
    expectations: readonly Expectation[],
    signal: AbortSignal,
  ): Promise<{ readonly rows: number; readonly failures: readonly ExpectationFailure[] }>;
  /** `rows` of parts: keys, event time, created time, order of ingestion, row, features. */
  profileRows(request: ProfileRequest, path: string, signal: AbortSignal): Promise<Profiled>;
  /** Files of staged rows, and of those that lost to a later one of their identity: a number from 0, keys, event time, created time, features. */
  judge(
    plan: RowPlan,
    staged: { readonly path: string; readonly rows: number },
    duplicates: string | undefined,
    signal: AbortSignal,
  ): Promise<JudgedText>;
  /**
   * A point-in-time join whose feature rows lie elsewhere. `spine`: its rows, in order; undefined where the request's is a
   * file. `answer` gets each row's position, keys by type (as `spineKey` names them) and time, and gives the stored
   * features of every set beside the position, in the order of the sets and their features.
   */
  join(
    request: JoinRequest,
    spine: TextTable | undefined,
    answer: (asking: TextTable) => Promise<TextTable>,
    signal: AbortSignal,
  ): Promise<JoinedFile>;
}
