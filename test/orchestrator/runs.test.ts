import { beforeAll, describe, expect, it } from 'vitest';
import type { Orchestrator } from '../../src/orchestrator/orchestrator.ts';
import { collect, ended, ingesting, MANUAL, pipelineOf, statuses, taskOf, until } from '../support/orchestrator.ts';
import { rigOfSuite } from '../support/suite-rig.ts';

const rig = rigOfSuite();
let orchestrator: Orchestrator;
const fail = (): never => {
  throw new Error('no such file');
};

beforeAll(async () => {
  orchestrator = rig.open({
    services: ingesting({
      bad: fail,
      hang: ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    }),
  });
  await orchestrator.scheduler.start();
  await orchestrator.worker.start();
});

async function run(
  tasks: Parameters<typeof pipelineOf>[0],
  params?: Record<string, string | number | boolean>,
  defaults?: Record<string, string | number | boolean>,
) {
  const spec = pipelineOf(tasks, defaults === undefined ? {} : { params: defaults });
  const { runId } = await orchestrator.submit({ pipeline: spec, cause: MANUAL, params });
  return ended(orchestrator, runId);
}

describe('a run', () => {
  it('runs its tasks in the order of their needs and keeps their outputs', async () => {
    const done = await run({ a: {}, b: { needs: ['a'] }, c: { needs: ['a'] }, d: { needs: ['b', 'c'] } });
    expect(done.status).toBe('succeeded');
    expect(statuses(done)).toEqual({ a: 'succeeded', b: 'succeeded', c: 'succeeded', d: 'succeeded' });
    expect(taskOf(done, 'd').outputs).toMatchObject({ source: 'd', rows: 1 });
    expect(taskOf(done, 'a').finishedAt!.getTime()).toBeLessThanOrEqual(taskOf(done, 'd').startedAt!.getTime());
    const events = await collect(orchestrator.events(done.runId, { signal: AbortSignal.timeout(5000) }));
    expect(events.map((event) => event.seq)).toEqual(events.map((_, index) => index + 1));
    expect(events.filter((event) => event.task === 'a').map((event) => event.status)).toEqual([
      'ready',
      'running',
      'succeeded',
    ]);
    expect(events.filter((event) => event.task === null).map((event) => event.status)).toEqual([
      'running',
      'succeeded',
    ]);
    expect(events.at(-1)).toMatchObject({ task: null, status: 'succeeded' });
  });

  it('fails when a task failed that nothing tolerated, wherever it stands', async () => {
    const done = await run({
      bad: {},
      after: { needs: ['bad'] },
      clean: { needs: ['bad', 'after'], trigger: 'all_done' },
      other: {},
    });
    expect(done.status).toBe('failed');
    expect(statuses(done)).toEqual({ bad: 'failed', after: 'upstream_failed', clean: 'succeeded', other: 'succeeded' });
    expect(taskOf(done, 'bad').error).toBe('no such file');
  });

  it('succeeds when an alternative made good for a failure', async () => {
    const done = await run({
      bad: {},
      fallback: { needs: ['bad'], trigger: 'one_failed' },
      join: { needs: ['bad', 'fallback'], trigger: 'one_success' },
    });
    expect(statuses(done)).toEqual({ bad: 'failed', fallback: 'succeeded', join: 'succeeded' });
    expect(done.status).toBe('succeeded');
  });

  it('decides `when` over params, outputs and run, and skips what follows', async () => {
    const done = await run(
      {
        a: {},
        yes: { needs: ['a'], when: 'params.deep && outputs.a.rows == 1 && run.pipeline == "p"' },
        no: { needs: ['a'], when: 'params.deep == false' },
        afterNo: { needs: ['no'] },
        despite: { needs: ['no', 'yes'], trigger: 'none_failed' },
        broken: { needs: ['a'], when: 'outputs.nothing.rows > 1.0' },
      },
      { deep: true },
      { deep: false },
    );
    expect(statuses(done)).toEqual({
      a: 'succeeded',
      yes: 'succeeded',
      no: 'skipped',
      afterNo: 'skipped',
      despite: 'succeeded',
      broken: 'failed',
    });
    expect(taskOf(done, 'broken').error).toContain('SP114');
    expect(done.status).toBe('failed');
  });

  it('ends where every task is skipped', async () => {
    const done = await run({ a: { when: 'false' }, b: { needs: ['a'] } });
    expect(done.status).toBe('succeeded');
    expect(done.startedAt).not.toBeNull();
  });

  it('takes parameters over defaults, typed, and refuses unknown ones', async () => {
    const spec = pipelineOf({ a: {} }, { params: { rows: 10, name: 'x', on: false } });
    const made = await orchestrator.submit({ pipeline: spec, cause: MANUAL, params: { rows: '12', on: 'true' } });
    expect(made.params).toEqual({ rows: 12, name: 'x', on: true });
    const submit = (params: Record<string, string>) => orchestrator.submit({ pipeline: spec, cause: MANUAL, params });
    await expect(submit({ rows: 'many' })).rejects.toMatchObject({ code: 'PL205' });
    await expect(submit({ nam: 'y' })).rejects.toMatchObject({ code: 'PL205', hint: 'did you mean "name"?' });
    await expect(submit({ constructor: 'y' })).rejects.toMatchObject({ code: 'PL205' });
    await ended(orchestrator, made.runId);
  });

  it('is made once for an idempotency key, also when asked for at the same time', async () => {
    const spec = pipelineOf({ a: {} });
    const made = await Promise.all(
      Array.from({ length: 5 }, () => orchestrator.submit({ pipeline: spec, cause: MANUAL, idempotencyKey: 'once' })),
    );
    expect(new Set(made.map((one) => one.runId)).size).toBe(1);
  });

  it('is of an applied pipeline, as it was when it was submitted', async () => {
    rig.catalog.put('pipeline', 'nightly', pipelineOf({ a: {} }, { name: 'nightly' }));
    const made = await orchestrator.submit({ pipeline: 'nightly', cause: MANUAL });
    rig.catalog.put('pipeline', 'nightly', pipelineOf({ b: {} }, { name: 'nightly' }));
    expect(Object.keys((await ended(orchestrator, made.runId)).spec.tasks)).toEqual(['a']);
    await expect(orchestrator.submit({ pipeline: 'nightli', cause: MANUAL })).rejects.toMatchObject({
      code: 'PL201',
      hint: 'did you mean "nightly"?',
    });
  });

  it('is listed newest first, page by page', async () => {
    const spec = pipelineOf({ a: {} }, { name: 'listed' });
    const ids: string[] = [];
    for (let n = 0; n < 5; n += 1) ids.unshift((await orchestrator.submit({ pipeline: spec, cause: MANUAL })).runId);
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await orchestrator.list({ pipeline: 'listed', limit: 2, cursor });
      seen.push(...page.items.map((item) => item.runId));
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    expect(seen).toEqual(ids);
    await expect(orchestrator.list({ limit: 2, cursor: 'nonsense' })).rejects.toMatchObject({ code: 'API400' });
  });
});

