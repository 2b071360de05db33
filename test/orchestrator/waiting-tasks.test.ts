// biome-ignore-all lint/suspicious/noTemplateCurlyInString: templates are what tasks hold
/** Tasks that wait for something outside: a file, an answer, rows, a run, their own child run. */
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Orchestrator } from '../../src/orchestrator/orchestrator.ts';
import type { CanonicalPipeline } from '../../src/spec/canonical-specs.ts';
import { collect, ended, ingesting, MANUAL, pipelineOf, statuses, taskOf, until } from '../support/orchestrator.ts';
import { rigOfSuite } from '../support/suite-rig.ts';

const rig = rigOfSuite();
let orchestrator: Orchestrator;
let root: string;
let rows = 0;
let failing = true;
let started = 0;

beforeAll(async () => {
  root = join(rig.workdir, 'project');
  await mkdir(root);
  orchestrator = open();
  await orchestrator.scheduler.start();
  await orchestrator.worker.start();
});

function open(): Orchestrator {
  return rig.open({
    root,
    // One slot: what waits must not hold it.
    maxTasks: 1,
    services: {
      ...ingesting({
        sometimes: () => {
          started += 1;
          if (failing) throw new Error('not today');
        },
        endless: ({ signal }) =>
          new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
      }),
      query: async () => ({ of: '', digest: '', location: '', rows, bytes: 0, columns: [], sources: {} }),
    },
  });
}

type Tasks = Parameters<typeof pipelineOf>[0];
const submit = async (tasks: object, more: Partial<CanonicalPipeline> = {}): Promise<string> =>
  (await orchestrator.submit({ pipeline: pipelineOf(tasks as Tasks, more), cause: MANUAL })).runId;

async function waits(runId: string, task = 'a'): Promise<void> {
  await until(`${task} waits`, async () => {
    const [row] = await rig.db.query<{ what: string }>(
      'select what from mlops.deferred_tasks d join mlops.tasks t using (run_id, ordinal) where run_id = $1 and t.name = $2 and not resumed',
      [runId, task],
    );
    return row?.what;
  });
}

const attemptsOf = async (runId: string): Promise<number> =>
  Number(
    (await rig.db.query<{ n: string }>('select count(*) as n from mlops.task_attempts where run_id = $1', [runId]))[0]
      ?.n,
  );

