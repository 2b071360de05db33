/** What the ends of many tasks of one run bring with them in one step is what ends and claims bring one by one. */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { admit } from '../../src/orchestrator/admission.ts';
import { newRun } from '../../src/orchestrator/new-run.ts';
import { runRules } from '../../src/orchestrator/rules.ts';
import type { AttemptEnd, Lease, RunEvent, RunStore, WorkerIdentity } from '../../src/stores/control/runs.ts';
import { createPostgresRunFeed } from '../../src/stores/postgres/postgres-run-feed.ts';
import { MANUAL, openRig, pipelineOf, type Rig, statuses, until } from '../support/orchestrator.ts';
import { randomOf } from '../support/point-in-time.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';

let database: FreshDatabase;
let rig: Rig;
let runs: RunStore;

beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(async () => {
  await database.drop();
});
beforeEach(async () => {
  rig = await openRig(database.connectionString);
  runs = rig.runs;
});
afterEach(async () => {
  await rig.close();
});

const worker = (): WorkerIdentity => ({
  workerId: randomUUID(),
  node: 'node',
  pid: 1,
  pidStartedAt: '1',
  capacity: { cpu: 4, memoryBytes: 1000, gpu: 0 },
});

type Tasks = Parameters<typeof pipelineOf>[0];
async function create(tasks: Tasks): Promise<string> {
  const spec = pipelineOf(tasks);
  const request = { runId: randomUUID(), spec, params: {}, cause: MANUAL, gitCommit: null, idempotencyKey: null };
  return (await runs.create(newRun(request), runRules)).run.runId;
}
const claim = async (by: WorkerIdentity, slots = 100): Promise<readonly Lease[]> =>
  (await runs.claim(by, slots, admit, runRules)).leases;
const names = (leases: readonly Lease[]): string[] => leases.map((lease) => lease.task).sort();
const end = ({ runId, task, attempt, ordinal }: Lease, more: Partial<AttemptEnd> = {}): AttemptEnd => ({
  ...{ runId, task, attempt, ordinal, status: 'succeeded', exitCode: null, error: null, outputs: {}, data: {} },
  usage: { cpuSeconds: null, peakMemoryBytes: null, wallSeconds: 0.25 },
  ...{ retryInMs: null, counts: 'nothing', ...more },
});
const goOn = (leases: readonly Lease[], by: WorkerIdentity, slots = 100) =>
  runs.goOn(
    leases.map((lease) => end(lease)),
    { worker: by, slots },
  );

it('gives what became ready to the worker that made it so, as a claim would', async () => {
  const by = worker();
  const runId = await create({ a: {}, b: {}, c: { needs: ['a'] }, d: { needs: ['a', 'b'] }, e: { needs: ['d'] } });
  const roots = await claim(by);
  const gone = (await goOn(roots, by))!;
  expect(gone.held).toEqual([true, true]);
  expect(gone.more).toBe(false);
  const [c, d] = gone.leases;
  const { pipeline } = roots[0]!;
  expect(c).toEqual({
    ...{ runId, pipeline, task: 'c', attempt: 1, failures: 0, recoveries: 0, deadlineInMs: null, gpus: [] },
    ...{ item: undefined, ordinal: 2, waitedSeconds: 0 },
  });
  expect(names(gone.leases)).toEqual(['c', 'd']);
  const run = (await runs.get(runId))!;
  expect(statuses(run)).toEqual({ a: 'succeeded', b: 'succeeded', c: 'running', d: 'running', e: 'pending' });
  expect(run.tasks[0]!.usage).toEqual({ cpuSeconds: null, peakMemoryBytes: null, wallSeconds: 0.25 });
  // The lease holds as any other: nobody else gets the task, its end counts once.
  expect(await claim(worker())).toEqual([]);
  expect(await runs.end([end(c!), end(d!)], runRules)).toEqual([true, true]);
  expect(await runs.end([end(c!)], runRules)).toEqual([false]);
});

