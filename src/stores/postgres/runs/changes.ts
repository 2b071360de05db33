/**
 * The one place where runs and tasks change their state: a transaction that holds the runs' locks, moves tasks, settles
 * what comes after them, and ends each run with its last task. Always of many tasks and runs at once: a statement a step.
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
import type { EndedTask, PendingTask, RunFacts, RunRules, Trigger } from '../../control/runs.ts';
import type { Queryable } from '../database.ts';
import { sqlFile } from '../sql-file.ts';
import { appendEvents, type NewEvent } from './events.ts';
import type { LockedRun } from './locks.ts';

const CHANGE_TASKS = sqlFile('runs-change-tasks');
const COUNT_ENDS = sqlFile('runs-count-ends');
const CHANGE = sqlFile('runs-change');
const FOLD_ITEMS = sqlFile('runs-fold-items');
const END_FAN_OUTS = sqlFile('runs-end-fan-outs');

/** A move that is no start and no end of an attempt. */
export interface TaskChange {
  readonly runId: string;
  readonly ordinal: number;
  readonly task: string;
  readonly from: TaskStatus;
  readonly to: TaskStatus;
  readonly failures?: number;
  readonly recoveries?: number;
  readonly error?: string | null;
  /** What a waiting task waits for. */
  readonly waitingFor?: string;
}

/** A task that was moved in the transaction already. */
export interface TaskMove {
  readonly runId: string;
  readonly ordinal: number;
  readonly task: string;
  readonly from: TaskStatus;
  /** The state that an attempt ended in on the way to `to`: running → via → to. */
  readonly via?: TaskStatus | undefined;
  readonly to: TaskStatus;
  readonly attempt: number;
  readonly error: string | null;
  readonly data?: JsonObject;
  readonly retryInMs?: number | null;
  /** Of an item's task: the position of the task whose item it is. */
  readonly parent: number | null;
}

export type PendingRow = {
  readonly run_id: string;
  readonly ordinal: number;
  readonly name: string;
  readonly trigger_rule: Trigger;
  readonly when_expression: string | null;
  readonly needs_total: number;
  readonly needs_succeeded: number;
  readonly needs_failed: number;
  readonly needs_skipped: number;
};

/** Changes that belong together. Nothing is seen before `commit` and the transaction's end. */
export interface RunsChange {
  /** Moves tasks and, where they ended, settles those after them, and so on. */
  move(changes: readonly TaskChange[]): Promise<void>;
  /** Notes moves that were written already, and settles what comes after those that ended. */
  moved(moves: readonly TaskMove[]): Promise<void>;
  /** Decides about pending tasks. */
  settle(pending: readonly PendingRow[]): Promise<void>;
  moveRun(runId: string, to: RunStatus, data?: JsonObject): void;
  /** Notes tasks that came to be in the transaction, with their events under the next numbers. */
  added(runId: string, tasks: number, open: number): void;
  /** The number of the run's last event. */
  lastEvent(runId: string): number;
  /** Something of it may be claimed, or has to be ended: workers look at once. */
  hint(runId: string, kind: 'work' | 'cancel'): void;
  /** Ends runs of which no task is left, and writes events and hints. Last. */
  commit(): Promise<void>;
}

interface RunState extends LockedRun {
  status: RunStatus;
  eventSeq: number;
  openTasks: number;
  /** No task of it ended otherwise than succeeded. */
  succeeds: boolean;
  kind: 'state' | 'work' | 'cancel';
}

