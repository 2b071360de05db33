/** What the result of a sql_query task must carry for the feature sets that are materialized after it. */
import type { Diagnostic } from '../lib/diagnostics.ts';
import { didYouMean } from '../lib/suggest.ts';
import type { CanonicalFeatureSet, CanonicalPipeline } from './canonical-specs.ts';
import { has } from './check-spine.ts';
import type { LoadedResource, ResourceTable } from './loaded-resource.ts';
import { pointerTo } from './locator.ts';
import { toDiagnostic } from './problem.ts';
import { queriesAbove } from './query-writes.ts';

/**
 * A set whose rows come by push alone is named after a query to be written by it: a query must carry its keys and features. Of
 * other sets the rows come from their sources, so a query before them may be for another. A query that names its set must carry it.
 * `results`: columns of each sql_query task; undefined where not all are known.
 */
export function checkResults(
  resource: LoadedResource,
  { tasks }: CanonicalPipeline,
  results: ReadonlyMap<string, readonly string[] | undefined>,
  table: ResourceTable,
  diagnostics: Diagnostic[],
): void {
  for (const [name, task] of Object.entries(tasks)) {
    if (task.operator === 'sql_query' && task.into !== undefined) {
      const set = table.get('feature_set', task.into);
      if (set !== undefined) check(set, [name], `${pointerTo('/tasks', name)}/into`);
    }
    if (task.operator !== 'feature_materialization') continue;
    for (const [index, setName] of task.featureSets.entries()) {
      const set = table.get('feature_set', setName);
      if (set?.push === true)
        check(set, queriesAbove(name, setName, { tasks }), `${pointerTo('/tasks', name)}/featureSets/${index}`);
    }
  }

  /** One of the queries must carry the set. */
  function check(set: CanonicalFeatureSet, queries: readonly string[], pointer: string): void {
    const known = queries.flatMap((query) => results.get(query) ?? []);
    if (queries.length === 0 || queries.some((query) => results.get(query) === undefined)) return;
    const needed = carriedColumns(set, Object.keys(table.get('entity', set.entity)?.keys ?? {}));
    const missing = queries.map((query) => needed.filter((column) => !has(results.get(query) ?? [], column)));
    const least = [...missing].sort((a, b) => a.length - b.length)[0] ?? [];
    if (least.length === 0) return;
    const query = queries[missing.indexOf(least)];
    diagnostics.push(
      toDiagnostic(
        {
          code: 'SP203',
          pointer,
          detail: `The result of "${query}" has no column ${least.map((column) => `"${column}"`).join(' and ')}, which the feature set "${set.name}" needs to be written from it.`,
          hint: didYouMean(least[0] ?? '', known) ?? `it has: ${results.get(query ?? '')?.join(', ')}`,
        },
        resource,
      ),
    );
  }
}

/** Keys, and what each feature that is stored is taken from. */
export function carriedColumns({ features }: CanonicalFeatureSet, keys: readonly string[]): readonly string[] {
  const stored = Object.entries(features).filter(([, { expr }]) => expr === undefined);
  return [...keys, ...stored.map(([name, { column }]) => column ?? name)];
}
