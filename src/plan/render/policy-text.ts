/** What policies say of a plan, as every output tells it. */
import type { Severity } from '../../lib/diagnostics.ts';
import type { Gate } from '../gate.ts';
import type { Plan, PolicyResult } from '../plan.ts';
import { isAgainst } from '../policies.ts';

/** Of those that deny, in one line. */
const NAMES_SHOWN = 6;

export interface PolicyTold {
  readonly result: PolicyResult;
  readonly code: 'AP111' | 'AP112';
  /** An error holds the plan back. */
  readonly severity: Extract<Severity, 'error' | 'warning'>;
  /** `deny`, or `warn, held back by --fail-on policy`. */
  readonly verdict: string;
  /** `policy.small_steps`, with ` (as recorded)` where the record was judged by. */
  readonly name: string;
  /** One a violation: the sentence, and what it is about. */
  readonly sentences: readonly { readonly text: string; readonly addresses: readonly string[] }[];
}

export function tellPolicy(result: PolicyResult, gate: Gate | undefined): PolicyTold {
  const { address, from, enforcement, outcome, message, violations } = result;
  const held = enforcement === 'warn' && gate?.failOn === 'policy' && isAgainst(result);
  return {
    result,
    code: outcome === 'errored' ? 'AP112' : 'AP111',
    severity: enforcement === 'deny' || held ? 'error' : 'warning',
    verdict: held ? 'warn, held back by --fail-on policy' : enforcement,
    name: from === 'state' ? `${address} (as recorded)` : address,
    sentences:
      outcome === 'errored'
        ? [{ text: message ?? '', addresses: [] }]
        : violations.map(({ message: text, addresses }) => ({ text, addresses })),
  };
}

/** Those that speak against the plan: what holds it back first. */
export function toldPolicies(plan: Plan, gate: Gate | undefined): readonly PolicyTold[] {
  const told = plan.policies.filter(isAgainst).map((result) => tellPolicy(result, gate));
  return [
    ...told.filter(({ severity }) => severity === 'error'),
    ...told.filter(({ severity }) => severity !== 'error'),
  ];
}

/** `2 policies passed`; undefined where there are none that did. */
export function passedPolicies(plan: Plan): string | undefined {
  const passed = plan.policies.filter((result) => !isAgainst(result)).length;
  return passed === 0 ? undefined : `${passed} ${passed === 1 ? 'policy' : 'policies'} passed`;
}

/** Why a policy holds the plan back, in one line; undefined where none does. */
export function denialMessage(plan: Plan): string | undefined {
  const denials = plan.policies.filter((result) => isAgainst(result) && result.enforcement === 'deny');
  const names = [...new Set(denials.map(({ address }) => address))];
  const shown = names.slice(0, NAMES_SHOWN).join(', ');
  const more = names.length - NAMES_SHOWN;
  return names.length === 0 ? undefined : `Denied by ${shown}${more > 0 ? ` and ${more} more` : ''}.`;
}
