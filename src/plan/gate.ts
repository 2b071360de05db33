/** The gate of a pipeline: which changes of a plan are graver than it lets through. */
import type { Address } from '../spec/address.ts';
import { isNoOp } from './action.ts';
import { CHANGE_CLASSES, type ChangeClass } from './change.ts';
import type { Plan } from './plan.ts';

/** What `--fail-on` takes: this class and every graver one is held back. */
export const GATE_CLASSES = ['breaking', 'destructive'] as const satisfies readonly ChangeClass[];

export type GateClass = (typeof GATE_CLASSES)[number];

export interface Gate {
  readonly failOn: GateClass;
  /** The changes that it holds back, in the plan's order; empty: the plan passes. */
  readonly blocked: readonly Address[];
}

export function gateOf(plan: Plan, failOn: GateClass): Gate {
  const least = CHANGE_CLASSES.indexOf(failOn);
  return {
    failOn,
    blocked: plan.changes
      .filter((change) => !isNoOp(change.actions) && CHANGE_CLASSES.indexOf(change.class) >= least)
      .map(({ address }) => address),
  };
}

/** One line for people; undefined where the plan passes. */
export function gateMessage(gate: Gate): string | undefined {
  const { failOn, blocked } = gate;
  if (blocked.length === 0) return undefined;
  const shown = blocked.slice(0, 6).join(', ');
  return `Blocked by --fail-on ${failOn}: ${shown}${blocked.length > 6 ? ` and ${blocked.length - 6} more` : ''}.`;
}
