/** Attempts whose program runs outside of the worker's machine. */
import type { JsonObject, JsonValue } from '../../../lib/json.ts';
import type { AdoptedLease, ExternalJob, ExternalWorkStore } from '../../control/external-work.ts';
import type { LeaseRef } from '../../control/runs.ts';
import type { Database } from '../database.ts';
import { sqlFile } from '../sql-file.ts';
import { cleanChunk } from './logs.ts';

const ADOPT = sqlFile('runs-adopt-external');
const APPEND = sqlFile('runs-append-external-log');

export function externalWork(db: Database, scopeId: number, leaseSeconds: number): ExternalWorkStore {
  return {
    externalOwner: async () => {
      const [row] = await db.query<{ external_owner: string }>(
        'select external_owner from mlops.scopes where scope_id = $1',
        [scopeId],
      );
      if (row === undefined) throw new Error(`the scope ${scopeId} is gone`);
      return row.external_owner;
    },
    recordExternal: async (lease, workerId, job) => {
      const rows = await db.query(
        `update mlops.task_attempts a set external = $5
         from mlops.tasks t
         where a.run_id = $1 and t.run_id = a.run_id and t.ordinal = a.ordinal and t.name = $2 and a.attempt = $3
           and a.worker_id = $4 and a.ended_at is null
         returning a.attempt`,
        [lease.runId, lease.task, lease.attempt, workerId, JSON.stringify(job)],
      );
      return rows.length > 0;
    },
    handOver: async (lease, workerId) => {
      await db.query(
        `update mlops.task_attempts a set lease_until = clock_timestamp()
         from mlops.tasks t
         where a.run_id = $1 and t.run_id = a.run_id and t.ordinal = a.ordinal and t.name = $2 and a.attempt = $3
           and a.worker_id = $4 and a.ended_at is null and a.external is not null`,
        [lease.runId, lease.task, lease.attempt, workerId],
      );
    },
    adopt: async (worker, limit) => {
      type Row = {
        run_id: string;
        task: string;
        attempt: number;
        pipeline: string;
        failures: number;
        recoveries: number;
        deadline_in_ms: number | null;
        item: JsonValue | null;
        external: ExternalJob;
        log_chunks: number;
        log_characters: number;
        log_position: JsonObject | null;
      };
      const rows = await db.query<Row>(ADOPT, [scopeId, worker.workerId, worker.node, leaseSeconds, limit]);
      return rows.map(
        (row): AdoptedLease => ({
          runId: row.run_id,
          task: row.task,
          attempt: row.attempt,
          pipeline: row.pipeline,
          failures: row.failures,
          recoveries: row.recoveries,
          deadlineInMs: row.deadline_in_ms,
          // Devices of the cluster are not ours to number.
          waitedSeconds: null,
          gpus: [],
          item: row.task.endsWith(']') ? row.item : undefined,
          job: row.external,
          logChunks: row.log_chunks,
          logCharacters: row.log_characters,
          logPosition: row.log_position,
        }),
      );
    },
    appendExternalLog: async (lease, workerId, chunks, position) => {
      if (chunks.length === 0) return;
      await db.query(APPEND, [
        lease.runId,
        lease.task,
        lease.attempt,
        workerId,
        JSON.stringify(chunks.map(cleanChunk)),
        position === null ? null : JSON.stringify(position),
        `${scopeId} ${lease.runId} log`,
      ]);
    },
    underWay: async (attempts) => {
      if (attempts.length === 0) return [];
      const rows = await db.query<{ run_id: string; task: string; attempt: number }>(
        `select a.run_id, t.name as task, a.attempt
         from json_to_recordset($2) as l("runId" uuid, task text, attempt integer)
         join mlops.tasks t on t.run_id = l."runId" and t.name = l.task
         join mlops.task_attempts a on a.run_id = t.run_id and a.ordinal = t.ordinal and a.attempt = l.attempt
         where a.scope_id = $1 and a.ended_at is null`,
        [scopeId, JSON.stringify(attempts)],
      );
      return rows.map((row): LeaseRef => ({ runId: row.run_id, task: row.task, attempt: row.attempt }));
    },
  };
}
