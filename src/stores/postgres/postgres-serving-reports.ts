/** What daemons serve, in Postgres; its clock says who was heard of lately. */
import type { ServedVariant, ServingReportStore } from '../control/serving-reports.ts';
import type { Database } from './database.ts';

const FORGOTTEN_AFTER = '10 minutes';

export function createPostgresServingReports(db: Database, scopeId: number): ServingReportStore {
  return {
    tell: async (daemon, { name, serves }) => {
      await db.query(
        `with gone as (
           delete from mlops.serving_reports where scope_id = $1 and daemon <> $2 and seen_at < clock_timestamp() - interval '${FORGOTTEN_AFTER}'
         )
         insert into mlops.serving_reports (scope_id, daemon, name, endpoints) values ($1, $2, $3, $4::jsonb)
         on conflict (scope_id, daemon) do update set name = excluded.name, endpoints = excluded.endpoints, seen_at = clock_timestamp()`,
        [scopeId, daemon, name, JSON.stringify(serves)],
      );
    },
    forget: async (daemon) => {
      await db.query('delete from mlops.serving_reports where scope_id = $1 and daemon = $2', [scopeId, daemon]);
    },
    list: async (withinMs) => {
      const rows = await db.query<{ name: string; endpoints: readonly ServedVariant[] }>(
        `select name, endpoints from mlops.serving_reports
         where scope_id = $1 and seen_at > clock_timestamp() - $2::double precision * interval '1 millisecond' order by daemon`,
        [scopeId, withinMs],
      );
      return rows.map(({ name, endpoints }) => ({ name, serves: endpoints }));
    },
  };
}
