/** Instants of schedules: one row each, so that none fires twice, and runs that wait for the one before. */
import type { NewRun, RunRules, ScheduleCursor } from '../../control/runs.ts';
import type { Database } from '../database.ts';
import { lockName } from '../feature-claims.ts';
import { sqlFile } from '../sql-file.ts';
import { noteProbe, passBreaker } from './breakers.ts';
import { cancelRun, insertRun } from './lifecycle.ts';
import { lockLimits } from './shares.ts';

const RELEASE = sqlFile('runs-release');
/** `pipeline.NAME#DIGEST` of a cron among the triggers keeps its end. */
export const CURRENT = `mlops.current_address($1, split_part($2, '#', 1)) || substr($2, length(split_part($2, '#', 1)) + 1)`;

export async function scheduleCursor(
  db: Database,
  scopeId: number,
  name: string,
  digest: string,
): Promise<ScheduleCursor> {
  const [row] = await db.query<{ cursor_at: Date; checked_at: Date; now: Date }>(
    `insert into mlops.schedules as s (scope_id, schedule, digest, cursor_at, checked_at)
     values ($1, ${CURRENT}, $3, clock_timestamp(), clock_timestamp())
     on conflict (scope_id, schedule) do update set
       cursor_at  = case when s.digest = excluded.digest then s.cursor_at else excluded.cursor_at end,
       checked_at = case when s.digest = excluded.digest then s.checked_at else excluded.checked_at end,
       digest     = excluded.digest
     returning cursor_at, checked_at, clock_timestamp() as now`,
    [scopeId, name, digest],
  );
  return { cursor: row!.cursor_at, checkedAt: row!.checked_at, now: row!.now };
}

export async function advanceSchedule(db: Database, scopeId: number, name: string, cursor: Date): Promise<void> {
  await db.query(
    `update mlops.schedules set cursor_at = greatest(cursor_at, $3), checked_at = clock_timestamp() where scope_id = $1 and schedule = ${CURRENT}`,
    [scopeId, name, cursor],
  );
}

export async function touchSchedules(db: Database, scopeId: number, names: readonly string[]): Promise<Date> {
  const [row] = await db.query<{ now: Date }>(
    `with touched as (
       update mlops.schedules set checked_at = clock_timestamp() where scope_id = $1 and schedule = any($2)
     ), forgotten as (
       delete from mlops.schedules where scope_id = $1 and schedule <> all($2) and checked_at < clock_timestamp() - interval '1 minute'
     )
     select clock_timestamp() as now`,
    [scopeId, names],
  );
  return row!.now;
}

export async function fire(
  db: Database,
  scopeId: number,
  schedule: { readonly name: string; readonly instant: Date; readonly overlap: 'queue' | 'skip' | 'cancel' },
  run: NewRun,
  rules: RunRules,
): Promise<'created' | 'skipped' | 'open' | undefined> {
  return db.transaction(async (tx) => {
    // A rename under way is waited for: what fired under the old name does not fire again under the new one.
    await tx.query('select pg_advisory_xact_lock_shared(hashtextextended($1, 0))', [lockName(scopeId, 'names', '')]);
    const [current] = await tx.query<{ name: string }>('select mlops.current_address($1, $2) as name', [
      scopeId,
      schedule.name,
    ]);
    const name = current!.name;
    // One at a time for a schedule: who looks for a run under way must see the one that another just made.
    await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [lockName(scopeId, 'schedule', name)]);
    const fired = await tx.query(
      `insert into mlops.schedule_instants (scope_id, schedule, instant) values ($1, $2, $3) on conflict do nothing returning instant`,
      [scopeId, name, schedule.instant],
    );
    if (fired.length === 0) return undefined;
    const passage = await passBreaker(tx, scopeId, run, { schedule: name, instant: schedule.instant.toISOString() });
    if (typeof passage === 'object') {
      await tx.query(
        'update mlops.schedule_instants set why = $4 where scope_id = $1 and schedule = $2 and instant = $3',
        [scopeId, name, schedule.instant, passage.why],
      );
      return 'open';
    }
    const underWay = await tx.query<{ run_id: string }>(
      `select run_id from mlops.runs where scope_id = $1 and schedule = $2 and status in ('queued', 'running') order by created_at`,
      [scopeId, name],
    );
    if (schedule.overlap === 'skip' && underWay.length > 0) return 'skipped';
    if (schedule.overlap === 'cancel') {
      for (const other of underWay) await cancelRun(tx, scopeId, other.run_id, `schedule ${name}`, rules);
    }
    await insertRun(tx, scopeId, run, { schedule: name, held: underWay.length > 0 }, rules);
    if (passage === 'probe') await noteProbe(tx, scopeId, run);
    await tx.query(
      'update mlops.schedule_instants set run_id = $4 where scope_id = $1 and schedule = $2 and instant = $3',
      [scopeId, name, schedule.instant, run.runId],
    );
    return 'created';
  });
}

export async function releaseHeld(db: Database, scopeId: number): Promise<void> {
  const [held] = await db.query(`select 1 from mlops.runs where scope_id = $1 and held and status = 'queued' limit 1`, [
    scopeId,
  ]);
  if (held === undefined) return;
  await db.transaction(async (tx) => {
    await lockLimits(tx, scopeId);
    await tx.query(RELEASE, [scopeId, String(scopeId)]);
  });
}
