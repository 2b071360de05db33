/** What an endpoint serves now, and why where it does not. */
import { MlopsError } from '../lib/error.ts';
import { didYouMean } from '../lib/suggest.ts';
import type { CompiledEndpoint, CompiledVariant } from './compiled-endpoint.ts';
import type { ModelSlots, Target } from './model-slots.ts';

interface Follows {
  readonly model: string;
  /** A stage, or `version N`. */
  readonly follows: string;
  readonly version: number | null;
  /** Why the version that it should serve is not served; null where all is well. */
  readonly failure: { readonly version: number | null; readonly code: string | null; readonly detail: string } | null;
}

export interface VariantStatus extends Omit<Follows, 'model' | 'follows'> {
  readonly variant: string;
  /** Percent, as the split says, and the rollout. */
  readonly share: number;
  /** Null of an ensemble, as are `follows` and `version`. */
  readonly model: string | null;
  readonly follows: string | null;
  /** Whether it can answer. */
  readonly ready: boolean;
  /** Of an ensemble. */
  readonly combine?: string;
  readonly members?: readonly (Follows & { readonly member: string; readonly optional: boolean })[];
  readonly stacking?: Follows;
}

export interface EndpointStatus {
  readonly endpoint: string;
  readonly variants: readonly VariantStatus[];
  readonly shadows: readonly (Follows & { readonly shadow: string; readonly share: number })[];
}

export function statusOf(endpoint: CompiledEndpoint, slots: ModelSlots): EndpointStatus {
  const { spec, router, variants, shadows } = endpoint;
  return {
    endpoint: spec.name,
    variants: router.variants.map((name) => variantStatus(variants.get(name)!, router.share(name), slots)),
    shadows: shadows.map(({ name, share, target }) => ({ shadow: name, share, ...followsOf(target, slots) })),
  };
}

/** Whether the variant can answer: everything that must be there is loaded. */
export function serves({ target, ensemble }: CompiledVariant, slots: ModelSlots): boolean {
  if (ensemble === undefined) return target !== undefined && slots.current(target) !== undefined;
  if (ensemble.stacking !== undefined && slots.current(ensemble.stacking) === undefined) return false;
  const there = ensemble.members.filter((member) => slots.current(member.target) !== undefined);
  return there.length > 0 && ensemble.members.every((member) => member.optional || there.includes(member));
}

function variantStatus(variant: CompiledVariant, share: number, slots: ModelSlots): VariantStatus {
  const { name, target, ensemble } = variant;
  const ready = serves(variant, slots);
  if (ensemble === undefined) return { variant: name, share, ...followsOf(target!, slots), ready };
  const members = ensemble.members.map((member) => ({
    member: member.name,
    optional: member.optional,
    ...followsOf(member.target, slots),
  }));
  const stacking = ensemble.stacking && followsOf(ensemble.stacking, slots);
  const failed = [...members, ...(stacking === undefined ? [] : [stacking])].find(({ failure }) => failure !== null);
  return {
    variant: name,
    share,
    model: null,
    follows: null,
    version: null,
    failure: failed?.failure ?? null,
    ready,
    combine: ensemble.way,
    members,
    ...(stacking !== undefined && { stacking }),
  };
}

function followsOf(target: Target, slots: ModelSlots): Follows {
  const failure = slots.failure(target);
  return {
    model: target.model,
    follows: target.version === undefined ? target.stage : `version ${target.version}`,
    version: slots.current(target)?.version.version ?? null,
    failure: failure === undefined ? null : { version: failure.version, code: failure.code, detail: failure.detail },
  };
}

export function unknownEndpoint(name: string, known: Iterable<string>): MlopsError {
  return new MlopsError('EP201', {
    detail: `No endpoint "${name}" is applied.`,
    hint: didYouMean(name, known) ?? 'declare it and run `mlops apply`',
    status: 404,
  });
}

export function nothingToServe({ spec, variants }: CompiledEndpoint, slots: ModelSlots): MlopsError {
  const reasons = [...variants.values()].flatMap((variant) =>
    serves(variant, slots)
      ? []
      : targetsNeeded(variant).flatMap(([who, target]) => {
          const why = whyNot(target, slots);
          return why === undefined ? [] : [`${who}: ${why}`];
        }),
  );
  return new MlopsError('EP202', {
    detail: `Endpoint ${spec.name} has nothing to serve. ${reasons.join('; ')}.`,
    hint: 'run the pipeline that trains the model, or promote a version',
    address: `endpoint.${spec.name}`,
    status: 503,
    retryable: true,
  });
}

function targetsNeeded({ name, target, ensemble }: CompiledVariant): readonly (readonly [string, Target])[] {
  if (ensemble === undefined) return target === undefined ? [] : [[name, target]];
  return [
    ...ensemble.members.filter(({ optional }) => !optional).map((one) => [`${name}/${one.name}`, one.target] as const),
    ...(ensemble.stacking === undefined ? [] : [[`${name} (stacking)`, ensemble.stacking] as const]),
  ];
}

/** Undefined where it serves. */
function whyNot(target: Target, slots: ModelSlots): string | undefined {
  if (slots.current(target) !== undefined) return undefined;
  const failure = slots.failure(target);
  if (failure !== undefined) return `version ${failure.version} of ${target.model} does not load (${failure.detail})`;
  const wanted = target.version === undefined ? `no version in ${target.stage}` : `no version ${target.version}`;
  return `${target.model} has ${wanted}`;
}
