/**
 * What is known of the quality and the use of features: statistics of what was materialized, what checks of expectations found, rows
 * kept aside, and who reads what. One scope. Methods that take a set's name also take one that it had before.
 */
import type { TableProfile } from '../profile.ts';
import type { PendingUpdate } from './feature-state.ts';

/** `batch`: the rows that one materialization brought. `version`: all rows of the version, without those replaced by later ones. */
export type StatisticsKind = 'batch' | 'version';

export interface FeatureStatistics extends TableProfile {
  readonly set: string;
  readonly version: number;
  readonly kind: StatisticsKind;
  /** They are of the rows of parts beyond this sequence, −1 from the first, … */
  readonly fromSequence: number;
  /** … through this one. */
  readonly throughSequence: number;
  /** Stored rows that a later one of the same keys and times replaced. */
  readonly superseded: number;
  /** Different keys, about. */
  readonly entities: number | null;
  /** Microseconds since 1970. */
  readonly minEventTime: bigint | null;
  readonly maxEventTime: bigint | null;
  readonly computedAt: Date;
}

export interface DatasetStatistics extends TableProfile {
  readonly digest: string;
  readonly computedAt: Date;
}

export type OnFailure = 'warn' | 'quarantine' | 'fail';

export interface CheckFailure {
  /** Null where it is the set's own: rows, freshness, unique. */
  readonly feature: string | null;
  /** e.g. `max 60`. */
  readonly expectation: string;
  readonly onFailure: OnFailure;
  /** Rows that break it; null where it is not of rows. */
  readonly rows: number | null;
  readonly observed: number | string | null;
}

export interface FeatureCheck {
  readonly set: string;
  readonly version: number;
  readonly origin: 'materialization' | 'push';
  readonly rowsRead: number;
  /** Of them those that were not stored yet: the rows that were checked. */
  readonly rowsNew: number;
  /** Without a key or an event time. */
  readonly rowsSkipped: number;
  /** Rows that share keys and times with another: the last of them counts. */
  readonly duplicates: number;
  readonly quarantined: number;
  readonly outcome: 'passed' | 'warned' | 'quarantined' | 'failed';
  readonly failures: readonly CheckFailure[];
  readonly checkedAt: Date;
}

export interface HeldRow extends Omit<PendingUpdate, 'sequence'> {
  readonly fingerprint: string;
  readonly origin: FeatureCheck['origin'];
  /** e.g. `bili max 60: 71`. */
  readonly reasons: readonly string[];
}

export interface QuarantinedRow extends HeldRow {
  readonly id: number;
  readonly set: string;
  readonly version: number;
  readonly heldSince: Date;
}

export interface FeatureReads {
  readonly set: string;
  readonly version: number;
  readonly feature: string;
  readonly reader: string;
  readonly reads: number;
  readonly entities: number;
  readonly firstAt: Date;
  readonly lastAt: Date;
}

/** Reads to add. How long ago they were, so that times are of the control store's clock. */
export interface NewReads extends Omit<FeatureReads, 'firstAt' | 'lastAt'> {
  readonly firstAgoMs: number;
  readonly lastAgoMs: number;
}

export interface FeatureQuality {
  /**
   * Recorded unless rows of it are in statistics already: a `batch` only where it begins at the end of the last one, a `version`
   * only where it reaches further than the last. Answers whether it was.
   */
  addStatistics(statistics: Omit<FeatureStatistics, 'computedAt'>): Promise<boolean>;
  /** The newest first. Of all sets where none is named; then the newest of each version only. */
  statistics(of: {
    readonly set?: string;
    readonly version?: number;
    readonly kind: StatisticsKind;
    readonly limit: number;
  }): Promise<readonly FeatureStatistics[]>;
  addDatasetStatistics(statistics: Omit<DatasetStatistics, 'computedAt'>): Promise<void>;
  datasetStatistics(digest: string): Promise<DatasetStatistics | undefined>;
  addCheck(check: Omit<FeatureCheck, 'checkedAt'>): Promise<void>;
  /** The newest first. Of all sets where none is named; then the newest of each version only. */
  checks(of: {
    readonly set?: string;
    readonly version?: number;
    readonly limit: number;
  }): Promise<readonly FeatureCheck[]>;
  /** Rows that are held already are the same ones. */
  hold(set: string, version: number, rows: readonly HeldRow[]): Promise<void>;
  /** Lets go of rows of materializations that are not among these: they were corrected, or pass by now. Answers how many. */
  settle(set: string, version: number, stillHeld: readonly string[]): Promise<number>;
  /** In the order in which they came, from after `after`. */
  held(of: {
    readonly set?: string;
    readonly version?: number;
    readonly ids?: readonly number[];
    readonly origin?: HeldRow['origin'];
    readonly after?: number;
    readonly limit: number;
  }): Promise<readonly QuarantinedRow[]>;
  heldCounts(): Promise<readonly { readonly set: string; readonly version: number; readonly rows: number }[]>;
  letGo(ids: readonly number[]): Promise<void>;
  /** Adds to what was counted before. */
  addReads(reads: readonly NewReads[]): Promise<void>;
  reads(set?: string): Promise<readonly FeatureReads[]>;
  /** When the newest rows of each version came in. */
  newestIngestions(): Promise<readonly { readonly set: string; readonly version: number; readonly at: Date }[]>;
}
