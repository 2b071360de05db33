/** What an endpoint keeps of its predictions, and what it is told of them. */
import { durationMs } from '../../lib/units.ts';
import type { CanonicalEndpoint } from '../../spec/canonical-specs.ts';
import { type Analysis, type AnalysisContext, finding, listed, says, together } from './analyzer.ts';
import { percent } from './traffic.ts';

type Context = AnalysisContext<'endpoint'>;

export function recordsChanged(context: Context, before: CanonicalEndpoint, after: CanonicalEndpoint): Analysis {
  return together([outcome(context, before, after), logged(context, before, after)]);
}

function outcome(
  { address, desired }: Context,
  before: CanonicalEndpoint,
  after: CanonicalEndpoint,
): Analysis | undefined {
  const [old, next] = [before.feedback, after.feedback];
  if (old === undefined || (next?.type === old.type && next.outcome === old.outcome)) return undefined;
  const told =
    next === undefined
      ? `${address} takes no feedback any more`
      : `${address} is told ${next.outcome} (${next.type}) instead of ${old.outcome} (${old.type})`;
  return says(
    'breaking',
    finding('EP121', 'warning', desired, {
      detail: `${told}. Outcomes that were told stay as they are.`,
      fix: 'change those who tell outcomes with it',
      pointer: next === undefined ? '' : '/feedback',
    }),
  );
}

function logged(
  { address, desired }: Context,
  { log: before = {} }: CanonicalEndpoint,
  { log: after = {} }: CanonicalEndpoint,
): Analysis | undefined {
  const [share, nextShare] = [before.share ?? 100, after.share ?? 100];
  const added = (after.exclude ?? []).filter((feature) => !before.exclude?.includes(feature));
  const [keep, nextKeep] = [keptMs(before.keep), keptMs(after.keep)];
  const less = [
    ...(nextShare < share ? [`${percent(nextShare)} of the requests instead of ${percent(share)}`] : []),
    ...(added.length > 0 ? [`no values of ${listed(added)}`] : []),
    ...(nextKeep < keep ? [`in the control store for ${after.keep} instead of ${before.keep ?? 'good'}`] : []),
  ];
  if (less.length === 0) return undefined;
  return says(
    'safe',
    finding('EP122', 'warning', desired, {
      detail: `Of the predictions of ${address} there is logged: ${less.join('; ')}.`,
      pointer: '/log',
    }),
  );
}

const keptMs = (keep: string | undefined): number => (keep === undefined ? Number.POSITIVE_INFINITY : durationMs(keep));
