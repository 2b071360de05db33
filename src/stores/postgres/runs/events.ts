/**
 * Events of runs as they are kept: each a row, or where they came together and say the same of many tasks, all of them one. The
 * callers hold the runs' locks, so events have the order of their commits. What reads them sees no difference.
 */
import type { JsonObject } from '../../../lib/json.ts';
import type { RunStatus, TaskStatus } from '../../control/run-states.ts';
import type { RunEvent } from '../../control/runs.ts';
import type { Queryable } from '../database.ts';
import { sqlFile } from '../sql-file.ts';

const APPEND = sqlFile('runs-append-events');
const APPEND_BATCHES = sqlFile('runs-append-event-batches');
const READ = sqlFile('runs-events');

export interface NewEvent {
  readonly runId: string;
  readonly seq: number;
  readonly task: string | null;
  readonly status: TaskStatus | RunStatus;
  readonly attempt: number | null;
  readonly error: string | null;
  readonly data: JsonObject | undefined;
}

/** Fewer are rows of their own. */
const SMALLEST_BATCH = 16;

/** Under the numbers that they have. */
export async function appendEvents(tx: Queryable, events: readonly NewEvent[]): Promise<void> {
  const alone: NewEvent[] = [];
  const batches: (readonly NewEvent[])[] = [];
  for (const like of alike(events)) {
    if (like.length < SMALLEST_BATCH) alone.push(...like);
    else batches.push(like);
  }
  if (alone.length > 0)
    await tx.query(APPEND, [
      alone.map((event) => event.runId),
      alone.map((event) => event.seq),
      alone.map((event) => event.task),
      alone.map((event) => event.status),
      alone.map((event) => event.attempt),
      alone.map((event) => event.error),
      alone.map((event) => (event.data === undefined ? null : JSON.stringify(event.data))),
    ]);
  for (const batch of batches) {
    const [first] = batch;
    await tx.query(APPEND_BATCHES, [
      first?.runId,
      first?.seq,
      first?.status,
      batch.map((event) => event.task),
      first?.attempt == null ? null : batch.map((event) => event.attempt),
    ]);
  }
}

/** Neighbours by run and number that differ in their tasks alone. */
function* alike(events: readonly NewEvent[]): Iterable<readonly NewEvent[]> {
  const byRun = new Map<string, NewEvent[]>();
  for (const event of events) {
    const before = byRun.get(event.runId);
    if (before === undefined) byRun.set(event.runId, [event]);
    else before.push(event);
  }
  for (const ofRun of byRun.values()) {
    let from = 0;
    for (let to = 1; to <= ofRun.length; to += 1) {
      const next = ofRun[to];
      if (next !== undefined && follows(ofRun[to - 1]!, next)) continue;
      yield ofRun.slice(from, to);
      from = to;
    }
  }
}

function follows(before: NewEvent, event: NewEvent): boolean {
  return (
    event.seq === before.seq + 1 &&
    event.status === before.status &&
    saysNothingMore(before) &&
    saysNothingMore(event) &&
    (event.attempt === null) === (before.attempt === null)
  );
}

function saysNothingMore({ task, error, data }: NewEvent): boolean {
  return task !== null && error === null && (data === undefined || Object.keys(data).length === 0);
}

/** After a number, in order. */
export async function readEvents(
  db: Queryable,
  scopeId: number,
  runId: string,
  after: number,
  limit: number,
): Promise<readonly RunEvent[]> {
  type Row = {
    seq: number;
    at: Date;
    task: string | null;
    status: RunEvent['status'];
    attempt: number | null;
    error: string | null;
    data: JsonObject;
  };
  return db.query<Row>(READ, [scopeId, runId, after, limit]);
}
