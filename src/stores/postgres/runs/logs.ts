/** What tasks print, in chunks under their attempt. */
import type { LeaseRef, LogChunk, StoredLogChunk, TaskProgress } from '../../control/runs.ts';
import type { Database } from '../database.ts';

export interface LogPart {
  readonly lease: LeaseRef;
  readonly chunks: readonly LogChunk[];
}

/** Of many attempts at once. */
export async function appendLogs(db: Database, scopeId: number, parts: readonly LogPart[]): Promise<void> {
  const rows = parts.flatMap(({ lease, chunks }) => chunks.map((chunk) => ({ lease, chunk: cleanChunk(chunk) })));
  if (rows.length === 0) return;
  const runIds = [...new Set(rows.map(({ lease }) => lease.runId))];
  await db.query(
    `with located as materialized (
       select c.*, t.ordinal
       from unnest($1::uuid[], $2::text[], $3::integer[], $4::integer[], $5::text[], $6::text[]) as c(run_id, task, attempt, seq, stream, text)
       join mlops.tasks t on t.run_id = c.run_id and t.name = c.task
     ), chunks as (
       insert into mlops.task_logs (run_id, ordinal, attempt, seq, stream, text)
       select run_id, ordinal, attempt, seq, stream, text from located
       on conflict do nothing
     )
     select pg_notify('mlops_runs', payload) from unnest($7::text[]) as hint(payload)`,
    [
      rows.map(({ lease }) => lease.runId),
      rows.map(({ lease }) => lease.task),
      rows.map(({ lease }) => lease.attempt),
      rows.map(({ chunk }) => chunk.seq),
      rows.map(({ chunk }) => chunk.stream),
      rows.map(({ chunk }) => chunk.text),
      runIds.map((runId) => `${scopeId} ${runId} log`),
    ],
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
): Promise<{ readonly chunks: readonly StoredLogChunk[]; readonly ended: boolean } | undefined> {
  const [state] = await db.query<{ ended: boolean }>(
    `select a.ended_at is not null as ended
     from mlops.tasks t join mlops.task_attempts a on a.run_id = t.run_id and a.ordinal = t.ordinal
     where t.scope_id = $1 and t.run_id = $2 and t.name = $3 and a.attempt = $4`,
    [scopeId, runId, task, attempt],
  );
  if (state === undefined) return undefined;
  // Read after the state: an attempt that had ended by then has written all its chunks.
  const rows = await db.query<StoredLogChunk & Record<string, unknown>>(
    `select l.seq, l.stream, l.text, l.at
     from mlops.task_logs l join mlops.tasks t on t.run_id = l.run_id and t.ordinal = l.ordinal
     where t.run_id = $1 and t.name = $2 and l.attempt = $3 and l.seq > $4 order by l.seq limit $5`,
    [runId, task, attempt, after, limit],
  );
  return { chunks: rows, ended: state.ended && rows.length < limit };
}
