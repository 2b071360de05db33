import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { decide, instantsOf } from '../../src/orchestrator/backfills.ts';
import { newRun } from '../../src/orchestrator/new-run.ts';
import type { Orchestrator } from '../../src/orchestrator/orchestrator.ts';
import { runRules } from '../../src/orchestrator/rules.ts';
import type { CanonicalPipeline } from '../../src/spec/canonical-specs.ts';
import type { BackfillRecord } from '../../src/stores/control/backfills.ts';
import type { RunSummary } from '../../src/stores/control/runs.ts';
import { createPostgresBackfills } from '../../src/stores/postgres/postgres-backfills.ts';
import { ended, ingesting, openRig, pipelineOf, type Rig, until } from '../support/orchestrator.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';

const daily = (more: Partial<CanonicalPipeline> = {}): CanonicalPipeline =>
  pipelineOf({ a: {} }, { schedule: { cron: '0 2 * * *' }, ...more });
const day = (number: number): Date => new Date(Date.UTC(2026, 0, number, 2));
const from = new Date('2026-01-01T00:00:00Z');
const to = new Date('2026-01-05T00:00:00Z');
/** Days of January. */
const days = (instants: readonly Date[]): number[] => instants.map((at) => at.getUTCDate());

describe('the instants of a backfill', () => {
  it('are those of the schedule, both ends of the range included, in either order', () => {
    expect(days(instantsOf(daily(), day(1), day(4), false))).toEqual([1, 2, 3, 4]);
    expect(days(instantsOf(daily(), day(1), day(4), true))).toEqual([4, 3, 2, 1]);
  });

  it('are refused where there is no schedule, none or too many in the range, or the range ends before it begins', () => {
    const refusal = (spec: CanonicalPipeline, begin: Date, end: Date): string => {
      try {
        instantsOf(spec, begin, end, false);
        return 'none';
      } catch (error) {
        return (error as Error).message;
      }
    };
    expect(refusal(pipelineOf({ a: {} }), from, to)).toContain('PL240');
    expect(refusal(pipelineOf({ a: {} }), from, to)).toContain('has no schedule');
    expect(refusal(daily(), to, from)).toContain('after its end');
    expect(refusal(daily(), from, new Date('2026-01-01T01:00:00Z'))).toContain('has no instant');
    expect(refusal(daily({ schedule: { cron: '* * * * *' } }), from, to)).toBe('none');
    expect(refusal(daily({ schedule: { cron: '* * * * * *' } }), from, to)).toContain('more than 10000');
  });
});

describe('whether an instant is run', () => {
  it('depends on its newest run, and beside a live one it never is', () => {
    const table = (['none', 'failed', 'all'] as const).map((reprocess) =>
      ([undefined, 'queued', 'running', 'succeeded', 'failed', 'cancelled'] as const).map(
        (status) => decide(reprocess)(status && { runId: 'r', status }).run,
      ),
    );
    expect(table).toEqual([
      [true, false, false, false, false, false],
      [true, false, false, false, true, true],
      [true, false, false, true, true, true],
    ]);
  });
});

