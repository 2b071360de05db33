/** Tasks that run once for each item of a list: the items' tasks come to be, and run again. */
import type { FanOut } from '../../control/runs.ts';
import type { Queryable } from '../database.ts';
import { sqlFile } from '../sql-file.ts';
import type { RunsChange } from './changes.ts';
import { kindOf } from './kind-of.ts';
import type { LockedRun } from './locks.ts';

const INSERT = sqlFile('runs-insert-items');
const QUEUED_TIMEOUTS = sqlFile('runs-queued-timeouts');

/** The caller holds the run's lock. */
export async function insertItems(
  tx: Queryable,
  scopeId: number,
  run: LockedRun,
  ordinal: number,
  task: string,
  fanOut: FanOut,
  change: RunsChange,
): Promise<void> {
  const shared = fanOut.shares === null ? null : JSON.stringify(fanOut.shares);
  const [made] = await tx.query<{ items: number; readied: number }>(INSERT, [
    scopeId,
    run.runId,
    ordinal,
    change.lastEvent(run.runId),
    fanOut.priority,
    fanOut.cpu,
    fanOut.memoryBytes,
    fanOut.gpu,
    fanOut.deadlineMs,
    `${kindOf(run.pipeline, fanOut, shared)} ${task}`,
    shared,
    fanOut.items.map(({ item }) => JSON.stringify(item)),
    fanOut.items.map(({ skip }) => skip),
  ]);
  await tx.query(QUEUED_TIMEOUTS, [run.runId]);
  const { items, readied } = made ?? { items: 0, readied: 0 };
  await tx.query(
    'update mlops.tasks set items = $3, items_open = $4, items_failed = 0 where run_id = $1 and ordinal = $2',
    [run.runId, ordinal, items, readied],
  );
  change.added(run.runId, items, readied);
  change.hint(run.runId, 'work');
}

/** Tasks whose items run again go on: they end anew with the last of them. The caller holds the run's lock. */
export async function resumeFanOuts(
  tx: Queryable,
  runId: string,
  resumed: readonly { readonly ordinal: number; readonly items: number }[],
): Promise<void> {
  await tx.query(
    `update mlops.tasks t set status = 'running', items_open = c.items, items_failed = 0, error = null, outputs = null, finished_at = null
     from unnest($2::integer[], $3::integer[]) as c(ordinal, items)
     where t.run_id = $1 and t.ordinal = c.ordinal`,
    [runId, resumed.map(({ ordinal }) => ordinal), resumed.map(({ items }) => items)],
  );
}
