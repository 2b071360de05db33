/**
 * Choices that the specs do not make. Something goes and something alike comes: was it renamed, or is it another thing? The tool does not
 * guess, because the one keeps the data and the other destroys it; it says what to paste where.
 */

import type { Address } from '../spec/address.ts';
import type { AnyResource } from '../spec/project.ts';
import type { Feature } from '../spec/schema-types.ts';
import { createPairing } from './alike.ts';
import { placeOf } from './analyzers/analyzer.ts';
import type { Change } from './change.ts';
import { escapePointer } from './diff.ts';
import type { Decision } from './plan.ts';
import type { Renames } from './renames.ts';

export interface DecisionContext {
  readonly desired: ReadonlyMap<Address, AnyResource>;
  readonly renames: Pick<Renames, 'to'>;
}

/** Deterministic: in the order of the addresses. */
export function decisionsOf(changes: readonly Change[], context: DecisionContext): readonly Decision[] {
  return [...renamedResources(changes, context), ...changes.flatMap((change) => renamedFeatures(change, context))];
}

function renamedResources(changes: readonly Change[], { desired, renames }: DecisionContext): readonly Decision[] {
  const undecided = (action: 'create' | 'delete'): readonly Change[] =>
    changes.filter(
      ({ actions, address, previousAddress }) =>
        actions.length === 1 && actions[0] === action && !renames.to.has(address) && previousAddress === null,
    );
  const pairs = createPairing(undecided('delete'), undecided('create'));
  return pairs.map(({ gone, came, same, of }) => ({
    kind: 'rename-or-create',
    addresses: [gone.address, came.address],
    question: `Is ${came.address} a new name of ${gone.address}? ${
      same === of ? 'Their specs are the same.' : `${same} of the ${of} values of their specs are the same.`
    }`,
    options: [
      {
        meaning: `it is renamed, with its data`,
        paste: `movedFrom: '${gone.name}'`,
        at: placeOf(desired.get(came.address), ''),
      },
      { meaning: `${gone.address} is destroyed, ${came.address} starts anew`, paste: null, at: null },
    ],
  }));
}

/** Features have no former name: the way that keeps their readers is to have both for a while. */
function renamedFeatures({ address, kind, before, after }: Change, { desired }: DecisionContext): readonly Decision[] {
  if (kind !== 'feature_set' || before === null || after === null) return [];
  const [old, next] = [before['features'], after['features']] as unknown as Readonly<Record<string, Feature>>[];
  if (old === undefined || next === undefined) return [];
  const gone = Object.keys(old).filter((name) => next[name] === undefined);
  const came = new Set(Object.keys(next).filter((name) => old[name] === undefined));
  return gone.sort().flatMap((name) => {
    const twin = [...came].sort().find((other) => madeAlike(name, old[name], other, next[other]));
    if (twin === undefined) return [];
    came.delete(twin);
    const feature = old[name] as Feature;
    const kept = feature.expr === undefined ? { ...feature, column: feature.column ?? name } : feature;
    const set = address.slice('feature_set.'.length);
    return [
      {
        kind: 'rename-or-create' as const,
        addresses: [address],
        question: `Is ${set}.${twin} a new name of ${set}.${name}? Both are ${feature.dtype} and made the same way.`,
        options: [
          {
            meaning: `keep ${name} beside it, until nothing reads it any more`,
            paste: `${name}: ${flow(kept)}`,
            at: placeOf(desired.get(address), `/features/${escapePointer(twin)}`),
          },
          { meaning: `${name} goes with the next version; what reads it must be moved first`, paste: null, at: null },
        ],
      },
    ];
  });
}

function madeAlike(name: string, old: Feature | undefined, other: string, next: Feature | undefined): boolean {
  if (old === undefined || next === undefined || old.dtype !== next.dtype) return false;
  if (old.expr !== undefined || next.expr !== undefined) return old.expr === next.expr;
  return (old.column ?? name) === (next.column ?? other);
}

/** As TypeScript and YAML both read it. */
function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return `{ ${Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .map(([key, member]) => `${key}: ${flow(member)}`)
    .join(', ')} }`;
}
