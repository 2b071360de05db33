/** What the result of a sql_query task must carry for the feature sets that are materialized after it. */
import type { Diagnostic } from '../lib/diagnostics.ts';
import { didYouMean } from '../lib/suggest.ts';
import type { CanonicalFeatureSet, CanonicalPipeline } from './canonical-specs.ts';
import { has } from './check-spine.ts';
import type { LoadedResource, ResourceTable } from './loaded-resource.ts';
import { pointerTo } from './locator.ts';
import { toDiagnostic } from './problem.ts';

/**
 * A set whose rows come by push alone is named after a query to be written by it: a query must carry its keys and features. Of
 * other sets the rows come from their sources, so a query before them may be for another.
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
    if (task.operator !== 'feature_materialization') continue;
    const queries = queriesBefore(name, tasks);
    const known = queries.flatMap((query) => results.get(query) ?? []);
    if (queries.length === 0 || queries.some((query) => results.get(query) === undefined)) continue;
    for (const [index, setName] of task.featureSets.entries()) {
      const set = table.get('feature_set', setName);
      if (set?.push !== true) continue;
      const needed = carriedColumns(set, Object.keys(table.get('entity', set.entity)?.keys ?? {}));
      const missing = queries.map((query) => needed.filter((column) => !has(results.get(query) ?? [], column)));
      const least = [...missing].sort((a, b) => a.length - b.length)[0] ?? [];
      if (least.length === 0) continue;
      const query = queries[missing.indexOf(least)];
      diagnostics.push(
        toDiagnostic(
          {
            code: 'SP203',
            pointer: `${pointerTo('/tasks', name)}/featureSets/${index}`,
            detail: `The result of "${query}" has no column ${least.map((column) => `"${column}"`).join(' and ')}, which the feature set "${setName}" needs to be written from it.`,
            hint: didYouMean(least[0] ?? '', known) ?? `it has: ${results.get(query ?? '')?.join(', ')}`,
          },
          resource,
        ),
      );
    }
  }
}

/** Keys, and what each feature that is stored is taken from. */
function carriedColumns({ features }: CanonicalFeatureSet, keys: readonly string[]): readonly string[] {
  const stored = Object.entries(features).filter(([, { expr }]) => expr === undefined);
  return [...keys, ...stored.map(([name, { column }]) => column ?? name)];
}

/** Names of the sql_query tasks above a task, the nearest first. */
function queriesBefore(name: string, tasks: CanonicalPipeline['tasks']): readonly string[] {
  const found: string[] = [];
  const seen = new Set<string>();
  let frontier = tasks[name]?.needs ?? [];
  while (frontier.length > 0) {
    const next: string[] = [];
    for (const above of frontier) {
      if (seen.has(above)) continue;
      seen.add(above);
      if (tasks[above]?.operator === 'sql_query') found.push(above);
      next.push(...(tasks[above]?.needs ?? []));
    }
    frontier = next;
  }
  return found;
}
