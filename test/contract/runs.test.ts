/** What every RunStore promises. Postgres is the one there is. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { admit } from '../../src/orchestrator/admission.ts';
import { newRun } from '../../src/orchestrator/new-run.ts';
import { runRules } from '../../src/orchestrator/rules.ts';
import type { AttemptEnd, Lease, LeaseKeeper, RunStore, WorkerIdentity } from '../../src/stores/control/runs.ts';
import { MANUAL, openRig, pipelineOf, type Rig, statuses, until } from '../support/orchestrator.ts';
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

/** A store of a scope of its own, so that a claim sees its test's tasks alone. */
async function fresh(options: { readonly leaseSeconds?: number } = {}): Promise<RunStore> {
  rig = await openRig(database.connectionString, options);
  runs = rig.runs;
  return runs;
}

function worker(more: Partial<WorkerIdentity> = {}): WorkerIdentity {
  return {
    workerId: randomUUID(),
    node: 'node',
    pid: 1,
    pidStartedAt: '1',
    capacity: { cpu: 4, memoryBytes: 1000, gpu: 1 },
    ...more,
  };
}

type Tasks = Parameters<typeof pipelineOf>[0];
const aRun = (tasks: Tasks, idempotencyKey: string | null = null) =>
  newRun({ runId: randomUUID(), spec: pipelineOf(tasks), params: {}, cause: MANUAL, gitCommit: 'abc', idempotencyKey });
const create = async (tasks: Tasks): Promise<string> => (await runs.create(aRun(tasks), runRules)).run.runId;
const claim = async (by: WorkerIdentity, slots = 10): Promise<readonly Lease[]> =>
  (await runs.claim(by, slots, admit, runRules)).leases;
const names = (leases: readonly Lease[]): string[] => leases.map((lease) => lease.task).sort();

function end(lease: Lease, more: Partial<AttemptEnd> = {}): AttemptEnd {
  return {
    runId: lease.runId,
    task: lease.task,
    attempt: lease.attempt,
    status: 'succeeded',
    exitCode: null,
    error: null,
    outputs: {},
    data: {},
    usage: null,
    retryInMs: null,
    counts: 'nothing',
    ...more,
  };
}

describe('a claim', () => {
  it('gives a task to one of many that claim at once', async () => {
    await fresh();
    await create(Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`t${index}`, {}])));
    const workers = Array.from({ length: 8 }, (_, index) => worker({ node: `n${index % 4}` }));
    const all: Lease[] = [];
    await until('all are claimed', async () => {
      for (const leases of await Promise.all(workers.map((by) => claim(by, 7)))) all.push(...leases);
      return all.length >= 40;
    });
    expect(new Set(all.map((lease) => lease.task)).size).toBe(40);
    expect(all).toHaveLength(40);
    await rig.close();
  });

  it('packs what live leases leave free, and what does not fit waits', async () => {
    await fresh();
    const runId = await create({
      big: { resources: { cpu: 3, memory: '600' } },
      small: { resources: { cpu: 1 } },
      wide: { resources: { memory: '500' } },
      gpu: { resources: { gpu: 1, cpu: 1 } },
    });
    const by = worker();
    const first = await claim(by);
    expect(names(first)).toEqual(['big', 'gpu']);
    const run = (await runs.get(runId))!;
    expect(statuses(run)).toEqual({ big: 'running', small: 'waiting', wide: 'waiting', gpu: 'running' });
    expect(await claim(worker())).toEqual([]);
    await runs.end([end(first.find((lease) => lease.task === 'big')!)], runRules);
    expect(names(await claim(worker()))).toEqual(['small', 'wide']);
    await rig.close();
  });

  it('fails what no machine can ever hold', async () => {
    await fresh();
    const runId = await create({ huge: { resources: { cpu: 400 } } });
    expect(await claim(worker())).toEqual([]);
    const run = (await runs.get(runId))!;
    expect(run.status).toBe('failed');
    expect(run.tasks[0]!.error).toBe('it asks for 400 cores; the largest machine offers 4');
    await rig.close();
  });

  it('prefers priority, and touches no other scope', async () => {
    await fresh();
    await create({ low: { priority: -5 }, high: { priority: 5 }, middle: {} });
    const other = await openRig(database.connectionString);
    expect((await other.runs.claim(worker(), 10, admit, runRules)).leases).toEqual([]);
    expect(names(await claim(worker(), 1))).toEqual(['high']);
    expect(names(await claim(worker(), 1))).toEqual(['middle']);
    await other.close();
    await rig.close();
  });
});

