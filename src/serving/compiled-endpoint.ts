/** An applied endpoint, ready to route; what it serves now, and why where it does not. */
import { MlopsError } from '../lib/error.ts';
import { didYouMean } from '../lib/suggest.ts';
import type { CanonicalEndpoint } from '../spec/canonical-specs.ts';
import { modelsOf } from '../spec/endpoint-models.ts';
import type { ModelSlots, Target } from './model-slots.ts';
import { withRollout } from './rollouts/rollout-router.ts';
import type { RolloutTrafficReader } from './rollouts/rollout-traffic.ts';
import { createRouter, type Router } from './router.ts';
import type { BatchLimits } from './runtime/batcher.ts';
import { batchingOf } from './runtime/batching.ts';

export interface CompiledEndpoint {
  readonly spec: CanonicalEndpoint;
  readonly router: Router;
  readonly targets: ReadonlyMap<string, Target>;
  /** How its requests run together; undefined: as the runtime does by itself. */
  readonly batching: BatchLimits | undefined;
}

export interface EndpointStatus {
  readonly endpoint: string;
  readonly variants: readonly {
    readonly variant: string;
    /** Percent, as the split says, and the rollout. */
    readonly share: number;
    readonly model: string;
    /** A stage, or `version N`. */
    readonly follows: string;
    readonly version: number | null;
    /** Why the version that it should serve is not served; null where all is well. */
    readonly failure: { readonly version: number | null; readonly code: string | null; readonly detail: string } | null;
  }[];
}

export function compileEndpoint(
  spec: CanonicalEndpoint,
  traffic: Pick<RolloutTrafficReader, 'of'> | undefined,
  slots: () => ModelSlots,
): CompiledEndpoint {
  const targets = new Map(
    Object.entries(spec.variants).map(([variant, { model, stage = 'production', version }]): [string, Target] => [
      variant,
      { model, stage, version },
    ]),
  );
  const loaded = (variant: string) => slots().current(targets.get(variant)!)?.version.version;
  const router = withRollout(createRouter(spec), spec, traffic, loaded);
  return { spec, router, targets, batching: batchingOf(spec.batching) };
}

export function statusOf({ spec, router, targets }: CompiledEndpoint, slots: ModelSlots): EndpointStatus {
  return {
    endpoint: spec.name,
    variants: router.variants.map((variant) => {
      const target = targets.get(variant)!;
      const failure = slots.failure(target);
      return {
        variant,
        share: router.share(variant),
        model: target.model,
        follows: target.version === undefined ? target.stage : `version ${target.version}`,
        version: slots.current(target)?.version.version ?? null,
        failure:
          failure === undefined ? null : { version: failure.version, code: failure.code, detail: failure.detail },
      };
    }),
  };
}

export function unknownEndpoint(name: string, known: Iterable<string>): MlopsError {
  return new MlopsError('EP201', {
    detail: `No endpoint "${name}" is applied.`,
    hint: didYouMean(name, known) ?? 'declare it and run `mlops apply`',
    status: 404,
  });
}

export function nothingToServe(
  spec: CanonicalEndpoint,
  targets: ReadonlyMap<string, Target>,
  slots: ModelSlots,
): MlopsError {
  const reasons = [...targets].map(([variant, target]) => {
    const failure = slots.failure(target);
    if (failure !== undefined)
      return `${variant}: version ${failure.version} of ${target.model} does not load (${failure.detail})`;
    const wanted = target.version === undefined ? `no version in ${target.stage}` : `no version ${target.version}`;
    return `${variant}: ${target.model} has ${wanted}`;
  });
  return new MlopsError('EP202', {
    detail: `Endpoint ${spec.name} has nothing to serve. ${reasons.join('; ')}.`,
    hint: 'run the pipeline that trains the model, or promote a version',
    address: `endpoint.${spec.name}`,
    status: 503,
    retryable: true,
  });
}
