/** Figures of variants for tests: what is not named is not known. */

import { NOTHING, type Observation, type Window } from '../../../src/serving/rollouts/observation.ts';
import type { VariantFigures } from '../../../src/stores/control/variant-figures.ts';

export function figures(change: Partial<VariantFigures> = {}): VariantFigures {
  return {
    variant: 'treatment',
    role: 'answer',
    model: 'risk',
    version: 2,
    requests: 0,
    failures: 0,
    latencyMs: null,
    score: null,
    disagreement: null,
    labelled: null,
    keys: null,
    drift: null,
    ...change,
  };
}

export const windowWith = (candidate: Partial<VariantFigures>, baseline: Partial<VariantFigures> = {}): Window => ({
  candidate: figures(candidate),
  baseline: figures({ variant: 'control', version: 1, ...baseline }),
  shadow: null,
});

/** The same over every time. */
export function observing(window: Window, change: Partial<Observation> = {}): Observation {
  return { follows: 'v2', baseline: 'v1', loadFailure: null, step: window, whole: window, recent: NOTHING, ...change };
}
