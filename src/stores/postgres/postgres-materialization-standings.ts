/** When the versions of feature sets were last filled, in Postgres. */
import type { MaterializationStanding, MaterializationStandings } from '../control/materialization-standings.ts';
import type { Database } from './database.ts';
import { sqlFile } from './sql-file.ts';

const STANDINGS = sqlFile('standings');
const SCHEDULED_SINCE = sqlFile('scheduled-since');

export function postgresMaterializationStandings(db: Database, scopeId: number): MaterializationStandings {
  return {
    standings: async (set) =>
      (
        await db.query<{
          feature_set: string;
          version: number;
          registered_at: Date;
          filled_at: Date | null;
          under_way: boolean;
        }>(STANDINGS, [scopeId, set ?? null])
      ).map(
        (row): MaterializationStanding => ({
          set: row.feature_set,
          version: row.version,
          registeredAt: row.registered_at,
          filledAt: row.filled_at,
          isUnderWay: row.under_way,
        }),
      ),
    scheduledSince: async (sets) => {
      if (sets.length === 0) return new Map();
      const rows = await db.query<{ feature_set: string; since: Date }>(SCHEDULED_SINCE, [scopeId, sets]);
      return new Map(rows.map(({ feature_set, since }) => [feature_set, since]));
    },
  };
}
