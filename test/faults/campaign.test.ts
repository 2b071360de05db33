/**
 * Two daemons of two machines on one store, hurt in one way after another. For longer: `npm run test:faults`.
 * With MLOPS_SEED another seed, with MLOPS_FAULT_SECONDS so many seconds each.
 */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/training/random.ts';
import type { ChildOptions } from '../crash/orchestrator-child.ts';
import { cuttingProxy } from '../support/cutting-proxy.ts';
import { ended, MANUAL, openRig, pipelineOf, until } from '../support/orchestrator.ts';
import { processesOf, startDaemons } from './daemons.ts';
import {
  cutEveryConnection,
  cutTheHints,
  fillTheDisk,
  type Injury,
  killDaemons,
  killTasks,
  nothing,
  restartPostgres,
  stopDaemonsBeyondTheirLease,
} from './injuries.ts';
import { brokenInvariants } from './invariants.ts';
import { ownServer } from './own-server.ts';
import { marksIn, pipelineOfSeed } from './workload.ts';

const SECONDS = Number(process.env['MLOPS_FAULT_SECONDS'] ?? 4);
const SEED = Number(process.env['MLOPS_SEED'] ?? 1);
const LEASE_SECONDS = 2;

const server = ownServer();

interface Way {
  readonly injury: Injury;
  readonly poison?: boolean;
  /** Every so manieth answer of the store is dropped on its way to the first daemon, though the statement was done. */
  readonly dropEvery?: number;
  /** A task holds the event loop of its daemon for longer than a lease. */
  readonly block?: boolean;
}

const WAYS: Readonly<Record<string, Way>> = {
  'daemons killed with -9': { injury: killDaemons },
  'programs of tasks killed with -9': { injury: killTasks },
  'daemons that stand still for longer than their leases': { injury: stopDaemonsBeyondTheirLease },
  'a daemon whose event loop is blocked': { injury: nothing, block: true },
  'a task that kills its daemon each time': { injury: nothing, poison: true },
  'Postgres restarted every 5 s': { injury: restartPostgres(Math.min(5_000, SECONDS * 500), 'SIGINT') },
  'Postgres killed with -9': { injury: restartPostgres(SECONDS * 600, 'SIGKILL') },
  'the connection for hints cut alone': { injury: cutTheHints },
  'all connections cut': { injury: cutEveryConnection },
  'answers that get lost on their way': { injury: nothing, dropEvery: 25 },
  'a disk that is full for a while': { injury: fillTheDisk },
};

/** New runs until it is enough, each second one that somebody cancels; then peace, until all have ended. */
async function campaign({ injury, poison, dropEvery, block }: Way): Promise<void> {
  const rig = await openRig(server().connectionString, { leaseSeconds: LEASE_SECONDS });
  const watcher = rig.open();
  const random = seededRandom(SEED);
  const proxy =
    dropEvery === undefined ? undefined : await cuttingProxy(server().connectionString, (n) => n % dropEvery === 0);
  const daemons = startDaemons(
    ['one', 'two'].map(
      (node): ChildOptions => ({
        connectionString:
          node === 'one' ? (proxy?.connectionString ?? server().connectionString) : server().connectionString,
        scopeId: rig.scopeId,
        workdir: rig.workdir,
        node,
        leaseSeconds: LEASE_SECONDS,
      }),
    ),
  );
  const enough = new AbortController();
  try {
    await daemons.ready();
    const runIds: string[] = [];
    const { db } = rig;
    const hurt = injury({
      db,
      server: server(),
      daemons,
      tasks: () => processesOf(runIds),
      random,
      signal: enough.signal,
    });
    const enoughAt = performance.now() + SECONDS * 1000;
    for (let n = 0; n === 0 || performance.now() < enoughAt; n += 1) {
      const spec = pipelineOfSeed(SEED * 1000 + n, rig.workdir, { poison: poison === true && n === 0 });
      // The store may be away: the key makes it one run however often it is asked for.
      const key = `run ${n}`;
      const { runId } = await insisting(() => watcher.submit({ pipeline: spec, cause: MANUAL, idempotencyKey: key }));
      if (block === true && n % 3 === 0)
        await insisting(() =>
          watcher.submit({ pipeline: pipelineOf({ block: { source: 'block' } as never }), cause: MANUAL }),
        );
      runIds.push(runId);
      await pause(400);
      if (n % 2 === 1) await insisting(() => watcher.cancel(runIds[n - 1]!, 'ada'));
    }
    enough.abort();
    expect(await hurt).toBeGreaterThan(0);
    const records = await Promise.all(
      runIds.map((runId) =>
        ended({ get: (id) => insisting(() => watcher.get(id)) }, runId, { limitMs: 120_000, everyMs: 100 }),
      ),
    );
    await daemons.stop();
    expect(await brokenInvariants(db, records, await marksIn(rig.workdir))).toEqual([]);
    expect(records.map(({ status }) => status)).toEqual(expect.arrayContaining(['cancelled']));
  } finally {
    enough.abort();
    await daemons.stop();
    await proxy?.close();
    await rm(join(rig.workdir, 'marks'), { force: true });
    await rig.db.query('delete from mlops.runs');
    await rig.close();
  }
}

