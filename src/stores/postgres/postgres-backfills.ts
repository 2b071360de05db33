/** Backfills in Postgres. */
import type { JsonObject } from '../../lib/json.ts';
import { addressOf } from '../../spec/address.ts';
import type { CanonicalPipeline } from '../../spec/canonical-specs.ts';
import type {
  BackfillInstant,
  BackfillPlan,
  BackfillRecord,
  BackfillStatus,
  BackfillStore,
  BackfillSummary,
  Decide,
  NewBackfill,
  Reprocess,
  Standing,
} from '../control/backfills.ts';
import type { RunStatus } from '../control/run-states.ts';
import type { NewRun, RunRules } from '../control/runs.ts';
import type { Database, Queryable } from './database.ts';
import { lockName } from './feature-claims.ts';
import { readCursor, UUID, writeCursor } from './run-cursor.ts';
import { audit, cancelRun, insertRun } from './runs/lifecycle.ts';
import { sqlFile } from './sql-file.ts';

/** Instants decided in one transaction; the next one goes on. */
const INSTANTS_A_STEP = 200;

const LIST = sqlFile('backfills-list');
const STANDINGS = sqlFile('backfills-standings');

type PlanRow = {
  backfill_id: string;
  pipeline: string;
  params: JsonObject;
  git_commit: string | null;
  from_at: Date;
  to_at: Date;
  concurrency: number;
  backwards: boolean;
  reprocess: Reprocess;
  created_by: string;
};
type Row = PlanRow &
  BackfillSummary['counts'] & {
    status: BackfillStatus;
    created_at: Date;
    cancelled_by: string | null;
    finished_at: Date | null;
    position: string;
  };

export function createPostgresBackfills(db: Database, scopeId: number): BackfillStore {
  async function get(backfillId: string): Promise<BackfillRecord | undefined> {
    if (!UUID.test(backfillId)) return undefined;
    const [row] = await db.query<Row>(LIST, [scopeId, backfillId, null, null, null, 1]);
    if (row === undefined) return undefined;
    type InstantRow = {
      instant: Date;
      status: string;
      why: string | null;
      run_id: string | null;
      run: RunStatus | null;
    };
    const instants = await db.query<InstantRow>(
      `select i.instant, i.status, i.why, i.run_id, r.status as run
       from mlops.backfill_instants i left join mlops.runs r on r.run_id = i.run_id
       where i.backfill_id = $1 order by i.position`,
      [backfillId],
    );
    return {
      ...summaryOf(row),
      instants: instants.map(({ instant, status, why, run_id, run }) => ({
        instant,
        status: run ?? (status as BackfillInstant['status']),
        why,
        runId: run_id,
      })),
    };
  }

  return {
    create: async (backfill) => {
      const made = await db.transaction((tx) => insert(tx, scopeId, backfill));
      const [other] = made
        ? []
        : await db.query<{ backfill_id: string }>(
            'select backfill_id from mlops.backfills where scope_id = $1 and idempotency_key = $2',
            [scopeId, backfill.idempotencyKey],
          );
      return (await get(other?.backfill_id ?? backfill.backfillId))!;
    },
    get,
    list: async ({ pipeline, limit, cursor }) => {
      const after = cursor === undefined ? undefined : readCursor(cursor);
      const rows = await db.query<Row>(LIST, [
        scopeId,
        null,
        pipeline ?? null,
        after?.position ?? null,
        after?.runId ?? null,
        limit + 1,
      ]);
      const items = rows.slice(0, limit);
      const last = items.at(-1);
      return {
        items: items.map(summaryOf),
        nextCursor: rows.length > limit && last !== undefined ? writeCursor(last.position, last.backfill_id) : null,
      };
    },
    cancel: async (backfillId, who, rules) => {
      if (!UUID.test(backfillId)) return undefined;
      await db.transaction((tx) => cancel(tx, scopeId, backfillId, who, rules));
      return get(backfillId);
    },
    standings: async (pipeline, instants) => {
      const [time] = await db.query<{ now: Date }>('select clock_timestamp() as now');
      return { now: time!.now, runs: await standingsOf(db, scopeId, pipeline, instants) };
    },
    open: async () => {
      const rows = await db.query<PlanRow & { spec: CanonicalPipeline }>(
        `select * from mlops.backfills where scope_id = $1 and status = 'running' order by created_at, backfill_id`,
        [scopeId],
      );
      return rows.map((row) => ({ ...planOf(row), spec: row.spec, backfillId: row.backfill_id, who: row.created_by }));
    },
    step: (backfillId, decide, runOf, rules) =>
      db.transaction((tx) => step(tx, scopeId, backfillId, decide, runOf, rules)),
  };
}

