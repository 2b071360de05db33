/** Results of an applied endpoint: which time they are of, and which shares its variants have. */
import { MlopsError } from '../../lib/error.ts';
import { didYouMean } from '../../lib/suggest.ts';
import type { CanonicalEndpoint } from '../../spec/canonical-specs.ts';
import type { Catalog } from '../../stores/control/catalog.ts';
import { isActive, type Rollout, type RolloutStore } from '../../stores/control/rollouts.ts';
import type { VariantFiguresStore } from '../../stores/control/variant-figures.ts';
import { type Results, type ResultsQuestion, resultsOf } from './results.ts';

export interface ResultsRequest extends Partial<Omit<ResultsQuestion, 'sharesSince'>> {}

export interface EndpointResults {
  /** EP201, API422. */
  of(endpoint: string, request: ResultsRequest, signal?: AbortSignal): Promise<Results>;
}

const DEFAULT_SINCE_MS = 7 * 86_400_000;
const DEFAULT_ALPHA = 0.05;
const DEFAULT_POWER = 0.8;

export function createEndpointResults({
  catalog,
  rollouts,
  figures,
}: {
  readonly catalog: Catalog;
  readonly rollouts: Pick<RolloutStore, 'newestOf' | 'now'>;
  readonly figures: VariantFiguresStore['figures'];
}): EndpointResults {
  return {
    of: async (endpoint, request, signal) => {
      const recorded = catalog.get('endpoint', endpoint);
      if (recorded === undefined)
        throw new MlopsError('EP201', {
          detail: `No endpoint "${endpoint}" is applied.`,
          hint: didYouMean(
            endpoint,
            catalog.list('endpoint').map(({ name }) => name),
          ),
          status: 404,
        });
      const { name, spec, updatedAt } = recorded;
      const rollout = spec.rollout === undefined ? undefined : await rollouts.newestOf(name);
      const until = request.until ?? (await rollouts.now());
      const began = rollout !== undefined && isActive(rollout.status) ? rollout.startedAt : undefined;
      const since = request.since ?? began ?? new Date(until.getTime() - DEFAULT_SINCE_MS);
      const { alpha = DEFAULT_ALPHA, power = DEFAULT_POWER } = request;
      const question = { ...request, since, until, alpha, power, sharesSince: latest(updatedAt, rollout) };
      return resultsOf(spec, sharesOf(spec, rollout), question, figures, signal);
    },
  };
}

/** Since the spec, the step or the end of the rollout. */
function latest(updatedAt: Date, rollout: Rollout | undefined): Date {
  const times = [updatedAt, rollout?.stepStartedAt, rollout?.endedAt].filter((at) => at instanceof Date);
  return new Date(Math.max(...times.map((at) => at.getTime())));
}

/** Percent of the keys, by variant. */
export function sharesOf(
  { variants, split, rollout }: CanonicalEndpoint,
  newest: Rollout | undefined,
): ReadonlyMap<string, number> {
  const shares = new Map(Object.keys(variants).map((name) => [name, split[name] ?? 0]));
  if (rollout === undefined || newest?.candidate !== rollout.candidate) return shares;
  const given = ((split[rollout.baseline] ?? 0) * newest.share) / 100;
  shares.set(rollout.candidate, given);
  shares.set(rollout.baseline, (split[rollout.baseline] ?? 0) - given);
  return shares;
}
