/** Artifacts of tasks in Postgres. */
import type { RunArtifactStore } from '../control/run-artifacts.ts';
import type { Database } from './database.ts';
import { UUID } from './run-cursor.ts';

/** Whoever adds shares it; who removes content has it alone. */
const LOCK = 0x72756e61;

export function createPostgresRunArtifacts(db: Database, scopeId: number): RunArtifactStore {
  return {
    add: async ({ runId, task, attempt }, artifacts) => {
      const held = await db.transaction(async (tx) => {
        await tx.query('select pg_advisory_xact_lock_shared($1, $2)', [LOCK, scopeId]);
        return tx.query(
          `with held as (
           select a.run_id, a.ordinal, a.attempt from mlops.task_attempts a join mlops.tasks t using (run_id, ordinal)
           where a.run_id = $1 and t.name = $2 and a.attempt = $3 and a.ended_at is null
           for share of a
         ), added as (
           insert into mlops.run_artifacts (run_id, ordinal, attempt, path, digest, bytes)
           select held.run_id, held.ordinal, held.attempt, f.path, f.digest, f.bytes
           from held, json_to_recordset($4) as f(path text, digest text, bytes bigint)
           on conflict do nothing
         )
         select 1 from held`,
          [runId, task, attempt, JSON.stringify(artifacts)],
        );
      });
      return held.length > 0;
    },
    prune: (olderThanMs, runs, remove) =>
      db.transaction(async (tx) => {
        await tx.query('select pg_advisory_xact_lock($1, $2)', [LOCK, scopeId]);
        const gone = await tx.query<{ run_id: string; digest: string }>(
          `with old as (
             select distinct f.run_id from mlops.run_artifacts f join mlops.runs r using (run_id)
             where r.scope_id = $1 and r.finished_at is not null and r.created_at < clock_timestamp() - $2::double precision * interval '1 millisecond'
             limit $3
           )
           delete from mlops.run_artifacts f using old where f.run_id = old.run_id returning f.run_id, f.digest`,
          [scopeId, olderThanMs, runs],
        );
        if (gone.length === 0) return 0;
        const unneeded = await tx.query<{ digest: string }>(
          `select d.digest from unnest($2::text[]) as d(digest)
           where not exists (select 1 from mlops.run_artifacts f join mlops.runs r using (run_id) where f.digest = d.digest and r.scope_id = $1)`,
          [scopeId, [...new Set(gone.map(({ digest }) => digest))]],
        );
        await remove(unneeded.map(({ digest }) => digest));
        return new Set(gone.map(({ run_id }) => run_id)).size;
      }),
    list: async (runId, tasks) => {
      if (!UUID.test(runId)) return [];
      return db.query<{ task: string; path: string; digest: string; bytes: number }>(
        `select t.name as task, f.path, f.digest, f.bytes::double precision as bytes
         from mlops.run_artifacts f join mlops.tasks t on t.run_id = f.run_id and t.ordinal = f.ordinal and t.attempt = f.attempt
         where t.scope_id = $1 and f.run_id = $2 and t.status = 'succeeded' and ($3::text[] is null or t.name = any($3)
           -- Of a task with items: what each of them left.
           or split_part(t.name, '[', 1) = any($3))
         order by t.ordinal, f.path`,
        [scopeId, runId, tasks ?? null],
      );
    },
  };
}
