/** Sources and feature sets that a pipeline no longer ingests or materializes, and that stay. */

import { addressOf } from '../../spec/address.ts';
import type { CanonicalPipeline } from '../../spec/canonical-specs.ts';
import { type Analysis, type AnalysisContext, finding, listed, says } from './analyzer.ts';
import { materializedElsewhere } from './materializers.ts';

type Context = AnalysisContext<'pipeline'>;

export function noLongerFed(
  context: Context,
  before: CanonicalPipeline,
  after: CanonicalPipeline | undefined,
): readonly (Analysis | undefined)[] {
  const { address, desired, stays, desiredResources } = context;
  const pointer = after === undefined ? '' : '/tasks';
  const fed = feedsOf(after);
  const gone = [...feedsOf(before)].filter((one) => !fed.has(one) && stays(one));
  if (gone.length === 0) return [];
  const alone = gone.filter((one) => {
    if (!one.startsWith('feature_set.')) return false;
    const set = desiredResources.get(one);
    const own = set?.kind === 'feature_set' && (set.spec.materialize?.cron !== undefined || set.spec.push === true);
    return !own && !materializedElsewhere(one.slice('feature_set.'.length), context, address);
  });
  const rest = alone.length === 0 ? '' : ` Nothing else fills ${listed(alone)} by a schedule.`;
  return [
    says(
      alone.length === 0 ? 'safe' : 'breaking',
      finding('PL104', 'warning', desired, {
        detail: `${address} no longer feeds ${listed(gone)}: what is stored stays as it is and grows old.${rest}`,
        fix: 'let another pipeline, or `materialize` of the set, do it; or destroy what is not needed',
        pointer,
      }),
    ),
  ];
}

function feedsOf(pipeline: CanonicalPipeline | undefined): ReadonlySet<ReturnType<typeof addressOf>> {
  return new Set(
    Object.values(pipeline?.tasks ?? {}).flatMap((task) => {
      if (task.operator === 'data_ingestion') return [addressOf('source', task.source)];
      if ((task.operator === 'sql_query' || task.operator === 'batch_prediction') && task.into !== undefined)
        return [addressOf('feature_set', task.into)];
      if (task.operator !== 'feature_materialization') return [];
      return task.featureSets.map((set) => addressOf('feature_set', set));
    }),
  );
}
