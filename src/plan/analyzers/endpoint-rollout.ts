/** What a change of an endpoint means for its rollout that is under way, as far as it is known. */
import { canonicallyEqual } from '../../lib/canonical.ts';
import type { CanonicalEndpoint } from '../../spec/canonical-specs.ts';
import type { Rollout } from '../../spec/schema-types.ts';
import type { RolloutFacts } from '../../stores/control/facts.ts';
import { type Analysis, type AnalysisContext, finding, says } from './analyzer.ts';
import { percent } from './traffic.ts';

type Context = AnalysisContext<'endpoint'>;

export function rolloutChanges(
  context: Context,
  before: CanonicalEndpoint,
  after: CanonicalEndpoint,
): readonly (Analysis | undefined)[] {
  return [underWay(context, before, after), differentModels(context, before, after)];
}

function underWay(context: Context, before: CanonicalEndpoint, after: CanonicalEndpoint): Analysis | undefined {
  const { address, facts, desired } = context;
  const rollout = facts.rollouts?.get(before.name);
  if (rollout === undefined) return undefined;
  const meaning = meaningOf(rollout, before, after);
  if (meaning === undefined) return undefined;
  const stands = `The rollout of version ${rollout.version} of ${address} is ${rollout.status.replace('_', ' ')} at ${percent(rollout.share)}`;
  return says(
    meaning.ends ? 'breaking' : 'safe',
    finding('EP130', meaning.ends ? 'warning' : 'info', desired, {
      detail: `${stands}: ${meaning.detail}.`,
      ...(meaning.ends && {
        fix: `let it come to its end first, or end it yourself: mlops rollouts abort ${before.name}`,
      }),
      ...(after.rollout !== undefined && { pointer: '/rollout' }),
    }),
  );
}

interface Meaning {
  readonly ends: boolean;
  readonly detail: string;
}

function meaningOf(facts: RolloutFacts, before: CanonicalEndpoint, after: CanonicalEndpoint): Meaning | undefined {
  const back = 'its keys go back to the baseline at once';
  const [was, is] = [before.rollout, after.rollout];
  if (was === undefined) return undefined;
  if (is === undefined) return { ends: true, detail: `it ends, for the endpoint asks for none any more; ${back}` };
  if (was.candidate !== is.candidate || was.baseline !== is.baseline)
    return { ends: true, detail: `it ends, for it is between other variants now; ${back}` };
  if (!canonicallyEqual(before.variants[was.candidate], after.variants[is.candidate]))
    return {
      ends: true,
      detail: `it ends where ${is.candidate} follows another version then; ${back}, and another one begins`,
    };
  if (canonicallyEqual(was.steps, is.steps))
    return canonicallyEqual(was, is)
      ? undefined
      : { ends: false, detail: 'from its next measurement on it is judged by the new rules' };
  return { ends: false, detail: goesOn(facts, is) };
}

/** As the daemon takes the edit over. */
function goesOn({ share }: RolloutFacts, { steps }: Rollout): string {
  const at = steps.findIndex((step) => step.share >= share);
  const index = at === -1 ? steps.length - 1 : at;
  const next = Math.max(share, steps[index]?.share ?? 0);
  const kept = at === -1 ? ', which is more than any step gives now: keys are never taken back' : '';
  return `it goes on with step ${index + 1} of ${steps.length} at ${percent(next)}${kept}`;
}

/** Also of an endpoint that is made. */
export function differentModels(
  { address, desired, diffs }: Context,
  before: CanonicalEndpoint | undefined,
  after: CanonicalEndpoint,
): Analysis | undefined {
  const { rollout } = after;
  if (rollout === undefined) return undefined;
  if (before !== undefined && !diffs.some(({ path }) => /^\/(rollout|variants)(\/|$)/.test(path))) return undefined;
  const [own, other] = [after.variants[rollout.candidate]?.model, after.variants[rollout.baseline]?.model];
  if (own === other) return undefined;
  return says(
    'safe',
    finding('EP131', 'warning', desired, {
      detail: `${address} measures model.${own} against model.${other}: what they are measured by must mean the same for both, and neither takes the other's place by itself.`,
      pointer: '/rollout/candidate',
    }),
  );
}
