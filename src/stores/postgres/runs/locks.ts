/** Locks on runs: who changes a run, or tasks of it, holds its lock, and knows of it what decisions need. */
import type { JsonObject } from '../../../lib/json.ts';
import type { RunStatus } from '../../control/run-states.ts';
import type { RunCause } from '../../control/runs.ts';
import type { Queryable } from '../database.ts';
import { sqlFile } from '../sql-file.ts';

const LOCK = sqlFile('runs-lock');
const LOCK_FREE = sqlFile('runs-lock-free');

export interface LockedRun {
  readonly runId: string;
  readonly pipeline: string;
  readonly params: JsonObject;
  readonly cause: RunCause;
  readonly held: boolean;
  readonly cancelling: boolean;
  readonly status: RunStatus;
  /** The last event's number. */
  readonly eventSeq: number;
  /** Tasks that are not at their end. */
  readonly openTasks: number;
  /** No task of it ended otherwise than succeeded, and none asks for a decision as long as that is so. */
  readonly plain: boolean;
}

type LockRow = {
  run_id: string;
  pipeline: string;
  status: RunStatus;
  params: JsonObject;
  cause: RunCause;
  held: boolean;
  cancelling: boolean;
  event_seq: number;
  open_tasks: number;
  plain: boolean;
};

/** Those that are there. `free`: those, too, that nobody else has locked; it waits for none. */
export async function lockRuns(
  tx: Queryable,
  scopeId: number,
  runIds: readonly string[],
  { free = false }: { readonly free?: boolean } = {},
): Promise<readonly LockedRun[]> {
  if (runIds.length === 0) return [];
  const rows = await tx.query<LockRow>(free ? LOCK_FREE : LOCK, [scopeId, runIds]);
  return rows.map((row) => ({
    runId: row.run_id,
    pipeline: row.pipeline,
    params: row.params,
    cause: row.cause,
    held: row.held,
    cancelling: row.cancelling,
    status: row.status,
    eventSeq: row.event_seq,
    openTasks: row.open_tasks,
    plain: row.plain,
  }));
}
