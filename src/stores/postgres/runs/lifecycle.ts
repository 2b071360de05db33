/** Runs come to be, are cancelled and are tried again. */
import { MlopsError } from '../../../lib/error.ts';
import { isEnded, isRunEnded, outcomeOf, type TaskStatus } from '../../control/run-states.ts';
import type { NewRun, RunRules } from '../../control/runs.ts';
import type { Database, Queryable } from '../database.ts';
import { lockName } from '../feature-claims.ts';
import { sqlFile } from '../sql-file.ts';
import { changeRuns, type PendingRow, type TaskChange } from './changes.ts';
import { resumeFanOuts } from './fan-outs.ts';
import { lockRuns } from './locks.ts';
import { lockLimits } from './shares.ts';
import { taskColumns } from './task-columns.ts';

const INSERT_TASKS = sqlFile('runs-insert-tasks');
const RESET = sqlFile('runs-reset');
const QUEUED_TIMEOUTS = sqlFile('runs-queued-timeouts');

export interface Placement {
  readonly schedule: string | null;
  readonly held: boolean;
}

/** False where the idempotency key is taken. */
export async function insertRun(
  tx: Queryable,
  scopeId: number,
  run: NewRun,
  placement: Placement,
  rules: RunRules,
): Promise<boolean> {
  const held = placement.held || (await isFull(tx, scopeId, run));
  const plain = isPlain(run);
  // A rename under way is waited for: the run is listed under the name that its pipeline has then.
  await tx.query('select pg_advisory_xact_lock_shared(hashtextextended($1, 0))', [lockName(scopeId, 'names', '')]);
  const inserted = await tx.query(
    `insert into mlops.runs (run_id, scope_id, pipeline, spec, params, cause, git_commit, schedule, held, idempotency_key, run_limit, plain)
     values ($1, $2, mlops.current_pipeline($2, $3), $4, $5, $6, $7, $8, $9, $10, $11, $12)
     on conflict (scope_id, idempotency_key) where idempotency_key is not null do nothing returning run_id`,
    [
      run.runId,
      scopeId,
      run.pipeline,
      JSON.stringify(run.spec),
      JSON.stringify(run.params),
      JSON.stringify(run.cause),
      run.gitCommit,
      placement.schedule,
      held,
      run.idempotencyKey,
      run.spec.concurrency?.runs ?? null,
      plain,
    ],
  );
  if (inserted.length === 0) return false;
  const [counted] = await tx.query<{ readied: number }>(INSERT_TASKS, [scopeId, run.runId, held, ...taskColumns(run)]);
  if (Object.values(run.spec.tasks).some((task) => task.queuedTimeout !== undefined))
    await tx.query(QUEUED_TIMEOUTS, [run.runId]);
  const readied = counted?.readied ?? 0;
  const change = changeRuns(
    tx,
    scopeId,
    [
      {
        runId: run.runId,
        pipeline: run.pipeline,
        params: run.params,
        cause: run.cause,
        held,
        cancelling: false,
        status: 'queued',
        eventSeq: readied,
        openTasks: run.tasks.length,
        plain,
      },
    ],
    rules,
  );
  change.hint(run.runId, 'work');
  if (run.tasks.some((task) => task.when !== null && task.needs.length === 0))
    await change.settle(await pendingRoots(tx, run.runId));
  await change.commit();
  return true;
}

/** Of a plain run nothing has to be decided as long as its tasks succeed: see the schema's `go_on`. */
function isPlain({ tasks, spec }: NewRun): boolean {
  return (
    tasks.every((task) => task.when === null && task.trigger !== 'one_success' && task.trigger !== 'one_failed') &&
    Object.values(spec.tasks).every((task) => task.forEach === undefined)
  );
}

/** Whether as many runs of its pipeline are under way as may be. Who comes at the same moment has to wait. */
async function isFull(tx: Queryable, scopeId: number, run: NewRun): Promise<boolean> {
  const limit = run.spec.concurrency?.runs;
  if (limit === undefined) return false;
  await lockLimits(tx, scopeId);
  const [row] = await tx.query<{ runs: number }>(
    `select count(*)::integer as runs from mlops.runs
     where scope_id = $1 and pipeline = mlops.current_pipeline($1, $2) and status in ('queued', 'running')`,
    [scopeId, run.pipeline],
  );
  return (row?.runs ?? 0) >= limit;
}

async function pendingRoots(tx: Queryable, runId: string): Promise<readonly PendingRow[]> {
  return tx.query<PendingRow>(
    `select run_id, ordinal, name, trigger_rule, when_expression, 0 as needs_total, needs_succeeded, needs_failed, needs_skipped
     from mlops.tasks where run_id = $1 and status = 'pending' and cardinality(needs) = 0 order by ordinal`,
    [runId],
  );
}

