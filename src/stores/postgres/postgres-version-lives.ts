/** What reads versions of feature sets, and the retirement of those that nothing reads, in Postgres. */

import type { Stage, StageMove } from '../control/registry.ts';
import { rollbackTarget } from '../control/rollback-target.ts';
import type { ReadAs, VersionAsked, VersionLives, VersionReader } from '../control/version-lives.ts';
import type { Database, Queryable } from './database.ts';
import { lockName } from './feature-claims.ts';
import { sqlFile } from './sql-file.ts';

const READERS = sqlFile('feature-version-readers');
const ASKED = sqlFile('feature-version-asked');
const RETIRE = sqlFile('feature-retire');
const REVIVE = sqlFile('feature-revive');

interface ReaderRow {
  readonly model: string;
  readonly model_version: number;
  readonly stage: Stage;
  readonly newest: boolean;
  readonly pinned: boolean;
  readonly feature_set: string;
  readonly version: number;
}

export function postgresVersionLives(db: Database, scopeId: number): VersionLives {
  return {
    readers: (set) => readVersionReaders(db, scopeId, set),
    asked: (set) => readAsked(db, scopeId, set),
    retire: (set, version, why) =>
      db.transaction(async (tx) => {
        await lockPushes(tx, scopeId, set);
        // A promotion holds the rows of what its version learned from: it ends first, and is seen below.
        await tx.query(
          "select version from mlops.feature_set_versions where scope_id = $1 and feature_set = mlops.current_name($1, 'feature_set', $2) and version = $3 for update",
          [scopeId, set, version],
        );
        const readers = await readVersionReaders(tx, scopeId, set);
        if (readers.some((reader) => reader.version === version)) return false;
        const asked = await readAsked(tx, scopeId, set);
        if (asked.some((one) => one.version === version)) return false;
        return (await tx.query(RETIRE, [scopeId, set, version, why])).length > 0;
      }),
    revive: (set, version, keptForMs) =>
      db.transaction(async (tx) => {
        await lockPushes(tx, scopeId, set);
        await tx.query(REVIVE, [scopeId, set, version, keptForMs]);
      }),
    swept: async (set, version) => {
      await db.query(
        "update mlops.feature_set_versions set swept_at = clock_timestamp() where scope_id = $1 and feature_set = mlops.current_name($1, 'feature_set', $2) and version = $3 and status = 'retired'",
        [scopeId, set, version],
      );
    },
    trainedFrom: async (set, version) =>
      (
        await db.query<{ location: string }>(
          `select distinct p.location from mlops.training_set_parts p join mlops.feature_set_versions v using (scope_id, storage, version)
            where scope_id = $1 and v.feature_set = mlops.current_name($1, 'feature_set', $2) and version = $3`,
          [scopeId, set, version],
        )
      ).map(({ location }) => location),
  };
}

/** For so long after it was last asked for a version is kept. */
const ASKED_WITHIN_MS = 7 * 86_400_000;

async function readAsked(query: Queryable, scopeId: number, set?: string): Promise<readonly VersionAsked[]> {
  const rows = await query.query<{ feature_set: string; version: number; reader: string; last_at: Date }>(ASKED, [
    scopeId,
    set ?? null,
    ASKED_WITHIN_MS,
  ]);
  return rows.map((row) => ({ set: row.feature_set, version: row.version, reader: row.reader, lastAt: row.last_at }));
}

async function lockPushes(tx: Queryable, scopeId: number, set: string): Promise<void> {
  await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [lockName(scopeId, 'push', set)]);
}

/** As of the transaction that asks. */
export async function readVersionReaders(
  query: Queryable,
  scopeId: number,
  set?: string,
): Promise<readonly VersionReader[]> {
  const rows = await query.query<ReaderRow & Record<string, unknown>>(READERS, [scopeId, set ?? null]);
  const archived = rows.filter(({ stage, pinned }) => stage === 'archived' && !pinned).map(({ model }) => model);
  const targets = await rollbackTargets(query, scopeId, [...new Set(archived)]);
  return rows.flatMap((row): VersionReader[] => {
    const as = readAs(row, targets);
    if (as === undefined) return [];
    return [{ set: row.feature_set, version: row.version, model: row.model, modelVersion: row.model_version, as }];
  });
}

function readAs(
  { model, model_version, stage, newest, pinned }: ReaderRow,
  targets: ReadonlyMap<string, number>,
): ReadAs | undefined {
  if (stage === 'production' || stage === 'staging') return stage;
  if (targets.get(model) === model_version) return 'rollback';
  if (stage === 'development' && newest) return 'candidate';
  return pinned ? 'endpoint' : undefined;
}

async function rollbackTargets(
  query: Queryable,
  scopeId: number,
  models: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  if (models.length === 0) return new Map();
  const moves = await query.query<Pick<StageMove, 'model' | 'version' | 'from' | 'to'> & Record<string, unknown>>(
    `select v.model, m.version, m.from_stage as "from", m.to_stage as "to"
       from mlops.stage_moves m join mlops.model_versions v using (version_id)
      where v.scope_id = $1 and v.model = any($2::text[]) and v.deleted_at is null and 'production' in (m.from_stage, m.to_stage)
      order by m.move_id desc`,
    [scopeId, models],
  );
  return new Map(
    models.flatMap((model): [string, number][] => {
      const target = rollbackTarget(moves.filter((move) => move.model === model));
      return target === undefined ? [] : [[model, target]];
    }),
  );
}
