/** Which columns of a source have other values after its change: told by what differs in its spec and in what its file is. */
import type { JsonObject, JsonValue } from '../lib/json.ts';
import type { Column } from '../spec/column.ts';
import type { AttributeDiff } from './change.ts';
import { pointerSegments } from './diff.ts';
import { OBSERVED } from './source-columns.ts';

export interface ColumnChange {
  readonly column: string;
  readonly path: string;
  readonly change: 'gone' | 'new' | 'retyped' | 'computed';
  /** How it changed, for a sentence. */
  readonly what: string;
}

/** What is known of a source beside its spec. Absent: not known. */
export interface KnownColumns {
  /** As recorded. */
  readonly before?: readonly Column[] | undefined;
  readonly after?: readonly Column[] | undefined;
  /** Of a source that is a query and stays one: the outputs that its edit changes; undefined where it may be any. */
  readonly outputs?: readonly string[] | undefined;
}

/** Fields by which single columns change, and those by which any may. */
const BY_COLUMN = new Set(['columns', 'types']);
const READ_BY = new Set([
  'file',
  'format',
  'nulls',
  'delimiter',
  'query',
  'table',
  'predictions',
  'database',
  'incremental',
]);

/** The columns whose values change; `all` where it may be any; undefined where the source reads as before. */
export function changedColumns(
  diffs: readonly AttributeDiff[],
  known: KnownColumns,
): readonly ColumnChange[] | 'all' | undefined {
  const changes: ColumnChange[] = [];
  for (const { path, before, after } of diffs) {
    const [field = '', ...rest] = pointerSegments(path);
    const observed = path.startsWith(OBSERVED);
    if (field === 'query' && known.outputs !== undefined) {
      for (const column of known.outputs) changes.push({ column, path, ...COMPUTED });
      continue;
    }
    if (!observed && READ_BY.has(field)) return 'all';
    if (!observed && !BY_COLUMN.has(field)) continue;
    const named = rest.at(-1);
    // All of `columns` or `types` at once: the members tell which.
    const members =
      named === undefined ? [...new Set([...Object.keys(asObject(before)), ...Object.keys(asObject(after))])] : [named];
    for (const column of members) {
      const [old, next] =
        named === undefined ? [asObject(before)[column] ?? null, asObject(after)[column] ?? null] : [before, after];
      const [type, typeNow] = [typeOf(known.before, column), typeOf(known.after, column)];
      // It is said now as what it was read before.
      if (field === 'types' && type !== undefined && type === typeNow) continue;
      const found = kindOfChange(observed || field === 'columns', old, next, observed);
      changes.push({ column, path, ...(isCovered(found, observed, type, typeNow, known) ? COMPUTED : found) });
    }
  }
  return changes.length === 0 ? undefined : changes;
}

const COMPUTED = { change: 'computed', what: 'is computed differently' } as const;

/** An added column may cover one of the file, and give it free: then there is a column of the name before and after. */
function isCovered(
  { change }: Pick<ColumnChange, 'change'>,
  observed: boolean,
  type: string | undefined,
  typeNow: string | undefined,
  { before }: KnownColumns,
): boolean {
  if (observed) return false;
  if (change === 'new') return type !== undefined || before === undefined;
  return change === 'gone' && typeNow !== undefined;
}

function typeOf(columns: readonly Column[] | undefined, name: string): string | undefined {
  const lower = name.toLowerCase();
  return columns?.find((column) => column.name.toLowerCase() === lower)?.type;
}

function kindOfChange(
  makesColumn: boolean,
  before: JsonValue,
  after: JsonValue,
  observed: boolean,
): Pick<ColumnChange, 'change' | 'what'> {
  if (makesColumn && after === null) return { change: 'gone', what: 'is gone' };
  if (makesColumn && before === null) return { change: 'new', what: 'is new' };
  if (observed) return { change: 'retyped', what: `changes from ${String(before)} to ${String(after)}` };
  if (makesColumn) return COMPUTED;
  return { change: 'retyped', what: 'is read as another type' };
}

function asObject(value: JsonValue): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}

/** As engines compare names: upper and lower case are one. */
export function isColumn(read: { readonly source: string; readonly column: string }, source: string, column: string) {
  return read.source === source && read.column.toLowerCase() === column.toLowerCase();
}
