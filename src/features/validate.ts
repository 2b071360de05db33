/** Expectations of features against the rows that the sources' newest snapshots give, before anything is materialized. */

import { structureOf } from '../spec/feature-set-structure.ts';
import type { Dtype } from '../spec/schema-types.ts';
import type { Catalog } from '../stores/control/catalog.ts';
import type { Expectation, ExpectationFailure, OfflineStore } from '../stores/offline.ts';
import { compileComputed, neededFor } from './computed-features.ts';
import { entitySpec, type FeatureCall, featureSetSpec, isPushed, rowPlan } from './definitions.ts';
import { locations, type Sources } from './ingest.ts';

export interface ValidationReport {
  /** Expectations checked. */
  readonly checked: number;
  readonly failures: readonly (ExpectationFailure & { readonly featureSet: string })[];
}

/** FS204 where a value does not fit its dtype. Expectations that are not met are in the report; the caller decides. */
export async function validate(
  parts: { readonly catalog: Catalog; readonly offline: OfflineStore; readonly sources: Sources },
  sets: readonly string[],
  call: FeatureCall,
): Promise<ValidationReport> {
  let checked = 0;
  const failures: (ExpectationFailure & { readonly featureSet: string })[] = [];
  for (const set of sets) {
    const spec = featureSetSpec(parts.catalog, set);
    const structure = structureOf(spec, entitySpec(parts.catalog, spec.entity));
    if (isPushed(structure)) {
      call.log(`${set}: its rows come by push, so there is no source to check`);
      continue;
    }
    const expectations = Object.entries(spec.features).flatMap(([feature, { dtype, expect }]): Expectation[] =>
      expect === undefined ? [] : [{ feature, dtype: dtype as Dtype, ...expect }],
    );
    const reads =
      structure.source === null
        ? await parts.sources.readBy(structure.query ?? '', `feature_set.${set}`)
        : [structure.source];
    const plan = rowPlan(set, structure, locations(await parts.sources.snapshots(reads, call)));
    const computed = neededFor(
      expectations.map(({ feature }) => feature),
      compileComputed(set, structure),
    ).computed;
    const found = await parts.offline.check(plan, computed, expectations, call.signal);
    checked += expectations.reduce((sum, expectation) => sum + ruleCount(expectation), 0);
    failures.push(...found.failures.map((failure) => ({ featureSet: set, ...failure })));
    call.log(
      `${set}: ${found.rows} rows, ${found.failures.length === 0 ? 'every expectation met' : `${found.failures.length} expectations not met`}`,
    );
  }
  return { checked, failures };
}

function ruleCount({ min, max, maxNull, in: allowed, minLength, maxLength }: Expectation): number {
  return [min, max, maxNull, allowed, minLength, maxLength].filter((rule) => rule !== undefined).length;
}
