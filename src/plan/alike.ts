/**
 * Which of the resources that go is like which of those that come: the share of equal values among all values of the two specs, the name
 * left out. Best pairs first, each resource in one pair at most.
 */
import { canonicalJson } from '../lib/canonical.ts';
import type { JsonObject, JsonValue } from '../lib/json.ts';
import type { Change } from './change.ts';
import { escapePointer } from './diff.ts';

export interface Pair {
  readonly gone: Change;
  readonly came: Change;
  /** Values that are in both specs at the same place. */
  readonly same: number;
  /** Values that are in one of them at least. */
  readonly of: number;
}

/** Less alike than this is another thing. */
const LEAST = 0.6;

/** More pairs of one kind than this are not compared one by one: only specs that are the same are found then. */
const COMPARED = 40_000;

/** Fields that do not tell what a resource is. */
const ASIDE: ReadonlySet<string> = new Set([
  'name',
  'movedFrom',
  'suppress',
  'protect',
  'description',
  'owner',
  'tags',
]);

/** Sorted by the address of what goes. */
export function createPairing(gone: readonly Change[], came: readonly Change[]): readonly Pair[] {
  if (gone.length === 0 || came.length === 0) return [];
  const values = new Map<Change, ReadonlySet<string>>();
  const valuesOf = (change: Change): ReadonlySet<string> => {
    const known = values.get(change) ?? new Set(leaves(change.before ?? change.after ?? {}));
    values.set(change, known);
    return known;
  };
  const found: (Pair & { readonly likeness: number })[] = [];
  for (const kind of new Set(gone.map((change) => change.kind))) {
    const [old, next] = [gone, came].map((all) => all.filter((change) => change.kind === kind));
    if (old === undefined || next === undefined || next.length === 0) continue;
    const candidates = old.length * next.length <= COMPARED ? () => next : sameSpecs(next, valuesOf);
    for (const one of old)
      for (const other of candidates(valuesOf(one))) {
        const [a, b] = [valuesOf(one), valuesOf(other)];
        let same = 0;
        for (const value of a) if (b.has(value)) same += 1;
        const of = a.size + b.size - same;
        const likeness = of === 0 ? 0 : same / of;
        if (likeness >= LEAST) found.push({ gone: one, came: other, same, of, likeness });
      }
  }
  const by = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
  found.sort(
    (a, b) => b.likeness - a.likeness || by(a.gone.address, b.gone.address) || by(a.came.address, b.came.address),
  );
  const taken = new Set<Change>();
  const pairs = found.filter((pair) => {
    if (taken.has(pair.gone) || taken.has(pair.came)) return false;
    taken.add(pair.gone).add(pair.came);
    return true;
  });
  return pairs.map(({ likeness: _, ...pair }) => pair).sort((a, b) => by(a.gone.address, b.gone.address));
}

/** Looks up by all values at once; the first of several that are the same. */
function sameSpecs(
  changes: readonly Change[],
  valuesOf: (change: Change) => ReadonlySet<string>,
): (values: ReadonlySet<string>) => readonly Change[] {
  const key = (values: ReadonlySet<string>): string => [...values].sort().join('\n');
  const index = new Map<string, Change[]>();
  for (const change of changes) {
    const at = key(valuesOf(change));
    index.set(at, [...(index.get(at) ?? []), change]);
  }
  return (values) => {
    const found = index.get(key(values));
    // Each is given out once: of thousands that are the same, one for one.
    const next = found?.shift();
    return next === undefined ? [] : [next];
  };
}

/** `pointer = value` of everything that is neither an object nor empty; a list is one value. */
function leaves(spec: JsonObject): readonly string[] {
  const found: string[] = [];
  const visit = (path: string, value: JsonValue | undefined): void => {
    if (value === undefined || value === null) return;
    if (typeof value === 'object' && !Array.isArray(value)) {
      for (const [key, member] of Object.entries(value)) visit(`${path}/${escapePointer(key)}`, member as JsonValue);
    } else found.push(`${path} = ${canonicalJson(value)}`);
  };
  for (const [key, value] of Object.entries(spec)) if (!ASIDE.has(key)) visit(`/${escapePointer(key)}`, value);
  return found;
}
