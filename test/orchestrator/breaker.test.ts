import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newRun } from '../../src/orchestrator/new-run.ts';
import type { Orchestrator } from '../../src/orchestrator/orchestrator.ts';
import { runRules } from '../../src/orchestrator/rules.ts';
import type { RunCause } from '../../src/stores/control/runs.ts';
import { createPostgresBreakers } from '../../src/stores/postgres/postgres-breakers.ts';
import { createPostgresTriggers } from '../../src/stores/postgres/postgres-triggers.ts';
import { ended, ingesting, MANUAL, openRig, pipelineOf, type Rig } from '../support/orchestrator.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';

const spec = pipelineOf({ a: {} }, { breaker: { failures: 3, pause: '2h' } });
let database: FreshDatabase;
let rig: Rig;
let orchestrator: Orchestrator;
let fails: boolean;
beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(async () => {
  await database.drop();
});
beforeEach(async () => {
  rig = await openRig(database.connectionString);
  rig.catalog.put('pipeline', 'p', spec);
  fails = true;
  orchestrator = rig.open({
    services: ingesting({
      a: () => {
        if (fails) throw new Error('no');
      },
    }),
  });
  return () => rig.close();
});

const runOf = (cause: RunCause) =>
  newRun({ runId: randomUUID(), spec, params: {}, cause, gitCommit: null, idempotencyKey: null });
let minute = 0;
/** An instant of the schedule that nothing fired before. */
const fire = async () => {
  const instant = new Date(Date.UTC(2026, 0, 1, 0, minute++));
  const cause: RunCause = { kind: 'schedule', who: null, schedule: 'pipeline.p', instant: instant.toISOString() };
  const outcome = await rig.runs.fire({ name: 'pipeline.p', instant, overlap: 'queue' }, runOf(cause), runRules);
  return typeof outcome === 'object' ? outcome.runId : outcome;
};
/** By hand, to its end. */
const byHand = async (succeeds = false): Promise<string> => {
  fails = !succeeds;
  const { runId } = await orchestrator.submit({ pipeline: 'p', cause: MANUAL });
  await ended(orchestrator, runId);
  return runId;
};
const standing = async () => (await createPostgresBreakers(rig.db, rig.scopeId).standings([spec]))[0]!;
/** The database's clock cannot be moved; when it opened can. */
const pass = (interval: string) =>
  rig.db.query('update mlops.breakers set opened_at = opened_at - $2::interval where scope_id = $1', [
    rig.scopeId,
    interval,
  ]);
const told = async () =>
  (await createPostgresBreakers(rig.db, rig.scopeId).events('p', 20)).map(({ kind }) => kind).reverse();

