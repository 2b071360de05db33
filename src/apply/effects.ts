/**
 * What the handlers do outside the recorded state; compose.ts implements it over the stores. Every call is idempotent:
 * after a kill -9 the same step runs again. Called with an apply, one changes nothing and fails with AP101 once that apply has
 * ended: a process that slept through its lease between the intent and the effect must not undo what another did meanwhile.
 */
import type { CanonicalEntity, CanonicalFeatureSet } from '../spec/canonical-specs.ts';

export interface ResourceEffects {
  /** The version of the set's structure: the newest one where it has this structure, else a new one. */
  registerFeatureSet(
    set: CanonicalFeatureSet,
    entity: CanonicalEntity,
    applyId?: string,
  ): Promise<{ readonly version: number }>;
  /** Every version of the set with its rows, offline and online. Nothing to do where there is none. */
  dropFeatureSet(name: string, applyId?: string): Promise<void>;
  /** Runs of the pipeline that have not ended. */
  liveRuns(pipeline: string): Promise<number>;
}
