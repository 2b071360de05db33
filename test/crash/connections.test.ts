/**
 * Applies whose connections to the control store are lost: after each statement, before each call, in a restart, and
 * where the server can write no more. Every one of them ends with a code, and the next apply ends as an undisturbed one.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ApplyResult } from '../../src/apply/apply.ts';
import type { ResourceEffects } from '../../src/apply/effects.ts';
import { MlopsError } from '../../src/lib/error.ts';
import type { ApplyJournal, StateStore } from '../../src/stores/control/state.ts';
import { openControlDatabase } from '../../src/stores/postgres/control-database.ts';
import { type Database, openDatabase } from '../../src/stores/postgres/database.ts';
import { postgresState } from '../../src/stores/postgres/postgres-state.ts';
import { ensureScope } from '../../src/stores/postgres/scopes.ts';
import { acquireEmbeddedPostgres } from '../../src/stores/postgres/server/embedded.ts';
import { cuttingProxy } from '../support/cutting-proxy.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';
import { liveVersions, postgresEffects } from '../support/postgres-effects.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { applyStep, planStep, type Step } from './apply-scenario.ts';

const STEPS: readonly Step[] = ['first', 'second', 'rename', 'destroy'];
/** What an apply that lost its store may end with. */
const CODES = ['ST101', 'AP101', 'AP118'];

let fresh: FreshDatabase;
let db: Database;
let projects = 0;
beforeAll(async () => {
  fresh = await freshDatabase();
  db = await openControlDatabase({ connectionString: fresh.connectionString });
});
afterAll(async () => {
  await db?.close();
  await fresh?.drop();
});

interface Site {
  readonly scopeId: number;
  readonly state: StateStore;
  readonly effects: ResourceEffects;
}

async function siteOf(database: Database, scopeId: number): Promise<Site> {
  return { scopeId, state: postgresState(database, scopeId), effects: postgresEffects(database, scopeId) };
}

/** A scope of its own, brought to where `step` starts. */
async function siteBefore(step: Step): Promise<Site> {
  projects += 1;
  const site = await siteOf(db, await ensureScope(db, { project: `connections_${projects}`, environment: 'dev' }));
  for (const earlier of STEPS.slice(0, STEPS.indexOf(step))) await applyWhole(earlier, site);
  return site;
}

async function applyWhole(step: Step, { state, effects }: Site): Promise<void> {
  const result = await applyStep(step, state, effects, 10);
  expect(result).toMatchObject({ outcome: 'succeeded', failed: [], skipped: [], remaining: [] });
}

async function outcomeOf({ scopeId, state }: Site): Promise<unknown> {
  const { resources } = await state.read();
  return {
    resources: resources.map(({ createdAt: _, updatedAt: __, ...rest }) => rest),
    versions: [...(await liveVersions(db, scopeId))].sort(),
  };
}

/** The apply as it may end: done, or refused with a code. A step that lost its connection is recorded as failed. */
async function tried(apply: Promise<ApplyResult>): Promise<string> {
  try {
    return (await apply).outcome;
  } catch (error) {
    if (!(error instanceof MlopsError)) throw error;
    expect(CODES).toContain(error.code);
    return error.code;
  }
}

/** Applies again, as the next command would, once the lock is known to be nobody's. */
async function convergesTo(expected: unknown, step: Step, site: Site, what: string): Promise<void> {
  const holder = await site.state.lockHolder();
  if (holder !== null) await site.state.unlock(holder.id);
  await applyWhole(step, site);
  expect(await outcomeOf(site), what).toEqual(expected);
  const again = await planStep(step, site.state);
  expect(
    again.changes.filter(({ actions }) => actions[0] !== 'no-op'),
    what,
  ).toEqual([]);
  expect(
    (await site.state.applies(20)).map(({ outcome }) => outcome),
    what,
  ).not.toContain(undefined);
}

async function expectedOf(step: Step): Promise<unknown> {
  const site = await siteBefore(step);
  await applyWhole(step, site);
  return outcomeOf(site);
}

