import type { Address } from '../../spec/address.ts';

/**
 * What a plan may know of the running system beside the recorded resources: read in one read-only look that is bounded in
 * time. What could not be read in time, or was never measured, is absent: not known.
 */
import type { QueryText } from '../../spec/query-text.ts';
import type { VersionReader } from './version-lives.ts';

export interface PlanFacts {
  /** Versions of models, with the versions of feature sets that they are asked with because they learned from them. */
  readonly versionReaders?: readonly ReadVersion[];
  /** Runs that have not ended, by pipeline. */
  readonly liveRuns?: ReadonlyMap<string, number>;
  readonly models?: ReadonlyMap<string, ModelFacts>;
  readonly featureSets?: ReadonlyMap<string, FeatureSetFacts>;
  /** The newest snapshot of each source. */
  readonly sources?: ReadonlyMap<string, { readonly rows: number; readonly bytes: number }>;
  /** Predictions a day over the last seven days, by endpoint. */
  readonly requestsPerDay?: ReadonlyMap<string, number>;
  /** Rollouts that are open, by endpoint. */
  readonly rollouts?: ReadonlyMap<string, RolloutFacts>;
  readonly onlineReads?: OnlineReads;
  /** By source, also of such that are not applied any more. */
  readonly sourceSnapshots?: ReadonlyMap<string, SnapshotFacts>;
  /** Addresses that nothing has and under which the stores hold versions all the same. */
  readonly leftBehind?: ReadonlySet<Address>;
}

/** Who reads a version of a feature set, and where its rows come from: its set may be filled from elsewhere by now. */
export interface ReadVersion extends VersionReader {
  readonly source: string | null;
  readonly query: QueryText | null;
}

/** Reads only, also of a store that has no schema yet. What fails or takes too long is absent; it never throws. */
export interface FactsStore {
  read(): Promise<PlanFacts>;
}

export interface ModelFacts {
  /** Versions in the registry. */
  readonly versions: number;
  /** The version in production; null where none is. */
  readonly production: number | null;
  /** The newest version in staging; null where none is. */
  readonly staging: number | null;
  /** What these two read by name, as `set.feature`; whatever the model's service holds by now. */
  readonly servedFeatures: readonly string[];
}

export interface RolloutFacts {
  readonly candidate: string;
  readonly version: number;
  readonly status: string;
  /** Percent of the baseline's keys. */
  readonly share: number;
}

export interface SnapshotFacts {
  readonly all: { readonly snapshots: number; readonly bytes: number };
  /** Those that nothing needs; null where there are none. */
  readonly unneeded: { readonly snapshots: number; readonly bytes: number; readonly since: Date } | null;
}

/** Reads from the online store over the last days, by feature set; a set that is not named was not read. */
export interface OnlineReads {
  /** Of how many days they are known: 30 at most. */
  readonly days: number;
  readonly bySet: ReadonlyMap<string, readonly OnlineRead[]>;
}

/** Over all versions of the set. */
export interface OnlineRead {
  readonly feature: string;
  /** `key:NAME`, `http`, `endpoint:NAME` or `cli:WHO`. */
  readonly reader: string;
  readonly reads: number;
}

/** Of the newest version that has rows. */
export interface FeatureSetFacts {
  readonly version: number;
  readonly rows: number;
  readonly bytes: number;
  /** Event times, in microseconds since 1970; null where not known. */
  readonly firstEventTime: bigint | null;
  readonly lastEventTime: bigint | null;
  /** The last materialization that computed rows from sources. */
  readonly lastMaterialization: MaterializationSpeed | null;
}

export interface MaterializationSpeed {
  readonly rows: number;
  readonly seconds: number;
  readonly endedAt: Date;
}
