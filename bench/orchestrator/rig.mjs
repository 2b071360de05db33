// An orchestrator of the build on an embedded Postgres in a directory of its own. Where asked, no operator does anything. Time of the server's processes is read from /proc.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { root } from '../support/measure.mjs';

const dist = (path) => import(join(root, 'dist', path));
const { acquireEmbeddedPostgres } = await dist('stores/postgres/server/embedded.js');
const { openControlDatabase } = await dist('stores/postgres/control-database.js');
const { createPostgresRuns } = await dist('stores/postgres/postgres-runs.js');
const { createPostgresDeferrals } = await dist('stores/postgres/postgres-deferrals.js');
const { createPostgresRunArtifacts } = await dist('stores/postgres/postgres-run-artifacts.js');
const { ensureScope } = await dist('stores/postgres/scopes.js');
const { createOrchestrator } = await dist('orchestrator/orchestrator.js');

/** An operator that does nothing. */
export const noOp = async () => ({});

export const MANUAL = { kind: 'manual', who: 'bench', schedule: null, instant: null };

export async function openRig() {
  const folder = mkdtempSync(join(tmpdir(), 'mlops-bench-'));
  const server = await acquireEmbeddedPostgres({ dir: join(folder, '.mlops') });
  const { connectionString } = server;
  const opened = [];
  let scopes = 0;
  const db = await openControlDatabase({ connectionString });
  return {
    connectionString,
    db,
    server,
    /** In a scope of its own. */
    async orchestrator(options = {}) {
      scopes += 1;
      const scopeId = await ensureScope(db, { project: 'bench', environment: `e${scopes}` });
      const runs = createPostgresRuns(db, scopeId, { connectionString });
      const orchestrator = createOrchestrator({
        runs,
        deferrals: createPostgresDeferrals(db, scopeId),
        runArtifacts: createPostgresRunArtifacts(db, scopeId),
        catalog: { get: () => undefined, list: () => [], refresh: async () => {} },
        artifacts: { localPath: async (digest) => digest },
        workdir: join(folder, 'work'),
        variables: process.env,
        services: {},
        report: (message, error) => console.error(message, error ?? ''),
        ...options,
      });
      opened.push(orchestrator);
      return { orchestrator, runs, scopeId };
    },
    async connect() {
      const client = new pg.Client({ connectionString });
      await client.connect();
      return client;
    },
    async close() {
      await Promise.all(opened.map((orchestrator) => orchestrator.close()));
      await db.close();
      await server.release();
      rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    },
  };
}

/** Tasks that do nothing, by name what each needs. */
export function pipelineOf(name, needs) {
  const tasks = {};
  for (const [task, upstream] of needs) tasks[task] = { operator: 'data_ingestion', source: task, needs: upstream };
  return { name, tasks };
}

/** Of the server and its children, the ended ones included, in seconds. */
export function serverCpuSeconds(server) {
  let ticks = 0;
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (Number(pid) === server.pid)
        ticks += Number(fields[11]) + Number(fields[12]) + Number(fields[13]) + Number(fields[14]);
      else if (Number(fields[1]) === server.pid) ticks += Number(fields[11]) + Number(fields[12]);
    } catch {
      // It ended meanwhile.
    }
  }
  return ticks / 100;
}

/** Wall time, this process' CPU and the server's. */
export async function measured(rig, body) {
  const cpu = process.cpuUsage();
  const server = serverCpuSeconds(rig.server);
  const begun = performance.now();
  const value = await body();
  const { user, system } = process.cpuUsage(cpu);
  return {
    value,
    wallSeconds: (performance.now() - begun) / 1000,
    ownCpu: (user + system) / 1e6,
    serverCpu: serverCpuSeconds(rig.server) - server,
  };
}

export async function untilEnded(runs, runId) {
  for (;;) {
    const run = await runs.summary(runId);
    if (run?.finishedAt != null) return run;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
