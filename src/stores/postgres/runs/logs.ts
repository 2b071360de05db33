/** What tasks print, in chunks under their attempt. */
import type { LeaseRef, LogChunk, TaskProgress } from '../../control/runs.ts';
import type { Database } from '../database.ts';

export async function appendLog(
  db: Database,
  scopeId: number,
  lease: LeaseRef,
  chunks: readonly LogChunk[],
): Promise<void> {
  if (chunks.length === 0) return;
  await db.query(
    `with chunks as (
       insert into mlops.task_logs (run_id, ordinal, attempt, seq, stream, text)
       select t.run_id, t.ordinal, $3, c.seq, c.stream, c.text
       from json_to_recordset($4) as c(seq integer, stream text, text text)
       join mlops.tasks t on t.run_id = $1 and t.name = $2
       on conflict do nothing
     )
     select pg_notify('mlops_runs', $5)`,
    [lease.runId, lease.task, lease.attempt, JSON.stringify(chunks.map(cleanChunk)), `${scopeId} ${lease.runId} log`],
  );
}

/** Only of the attempt that runs. */
export async function recordProgress(
  db: Database,
  scopeId: number,
  lease: LeaseRef,
  progress: TaskProgress,
): Promise<void> {
  await db.query(
    `update mlops.tasks set progress = $5 where scope_id = $1 and run_id = $2 and name = $3 and attempt = $4 and status = 'running'`,
    [scopeId, lease.runId, lease.task, lease.attempt, JSON.stringify({ ...progress, attempt: lease.attempt })],
  );
}

/** What an attempt before told is no word of the one that runs. */
export async function readProgress(
  db: Database,
  scopeId: number,
  runId: string,
): Promise<ReadonlyMap<string, TaskProgress>> {
  const rows = await db.query<{ name: string; attempt: number; progress: TaskProgress & { readonly attempt: number } }>(
    `select name, attempt, progress from mlops.tasks
     where scope_id = $1 and run_id = $2 and status = 'running' and progress is not null`,
    [scopeId, runId],
  );
  return new Map(
    rows
      .filter(({ attempt, progress }) => progress.attempt === attempt)
      .map(({ name, progress: { attempt: _, ...progress } }) => [name, progress]),
  );
}

/** Postgres holds neither NUL nor halves of surrogate pairs in a text. */
export function cleanChunk(chunk: LogChunk): LogChunk {
  return { ...chunk, text: chunk.text.replaceAll('\u0000', '\uFFFD').replace(/\p{Surrogate}/gu, '\uFFFD') };
}

export async function readLog(
  db: Database,
  scopeId: number,
  runId: string,
  task: string,
  attempt: number,
  after: number,
  limit: number,
): Promise<{ readonly chunks: readonly LogChunk[]; readonly ended: boolean } | undefined> {
  const [state] = await db.query<{ ended: boolean }>(
    `select a.ended_at is not null as ended
     from mlops.tasks t join mlops.task_attempts a on a.run_id = t.run_id and a.ordinal = t.ordinal
     where t.scope_id = $1 and t.run_id = $2 and t.name = $3 and a.attempt = $4`,
    [scopeId, runId, task, attempt],
  );
  if (state === undefined) return undefined;
  // Read after the state: an attempt that had ended by then has written all its chunks.
  const rows = await db.query<{ seq: number; stream: LogChunk['stream']; text: string }>(
    `select l.seq, l.stream, l.text
     from mlops.task_logs l join mlops.tasks t on t.run_id = l.run_id and t.ordinal = l.ordinal
     where t.run_id = $1 and t.name = $2 and l.attempt = $3 and l.seq > $4 order by l.seq limit $5`,
    [runId, task, attempt, after, limit],
  );
  return { chunks: rows, ended: state.ended && rows.length < limit };
}
