import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { admit } from '../../src/orchestrator/admission.ts';
import { newRun } from '../../src/orchestrator/new-run.ts';
import { runRules } from '../../src/orchestrator/rules.ts';
import type { Lease, WorkerIdentity } from '../../src/stores/control/runs.ts';
import { MANUAL, openRig, pipelineOf, type Rig, until } from '../support/orchestrator.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';

let database: FreshDatabase;
let rig: Rig;
beforeAll(async () => {
  database = await freshDatabase();
});
beforeEach(async () => {
  rig = await openRig(database.connectionString, { leaseSeconds: 0.3 });
});
afterEach(() => rig.close());
afterAll(() => database.drop());

const worker = (): WorkerIdentity => ({
  workerId: randomUUID(),
  node: 'node',
  pid: 1,
  pidStartedAt: 'x',
  capacity: { cpu: 4, memoryBytes: 1000, gpu: 0 },
});
const JOB = { kind: 'kubernetes', namespace: 'ml', name: 'p-a-1', made: false } as const;

async function claimed(by: WorkerIdentity): Promise<Lease> {
  const spec = pipelineOf({ a: {} });
  const run = newRun({ runId: randomUUID(), spec, params: {}, cause: MANUAL, gitCommit: null, idempotencyKey: null });
  await rig.runs.create(run, runRules);
  const { leases } = await rig.runs.claim(by, 1, admit, runRules);
  return leases[0]!;
}

it('an attempt whose program runs outside goes to another worker under its own number, once, when its lease is over', async () => {
  const first = worker();
  const lease = await claimed(first);
  expect(await rig.runs.recordExternal(lease, first.workerId, JOB)).toBe(true);
  expect(await rig.runs.recordExternal(lease, first.workerId, { ...JOB, made: true })).toBe(true);
  await rig.runs.appendExternalLog(lease, first.workerId, [{ seq: 1, stream: 'out', text: 'one\n' }], { time: 't1' });
  expect(await rig.runs.adopt(worker(), 10)).toEqual([]);
  const [second, third] = [worker(), worker()];
  const adopted = await until('the lease is over', async () => {
    const all = await Promise.all([rig.runs.adopt(second, 10), rig.runs.adopt(third, 10)]);
    const found = all.flat();
    return found.length > 0 && found;
  });
  expect(adopted).toHaveLength(1);
  expect(adopted[0]).toMatchObject({
    runId: lease.runId,
    task: 'a',
    attempt: 1,
    job: { ...JOB, made: true },
    logChunks: 1,
    logCharacters: 4,
    logPosition: { time: 't1' },
  });
});

it('what a worker writes that lost its lease to another is not taken', async () => {
  const first = worker();
  const lease = await claimed(first);
  await rig.runs.recordExternal(lease, first.workerId, JOB);
  await rig.runs.handOver(lease, first.workerId);
  const second = worker();
  expect(await rig.runs.adopt(second, 10)).toHaveLength(1);
  expect(await rig.runs.recordExternal(lease, first.workerId, { ...JOB, made: true })).toBe(false);
  await rig.runs.appendExternalLog(lease, first.workerId, [{ seq: 1, stream: 'out', text: 'late\n' }], { time: 't9' });
  await rig.runs.appendExternalLog(lease, second.workerId, [{ seq: 1, stream: 'out', text: 'true\n' }], { time: 't2' });
  const log = await rig.runs.readLog(lease.runId, 'a', 1, 0, 10);
  expect(log?.chunks.map(({ text }) => text)).toEqual(['true\n']);
});

it('an attempt whose program runs outside is not given up at once: somebody may come for it', async () => {
  const first = worker();
  const lease = await claimed(first);
  const other = await claimed(first);
  await rig.runs.recordExternal(lease, first.workerId, JOB);
  const expired = await until('the other lease is over', async () => {
    const found = await rig.runs.expiredLeases();
    return found.length > 0 && found;
  });
  expect(expired.map(({ runId }) => runId)).toEqual([other.runId]);
});

it('attempts are under way until they end', async () => {
  const first = worker();
  const lease = await claimed(first);
  const { runId, task, attempt } = lease;
  const unknown = { runId: randomUUID(), task: 'a', attempt: 1 };
  expect(await rig.runs.underWay([lease, unknown])).toEqual([{ runId, task, attempt }]);
  await rig.runs.cancel(runId, 'ada', runRules);
  expect(await rig.runs.underWay([lease])).toHaveLength(1);
  const end = {
    exitCode: null,
    error: null,
    outputs: null,
    data: {},
    usage: null,
    retryInMs: null,
    counts: 'nothing',
  } as const;
  await rig.runs.end([{ runId, task, attempt, status: 'cancelled', ...end }], runRules);
  expect(await rig.runs.underWay([lease])).toEqual([]);
});

it('two control stores are told apart', async () => {
  const other = await openRig(database.connectionString);
  expect(await other.runs.externalOwner()).not.toBe(await rig.runs.externalOwner());
  expect(await rig.runs.externalOwner()).toBe(await rig.runs.externalOwner());
  await other.close();
});
