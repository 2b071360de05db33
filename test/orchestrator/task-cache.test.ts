import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Orchestrator, Submission } from '../../src/orchestrator/orchestrator.ts';
import { cacheKey } from '../../src/orchestrator/task-cache.ts';
import type { CanonicalPipeline, CanonicalTask, CodeBundle } from '../../src/spec/canonical-specs.ts';
import type { RunRecord } from '../../src/stores/control/runs.ts';
import { collect, ended, MANUAL, openRig, pipelineOf, type Rig, taskOf } from '../support/orchestrator.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';

let database: FreshDatabase;
let rig: Rig;
let orchestrator: Orchestrator;
beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(async () => {
  await database.drop();
});
beforeEach(async () => {
  rig = await openRig(database.connectionString);
  orchestrator = rig.open();
  await orchestrator.worker.start();
  return () => rig.close();
});

/** Says when it ran: two results of the same work are told apart. */
const WORK = `require('fs').writeFileSync(process.env.MLOPS_OUTPUTS, JSON.stringify({ at: process.hrtime.bigint().toString() }))`;
const work = (more: object = {}) => ({
  operator: 'command' as const,
  command: ['node', '-e', WORK],
  cache: { ttl: '1h' },
  // pipelineOf says the task's name there.
  source: 'same',
  ...more,
});
const pipeline = (more: object = {}, params: Record<string, string | number> = {}): CanonicalPipeline =>
  pipelineOf({ a: work(more) }, { params });
async function run(spec: CanonicalPipeline, more: Partial<Submission> = {}): Promise<RunRecord> {
  const { runId } = await orchestrator.submit({ pipeline: spec, cause: MANUAL, ...more });
  return ended(orchestrator, runId);
}
const at = (done: RunRecord, task = 'a') => taskOf(done, task).outputs?.['at'];

