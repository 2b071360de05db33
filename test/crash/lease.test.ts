/** Holders of the lock that die or stand still, as processes: others wait for the end of their lease, and no longer. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { awaitLock } from '../../src/apply/await-lock.ts';
import type { LockWait } from '../../src/apply/events.ts';
import type { HeldLock, StateStore } from '../../src/stores/control/state.ts';
import { openControlDatabase } from '../../src/stores/postgres/control-database.ts';
import type { Database } from '../../src/stores/postgres/database.ts';
import { postgresState } from '../../src/stores/postgres/postgres-state.ts';
import { ensureScope } from '../../src/stores/postgres/scopes.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';
import { liveVersions, postgresEffects } from '../support/postgres-effects.ts';
import { applyStep, planStep } from './apply-scenario.ts';

const CHILD = fileURLToPath(new URL('./lease-child.ts', import.meta.url));
const LEASE_MS = 2_000;

let fresh: FreshDatabase;
let db: Database;
const children = new Set<ChildProcess>();
beforeAll(async () => {
  fresh = await freshDatabase();
  db = await openControlDatabase({ connectionString: fresh.connectionString });
});
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
});
afterAll(async () => {
  await db?.close();
  await fresh?.drop();
});

interface Holder {
  readonly child: ChildProcess;
  readonly said: readonly string[];
  says(line: string): Promise<void>;
  readonly ended: Promise<void>;
}

function startHolder(project: string): Holder {
  const args = ['--import', 'jiti/register', CHILD, fresh.connectionString, project, String(LEASE_MS)];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  children.add(child);
  const said: string[] = [];
  const waiting = new Set<() => void>();
  createInterface({ input: child.stdout }).on('line', (line) => {
    said.push(line);
    for (const look of waiting) look();
  });
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => {
      children.delete(child);
      resolve();
    });
  });
  return {
    child,
    said,
    ended,
    says: (line) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (!said.includes(line)) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        void ended.then(() => reject(new Error(`it ended and said ${said.join(', ')}`)));
        look();
      }),
  };
}

async function takenOver(state: StateStore): Promise<{ readonly lock: HeldLock; readonly waits: readonly LockWait[] }> {
  const waits: LockWait[] = [];
  const lock = await awaitLock({
    state,
    who: 'next@here',
    operation: 'apply',
    timeoutMs: 60_000,
    onEvent: (event) => waits.push(event),
  });
  return { lock, waits };
}

it('a holder that is killed keeps others out until its lease has ended, and the next apply goes on', async () => {
  const scopeId = await ensureScope(db, { project: 'killed', environment: 'dev' });
  const state = postgresState(db, scopeId);
  const holder = startHolder('killed');
  await holder.says('intent');
  holder.child.kill('SIGKILL');
  await holder.ended;
  await expect(state.lock('next@here', 'apply')).rejects.toMatchObject({
    code: 'AP101',
    detail: expect.stringMatching(/^The state is held for \d+ s by crash@test \(apply\), lease ends \d{4}-.*Z\.$/),
    data: { who: 'crash@test', operation: 'apply', heldSeconds: expect.any(Number) },
  });
  const { lock, waits } = await takenOver(state);
  expect(waits).toMatchObject([{ who: 'crash@test', operation: 'apply' }]);
  await lock.release();
  expect(await applyStep('first', state, postgresEffects(db, scopeId), 10)).toMatchObject({ outcome: 'succeeded' });
  expect((await planStep('first', state)).applyable).toBe(false);
});

it('a holder that stood still for longer than its lease changes nothing any more, whether another took over or not', async () => {
  for (const another of [true, false]) {
    const project = `stopped_${another}`;
    const scopeId = await ensureScope(db, { project, environment: 'dev' });
    const state = postgresState(db, scopeId);
    const holder = startHolder(project);
    await holder.says('intent');
    holder.child.kill('SIGSTOP');
    const { lock } = await takenOver(state);
    await lock.release();
    if (another)
      expect(await applyStep('first', state, postgresEffects(db, scopeId), 10)).toMatchObject({ outcome: 'succeeded' });
    const before = [await state.read(), await liveVersions(db, scopeId)];
    holder.child.stdin?.write('go\n');
    holder.child.kill('SIGCONT');
    await holder.ended;
    expect(holder.said).toEqual(['intent', 'AP101']);
    expect([await state.read(), await liveVersions(db, scopeId)]).toEqual(before);
    expect(await applyStep('first', state, postgresEffects(db, scopeId), 10)).toMatchObject({ outcome: 'succeeded' });
    expect((await planStep('first', state)).applyable).toBe(false);
  }
});
