/** The plan as `mlops.plan/1`, the contract with programs. The plan is its own JSON; only the spelling is decided here. */
import type { Gate } from '../gate.ts';
import type { Plan } from '../plan.ts';

/** `gate` comes in where one was asked for. */
export function renderJson(plan: Plan, gate?: Gate): string {
  return `${JSON.stringify(gate === undefined ? plan : { ...plan, gate }, null, 2)}\n`;
}