describe.each([
  ['first', 1, 2],
  ['second', 1, 1],
  ['second', 10, 3],
  ['rename', 1, 2],
  ['destroy', 10, 2],
] as const)('an apply of the %s step, %i at once, at statements %i apart', (step, atOnce, apart) => {
  it('whose server does a statement and whose answer is lost', async () => {
    const expected = await expectedOf(step);
    const ends = new Set<string>();
    for (let cutAt = 1, cut = true; cut; cutAt += apart) {
      const site = await siteBefore(step);
      const proxy = await cuttingProxy(fresh.connectionString, cutAt);
      const through = openDatabase({ connectionString: proxy.connectionString });
      const there = await siteOf(through, site.scopeId);
      ends.add(await tried(applyStep(step, there.state, there.effects, atOnce)));
      cut = proxy.statements() >= cutAt;
      await through.close();
      await proxy.close();
      // The lock is given back over another connection, also where the answer to taking it was the one that got lost.
      if (cut) expect(await site.state.lockHolder(), `cut after statement ${cutAt}`).toBeNull();
      await convergesTo(expected, step, site, `cut after statement ${cutAt}`);
    }
    expect([...ends]).toEqual(expect.arrayContaining(['ST101', 'succeeded']));
  }, 300_000);
});

describe.each(['second', 'rename'] as const)('an apply of the %s step', (step) => {
  it('loses all its connections before each call of the store and of an effect', async () => {
    const expected = await expectedOf(step);
    for (let killAt = 1, killed = true; killed; killAt += 1) {
      const site = await siteBefore(step);
      const name = `victim_${projects}`;
      const through = openDatabase({ connectionString: fresh.connectionString, applicationName: name });
      const there = await siteOf(through, site.scopeId);
      let calls = 0;
      const before = async (): Promise<void> => {
        calls += 1;
        if (calls === killAt)
          await db.query('select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1', [name]);
      };
      await tried(applyStep(step, stateAfter(there.state, before), effectsAfter(there.effects, before), 10));
      killed = calls >= killAt;
      await through.close();
      await convergesTo(expected, step, site, `killed before call ${killAt}`);
    }
  }, 300_000);
});

function stateAfter(state: StateStore, hook: () => Promise<void>): StateStore {
  const hooked = (journal: ApplyJournal): ApplyJournal => ({
    applyId: journal.applyId,
    rename: async (renames) => hook().then(async () => journal.rename(renames)),
    intent: async (step) => hook().then(async () => journal.intent(step)),
    done: async (address, outputs) => hook().then(async () => journal.done(address, outputs)),
    failed: async (address, message, code) => hook().then(async () => journal.failed(address, message, code)),
    end: async (outcome) => hook().then(async () => journal.end(outcome)),
  });
  return {
    ...state,
    lock: async (who, operation) => {
      await hook();
      const lock = await state.lock(who, operation);
      return { ...lock, release: async () => hook().then(async () => lock.release()) };
    },
    beginApply: async (head) => hook().then(async () => hooked(await state.beginApply(head))),
  };
}

function effectsAfter(effects: ResourceEffects, hook: () => Promise<void>): ResourceEffects {
  return {
    ...effects,
    registerFeatureSet: async (set, entity, applyId) =>
      hook().then(async () => effects.registerFeatureSet(set, entity, applyId)),
    dropFeatureSet: async (name, applyId) => hook().then(async () => effects.dropFeatureSet(name, applyId)),
  };
}

