/** Rollouts and results as the HTTP interface and `--json` show them. */
import type { Results } from '../serving/results/results.ts';
import type { RolloutDetails } from '../serving/rollouts/rollouts.ts';
import type { Rollout } from '../stores/control/rollouts.ts';
import { snakeCaseKeys } from './json.ts';

export function rolloutView(rollout: Rollout) {
  return {
    id: rollout.id,
    endpoint: rollout.endpoint,
    candidate: rollout.candidate,
    baseline: rollout.baseline,
    model: rollout.model,
    version: rollout.version,
    status: rollout.status,
    /** From 1. */
    step: rollout.step + 1,
    steps: rollout.plan.steps,
    share: rollout.share,
    reason: rollout.reason,
    checks: rollout.checks,
    failures: rollout.failures,
    started_at: rollout.startedAt,
    started_by: rollout.startedBy,
    step_started_at: rollout.stepStartedAt,
    measured_at: rollout.measuredAt,
    ended_at: rollout.endedAt,
  };
}

export function rolloutDetailsView({ rollout, decisions }: RolloutDetails) {
  return {
    ...rolloutView(rollout),
    analysis: rollout.plan.analysis,
    decisions: decisions.map((one) => ({ ...one, step: one.step + 1 })),
  };
}

export const resultsView = (results: Results): unknown => snakeCaseKeys(results);
