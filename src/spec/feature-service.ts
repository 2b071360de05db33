/** The canonical form of a feature service: every feature as `set.feature`, in order, each once. */
import { didYouMean } from '../lib/suggest.ts';
import type { CanonicalFeatureService } from './canonical-specs.ts';
import { pointerTo } from './locator.ts';
import { type Canonicalizing, refer, report } from './lookup.ts';
import type { FeatureServiceSpec } from './schema-types.ts';

export function canonicalFeatureService(spec: FeatureServiceSpec, into: Canonicalizing): CanonicalFeatureService {
  const features = new Set<string>();
  for (const [index, written] of spec.features.entries()) {
    const [name = '', feature] = written.split('.');
    const pointer = pointerTo('/features', index);
    const set = refer(into, 'feature_set', name, pointer);
    if (set === undefined) continue;
    if (feature === undefined) {
      for (const each of Object.keys(set.features)) features.add(`${name}.${each}`);
    } else if (Object.hasOwn(set.features, feature)) {
      features.add(written);
    } else {
      report(into, 'SP104', pointer, `The feature set "${name}" has no feature "${feature}".`, {
        hint: didYouMean(feature, Object.keys(set.features)),
      });
    }
  }
  return { ...spec, features: [...features] };
}

/** The sets that a service reads, in order of first use. */
export function setsOf(service: CanonicalFeatureService): string[] {
  return [...new Set(service.features.map((feature) => feature.split('.')[0] ?? ''))];
}
