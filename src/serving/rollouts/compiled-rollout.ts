/** An endpoint's rollout as it is applied, with every default written out. */
import { durationMs } from '../../lib/units.ts';
import type { Rollout as RolloutSpec } from '../../spec/schema-types.ts';
import type { RolloutPlan } from '../../stores/control/rollouts.ts';

export interface CompiledRollout {
  readonly candidate: string;
  readonly baseline: string;
  readonly plan: RolloutPlan;
  readonly intervalMs: number;
  readonly onSuccess: 'promote' | 'hold';
  /** Undefined: it waits for as long as it takes. */
  readonly deadlineMs: number | undefined;
  readonly breaker: number;
}

export const DEFAULT_MIN_SAMPLES = 100;

export function compileRollout(spec: RolloutSpec): CompiledRollout {
  return {
    candidate: spec.candidate,
    baseline: spec.baseline,
    plan: {
      steps: spec.steps,
      analysis: spec.analysis ?? [{ metric: 'errors', atLeast: 'baseline', margin: 0.01 }],
    },
    intervalMs: durationMs(spec.interval ?? '30s'),
    onSuccess: spec.onSuccess ?? 'promote',
    deadlineMs: spec.progressDeadline === undefined ? undefined : durationMs(spec.progressDeadline),
    breaker: spec.breaker ?? 0.5,
  };
}

export const minSamplesOf = (step: { readonly minSamples?: number }): number => step.minSamples ?? DEFAULT_MIN_SAMPLES;