it('keeps outputs, and tells the same events as ends and claims one by one', async () => {
  const by = worker();
  const tasks: Tasks = Object.fromEntries(
    Array.from({ length: 60 }, (_, at) => [`t${at}`, { needs: at < 20 ? [] : [`t${at - 20}`] }]),
  );
  const told = async (runId: string): Promise<string[]> =>
    (await allEvents(runId)).map(({ task, status, attempt, error, data }) =>
      JSON.stringify({ task, status, attempt, error, data }),
    );
  const stepped = await create(tasks);
  let leases = await claim(by);
  for (let layer = 0; layer < 2; layer += 1) {
    const ends = leases.map((lease) => end(lease, { outputs: { of: lease.task, quote: '"{,}' } }));
    leases = (await runs.goOn(ends, { worker: by, slots: 100 }))!.leases;
  }
  expect(
    await runs.goOn(
      leases.map((lease) => end(lease)),
      { worker: by, slots: 100 },
    ),
  ).toBeUndefined();
  await runs.end(
    leases.map((lease) => end(lease)),
    runRules,
  );
  expect(await runs.outputs(stepped, ['t0', 't21'])).toEqual({
    t0: { of: 't0', quote: '"{,}' },
    t21: { of: 't21', quote: '"{,}' },
  });
  const single = await create(tasks);
  for (let layer = 0; layer < 3; layer += 1)
    await runs.end(
      (await claim(by)).map((lease) => end(lease)),
      runRules,
    );
  expect((await runs.get(stepped))!.status).toBe('succeeded');
  expect((await told(stepped)).sort()).toEqual((await told(single)).sort());
  const order = (await told(stepped)).indexOf.bind(await told(stepped));
  const event = (task: string | null, status: string, attempt: number | null): number =>
    order(JSON.stringify({ task, status, attempt, error: null, data: {} }));
  expect(event('t0', 'succeeded', 1)).toBeLessThan(event('t20', 'ready', null));
  expect(event('t20', 'ready', null)).toBeLessThan(event('t20', 'running', 1));
});

it('reads events from any number on, a page at a time, without a gap', async () => {
  const by = worker();
  const runId = await create(
    Object.fromEntries(Array.from({ length: 90 }, (_, at) => [`t${at}`, { needs: at < 30 ? [] : [`t${at - 30}`] }])),
  );
  const gone = (await goOn(await claim(by), by))!;
  await runs.end([end(gone.leases[0]!, { status: 'failed', error: 'no' })], runRules);
  const all = await allEvents(runId);
  expect(all.map(({ seq }) => seq)).toEqual(all.map((_, at) => at + 1));
  for (const after of [0, 1, 17, 30, 31, 89, all.length - 1, all.length])
    for (const limit of [1, 7, 40, 1000])
      expect(await runs.events(runId, after, limit)).toEqual(all.slice(after, after + limit));
});

it('tells them in the feed of all runs, left and taken up at any of them', async () => {
  const feed = createPostgresRunFeed(rig.db, rig.scopeId);
  let position = await feed.now();
  const by = worker();
  const runId = await create(
    Object.fromEntries(Array.from({ length: 60 }, (_, at) => [`t${at}`, { needs: at < 30 ? [] : [`t${at - 30}`] }])),
  );
  await goOn(await claim(by), by);
  const told: unknown[] = [];
  for (;;) {
    const part = await feed.after(position, {}, 7);
    const taken = part.events.slice(0, 5);
    told.push(...taken.map(({ runId: of, seq, task, status, attempt }) => ({ of, seq, task, status, attempt })));
    position = taken.at(-1)?.position ?? part.position;
    if (part.events.length === 0 && !part.more) break;
  }
  const all = await allEvents(runId);
  expect(all.length).toBe(30 + 30 + 30 + 30 + 30 + 1);
  expect(told).toEqual(all.map(({ seq, task, status, attempt }) => ({ of: runId, seq, task, status, attempt })));
});

async function allEvents(runId: string): Promise<readonly RunEvent[]> {
  return runs.events(runId, 0, 100_000);
}

it('changes nothing for an attempt that is over, or that never was', async () => {
  const by = worker();
  const runId = await create({ a: {}, b: {}, c: { needs: ['a'] }, d: { needs: ['b'] } });
  const [a, b] = await claim(by);
  expect(await goOn([{ ...a!, attempt: 2 }], by)).toMatchObject({ held: [false], leases: [] });
  const gone = (await goOn([a!], by))!;
  expect(names(gone.leases)).toEqual(['c']);
  const before = await runs.get(runId);
  expect(await goOn([a!], by)).toMatchObject({ held: [false], leases: [] });
  expect(await runs.get(runId)).toEqual(before);
  expect(await goOn([a!, b!], by)).toMatchObject({ held: [false, true], leases: [{ task: 'd' }] });
});

it('takes no more than there are slots, the higher priority first, and says that something is left', async () => {
  const by = worker();
  const runId = await create({
    a: {},
    low: { needs: ['a'], priority: -1 },
    high: { needs: ['a'], priority: 2 },
    middle: { needs: ['a'] },
  });
  const gone = (await goOn(await claim(by), by, 2))!;
  expect(names(gone.leases)).toEqual(['high', 'middle']);
  expect(gone.more).toBe(true);
  expect(statuses((await runs.get(runId))!)['low']).toBe('ready');
  // What was left waits no longer than those that come after it.
  const next = (await goOn([gone.leases[0]!], by, 1))!;
  expect(names(next.leases)).toEqual(['low']);
});

