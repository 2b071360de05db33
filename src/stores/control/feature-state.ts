/**
 * What of the feature store is readable: snapshots of sources, versions of feature sets and their parts, watermarks, and
 * pushed rows that wait for their part. One scope. A table of the offline store that is not recorded here is garbage.
 */
import type { Column } from '../../spec/column.ts';
import type { FeatureSetStructure } from '../../spec/feature-set-structure.ts';
import type { MaterializationStandings } from './materialization-standings.ts';
import type { ServedHistory } from './served-history.ts';
import type { SnapshotLives } from './snapshot-lives.ts';
import type { TrainingSets } from './training-sets.ts';
import type { VersionLives } from './version-lives.ts';

export interface RecordedSnapshot {
  readonly source: string;
  /** SHA-256 of the content. */
  readonly digest: string;
  readonly location: string;
  readonly rows: number;
  readonly bytes: number;
  readonly columns: readonly Column[];
  readonly createdAt: Date;
}

/**
 *     registered ──(first complete materialization)──► serving ──► retired ──► dropped
 *          ▲  └─────────────────────────────────────────────────────▲  │
 *          └──────────────────────(brought back)───────────────────────┘
 * Reads use the newest serving version, or the one that they name; materialization works on the newest and on all that are
 * read. One that nothing reads is retired. A set that goes drops all.
 */
export type VersionStatus = 'registered' | 'serving' | 'retired' | 'dropped';

export interface FeatureSetVersion {
  readonly set: string;
  /** From 1, never used twice, also after a drop. */
  readonly version: number;
  /** Under which name its rows lie, offline and online: the set's when it was registered. With the number it is unique for good. */
  readonly storage: string;
  readonly digest: string;
  readonly structure: FeatureSetStructure;
  readonly status: VersionStatus;
  /** Event-time watermark: the greatest materialized, in microseconds since 1970. */
  readonly eventWatermark: bigint | null;
  /** Ingestion watermark: source → digest of the snapshot that is materialized completely. */
  readonly inputs: Readonly<Record<string, string>> | null;
  readonly rows: number;
  readonly parts: number;
  readonly registeredAt: Date;
  readonly servingSince: Date | null;
  readonly retiredAt: Date | null;
  readonly retiredWhy: string | null;
  /** Retired, and what it had in the stores is gone from them. */
  readonly swept: boolean;
  /** Brought back: it stays until then, whether something reads it or not. */
  readonly keptUntil: Date | null;
  /** Pushed rows of a greater sequence came to this version itself; those before are of the versions before. */
  readonly pushesSince: number;
}

export interface NewPart {
  readonly location: string;
  readonly rows: number;
  readonly bytes: number;
  /** Ingestion order of its rows; of the last of them where they were pushed. */
  readonly sequence: number;
  /** Null in parts that were written before it was recorded. */
  readonly minEventTime: bigint | null;
  readonly maxEventTime: bigint;
  /** When the last of its rows becomes visible. */
  readonly maxVisibleTime: bigint;
  /** Whether its rows came by push. Null: not recorded; absent: they did not. */
  readonly pushed?: boolean | null;
}

export interface PendingUpdate {
  readonly sequence: number;
  readonly key: Readonly<Record<string, unknown>>;
  readonly eventTime: bigint;
  readonly createdTime: bigint | null;
  readonly values: Readonly<Record<string, unknown>>;
}

export interface NewUpdate extends Omit<PendingUpdate, 'sequence'> {
  readonly version?: number;
}

/** The right to materialize one version, held by one worker at a time and fenced: a former holder changes nothing. */
export interface MaterializationClaim {
  readonly set: string;
  readonly version: number;
  /** The ingestion order for a part to come: every pushed row of the set with a lesser one can be seen once this is known. */
  nextSequence(): Promise<number>;
  /** One transaction: the part is readable, the event-time watermark moved, the pushed rows through `updatesThrough` are in it. */
  commitPart(part: NewPart, updatesThrough?: number): Promise<void>;
  /**
   * One transaction: these parts are not readable any more, and the ingestion watermark is taken back, so that what the sources
   * still have of them is found new.
   */
  forgetParts(locations: readonly string[]): Promise<void>;
  /** One transaction: the ingestion watermark moved, a registered version serves from now on, and what was measured is kept. */
  complete(inputs: Readonly<Record<string, string>>, measured?: Measured): Promise<void>;
}

/** What a materialization did, for estimates of the next one. */
export interface Measured {
  /** From sources; where there were none nothing was measured. */
  readonly rowsRead: number;
  readonly rowsWritten: number;
  /** By the control store's clock; it ends when it is recorded. */
  readonly since: Date;
}

/** Methods that take a set's or a source's name also take one that it had before. */
export interface FeatureState
  extends VersionLives,
    TrainingSets,
    ServedHistory,
    SnapshotLives,
    MaterializationStandings {
  /** Now, by the control store's clock. */
  now(): Promise<Date>;
  latestSnapshot(source: string): Promise<RecordedSnapshot | undefined>;
  /** The newest snapshot of each source. */
  latestSnapshots(): Promise<readonly RecordedSnapshot[]>;
  /** Recorded unless the newest has the same digest; then that one is answered, with `changed` false. */
  addSnapshot(
    snapshot: Omit<RecordedSnapshot, 'createdAt'>,
  ): Promise<{ readonly snapshot: RecordedSnapshot; readonly changed: boolean }>;
  /**
   * The newest version where it has this digest, else a new one. Safe to call twice, also at once. Nothing changes, with AP101,
   * once the apply has ended that it is done for.
   */
  registerVersion(set: string, digest: string, structure: FeatureSetStructure, applyId?: string): Promise<number>;
  /** Every version that is not dropped, by set and version. */
  versions(set?: string): Promise<readonly FeatureSetVersion[]>;
  parts(set: string, version: number): Promise<readonly NewPart[]>;
  /** Drops every version of the set that has this name now, with its parts. Answers what was dropped, also when called again. `applyId` as above. */
  drop(set: string, applyId?: string): Promise<readonly Pick<FeatureSetVersion, 'set' | 'version' | 'storage'>[]>;
  /** Waits until no other worker holds the claim. A worker that dies lets it go at once. FS207 where the version is gone. */
  materializing<T>(
    set: string,
    version: number,
    signal: AbortSignal,
    body: (claim: MaterializationClaim) => Promise<T>,
  ): Promise<T>;
  /**
   * Records pushed rows in one transaction, one push of a set at a time. `prepare` makes the rows when no other push of the
   * set is under way; `apply` runs before the commit, with each row's sequence. What either throws undoes the push.
   * Rows that are not to be `recorded` get their sequences and are left to `apply` alone. A row is of `version` unless it says
   * another. `released`: rows in quarantine that this takes out of it; `prepare` is told which of them were still held. `there`: the versions that wait or serve; where they are others by now, nothing is done and the answer is false.
   */
  push(
    into: {
      readonly set: string;
      readonly version: number;
      readonly recorded: boolean;
      readonly there?: readonly number[];
      /** Written online by `apply`. Default true. */
      readonly served?: boolean;
      readonly released?: readonly number[];
    },
    prepare: (released: ReadonlySet<number>) => Promise<readonly NewUpdate[]>,
    apply: (rows: readonly (NewUpdate & PendingUpdate)[]) => Promise<void>,
  ): Promise<boolean>;
  /** In order of sequence. */
  pendingUpdates(set: string, version: number, limit: number): Promise<readonly PendingUpdate[]>;
}
