/**
 * The one place where runs and tasks change their state: a transaction that holds the run's lock, moves tasks, settles
 * what comes after them, and ends the run with its last task.
 */
import { invariant } from '../../../lib/assert.ts';
import type { JsonObject } from '../../../lib/json.ts';
import {
  assertRunMove,
  assertTaskMove,
  isEnded,
  isRunEnded,
  outcomeOf,
  type RunStatus,
  type TaskStatus,
} from '../../control/run-states.ts';
import type { EndedTask, PendingTask, RunCause, RunFacts, RunRules, Trigger } from '../../control/runs.ts';
import type { Queryable } from '../database.ts';
import { sqlFile } from '../sql-file.ts';

const LOCK = sqlFile('runs-lock');
const CHANGE = sqlFile('runs-change-tasks');
const APPEND = sqlFile('runs-append-events');
const COUNT_ENDS = sqlFile('runs-count-ends');

export interface TaskChange {
  readonly ordinal: number;
  readonly task: string;
  readonly from: TaskStatus;
  /** The state that an attempt ended in on the way to `to`: running → via → to. */
  readonly via?: TaskStatus;
  readonly to: TaskStatus;
  readonly attempt?: number;
  readonly failures?: number;
  readonly recoveries?: number;
  readonly retryInMs?: number;
  readonly exitCode?: number | null;
  readonly error?: string | null;
  readonly outputs?: JsonObject | null;
  readonly data?: JsonObject;
}

export interface LockedRun {
  readonly runId: string;
  readonly pipeline: string;
  readonly params: JsonObject;
  readonly cause: RunCause;
  readonly schedule: string | null;
  readonly held: boolean;
  readonly cancelling: boolean;
  readonly status: RunStatus;
}

export interface PendingRow {
  readonly ordinal: number;
  readonly name: string;
  readonly trigger_rule: Trigger;
  readonly when_expression: string | null;
  readonly needs_total: number;
  readonly needs_succeeded: number;
  readonly needs_failed: number;
  readonly needs_skipped: number;
}

interface Event {
  readonly task: string | null;
  readonly status: TaskStatus | RunStatus;
  readonly attempt: number | null;
  readonly error: string | null;
  readonly data: JsonObject;
}

/** Changes to one run that belong together. Nothing is seen before `commit` and the transaction's end. */
export interface RunChange {
  readonly run: LockedRun;
  /** Moves tasks and, where they ended, settles those after them, and so on. */
  move(changes: readonly TaskChange[]): Promise<void>;
  /** Decides about pending tasks. */
  settle(pending: readonly PendingRow[]): Promise<void>;
  moveRun(to: RunStatus, data?: JsonObject): Promise<void>;
  /** Ends the run where no task is left, and writes the events. Last. */
  commit(): Promise<void>;
}

export async function lockRun(tx: Queryable, scopeId: number, runId: string): Promise<LockedRun | undefined> {
  type Row = {
    run_id: string;
    pipeline: string;
    status: RunStatus;
    params: JsonObject;
    cause: RunCause;
    held: boolean;
    schedule: string | null;
    cancelling: boolean;
  };
  const [row] = await tx.query<Row>(LOCK, [scopeId, runId]);
  if (row === undefined) return undefined;
  return {
    runId: row.run_id,
    pipeline: row.pipeline,
    params: row.params,
    cause: row.cause,
    schedule: row.schedule,
    held: row.held,
    cancelling: row.cancelling,
    status: row.status,
  };
}

