/** What steers a plan beside its specs, as every output for people tells it: rules that are set, errors that hold it back, decisions left open. */
import { type Decision, type DecisionOption, findingsOf, type Plan } from '../plan.ts';

/** Of the errors of a plan, in one line. */
const ERRORS_SHOWN = 6;

/** `FS101 of feature_set.labs`: where to look in a plan that is long. `mark` is put around addresses. */
export function errorsText(plan: Plan, mark: (address: string) => string = (address) => address): string {
  const errors = findingsOf(plan).filter(({ severity }) => severity === 'error');
  const told = [...new Set(errors.map(({ code, address }) => `${code} of ${mark(address)}`))];
  const more = told.length - ERRORS_SHOWN;
  return `${told.slice(0, ERRORS_SHOWN).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

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
