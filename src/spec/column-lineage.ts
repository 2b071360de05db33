/** What features are made from, column by column, down to the sources that are files or tables. */
import type { JsonObject, JsonValue } from '../lib/json.ts';

export interface SourceColumn {
  /** Name of the source. */
  readonly source: string;
  readonly column: string;
}

/** Feature name → the source columns that its value depends on, sorted; null where it cannot be told: it may be any. */
export type FeatureLineage = Readonly<Record<string, readonly SourceColumn[] | null>>;

/** As it is recorded: a column as `source.column`. No dot is in a source's name. */
export function encodeLineage(lineage: FeatureLineage): JsonObject {
  return Object.fromEntries(
    Object.entries(lineage).map(([feature, columns]) => [
      feature,
      columns === null ? null : columns.map(({ source, column }) => `${source}.${column}`),
    ]),
  );
}

/** Undefined where `recorded` is none, as in states that were written before lineage was. */
export function decodeLineage(recorded: JsonValue | undefined): FeatureLineage | undefined {
  if (typeof recorded !== 'object' || recorded === null || Array.isArray(recorded)) return undefined;
  return Object.fromEntries(
    Object.entries(recorded as JsonObject).map(([feature, columns]) => [
      feature,
      Array.isArray(columns) ? columns.map((text: JsonValue) => columnNamed(String(text))) : null,
    ]),
  );
}

function columnNamed(text: string): SourceColumn {
  const dot = text.indexOf('.');
  return { source: text.slice(0, dot), column: text.slice(dot + 1) };
}
