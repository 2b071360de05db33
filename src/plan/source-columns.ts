/**
 * The columns of a source as they are now, beside those that were recorded. What a file lost, gained or reads as another type
 * is a change of the source even where its spec is as it was. Where one of both is not known nothing is claimed.
 */
import type { JsonValue } from '../lib/json.ts';
import type { CanonicalSource } from '../spec/canonical-specs.ts';
import type { Column } from '../spec/column.ts';
import type { Resource } from '../spec/project.ts';
import type { RecordedResource } from '../stores/control/state.ts';
import type { AttributeDiff } from './change.ts';
import { escapePointer, pointerSegments } from './diff.ts';

/** `/file/columns/bili`: not a field of the spec, but of what its file is. */
export const OBSERVED = '/file/columns/';

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