export function changeRuns(tx: Queryable, scopeId: number, locked: readonly LockedRun[], rules: RunRules): RunsChange {
  const states = new Map(
    locked.map((run): [string, RunState] => [run.runId, { ...run, succeeds: true, kind: 'state' as const }]),
  );
  const touched = new Set<RunState>();
  let events: NewEvent[] = [];

  function stateOf(runId: string): RunState {
    const state = states.get(runId);
    invariant(state !== undefined, `run ${runId} is changed without its lock`);
    touched.add(state);
    return state;
  }

  function note(run: RunState, event: Omit<NewEvent, 'runId' | 'seq'>): void {
    run.eventSeq += 1;
    events.push({ ...event, runId: run.runId, seq: run.eventSeq });
  }

  function moveRun(runId: string, to: RunStatus, data?: JsonObject): void {
    const run = stateOf(runId);
    assertRunMove(run.status, to);
    run.status = to;
    note(run, { task: null, status: to, attempt: null, error: null, data });
  }

  function hint(runId: string, kind: 'work' | 'cancel'): void {
    const run = stateOf(runId);
    if (run.kind !== 'cancel') run.kind = kind;
  }

  /** See the drawing in stores/control/run-states.ts. */
  async function move(changes: readonly TaskChange[]): Promise<void> {
    await settle(await write(changes));
  }

  async function write(changes: readonly TaskChange[]): Promise<readonly PendingRow[]> {
    if (changes.length === 0) return [];
    for (const change of changes) assertTaskMove(change.from, change.to);
    const rows = await tx.query<{ run_id: string; ordinal: number; parent: number | null }>(CHANGE_TASKS, [
      changes.map((change) => change.runId),
      changes.map((change) => change.ordinal),
      changes.map((change) => change.from),
      changes.map((change) => change.to),
      changes.map((change) => stateOf(change.runId).held),
      changes.map((change) => change.failures ?? null),
      changes.map((change) => change.recoveries ?? null),
      changes.map((change) => change.error ?? null),
      changes.map((change) => change.waitingFor ?? null),
    ]);
    invariant(
      rows.length === changes.length,
      `${changes.length - rows.length} tasks of run ${changes[0]?.runId} were not in the state expected`,
    );
    const parents = new Map(rows.map((row) => [`${row.run_id} ${row.ordinal}`, row.parent]));
    return noted(
      changes.map(
        (change): TaskMove => ({
          ...change,
          attempt: 0,
          error: change.error ?? null,
          parent: parents.get(`${change.runId} ${change.ordinal}`) ?? null,
          ...(change.waitingFor === undefined ? {} : { data: { for: change.waitingFor } }),
        }),
      ),
      false,
    );
  }

  /** Events and counters of moves, and the pending tasks that their ends leave to be decided about. */
  async function noted(moves: readonly TaskMove[], ofAttempts: boolean): Promise<readonly PendingRow[]> {
    const ends: TaskMove[] = [];
    for (const one of moves) {
      const run = stateOf(one.runId);
      const event = { task: one.task, attempt: ofAttempts ? one.attempt : null, error: one.error };
      if (one.via !== undefined) note(run, { ...event, status: one.via, data: one.data });
      if (one.to === 'retrying')
        note(run, { ...event, status: one.to, error: null, data: { retryInMs: one.retryInMs ?? 0 } });
      else note(run, { ...event, status: one.to, data: one.via === undefined ? one.data : undefined });
      if (isEnded(one.from)) run.openTasks += 1;
      if (isEnded(one.to)) {
        run.openTasks -= 1;
        if (one.to !== 'succeeded') run.succeeds = false;
        ends.push(one);
      }
      if (one.to === 'ready' || one.to === 'retrying') hint(one.runId, 'work');
    }
    return [...(await countEnds(ends)), ...(await foldItems(ends))];
  }

  /** A task ends with the last of its items. */
  async function foldItems(ends: readonly TaskMove[]): Promise<readonly PendingRow[]> {
    const items = ends.filter((end) => end.parent !== null);
    if (items.length === 0) return [];
    type Row = { run_id: string; ordinal: number; name: string; attempt: number; failed: number };
    const over = await tx.query<Row>(FOLD_ITEMS, [
      items.map((end) => end.runId),
      items.map((end) => end.parent),
      items.map((end) => outcomeOf(end.to)),
    ]);
    if (over.length === 0) return [];
    const states = over.map((row) =>
      row.failed === 0
        ? ('succeeded' as const)
        : stateOf(row.run_id).cancelling
          ? ('cancelled' as const)
          : ('failed' as const),
    );
    const ended = await tx.query<{ run_id: string; ordinal: number; error: string | null }>(END_FAN_OUTS, [
      over.map((row) => row.run_id),
      over.map((row) => row.ordinal),
      states,
    ]);
    const errors = new Map(ended.map((row) => [`${row.run_id} ${row.ordinal}`, row.error]));
    return noted(
      over.map((row, index): TaskMove => {
        const error = errors.get(`${row.run_id} ${row.ordinal}`) ?? null;
        const { run_id: runId, ordinal, name: task, attempt } = row;
        return { runId, ordinal, task, from: 'running', to: states[index]!, attempt, error, parent: null };
      }),
      true,
    );
  }

  async function countEnds(ends: readonly TaskMove[]): Promise<readonly PendingRow[]> {
    if (ends.length === 0) return [];
    const runs = [...new Set(ends.map((end) => end.runId))].map(stateOf);
    const rows = await tx.query<PendingRow & { readonly readied: number | null }>(COUNT_ENDS, [
      ends.map((end) => end.runId),
      ends.map((end) => end.ordinal),
      ends.map((end) => outcomeOf(end.to)),
      runs.map((run) => run.runId),
      runs.map((run) => run.eventSeq),
    ]);
    for (const row of rows) {
      if (row.readied === null) continue;
      stateOf(row.run_id).eventSeq += row.readied;
      hint(row.run_id, 'work');
    }
    return rows.filter((row) => row.readied === null);
  }

  async function settle(first: readonly PendingRow[]): Promise<void> {
    let pending = first;
    while (pending.length > 0) {
      const facts = await factsFor(pending);
      const changes: TaskChange[] = [];
      for (const row of pending) {
        if (stateOf(row.run_id).cancelling) continue;
        const settlement = rules.settle(pendingTask(row), facts(row.run_id));
        if (settlement.to === 'pending') continue;
        changes.push({
          runId: row.run_id,
          ordinal: row.ordinal,
          task: row.name,
          from: 'pending',
          to: settlement.to,
          error: settlement.to === 'failed' ? settlement.error : null,
        });
      }
      pending = await write(changes);
    }
  }

  /** Outputs are read only of runs with a condition to decide about. */
  async function factsFor(pending: readonly PendingRow[]): Promise<(runId: string) => RunFacts> {
    const conditional = new Set(pending.filter((row) => row.when_expression !== null).map((row) => row.run_id));
    const outputs = new Map([...conditional].map((runId): [string, Record<string, JsonObject>] => [runId, {}]));
    if (conditional.size > 0) {
      const rows = await tx.query<{ run_id: string; name: string; outputs: JsonObject }>(
        `select run_id, name, outputs from mlops.tasks
         where run_id = any($1::uuid[]) and status = 'succeeded' and outputs is not null and parent is null`,
        [[...conditional]],
      );
      for (const row of rows) outputs.get(row.run_id)![row.name] = row.outputs;
    }
    return (runId) => {
      const { pipeline, params, cause } = stateOf(runId);
      return { runId, pipeline, params, cause, outputs: outputs.get(runId) ?? {} };
    };
  }

  async function endRuns(): Promise<void> {
    // One that is tried again may have nothing left to do: its tasks had succeeded although it was cancelled.
    const over = [...touched].filter((run) => run.openTasks === 0 && !isRunEnded(run.status));
    if (over.length === 0) return;
    const failed = new Set(
      (
        await tx.query<{ run_id: string }>(
          `select r.run_id from unnest($1::uuid[]) as r(run_id)
           where exists (select 1 from mlops.tasks t where t.run_id = r.run_id and t.parent is null
                           and t.status in ('failed', 'timed_out', 'crashed', 'cancelled', 'upstream_failed'))`,
          [over.filter((run) => !run.plain || !run.succeeds).map((run) => run.runId)],
        )
      ).map((row) => row.run_id),
    );
    for (const run of over) {
      const result = failed.has(run.runId) ? rules.result(await endedTasks(run.runId)) : 'succeeded';
      const to = run.cancelling ? 'cancelled' : result;
      if (run.status === 'queued' && to !== 'cancelled') moveRun(run.runId, 'running');
      moveRun(run.runId, to);
    }
  }

  async function endedTasks(runId: string): Promise<readonly EndedTask[]> {
    const rows = await tx.query<{ status: TaskStatus; trigger_rule: Trigger; dependents: number[] }>(
      'select status, trigger_rule, dependents from mlops.tasks where run_id = $1 and parent is null order by ordinal',
      [runId],
    );
    return rows.map((row) => ({ status: row.status, trigger: row.trigger_rule, dependents: row.dependents }));
  }

  return {
    move,
    moved: async (moves) => settle(await noted(moves, true)),
    settle,
    moveRun,
    added: (runId, tasks, open) => {
      const run = stateOf(runId);
      run.eventSeq += tasks;
      run.openTasks += open;
    },
    lastEvent: (runId) => stateOf(runId).eventSeq,
    hint,
    commit: async () => {
      await endRuns();
      await appendEvents(tx, events);
      events = [];
      const changed = [...touched];
      if (changed.length === 0) return;
      await tx.query(CHANGE, [
        changed.map((run) => run.runId),
        changed.map((run) => run.status),
        changed.map((run) => run.eventSeq),
        changed.map((run) => run.openTasks),
        changed.map((run) => `${scopeId} ${run.runId} ${run.kind}`),
        changed.map((run) => run.succeeds),
      ]);
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
