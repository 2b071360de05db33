/** Features computed on demand: compiled once, in an order in which each reads only what stands before it. */
import { MlopsError } from '../lib/error.ts';
import { compileExpression } from '../lib/expression.ts';
import type { FeatureSetStructure } from '../spec/feature-set-structure.ts';
import type { Dtype } from '../spec/schema-types.ts';
import type { ComputedFeature } from '../stores/offline-rows.ts';
import { coerceComputed } from './values.ts';

export function compileComputed(set: string, structure: FeatureSetStructure): readonly ComputedFeature[] {
  const names = Object.keys(structure.features);
  const ordered: ComputedFeature[] = [];
  const state = new Map<string, 'open' | 'done'>();
  const visit = (name: string): void => {
    const feature = structure.features[name];
    if (feature === undefined || feature.expr === null || state.get(name) === 'done') return;
    if (state.get(name) === 'open') {
      throw new MlopsError('SP107', {
        address: `feature_set.${set}`,
        detail: `The feature ${name} of ${set} is computed from itself.`,
      });
    }
    state.set(name, 'open');
    const expression = compileExpression(feature.expr, names);
    for (const reference of expression.references) visit(reference);
    state.set(name, 'done');
    const dtype = feature.dtype as Dtype;
    ordered.push({
      name,
      dtype,
      reads: expression.references,
      evaluate: (values) => coerceComputed(dtype, expression.evaluate(values)),
    });
  };
  for (const name of names) visit(name);
  return ordered;
}

/** Those of `computed` that the wanted features need, and the stored features that they and the wanted ones read. */
export function neededFor(
  wanted: Iterable<string>,
  computed: readonly ComputedFeature[],
): { readonly computed: readonly ComputedFeature[]; readonly reads: ReadonlySet<string> } {
  const byName = new Map(computed.map((feature) => [feature.name, feature]));
  const reads = new Set<string>();
  const visit = (name: string): void => {
    if (reads.has(name)) return;
    reads.add(name);
    for (const read of byName.get(name)?.reads ?? []) visit(read);
  };
  for (const name of wanted) visit(name);
  return { computed: computed.filter((feature) => reads.has(feature.name)), reads };
}
