/** What steers a plan beside its specs, as every output for people tells it: rules that are set, findings that are let pass, decisions left open. */
import type { Decision, DecisionOption, Plan } from '../plan.ts';

/** `FS101 warn, MD101 off`; undefined where the project sets none. */
export function rulesText({ rules }: Plan): string | undefined {
  // Plans that were saved by an older version have none.
  const set = Object.entries(rules ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return set.length === 0 ? undefined : set.map(([code, rule]) => `${code} ${rule}`).join(', ');
}

export function decisionsOfPlan({ decisions }: Plan): readonly Decision[] {
  return decisions ?? [];
}

export function placeText(at: DecisionOption['at']): string {
  return at === null ? '' : `${at.file}:${at.line}:${at.column}`;
}
