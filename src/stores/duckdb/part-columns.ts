/**
 * The columns of a part: keys and features under their names, and four of ours. A feature that is named like a key (the
 * engine does not tell case) is stored under a name that says so.
 */
import type { KeyColumn, StoredFeature } from '../offline-rows.ts';
import { ident, list, tables } from './sql.ts';

export const EVENT_TIME = '__event_time';
export const CREATED_TIME = '__created_time';
/** Order of ingestion between parts. */
export const SEQUENCE = '__sequence';
/** Order within a part. With the sequence it names one row of a set version. */
export const ROW = '__row';
/** Before a feature that is named like a key. */
const SET_APART = '__feature_';

/** The quoted column of a key. */
export function keyColumn(key: KeyColumn): string {
  return ident(key.name);
}

/** The quoted column of a feature in the parts of a set with these keys. */
export function featureColumn(keys: readonly KeyColumn[], feature: Pick<StoredFeature, 'name'>): string {
  const taken = keys.some((key) => key.name.toLowerCase() === feature.name.toLowerCase());
  return ident(taken ? `${SET_APART}${feature.name}` : feature.name);
}

const OWN: ReadonlySet<string> = new Set([EVENT_TIME, CREATED_TIME, SEQUENCE, ROW]);

/** A column of a part that is neither key nor feature. */
export function isOwnColumn(name: string): boolean {
  return OWN.has(name);
}

/** The feature or key that a column of a part holds: `featureColumn` backwards. */
export function featureOfColumn(name: string): string {
  return name.startsWith(SET_APART) ? name.slice(SET_APART.length) : name;
}

/** Puts the last of rows that share keys and `times` first: greatest created time, then ingested last. */
export function newestFirst(): string {
  return `${CREATED_TIME} desc nulls last, ${SEQUENCE} desc, ${ROW} desc`;
}

/** `a.k is not distinct from b.k and …` over quoted columns. */
export function sameValues(left: string, right: string, columns: readonly string[]): string {
  return columns.map((column) => `${left}.${column} is not distinct from ${right}.${column}`).join(' and ');
}

/**
 * Rows of the parts without those that a later one of the same identity replaced, among those that fulfil `within`. The window sees ids
 * only; the wide rows are read beside it.
 */
export function latestOfIdentitySql(parts: readonly string[], identity: readonly string[], within: string): string {
  return latestIn(tables(parts), identity, within);
}

/** The same of any relation with the columns of parts. */
export function latestIn(relation: string, identity: readonly string[], within = 'true'): string {
  return `select * from ${relation} where ${within} and (${SEQUENCE}, ${ROW}) not in (select (s, r) from (${supersededSql(relation, identity, within)}))`;
}

/** Ids `s`, `r` of the rows that a later one of the same identity replaced. */
export function supersededSql(relation: string, identity: readonly string[], within = 'true'): string {
  const numbered = `select ${SEQUENCE} as s, ${ROW} as r, row_number() over (partition by ${list(identity)} order by ${newestFirst()}) as n from ${relation} where ${within}`;
  return `select s, r from (${numbered}) where n > 1`;
}
