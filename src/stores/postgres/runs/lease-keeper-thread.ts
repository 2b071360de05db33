/**
 * The thread that keeps a worker's leases. It renews them every few seconds on its own connection, whatever the main
 * thread is busy with. A lease that it cannot renew is lost: somebody else may have begun the task, so its processes are
 * killed here and now, and the main thread is told.
 */
import { parentPort, workerData } from 'node:worker_threads';
import pg from 'pg';
import type { WorkerIdentity } from '../../control/runs.ts';
import { type FromKeeper, keyOf, leaseOf, type ToKeeper } from './lease-keeper-words.ts';

export interface KeeperData {
  readonly connectionString: string;
  readonly scopeId: number;
  readonly worker: WorkerIdentity;
  readonly leaseSeconds: number;
  readonly renewEveryMs: number;
}

const RENEW_WORKER = `
  insert into mlops.workers (worker_id, scope_id, node, pid, pid_started_at, cpu, memory_bytes, gpu, lease_until)
  values ($1, $2, $3, $4, $5, $6, $7, $8, clock_timestamp() + $9 * interval '1 second')
  on conflict (worker_id) do update set lease_until = excluded.lease_until`;

/** That an attempt runs is asked by what it is not: so the planner does not hope for few rows, and goes by the key. */
const RENEW_LEASES = `
  with held as materialized (
    select t.run_id, t.ordinal, t.name, l.attempt
    from json_to_recordset($3) as l("runId" uuid, task text, attempt integer)
    join mlops.tasks t on t.run_id = l."runId" and t.name = l.task
  )
  update mlops.task_attempts a set lease_until = clock_timestamp() + $2 * interval '1 second'
  from held
  where a.run_id = held.run_id and a.ordinal = held.ordinal and a.attempt = held.attempt and a.worker_id = $1
    and a.status not in ('succeeded', 'failed', 'timed_out', 'crashed', 'cancelled')
  returning a.run_id, held.name, a.attempt`;

const port = parentPort;
if (port === null) throw new Error('lease-keeper-thread runs as a worker thread only');
const { connectionString, scopeId, worker, leaseSeconds, renewEveryMs } = workerData as KeeperData;

/** Keys of leases with the process groups of their attempts. */
const tracked = new Map<string, number | null>();
let client: pg.Client | undefined;
let timer: NodeJS.Timeout | undefined;
let stopped = false;
let renewedAt = performance.now();

const post = (message: FromKeeper): void => port.postMessage(message);

function lose(key: string): void {
  const group = tracked.get(key) ?? null;
  tracked.delete(key);
  if (group !== null) {
    try {
      process.kill(-group, 'SIGKILL');
    } catch {
      // The group is gone already.
    }
  }
  post({ type: 'lost', key });
}

async function connect(): Promise<pg.Client> {
  if (client !== undefined) return client;
  const next = new pg.Client({
    connectionString,
    application_name: 'mlops leases',
    connectionTimeoutMillis: 5_000,
    query_timeout: 8_000,
    statement_timeout: 8_000,
    keepAlive: true,
  });
  const drop = (): void => {
    if (client === next) client = undefined;
  };
  next.on('error', drop);
  next.on('end', drop);
  await next.connect();
  // Few rows of large tables, by their keys: the planner does not know how few.
  await next.query(
    'set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off; set enable_material = off',
  );
  client = next;
  return next;
}

async function renew(): Promise<void> {
  const before = [...tracked.keys()];
  const began = performance.now();
  const connection = await connect();
  const { workerId, node, pid, pidStartedAt, capacity } = worker;
  await connection.query(RENEW_WORKER, [
    workerId,
    scopeId,
    node,
    pid,
    pidStartedAt,
    capacity.cpu,
    capacity.memoryBytes,
    capacity.gpu,
    leaseSeconds,
  ]);
  const { rows } = await connection.query<{ run_id: string; name: string; attempt: number }>(RENEW_LEASES, [
    workerId,
    leaseSeconds,
    // Only what this worker knows of: a lease whose claim's answer got lost has to expire.
    JSON.stringify(before.map(leaseOf)),
  ]);
  renewedAt = began;
  const held = new Set(rows.map((row) => keyOf({ runId: row.run_id, task: row.name, attempt: row.attempt })));
  for (const key of before) if (!held.has(key) && tracked.has(key)) lose(key);
}

async function beat(): Promise<void> {
  const began = performance.now();
  try {
    await renew();
  } catch {
    // The store does not answer. The next beat connects anew; what is lost meanwhile is decided by time.
    const broken = client;
    client = undefined;
    await broken?.end().catch(() => {});
  }
  if (performance.now() - renewedAt > leaseSeconds * 1000) for (const key of [...tracked.keys()]) lose(key);
  if (!stopped) timer = setTimeout(() => void beat(), Math.max(100, renewEveryMs - (performance.now() - began)));
}

async function stop(): Promise<void> {
  stopped = true;
  clearTimeout(timer);
  try {
    const connection = await connect();
    await connection.query('delete from mlops.workers where worker_id = $1', [worker.workerId]);
  } catch {
    // The row's own lease ends soon.
  }
  await client?.end().catch(() => {});
  port?.close();
}

port.on('message', (message: ToKeeper) => {
  switch (message.type) {
    case 'change':
      for (const key of message.track) if (!tracked.has(key)) tracked.set(key, null);
      for (const [key, group] of message.groups) tracked.set(key, group);
      for (const key of message.untrack) tracked.delete(key);
      break;
    case 'stop':
      void stop();
      break;
  }
});

try {
  await renew();
  post({ type: 'ready' });
  timer = setTimeout(() => void beat(), renewEveryMs);
} catch (error) {
  post({ type: 'failed', message: error instanceof Error ? error.message : String(error) });
  await client?.end().catch(() => {});
  port.close();
}