describe('an attempt', () => {
  it('that lost its lease changes nothing, whatever it says', async () => {
    await fresh({ leaseSeconds: 0.2 });
    const runId = await create({ a: {}, b: { needs: ['a'] } });
    const [late] = await claim(worker());
    const expired = await until('the lease is over', async () => (await runs.expiredLeases())[0]);
    expect(expired).toMatchObject({ runId, task: 'a', attempt: 1, node: 'node', pid: null });
    const givenUp = end(late!, { status: 'crashed', error: 'gone', retryInMs: 0, counts: 'recovery' });
    expect(await runs.giveUp(givenUp, runRules)).toBe(true);
    expect(await runs.giveUp(givenUp, runRules)).toBe(false);
    const before = await runs.get(runId);
    expect(await runs.end([end(late!)], runRules)).toEqual([false]);
    expect(await runs.recordProcess(late!, { pid: 2, pidStartedAt: '2' })).toBe(false);
    expect(await runs.get(runId)).toEqual(before);
    const [next] = await until('it can be claimed again', async () => {
      const leases = await claim(worker());
      return leases.length > 0 && leases;
    });
    expect(next).toMatchObject({ task: 'a', attempt: 2, recoveries: 1, failures: 0 });
    expect(await runs.end([end(late!)], runRules)).toEqual([false]);
    expect(await runs.end([end(next!)], runRules)).toEqual([true]);
    expect(statuses((await runs.get(runId))!)).toEqual({ a: 'succeeded', b: 'ready' });
    await rig.close();
  });

  it('is not given up while its lease lives', async () => {
    await fresh();
    await create({ a: {} });
    const [lease] = await claim(worker());
    expect(await runs.expiredLeases()).toEqual([]);
    expect(await runs.giveUp(end(lease!, { status: 'crashed' }), runRules)).toBe(false);
    await rig.close();
  });

  it('of a worker known to be gone is over at once', async () => {
    await fresh();
    await create({ a: {} });
    const by = worker({ node: 'here', pid: 4242 });
    const keeper = await runs.keepLeases(by);
    const [lease] = await claim(by);
    expect(await runs.recordProcess(lease!, { pid: 77, pidStartedAt: 'then' })).toBe(true);
    expect(await runs.workersOn('here')).toEqual([by]);
    await runs.forgetWorker(by.workerId);
    expect(await runs.expiredLeases()).toMatchObject([{ task: 'a', pid: 77, pidStartedAt: 'then' }]);
    await keeper.stop();
    await rig.close();
  });

  it('has its lease renewed as long as it is tracked, and its loss reported', async () => {
    await fresh({ leaseSeconds: 1 });
    const runId = await create({ a: {}, b: {} });
    const by = worker();
    const keeper: LeaseKeeper = await runs.keepLeases(by);
    const lost: string[] = [];
    keeper.onLost((lease) => lost.push(lease.task));
    const leases = await claim(by);
    const a = leases.find((lease) => lease.task === 'a')!;
    keeper.track(a, null);
    const expired = await until('the lease that nobody tracks is over', async () => (await runs.expiredLeases())[0]);
    expect(expired.task).toBe('b');
    expect((await runs.expiredLeases()).map((lease) => lease.task)).toEqual(['b']);
    await rig.db.query(
      `update mlops.task_attempts set status = 'crashed', ended_at = now() where run_id = $1 and attempt = 1`,
      [runId],
    );
    await until('the loss is reported', () => lost.length > 0);
    expect(lost).toEqual(['a']);
    await keeper.stop();
    expect(await runs.workersOn('node')).toEqual([]);
    await rig.close();
  });
});

