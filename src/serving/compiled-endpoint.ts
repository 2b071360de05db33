/** An applied endpoint, ready to route: everything that follows from its spec alone, made once. */
import { durationMs } from '../lib/units.ts';
import type { CanonicalEndpoint, CanonicalVariant } from '../spec/canonical-specs.ts';
import { combinationOf, type FollowedModel } from '../spec/endpoint-models.ts';
import { ruleName } from '../spec/endpoint-rules.ts';
import type { Shadow } from '../spec/schema-types.ts';
import { type Condition, createCondition } from './conditions.ts';
import type { ModelSlots, Target } from './model-slots.ts';
import { withRollout } from './rollouts/rollout-router.ts';
import type { RolloutTrafficReader } from './rollouts/rollout-traffic.ts';
import { createRouter, type Router } from './router.ts';
import type { BatchLimits } from './runtime/batcher.ts';
import { batchingOf } from './runtime/batching.ts';

export interface CompiledEndpoint {
  readonly spec: CanonicalEndpoint;
  readonly router: Router;
  readonly rules: readonly CompiledRule[];
  readonly variants: ReadonlyMap<string, CompiledVariant>;
  readonly shadows: readonly CompiledShadow[];
  /** Of the variants that are one model. */
  readonly targets: ReadonlyMap<string, Target>;
  /** All that it asks for: of variants, members, stacking and shadows. */
  readonly allTargets: readonly Target[];
  /** How its requests run together; undefined: as the runtime does by itself. */
  readonly batching: BatchLimits | undefined;
}

export interface CompiledRule {
  readonly name: string;
  readonly holds: Condition;
  readonly variant: string;
}

export interface CompiledVariant {
  readonly name: string;
  /** Exactly one of the two. */
  readonly target: Target | undefined;
  readonly ensemble: CompiledEnsemble | undefined;
  readonly timeoutMs: number | undefined;
  readonly fallback: string | undefined;
}

export interface CompiledEnsemble {
  readonly members: readonly CompiledMember[];
  readonly way: 'mean' | 'weighted' | 'vote' | 'stacking' | 'pick';
  readonly stacking: Target | undefined;
  /** In order; one without a condition holds always. */
  readonly pick: readonly { readonly holds: Condition | undefined; readonly member: string }[];
}

export interface CompiledMember {
  readonly name: string;
  readonly target: Target;
  readonly weight: number;
  readonly timeoutMs: number | undefined;
  readonly optional: boolean;
  /** The score that stands for it where it does not answer. */
  readonly default: number | undefined;
}

export interface CompiledShadow {
  readonly name: string;
  readonly target: Target;
  /** Percent. */
  readonly share: number;
}

export function compileEndpoint(
  spec: CanonicalEndpoint,
  traffic: Pick<RolloutTrafficReader, 'of'> | undefined,
  slots: () => ModelSlots,
): CompiledEndpoint {
  const variants = Object.entries(spec.variants).map(([name, variant]) => compileVariant(name, variant));
  const shadows = Object.entries(spec.shadows ?? {}).map(([name, shadow]) => compileShadow(name, shadow));
  const targets = variants.flatMap(({ name, target }): [string, Target][] =>
    target === undefined ? [] : [[name, target]],
  );
  const served = new Map(targets);
  const loaded = (variant: string): number | undefined => {
    const target = served.get(variant);
    return target && slots().current(target)?.version.version;
  };
  return {
    spec,
    router: withRollout(createRouter(spec), spec, traffic, loaded),
    rules: (spec.rules ?? []).map((rule, index) => ({
      name: ruleName(rule, index),
      holds: createCondition(rule.when),
      variant: rule.variant,
    })),
    variants: new Map(variants.map((variant) => [variant.name, variant])),
    shadows,
    targets: served,
    allTargets: [...variants.flatMap(targetsOf), ...shadows.map(({ target }) => target)],
    batching: batchingOf(spec.batching),
  };
}

function compileVariant(name: string, variant: CanonicalVariant): CompiledVariant {
  return {
    name,
    target: variant.ensemble === undefined ? targetOf(variant) : undefined,
    ensemble: variant.ensemble === undefined ? undefined : compileEnsemble(variant.ensemble),
    timeoutMs: variant.timeout === undefined ? undefined : durationMs(variant.timeout),
    fallback: variant.fallback,
  };
}

function compileEnsemble({ members, combine }: NonNullable<CanonicalVariant['ensemble']>): CompiledEnsemble {
  const { weighted, stacking, pick } = combinationOf(combine);
  const way = typeof combine === 'string' ? combine : weighted ? 'weighted' : stacking ? 'stacking' : 'pick';
  return {
    members: Object.entries(members).map(([name, member]) => ({
      name,
      target: targetOf(member),
      weight: weighted?.[name] ?? 1,
      timeoutMs: member.timeout === undefined ? undefined : durationMs(member.timeout),
      optional: member.optional === true,
      default: member.default,
    })),
    way,
    stacking: stacking === undefined ? undefined : targetOf(stacking),
    pick: (pick ?? []).map(({ when, member }) => ({
      holds: when === undefined ? undefined : createCondition(when),
      member,
    })),
  };
}

function compileShadow(name: string, shadow: Shadow): CompiledShadow {
  return { name, target: targetOf(shadow), share: shadow.share ?? 100 };
}

/** What a variant asks for. */
export function targetsOf({ target, ensemble }: CompiledVariant): readonly Target[] {
  if (ensemble === undefined) return target === undefined ? [] : [target];
  return [
    ...ensemble.members.map((member) => member.target),
    ...(ensemble.stacking === undefined ? [] : [ensemble.stacking]),
  ];
}

function targetOf({ model, stage = 'production', version }: FollowedModel): Target {
  return { model, stage, version };
}