export function changeRun(tx: Queryable, scopeId: number, run: LockedRun, rules: RunRules): RunChange {
  const events: Event[] = [];
  let status = run.status;
  let ended = false;

  async function moveRun(to: RunStatus, data: JsonObject = {}): Promise<void> {
    assertRunMove(status, to);
    status = to;
    await tx.query(
      `update mlops.runs set status = $2,
         started_at = case when $2 <> 'cancelled' then coalesce(started_at, clock_timestamp()) else started_at end,
         finished_at = case when $3 then clock_timestamp() end
       where run_id = $1`,
      [run.runId, to, isRunEnded(to)],
    );
    events.push({ task: null, status: to, attempt: null, error: null, data });
  }

  /** See the drawing in stores/control/run-states.ts. */
  async function move(changes: readonly TaskChange[]): Promise<void> {
    if (changes.length === 0) return;
    for (const change of changes) {
      if (change.via !== undefined) {
        assertTaskMove(change.from, change.via);
        assertTaskMove(change.via, change.to);
      } else {
        assertTaskMove(change.from, change.to);
      }
    }
    const rows = changes.map((change) => ({
      ordinal: change.ordinal,
      from: change.from,
      to: change.to,
      attempt: change.attempt,
      failures: change.failures,
      recoveries: change.recoveries,
      retry_in_ms: change.retryInMs,
      exit_code: change.exitCode ?? null,
      error: change.error ?? null,
      outputs: change.outputs ?? null,
    }));
    const moved = await tx.query(CHANGE, [run.runId, JSON.stringify(rows)]);
    invariant(
      moved.length === changes.length,
      `${changes.length - moved.length} tasks of run ${run.runId} were not in the state expected`,
    );
    for (const change of changes) {
      const event = { task: change.task, attempt: change.attempt ?? null, error: change.error ?? null };
      if (change.via !== undefined) events.push({ ...event, status: change.via, data: change.data ?? {} });
      if (change.to === 'retrying') {
        events.push({ ...event, status: change.to, error: null, data: { retryInMs: change.retryInMs ?? 0 } });
      } else {
        events.push({ ...event, status: change.to, data: change.data ?? {} });
      }
    }
    const ends = changes.filter((change) => isEnded(change.to));
    if (ends.length === 0) return;
    ended = true;
    const outcomes = ends.map((change) => ({ ordinal: change.ordinal, outcome: outcomeOf(change.to) }));
    await settle(
      await tx.query<PendingRow & Record<string, unknown>>(COUNT_ENDS, [run.runId, JSON.stringify(outcomes)]),
    );
  }

  async function settle(pending: readonly PendingRow[]): Promise<void> {
    if (pending.length === 0 || run.cancelling) return;
    const facts = await factsFor(pending);
    const changes: TaskChange[] = [];
    for (const row of pending) {
      const settlement = rules.settle(pendingTask(row), facts);
      if (settlement.to === 'pending') continue;
      changes.push({
        ordinal: row.ordinal,
        task: row.name,
        from: 'pending',
        to: settlement.to,
        error: settlement.to === 'failed' ? settlement.error : null,
      });
    }
    await move(changes);
  }

  async function factsFor(pending: readonly PendingRow[]): Promise<RunFacts> {
    const facts = { runId: run.runId, pipeline: run.pipeline, params: run.params, cause: run.cause };
    if (pending.every((row) => row.when_expression === null)) return { ...facts, outputs: {} };
    const rows = await tx.query<{ name: string; outputs: JsonObject }>(
      `select name, outputs from mlops.tasks where run_id = $1 and status = 'succeeded' and outputs is not null`,
      [run.runId],
    );
    return { ...facts, outputs: Object.fromEntries(rows.map((row) => [row.name, row.outputs])) };
  }

  async function endRun(): Promise<void> {
    const [open] = await tx.query(
      `select 1 from mlops.tasks where run_id = $1 and status in ('pending', 'ready', 'waiting', 'running', 'retrying') limit 1`,
      [run.runId],
    );
    if (open !== undefined) return;
    const to = run.cancelling ? 'cancelled' : rules.result(await endedTasks());
    if (status === 'queued' && to !== 'cancelled') await moveRun('running');
    await moveRun(to);
  }

  async function endedTasks(): Promise<readonly EndedTask[]> {
    const rows = await tx.query<{ status: TaskStatus; trigger_rule: Trigger; dependents: number[] }>(
      'select status, trigger_rule, dependents from mlops.tasks where run_id = $1 order by ordinal',
      [run.runId],
    );
    return rows.map((row) => ({ status: row.status, trigger: row.trigger_rule, dependents: row.dependents }));
  }

  return {
    run,
    move,
    settle,
    moveRun,
    commit: async () => {
      if (ended || run.cancelling) if (!isRunEnded(status)) await endRun();
      if (events.length > 0)
        await tx.query(APPEND, [run.runId, JSON.stringify(events), `${scopeId} ${run.runId} state`]);
    },
  };
}

function pendingTask(row: PendingRow): PendingTask {
  return {
    name: row.name,
    trigger: row.trigger_rule,
    when: row.when_expression,
    needs: {
      total: row.needs_total,
      succeeded: row.needs_succeeded,
      failed: row.needs_failed,
      skipped: row.needs_skipped,
    },
  };
}
