/** Expectations of features against the rows that the sources' newest snapshots give, before anything is materialized. */

import { structureOf } from '../spec/feature-set-structure.ts';
import type { Catalog } from '../stores/control/catalog.ts';
import type { OfflineStore } from '../stores/offline.ts';
import type { Expectation, ExpectationFailure } from '../stores/offline-expectations.ts';
import { entitySpec, type FeatureCall, featureSetSpec, isPushed, rowPlan } from './definitions.ts';
import { computedFor, expectationsOf } from './expectations.ts';
import { locations, type Sources } from './ingest.ts';

export interface ValidationReport {
  /** Expectations checked. */
  readonly checked: number;
  readonly failures: readonly Failure[];
}

/** The task that asked decides what happens. */
type Failure = Omit<ExpectationFailure, 'onFailure'> & { readonly featureSet: string };

/** FS204 where a value does not fit its dtype. Expectations that are not met are in the report; the caller decides. */
export async function validate(
  parts: { readonly catalog: Catalog; readonly offline: OfflineStore; readonly sources: Sources },
  sets: readonly string[],
  call: FeatureCall,
): Promise<ValidationReport> {
  let checked = 0;
  const failures: Failure[] = [];
  for (const set of sets) {
    const spec = featureSetSpec(parts.catalog, set);
    const structure = structureOf(spec, entitySpec(parts.catalog, spec.entity));
    if (isPushed(structure)) {
      call.log(`${set}: its rows come by push, so there is no source to check`);
      continue;
    }
    const expectations = expectationsOf(spec, structure);
    const reads =
      structure.source === null
        ? await parts.sources.readBy(structure.query ?? '', `feature_set.${set}`)
        : [structure.source];
    const found = await parts.sources.reading(`feature_set.${set}`, reads, call, (snapshots) =>
      parts.offline.check(
        rowPlan(set, structure, locations(snapshots)),
        computedFor(set, structure, expectations),
        expectations,
        call.signal,
      ),
    );
    checked += expectations.reduce((sum, expectation) => sum + ruleCount(expectation), 0);
    failures.push(...found.failures.map(({ onFailure: _, ...failure }) => ({ featureSet: set, ...failure })));
    call.log(
      `${set}: ${found.rows} rows, ${found.failures.length === 0 ? 'every expectation met' : `${found.failures.length} expectations not met`}`,
    );
  }
  return { checked, failures };
}

function ruleCount({ feature: _feature, dtype: _dtype, onFailure: _onFailure, ...rules }: Expectation): number {
  return Object.values(rules).filter((rule) => rule !== undefined).length;
}
