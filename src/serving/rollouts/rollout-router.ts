/**
 * Routing where an endpoint has a rollout: of the keys that the split gives the baseline, the candidate gets those of its share, while it serves
 * the very version that is rolled out. Otherwise it gets none, not even where nobody else serves.
 */
import type { CanonicalEndpoint } from '../../spec/canonical-specs.ts';
import type { Router } from '../router.ts';
import { isCandidates } from './candidate-share.ts';
import type { RolloutTrafficReader } from './rollout-traffic.ts';

export function withRollout(
  router: Router,
  { name, rollout, split }: Pick<CanonicalEndpoint, 'name' | 'rollout' | 'split'>,
  traffic: Pick<RolloutTrafficReader, 'of'> | undefined,
  /** The version that the variant has loaded. */
  loaded: (variant: string) => number | undefined,
): Router {
  if (rollout === undefined) return router;
  const { candidate, baseline } = rollout;
  const now = () => {
    const found = traffic?.of(name);
    return found?.candidate === candidate && found.version === loaded(candidate) ? found : undefined;
  };
  const assigned = (key: string): string => {
    const variant = router.assigned(key);
    if (variant !== baseline) return variant;
    const rolling = now();
    return rolling !== undefined && isCandidates(rolling, key) ? candidate : baseline;
  };
  return {
    variants: router.variants,
    assigned,
    route: (key, serves) =>
      assigned(key) === candidate && serves(candidate)
        ? candidate
        : router.route(key, (variant) => variant !== candidate && serves(variant)),
    largest: (serves) => router.largest((variant) => variant !== candidate && serves(variant)),
    share: (variant) => {
      const given = ((now()?.share ?? 0) * (split[baseline] ?? 0)) / 100;
      if (variant === candidate) return given;
      return (split[variant] ?? 0) - (variant === baseline ? given : 0);
    },
  };
}
