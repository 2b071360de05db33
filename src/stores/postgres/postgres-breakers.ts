/** Circuit breakers in Postgres: how they stand, and how one is reset. */
import type { BreakerStanding, BreakerState, BreakerStore, PipelineEvent } from '../control/breakers.ts';
import type { Database } from './database.ts';
import { tell } from './runs/breakers.ts';
import { audit } from './runs/lifecycle.ts';

export function createPostgresBreakers(db: Database, scopeId: number): BreakerStore {
  return {
    standings: async (pipelines) => {
      const asked = pipelines.flatMap(({ name, breaker }) =>
        breaker === undefined ? [] : [{ name, failures: breaker.failures, pause: breaker.pause ?? '1h' }],
      );
      if (asked.length === 0) return [];
      type Row = {
        name: string;
        allowed: number;
        failures: number;
        opened_at: Date | null;
        until: Date | null;
        state: BreakerState;
        probe: string | null;
        skipped: number;
        skipped_total: number;
      };
      const rows = await db.query<Row>(
        `select a.name, a.failures as allowed, coalesce(b.failures, 0) as failures, b.opened_at,
                b.opened_at + mlops.duration(a.pause) as until,
                case when b.opened_at is null then 'closed'
                     when b.opened_at + mlops.duration(a.pause) > clock_timestamp() then 'open' else 'half_open' end as state,
                (select r.run_id from mlops.runs r where r.run_id = b.probe_run and r.status in ('queued', 'running')) as probe,
                coalesce(b.skipped, 0) as skipped, coalesce(b.skipped_total, 0) as skipped_total
         from json_to_recordset($2) as a(name text, failures integer, pause text)
         left join mlops.breakers b on b.scope_id = $1 and b.pipeline = mlops.current_pipeline($1, a.name)
         order by a.name`,
        [scopeId, JSON.stringify(asked)],
      );
      return rows.map(
        (row): BreakerStanding => ({
          pipeline: row.name,
          state: row.state,
          failures: row.failures,
          allowed: row.allowed,
          openedAt: row.opened_at,
          until: row.until,
          probeRun: row.probe,
          skipped: row.skipped,
          skippedTotal: row.skipped_total,
        }),
      );
    },
    reset: (pipeline, who) =>
      db.transaction(async (tx) => {
        const [row] = await tx.query<{ pipeline: string }>(
          `update mlops.breakers set failures = 0, opened_at = null, probe_run = null, skipped = 0
           where scope_id = $1 and pipeline = mlops.current_pipeline($1, $2) and (failures > 0 or opened_at is not null)
           returning pipeline`,
          [scopeId, pipeline],
        );
        if (row === undefined) return false;
        await tell(tx, scopeId, row.pipeline, 'breaker_reset', { who });
        await audit(tx, scopeId, who, 'breaker.reset', `pipeline.${row.pipeline}`, row.pipeline);
        return true;
      }),
    events: (pipeline, limit) =>
      db.query<PipelineEvent & Record<string, unknown>>(
        `select event_id as id, at, pipeline, kind, detail from mlops.pipeline_events
         where scope_id = $1 and pipeline = mlops.current_pipeline($1, $2) order by event_id desc limit $3`,
        [scopeId, pipeline, limit],
      ),
  };
}
