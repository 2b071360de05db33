/**
 * What makes a version of a feature set: keys, where its rows come from, which of them count, and its columns. A change of
 * anything else (description, ttl, expectations, schedule, default, …) is made in place; a change of this makes a new
 * version.
 */
import { digestOf } from '../lib/canonical.ts';
import type { CanonicalEntity, CanonicalFeatureSet } from './canonical-specs.ts';
import type { QueryText } from './query-text.ts';

export interface FeatureSetStructure {
  readonly keys: Readonly<Record<string, string>>;
  readonly source: string | null;
  readonly query: QueryText | null;
  readonly eventTime: string;
  readonly createdTime: string | null;
  /** Rows count whenever they became known. Absent: from when they were known. */
  readonly asKnownAt?: 'now';
  readonly features: Readonly<
    Record<string, { readonly dtype: string; readonly column: string | null; readonly expr: string | null }>
  >;
}

export function structureOf(set: CanonicalFeatureSet, entity: CanonicalEntity): FeatureSetStructure {
  return {
    keys: entity.keys,
    source: set.source ?? null,
    query: set.query ?? null,
    eventTime: set.eventTime,
    createdTime: set.createdTime ?? null,
    ...(set.createdTime !== undefined && set.asKnownAt === 'now' ? { asKnownAt: 'now' as const } : {}),
    features: Object.fromEntries(
      Object.entries(set.features).map(([name, { dtype, column, expr }]) => [
        name,
        { dtype, column: expr === undefined ? (column ?? name) : null, expr: expr ?? null },
      ]),
    ),
  };
}

export function structureDigest(set: CanonicalFeatureSet, entity: CanonicalEntity): string {
  return digestOf(structureOf(set, entity));
}