describe('a control store that can write no more', () => {
  it.each([
    ['intents', 'insert', 'intent'],
    ['outcomes', 'update', 'outcome'],
  ])('ends the apply with AP118, keeps what was recorded, and gives the lock back: %s', async (_, event, what) => {
    const expected = await expectedOf('first');
    const site = await siteBefore('first');
    await db.query(`
      create function pg_temp_full_${event}() returns trigger language plpgsql as $$
      begin
        if (select count(*) from mlops.apply_steps s join mlops.applies a using (apply_id)
            where a.scope_id = ${site.scopeId}) >= 2 and exists (
              select from mlops.applies a where a.apply_id = new.apply_id and a.scope_id = ${site.scopeId}) then
          raise exception 'could not extend file: No space left on device' using errcode = 'disk_full';
        end if;
        return new;
      end $$`);
    await db.query(
      `create trigger full_${event} before ${event} on mlops.apply_steps for each row execute function pg_temp_full_${event}()`,
    );
    try {
      const events: string[] = [];
      await expect(
        applyStep('first', site.state, site.effects, 1, (one) => events.push(one.type)),
      ).rejects.toMatchObject({ code: 'AP118', retryable: true, detail: expect.stringContaining('No space left') });
      expect(events.at(-1), what).toBe('apply_ended');
      expect(await site.state.lockHolder()).toBeNull();
      expect((await site.state.applies(1))[0]?.outcome).toBe('failed');
    } finally {
      await db.query(`drop trigger full_${event} on mlops.apply_steps`);
      await db.query(`drop function pg_temp_full_${event}()`);
    }
    await convergesTo(expected, 'first', site, what);
  });
});

describe('two applies and two plans at once', () => {
  it('make one of them, refuse the other, and every plan is of one whole state', async () => {
    for (let round = 0; round < 10; round += 1) {
      const site = await siteBefore('first');
      const other = openDatabase({ connectionString: fresh.connectionString });
      const there = await siteOf(other, site.scopeId);
      const [one, two, ...plans] = await Promise.all([
        tried(applyStep('first', site.state, site.effects, 10)).catch(staleToo),
        tried(applyStep('first', there.state, there.effects, 10)).catch(staleToo),
        planStep('first', site.state),
        planStep('first', there.state),
      ]);
      expect([one, two]).toContain('succeeded');
      for (const plan of plans) expect([0, 1]).toContain(plan.serial);
      await other.close();
      const applies = await site.state.applies(10);
      expect(applies.filter(({ changes }) => changes > 0)).toHaveLength(
        [one, two].filter((end) => end === 'succeeded').length === 2 ? applies.length : 1,
      );
      const left = await planStep('first', site.state);
      expect(left.changes.filter(({ actions }) => actions[0] !== 'no-op')).toEqual([]);
    }
  }, 120_000);
});

function staleToo(error: unknown): string {
  if (error instanceof MlopsError && error.code === 'AP102') return error.code;
  throw error;
}

describe('Postgres restarted during an apply', () => {
  it('ends it with a code, and the next apply goes on', async () => {
    const directory = await temporaryDirectory();
    const first = await acquireEmbeddedPostgres({ dir: `${directory.path}/.mlops` });
    const before = await openControlDatabase({ connectionString: first.connectionString });
    const scope = { project: 'restarted', environment: 'dev' };
    const site = await siteOf(before, await ensureScope(before, scope));
    const restarting: ResourceEffects = {
      ...site.effects,
      registerFeatureSet: async (set, entity) => {
        process.kill(first.pid, 'SIGINT');
        return site.effects.registerFeatureSet(set, entity);
      },
    };
    // The server may be back before the failed step is recorded.
    expect(['ST101', 'failed']).toContain(await tried(applyStep('first', site.state, restarting, 1)));
    await before.close();
    await first.release();
    const second = await acquireEmbeddedPostgres({ dir: `${directory.path}/.mlops` });
    const after = await openControlDatabase({ connectionString: second.connectionString });
    try {
      const again = await siteOf(after, await ensureScope(after, scope));
      const holder = await again.state.lockHolder();
      if (holder !== null) await again.state.unlock(holder.id);
      await applyWhole('first', again);
      expect((await planStep('first', again.state)).applyable).toBe(false);
      expect([...(await liveVersions(after, again.scopeId)).values()].map(({ version }) => version)).toEqual([1, 1]);
    } finally {
      await after.close();
      await second.release();
      await directory.remove();
    }
  }, 120_000);
});
