/** A sql_query task whose query changes: the sets that it is written into hold rows of both. */
import { canonicallyEqual } from '../../lib/canonical.ts';
import { type Address, addressOf } from '../../spec/address.ts';
import type { CanonicalPipeline, CanonicalTask } from '../../spec/canonical-specs.ts';
import { setsBehind } from '../../spec/query-writes.ts';
import { type Analysis, type AnalysisContext, finding, listed, says } from './analyzer.ts';

type Context = AnalysisContext<'pipeline'>;

export function otherRows(
  context: Context,
  name: string,
  old: CanonicalTask,
  next: CanonicalTask,
  here: string,
  before: CanonicalPipeline,
  after: CanonicalPipeline,
): readonly Analysis[] {
  if (old.operator !== 'sql_query' || next.operator !== 'sql_query') return [];
  const { address, desired } = context;
  const [was, is] = [writtenFrom(name, before, context), writtenFrom(name, after, context)];
  const asksElse = canonicallyEqual(old.query, next.query) ? [] : [asksOther(context, name, is, here)];
  const gone = was.filter((set) => !is.includes(set) && context.stays(set));
  if (gone.length === 0 || old.into === next.into) return asksElse;
  const other = says(
    'backfill',
    finding('PL114', 'warning', desired, {
      detail: `The result of ${name} of ${address} is no longer written into ${listed(gone)}: what was written stays as it is and grows old.`,
      fix: 'let another query write it, or destroy what is not needed',
      pointer: next.into === undefined ? here : `${here}/into`,
    }),
  );
  return [...asksElse, other];
}

/** Sets whose rows come from no source of their own, and the one that the query names. */
function writtenFrom(name: string, pipeline: CanonicalPipeline, { desiredResources }: Context): readonly Address[] {
  const task = pipeline.tasks[name];
  const named = task?.operator === 'sql_query' && task.into !== undefined;
  return setsBehind(name, pipeline)
    .map((set) => addressOf('feature_set', set))
    .filter((set) => {
      const resource = desiredResources.get(set);
      return named || resource?.kind !== 'feature_set' || resource.spec.push === true;
    });
}

function asksOther({ address, desired }: Context, name: string, sets: readonly Address[], here: string): Analysis {
  const into = listed(sets);
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
