/** One resource's change: what is done, why, what differs, how grave it is, and whom it touches. Pure data, as in the plan's JSON. */
import type { DiagnosticCode } from '../lib/codes.ts';
import type { Severity } from '../lib/diagnostics.ts';
import type { JsonObject, JsonValue } from '../lib/json.ts';
import type { Address } from '../spec/address.ts';
import type { Kind } from '../spec/kinds.ts';
import type { Action } from './action.ts';

/** From harmless to grave. A change has the gravest class that an analyzer found. */
export const CHANGE_CLASSES = ['safe', 'backfill', 'new-version', 'breaking', 'destructive'] as const;

export type ChangeClass = (typeof CHANGE_CLASSES)[number];

export function graver(a: ChangeClass, b: ChangeClass): ChangeClass {
  return CHANGE_CLASSES.indexOf(a) >= CHANGE_CLASSES.indexOf(b) ? a : b;
}

/** A value that differs. An absent value is null. */
export interface AttributeDiff {
  /** JSON pointer into the spec, e.g. `/features/bili/dtype`. */
  readonly path: string;
  readonly before: JsonValue;
  readonly after: JsonValue;
}

export interface FindingPlace {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export interface Finding {
  readonly code: DiagnosticCode;
  readonly severity: Severity;
  readonly summary: string;
  readonly detail: string;
  readonly at: FindingPlace | null;
  /** What to do about it. */
  readonly fix: string | null;
  /** The reason that the resource gives for letting it pass; its severity is then `info`. Null: it counts. */
  readonly suppressed: string | null;
}

/** An endpoint below a change, and who and what would notice. */
export interface AffectedEndpoint {
  readonly address: Address;
  readonly owner: string | null;
  /** Predictions a day, over the last days; null where it is not known. */
  readonly requestsPerDay: number | null;
}

/** Who read features that change, from the online store. */
export interface AffectedReader {
  /** `key:NAME`, `http`, `endpoint:NAME` or `cli:WHO`. */
  readonly reader: string;
  /** Of the feature that it read most. */
  readonly reads: number;
  /** Of how many days they were counted, the last ones. */
  readonly days: number;
  /** As `set.feature`, sorted. */
  readonly features: readonly string[];
}

/** What is not known is null, never 0. */
export interface Impact {
  /** Everything that depends on the resource, directly or not, sorted. */
  readonly downstream: readonly Address[];
  /**
   * Features whose values change, by lineage of columns, as `set.feature`, sorted; null where it cannot be told. A feature
   * of which it is not known what it reads counts in.
   */
  readonly features: readonly string[] | null;
  readonly endpoints: readonly AffectedEndpoint[];
  /** Who read online what changes, those who read most first; null where it is not known. */
  readonly readers: readonly AffectedReader[] | null;
  /** Rows to compute again. */
  readonly rows: number | null;
  /** Days of event time that they span. */
  readonly days: number | null;
  /** Bytes that they take in the offline store. */
  readonly bytes: number | null;
  readonly estimatedSeconds: number | null;
  /** Where the figures come from, as a sentence. */
  readonly basis: string | null;
}

/** Nothing below it, and nothing known. */
export const NO_IMPACT: Impact = {
  downstream: [],
  features: [],
  endpoints: [],
  readers: null,
  rows: null,
  days: null,
  bytes: null,
  estimatedSeconds: null,
  basis: null,
};

export interface Change {
  readonly address: Address;
  readonly kind: Kind;
  readonly name: string;
  /** Where the resource is recorded now, when this change renames it with its data; else null. */
  readonly previousAddress: Address | null;
  readonly actions: readonly Action[];
  readonly reason: string;
  /** The spec as recorded; null before a create. */
  readonly before: JsonObject | null;
  /** The spec as it will be; null after a delete. */
  readonly after: JsonObject | null;
  /** `true` where `before` holds a reference to a secret, in an object of the same shape; `{}` where there is none. */
  readonly beforeSensitive: JsonObject;
  readonly afterSensitive: JsonObject;
  /** `true` where a value becomes known when it is applied. */
  readonly afterUnknown: JsonObject;
  readonly diffs: readonly AttributeDiff[];
  readonly class: ChangeClass;
  readonly findings: readonly Finding[];
  readonly impact: Impact;
  /** SHA-256 of the canonical form of `after` without `movedFrom`; for a delete of `before`. */
  readonly digest: string;
  /** As it will be; for a delete as recorded. */
  readonly dependsOn: readonly Address[];
  /** As recorded; empty before a create. */
  readonly dependedOn: readonly Address[];
  readonly protect: boolean;
  /** The texts that its queries are on the store, where they are translated, by the pointer of the query. Absent: none changes. */
  readonly runs?: Readonly<Record<string, string>>;
  /** What is recorded beside the spec when this is applied: `columns` of a source, `lineage` of a feature set. Absent: nothing. */
  readonly observed?: JsonObject;
}
