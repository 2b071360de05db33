/** What serving needs of the feature store. */

/** present: a value within its ttl. null: known to be null. not_found: no record of the key. expired: older than the ttl. */
export type FeatureStatus = 'present' | 'null' | 'not_found' | 'expired';

/** Rows by the places of the features that were asked for. */
export interface OnlineRead {
  /** As of when it was read, ISO 8601 UTC. */
  readonly at: string;
  /** As they were asked for, `set` or `set@2`. */
  readonly sets: readonly string[];
  /** Values are null unless present. */
  readonly rows: readonly { readonly values: readonly unknown[]; readonly statuses: readonly FeatureStatus[] }[];
  /** By row, then by set: the version that answered, and its record of the entity. */
  readonly origins: readonly (readonly ReadOrigin[])[];
}

export interface ReadOrigin {
  readonly version: number;
  /** Null where there is none that counts yet. */
  readonly record: { readonly sequence: number; readonly eventTime: string } | null;
  /** The record is older than the ttl. */
  readonly expired: boolean;
}

export interface FeatureReader {
  /** One round trip for any number of entities and sets. `features` as `set.feature` or `set@2.feature`. Rows in the order of `entities`. `reader`: under whose name it is counted. No promise where nothing is to be waited for. */
  readTraced(
    entities: readonly Readonly<Record<string, unknown>>[],
    features: readonly string[],
    reader?: string,
  ): OnlineRead | Promise<OnlineRead>;
}
