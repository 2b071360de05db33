/** What serving needs of the feature store. */

/** present: a value within its ttl. null: known to be null. not_found: no record of the key. expired: older than the ttl. */
export type FeatureStatus = 'present' | 'null' | 'not_found' | 'expired';

export interface OnlineRow {
  readonly entity: Readonly<Record<string, unknown>>;
  /** By the name asked for. Null unless present. */
  readonly features: Readonly<Record<string, unknown>>;
  readonly status: Readonly<Record<string, FeatureStatus>>;
  /** ISO 8601 UTC by the name asked for; null where there is no record. */
  readonly eventTime: Readonly<Record<string, string | null>>;
}

export interface FeatureReader {
  /** One round trip for any number of entities and sets. `features` as `set.feature`. Rows in the order of `entities`. */
  read(
    entities: readonly Readonly<Record<string, unknown>>[],
    features: readonly string[],
  ): Promise<readonly OnlineRow[]>;
}
