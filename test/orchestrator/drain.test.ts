import { afterAll, beforeAll, expect, it } from 'vitest';
import { ended, MANUAL, openRig, pipelineOf, type Rig } from '../support/orchestrator.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';

const TASKS = 1000;
let database: FreshDatabase;
let rig: Rig;

beforeAll(async () => {
  database = await freshDatabase();
  rig = await openRig(database.connectionString);
});
afterAll(async () => {
  await rig.close();
  await database.drop();
});

it('drains a graph of 1,000 tasks over two workers, each task once and after those it needs', async () => {
  const order: string[] = [];
  const services = {
    ingest: async (source: string) => {
      order.push(source);
      return { source, digest: source, rows: 1, bytes: 1, changed: true };
    },
  };
  // More tasks are ready than one of them takes.
  const one = rig.open({ services, node: 'one', maxTasks: 16 });
  const two = rig.open({ services, node: 'two', maxTasks: 16 });
  // Each needs up to three of those before it, spread by a fixed rule.
  const needs = (index: number): string[] =>
    index < 60
      ? []
      : [...new Set([Math.floor(index / 2), Math.floor(index / 3), index - 60])].map((before) => `t${before}`);
  const tasks = Object.fromEntries(Array.from({ length: TASKS }, (_, index) => [`t${index}`, { needs: needs(index) }]));
  await one.scheduler.start();
  await Promise.all([one.worker.start(), two.worker.start()]);
  const began = performance.now();
  const { runId } = await one.submit({ pipeline: pipelineOf(tasks), cause: MANUAL });
  const created = performance.now();
  const run = await ended(one, runId, { limitMs: 55_000, everyMs: 250 });
  const seconds = (performance.now() - created) / 1000;
  console.log(
    `created in ${Math.round(created - began)} ms, drained in ${seconds.toFixed(1)} s: ${Math.round(TASKS / seconds)} tasks a second`,
  );
  expect(run.status).toBe('succeeded');
  expect(order).toHaveLength(TASKS);
  expect(new Set(order).size).toBe(TASKS);
  const position = new Map(order.map((name, index) => [name, index]));
  for (let index = 0; index < TASKS; index += 1) {
    for (const before of needs(index)) expect(position.get(before)!).toBeLessThan(position.get(`t${index}`)!);
  }
  expect(await rig.db.query('select 1 from mlops.task_attempts where ended_at is null')).toEqual([]);
  expect(
    await rig.db.query('select count(*)::int as n, count(distinct worker_id)::int as workers from mlops.task_attempts'),
  ).toEqual([{ n: TASKS, workers: 2 }]);
});
