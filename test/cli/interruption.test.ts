/**
 * Commands that are interrupted, as processes on a real project. What they wait for is held by the test, so that each signal
 * meets them at a known place: a table that a step writes, the table that a plan reads, the lock of the state.
 */
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StateStore } from '../../src/stores/control/state.ts';
import { type Database, openDatabase, type Queryable } from '../../src/stores/postgres/database.ts';
import { openState } from '../../src/stores/postgres/postgres-state.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';
import { healthcareProject, type RunningCommand, type TestProject, until } from '../support/project.ts';

const SETS = 'mlops.feature_set_versions';
const project: TestProject = healthcareProject('interrupted');
let database: FreshDatabase;
let db: Database;
let state: StateStore;
let env: { DATABASE_URL: string };
const open: (() => Promise<void>)[] = [];

beforeEach(async () => {
  database = await freshDatabase();
  db = openDatabase({ connectionString: database.connectionString });
  state = openState(db, { project: 'healthcare', environment: 'prod' });
  env = { DATABASE_URL: database.connectionString };
});
afterEach(async () => {
  for (const close of open.splice(0)) await close();
  await db.close();
  await database.drop();
});
afterAll(() => project.remove(), 60_000);

const prod = (...args: readonly string[]) => project.mlops([...args, '--env', 'prod'], { env });
const start = (...args: readonly string[]): RunningCommand => project.start([...args, '--env', 'prod'], { env });

/** Nobody else writes the table, or (`access exclusive`) uses it at all, until it is let go. */
async function holding(table: string, mode: 'share row exclusive' | 'access exclusive') {
  let letGo: () => void = () => {};
  const released = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  let transaction: Promise<void> | undefined;
  await new Promise<void>((held, failed) => {
    transaction = db.transaction(async (tx: Queryable) => {
      await tx.query(`lock table ${table} in ${mode} mode`);
      held();
      await released;
    });
    transaction.catch(failed);
  });
  const release = async (): Promise<void> => {
    letGo();
    await transaction;
  };
  open.push(release);
  return release;
}

/** How many statements wait for the table. */
async function waitersFor(table: string): Promise<number> {
  const rows = await db.query('select pid from pg_locks where relation = $1::regclass and not granted', [table]);
  return rows.length;
}

const isWaited = (table: string) => until(async () => (await waitersFor(table)) > 0);
const isLeft = (table: string) => until(async () => (await waitersFor(table)) === 0);

async function statuses(): Promise<Record<string, string>> {
  return Object.fromEntries((await state.read()).resources.map(({ address, status }) => [address, status]));
}

async function converges(): Promise<void> {
  const again = await prod('apply', '--yes');
  expect(again.code, again.stderr).toBe(0);
  const plan = await prod('plan', '--detailed-exitcode');
  expect([plan.code, plan.stdout]).toEqual([0, expect.stringContaining('Nothing to change')]);
  expect(await db.query(`select distinct version from ${SETS}`)).toEqual([{ version: 1 }]);
}

describe.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s', (signal) => {
  it('once during a step: it is finished and recorded, the lock is given back, the next apply goes on', async () => {
    const release = await holding(SETS, 'share row exclusive');
    const apply = start('apply', '--yes');
    await isWaited(SETS);
    apply.kill(signal);
    await apply.says('once more to stop now');
    await release();
    const ended = await apply.ended;
    expect([ended.code, ended.stderr]).toEqual([
      130,
      expect.stringContaining('Apply interrupted: 5 done, 4 not started.'),
    ]);
    expect(Object.values(await statuses())).toEqual(Array(5).fill('ready'));
    expect(await state.lockHolder()).toBeNull();
    expect((await state.applies(1))[0]?.outcome).toBe('interrupted');
    await converges();
  });
});

