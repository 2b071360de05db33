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
  /** As of when it was read, ISO 8601 UTC, and by set as it was asked for the version and the record that answered. */
  readonly at?: string;
  readonly origins?: Readonly<
    Record<
      string,
      {
        readonly version: number;
        readonly record: { readonly sequence: number; readonly eventTime: string } | null;
        readonly expired: boolean;
      }
    >
  >;
}

export interface FeatureReader {
  /** One round trip for any number of entities and sets. `features` as `set.feature`. Rows in the order of `entities`. `reader`: under whose name it is counted. */
  read(
    entities: readonly Readonly<Record<string, unknown>>[],
    features: readonly string[],
    reader?: string,
  ): Promise<readonly OnlineRow[]>;
}
