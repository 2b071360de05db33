/** The look that stands for all others while nothing is open: it must see whatever any of them would find. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RunStore } from '../../src/stores/control/runs.ts';
import { createPostgresRuns } from '../../src/stores/postgres/postgres-runs.ts';
import { ensureScope } from '../../src/stores/postgres/scopes.ts';
import { ended, ingesting, MANUAL, openRig, pipelineOf, type Rig, until } from '../support/orchestrator.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';

let database: FreshDatabase;
let rig: Rig;
beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  rig = await openRig(database.connectionString);
  return () => rig.close();
});

const NOTHING = { runs: false, events: false, backfills: false };

describe('the look at open work', () => {
  it('sees a run from when it is made until its end, and no other scope does', async () => {
    const elsewhere = createPostgresRuns(rig.db, await ensureScope(rig.db, { project: 'other', environment: 'dev' }), {
      connectionString: database.connectionString,
    });
    const orchestrator = rig.open({ services: ingesting() });
    expect(await rig.runs.openWork()).toEqual(NOTHING);
    const { runId } = await orchestrator.submit({ pipeline: pipelineOf({ a: {} }), cause: MANUAL });
    expect(await rig.runs.openWork()).toEqual({ ...NOTHING, runs: true });
    expect(await elsewhere.openWork()).toEqual(NOTHING);
    await orchestrator.worker.start();
    await ended(orchestrator, runId);
    expect(await rig.runs.openWork()).toEqual(NOTHING);
  });

  it('sees a task that waits for something outside, and an attempt without its end, whatever its run says', async () => {
    const orchestrator = rig.open();
    const task = { operator: 'wait_for', file: 'never', every: '1s' } as never;
    const { runId } = await orchestrator.submit({ pipeline: pipelineOf({ a: task }), cause: MANUAL });
    await orchestrator.worker.start();
    await until('it waits', async () => (await rig.runs.get(runId))?.tasks[0]?.status === 'waiting');
    await rig.db.query(`update mlops.runs set status = 'failed', finished_at = clock_timestamp() where run_id = $1`, [
      runId,
    ]);
    expect(await rig.runs.openWork()).toEqual({ ...NOTHING, runs: true });
    await rig.db.query('delete from mlops.deferred_tasks where run_id = $1', [runId]);
    expect(await rig.runs.openWork()).toEqual(NOTHING);
    await rig.db.query(
      `insert into mlops.task_attempts (run_id, ordinal, attempt, scope_id, worker_id, node, lease_until, cpu, memory_bytes, gpu)
       values ($1, 0, 9, $2, gen_random_uuid(), 'n', clock_timestamp(), 1, 1, 0)`,
      [runId, rig.scopeId],
    );
    expect(await rig.runs.openWork()).toEqual({ ...NOTHING, runs: true });
  });

  it('sees an event until it is handled, and a backfill until it ends', async () => {
    await rig.db.query(
      `insert into mlops.trigger_events (scope_id, pipeline, kind, spec, trigger_key, subject, detail)
       values ($1, 'gone', 'pipeline', '{"pipeline": "p"}', 'k', 'pipeline.p', '{}')`,
      [rig.scopeId],
    );
    expect(await rig.runs.openWork()).toEqual({ ...NOTHING, events: true });
    const orchestrator = rig.open({ services: ingesting() });
    await orchestrator.scheduler.start();
    await until('the event is handled', async () => !(await rig.runs.openWork()).events);
    rig.catalog.put('pipeline', 'p', pipelineOf({ a: {} }, { schedule: { cron: '0 2 * * *' } }));
    const range = { from: new Date('2026-01-01T00:00:00Z'), to: new Date('2026-01-02T00:00:00Z') };
    await orchestrator.backfills.start({ pipeline: 'p', ...range, who: 'ada' });
    expect(await rig.runs.openWork()).toMatchObject({ backfills: true });
    await orchestrator.worker.start();
    await until('the backfill ends', async () => !(await rig.runs.openWork()).backfills);
  });
});

it('a worker and a scheduler that have nothing to do ask nothing else, and begin with what comes', async () => {
  const asked: string[] = [];
  const counted = new Proxy(rig.runs, {
    get: (runs, name: keyof RunStore) => {
      const found = runs[name];
      return (...args: never[]) => {
        asked.push(name);
        return (found as (...all: never[]) => unknown)(...args);
      };
    },
  });
  const orchestrator = rig.open({ runs: counted, services: ingesting() });
  await orchestrator.scheduler.start();
  await orchestrator.worker.start();
  const looks = () => asked.filter((name) => name === 'openWork').length;
  await until('both have looked twice', () => looks() >= 4);
  for (const name of ['claim', 'expiredLeases', 'endOverdue', 'releaseHeld']) expect(asked).not.toContain(name);
  const { runId } = await orchestrator.submit({ pipeline: pipelineOf({ a: {} }), cause: MANUAL });
  expect((await ended(orchestrator, runId)).status).toBe('succeeded');
});