async function insisting<T>(ask: () => Promise<T>): Promise<T> {
  for (const last = performance.now() + 60_000; ; ) {
    try {
      return await ask();
    } catch (error) {
      if (performance.now() > last) throw error;
      await pause(100);
    }
  }
}

const TASKS = Number(process.env['MLOPS_FAULT_TASKS'] ?? 2_000);

const KILLS = 8;

describe(`a DAG of ${TASKS.toLocaleString('en-US')} tasks, two edges each`, () => {
  it(
    'is done to its last task by daemons that are killed with -9 again and again',
    async () => {
      const rig = await openRig(server().connectionString, { leaseSeconds: LEASE_SECONDS });
      const watcher = rig.open();
      const random = seededRandom(SEED);
      const { connectionString } = server();
      const daemons = startDaemons(
        ['one', 'two'].map((node) => ({
          connectionString,
          scopeId: rig.scopeId,
          workdir: rig.workdir,
          node,
          leaseSeconds: LEASE_SECONDS,
        })),
      );
      try {
        await daemons.ready();
        const tasks: Record<string, { readonly needs: readonly string[] }> = {};
        for (let ordinal = 0; ordinal < TASKS; ordinal += 1) {
          const earlier = (back: number): number => ordinal - 1 - Math.floor(random.next() * back);
          tasks[`t${ordinal}`] = {
            needs: [...new Set([earlier(40), earlier(400)])].filter((at) => at >= 0).map((at) => `t${at}`),
          };
        }
        const { runId } = await watcher.submit({ pipeline: pipelineOf(tasks as never), cause: MANUAL });
        const { db } = rig;
        let killed = 0;
        // Each time another part of it is done: who is killed before anything is done gets nowhere.
        await until(
          'the run ends',
          async () => {
            const [row] = await db.query<{ done: number }>(
              `select count(*)::integer as done from mlops.tasks where run_id = $1 and status = 'succeeded'`,
              [runId],
            );
            const pid = daemons.pids()[killed % 2];
            if (row!.done > (TASKS / KILLS) * (killed + 0.5) && pid !== undefined && process.kill(pid, 'SIGKILL'))
              killed += 1;
            return (await rig.runs.summary(runId))?.finishedAt ?? undefined;
          },
          { limitMs: 120_000 + 20 * TASKS, everyMs: 100 },
        );
        expect(killed).toBe(KILLS);
        await daemons.stop();
        const run = (await watcher.get(runId))!;
        expect(run.tasks.filter(({ status }) => status !== 'succeeded')).toEqual([]);
        expect(await brokenInvariants(db, [run], [])).toEqual([]);
        const executed = (await readFile(join(rig.workdir, 'executed'), 'utf8')).trim().split('\n');
        expect(new Set(executed).size).toBe(TASKS);
      } finally {
        await daemons.stop();
        await rig.db.query('delete from mlops.runs');
        await rig.close();
      }
    },
    240_000 + 20 * TASKS,
  );
});

describe('no task is lost, none has two outcomes, no slot and no process is left, and every run ends, with', () => {
  it.each(Object.entries(WAYS))('%s', async (_, way) => campaign(way), (SECONDS + 180) * 1000);
});