describe('a circuit breaker', () => {
  beforeEach(() => orchestrator.worker.start());

  it('opens after as many runs in a row as it says, and a success in between begins anew', async () => {
    await byHand();
    await byHand();
    expect(await standing()).toMatchObject({ state: 'closed', failures: 2, allowed: 3 });
    await byHand(true);
    expect(await standing()).toMatchObject({ state: 'closed', failures: 0 });
    await byHand();
    await byHand();
    expect(await fire()).toMatch(/-/);
    await byHand();
    const { openedAt, until, ...open } = await standing();
    expect(open).toMatchObject({ state: 'open', allowed: 3, skipped: 0 });
    expect(until!.getTime() - openedAt!.getTime()).toBe(2 * 3_600_000);
  });

  it('that is open keeps schedules and triggers from starting runs, tells each, and lets people', async () => {
    for (let failed = 0; failed < 3; failed += 1) await byHand();
    expect(await fire()).toBe('open');
    const [instant] = await rig.db.query<{ why: string }>(
      'select why from mlops.schedule_instants where scope_id = $1 and run_id is null',
      [rig.scopeId],
    );
    expect(instant!.why).toMatch(/^the breaker is open until 20/);
    const delivered = await createPostgresTriggers(rig.db, rig.scopeId).deliver(
      {
        pipeline: 'p',
        spec: { webhook: 'push' },
        kind: 'webhook',
        subject: 'push',
        detail: {},
        idempotencyKey: null,
      },
      runOf({ kind: 'webhook', who: null, schedule: null, instant: null }),
      runRules,
    );
    expect(delivered).toMatchObject({ outcome: 'skipped', runId: null });
    expect(delivered.why).toMatch(/^the breaker is open until 20/);
    await pass('1 hour 59 minutes');
    expect(await fire()).toBe('open');
    expect(await standing()).toMatchObject({ state: 'open', skipped: 3, skippedTotal: 3 });
    expect(await told()).toEqual(['breaker_opened', 'run_skipped', 'run_skipped', 'run_skipped']);
    // By hand it runs, and what fails meanwhile does not make the pause longer.
    const before = await standing();
    await byHand();
    expect(await standing()).toEqual({ ...before, failures: 4 });
  });

  it('lets one run try after the pause; that fails, and it opens again', async () => {
    for (let failed = 0; failed < 3; failed += 1) await byHand();
    await orchestrator.worker.stop();
    await pass('2 hours');
    expect(await standing()).toMatchObject({ state: 'half_open', probeRun: null });
    const probe = await fire();
    expect(probe).toMatch(/-/);
    expect(await standing()).toMatchObject({ state: 'half_open', probeRun: probe });
    expect(await fire()).toBe('open');
    const next = rig.open({ services: ingesting({ a: () => Promise.reject(new Error('no')) }) });
    await next.worker.start();
    expect((await ended(next, probe!)).status).toBe('failed');
    expect(await standing()).toMatchObject({ state: 'open', failures: 4, probeRun: null });
    expect(await fire()).toBe('open');
    expect(await told()).toEqual(['breaker_opened', 'breaker_probe', 'run_skipped', 'breaker_opened', 'run_skipped']);
  });

  it('closes when the run that tries succeeds', async () => {
    for (let failed = 0; failed < 3; failed += 1) await byHand();
    await pass('2 hours');
    fails = false;
    const probe = await fire();
    expect((await ended(orchestrator, probe!)).status).toBe('succeeded');
    expect(await standing()).toMatchObject({ state: 'closed', failures: 0, openedAt: null, skipped: 0 });
    expect(await fire()).toMatch(/-/);
    expect(await told()).toEqual(['breaker_opened', 'breaker_probe', 'breaker_closed']);
  });

  it('lets another try where the one that tried was cancelled', async () => {
    for (let failed = 0; failed < 3; failed += 1) await byHand();
    await orchestrator.worker.stop();
    await pass('2 hours');
    const probe = await fire();
    await orchestrator.cancel(probe!, 'ada');
    expect(await standing()).toMatchObject({ state: 'half_open', failures: 3, probeRun: null });
    expect(await fire()).toMatch(/-/);
  });

  it('lets one of two schedulers try', async () => {
    for (let failed = 0; failed < 3; failed += 1) await byHand();
    await orchestrator.worker.stop();
    await pass('2 hours');
    const outcomes = await Promise.all([fire(), fire(), fire(), fire()]);
    expect(outcomes.filter((outcome) => outcome !== 'open')).toHaveLength(1);
  });

  it('is reset by hand', async () => {
    for (let failed = 0; failed < 3; failed += 1) await byHand();
    const status = await orchestrator.resetBreaker('p', 'ada');
    expect(status.breaker).toMatchObject({ state: 'closed', failures: 0 });
    expect(status.history[0]).toMatchObject({ kind: 'breaker_reset', detail: { who: 'ada' } });
    expect(await fire()).toMatch(/-/);
    const audit = await rig.db.query('select who from mlops.audit_log where scope_id = $1 and action = $2', [
      rig.scopeId,
      'breaker.reset',
    ]);
    expect(audit).toEqual([{ who: 'ada' }]);
    expect(await createPostgresBreakers(rig.db, rig.scopeId).reset('p', 'ada')).toBe(false);
  });
});

describe('a pipeline without a breaker', () => {
  it('goes on being started, however often it fails', async () => {
    rig.catalog.put('pipeline', 'p', pipelineOf({ a: {} }));
    await orchestrator.worker.start();
    for (let failed = 0; failed < 5; failed += 1) await byHand();
    const instant = new Date(Date.UTC(2026, 1, 1));
    const run = newRun({
      runId: randomUUID(),
      spec: pipelineOf({ a: {} }),
      params: {},
      cause: { kind: 'schedule', who: null, schedule: 'pipeline.p', instant: instant.toISOString() },
      gitCommit: null,
      idempotencyKey: null,
    });
    expect(await rig.runs.fire({ name: 'pipeline.p', instant, overlap: 'queue' }, run, runRules)).toMatchObject({
      runId: run.runId,
    });
  });
});
