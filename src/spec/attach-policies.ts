/**
 * Gives every policy that is a function the function itself, and its text as it stands in the file: the text is what is
 * recorded and compared, and says the same however the file was run.
 */
import type { Diagnostic } from '../lib/diagnostics.ts';
import type { Address } from './address.ts';
import type { CanonicalPolicy } from './canonical-specs.ts';
import type { ResourceTable } from './loaded-resource.ts';
import { withoutMargin } from './margin.ts';
import { toDiagnostic } from './problem.ts';

/** A policy's function. It gets the plan's JSON, and may do anything: whoever calls it sets it a limit. */
export type PolicyCheck = (plan: unknown) => unknown;

export function attachPolicies(table: ResourceTable, diagnostics: Diagnostic[]): ReadonlyMap<Address, PolicyCheck> {
  const checks = new Map<Address, PolicyCheck>();
  for (const resource of table.ofKind('policy')) {
    if (resource.value['check'] === undefined) continue;
    const written = resource.functions.get('/check');
    if (written === undefined) {
      const detail = 'A function can be written in TypeScript only.';
      const hint = 'write the rule as an expression: each (over one change) or when (over the plan)';
      diagnostics.push(toDiagnostic({ code: 'SP117', pointer: '/check', detail, hint, part: 'key' }, resource));
      continue;
    }
    checks.set(resource.address, written as PolicyCheck);
    const spec = resource.spec as CanonicalPolicy | undefined;
    if (spec !== undefined)
      resource.spec = { ...spec, check: withoutMargin(resource.locator.code?.('/check') ?? String(written)) };
  }
  return checks;
}