/** Inside a transaction. False where there is no such run. */
export async function cancelRun(
  tx: Queryable,
  scopeId: number,
  runId: string,
  who: string,
  rules: RunRules,
): Promise<boolean> {
  const [run] = await lockRuns(tx, scopeId, [runId]);
  if (run === undefined) return false;
  if (isRunEnded(run.status) || run.cancelling) return true;
  await tx.query(
    'update mlops.runs set cancel_requested_at = clock_timestamp(), cancelled_by = $2, held = false where run_id = $1',
    [runId, who],
  );
  await audit(tx, scopeId, who, 'run.cancel', `run.${runId}`, run.pipeline);
  const change = changeRuns(tx, scopeId, [{ ...run, held: false, cancelling: true }], rules);
  const rows = await tx.query<{ ordinal: number; name: string; status: TaskStatus }>(
    `select ordinal, name, status from mlops.tasks
     where run_id = $1 and status in ('pending', 'ready', 'waiting', 'retrying') order by ordinal`,
    [runId],
  );
  await change.move(
    rows.map(
      (row): TaskChange => ({
        runId,
        ordinal: row.ordinal,
        task: row.name,
        from: row.status,
        to: 'cancelled',
        error: `cancelled by ${who}`,
      }),
    ),
  );
  // Workers learn of it even where no task changed its state.
  change.hint(runId, 'cancel');
  await change.commit();
  return true;
}

export async function retryRun(
  db: Database,
  scopeId: number,
  runId: string,
  who: string,
  rules: RunRules,
): Promise<boolean> {
  return db.transaction(async (tx) => {
    const [run] = await lockRuns(tx, scopeId, [runId]);
    if (run === undefined) return false;
    if (run.status !== 'failed' && run.status !== 'cancelled') {
      throw new MlopsError('PL204', {
        detail: `Run ${runId} is ${run.status}; only a run that failed or was cancelled can be tried again.`,
        status: 409,
      });
    }
    await tx.query('update mlops.runs set cancel_requested_at = null, cancelled_by = null where run_id = $1', [runId]);
    await tx.query(QUEUED_TIMEOUTS, [runId]);
    await audit(tx, scopeId, who, 'run.retry', `run.${runId}`, run.pipeline);
    const change = changeRuns(tx, scopeId, [{ ...run, cancelling: false }], rules);
    change.moveRun(runId, 'running', { retriedBy: who });
    const repeated = await tasksToRepeat(tx, runId);
    // Of a task whose items are known, those that failed run again, and it goes on with them.
    const resumed = repeated.filter((row) => row.items !== null);
    await change.move(
      repeated
        .filter((row) => row.items === null)
        .map(
          (row): TaskChange => ({
            runId,
            ordinal: row.ordinal,
            task: row.name,
            from: row.status,
            to: 'pending',
            failures: 0,
            recoveries: 0,
          }),
        ),
    );
    await resumeFanOuts(
      tx,
      runId,
      resumed.map(({ ordinal }) => ({ ordinal, items: repeated.filter((row) => row.parent === ordinal).length })),
    );
    await change.moved(
      resumed.map(({ ordinal, name: task, status: from, attempt }) => {
        return { runId, ordinal, task, from, to: 'running', attempt, error: null, parent: null };
      }),
    );
    await change.settle(await tx.query<PendingRow>(RESET, [runId]));
    await change.commit();
    return true;
  });
}

type TaskRow = {
  ordinal: number;
  name: string;
  status: TaskStatus;
  attempt: number;
  dependents: number[];
  parent: number | null;
  items: number | null;
};

/** What failed, timed out, crashed or was cancelled, and what was skipped or never ran because of that. */
async function tasksToRepeat(tx: Queryable, runId: string): Promise<readonly TaskRow[]> {
  const rows = await tx.query<TaskRow>(
    'select ordinal, name, status, attempt, dependents, parent, items from mlops.tasks where run_id = $1 order by ordinal',
    [runId],
  );
  const repeat = new Set<number>();
  const visit = (ordinal: number): void => {
    const row = rows[ordinal];
    if (row === undefined || repeat.has(ordinal) || row.status === 'succeeded') return;
    repeat.add(ordinal);
    row.dependents.forEach(visit);
  };
  for (const row of rows) if (isEnded(row.status) && outcomeOf(row.status) === 'failed') visit(row.ordinal);
  return rows.filter((row) => repeat.has(row.ordinal));
}

/** One entry about something that a pipeline did. */
export async function audit(
  tx: Queryable,
  scopeId: number,
  who: string,
  action: string,
  subject: string,
  pipeline: string,
): Promise<void> {
  await tx.query('insert into mlops.audit_log (scope_id, who, action, subject, detail) values ($1, $2, $3, $4, $5)', [
    scopeId,
    who,
    action,
    subject,
    JSON.stringify({ pipeline }),
  ]);
}
