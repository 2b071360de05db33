/** What an apply does outside the recorded state, by the services that own it. */
import type { ResourceEffects } from '../apply/effects.ts';
import type { Features } from '../features/create-features.ts';
import { structureDigest, structureOf } from '../spec/feature-set-structure.ts';
import type { FeatureState } from '../stores/control/feature-state.ts';
import { isRunEnded } from '../stores/control/run-states.ts';
import type { RunStore } from '../stores/control/runs.ts';

export function effectsOf(services: {
  readonly featureState: () => Promise<FeatureState>;
  readonly features: () => Promise<Features>;
  readonly runs: () => Promise<RunStore>;
}): ResourceEffects {
  return {
    // Straight to the record: an apply that only declares opens no store of rows.
    registerFeatureSet: async (set, entity, applyId) => ({
      version: await (await services.featureState()).registerVersion(
        set.name,
        structureDigest(set, entity),
        structureOf(set, entity),
        applyId,
      ),
    }),
    dropFeatureSet: async (name, applyId) => (await services.features()).dropFeatureSet(name, applyId),
    liveRuns: async (pipeline) => {
      const runs = await services.runs();
      let live = 0;
      for (const status of ['queued', 'running'] as const) {
        let cursor: string | undefined;
        do {
          const page = await runs.list({ pipeline, status, limit: 200, cursor });
          live += page.items.filter((run) => !isRunEnded(run.status)).length;
          cursor = page.nextCursor ?? undefined;
        } while (cursor !== undefined);
      }
      return live;
    },
  };
}
