/** What it takes to tell that something is late. */
import type { InstantOutcome, OpenRun } from '../../control/notifications.ts';
import type { Database } from '../database.ts';
import { CURRENT } from '../runs/schedules.ts';
import { sqlFile } from '../sql-file.ts';

export async function judgedUntil(
  db: Database,
  scopeId: number,
  schedule: string,
  digest: string,
): Promise<{ readonly until: Date; readonly now: Date }> {
  const [row] = await db.query<{ until: Date; now: Date }>(
    `insert into mlops.expectations as e (scope_id, schedule, digest, judged_until)
     values ($1, ${CURRENT}, $3, clock_timestamp())
     on conflict (scope_id, schedule) do update set
       judged_until = case when e.digest = excluded.digest then e.judged_until else excluded.judged_until end,
       digest       = excluded.digest
     returning judged_until as until, clock_timestamp() as now`,
    [scopeId, schedule, digest],
  );
  return row!;
}

export async function judged(db: Database, scopeId: number, schedule: string, until: Date): Promise<void> {
  await db.query(
    `update mlops.expectations set judged_until = greatest(judged_until, $3)
     where scope_id = $1 and schedule = ${CURRENT}`,
    [scopeId, schedule, until],
  );
}

export async function instantOutcomes(
  db: Database,
  scopeId: number,
  schedule: string,
  instants: readonly Date[],
): Promise<readonly InstantOutcome[]> {
  return db.query<InstantOutcome & Record<string, unknown>>(
    `select asked.instant, r.run_id as "runId", r.status, r.finished_at as "finishedAt"
     from unnest($3::timestamptz[]) with ordinality as asked(instant, place)
     left join mlops.schedule_instants i
       on i.scope_id = $1 and i.schedule = mlops.current_address($1, $2) and i.instant = asked.instant
     left join mlops.runs r on r.run_id = i.run_id
     order by asked.place`,
    [scopeId, schedule, instants.map((instant) => instant.toISOString())],
  );
}

export async function overdueRuns(db: Database, scopeId: number, limit: number): Promise<readonly OpenRun[]> {
  return db.query<OpenRun & Record<string, unknown>>(sqlFile('runs-late'), [scopeId, limit]);
}

export async function recordState(
  db: Database,
  scopeId: number,
  subject: string,
  state: string,
): Promise<{ readonly before: string | null; readonly since: Date }> {
  const [row] = await db.query<{ before: string | null; since: Date }>(
    `with before as (select state from mlops.subject_states where scope_id = $1 and subject = $2)
     insert into mlops.subject_states as s (scope_id, subject, state) values ($1, $2, $3)
     on conflict (scope_id, subject) do update set state = excluded.state,
       since = case when s.state = excluded.state then s.since else clock_timestamp() end
     returning (select state from before) as before, s.since`,
    [scopeId, subject, state],
  );
  return row!;
}