describe('a task with a cache', () => {
  it('takes over what the same work gave, and says which attempt that was', async () => {
    const first = await run(pipeline());
    const second = await run(pipeline());
    expect(taskOf(first, 'a').reused).toBeNull();
    expect(at(second)).toBe(at(first));
    const from = { runId: first.runId, task: 'a', attempt: 1 };
    expect(taskOf(second, 'a')).toMatchObject({ status: 'succeeded', attempt: 1, reused: from });
    const { signal } = new AbortController();
    const events = await collect(orchestrator.events(second.runId, { signal }));
    expect(events.find(({ task, status }) => task === 'a' && status === 'succeeded')?.data).toEqual({
      cached: { run_id: first.runId, task: 'a', attempt: 1 },
    });
    expect((await collect(orchestrator.logs(second.runId, 'a', { signal }))).join('')).toContain(
      `taken over from a of run ${first.runId}`,
    );
    // What was taken over is not kept again: the third is from the first too.
    expect(taskOf(await run(pipeline()), 'a').reused).toEqual(from);
  });

  it('works anew where its code, its settings, its parameters or what came before it is other', async () => {
    const bundle = async (content: string): Promise<CodeBundle> => ({
      digest: content,
      files: { 'x.txt': await rig.file(content) },
    });
    const seen = new Set<unknown>();
    const specs = [
      pipeline(),
      pipeline({ env: { A: '1' } }),
      pipeline({ env: { A: '2' } }),
      pipeline({ bundle: await bundle('1') }),
      pipeline({ bundle: await bundle('2') }),
      pipeline({}, { depth: 1 }),
      pipeline({}, { depth: 2 }),
    ];
    for (const spec of specs) seen.add(at(await run(spec)));
    expect(seen.size).toBe(specs.length);
    for (const spec of specs) seen.add(at(await run(spec)));
    expect(seen.size).toBe(specs.length);
    const after = (before: string) =>
      pipelineOf({ b: { operator: 'command', command: ['node', '-e', before] }, a: work({ needs: ['b'] }) });
    const gives = (value: number) =>
      after(`require('fs').writeFileSync(process.env.MLOPS_OUTPUTS, '{"value": ${value}}')`);
    const [one, two, again] = [await run(gives(1)), await run(gives(2)), await run(gives(1))];
    expect(at(two)).not.toBe(at(one));
    expect(at(again)).toBe(at(one));
  });

  it('takes over nothing after its time, and with another name or other limits the same', async () => {
    const first = await run(pipeline());
    await rig.db.query(
      `update mlops.task_attempts set ended_at = ended_at - interval '30 minutes' where scope_id = $1`,
      [rig.scopeId],
    );
    const other = pipelineOf({ other: work({ timeout: '1m', retry: { limit: 2 }, priority: 3, description: 'x' }) });
    expect(taskOf(await run(other), 'other').reused).toEqual({ runId: first.runId, task: 'a', attempt: 1 });
    await rig.db.query(
      `update mlops.task_attempts set ended_at = ended_at - interval '40 minutes' where scope_id = $1`,
      [rig.scopeId],
    );
    expect(taskOf(await run(pipeline()), 'a').reused).toBeNull();
  });

  it('takes over nothing that failed, and nothing whose artifacts are gone', async () => {
    const failing = pipeline({ command: ['node', '-e', 'process.exit(1)'] });
    await run(failing);
    expect(taskOf(await run(failing), 'a').status).toBe('failed');
    const digest = await rig.file('kept');
    const artifact = pipeline({
      command: ['node', '-e', `require('fs').writeFileSync(process.env.MLOPS_OUTPUTS, '{"artifact": "${digest}"}')`],
    });
    await run(artifact);
    expect(taskOf(await run(artifact), 'a').reused).not.toBeNull();
    await rm(join(rig.workdir, digest));
    expect(taskOf(await run(artifact), 'a').reused).toBeNull();
  });

  it('is not asked by a run that wants no cache, whose result the next one takes over', async () => {
    const first = await run(pipeline());
    const fresh = await run(pipeline(), { noCache: true });
    expect(at(fresh)).not.toBe(at(first));
    expect(taskOf(await run(pipeline()), 'a').reused?.runId).toBe(fresh.runId);
  });

  it('and a key of its own is told by that alone', async () => {
    const spec = (region: string, depth: number) =>
      pipeline({ cache: { ttl: '1h', key: 'params.region' } }, { region, depth });
    const first = await run(spec('eu', 1));
    expect(at(await run(spec('eu', 2)))).toBe(at(first));
    expect(at(await run(spec('us', 1)))).not.toBe(at(first));
  });

  it('and a key that cannot be evaluated fails', async () => {
    const done = await run(pipeline({ cache: { ttl: '1h', key: 'outputs.nothing.x' } }));
    expect(taskOf(done, 'a').status).toBe('failed');
  });
});

describe('what a built-in trainer depends on', () => {
  const task = { operator: 'model_training', trainer: 'random_forest', label: 'y', needs: ['d'] } as CanonicalTask;
  const key = (of: CanonicalTask, dataset: object, ingest: object = {}): string =>
    cacheKey(of, {
      lease: { runId: 'r', task: 't', attempt: 1 },
      run: {
        params: { depth: Math.random() },
        cause: MANUAL,
        spec: pipelineOf({ i: {}, d: { operator: 'training_dataset' }, t: { operator: 'model_training' } }),
      },
      inputs: { i: { ...ingest }, d: { digest: 'one', ...dataset } },
    });

  it('is its settings and its training set, not how the rows came', () => {
    expect(key(task, { rows: 5 }, { changed: true })).toBe(key(task, { rows: 5 }, { changed: false }));
    expect(key(task, { digest: 'two' })).not.toBe(key(task, {}));
    expect(key({ ...task, params: { trees: 5 } } as CanonicalTask, {})).not.toBe(key(task, {}));
    expect(key({ ...task, label: 'z' } as CanonicalTask, {})).not.toBe(key(task, {}));
  });
});
