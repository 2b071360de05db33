/** The plan as `mlops.plan/1`, the contract with programs. The plan is its own JSON; only the spelling is decided here. */
import type { Plan } from '../plan.ts';

export function renderJson(plan: Plan): string {
  return `${JSON.stringify(plan, null, 2)}\n`;
}
