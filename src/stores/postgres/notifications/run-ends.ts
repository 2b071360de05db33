/** From ends of runs to notifications: taken from the feed and written to the outbox in one transaction. */
import type { NewNotification, RunEnd } from '../../control/notifications.ts';
import type { Database, Queryable } from '../database.ts';
import { lockName } from '../feature-claims.ts';
import { sqlFile } from '../sql-file.ts';
import { addNotifications } from './add.ts';

const PROBLEMS_TOLD = 5;

type EndRow = Omit<RunEnd, 'before' | 'wasLate' | 'problems' | 'moreProblems'> & Record<string, unknown>;
type ProblemRow = RunEnd['problems'][number] & { readonly runId: string; readonly total: number };

export async function takeRunEnds(
  db: Database,
  scopeId: number,
  limit: number,
  decide: (end: RunEnd) => readonly NewNotification[],
): Promise<number> {
  // Most rounds find nothing: they take no lock.
  const [any] = await db.prepared(
    'run-ends-any',
    `select 1 from mlops.run_moves where scope_id = $1 and consumer = 'notify' order by seq limit 1`,
    [scopeId],
  );
  if (any === undefined) return 0;
  return db.transaction(async (tx) => {
    const [lock] = await tx.query<{ mine: boolean }>(
      'select pg_try_advisory_xact_lock(hashtextextended($1, 0)) as mine',
      [lockName(scopeId, 'run-ends', '')],
    );
    if (lock?.mine !== true) return 0;
    const ends = await tx.query<EndRow>(sqlFile('run-ends'), [scopeId, limit]);
    if (ends.length === 0) return 0;
    const problems = await problemsOf(tx, ends);
    const states = await statesOf(tx, scopeId, ends);
    const late = await lateOf(tx, scopeId, ends);
    const notifications: NewNotification[] = [];
    for (const end of ends) {
      const found = problems.get(end.runId) ?? [];
      notifications.push(
        ...decide({
          ...end,
          before: states.get(end.pipeline) ?? null,
          wasLate: late.takes(end),
          problems: found.map(({ task, status, error }) => ({ task, status, error })),
          moreProblems: Math.max(0, Number(found[0]?.total ?? 0) - found.length),
        }),
      );
      if (end.status !== 'cancelled') states.set(end.pipeline, end.status);
    }
    await addNotifications(tx, scopeId, notifications);
    await writeStates(tx, scopeId, states);
    await late.settle();
    await tx.query('delete from mlops.run_moves where seq = any($1)', [ends.map(({ seq }) => seq)]);
    return ends.length;
  });
}

async function problemsOf(tx: Queryable, ends: readonly EndRow[]): Promise<ReadonlyMap<string, ProblemRow[]>> {
  const failed = [...new Set(ends.filter(({ status }) => status === 'failed').map(({ runId }) => runId))];
  const byRun = new Map<string, ProblemRow[]>();
  if (failed.length === 0) return byRun;
  for (const row of await tx.query<ProblemRow>(sqlFile('run-problems'), [failed, PROBLEMS_TOLD])) {
    const found = byRun.get(row.runId);
    if (found === undefined) byRun.set(row.runId, [row]);
    else found.push(row);
  }
  return byRun;
}

/** A run of a feature set's own schedule has its address for a pipeline. */
const subjectOf = (pipeline: string): string => (pipeline.includes('.') ? `runs.${pipeline}` : `pipeline.${pipeline}`);

async function statesOf(
  tx: Queryable,
  scopeId: number,
  ends: readonly EndRow[],
): Promise<Map<string, 'succeeded' | 'failed'>> {
  const bySubject = new Map(ends.map(({ pipeline }) => [subjectOf(pipeline), pipeline]));
  const rows = await tx.query<{ subject: string; state: 'succeeded' | 'failed' }>(
    'select subject, state from mlops.subject_states where scope_id = $1 and subject = any($2)',
    [scopeId, [...bySubject.keys()]],
  );
  return new Map(rows.map(({ subject, state }) => [bySubject.get(subject) ?? '', state]));
}

/** Of those that succeeded: what of their pipelines is late, and which of them were told to be late themselves. */
async function lateOf(tx: Queryable, scopeId: number, ends: readonly EndRow[]) {
  const successes = ends.filter(({ status }) => status === 'succeeded');
  const rows =
    successes.length === 0
      ? []
      : await tx.query<{ seq: number; subjects: readonly string[]; told: boolean }>(sqlFile('run-ends-late'), [
          scopeId,
          successes.map(({ seq }) => seq),
          successes.map(({ runId }) => runId),
          successes.map(({ pipeline }) => `expect.pipeline.${pipeline}`),
        ]);
  const bySeq = new Map(rows.map((row) => [row.seq, row]));
  const settled = new Set<string>();
  return {
    /** Each that is late once: the first success is the recovery. */
    takes: ({ seq, status }: Pick<EndRow, 'seq' | 'status'>): boolean => {
      const found = status === 'succeeded' ? bySeq.get(seq) : undefined;
      if (found === undefined) return false;
      const fresh = found.subjects.filter((subject) => !settled.has(subject));
      for (const subject of fresh) settled.add(subject);
      return fresh.length > 0 || found.told;
    },
    settle: async (): Promise<void> => {
      if (settled.size === 0) return;
      await tx.query(
        `update mlops.subject_states set state = 'in time', since = clock_timestamp() where scope_id = $1 and subject = any($2)`,
        [scopeId, [...settled]],
      );
    },
  };
}

async function writeStates(
  tx: Queryable,
  scopeId: number,
  states: ReadonlyMap<string, 'succeeded' | 'failed'>,
): Promise<void> {
  const rows = [...states].map(([pipeline, state]) => ({ subject: subjectOf(pipeline), state }));
  await tx.query(
    `insert into mlops.subject_states as s (scope_id, subject, state)
     select $1, r.subject, r.state from json_to_recordset($2) as r(subject text, state text)
     on conflict (scope_id, subject) do update set state = excluded.state, since = clock_timestamp()
     where s.state <> excluded.state`,
    [scopeId, JSON.stringify(rows)],
  );
}
