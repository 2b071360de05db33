/**
 * The columns of a source as they are now, beside those that were recorded. What a file lost, gained or reads as another type
 * is a change of the source even where its spec is as it was. Where one of both is not known nothing is claimed.
 */
import type { JsonObject, JsonValue } from '../lib/json.ts';
import type { CanonicalSource } from '../spec/canonical-specs.ts';
import type { Column } from '../spec/column.ts';
import type { FeatureLineage } from '../spec/column-lineage.ts';
import type { Resource } from '../spec/project.ts';
import type { RecordedResource } from '../stores/control/state.ts';
import { type Analysis, finding, listed, SAFE } from './analyzers/analyzer.ts';
import type { AttributeDiff } from './change.ts';
import { escapePointer, pointerSegments } from './diff.ts';

/** `/file/columns/bili`: not a field of the spec, but of what its file is. */
const OBSERVED = '/file/columns/';

export function recordedColumns(
  recorded: Pick<RecordedResource, 'outputs'> | undefined,
): readonly Column[] | undefined {
  const columns: JsonValue | undefined = recorded?.outputs['columns'];
  return Array.isArray(columns) ? (columns as unknown as readonly Column[]) : undefined;
}

/** Types before and after, by column; an added column that the specs took away or brought differs in the specs already. */
export function columnDiffs(
  recorded: RecordedResource | undefined,
  desired: Resource | undefined,
): readonly AttributeDiff[] {
  const [before, after] = [recordedColumns(recorded), desired?.columns];
  if (before === undefined || after === undefined) return [];
  const specOf = (resource: { readonly spec: unknown } | undefined) => resource?.spec as CanonicalSource;
  const added = (spec: CanonicalSource): readonly string[] => Object.keys(spec.columns ?? {});
  const moved = new Set([
    ...added(specOf(recorded)).filter((name) => !added(specOf(desired)).includes(name)),
    ...added(specOf(desired)).filter((name) => !added(specOf(recorded)).includes(name)),
  ]);
  const [old, next] = [typesOf(before), typesOf(after)];
  return [...new Set([...old.keys(), ...next.keys()])]
    .sort()
    .filter((name) => old.get(name) !== next.get(name) && (!moved.has(name) || (old.has(name) && next.has(name))))
    .map((name) => ({
      path: `${OBSERVED}${escapePointer(name)}`,
      before: old.get(name) ?? null,
      after: next.get(name) ?? null,
    }));
}

function typesOf(columns: readonly Column[]): ReadonlyMap<string, string> {
  return new Map(columns.map(({ name, type }) => [name, type]));
}

/** The reason of a change that the specs do not tell. */
export function columnReason(diffs: readonly AttributeDiff[]): string | undefined {
  const said = diffs.flatMap(({ path, before, after }) => {
    if (!path.startsWith(OBSERVED)) return [];
    const column = pointerSegments(path).at(-1) ?? '';
    if (after === null) return `column ${column} is gone`;
    return before === null ? `column ${column} is new` : `column ${column} is ${String(after)}, was ${String(before)}`;
  });
  if (said.length === 0) return undefined;
  return said.length > 3 ? `${said.slice(0, 3).join(', ')} and ${said.length - 3} more columns` : said.join(', ');
}

export interface ColumnChange {
  readonly column: string;
  /** JSON pointer. */
  readonly path: string;
  readonly change: 'gone' | 'new' | 'retyped' | 'computed';
  /** How it changed, for a sentence. */
  readonly what: string;
}

/** Fields by which single columns change, and those by which none does. */
const BY_COLUMN = new Set(['columns', 'types']);
const READ_BY = new Set(['file', 'format', 'nulls', 'delimiter', 'query']);

/** The columns whose values change; `all` where it is the whole source; undefined where it reads as before. */
export function changedColumns(diffs: readonly AttributeDiff[]): readonly ColumnChange[] | 'all' | undefined {
  const changes: ColumnChange[] = [];
  for (const { path, before, after } of diffs) {
    const [field = '', ...rest] = pointerSegments(path);
    const observed = path.startsWith(OBSERVED);
    if (!observed && READ_BY.has(field)) return 'all';
    if (!observed && !BY_COLUMN.has(field)) continue;
    const named = rest.at(-1);
    // All of `columns` or `types` at once: the members tell which.
    const members =
      named === undefined ? [...new Set([...Object.keys(asObject(before)), ...Object.keys(asObject(after))])] : [named];
    for (const column of members) {
      const [old, next] =
        named === undefined ? [asObject(before)[column] ?? null, asObject(after)[column] ?? null] : [before, after];
      changes.push({ column, path, ...kindOfChange(observed || field === 'columns', old, next, observed) });
    }
  }
  return changes.length === 0 ? undefined : changes;
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
  if (makesColumn) return { change: 'computed', what: 'is computed differently' };
  return { change: 'retyped', what: 'is read as another type' };
}

function asObject(value: JsonValue): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}

/** Features by lineage as they will be; those of sets that go are nobody's concern. */
export type LineagesAfter = Iterable<{ readonly set: string; readonly lineage: FeatureLineage }>;

/** What the loss or another type of single columns means for the features that read them. */
export function analyzeColumns(
  desired: Resource | undefined,
  diffs: readonly AttributeDiff[],
  lineages: () => LineagesAfter,
): Analysis {
  const changes = changedColumns(diffs);
  if (desired === undefined || changes === undefined || changes === 'all') return SAFE;
  const findings = changes.flatMap(({ column, path, change, what }, index) => {
    if (change === 'new' || change === 'computed') return [];
    // A column whose type in the spec and in the file changed is told once.
    if (changes.findIndex((other) => other.column === column && other.change === change) !== index) return [];
    const readers = readersOf(desired.name, column, lineages());
    if (readers.length === 0) return [];
    const read = `${listed(readers)} ${readers.length === 1 ? 'reads' : 'read'} it`;
    const named = `${desired.name}.${column}`;
    if (change === 'gone')
      return finding('FS120', 'error', desired, {
        detail: `${named} ${what}, but ${read}: the rows could not be computed any more.`,
        fix: `bring the column back, or take ${listed(readers)} away from it first`,
        pointer: path,
      });
    return finding('FS121', 'warning', desired, {
      detail: `${named} ${what}, and ${read}: values are converted from the new type, and one that cannot be ends the materialization.`,
      fix: `look whether the values still fit; \`types: { ${column}: … }\` in the source fixes how the file is read`,
      pointer: path,
    });
  });
  const lost = findings.some(({ code }) => code === 'FS120');
  return { class: lost ? 'breaking' : findings.length > 0 ? 'backfill' : 'safe', findings };
}

function readersOf(source: string, column: string, lineages: LineagesAfter): readonly string[] {
  const readers: string[] = [];
  for (const { set, lineage } of lineages)
    for (const [feature, columns] of Object.entries(lineage))
      if (columns?.some((read) => isColumn(read, source, column)) === true) readers.push(`${set}.${feature}`);
  return readers.sort();
}

/** As engines compare names: upper and lower case are one. */
export function isColumn(read: { readonly source: string; readonly column: string }, source: string, column: string) {
  return read.source === source && read.column.toLowerCase() === column.toLowerCase();
}