function planOf(row: PlanRow): Omit<BackfillPlan, 'spec'> {
  return {
    pipeline: row.pipeline,
    params: row.params,
    gitCommit: row.git_commit,
    from: row.from_at,
    to: row.to_at,
    concurrency: row.concurrency,
    backwards: row.backwards,
    reprocess: row.reprocess,
  };
}

function summaryOf(row: Row): BackfillSummary {
  const { pending, running, succeeded, failed, skipped, cancelled } = row;
  return {
    ...planOf(row),
    backfillId: row.backfill_id,
    status: row.status,
    createdBy: row.created_by,
    createdAt: row.created_at,
    cancelledBy: row.cancelled_by,
    finishedAt: row.finished_at,
    counts: { pending, running, succeeded, failed, skipped, cancelled },
  };
}

/** False where the idempotency key is taken. */
async function insert(tx: Queryable, scopeId: number, backfill: NewBackfill): Promise<boolean> {
  const made = await tx.query(
    `insert into mlops.backfills (backfill_id, scope_id, pipeline, spec, params, git_commit, from_at, to_at, concurrency, backwards,
                                  reprocess, idempotency_key, created_by)
     values ($1, $2, mlops.current_pipeline($2, $3), $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
     on conflict (scope_id, idempotency_key) where idempotency_key is not null do nothing returning backfill_id`,
    [
      backfill.backfillId,
      scopeId,
      backfill.pipeline,
      JSON.stringify(backfill.spec),
      JSON.stringify(backfill.params),
      backfill.gitCommit,
      backfill.from,
      backfill.to,
      backfill.concurrency,
      backfill.backwards,
      backfill.reprocess,
      backfill.idempotencyKey,
      backfill.who,
    ],
  );
  if (made.length === 0) return false;
  await tx.query(
    `insert into mlops.backfill_instants (backfill_id, position, instant)
     select $1, ordinality - 1, instant from unnest($2::timestamptz[]) with ordinality as i(instant, ordinality)`,
    [backfill.backfillId, backfill.instants.map((instant) => instant.toISOString())],
  );
  await audit(tx, scopeId, backfill.who, 'backfill.create', `backfill.${backfill.backfillId}`, backfill.pipeline);
  return true;
}

async function cancel(tx: Queryable, scopeId: number, backfillId: string, who: string, rules: RunRules): Promise<void> {
  const [open] = await tx.query<{ pipeline: string }>(
    `select pipeline from mlops.backfills where scope_id = $1 and backfill_id = $2 and status = 'running' for update`,
    [scopeId, backfillId],
  );
  if (open === undefined) return;
  await tx.query(
    `update mlops.backfills set status = 'cancelled', cancelled_by = $2, finished_at = clock_timestamp() where backfill_id = $1`,
    [backfillId, who],
  );
  await tx.query(
    `update mlops.backfill_instants set status = 'cancelled' where backfill_id = $1 and status = 'pending'`,
    [backfillId],
  );
  await audit(tx, scopeId, who, 'backfill.cancel', `backfill.${backfillId}`, open.pipeline);
  for (const runId of await liveRuns(tx, backfillId)) await cancelRun(tx, scopeId, runId, who, rules);
}

async function liveRuns(tx: Queryable, backfillId: string): Promise<readonly string[]> {
  const rows = await tx.query<{ run_id: string }>(
    `select r.run_id from mlops.backfill_instants i join mlops.runs r on r.run_id = i.run_id
     where i.backfill_id = $1 and i.status = 'started' and r.status in ('queued', 'running') order by i.position`,
    [backfillId],
  );
  return rows.map(({ run_id }) => run_id);
}

