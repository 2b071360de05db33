/** Reads for training and history, counted as those from the online store are. */
import { operandsOf } from '../spec/feature-lineage.ts';
import type { Catalog } from '../stores/control/catalog.ts';
import { featureSetSpec } from './definitions.ts';
import { parseFeature } from './feature-name.ts';
import type { ReadFeatures, Usage } from './usage.ts';
import type { VersionCache } from './version-cache.ts';
import { servingVersion } from './versions.ts';

/** `names` as `set.feature` or `set@2.feature`; what computed features read is counted with them. */
export async function countReads(
  { catalog, versions, usage }: { readonly catalog: Catalog; readonly versions: VersionCache; readonly usage: Usage },
  reader: string,
  names: readonly string[],
  rows: number,
): Promise<void> {
  const known = await versions.get();
  const read = new Map<string, { readonly set: string; readonly version: number; readonly features: Set<string> }>();
  for (const name of names) {
    const { set, version, feature } = parseFeature(name);
    const spec = featureSetSpec(catalog, set);
    const serving = servingVersion(
      known.filter((candidate) => candidate.set === spec.name),
      set,
      version,
    );
    const id = `${spec.name}@${serving.version}`;
    const of = read.get(id) ?? { set: spec.name, version: serving.version, features: new Set<string>() };
    read.set(id, of);
    visit(feature, spec.features, of.features);
  }
  const of: readonly ReadFeatures[] = [...read.values()].map((each) => ({ ...each, features: [...each.features] }));
  usage.count(usage.counter(reader, of), rows);
}

function visit(
  name: string,
  features: Readonly<Record<string, { readonly expr?: string | undefined }>>,
  into: Set<string>,
): void {
  if (into.has(name)) return;
  into.add(name);
  const expr = features[name]?.expr;
  if (expr !== undefined) for (const operand of operandsOf(expr, Object.keys(features))) visit(operand, features, into);
}
