/** A run is cancelled whatever its task does, at once, and nothing is left of it: no slot, no attempt, no process, nothing that comes back. */
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Orchestrator } from '../../src/orchestrator/orchestrator.ts';
import type { CanonicalPipeline } from '../../src/spec/canonical-specs.ts';
import { ended, ingesting, MANUAL, openRig, pipelineOf, type Rig, taskOf, until } from '../support/orchestrator.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';

let database: FreshDatabase;
let rig: Rig;
let orchestrator: Orchestrator;
beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  rig = await openRig(database.connectionString);
  orchestrator = rig.open({
    capacity: { cpu: 2, memoryBytes: 2 ** 30, gpu: 0 },
    limits: { pools: { db: 1 }, teams: {} },
    services: ingesting({
      endless: ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
      failing: () => {
        throw new Error('no');
      },
    }),
  });
  return () => rig.close();
});

const endless = { source: 'endless' };
/** What it is, the task's state, the pipeline; `before` runs first and stays. `idle`: no worker is there. */
const STATES: readonly (readonly [
  string,
  string,
  CanonicalPipeline,
  { readonly before?: CanonicalPipeline; readonly idle?: boolean; readonly run?: string },
])[] = [
  [
    'in a run that is queued',
    'ready',
    pipelineOf({ a: endless }, { name: 'one', concurrency: { runs: 1 } }),
    {
      before: pipelineOf({ x: endless }, { name: 'one', concurrency: { runs: 1 } }),
      run: 'queued',
    },
  ],
  ['pending', 'pending', pipelineOf({ x: endless, a: { needs: ['x'] } }), {}],
  ['ready', 'ready', pipelineOf({ a: endless }), { idle: true }],
  [
    'waiting for room',
    'waiting',
    pipelineOf({ a: { ...endless, resources: { cpu: 2 } } as never }),
    {
      before: pipelineOf({ x: { ...endless, resources: { cpu: 2 } } as never }),
    },
  ],
  [
    'waiting for a slot of a pool',
    'waiting',
    pipelineOf({ a: { ...endless, pool: 'db' } as never }),
    {
      before: pipelineOf({ x: { ...endless, pool: 'db' } as never }),
    },
  ],
  ['running within the daemon', 'running', pipelineOf({ a: endless }), {}],
  ['running as a program', 'running', pipelineOf({ a: { operator: 'command', command: 'sleep 1000' } }), {}],
  [
    'retrying',
    'retrying',
    pipelineOf({
      a: { source: 'failing', retry: { limit: 3, backoff: { initial: '1h', jitter: false } } } as never,
    }),
    {},
  ],
  ['waiting for something outside', 'waiting', pipelineOf({ a: { operator: 'wait_for', that: 'false' } as never }), {}],
];

it.each(STATES)('%s', async (_, state, pipeline, { before, idle = false, run: runStatus = undefined }) => {
  if (!idle) {
    await orchestrator.worker.start();
    await orchestrator.scheduler.start();
  }
  const first = before && (await orchestrator.submit({ pipeline: before, cause: MANUAL })).runId;
  if (first !== undefined)
    await until('the one before runs', async () => taskOf((await orchestrator.get(first))!, 'x').status === 'running');
  const { runId } = await orchestrator.submit({ pipeline, cause: MANUAL });
  await until(`it is ${state}`, async () => {
    const found = (await orchestrator.get(runId))!;
    return taskOf(found, 'a').status === state && (runStatus === undefined || found.status === runStatus);
  });
  await orchestrator.cancel(runId, 'ada');
  const done = await ended(orchestrator, runId);
  expect(done).toMatchObject({ status: 'cancelled', cancelledBy: 'ada' });
  expect(done.tasks.map(({ status }) => status)).toEqual(done.tasks.map(() => 'cancelled'));
  const left = async (): Promise<unknown> =>
    rig.db.query('select 1 from mlops.task_attempts where run_id = $1 and ended_at is null', [runId]);
  expect(await left()).toEqual([]);
  // What came before it was not its own, and the room is there for what comes next.
  if (first !== undefined) await orchestrator.cancel(first, 'ada');
  if (idle) await orchestrator.worker.start();
  const next = await orchestrator.submit({
    pipeline: pipelineOf({ b: { resources: { cpu: 2 } } as never }),
    cause: MANUAL,
  });
  expect((await ended(orchestrator, next.runId)).status).toBe('succeeded');
  expect((await orchestrator.get(runId))!.tasks.map(({ status }) => status)).toEqual(done.tasks.map(() => 'cancelled'));
});