describe('a run', () => {
  it('is created once for a key', async () => {
    await fresh();
    const first = aRun({ a: {} }, 'key');
    const made = await Promise.all(
      [first, aRun({ a: {} }, 'key'), aRun({ b: {} }, 'key')].map((run) => runs.create(run, runRules)),
    );
    expect(made.filter((one) => one.created)).toHaveLength(1);
    expect(new Set(made.map((one) => one.run.runId)).size).toBe(1);
    await rig.close();
  });

  it('keeps its events in the order of their commits, without gaps', async () => {
    await fresh();
    const runId = await create({ a: {}, b: {}, c: { needs: ['a', 'b'] } });
    const [a, b] = await claim(worker());
    await Promise.all([
      runs.end([end(a!)], runRules),
      runs.end([end(b!, { status: 'failed', error: 'no' })], runRules),
    ]);
    const events = await runs.events(runId, 0, 100);
    expect(events.map((event) => event.seq)).toEqual(events.map((_, index) => index + 1));
    expect(events.at(-1)).toMatchObject({ task: null, status: 'failed' });
    expect(await runs.events(runId, events.length - 1, 100)).toEqual(events.slice(-1));
    expect(await runs.events(runId, 0, 2)).toEqual(events.slice(0, 2));
    await rig.close();
  });

  it('is tried again though somebody was told of its failure, and ends again', async () => {
    await fresh();
    const runId = await create({ train: {}, tell: { needs: ['train'], trigger: 'one_failed' } });
    for (const status of ['failed', 'succeeded', 'failed'] as const) {
      for (const lease of await claim(worker())) await runs.end([end(lease, { status })], runRules);
      if (status !== 'failed') await runs.retry(runId, 'ada', runRules);
    }
    const run = (await runs.get(runId))!;
    expect(run.status).toBe('failed');
    expect(statuses(run)).toEqual({ train: 'failed', tell: 'succeeded' });
    await rig.close();
  });

  it('has nothing left to do, and ends, where its tasks had succeeded although it was cancelled', async () => {
    await fresh();
    const runId = await create({ quick: {} });
    const [lease] = await claim(worker());
    await runs.cancel(runId, 'ada', runRules);
    await runs.end([end(lease!)], runRules);
    expect((await runs.get(runId))!.status).toBe('cancelled');
    await runs.retry(runId, 'ada', runRules);
    expect((await runs.get(runId))!.status).toBe('succeeded');
    await rig.close();
  });

  it('is cancelled in every state', async () => {
    await fresh();
    const runId = await create({ running: {}, after: { needs: ['running'] } });
    await runs.cancel(await create({ a: {} }), 'ada', runRules);
    const by = worker();
    const [lease] = await claim(by);
    expect(lease!.runId).toBe(runId);
    expect(await runs.cancelledLeases(by.workerId)).toEqual([]);
    expect(statuses((await runs.cancel(runId, 'ada', runRules))!)).toEqual({ running: 'running', after: 'cancelled' });
    expect(await runs.cancelledLeases(by.workerId)).toEqual([{ runId, task: 'running', attempt: 1 }]);
    // Crashed, and to be tried again: not in a run that is being cancelled.
    await runs.end([end(lease!, { status: 'crashed', retryInMs: 0 })], runRules);
    const run = (await runs.get(runId))!;
    expect(run.status).toBe('cancelled');
    expect(statuses(run)).toEqual({ running: 'cancelled', after: 'cancelled' });
    expect(await claim(by)).toEqual([]);
    expect(await runs.cancel(randomUUID(), 'ada', runRules)).toBeUndefined();
    expect(await runs.cancel('no uuid', 'ada', runRules)).toBeUndefined();
    const audit = await rig.db.query(
      `select who, action, subject from mlops.audit_log where scope_id = $1 and subject = $2`,
      [rig.scopeId, `run.${runId}`],
    );
    expect(audit).toEqual([{ who: 'ada', action: 'run.cancel', subject: `run.${runId}` }]);
    await rig.close();
  });
});

describe('a log', () => {
  it('is read on from where one was, and ends with the attempt', async () => {
    await fresh();
    const runId = await create({ a: {} });
    expect(await runs.readLog(runId, 'a', 1, 0, 10)).toBeUndefined();
    const [lease] = await claim(worker());
    const chunks = [1, 2, 3].map((seq) => ({ seq, stream: 'out' as const, text: `line ${seq} \u0000 \ud800\n` }));
    await runs.appendLog(lease!, chunks);
    await runs.appendLog(lease!, chunks.slice(1));
    expect((await runs.readLog(runId, 'a', 1, 0, 2))!.chunks).toHaveLength(2);
    expect(await runs.readLog(runId, 'a', 1, 2, 10)).toEqual({
      chunks: [{ seq: 3, stream: 'out', text: 'line 3 \ufffd \ufffd\n', at: expect.any(Date) }],
      ended: false,
    });
    await runs.end([end(lease!)], runRules);
    expect((await runs.readLog(runId, 'a', 1, 3, 10))!.ended).toBe(true);
    await rig.close();
  });
});