async function standingsOf(
  db: Queryable,
  scopeId: number,
  pipeline: string,
  instants: readonly Date[],
): Promise<ReadonlyMap<string, Standing>> {
  const rows = await db.query<{ instant: string; run_id: string; status: RunStatus }>(STANDINGS, [
    scopeId,
    pipeline,
    instants.map((instant) => instant.toISOString()),
  ]);
  return new Map(rows.map(({ instant, run_id, status }) => [instant, { runId: run_id, status }]));
}

async function step(
  tx: Queryable,
  scopeId: number,
  backfillId: string,
  decide: Decide,
  runOf: (instant: Date) => NewRun,
  rules: RunRules,
): Promise<readonly string[]> {
  // As every run that begins: a rename under way is waited for, before any row is locked.
  await tx.query('select pg_advisory_xact_lock_shared(hashtextextended($1, 0))', [lockName(scopeId, 'names', '')]);
  const [open] = await tx.query<{ pipeline: string; concurrency: number }>(
    `select pipeline, concurrency from mlops.backfills where scope_id = $1 and backfill_id = $2 and status = 'running'
     for update skip locked`,
    [scopeId, backfillId],
  );
  if (open === undefined) return [];
  const started: string[] = [];
  let running = (await liveRuns(tx, backfillId)).length;
  for (let decided = 0; decided < INSTANTS_A_STEP; decided += 1) {
    const [next] = await tx.query<{ position: number; instant: Date }>(
      `select position, instant from mlops.backfill_instants where backfill_id = $1 and status = 'pending'
       order by position limit 1`,
      [backfillId],
    );
    if (next === undefined) {
      if (running === 0) await finish(tx, backfillId);
      return started;
    }
    if (running >= open.concurrency) return started;
    const why = await startOf(tx, scopeId, open.pipeline, next.instant, decide);
    const run = why === null ? runOf(next.instant) : undefined;
    if (run !== undefined) {
      await insertRun(tx, scopeId, run, { schedule: null, held: false }, rules);
      await tx.query(
        'update mlops.schedule_instants set run_id = $4 where scope_id = $1 and schedule = $2 and instant = $3',
        [scopeId, addressOf('pipeline', open.pipeline), next.instant, run.runId],
      );
      started.push(run.runId);
      running += 1;
    }
    await tx.query(
      'update mlops.backfill_instants set status = $3, why = $4, run_id = $5 where backfill_id = $1 and position = $2',
      [backfillId, next.position, run === undefined ? 'skipped' : 'started', why, run?.runId ?? null],
    );
  }
  return started;
}

/**
 * Null where the instant is to be run, else why not. Its row among the schedule's instants is taken first: what a schedule or
 * another backfill starts of it at the same time is waited for and seen.
 */
async function startOf(
  tx: Queryable,
  scopeId: number,
  pipeline: string,
  instant: Date,
  decide: Decide,
): Promise<string | null> {
  await tx.query(
    `insert into mlops.schedule_instants (scope_id, schedule, instant) values ($1, $2, $3)
     on conflict (scope_id, schedule, instant) do update set fired_at = mlops.schedule_instants.fired_at`,
    [scopeId, addressOf('pipeline', pipeline), instant],
  );
  const standing = (await standingsOf(tx, scopeId, pipeline, [instant])).get(instant.toISOString());
  const decided = decide(standing);
  return decided.run ? null : (decided.why ?? 'not to be run');
}

async function finish(tx: Queryable, backfillId: string): Promise<void> {
  await tx.query(
    `update mlops.backfills b set finished_at = clock_timestamp(), status = case when exists (
       select 1 from mlops.backfill_instants i left join mlops.runs r on r.run_id = i.run_id
       where i.backfill_id = b.backfill_id and i.status = 'started' and r.status is distinct from 'succeeded'
     ) then 'failed' else 'succeeded' end
     where backfill_id = $1`,
    [backfillId],
  );
}
