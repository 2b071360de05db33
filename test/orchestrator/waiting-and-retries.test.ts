import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { admit } from '../../src/orchestrator/admission.ts';
import { newRun } from '../../src/orchestrator/new-run.ts';
import { runRules } from '../../src/orchestrator/rules.ts';
import type { WorkerIdentity } from '../../src/stores/control/runs.ts';
import { collect, ended, ingesting, MANUAL, openRig, pipelineOf, type Rig, taskOf } from '../support/orchestrator.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';

let database: FreshDatabase;
let rig: Rig;
beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(async () => {
  await database.drop();
});
beforeEach(async () => {
  rig = await openRig(database.connectionString);
  return () => rig.close();
});

type Tasks = Parameters<typeof pipelineOf>[0];
async function create(tasks: Tasks): Promise<string> {
  const spec = pipelineOf(tasks);
  const run = { runId: randomUUID(), spec, params: {}, cause: MANUAL, gitCommit: null, idempotencyKey: null };
  return (await rig.runs.create(newRun(run), runRules)).run.runId;
}
/** The database's clock cannot be moved; since when a task waits can. */
const wait = (task: string, interval: string) =>
  rig.db.query('update mlops.tasks set ready_at = ready_at - $3::interval where scope_id = $1 and name = $2', [
    rig.scopeId,
    task,
    interval,
  ]);

describe('a queued timeout', () => {
  it('ends a task that waits longer for room, not before, and no other', async () => {
    const runId = await create({
      a: { queuedTimeout: '10m' },
      b: {},
      after: { needs: ['a'] },
      cleanup: { needs: ['a'], trigger: 'all_done' },
    });
    await wait('a', '9 minutes 50 seconds');
    await wait('b', '1 hour');
    expect(await rig.runs.endOverdue(runRules)).toBe(0);
    await wait('a', '10 seconds');
    expect(await rig.runs.endOverdue(runRules)).toBe(1);
    expect(await rig.runs.endOverdue(runRules)).toBe(0);
    const run = (await rig.runs.get(runId))!;
    expect(taskOf(run, 'a')).toMatchObject({
      status: 'timed_out',
      attempt: 0,
      error: 'it waited longer than 10m for room',
    });
    expect(run.tasks.map(({ status }) => status)).toEqual(['timed_out', 'ready', 'upstream_failed', 'ready']);
  });

  it('ends no task that runs, and counts anew for each attempt', async () => {
    const runId = await create({ a: { queuedTimeout: '10m', retry: { limit: 1 } } });
    const worker: WorkerIdentity = {
      workerId: randomUUID(),
      node: 'n',
      pid: 1,
      pidStartedAt: '1',
      capacity: { cpu: 4, memoryBytes: 1000, gpu: 0 },
    };
    const claim = async () => (await rig.runs.claim(worker, 1, admit, runRules)).leases[0];
    await wait('a', '9 minutes');
    const lease = (await claim())!;
    await wait('a', '1 hour');
    expect(await rig.runs.endOverdue(runRules)).toBe(0);
    const end = { ...lease, status: 'failed' as const, exitCode: 1, error: 'no', outputs: null, data: {}, usage: null };
    await rig.runs.end([{ ...end, retryInMs: 3_600_000, counts: 'failure' }], runRules);
    // The pause before a retry is no wait for room.
    expect(await rig.runs.endOverdue(runRules)).toBe(0);
    await rig.db.query('update mlops.tasks set not_before = now() where scope_id = $1', [rig.scopeId]);
    expect(await claim()).toMatchObject({ task: 'a', attempt: 2 });
    expect(taskOf((await rig.runs.get(runId))!, 'a').status).toBe('running');
  });

  it('holds for a run that is tried again', async () => {
    const runId = await create({ a: { queuedTimeout: '1m' } });
    await wait('a', '1 minute');
    await rig.runs.endOverdue(runRules);
    expect((await rig.runs.get(runId))!.status).toBe('failed');
    await rig.runs.retry(runId, 'ada', runRules);
    expect(await rig.runs.endOverdue(runRules)).toBe(0);
    await wait('a', '1 minute');
    expect(await rig.runs.endOverdue(runRules)).toBe(1);
  });
});

describe('retries', () => {
  it('wait as long as their policy says, to the millisecond: exponentially, with the part that chance gives', async () => {
    // A linear congruential generator: the same numbers in every run of this test.
    let state = 7;
    const random = (): number => {
      state = (state * 1103515245 + 12345) % 2 ** 31;
      return state / 2 ** 31;
    };
    const chances = (() => {
      const before = state;
      const drawn = [random(), random(), random(), random()];
      state = before;
      return drawn;
    })();
    const orchestrator = rig.open({
      services: ingesting({
        a: () => {
          throw new Error('no');
        },
      }),
      random,
    });
    const backoff = { initial: '20ms', factor: 3, cap: '400ms' };
    const runId = await create({ a: { retry: { limit: 4, backoff } } });
    await orchestrator.worker.start();
    const run = await ended(orchestrator, runId);
    expect(taskOf(run, 'a')).toMatchObject({ status: 'failed', attempt: 5 });
    const events = await collect(orchestrator.events(runId, { signal: new AbortController().signal }));
    const delays = events.filter(({ status }) => status === 'retrying').map(({ data }) => data['retryInMs']);
    expect(delays).toEqual([20, 60, 180, 400].map((delay, index) => delay * chances[index]!));
  });
});
