/** Features made from a source: by the lineage of columns where it is known, else all features of the sets over it. */
import type { Address } from '../../spec/address.ts';
import type { CanonicalFeatureSet } from '../../spec/canonical-specs.ts';
import type { FeatureLineage, SourceColumn } from '../../spec/column-lineage.ts';
import type { AnalysisContext } from './analyzer.ts';

/** `columns` undefined: it may be any of the source. As `set.feature`, of the sets that stay. */
export function featuresFrom(
  source: Address,
  columns: readonly string[] | undefined,
  { readers, stays, desiredResources }: Pick<AnalysisContext, 'readers' | 'stays' | 'desiredResources'>,
): readonly string[] {
  const name = source.slice('source.'.length);
  return readers
    .featureSetsOver(source)
    .filter(stays)
    .flatMap((address) => {
      const set = desiredResources.get(address);
      const recorded = readers.featureSet(address);
      const spec = (recorded?.spec ?? set?.spec) as CanonicalFeatureSet | undefined;
      if (spec === undefined) return [];
      const known = [set?.lineage, recorded?.outputs['lineage'] as FeatureLineage | undefined];
      const features = Object.keys(spec.features);
      const depends = (feature: string): boolean =>
        columns === undefined ||
        columns.some((column) => [spec.eventTime, spec.createdTime].includes(column)) ||
        known.every((lineage) => lineage === undefined || lineage === null) ||
        known.some((lineage) => lineage != null && reads(lineage[feature], name, columns));
      return features.filter(depends).map((feature) => `${spec.name}.${feature}`);
    });
}

/** Null and absent: it may be any. */
function reads(
  lineage: readonly SourceColumn[] | null | undefined,
  source: string,
  columns: readonly string[],
): boolean {
  return lineage == null || lineage.some((one) => one.source === source && columns.includes(one.column));
}
