/** What a breaker lets through. Its failures are counted by the schema's triggers, in the transaction in which a run ends. */
import type { JsonObject } from '../../../lib/json.ts';
import type { NewRun } from '../../control/runs.ts';
import type { Queryable } from '../database.ts';

/** What is to be told of a run that may start: nothing, or that it is the one that tries. */
export type Passage = 'closed' | 'probe' | { readonly why: string };

/** Whether a run that nobody asked for may start; locks the breaker. A run that may not is counted and told. */
export async function passBreaker(tx: Queryable, scopeId: number, run: NewRun, about: JsonObject): Promise<Passage> {
  const { breaker } = run.spec;
  if (breaker === undefined) return 'closed';
  type Row = { pipeline: string; opened_at: Date | null; until: Date; over: boolean; probe: string | null };
  const [row] = await tx.query<Row>(
    `select b.pipeline, b.opened_at, b.opened_at + mlops.duration($3) as until,
            b.opened_at + mlops.duration($3) <= clock_timestamp() as over,
            (select r.run_id from mlops.runs r where r.run_id = b.probe_run and r.status in ('queued', 'running')) as probe
     from mlops.breakers b where b.scope_id = $1 and b.pipeline = mlops.current_pipeline($1, $2) for update of b`,
    [scopeId, run.pipeline, breaker.pause ?? '1h'],
  );
  if (row === undefined || row.opened_at === null) return 'closed';
  if (row.over && row.probe === null) return 'probe';
  const why = row.over
    ? `the breaker waits for run ${row.probe}, which tries`
    : `the breaker is open until ${row.until.toISOString()}`;
  await tx.query(
    'update mlops.breakers set skipped = skipped + 1, skipped_total = skipped_total + 1 where scope_id = $1 and pipeline = $2',
    [scopeId, row.pipeline],
  );
  await tell(tx, scopeId, row.pipeline, 'run_skipped', { ...about, why });
  return { why };
}

/** The run was made: it is the one that tries. */
export async function noteProbe(tx: Queryable, scopeId: number, run: NewRun): Promise<void> {
  const [row] = await tx.query<{ pipeline: string }>(
    `update mlops.breakers set probe_run = $3 where scope_id = $1 and pipeline = mlops.current_pipeline($1, $2) returning pipeline`,
    [scopeId, run.pipeline, run.runId],
  );
  if (row !== undefined) await tell(tx, scopeId, row.pipeline, 'breaker_probe', { run_id: run.runId });
}

export async function tell(
  tx: Queryable,
  scopeId: number,
  pipeline: string,
  kind: string,
  detail: JsonObject,
): Promise<void> {
  await tx.query('insert into mlops.pipeline_events (scope_id, pipeline, kind, detail) values ($1, $2, $3, $4)', [
    scopeId,
    pipeline,
    kind,
    JSON.stringify(detail),
  ]);
}
