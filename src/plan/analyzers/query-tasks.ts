/** A sql_query task whose query changes: the sets that it is written into hold rows of both. */
import { canonicallyEqual } from '../../lib/canonical.ts';
import { addressOf } from '../../spec/address.ts';
import type { CanonicalPipeline, CanonicalTask } from '../../spec/canonical-specs.ts';
import { type Analysis, type AnalysisContext, finding, listed, says } from './analyzer.ts';

export function otherRows(
  { address, desired, desiredResources }: AnalysisContext<'pipeline'>,
  name: string,
  old: CanonicalTask,
  next: CanonicalTask,
  here: string,
  after: CanonicalPipeline,
): Analysis | undefined {
  if (old.operator !== 'sql_query' || next.operator !== 'sql_query' || canonicallyEqual(old.query, next.query))
    return undefined;
  const sets = materializedBehind(name, after).filter((set) => {
    const resource = desiredResources.get(addressOf('feature_set', set));
    return resource?.kind !== 'feature_set' || resource.spec.push === true;
  });
  const into = listed(sets.map((set) => addressOf('feature_set', set)));
  return says(
    sets.length === 0 ? 'safe' : 'backfill',
    finding('PL114', sets.length === 0 ? 'info' : 'warning', desired, {
      detail:
        sets.length === 0
          ? `The query of ${name} of ${address} changes; no feature set is written from it alone.`
          : `The query of ${name} of ${address} changes, which is written into ${into}. Rows that were written before stay as they are: where the new query means something else by a feature, models see both.`,
      fix:
        sets.length === 0
          ? undefined
          : 'where a feature means something else, give it a new name in the set, so that a new version is made',
      pointer: `${here}/query`,
    }),
  );
}

function materializedBehind(name: string, { tasks }: CanonicalPipeline): readonly string[] {
  const behind = new Set([name]);
  for (let size = -1; size !== behind.size; ) {
    size = behind.size;
    for (const [other, { needs }] of Object.entries(tasks))
      if (needs.some((need) => behind.has(need))) behind.add(other);
  }
  return [
    ...new Set(
      [...behind].flatMap((other) => {
        const task = tasks[other];
        return task?.operator === 'feature_materialization' ? task.featureSets : [];
      }),
    ),
  ];
}
