/** Which feature sets the result of a query of a pipeline may be written into. Which of them carry it, their columns say. */
import type { CanonicalPipeline } from './canonical-specs.ts';

/** The set that it names; else all that are materialized after it. */
export function setsBehind(query: string, { tasks }: Pick<CanonicalPipeline, 'tasks'>): readonly string[] {
  const task = tasks[query];
  if (task?.operator !== 'sql_query') return [];
  if (task.into !== undefined) return [task.into];
  const behind = new Set([query]);
  for (let size = -1; size !== behind.size; ) {
    size = behind.size;
    for (const [other, { needs }] of Object.entries(tasks))
      if (needs.some((need) => behind.has(need))) behind.add(other);
  }
  const found = [...behind].flatMap((other) => {
    const materialization = tasks[other];
    return materialization?.operator === 'feature_materialization' ? materialization.featureSets : [];
  });
  return [...new Set(found)];
}

/** Names of the queries above a task that may be written into the set, the nearest first. */
export function queriesAbove(
  name: string,
  set: string,
  { tasks }: Pick<CanonicalPipeline, 'tasks'>,
): readonly string[] {
  const found: string[] = [];
  const seen = new Set<string>();
  let frontier = tasks[name]?.needs ?? [];
  while (frontier.length > 0) {
    const next: string[] = [];
    for (const above of frontier) {
      if (seen.has(above)) continue;
      seen.add(above);
      const task = tasks[above];
      if (task?.operator === 'sql_query' && (task.into === undefined || task.into === set)) found.push(above);
      next.push(...(task?.needs ?? []));
    }
    frontier = next;
  }
  return found;
}
