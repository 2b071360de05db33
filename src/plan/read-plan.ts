/** Plans that an earlier version saved: what it did not know yet is filled in as what it would have been. */
import { type Change, type Finding, type Impact, NO_IMPACT } from './change.ts';
import type { Plan, PlanSummary } from './plan.ts';

type Saved<T, K extends keyof T> = Omit<T, K> & Partial<Pick<T, K>>;
type SavedFinding = Saved<Finding, 'suppressed'>;
type SavedImpact = Pick<Impact, 'downstream'> & Partial<Impact>;
type SavedChange = Omit<Saved<Change, 'previousAddress'>, 'findings' | 'impact'> & {
  readonly findings: readonly SavedFinding[];
  readonly impact: SavedImpact;
};
export type SavedPlanJson = Omit<
  Saved<Plan, 'leftOut' | 'against' | 'rules' | 'decisions' | 'policies' | 'gitCommit'>,
  'changes' | 'summary'
> & {
  readonly changes: readonly SavedChange[];
  readonly summary: Saved<PlanSummary, 'suppressed' | 'denied'>;
};

/** Members stay in the order in which today's plans have them, so that a plan of today comes back as it was written. */
export function readPlan(saved: SavedPlanJson): Plan {
  return {
    ...saved,
    gitCommit: saved.gitCommit ?? null,
    leftOut: saved.leftOut ?? [],
    against: saved.against ?? null,
    rules: saved.rules ?? {},
    decisions: saved.decisions ?? [],
    policies: saved.policies ?? [],
    changes: saved.changes.map((change) => ({
      ...change,
      previousAddress: change.previousAddress ?? null,
      findings: change.findings.map((finding) => ({ ...finding, suppressed: finding.suppressed ?? null })),
      // Of what it touches only the downstream was known.
      impact: { ...NO_IMPACT, features: null, ...change.impact },
    })),
    summary: { ...saved.summary, suppressed: saved.summary.suppressed ?? 0, denied: saved.summary.denied ?? 0 },
  };
}