it('takes nothing while somebody else waits for a turn, and nothing without a slot', async () => {
  const by = worker();
  const first = await create({ a: {}, b: { needs: ['a'] }, c: { needs: ['b'] } });
  const [a] = await claim(by);
  const other = await create({ x: {} });
  expect(await goOn([a!], by)).toMatchObject({ held: [true], leases: [], more: true });
  const both = await claim(by);
  expect(both.map(({ runId, task }) => [runId, task]).sort()).toEqual(
    [
      [first, 'b'],
      [other, 'x'],
    ].sort(),
  );
  const b = both.find(({ task }) => task === 'b')!;
  expect(await goOn([b], by, 0)).toMatchObject({ held: [true], leases: [], more: true });
  expect(names(await claim(worker()))).toEqual(['c']);
});

it('leaves what asks for room, for a share or by a deadline to a claim, a deadline counting from then', async () => {
  const by = worker();
  const runId = await create({
    a: {},
    free: { needs: ['a'] },
    cpu: { needs: ['a'], resources: { cpu: 1 } },
    pooled: { needs: ['a'], pool: 'p' } as never,
    timed: { needs: ['a'], deadline: '1h' } as never,
    last: { needs: ['free', 'cpu', 'pooled', 'timed'] },
  });
  const gone = (await goOn(await claim(by), by))!;
  expect(names(gone.leases)).toEqual(['free', 'timed']);
  expect(gone.more).toBe(true);
  expect(gone.leases.find(({ task }) => task === 'timed')!.deadlineInMs).toBeGreaterThan(3_590_000);
  expect(statuses((await runs.get(runId))!)).toMatchObject({ cpu: 'ready', pooled: 'ready', free: 'running' });
});

it('declines where more has to be decided: conditions, failures, a run that ends or is being cancelled', async () => {
  const by = worker();
  const conditional = await create({ a: {}, b: { needs: ['a'], when: 'true' }, c: {} });
  expect(await goOn((await claim(by)).slice(0, 1), by)).toBeUndefined();
  await runs.cancel(conditional, 'ada', runRules);

  const failing = await create({ a: {}, b: {}, c: { needs: ['a', 'b'], trigger: 'all_done' }, d: { needs: ['b'] } });
  const [a, b] = (await claim(by)).filter(({ runId }) => runId === failing);
  await runs.end([end(a!, { status: 'failed', error: 'no' })], runRules);
  expect(await goOn([b!], by)).toBeUndefined();
  await runs.end([end(b!)], runRules);
  expect(statuses((await runs.get(failing))!)).toMatchObject({ c: 'ready', d: 'ready' });
  await runs.cancel(failing, 'ada', runRules);

  const ending = await create({ a: {} });
  const [only] = (await claim(by)).filter(({ runId }) => runId === ending);
  expect(await goOn([only!], by)).toBeUndefined();

  const cancelled = await create({ a: {}, b: { needs: ['a'] } });
  const [last] = (await claim(by)).filter(({ runId }) => runId === cancelled);
  await runs.cancel(cancelled, 'ada', runRules);
  const before = await runs.get(cancelled);
  expect(await goOn([last!], by)).toBeUndefined();
  expect(await runs.get(cancelled)).toEqual(before);
});

it.each([1, 2, 3, 4])(
  'runs a random graph to its end, steps, ends and claims of two workers mixed (seed %i)',
  async (seed) => {
    const pick = randomOf(seed);
    const random = (): number => pick(1000) / 1000;
    const size = 60 + pick(60);
    const tasks: Record<string, Tasks[string]> = {};
    for (let at = 0; at < size; at += 1) {
      const needs = Array.from({ length: pick(4) }, () => pick(at)).filter((need) => need < at);
      tasks[`t${at}`] = { needs: [...new Set(needs)].map((need) => `t${need}`), priority: pick(3) };
    }
    const runId = await create(tasks);
    const workers = [worker(), { ...worker(), node: 'other' }];
    const ended = new Set<string>();
    let held: Lease[] = [];
    await until('the run is over', async () => {
      const by = workers[pick(2)]!;
      if (random() < 0.5) held.push(...(await claim(by, 1 + pick(12))));
      const some = held.filter(() => random() < 0.6);
      for (const { task } of some) {
        expect(ended).not.toContain(task);
        for (const need of tasks[task]!.needs ?? []) expect(ended).toContain(need);
      }
      const gone = some.length > 0 && random() < 0.8 ? await goOn(some, by, pick(15)) : undefined;
      if (gone === undefined)
        await runs.end(
          some.map((lease) => end(lease)),
          runRules,
        );
      for (const { task } of some) ended.add(task);
      held = [...held.filter((lease) => !some.includes(lease)), ...(gone?.leases ?? [])];
      return (await runs.summary(runId))!.finishedAt !== null;
    });
    const run = (await runs.get(runId))!;
    expect(run.status).toBe('succeeded');
    expect(run.tasks.every(({ status, attempt }) => status === 'succeeded' && attempt === 1)).toBe(true);
    const events = await allEvents(runId);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, at) => at + 1));
    for (const { name } of run.tasks)
      expect(
        events.filter(({ task, status }) => task === name && status !== 'waiting').map(({ status }) => status),
      ).toEqual(['ready', 'running', 'succeeded']);
  },
);
