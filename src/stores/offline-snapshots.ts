/** Snapshots of sources in an offline store: immutable copies, taken whole or of what is new. */
import type { CanonicalSource } from '../spec/canonical-specs.ts';
import type { Column } from '../spec/column.ts';
import type { Inputs, StoredTable } from './offline-rows.ts';

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
