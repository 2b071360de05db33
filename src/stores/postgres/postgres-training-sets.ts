/** Records of training sets in Postgres. */
import { MlopsError } from '../../lib/error.ts';
import type { JsonObject } from '../../lib/json.ts';
import type { RecordedTrainingSet, TrainingSets } from '../control/training-sets.ts';
import type { Database, Queryable } from './database.ts';
import { snapshotsLock } from './postgres-snapshot-lives.ts';

interface Row {
  readonly digest: string;
  readonly artifact: string;
  readonly row_count: number | string;
  readonly recipe: JsonObject;
  readonly made_by: string;
  readonly made_at: Date;
}

const COLUMNS = 'digest, artifact, row_count, recipe, made_by, made_at';

export function postgresTrainingSets(db: Database, scopeId: number): TrainingSets {
  return {
    addTrainingSet: ({ digest, artifact, rows, recipe, madeBy, parts, snapshots }) =>
      db.transaction(async (tx) => {
        const versions = [...new Map(parts.map((part) => [`${part.storage}@${part.version}`, part])).values()];
        // Held until the record is there: a retirement then leaves the parts.
        const held = await tx.query<{ storage: string; version: number }>(
          `select v.storage, v.version from mlops.feature_set_versions v
             join json_to_recordset($2::json) as r (storage text, version integer) using (storage, version)
            where v.scope_id = $1 and v.status = 'serving' order by v.storage, v.version for share of v`,
          [scopeId, JSON.stringify(versions)],
        );
        const gone = versions.find(
          (one) => !held.some((is) => is.storage === one.storage && is.version === one.version),
        );
        if (gone !== undefined) {
          throw new MlopsError('FS220', {
            address: `feature_set.${gone.storage}`,
            detail: `Version ${gone.version} of the feature set ${gone.storage} was retired while a training set was made from it.`,
            hint: 'make it again: it is made from the version that serves now',
            retryable: true,
            status: 409,
          });
        }
        await refuseGoneSnapshots(tx, scopeId, snapshots);
        const added = await tx.query(
          `insert into mlops.training_sets (scope_id, digest, artifact, row_count, recipe, made_by) values ($1, $2, $3, $4, $5, $6)
           on conflict (scope_id, digest) do nothing returning digest`,
          [scopeId, digest, artifact, rows, JSON.stringify(recipe), madeBy],
        );
        if (added.length === 0) return;
        await tx.query(
          `insert into mlops.training_set_parts (scope_id, digest, storage, version, location)
           select $1, $2, storage, version, location from json_to_recordset($3::json) as r (storage text, version integer, location text)`,
          [scopeId, digest, JSON.stringify(parts)],
        );
      }),
    trainingSet: async (digest) => {
      const rows = await db.query<Row & Record<string, unknown>>(
        `select ${COLUMNS} from mlops.training_sets where scope_id = $1 and left(digest, length($2)) = $2 limit 2`,
        [scopeId, digest],
      );
      const [only, second] = rows;
      return only === undefined || second !== undefined || digest.length < 6 ? undefined : recordOf(only);
    },
    trainingSets: async (limit) =>
      (
        await db.query<Row & Record<string, unknown>>(
          `select ${COLUMNS} from mlops.training_sets where scope_id = $1 order by made_at desc, digest limit $2`,
          [scopeId, limit],
        )
      ).map(recordOf),
  };
}

/** What is let go after this finds the training set recorded. */
async function refuseGoneSnapshots(tx: Queryable, scopeId: number, snapshots: readonly string[]): Promise<void> {
  await tx.query('select pg_advisory_xact_lock_shared(hashtextextended($1, 0))', [snapshotsLock(scopeId)]);
  const [gone] = await tx.query<{ location: string }>(
    `select location from unnest($2::text[]) as location where not exists (
       select from mlops.source_snapshots s where s.scope_id = $1 and s.location = location.location and s.gone_at is null) limit 1`,
    [scopeId, snapshots],
  );
  if (gone === undefined) return;
  throw new MlopsError('FS220', {
    detail: `The snapshot ${gone.location} was let go while a training set was made from it: its source has others since.`,
    hint: 'make it again: it is made from the newest snapshots',
    retryable: true,
    status: 409,
  });
}

function recordOf({ digest, artifact, row_count, recipe, made_by, made_at }: Row): RecordedTrainingSet {
  return { digest, artifact, rows: Number(row_count), recipe, madeBy: made_by, madeAt: made_at };
}
