/** What tasks share: sums over live leases, and the lock under which they are taken. */
import type { Shares } from '../../control/limits.ts';
import type { SharesInUse } from '../../control/runs.ts';
import type { Queryable } from '../database.ts';
import { sqlFile } from '../sql-file.ts';

const SHARES = sqlFile('runs-shares');

/** Until the end of the transaction. */
export async function lockLimits(tx: Queryable, scopeId: number): Promise<void> {
  await tx.query(`select pg_advisory_xact_lock(hashtextextended('mlops limits', $1))`, [scopeId]);
}

export async function sharesInUse(
  db: Queryable,
  scopeId: number,
  waiting: boolean,
): Promise<readonly (SharesInUse & { readonly state: 'running' | 'waiting' })[]> {
  type Row = {
    shared: Shares;
    state: 'running' | 'waiting';
    tasks: number;
    cpu: number;
    memory_bytes: number;
    gpu: number;
  };
  const rows = await db.query<Row>(SHARES, [scopeId, waiting]);
  return rows.map(({ shared, state, tasks, cpu, memory_bytes: memoryBytes, gpu }) => ({
    shares: shared,
    state,
    tasks,
    demand: { cpu, memoryBytes, gpu },
  }));
}
