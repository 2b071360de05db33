/** Which version of a model answers where somebody follows it, as far as that is known. */
import type { FollowedModel } from '../../spec/endpoint-models.ts';
import type { PlanFacts } from '../../stores/control/facts.ts';

/** Null: there is none. Undefined: not known. */
export function versionOf({ model, stage, version }: FollowedModel, { models }: PlanFacts): number | null | undefined {
  if (models === undefined) return undefined;
  const known = models.get(model);
  if (version !== undefined) return version <= (known?.versions ?? 0) ? version : null;
  if (stage === 'staging') return known?.staging ?? null;
  if (stage === 'development') return known === undefined || known.versions === 0 ? null : undefined;
  return known?.production ?? null;
}

/** Whether the two say the same version of the same model, in whatever words. */
export function sameFollowed(old: FollowedModel, next: FollowedModel, facts: PlanFacts): boolean {
  if (old.model !== next.model) return false;
  if (old.stage === next.stage && old.version === next.version) return true;
  const was = versionOf(old, facts);
  return was !== undefined && was !== null && was === versionOf(next, facts);
}

export function followsText({ model, stage, version }: FollowedModel, known: number | null | undefined): string {
  if (version !== undefined) return `version ${version} of model.${model}`;
  return `model.${model} in ${stage}${known === undefined ? '' : known === null ? ', which has no version' : `, now version ${known}`}`;
}