describe('a backfill', () => {
  let database: FreshDatabase;
  let rig: Rig;
  beforeAll(async () => {
    database = await freshDatabase();
  });
  afterAll(async () => {
    await database.drop();
  });
  beforeEach(async () => {
    rig = await openRig(database.connectionString);
    rig.catalog.put('pipeline', 'p', daily());
    return () => rig.close();
  });

  const request = { pipeline: 'p', from, to, who: 'ada' };
  const through = (orchestrator: Orchestrator, { backfillId }: BackfillRecord): Promise<BackfillRecord> =>
    until('the backfill ends', async () => {
      const backfill = await orchestrator.backfills.get(backfillId);
      return backfill.status !== 'running' && backfill;
    });
  const instantOf = (run: RunSummary): number => new Date(run.cause.instant!).getUTCDate();
  const runsOf = async (orchestrator: Orchestrator): Promise<readonly RunSummary[]> =>
    [...(await orchestrator.list({ pipeline: 'p', limit: 100 })).items].reverse();
  const runOf = (instant: Date) =>
    newRun({
      runId: randomUUID(),
      spec: daily(),
      params: {},
      cause: { kind: 'schedule', who: null, schedule: 'pipeline.p', instant: instant.toISOString() },
      gitCommit: null,
      idempotencyKey: null,
    });
  const fire = (instant: Date) =>
    rig.runs.fire({ name: 'pipeline.p', instant, overlap: 'queue' }, runOf(instant), runRules);

  it('runs every instant once, in order, no more at once than it may', async () => {
    let open = 0;
    let most = 0;
    const one = rig.open({
      services: ingesting({
        a: async () => {
          most = Math.max(most, ++open);
          await until('another is under way, or none comes', () => open === 2 || most === 2);
          open -= 1;
        },
      }),
    });
    const two = rig.open();
    const made = await one.backfills.start({ ...request, concurrency: 2, backwards: true });
    await Promise.all([one.scheduler.start(), two.scheduler.start(), one.worker.start()]);
    const done = await through(one, made);
    expect(done.status).toBe('succeeded');
    expect(done.counts).toEqual({ pending: 0, running: 0, succeeded: 4, failed: 0, skipped: 0, cancelled: 0 });
    const runs = await runsOf(one);
    expect(runs.map(instantOf)).toEqual([4, 3, 2, 1]);
    expect(runs[0]!.cause).toEqual({
      kind: 'backfill',
      who: 'ada',
      schedule: 'pipeline.p',
      instant: day(4).toISOString(),
      backfill: made.backfillId,
    });
    expect(most).toBe(2);
  });

  it('previews what it would do, and why, and starts nothing', async () => {
    const orchestrator = rig.open({ services: ingesting() });
    await orchestrator.worker.start();
    const done = await fire(day(1));
    await ended(orchestrator, (done as { runId: string }).runId);
    await orchestrator.worker.drain();
    await fire(day(2));
    const preview = await orchestrator.backfills.preview({ ...request, reprocess: 'failed' });
    expect(preview.instants.map(({ run }) => run)).toEqual([false, false, true, true]);
    expect(preview.instants.map(({ why }) => why?.replace(/[0-9a-f-]{36}/, 'R'))).toEqual([
      'run R succeeded',
      'run R of it is under way',
      undefined,
      undefined,
    ]);
    expect((await orchestrator.backfills.list({ limit: 10 })).items).toEqual([]);
    expect(await runsOf(orchestrator)).toHaveLength(2);
  });

  it('never runs an instant beside a live run of it, and the schedule runs none that it ran', async () => {
    const orchestrator = rig.open({ services: ingesting() });
    const live = await fire(day(2));
    const made = await orchestrator.backfills.start({ ...request, concurrency: 10, reprocess: 'all' });
    // No worker runs: what is started stays under way.
    await orchestrator.scheduler.start();
    const started = await until('all are decided', async () => {
      const backfill = await orchestrator.backfills.get(made.backfillId);
      return backfill.counts.pending === 0 && backfill;
    });
    expect(started.instants.map(({ status }) => status)).toEqual(['queued', 'skipped', 'queued', 'queued']);
    expect(started.instants[1]!.why).toBe(`run ${(live as { runId: string }).runId} of it is under way`);
    expect(await fire(day(1))).toBeUndefined();
    const again = await orchestrator.backfills.start({ ...request, reprocess: 'all' });
    expect((await through(orchestrator, again)).counts).toMatchObject({ skipped: 4 });
  });

  it('and the retry of an older run of its instant do not run side by side', async () => {
    const orchestrator = rig.open({
      services: ingesting({
        a: () => {
          throw new Error('no');
        },
      }),
    });
    await orchestrator.worker.start();
    const { runId } = (await fire(day(1))) as { runId: string };
    expect((await ended(orchestrator, runId)).status).toBe('failed');
    await orchestrator.worker.stop();
    const made = await orchestrator.backfills.start({ ...request, to: day(1), reprocess: 'failed' });
    await orchestrator.scheduler.start();
    await until('it is started', async () => (await orchestrator.backfills.get(made.backfillId)).counts.running === 1);
    await expect(orchestrator.retry(runId, 'ada')).rejects.toMatchObject({ code: 'PL204', status: 409 });
    await orchestrator.backfills.cancel(made.backfillId, 'ada');
    expect((await orchestrator.retry(runId, 'ada')).status).toBe('running');
  });

  it('runs again what failed, or all, or nothing, as it is told', async () => {
    let fails = true;
    const orchestrator = rig.open({
      services: ingesting({
        a: () => {
          if (fails) throw new Error('no');
        },
      }),
    });
    await Promise.all([orchestrator.scheduler.start(), orchestrator.worker.start()]);
    const counts = async (more: object): Promise<object> =>
      (await through(orchestrator, await orchestrator.backfills.start({ ...request, ...more }))).counts;
    const none = { pending: 0, running: 0, succeeded: 0, failed: 0, skipped: 0, cancelled: 0 };
    expect(await counts({ to: day(2) })).toEqual({ ...none, failed: 2 });
    fails = false;
    expect(await counts({})).toEqual({ ...none, skipped: 2, succeeded: 2 });
    expect(await counts({ reprocess: 'failed' })).toEqual({ ...none, skipped: 2, succeeded: 2 });
    expect(await counts({ reprocess: 'all' })).toEqual({ ...none, succeeded: 4 });
    const [newest] = (await orchestrator.backfills.list({ limit: 1 })).items;
    expect(newest).toMatchObject({ status: 'succeeded', reprocess: 'all', createdBy: 'ada' });
  });

  it('is gone on with by another scheduler where the one that began is gone', async () => {
    const first = rig.open({ services: ingesting() });
    const made = await first.backfills.start(request);
    const store = createPostgresBackfills(rig.db, rig.scopeId);
    // What a scheduler did before it died: one run is started.
    expect(await store.step(made.backfillId, decide('none'), runOf, runRules)).toHaveLength(1);
    await first.close();
    const second = rig.open({ services: ingesting() });
    await Promise.all([second.scheduler.start(), second.worker.start()]);
    expect((await through(second, made)).counts).toMatchObject({ succeeded: 4, skipped: 0 });
    expect(await runsOf(second)).toHaveLength(4);
  });

  it('that is cancelled starts no more, and cancels what runs', async () => {
    const orchestrator = rig.open({ services: ingesting() });
    const made = await orchestrator.backfills.start(request);
    await orchestrator.scheduler.start();
    await until('one is started', async () => (await orchestrator.backfills.get(made.backfillId)).counts.running === 1);
    const cancelled = await orchestrator.backfills.cancel(made.backfillId, 'eve');
    expect(cancelled).toMatchObject({ status: 'cancelled', cancelledBy: 'eve' });
    expect(cancelled.counts).toEqual({ pending: 0, running: 0, succeeded: 0, failed: 0, skipped: 0, cancelled: 4 });
    expect((await runsOf(orchestrator)).map(({ status }) => status)).toEqual(['cancelled']);
    expect(await orchestrator.backfills.cancel(made.backfillId, 'bob')).toMatchObject({ cancelledBy: 'eve' });
  });

  it('keeps the pipeline and the parameters that it was made with', async () => {
    rig.catalog.put('pipeline', 'p', daily({ params: { depth: 1 } }));
    const orchestrator = rig.open({ services: ingesting() });
    const made = await orchestrator.backfills.start({ ...request, to: day(1), params: { depth: 5 } });
    rig.catalog.put('pipeline', 'p', pipelineOf({ b: {} }));
    await Promise.all([orchestrator.scheduler.start(), orchestrator.worker.start()]);
    await through(orchestrator, made);
    const [run] = await runsOf(orchestrator);
    expect(run!.params).toEqual({ depth: 5 });
    expect((await orchestrator.get(run!.runId))!.tasks.map(({ name }) => name)).toEqual(['a']);
  });

  it('is refused for what is unknown or yet to come, and made once under an idempotency key', async () => {
    const { backfills } = rig.open();
    await expect(backfills.start({ ...request, pipeline: 'q' })).rejects.toMatchObject({ code: 'PL201' });
    await expect(backfills.start({ ...request, params: { x: 1 } })).rejects.toMatchObject({ code: 'PL205' });
    const ahead = { ...request, to: new Date(Date.now() + 3 * 86_400_000) };
    await expect(backfills.start(ahead)).rejects.toMatchObject({ code: 'PL240' });
    await expect(backfills.get(randomUUID())).rejects.toMatchObject({ code: 'PL241', status: 404 });
    const keyed = { ...request, idempotencyKey: 'k' };
    expect((await backfills.start(keyed)).backfillId).toBe((await backfills.start(keyed)).backfillId);
  });
});
