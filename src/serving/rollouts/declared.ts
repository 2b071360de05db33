/** What the applied endpoints ask for: their rollouts, and the versions that their candidates follow. */
import type { FollowedModel } from '../../spec/endpoint-models.ts';
import type { Rollout as RolloutSpec } from '../../spec/schema-types.ts';
import type { Catalog } from '../../stores/control/catalog.ts';
import type { ModelVersion, RegistryStore } from '../../stores/control/registry.ts';
import type { Rollout } from '../../stores/control/rollouts.ts';

export interface Declared {
  readonly endpoint: string;
  readonly candidate: string;
  readonly baseline: string;
  readonly spec: RolloutSpec;
  readonly target: FollowedModel;
  readonly baselineTarget: FollowedModel;
  /** The candidate names its version instead of following a stage. */
  readonly pinned: boolean;
}

/** By endpoint. */
export function declaredIn(catalog: Catalog): ReadonlyMap<string, Declared> {
  return new Map(
    catalog.list('endpoint').flatMap(({ name, spec }): (readonly [string, Declared])[] => {
      const { rollout } = spec;
      if (rollout === undefined) return [];
      const target = spec.variants[rollout.candidate];
      const baselineTarget = spec.variants[rollout.baseline];
      // An ensemble has no version that could be rolled out.
      if (target?.model === undefined || baselineTarget?.model === undefined) return [];
      const { candidate, baseline } = rollout;
      const pinned = target.version !== undefined;
      return [[name, { endpoint: name, candidate, baseline, spec: rollout, target, baselineTarget, pinned }]];
    }),
  );
}

/** The version that a variant follows. */
export function versionOf(
  { model, stage, version }: FollowedModel,
  registry: RegistryStore,
): Promise<ModelVersion | undefined> {
  return version === undefined ? registry.atStage(model, stage ?? 'production') : registry.version(model, version);
}

/**
 * Whether the version is another one than was rolled out last. An older one that shows again because the newer left the stage is none: it came
 * there before.
 */
export function startsAnother(
  { pinned, candidate }: Declared,
  version: ModelVersion,
  last: Rollout | undefined,
): boolean {
  if (last === undefined) return true;
  if (last.candidate !== candidate) return true;
  if (pinned || last.stagedAt === null) return last.versionId !== version.id;
  return version.stageChangedAt.getTime() > last.stagedAt.getTime();
}
