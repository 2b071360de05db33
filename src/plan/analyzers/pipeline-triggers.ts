/** What starts a pipeline beside its schedule. */
import { canonicallyEqual } from '../../lib/canonical.ts';
import type { CanonicalPipeline } from '../../spec/canonical-specs.ts';
import { triggerText } from '../../spec/triggers.ts';
import { type Analysis, type AnalysisContext, finding, listed, says } from './analyzer.ts';

type Context = AnalysisContext<'pipeline'>;

/** PL121. */
export function triggerChanges(
  { address, desired }: Context,
  before: CanonicalPipeline,
  after: CanonicalPipeline,
): Analysis | undefined {
  const [old = [], next = []] = [before.triggers, after.triggers];
  if (canonicallyEqual(old, next)) return undefined;
  const added = next.filter((one) => !old.some((other) => canonicallyEqual(one, other)));
  const gone = old.filter((one) => !next.some((other) => canonicallyEqual(one, other)));
  if (added.length === 0 && gone.length === 0) return undefined;
  const told = [
    ...(gone.length === 0 ? [] : [`is no longer started by ${listed(gone.map(triggerText))}`]),
    ...(added.length === 0 ? [] : [`is started by ${listed(added.map(triggerText))}`]),
  ];
  const alone = next.length === 0 && after.schedule === undefined;
  return says(
    'safe',
    finding('PL121', alone ? 'warning' : 'info', desired, {
      detail: `${address} ${told.join(', and ')}.${alone ? ' From now on it runs only when asked.' : ''}`,
      ...(alone ? { fix: 'see that something else starts it: mlops run, or POST /api/v1/runs' } : {}),
      pointer: after.triggers === undefined ? '' : '/triggers',
    }),
  );
}

/** PL122. */
export function breakerChange(
  { address, desired }: Context,
  before: CanonicalPipeline,
  after: CanonicalPipeline,
): Analysis | undefined {
  if (canonicallyEqual(before.breaker ?? null, after.breaker ?? null)) return undefined;
  const { breaker } = after;
  return says(
    'safe',
    finding('PL122', breaker === undefined ? 'warning' : 'info', desired, {
      detail:
        breaker === undefined
          ? `Nothing stops ${address} from being started again and again while each of its runs fails.`
          : `After ${breaker.failures} ${breaker.failures === 1 ? 'run that fails' : 'runs in a row that fail'} nothing starts ${address} by itself for ${breaker.pause ?? '1h'}; then one run tries.`,
      ...(breaker === undefined ? { fix: 'see that somebody is told of failed runs' } : {}),
      pointer: breaker === undefined ? '' : '/breaker',
    }),
  );
}