describe('wait_for', () => {
  it('holds no slot and no attempt while it waits, and goes on once the file is there', async () => {
    const runId = await submit(
      { a: { operator: 'wait_for', file: 'in/${{ params.day }}.csv', every: '1s' }, b: { needs: ['a'] } },
      { params: { day: '2026-01-01' } },
    );
    await waits(runId);
    expect(await attemptsOf(runId)).toBe(0);
    expect((await ended(orchestrator, await submit({ other: {} }))).status).toBe('succeeded');
    expect((await rig.runs.get(runId))?.tasks[0]?.status).toBe('waiting');
    await mkdir(join(root, 'in'));
    await writeFile(join(root, 'in/2026-01-01.csv'), 'abc');
    const run = await ended(orchestrator, runId);
    expect(statuses(run)).toEqual({ a: 'succeeded', b: 'succeeded' });
    expect(taskOf(run, 'a').outputs).toMatchObject({ file: 'in/2026-01-01.csv', bytes: 3 });
  });

  it('waits for an answer that is as expected, whatever else is answered before', async () => {
    let ready = false;
    const server = createServer((_, response) => {
      response.writeHead(ready ? 200 : 503, { 'content-type': 'application/json' }).end(JSON.stringify({ ready }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const runId = await submit({
      a: { operator: 'wait_for', http: { url, expect: { that: 'body.ready' } }, every: '1s' },
    });
    await waits(runId);
    ready = true;
    expect(taskOf(await ended(orchestrator, runId), 'a').outputs).toMatchObject({ status: 200, body: { ready: true } });
    await new Promise((resolve) => server.close(resolve));
  });

  it('waits for rows, for the time, and for a run of another pipeline', async () => {
    const found = await submit({ a: { operator: 'wait_for', query: 'select 1', every: '1s' } });
    await waits(found);
    rows = 2;
    expect(taskOf(await ended(orchestrator, found), 'a').outputs).toEqual({ rows: 2 });
    expect(
      (await ended(orchestrator, await submit({ a: { operator: 'wait_for', that: 'now > "2020-01-01"' } }))).status,
    ).toBe('succeeded');
    const other = await submit({ a: { operator: 'wait_for', pipeline: 'upstream', every: '1s' } });
    await waits(other);
    await submit({ x: {} }, { name: 'upstream' });
    expect((await ended(orchestrator, other)).status).toBe('succeeded');
  });

  it('waits for each item by itself', async () => {
    const runId = await submit({
      a: { operator: 'wait_for', file: 'items/${{ item }}.txt', every: '1s', forEach: ['x', 'y'] },
      b: { operator: 'command', command: 'echo ${{ outputs.a[1].file }}', needs: ['a'] },
    });
    await waits(runId, 'a[0]');
    await waits(runId, 'a[1]');
    await mkdir(join(root, 'items'));
    for (const item of ['x', 'y']) await writeFile(join(root, `items/${item}.txt`), item);
    const run = await ended(orchestrator, runId);
    expect(statuses(run)).toMatchObject({ a: 'succeeded', b: 'succeeded' });
    const signal = AbortSignal.timeout(10_000);
    expect((await collect(orchestrator.logs(runId, 'b', { signal }))).join('')).toBe('items/y.txt\n');
  });

  it('times out for good after its timeout, is cancelled at once, and leaves nothing', async () => {
    const late = await submit({ a: { operator: 'wait_for', that: 'false', timeout: '1s', retry: { limit: 0 } } });
    expect(taskOf(await ended(orchestrator, late), 'a').status).toBe('timed_out');
    const cancelled = await submit({ a: { operator: 'wait_for', that: 'false', every: '1s' } });
    await waits(cancelled);
    await orchestrator.cancel(cancelled, 'ada');
    expect((await ended(orchestrator, cancelled)).status).toBe('cancelled');
    await until('they are forgotten', async () => {
      const left = await rig.db.query(
        "select 1 from mlops.deferred_tasks where run_id = any($1::uuid[]) and check_at < clock_timestamp() + interval '20 s'",
        [[late, cancelled]],
      );
      return left.length === 0;
    });
  });

  it('goes on waiting when every daemon is gone, and ends with the next', async () => {
    const runId = await submit({ a: { operator: 'wait_for', file: 'later.txt', every: '1s' } });
    await waits(runId);
    await orchestrator.close();
    await writeFile(join(root, 'later.txt'), '');
    orchestrator = open();
    await orchestrator.scheduler.start();
    await orchestrator.worker.start();
    expect((await ended(orchestrator, runId)).status).toBe('succeeded');
  });
});

describe('run_pipeline', () => {
  const child = (tasks: object, name = 'child'): void => {
    rig.catalog.put('pipeline', name, pipelineOf(tasks as Tasks, { name, params: { day: 'none' } }));
  };
  const childrenOf = async (name: string) => (await orchestrator.list({ pipeline: name, limit: 10 })).items;

  it('gives parameters, waits without a slot, and has the outputs of the run', async () => {
    child({ one: {}, two: { operator: 'command', command: 'cat "$MLOPS_PARAMS" > "$MLOPS_OUTPUTS"', needs: ['one'] } });
    const runId = await submit(
      { a: { operator: 'run_pipeline', pipeline: 'child', params: { day: '${{ params.day }}' } } },
      { params: { day: 'monday' } },
    );
    const run = await ended(orchestrator, runId);
    const [made, ...others] = await childrenOf('child');
    expect(others).toEqual([]);
    expect(made?.cause).toMatchObject({ kind: 'pipeline_task', parent: { runId, task: 'a', depth: 1 } });
    expect(taskOf(run, 'a').outputs).toMatchObject({ runId: made?.runId, outputs: { two: { day: 'monday' } } });
    expect(await attemptsOf(runId)).toBe(1);
    const signal = AbortSignal.timeout(10_000);
    expect((await collect(orchestrator.logs(runId, 'a', { signal }))).join('')).toContain(
      `run ${made?.runId} of child succeeded`,
    );
  });

  it('fails with the run, and a further attempt takes the same run up where it failed', async () => {
    child({ fine: {}, sometimes: { needs: ['fine'] } }, 'flaky');
    const runId = await submit({ a: { operator: 'run_pipeline', pipeline: 'flaky' } });
    const run = await ended(orchestrator, runId);
    const [made] = await childrenOf('flaky');
    expect(taskOf(run, 'a')).toMatchObject({
      status: 'failed',
      error: `run ${made?.runId} of flaky failed: task sometimes: not today`,
    });
    failing = false;
    await orchestrator.retry(runId, 'ada');
    expect((await ended(orchestrator, runId)).status).toBe('succeeded');
    expect(await childrenOf('flaky')).toHaveLength(1);
    expect(started).toBe(2);
    failing = true;
  });

  it('is cancelled down to the last, and the run of one that timed out ends too', async () => {
    child({ endless: {} }, 'deep');
    child({ inner: { operator: 'run_pipeline', pipeline: 'deep' } }, 'middle');
    const runId = await submit({ a: { operator: 'run_pipeline', pipeline: 'middle' } });
    const deep = await until('the innermost runs', async () =>
      (await childrenOf('deep')).find(({ status }) => status === 'running'),
    );
    await orchestrator.cancel(runId, 'ada');
    expect((await ended(orchestrator, deep.runId)).status).toBe('cancelled');
    const timed = await submit({ a: { operator: 'run_pipeline', pipeline: 'deep', deadline: '1s' } });
    expect((await ended(orchestrator, timed)).status).toBe('failed');
    for (const { runId: id } of await childrenOf('deep'))
      expect((await ended(orchestrator, id)).status).toBe('cancelled');
  });

  it('of pipelines that start each other ends ten deep', async () => {
    rig.catalog.put(
      'pipeline',
      'round',
      pipelineOf({ again: { operator: 'run_pipeline', pipeline: 'round' } } as Tasks, { name: 'round' }),
    );
    const runId = await submit({ a: { operator: 'run_pipeline', pipeline: 'round' } });
    expect(taskOf(await ended(orchestrator, runId, { limitMs: 60_000 }), 'a').error).toContain('PL225');
    expect(await childrenOf('round')).toHaveLength(10);
  });
});
