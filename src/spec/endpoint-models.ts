/** Every model that an endpoint names: whoever asks what it serves, reads or needs must know of members, stacking models and shadows too. */
import type { CanonicalEndpoint, CanonicalVariant } from './canonical-specs.ts';
import { pointerTo } from './locator.ts';
import type { Combination, Ensemble } from './schema-types.ts';

/** Which version of which model. */
export interface FollowedModel {
  readonly model: string;
  readonly stage?: 'production' | 'staging' | 'development';
  readonly version?: number;
}

export interface EndpointModel extends FollowedModel {
  /** Who asks it: a variant, an ensemble for a member's answer or for the answer made of them, or a shadow. */
  readonly role: 'variant' | 'member' | 'stacking' | 'shadow';
  /** Of the variant or the shadow. */
  readonly name: string;
  /** Of an ensemble's member. */
  readonly member?: string;
  /** JSON pointer into the spec. */
  readonly pointer: string;
}

type Models = Pick<CanonicalEndpoint, 'variants' | 'shadows'>;

/** In the order written: variants, with the members and the stacking model of each ensemble, then shadows. */
export function modelsOf({ variants, shadows = {} }: Models): readonly EndpointModel[] {
  return [
    ...Object.entries(variants).flatMap(([name, variant]) => modelsOfVariant(name, variant)),
    ...Object.entries(shadows).map(
      ([name, shadow]): EndpointModel => ({
        ...followed(shadow),
        role: 'shadow',
        name,
        pointer: pointerTo('/shadows', name),
      }),
    ),
  ];
}

export function modelsOfVariant(name: string, variant: CanonicalVariant): readonly EndpointModel[] {
  const pointer = pointerTo('/variants', name);
  if (variant.ensemble === undefined) return [{ ...followed(variant), role: 'variant', name, pointer }];
  const { members, combine } = variant.ensemble;
  const stacking = combinationOf(combine).stacking;
  return [
    ...Object.entries(members).map(
      ([member, target]): EndpointModel => ({
        ...followed(target),
        role: 'member',
        name,
        member,
        pointer: pointerTo(`${pointer}/ensemble/members`, member),
      }),
    ),
    ...(stacking === undefined
      ? []
      : [{ ...followed(stacking), role: 'stacking', name, pointer: `${pointer}/ensemble/combine/stacking` } as const]),
  ];
}

/** The same endpoint with each model that it names as `change` makes it. */
export function withModels<T extends CanonicalEndpoint>(endpoint: T, change: <M extends FollowedModel>(of: M) => M): T {
  const mapped = <M extends FollowedModel>(all: Readonly<Record<string, M>>): Record<string, M> =>
    Object.fromEntries(Object.entries(all).map(([name, one]) => [name, change(one)]));
  const variants = Object.entries(endpoint.variants).map(([name, variant]): [string, CanonicalVariant] => {
    if (variant.ensemble === undefined) return [name, change(variant)];
    const { members, combine } = variant.ensemble;
    const stacking = combinationOf(combine).stacking;
    const ensemble: Ensemble = {
      members: mapped(members),
      combine: stacking === undefined ? combine : { stacking: change(stacking) },
    };
    return [name, { ...variant, ensemble }];
  });
  return {
    ...endpoint,
    variants: Object.fromEntries(variants),
    ...(endpoint.shadows !== undefined && { shadows: mapped(endpoint.shadows) }),
  };
}

/** What a combination has settings for; nothing of `mean` and `vote`. */
export function combinationOf(combine: Ensemble['combine']): Combination {
  return typeof combine === 'string' ? {} : combine;
}

/** Both a stage and a version only where somebody wrote both. */
function followed({ model, stage, version }: FollowedModel): FollowedModel {
  if (version === undefined) return { model, stage: stage ?? 'production' };
  return stage === undefined ? { model, version } : { model, stage, version };
}
