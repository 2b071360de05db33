/** The gate of a pipeline: which changes of a plan are graver than it lets through, or which policies speak against it. */
import type { Address } from '../spec/address.ts';
import { isNoOp } from './action.ts';
import { CHANGE_CLASSES } from './change.ts';
import type { Plan } from './plan.ts';
import { isAgainst } from './policies.ts';

/** What `--fail-on` takes: a class holds back itself and every graver one; `policy` what a policy warns of. */
export const GATES = ['breaking', 'destructive', 'policy'] as const;

export type GateName = (typeof GATES)[number];

export interface Gate {
  readonly failOn: GateName;
  /** The changes, or the policies, that hold the plan back, in the plan's order; empty: the plan passes. */
  readonly blocked: readonly Address[];
}

export function gateOf(plan: Plan, failOn: GateName): Gate {
  if (failOn === 'policy') {
    const against = plan.policies.filter(isAgainst).map(({ address }) => address);
    return { failOn, blocked: [...new Set(against)] };
  }
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
