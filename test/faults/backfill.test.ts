/** A backfill whose schedulers and workers are killed with -9: each instant has one run, no more at once than it may, in order. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { seededRandom } from '../../src/training/random.ts';
import { openRig, pipelineOf, until } from '../support/orchestrator.ts';
import { startDaemons } from './daemons.ts';
import { brokenInvariants } from './invariants.ts';
import { ownServer } from './own-server.ts';
import { marksIn } from './workload.ts';

const SECONDS = Number(process.env['MLOPS_FAULT_SECONDS'] ?? 4);
const SEED = Number(process.env['MLOPS_SEED'] ?? 1);
const DAYS = SECONDS < 10 ? 24 : 31 + 28 + 31;
const AT_ONCE = 3;
const LEASE_SECONDS = 2;

const server = ownServer();

it(`of ${DAYS} instants runs each once, whoever is killed`, async () => {
  const { connectionString } = server();
  const rig = await openRig(connectionString, { leaseSeconds: LEASE_SECONDS });
  const watcher = rig.open();
  const random = seededRandom(SEED);
  const enough = new AbortController();
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
    const mark = `"$MLOPS_RUN_ID $MLOPS_TASK $MLOPS_ATTEMPT" >> "$MARKS"`;
    const program = {
      operator: 'command',
      command: `echo "start "${mark}; sleep 0.2; echo "end "${mark}`,
      env: { MARKS: join(rig.workdir, 'marks') },
      resources: { cpu: 1 },
    };
    const spec = pipelineOf({ a: program, b: { ...program, needs: ['a'] } } as never, {
      schedule: { cron: '0 2 * * *' },
    });
    rig.catalog.put('pipeline', 'p', spec);
    const from = new Date('2026-01-01T00:00:00Z');
    const { backfillId } = await watcher.backfills.start({
      pipeline: 'p',
      from,
      to: new Date(from.getTime() + (DAYS - 1) * 86_400_000 + 43_200_000),
      concurrency: AT_ONCE,
      backwards: false,
      reprocess: 'none',
      params: {},
      who: 'ada',
    } as never);
    let killed = 0;
    const killing = (async () => {
      while (!enough.signal.aborted) {
        await pause(300 + 900 * random.next(), undefined, { signal: enough.signal }).catch(() => {});
        const pid = daemons.pids()[Math.floor(2 * random.next())];
        if (!enough.signal.aborted && pid !== undefined && process.kill(pid, 'SIGKILL')) killed += 1;
      }
    })();
    let most = 0;
    const shots = Math.max(6, SECONDS * 2);
    await until(
      'the backfill ends',
      async () => {
        const [row] = await rig.db.query<{ live: number }>(
          `select count(*)::integer as live from mlops.runs where scope_id = $1 and status in ('queued', 'running')`,
          [rig.scopeId],
        );
        most = Math.max(most, row!.live);
        if (killed >= shots) enough.abort();
        return (await watcher.backfills.get(backfillId)).finishedAt !== null;
      },
      { limitMs: 240_000, everyMs: 30 },
    );
    enough.abort();
    await killing;
    expect(killed).toBeGreaterThan(3);
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(AT_ONCE);
    await daemons.stop();
    expect(await watcher.backfills.get(backfillId)).toMatchObject({ status: 'succeeded' });
    const made = await rig.db.query<{ run_id: string; instant: string }>(
      `select run_id, cause ->> 'instant' as instant from mlops.runs where scope_id = $1 order by created_at, run_id`,
      [rig.scopeId],
    );
    const instants = Array.from({ length: DAYS }, (_, day) => new Date(Date.UTC(2026, 0, 1 + day, 2)).getTime());
    expect(made.map(({ instant }) => new Date(instant).getTime()).sort()).toEqual([...instants].sort());
    const records = await Promise.all(made.map(async ({ run_id }) => (await watcher.get(run_id))!));
    expect(await brokenInvariants(rig.db, records, await marksIn(rig.workdir))).toEqual([]);
    expect(records.map(({ status }) => status)).toEqual(records.map(() => 'succeeded'));
  } finally {
    enough.abort();
    await daemons.stop();
    await rm(join(rig.workdir, 'marks'), { force: true });
    await rig.db.query('delete from mlops.runs');
    await rig.close();
  }
}, 420_000);
