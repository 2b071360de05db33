/** Whether the specs are still those that a plan was made from: AP102 names what differs. */
import { MlopsError } from '../lib/error.ts';
import type { Address } from '../spec/address.ts';
import type { Project } from '../spec/project.ts';
import { listed } from './analyzers/analyzer.ts';
import type { Plan } from './plan.ts';

export function refuseEdited(file: string, plan: Plan, project: Project): void {
  if (plan.specDigest === project.digest) return;
  const planned = new Map<Address, string>(
    plan.changes.flatMap(({ address, after, digest }) => (after === null ? [] : [[address, digest] as const])),
  );
  const differ = [...planned].filter(([address, digest]) => project.resources.get(address)?.digest !== digest);
  // A plan of targets does not hold the others.
  const added = plan.complete ? [...project.resources.keys()].filter((address) => !planned.has(address)) : [];
  const addresses = [...differ.map(([address]) => address), ...added].sort();
  throw new MlopsError('AP102', {
    detail: `The specs are not those that ${file} was made from: ${addresses.length === 0 ? 'something outside its targets' : listed(addresses, 8)} ${addresses.length > 1 ? 'differ' : 'differs'}.`,
    hint: 'plan again, or bring the files back to what they were',
    data: { addresses },
  });
}
