/**
 * The one effect of a rollout: its version moves to the stage that the baseline follows. The move carries the rollout's name; who finds it in the
 * history does nothing, whatever happened to the version since.
 */
import { MlopsError } from '../../lib/error.ts';
import type { RegistryStore, Stage } from '../../stores/control/registry.ts';
import type { Rollout } from '../../stores/control/rollouts.ts';
import type { Declared } from './declared.ts';
import type { PromotionOutcome } from './rollout-state.ts';

/** MD202 where a gate refuses. */
export type Promote = (
  request: { readonly versionId: string; readonly to: Stage; readonly reason: string },
  who: string,
) => Promise<unknown>;

export function promotion({
  registry,
  promote,
}: {
  readonly registry: Pick<RegistryStore, 'history' | 'versionById'>;
  readonly promote: Promote;
}): (rollout: Rollout, declared: Declared | undefined) => Promise<PromotionOutcome> {
  return async (rollout, declared) => {
    const { id, endpoint, model, version, versionId } = rollout;
    const who = `rollout ${id}`;
    const done = (await registry.history(model)).find((move) => move.who === who && move.version === version);
    const what = `version ${version} of ${model}`;
    if (done !== undefined) return { outcome: 'promoted', detail: `${what} is in ${done.to}` };
    const found = await registry.versionById(versionId);
    if (declared === undefined || found === undefined)
      return { outcome: 'gone', detail: `the endpoint asks for no rollout of ${what} any more` };
    const { model: baselineModel, stage, version: pinned } = declared.baselineTarget;
    if (baselineModel !== model)
      return {
        outcome: 'refused',
        detail: `the baseline answers with model.${baselineModel}: ${what} cannot take its place`,
      };
    if (pinned !== undefined)
      return {
        outcome: 'refused',
        detail: `the baseline stays at version ${pinned}: let it follow a stage, or name version ${version} there`,
      };
    const to = stage ?? 'production';
    if (found.stage === to) return { outcome: 'promoted', detail: `${what} is in ${to} already` };
    // Somebody took it away after it was decided: it is not brought back.
    if (found.stage === 'archived') return { outcome: 'gone', detail: `${what} was archived meanwhile` };
    try {
      await promote({ versionId, to, reason: `rollout of endpoint.${endpoint}: ${rollout.reason}` }, who);
      return { outcome: 'promoted', detail: `${what} is in ${to}` };
    } catch (error) {
      if (!(error instanceof MlopsError) || error.retryable) throw error;
      return { outcome: 'refused', detail: `the promotion is refused (${error.code}): ${error.detail}` };
    }
  };
}