describe('retries', () => {
  it('wait min(cap, initial·factor^(n−1)) before the nth', async () => {
    const done = await run({
      bad: { retry: { limit: 3, backoff: { initial: '40ms', factor: 3, cap: '200ms', jitter: false } } },
    });
    expect(taskOf(done, 'bad')).toMatchObject({ status: 'failed', attempt: 4 });
    const events = await collect(orchestrator.events(done.runId, { signal: AbortSignal.timeout(5000) }));
    const retrying = events.filter((event) => event.status === 'retrying');
    expect(retrying.map((event) => event.data['retryInMs'])).toEqual([40, 120, 200]);
    const running = events.filter((event) => event.task === 'bad' && event.status === 'running');
    retrying.forEach((event, index) => {
      const gap = running[index + 1]!.at.getTime() - event.at.getTime();
      expect(gap).toBeGreaterThanOrEqual([40, 120, 200][index]! - 2);
    });
  });

  it('stop at the limit, and do not happen for what `on` does not name', async () => {
    const done = await run({ bad: { retry: { limit: 3, on: ['timed_out'] } } });
    expect(taskOf(done, 'bad').attempt).toBe(1);
  });

  it('repeat of a run only what failed and what that held up', async () => {
    let broken = true;
    const counts: Record<string, number> = {};
    const count = (name: string) => () => {
      counts[name] = (counts[name] ?? 0) + 1;
      if (name === 'b' && broken) fail();
    };
    const other = rig.open({
      services: ingesting({ a: count('a'), b: count('b'), c: count('c'), d: count('d') }),
      node: 'other',
    });
    await orchestrator.worker.drain();
    await other.worker.start();
    const spec = pipelineOf({ a: {}, b: { needs: ['a'] }, c: { needs: ['b'] }, d: { needs: ['a'] } });
    const { runId } = await other.submit({ pipeline: spec, cause: MANUAL });
    expect((await ended(other, runId)).status).toBe('failed');
    broken = false;
    const again = await other.retry(runId, 'ada');
    expect(again.status).toBe('running');
    const done = await ended(other, runId);
    expect(done.status).toBe('succeeded');
    expect(counts).toEqual({ a: 1, b: 2, c: 1, d: 1 });
    expect(taskOf(done, 'b').attempt).toBe(2);
    await expect(other.retry(runId, 'ada')).rejects.toMatchObject({ code: 'PL204' });
    await expect(other.retry('7c2f3c39-6d0f-4b0c-8a0c-000000000000', 'ada')).rejects.toMatchObject({ code: 'PL202' });
    await other.close();
    const successor = rig.open({ services: ingesting({ bad: fail, hang: hanging }) });
    await successor.worker.start();
    orchestrator = successor;
  });
});

