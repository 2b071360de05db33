/** Tasks that run once for each item of a list. */
import { expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '../../src/lib/json.ts';
import type { runOperator } from '../../src/orchestrator/operators/operators.ts';
import type { Orchestrator } from '../../src/orchestrator/orchestrator.ts';
import { collect, ended, MANUAL, pipelineOf, type Rig, statuses, taskOf, until } from '../support/orchestrator.ts';
import { rigOfEachTest } from '../support/suite-rig.ts';

const rig = rigOfEachTest();

type Behaviour = (context: {
  readonly task: string;
  readonly item: JsonValue | undefined;
  readonly index: number | null;
  readonly inputs: Readonly<Record<string, JsonValue>>;
}) => JsonObject | Promise<JsonObject>;

/** Every operator does as the test says, by the task's name in the pipeline. */
async function open(
  behaviours: Readonly<Record<string, Behaviour>>,
  options: Parameters<Rig['open']>[0] = {},
): Promise<Orchestrator> {
  const operate: typeof runOperator = async (_, context) =>
    (await behaviours[context.task.replace(/\[\d+\]$/, '')]?.(context)) ?? {};
  const orchestrator = rig.open({ runOperator: operate, ...options });
  await orchestrator.worker.start();
  await orchestrator.scheduler.start();
  return orchestrator;
}

const submit = async (
  orchestrator: Orchestrator,
  tasks: Parameters<typeof pipelineOf>[0],
  more: Parameters<typeof pipelineOf>[1] = {},
): Promise<string> => (await orchestrator.submit({ pipeline: pipelineOf(tasks, more), cause: MANUAL })).runId;

const all = { limit: 1000 };

it('runs a task for each item of a list, and gives their outputs in order to those after it', async () => {
  const seen: JsonValue[] = [];
  const orchestrator = await open({
    square: ({ item, index }) => ({ at: index, square: Number(item) ** 2 }),
    sum: ({ inputs }) => {
      seen.push(inputs['square'] ?? null);
      return {};
    },
  });
  const runId = await submit(orchestrator, {
    square: { operator: 'command', command: 'x', forEach: [3, 1, 2] } as never,
    sum: { operator: 'command', command: 'x', needs: ['square'] } as never,
  });
  const run = await ended(orchestrator, runId);
  expect(statuses(run)).toEqual({ square: 'succeeded', sum: 'succeeded' });
  expect(taskOf(run, 'square').items).toEqual({ total: 3, open: 0, failed: 0 });
  const expected = [
    { at: 0, square: 9 },
    { at: 1, square: 1 },
    { at: 2, square: 4 },
  ];
  expect(seen).toEqual([expected]);
  const items = await orchestrator.items(runId, 'square', all);
  expect(items.map(({ name, status, outputs }) => [name, status, outputs])).toEqual(
    expected.map((outputs, index) => [`square[${index}]`, 'succeeded', outputs]),
  );
  const events = await collect(orchestrator.events(runId, { signal: AbortSignal.timeout(5000) }));
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  expect(events.filter(({ task }) => task === 'square[1]').map(({ status }) => status)).toEqual([
    'ready',
    'running',
    'succeeded',
  ]);
});

it('takes the list from what came before, asks the condition of each item, and of none at all succeeds with an empty list', async () => {
  const orchestrator = await open({
    list: () => ({ names: ['a', 'b', 'c'], none: [] }),
    each: ({ item }) => ({ item: item ?? null }),
  });
  const each = (forEach: string, when?: string) =>
    ({ operator: 'command', command: 'x', needs: ['list'], forEach, ...(when && { when }) }) as never;
  const runId = await submit(orchestrator, {
    list: { operator: 'command', command: 'x' } as never,
    each: each('outputs.list.names', 'item != "b" && index < 9'),
    none: each('outputs.list.none'),
    never: each('outputs.list.names', 'run.cause == "schedule"'),
    wrong: { ...(each('outputs.list') as object), trigger: 'all_done' } as never,
  });
  const run = await ended(orchestrator, runId);
  expect(statuses(run)).toEqual({
    list: 'succeeded',
    each: 'succeeded',
    none: 'succeeded',
    never: 'skipped',
    wrong: 'failed',
  });
  expect(taskOf(run, 'each').outputs).toEqual([{ item: 'a' }, null, { item: 'c' }]);
  expect(taskOf(run, 'none').outputs).toEqual([]);
  expect(taskOf(run, 'wrong').error).toMatch(/no list/);
  expect((await orchestrator.items(runId, 'each', all)).map(({ status }) => status)).toEqual([
    'succeeded',
    'skipped',
    'succeeded',
  ]);
});

it('fails with its items, and tried again runs those that failed alone', async () => {
  const ran: string[] = [];
  let broken = true;
  const orchestrator = await open({
    each: ({ task, item }) => {
      ran.push(task);
      if (broken && Number(item) % 2 === 1) throw new Error('odd');
      return { item: item ?? null };
    },
  });
  const runId = await submit(orchestrator, {
    each: { operator: 'command', command: 'x', forEach: [0, 1, 2, 3] } as never,
    after: { needs: ['each'], operator: 'command', command: 'x' } as never,
    anyway: { needs: ['each'], operator: 'command', command: 'x', trigger: 'all_done' } as never,
  });
  const failed = await ended(orchestrator, runId);
  expect(failed.status).toBe('failed');
  expect(statuses(failed)).toEqual({ each: 'failed', after: 'upstream_failed', anyway: 'succeeded' });
  expect(taskOf(failed, 'each').error).toBe('2 of 4 items did not succeed: each[1], each[3]');
  expect((await orchestrator.items(runId, 'each', { ...all, failed: true })).map(({ name }) => name)).toEqual([
    'each[1]',
    'each[3]',
  ]);
  ran.length = 0;
  broken = false;
  await orchestrator.retry(runId, 'ada');
  const run = await ended(orchestrator, runId);
  expect(ran.sort()).toEqual(['each[1]', 'each[3]']);
  expect(run.status).toBe('succeeded');
  expect(taskOf(run, 'each')).toMatchObject({ status: 'succeeded', items: { total: 4, open: 0, failed: 0 } });
  expect(taskOf(run, 'each').outputs).toEqual([0, 1, 2, 3].map((item) => ({ item })));
});

it('runs no more items at once than its concurrency allows', async () => {
  let now = 0;
  let most = 0;
  const orchestrator = await open({
    each: async () => {
      now += 1;
      most = Math.max(most, now);
      await new Promise((resolve) => setTimeout(resolve, 20));
      now -= 1;
      return {};
    },
  });
  const runId = await submit(orchestrator, {
    each: {
      operator: 'command',
      command: 'x',
      forEach: Array.from({ length: 12 }, (_, at) => at),
      concurrency: 3,
    } as never,
  });
  expect((await ended(orchestrator, runId)).status).toBe('succeeded');
  expect(most).toBe(3);
});

it('is cancelled with all its items', async () => {
  const orchestrator = await open({
    each: () => new Promise((resolve) => setTimeout(() => resolve({}), 50)),
  });
  const runId = await submit(orchestrator, {
    each: {
      operator: 'command',
      command: 'x',
      forEach: Array.from({ length: 50 }, (_, at) => at),
      concurrency: 2,
    } as never,
  });
  await until('items run', async () => ((await orchestrator.get(runId))?.tasks[0]?.items?.open ?? 0) > 0);
  await orchestrator.cancel(runId, 'ada');
  const run = await ended(orchestrator, runId);
  expect(run.status).toBe('cancelled');
  expect(statuses(run)).toEqual({ each: 'cancelled' });
  const states = new Set((await orchestrator.items(runId, 'each', all)).map(({ status }) => status));
  expect([...states].every((status) => status === 'cancelled' || status === 'succeeded')).toBe(true);
  expect(await rig.db.query('select 1 from mlops.task_attempts where ended_at is null')).toEqual([]);
});
