/** Which attempts' logs may hold what is looked for, and the end of logs and events that are old. */
import { MlopsError } from '../../../lib/error.ts';
import type { LogCandidates, LogCandidatesRequest, LogPlace } from '../../control/runs.ts';
import { type Database, sqlState } from '../database.ts';
import { sqlFile } from '../sql-file.ts';

const CURSOR = /^(\d{1,18})_([0-9a-f-]{36})$/;
const CANCELLED = '57014';

type RunRow = { runId: string; createdAt: Date; position: string; places: { task: string; attempt: number }[] };

export async function logCandidates(
  db: Database,
  scopeId: number,
  request: LogCandidatesRequest,
): Promise<LogCandidates | 'timeout'> {
  const { text, pattern, withinMs } = request;
  const [, at = null, id = null] = request.cursor === null ? [] : (CURSOR.exec(request.cursor) ?? refuseCursor());
  let rows: readonly RunRow[];
  try {
    rows = await db.transaction(
      async (tx) => {
        if (withinMs !== null)
          await tx.query("select set_config('statement_timeout', $1, true)", [String(Math.ceil(withinMs))]);
        return tx.query<RunRow>(sqlFile('logs-candidates'), [
          scopeId,
          request.pipeline,
          request.since?.toISOString() ?? null,
          at,
          id,
          request.runs,
          text?.needle ?? null,
          text?.foldsCase ?? false,
          pattern,
        ]);
      },
      { readOnly: true },
    );
  } catch (error) {
    if (sqlState(error) === CANCELLED) return 'timeout';
    throw error;
  }
  const last = rows.at(-1);
  return {
    runs: rows.length,
    places: rows.flatMap(({ runId, places }) => places.map((place): LogPlace => ({ runId, ...place }))),
    oldest: last?.createdAt ?? null,
    lastRun: last?.runId ?? null,
    nextCursor: rows.length < request.runs || last === undefined ? null : `${last.position}_${last.runId}`,
  };
}

/** Up to which run, by when it was made and its id. */
const BEGIN = '-infinity|00000000-0000-0000-0000-000000000000';

/**
 * Of runs that were made so long ago and are at their end. How far that is done is remembered, so that no run is looked at
 * twice; one that is still at work then keeps what it has. Answers how many runs were looked at.
 */
export async function pruneHistory(
  db: Database,
  scopeId: number,
  what: 'logs' | 'events',
  olderThanMs: number,
  limit: number,
): Promise<number> {
  return db.transaction(async (tx) => {
    const subject = `history.${what}`;
    await tx.query(
      'insert into mlops.subject_states (scope_id, subject, state) values ($1, $2, $3) on conflict do nothing',
      [scopeId, subject, BEGIN],
    );
    const [place] = await tx.query<{ state: string }>(
      'select state from mlops.subject_states where scope_id = $1 and subject = $2 for update skip locked',
      [scopeId, subject],
    );
    // Somebody else is at it.
    if (place === undefined) return 0;
    const runs = await tx.query<{ runId: string; createdAt: string; ended: boolean }>(sqlFile('runs-past'), [
      scopeId,
      ...place.state.split('|'),
      olderThanMs,
      limit,
    ]);
    const last = runs.at(-1);
    if (last === undefined) return 0;
    const ended = runs.filter((run) => run.ended).map(({ runId }) => runId);
    for (const table of what === 'logs' ? ['task_logs'] : ['run_events', 'run_event_batches'])
      await tx.query(`delete from mlops.${table} where run_id = any($1)`, [ended]);
    await tx.query('update mlops.subject_states set state = $3 where scope_id = $1 and subject = $2', [
      scopeId,
      subject,
      `${last.createdAt}|${last.runId}`,
    ]);
    return runs.length;
  });
}

function refuseCursor(): never {
  throw new MlopsError('API400', { detail: 'The cursor is not one that a search answered.' });
}
