/** What features are made from, column by column, down to the sources that are files or tables. */

export interface SourceColumn {
  /** Name of the source. */
  readonly source: string;
  readonly column: string;
}

/** Feature name → the source columns that its value depends on, sorted; null where it cannot be told: it may be any. */
export type FeatureLineage = Readonly<Record<string, readonly SourceColumn[] | null>>;
