/** Effects on a real control store, as compose.ts makes them, without the stores of rows. */
import type { ResourceEffects } from '../../src/apply/effects.ts';
import { structureDigest, structureOf } from '../../src/spec/feature-set-structure.ts';
import type { Database } from '../../src/stores/postgres/database.ts';
import { createPostgresFeatureState } from '../../src/stores/postgres/postgres-feature-state.ts';

export function postgresEffects(db: Database, scopeId: number): ResourceEffects {
  const features = createPostgresFeatureState(db, scopeId);
  return {
    registerFeatureSet: async (set, entity, applyId) => ({
      version: await features.registerVersion(
        set.name,
        structureDigest(set, entity),
        structureOf(set, entity),
        applyId,
      ),
    }),
    dropFeatureSet: async (name, applyId) => void (await features.drop(name, applyId)),
    liveRuns: async () => 0,
  };
}

/** Feature sets with data: name → newest version, its structure. */
export async function liveVersions(
  db: Database,
  scopeId: number,
): Promise<ReadonlyMap<string, { readonly version: number; readonly structure: string }>> {
  const versions = await createPostgresFeatureState(db, scopeId).versions();
  const newest = new Map<string, { readonly version: number; readonly structure: string }>();
  for (const { set, version, digest, status } of versions) {
    const known = newest.get(set);
    if (status !== 'dropped' && (known === undefined || known.version < version))
      newest.set(set, { version, structure: digest });
  }
  return newest;
}