describe('how far a task is', () => {
  it('is the last word of the attempt that runs', async () => {
    await fresh();
    const runId = await create({ a: {} });
    const [lease] = await claim(worker());
    const told = (done: number) => ({ what: `${done} of 9`, done, total: 9, etaSeconds: null });
    const shown = async () => (await runs.get(runId))?.tasks[0]?.progress;
    expect(await shown()).toBeNull();
    await runs.recordProgress(lease!, told(1));
    await runs.recordProgress(lease!, told(2));
    expect(await shown()).toEqual(told(2));
    // A late writer, of an attempt that is not this one, changes nothing.
    await runs.recordProgress({ ...lease!, attempt: 7 }, told(8));
    expect(await shown()).toEqual(told(2));
    await runs.end([end(lease!)], runRules);
    expect(await shown()).toBeNull();
    await runs.recordProgress(lease!, told(9));
    expect(await shown()).toBeNull();
    await rig.close();
  });
});

describe('a schedule', () => {
  const at = (minute: number): Date => new Date(Date.UTC(2026, 0, 1, 0, minute));

  it('fires an instant once, also for two schedulers at once', async () => {
    await fresh();
    await runs.schedule('s', 'd');
    const fire = () => runs.fire({ name: 's', instant: at(0), overlap: 'queue' }, aRun({ a: {} }), runRules);
    const outcomes = await Promise.all([fire(), fire(), fire()]);
    expect(outcomes.filter((outcome) => outcome !== undefined)).toHaveLength(1);
    expect(await fire()).toBeUndefined();
    await rig.close();
  });

  it('lets a run wait for the one before, skips it, or cancels that one', async () => {
    await fresh();
    await runs.schedule('s', 'd');
    const fire = async (minute: number, overlap: 'queue' | 'skip' | 'cancel') => {
      const outcome = await runs.fire({ name: 's', instant: at(minute), overlap }, aRun({ a: {} }), runRules);
      return typeof outcome === 'object' ? outcome.runId : outcome;
    };
    const first = (await fire(0, 'queue'))!;
    const second = (await fire(1, 'queue'))!;
    expect(await fire(2, 'skip')).toBe('skipped');
    const [lease, ...others] = await claim(worker());
    expect([lease!.runId, others]).toEqual([first, []]);
    await runs.releaseHeld();
    expect(await claim(worker())).toEqual([]);
    await runs.end([end(lease!)], runRules);
    await runs.releaseHeld();
    const [next] = await claim(worker());
    expect(next!.runId).toBe(second);
    const third = (await fire(3, 'cancel'))!;
    expect((await runs.get(second))!.cancelledBy).toBe('schedule s');
    expect((await runs.get(third))!.status).toBe('queued');
    await rig.close();
  });

  it('begins anew with another pattern, and is forgotten when nobody looks after it', async () => {
    await fresh();
    const first = await runs.schedule('s', 'one');
    expect((await runs.schedule('s', 'one')).cursor).toEqual(first.cursor);
    expect((await runs.schedule('s', 'two')).cursor.getTime()).toBeGreaterThan(first.cursor.getTime());
    await runs.advanceSchedule('s', at(0));
    expect((await runs.schedule('s', 'two')).cursor.getTime()).toBeGreaterThan(first.cursor.getTime());
    const kept = () => rig.db.query('select 1 from mlops.schedules where scope_id = $1', [rig.scopeId]);
    // Another scheduler looks after it.
    await runs.touchSchedules([]);
    expect(await kept()).toHaveLength(1);
    await rig.db.query("update mlops.schedules set checked_at = checked_at - interval '61 seconds'");
    await runs.touchSchedules([]);
    expect(await kept()).toEqual([]);
    await rig.close();
  });
});
