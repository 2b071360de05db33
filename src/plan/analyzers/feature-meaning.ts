/** Which features of a set have other values, or mean something else, after an edit: what a model that learned from them would notice. */
import { canonicallyEqual } from '../../lib/canonical.ts';
import { compileExpression } from '../../lib/expression.ts';
import type { CanonicalFeatureSet } from '../../spec/canonical-specs.ts';
import type { Feature } from '../../spec/schema-types.ts';
import { escapePointer } from '../diff.ts';

export interface MeaningChange {
  /** By name, those that are there before and after with one dtype: what goes or is retyped is FS101's. */
  readonly features: readonly string[];
  /** The fields that changed, as dotted paths. */
  readonly because: readonly string[];
  readonly pointer: string;
  /** The features that were edited themselves; empty where a field of the set was. */
  readonly edited: readonly string[];
}

/** Of one feature. */
const FIELDS = ['column', 'expr', 'default', 'unit'] as const;

/** `structure`: the parts of the set's structure that changed, as the analyzer of the set names them. */
export function changedMeaning(
  before: CanonicalFeatureSet,
  after: CanonicalFeatureSet,
  structure: readonly string[],
): MeaningChange | undefined {
  const kept = Object.keys(before.features).filter(
    (name) => after.features[name] !== undefined && after.features[name].dtype === before.features[name]?.dtype,
  );
  const ofSet = structure.filter((part) => !part.startsWith('features.'));
  if (ofSet.length > 0) {
    const [first = ''] = ofSet;
    const pointer = Object.hasOwn(after, first) ? `/${first}` : '';
    return { features: kept, because: ofSet, pointer, edited: [] };
  }
  const fields = kept.flatMap((name) =>
    FIELDS.filter(
      (field) =>
        !canonicallyEqual(fieldOf(name, before.features[name], field), fieldOf(name, after.features[name], field)),
    ).map((field) => ({ name, field })),
  );
  // A default or a unit that is told for the first time, or no longer, changes no answer that was given before.
  const telling = fields.filter(
    ({ name, field }) =>
      (field !== 'unit' && field !== 'default') ||
      (before.features[name]?.[field] !== undefined && after.features[name]?.[field] !== undefined),
  );
  const [first] = telling;
  const retyped = Object.keys(before.features).filter(
    (name) => after.features[name] !== undefined && !kept.includes(name),
  );
  const roots = [...telling.map(({ name }) => name), ...retyped];
  const features = reading(roots, after.features).filter((name) => kept.includes(name));
  if (features.length === 0) return undefined;
  const [fromType] = retyped;
  return {
    features,
    because: [
      ...telling.map(({ name, field }) => `features.${name}.${field}`),
      ...retyped.map((name) => `features.${name}.dtype`),
    ],
    pointer:
      first === undefined
        ? `/features/${escapePointer(fromType ?? '')}/dtype`
        : pointerTo(after.features[first.name], first.name, first.field),
    edited: [...new Set(roots)],
  };
}

function pointerTo(feature: Feature | undefined, name: string, field: string): string {
  const here = `/features/${escapePointer(name)}`;
  return feature !== undefined && Object.hasOwn(feature, field) ? `${here}/${field}` : here;
}

/** A column that is not named is called like the feature. */
function fieldOf(name: string, feature: Feature | undefined, field: (typeof FIELDS)[number]): unknown {
  if (field === 'column') return feature?.expr === undefined ? (feature?.column ?? name) : undefined;
  return feature?.[field];
}

/** The features themselves and all that are computed from them. */
function reading(roots: readonly string[], features: Readonly<Record<string, Feature>>): readonly string[] {
  if (roots.length === 0) return [];
  const names = Object.keys(features);
  const computed = Object.entries(features).flatMap(([name, { expr }]) =>
    expr === undefined ? [] : [{ name, reads: compileExpression(expr, names).references }],
  );
  const found = new Set(roots);
  for (const root of found) for (const { name, reads } of computed) if (reads.includes(root)) found.add(name);
  return [...found];
}
