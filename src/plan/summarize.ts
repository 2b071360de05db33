/** The sum of a plan: what is done how often, the gravest class, what is to be computed again. */
import { type Action, isNoOp } from './action.ts';
import { CHANGE_CLASSES, type Change, type ChangeClass, graver } from './change.ts';
import { costOf } from './impact.ts';
import type { PlanSummary, RecomputeTotal } from './plan.ts';
import type { PlanContext } from './plan-context.ts';

export function summarize(
  changes: readonly Change[],
  unmanaged: number,
  recompute: RecomputeTotal | null,
): PlanSummary {
  const count = (action: Action): number => changes.filter(({ actions }) => actions.includes(action)).length;
  const findings = changes.flatMap((change) => change.findings);
  const severities = findings.map(({ severity }) => severity);
  const moving = changes.filter(({ actions }) => !isNoOp(actions));
  return {
    create: count('create'),
    update: count('update'),
    delete: count('delete'),
    forget: count('forget'),
    noOp: count('no-op'),
    unmanaged,
    errors: severities.filter((severity) => severity === 'error').length,
    warnings: severities.filter((severity) => severity === 'warning').length,
    suppressed: findings.filter(({ suppressed }) => suppressed !== null).length,
    denied: 0,
    class:
      moving.length === 0
        ? null
        : moving.reduce<ChangeClass>((a, change) => graver(a, change.class), CHANGE_CLASSES[0]),
    recompute,
  };
}

/** Each feature set once, whichever changes touch it. */
export function recomputeTotal(
  changes: readonly Change[],
  { recomputed, facts }: Pick<PlanContext, 'recomputed' | 'facts'>,
): RecomputeTotal | null {
  const featureSets = [...new Set(changes.flatMap(({ address }) => recomputed.get(address) ?? []))].sort();
  if (featureSets.length === 0) return null;
  const { rows, bytes, estimatedSeconds } = costOf(featureSets, facts);
  const unknown = featureSets.filter((set) => {
    const cost = costOf([set], facts);
    return cost.rows === null || cost.estimatedSeconds === null;
  });
  return { featureSets, rows, bytes, estimatedSeconds, unknown };
}
