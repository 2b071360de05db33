/** What tasks share beyond a machine: pools, a pipeline's runs and tasks, a team's part, devices by number. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { admit } from '../../src/orchestrator/admission.ts';
import type { runOperator } from '../../src/orchestrator/operators/operators.ts';
import type { Orchestrator } from '../../src/orchestrator/orchestrator.ts';
import type { Limits } from '../../src/stores/control/limits.ts';
import type { Candidate } from '../../src/stores/control/runs.ts';
import { ended, MANUAL, openRig, pipelineOf, type Rig, taskOf, until } from '../support/orchestrator.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';

let database: FreshDatabase;
let rig: Rig;
beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(async () => {
  await database.drop();
});

/** Two workers on two machines. Every task waits until it is let go. */
async function open(limits: Limits) {
  rig = await openRig(database.connectionString);
  const running: string[] = [];
  let most = 0;
  let release = (): void => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const operate: typeof runOperator = async (_, { runId, task, signal }) => {
    running.push(`${runId} ${task}`);
    most = Math.max(most, running.length);
    await Promise.race([gate, new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))]);
    await new Promise(setImmediate);
    running.splice(running.indexOf(`${runId} ${task}`), 1);
    return {};
  };
  const orchestrators: Orchestrator[] = ['one', 'two'].map((node) => rig.open({ runOperator: operate, limits, node }));
  for (const orchestrator of orchestrators) await orchestrator.worker.start();
  await orchestrators[0]!.scheduler.start();
  return { orchestrator: orchestrators[0]!, running, most: () => most, release };
}

const twelve = (more: object) =>
  Object.fromEntries(Array.from({ length: 12 }, (_, index) => [`t${index}`, { needs: [], ...more } as never]));

it('takes slots of a pool on all machines together, and says what a task waits for', async () => {
  const { orchestrator, running, most, release } = await open({ pools: { warehouse: 5 }, teams: {} });
  const { runId } = await orchestrator.submit({
    pipeline: pipelineOf(twelve({ pool: { warehouse: 2 } })),
    cause: MANUAL,
  });
  await until('two run and the others wait', async () => {
    const tasks = (await orchestrator.get(runId))!.tasks;
    return running.length === 2 && tasks.filter(({ status }) => status === 'waiting').length === 10;
  });
  const waiting = (await orchestrator.get(runId))!.tasks.find(({ status }) => status === 'waiting')!;
  expect(waiting.waitingFor).toBe('2 slots of the pool warehouse');
  expect(await orchestrator.pools()).toEqual([{ name: 'warehouse', slots: 5, used: 4, waiting: 20 }]);
  release();
  expect((await ended(orchestrator, runId)).status).toBe('succeeded');
  expect(most()).toBe(2);
  expect(await orchestrator.pools()).toEqual([{ name: 'warehouse', slots: 5, used: 0, waiting: 0 }]);
  await rig.close();
});

it('fails a task that asks for a pool that is not there, or for more slots than it has', async () => {
  const { orchestrator, release } = await open({ pools: { warehouse: 5 }, teams: {} });
  release();
  const { runId } = await orchestrator.submit({
    pipeline: pipelineOf({ other: { pool: 'warehose' } as never, more: { pool: { warehouse: 6 } } as never }),
    cause: MANUAL,
  });
  const run = await ended(orchestrator, runId);
  expect(taskOf(run, 'other').error).toBe('it asks for the pool warehose, which this environment does not have');
  expect(taskOf(run, 'more').error).toBe('it asks for 6 of the pool warehouse; there are 5');
  await rig.close();
});

it('runs at most so many tasks of a pipeline at once, and so many of a team', async () => {
  const { orchestrator, running, most, release } = await open({ pools: {}, teams: { ml: { tasks: 4 } } });
  const submit = async (name: string, more: object) =>
    (await orchestrator.submit({ pipeline: pipelineOf(twelve({}), { name, ...more }), cause: MANUAL })).runId;
  const runs = [
    await submit('a', { owner: 'ml', concurrency: { tasks: 3 } }),
    await submit('a', { owner: 'ml', concurrency: { tasks: 3 } }),
    await submit('b', { owner: 'ml' }),
  ];
  await until('the team has all it may', () => running.length === 4);
  expect(running.filter((task) => !task.startsWith(runs[2]!)).length).toBeLessThanOrEqual(3);
  release();
  for (const runId of runs) expect((await ended(orchestrator, runId)).status).toBe('succeeded');
  expect(most()).toBe(4);
  await rig.close();
});

it('lets at most so many runs of a pipeline be under way; the next waits for one of them', async () => {
  const { orchestrator, running, release } = await open({ pools: {}, teams: {} });
  const pipeline = pipelineOf({ t: {} }, { concurrency: { runs: 2 } });
  const ids = (
    await Promise.all(Array.from({ length: 5 }, () => orchestrator.submit({ pipeline, cause: MANUAL })))
  ).map(({ runId }) => runId);
  await until('two run', () => running.length === 2);
  expect((await Promise.all(ids.map((id) => orchestrator.get(id)))).map((run) => run!.status).sort()).toEqual([
    'queued',
    'queued',
    'queued',
    'running',
    'running',
  ]);
  release();
  for (const id of ids) expect((await ended(orchestrator, id)).status).toBe('succeeded');
  await rig.close();
});

it('gives each attempt devices of its own by number', async () => {
  rig = await openRig(database.connectionString);
  const orchestrator = rig.open({
    capacity: { cpu: 8, memoryBytes: 2 ** 30, gpu: 4 },
    variables: { ...process.env, CUDA_VISIBLE_DEVICES: '4,5,6,7' },
  });
  await orchestrator.worker.start();
  const program = (gpu: number) =>
    ({
      operator: 'command',
      command: 'echo "{\\"devices\\": \\"$CUDA_VISIBLE_DEVICES\\"}" > "$MLOPS_OUTPUTS"; sleep 0.3',
      resources: { gpu },
    }) as never;
  const { runId } = await orchestrator.submit({
    pipeline: pipelineOf({ one: program(1), two: program(2), three: program(1) }),
    cause: MANUAL,
  });
  const run = await ended(orchestrator, runId);
  const devices = run.tasks.flatMap(({ outputs }) => String(outputs?.['devices']).split(','));
  expect(devices.sort()).toEqual(['4', '5', '6', '7']);
  await rig.close();
});

it('keeps slots for a task that has waited too long for them', () => {
  const shares = (slots: number) => ({ pools: { p: slots }, pipeline: 'p', pipelineTasks: null, team: null });
  const candidate = (slots: number, waitedSeconds: number): Candidate => ({
    runId: 'r',
    task: `t${slots}`,
    priority: 0,
    cpu: 0,
    memoryBytes: 0,
    gpu: 0,
    waitedSeconds,
    shares: shares(slots),
  });
  const machine = { cpu: 8, memoryBytes: 8, gpu: 0 };
  const room = {
    free: machine,
    machine,
    machines: [machine],
    slots: 8,
    inUse: [{ shares: shares(2), tasks: 1, demand: { cpu: 0, memoryBytes: 0, gpu: 0 } }],
  };
  const limits = { pools: { p: 4 }, teams: {} };
  expect(admit([candidate(3, 10), candidate(1, 1)], room, limits).admit).toEqual([1]);
  expect(admit([candidate(3, 1000), candidate(1, 1)], room, limits).admit).toEqual([]);
});
