/** Who read features online that a change gives other values. */
import type { CanonicalFeatureSet } from '../spec/canonical-specs.ts';
import type { PlanFacts } from '../stores/control/facts.ts';
import type { AffectedReader, AttributeDiff } from './change.ts';

/** Features that are answered otherwise although their stored values stay: another ttl of the set, another default or unit of a feature. */
export function answeredOtherwise(
  { name, features }: CanonicalFeatureSet,
  diffs: readonly AttributeDiff[],
): readonly string[] {
  const paths = diffs.map(({ path }) => path);
  return Object.keys(features)
    .filter(
      (feature) =>
        paths.includes('/ttl') ||
        paths.some((path) => ['default', 'unit'].some((field) => path.startsWith(`/features/${feature}/${field}`))),
    )
    .map((feature) => `${name}.${feature}`);
}

/** `features` as `set.feature`. Null where it is not known who read what. */
export function readersOf(
  features: readonly string[],
  { onlineReads }: Pick<PlanFacts, 'onlineReads'>,
): readonly AffectedReader[] | null {
  if (features.length === 0) return [];
  if (onlineReads === undefined) return null;
  const wanted = new Set(features);
  const found = new Map<string, { reads: number; readonly features: string[] }>();
  for (const set of new Set(features.map((feature) => feature.split('.', 1)[0] ?? '')))
    for (const { feature, reader, reads } of onlineReads.bySet.get(set) ?? []) {
      if (!wanted.has(`${set}.${feature}`)) continue;
      const one = found.get(reader) ?? { reads: 0, features: [] };
      found.set(reader, one);
      one.reads = Math.max(one.reads, reads);
      one.features.push(`${set}.${feature}`);
    }
  return [...found]
    .map(([reader, one]) => ({ reader, reads: one.reads, days: onlineReads.days, features: one.features.sort() }))
    .sort((a, b) => b.reads - a.reads || (a.reader < b.reader ? -1 : 1));
}
