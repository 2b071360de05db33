/** Cycles among resources: a source whose query reads a source that reads it, a pipeline and a model that need each other. */
import { CODES } from '../lib/codes.ts';
import type { Diagnostic } from '../lib/diagnostics.ts';
import type { Address } from './address.ts';
import type { LoadedResource, ResourceTable } from './loaded-resource.ts';

/** One diagnostic a cycle, at its first resource by address. */
export function findCycles(table: ResourceTable): Diagnostic[] {
  const resources = new Map<Address, LoadedResource>(table.sorted().map((resource) => [resource.address, resource]));
  const done = new Set<Address>();
  const diagnostics: Diagnostic[] = [];
  for (const start of resources.keys()) {
    const path: Address[] = [];
    const onPath = new Set<Address>();
    // Depth first with a stack of its own: a chain of thousands of sources must not end in a stack overflow.
    const stack: { readonly address: Address; readonly next: Iterator<Address> }[] = [];
    const enter = (address: Address): void => {
      path.push(address);
      onPath.add(address);
      stack.push({ address, next: (resources.get(address)?.dependsOn ?? [])[Symbol.iterator]() });
    };
    if (!done.has(start)) enter(start);
    while (stack.length > 0) {
      const top = stack.at(-1);
      const step = top?.next.next();
      if (top === undefined || step === undefined || step.done === true) {
        stack.pop();
        const left = path.pop();
        if (left !== undefined) {
          onPath.delete(left);
          done.add(left);
        }
      } else if (onPath.has(step.value)) {
        diagnostics.push(cycleDiagnostic([...path.slice(path.indexOf(step.value)), step.value], resources));
      } else if (!done.has(step.value) && resources.has(step.value)) {
        enter(step.value);
      }
    }
  }
  return diagnostics;
}

function cycleDiagnostic(cycle: readonly Address[], resources: ReadonlyMap<Address, LoadedResource>): Diagnostic {
  const resource = resources.get(cycle[0] as Address);
  return {
    code: 'SP107',
    severity: 'error',
    summary: CODES.SP107,
    detail: `These resources need each other, so none can come first: ${cycle.join(' → ')}.`,
    at: resource?.locator.at(''),
    address: cycle[0],
  };
}
