/** Runs come to be, are cancelled and are tried again. */
import { MlopsError } from '../../../lib/error.ts';
import { isEnded, isRunEnded, outcomeOf, type TaskStatus } from '../../control/run-states.ts';
import type { NewRun, NewTask, RunRules } from '../../control/runs.ts';
import type { Database, Queryable } from '../database.ts';
import { lockName } from '../feature-claims.ts';
import { sqlFile } from '../sql-file.ts';
import { changeRun, lockRun, type PendingRow, type TaskChange } from './changes.ts';

const INSERT_TASKS = sqlFile('runs-insert-tasks');
const RESET = sqlFile('runs-reset');

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
  // A rename under way is waited for: the run is listed under the name that its pipeline has then.
  await tx.query('select pg_advisory_xact_lock_shared(hashtextextended($1, 0))', [lockName(scopeId, 'names', '')]);
  const inserted = await tx.query(
    `insert into mlops.runs (run_id, scope_id, pipeline, spec, params, cause, git_commit, schedule, held, idempotency_key)
     values ($1, $2, mlops.current_pipeline($2, $3), $4, $5, $6, $7, $8, $9, $10)
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
      placement.held,
      run.idempotencyKey,
    ],
  );
  if (inserted.length === 0) return false;
  await tx.query(INSERT_TASKS, [scopeId, run.runId, JSON.stringify(taskRows(run.tasks))]);
  const change = changeRun(
    tx,
    scopeId,
    {
      runId: run.runId,
      pipeline: run.pipeline,
      params: run.params,
      cause: run.cause,
      schedule: placement.schedule,
      held: placement.held,
      cancelling: false,
      status: 'queued',
    },
    rules,
  );
  await change.settle(await pendingTasks(tx, run.runId, true));
  await change.commit();
  return true;
}

function taskRows(tasks: readonly NewTask[]): readonly object[] {
  const dependents = tasks.map((): number[] => []);
  tasks.forEach((task, ordinal) => {
    for (const upstream of task.needs) dependents[upstream]?.push(ordinal);
  });
  return tasks.map((task, ordinal) => ({
    ordinal,
    name: task.name,
    operator: task.operator,
    trigger_rule: task.trigger,
    when_expression: task.when,
    needs: task.needs,
    dependents: dependents[ordinal],
    priority: task.priority,
    cpu: task.cpu,
    memory_bytes: task.memoryBytes,
    gpu: task.gpu,
    deadline_ms: task.deadlineMs,
  }));
}

async function pendingTasks(tx: Queryable, runId: string, rootsOnly: boolean): Promise<readonly PendingRow[]> {
  return tx.query<PendingRow & Record<string, unknown>>(
    `select ordinal, name, trigger_rule, when_expression, cardinality(needs) as needs_total, needs_succeeded, needs_failed, needs_skipped
     from mlops.tasks where run_id = $1 and status = 'pending' and (not $2 or cardinality(needs) = 0) order by ordinal`,
    [runId, rootsOnly],
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
  const run = await lockRun(tx, scopeId, runId);
  if (run === undefined) return false;
  if (isRunEnded(run.status) || run.cancelling) return true;
  await tx.query(
    'update mlops.runs set cancel_requested_at = clock_timestamp(), cancelled_by = $2, held = false where run_id = $1',
    [runId, who],
  );
  await audit(tx, scopeId, who, 'run.cancel', `run.${runId}`, run.pipeline);
  const change = changeRun(tx, scopeId, { ...run, cancelling: true }, rules);
  const rows = await tx.query<{ ordinal: number; name: string; status: TaskStatus }>(
    `select ordinal, name, status from mlops.tasks
     where run_id = $1 and status in ('pending', 'ready', 'waiting', 'retrying') order by ordinal`,
    [runId],
  );
  await change.move(
    rows.map(
      (row): TaskChange => ({
        ordinal: row.ordinal,
        task: row.name,
        from: row.status,
        to: 'cancelled',
        error: `cancelled by ${who}`,
      }),
    ),
  );
  await change.commit();
  // Workers learn of it even where no task changed its state.
  await tx.query(`select pg_notify('mlops_runs', $1)`, [`${scopeId} ${runId} state`]);
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
    const run = await lockRun(tx, scopeId, runId);
    if (run === undefined) return false;
    if (run.status !== 'failed' && run.status !== 'cancelled') {
      throw new MlopsError('PL204', {
        detail: `Run ${runId} is ${run.status}; only a run that failed or was cancelled can be tried again.`,
        status: 409,
      });
    }
    await tx.query('update mlops.runs set cancel_requested_at = null, cancelled_by = null where run_id = $1', [runId]);
    await audit(tx, scopeId, who, 'run.retry', `run.${runId}`, run.pipeline);
    const change = changeRun(tx, scopeId, { ...run, cancelling: false }, rules);
    await change.moveRun('running', { retriedBy: who });
    await change.move(
      (await tasksToRepeat(tx, runId)).map(
        (row): TaskChange => ({
          ordinal: row.ordinal,
          task: row.name,
          from: row.status,
          to: 'pending',
          failures: 0,
          recoveries: 0,
        }),
      ),
    );
    await change.settle(await tx.query<PendingRow & Record<string, unknown>>(RESET, [runId]));
    await change.commit();
    return true;
  });
}

type TaskRow = { ordinal: number; name: string; status: TaskStatus; dependents: number[] };

/** What failed, timed out, crashed or was cancelled, and what was skipped or never ran because of that. */
async function tasksToRepeat(tx: Queryable, runId: string): Promise<readonly TaskRow[]> {
  const rows = await tx.query<TaskRow>(
    'select ordinal, name, status, dependents from mlops.tasks where run_id = $1 order by ordinal',
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