const hanging = ({ signal }: { signal: AbortSignal }): Promise<void> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

describe('limits of time', () => {
  it('end an attempt at its timeout', async () => {
    const done = await run({ hang: { timeout: '100ms', retry: { limit: 1, backoff: { initial: '1ms' } } } });
    expect(taskOf(done, 'hang')).toMatchObject({ status: 'timed_out', attempt: 2, error: 'not done within 0.1 s' });
  });

  it('end a task at its deadline over all attempts', async () => {
    const done = await run({
      bad: { deadline: '300ms', retry: { limit: 50, backoff: { initial: '50ms', factor: 1, jitter: false } } },
    });
    const task = taskOf(done, 'bad');
    expect(task.attempt).toBeGreaterThan(1);
    expect(task.attempt).toBeLessThan(9);
  });
});

describe('cancelling', () => {
  it('ends what runs and what waits', async () => {
    const spec = pipelineOf({
      hang: {},
      after: { needs: ['hang'] },
      bad: { retry: { limit: 5, backoff: { initial: '1h', jitter: false } } },
    });
    const { runId } = await orchestrator.submit({ pipeline: spec, cause: MANUAL });
    await until('it hangs and waits', async () => {
      const states = statuses((await orchestrator.get(runId))!);
      return states['hang'] === 'running' && states['bad'] === 'retrying';
    });
    await orchestrator.cancel(runId, 'ada');
    const done = await ended(orchestrator, runId);
    expect(done).toMatchObject({ status: 'cancelled', cancelledBy: 'ada' });
    expect(statuses(done)).toEqual({ hang: 'cancelled', after: 'cancelled', bad: 'cancelled' });
    const live = await rig.db.query('select 1 from mlops.task_attempts where run_id = $1 and ended_at is null', [
      runId,
    ]);
    expect(live).toEqual([]);
    expect((await orchestrator.cancel(runId, 'bob')).cancelledBy).toBe('ada');
  });
});