describe('an interruption', () => {
  it('twice during a step stops now; the next apply resumes', async () => {
    const release = await holding(SETS, 'share row exclusive');
    const apply = start('apply', '--yes');
    await isWaited(SETS);
    apply.kill('SIGINT');
    await apply.says('once more to stop now');
    apply.kill('SIGINT');
    expect((await apply.ended).code).toBe(130);
    expect(await statuses()).toMatchObject({ 'feature_set.patient_labs': 'creating' });
    await release();
    await isLeft(SETS);
    const locked = await prod('apply', '--yes');
    expect([locked.code, locked.stderr]).toEqual([
      1,
      expect.stringMatching(/error AP101[\s\S]*held for \d+ s by .*\(apply\), lease ends/),
    ]);
    const plan = await prod('plan');
    expect(plan.stdout).toContain('interrupted while creating');
    const unlocked = await prod('unlock', (await state.lockHolder())?.id ?? '');
    expect(unlocked.code, unlocked.stderr).toBe(0);
    await converges();
    expect((await state.applies(2)).map(({ outcome }) => outcome)).toEqual(['succeeded', 'interrupted']);
  });

  it('while a plan is made changes nothing, not even the lock', async () => {
    const release = await holding('mlops.scopes', 'access exclusive');
    const apply = start('apply', '--yes');
    await isWaited('mlops.scopes');
    apply.kill('SIGINT');
    await apply.says('once more to stop now');
    await release();
    const ended = await apply.ended;
    expect([ended.code, ended.stderr]).toEqual([130, expect.stringContaining('Nothing was changed')]);
    expect(await state.read()).toMatchObject({ serial: 0, resources: [] });
    expect(await state.lockHolder()).toBeNull();
  });

  it('while a plan is made, twice, stops now', async () => {
    await holding('mlops.scopes', 'access exclusive');
    const plan = start('plan');
    await isWaited('mlops.scopes');
    plan.kill('SIGINT');
    await plan.says('once more to stop now');
    plan.kill('SIGINT');
    expect((await plan.ended).code).toBe(130);
  });

  it('ends the wait for the lock', async () => {
    const held = await state.lock('ann@host', 'destroy');
    open.push(async () => void (await held.release()));
    const apply = start('apply', '--yes', '--lock-timeout', '1h');
    await apply.says('by ann@host (destroy), lease ends');
    apply.kill('SIGINT');
    const ended = await apply.ended;
    expect([ended.code, ended.stderr]).toEqual([
      130,
      expect.stringContaining('Interrupted while waiting for the lock'),
    ]);
    expect((await state.lockHolder())?.id).toBe(held.id);
    expect(await state.read()).toMatchObject({ serial: 0, resources: [] });
  });

  it('while it asks ends the question and changes nothing', async () => {
    const apply = project.start(['apply', '--env', 'prod'], { env, terminal: true });
    await apply.says('Type yes:');
    apply.type('\u0003');
    const ended = await apply.ended;
    expect([ended.code, ended.stdout]).toEqual([130, expect.stringContaining('Nothing was changed')]);
    expect(await state.read()).toMatchObject({ serial: 0, resources: [] });
    expect(await state.lockHolder()).toBeNull();
  });
});

describe('--lock-timeout', () => {
  it('waits until the lock is given back, plans then, and holds the lock while it asks', async () => {
    const held = await state.lock('ann@host', 'apply');
    const apply = project.start(['apply', '--env', 'prod', '--lock-timeout', '1h'], { env, terminal: true });
    await apply.says('Waiting for the lock');
    await held.release();
    await apply.says('Type yes:');
    expect(await state.lockHolder()).toMatchObject({ operation: 'apply' });
    await expect(state.lock('bob@host', 'apply')).rejects.toMatchObject({ code: 'AP101' });
    apply.type('yes\r');
    const ended = await apply.ended;
    expect([ended.code, ended.stdout]).toEqual([0, expect.stringContaining('Apply complete: 9 done.')]);
    expect(await state.lockHolder()).toBeNull();
  });

  it('gives up when the time is over, and is told in whole durations', async () => {
    const held = await state.lock('ann@host', 'apply');
    open.push(async () => void (await held.release()));
    const late = await prod('apply', '--yes', '--lock-timeout', '1s');
    expect([late.code, late.stderr]).toEqual([1, expect.stringContaining('It was not given back within 1 s.')]);
    const wrong = await prod('apply', '--yes', '--lock-timeout', 'soon');
    expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining('error CL101')]);
  });
});

describe('--parallelism', () => {
  it('bounds the changes at once', async () => {
    const { code, stdout } = await prod('apply', '--yes', '--parallelism', '1', '--json');
    expect(code).toBe(0);
    const events = stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as { type: string; done: number; total: number; etaSeconds: number | null });
    const steps = events.filter(({ type }) => type === 'step_started' || type === 'step_done');
    expect(steps.map(({ type }) => type)).toEqual(
      Array.from({ length: 18 }, (_, i) => ['step_started', 'step_done'][i % 2]),
    );
    expect(steps.at(-1)).toMatchObject({ done: 9, total: 9, etaSeconds: 0 });
    expect(steps[0]).toMatchObject({ done: 0, total: 9, etaSeconds: null });
    const wrong = await prod('apply', '--yes', '--parallelism', '0');
    expect(wrong.code).toBe(1);
  });
});
