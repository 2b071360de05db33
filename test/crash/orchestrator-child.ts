/**
 * A daemon's scheduler and worker as a process of its own, on the store and scope that its one argument names. With `dieAt` it kills
 * itself at that boundary. Prints `ready`; ends when its standard input does.
 */
import { appendFileSync } from 'node:fs';
import { createOrchestrator } from '../../src/orchestrator/orchestrator.ts';
import type { OperatorServices } from '../../src/orchestrator/services.ts';
import type { RunStore } from '../../src/stores/control/runs.ts';
import { openDatabase } from '../../src/stores/postgres/database.ts';
import { createPostgresBackfills } from '../../src/stores/postgres/postgres-backfills.ts';
import { createPostgresBreakers } from '../../src/stores/postgres/postgres-breakers.ts';
import { createPostgresDeferrals } from '../../src/stores/postgres/postgres-deferrals.ts';
import { createPostgresRunArtifacts } from '../../src/stores/postgres/postgres-run-artifacts.ts';
import { createPostgresRunFeed } from '../../src/stores/postgres/postgres-run-feed.ts';
import { createPostgresRunFigures } from '../../src/stores/postgres/postgres-run-figures.ts';
import { createPostgresRuns } from '../../src/stores/postgres/postgres-runs.ts';
import { createPostgresTaskCache } from '../../src/stores/postgres/postgres-task-cache.ts';
import { createPostgresTriggers } from '../../src/stores/postgres/postgres-triggers.ts';
import { fakeCatalog } from '../support/fake-catalog.ts';

export interface ChildOptions {
  readonly connectionString: string;
  readonly scopeId: number;
  readonly workdir: string;
  readonly node?: string;
  readonly leaseSeconds?: number;
  readonly scheduler?: boolean;
  readonly dieAt?: Boundary;
}

export const BOUNDARIES = ['claim', 'claimed', 'record', 'recorded', 'end', 'ended'] as const;
export type Boundary = (typeof BOUNDARIES)[number];

const options = JSON.parse(process.argv[2] ?? '{}') as ChildOptions;
const db = openDatabase({ connectionString: options.connectionString });
const runs = createPostgresRuns(db, options.scopeId, {
  connectionString: options.connectionString,
  ...(options.leaseSeconds === undefined ? {} : { leaseSeconds: options.leaseSeconds }),
});

function die(at: Boundary): void {
  if (options.dieAt === at) process.kill(process.pid, 'SIGKILL');
}

const deadly: RunStore = {
  ...runs,
  claim: async (...args) => {
    die('claim');
    const claimed = await runs.claim(...args);
    if (claimed.leases.length > 0) die('claimed');
    return claimed;
  },
  recordProcess: async (...args) => {
    die('record');
    const held = await runs.recordProcess(...args);
    die('recorded');
    return held;
  },
  end: async (...args) => {
    die('end');
    const held = await runs.end(...args);
    die('ended');
    return held;
  },
};

/** `block`: holds the event loop for three leases. Everything else is done at once. */
const services: Partial<OperatorServices> = {
  ingest: async (source, context) => {
    appendFileSync(`${options.workdir}/executed`, `${context.task}\n`);
    if (source === 'block') {
      const until = performance.now() + (options.leaseSeconds ?? 1) * 3000;
      while (performance.now() < until);
    }
    return { source, digest: 'd', rows: 1, bytes: 1, changed: true };
  },
};

const orchestrator = createOrchestrator({
  runs: deadly,
  backfills: createPostgresBackfills(db, options.scopeId),
  deferrals: createPostgresDeferrals(db, options.scopeId),
  runArtifacts: createPostgresRunArtifacts(db, options.scopeId),
  triggers: createPostgresTriggers(db, options.scopeId),
  breakers: createPostgresBreakers(db, options.scopeId),
  taskCache: createPostgresTaskCache(db, options.scopeId),
  runFeed: createPostgresRunFeed(db, options.scopeId),
  runFigures: createPostgresRunFigures(db, options.scopeId),
  catalog: fakeCatalog(),
  services: services as OperatorServices,
  artifacts: { localPath: async () => '', has: async () => undefined },
  workdir: options.workdir,
  variables: process.env,
  random: () => 0,
  killGraceMs: 500,
  capacity: { cpu: 64 },
  ...(options.node === undefined ? {} : { node: options.node }),
});
if (options.scheduler !== false) await orchestrator.scheduler.start();
await orchestrator.worker.start();
process.stdout.write('ready\n');
process.stdin.resume();
process.stdin.on('end', () => {
  void orchestrator
    .close()
    .then(() => db.close())
    .then(() => process.exit(0));
});
