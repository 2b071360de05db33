/**
 * Applies one step and kills itself with SIGKILL at the nth boundary: at the start and after the lock, the begin, every
 * intent, every effect, every outcome, the end and the release. (Before one call is after another: nothing is durable in
 * between.) Exits 0 when it runs through.
 * Arguments: connection string, project, effects directory, step, n, concurrency.
 */
import type { ResourceEffects } from '../../src/apply/effects.ts';
import type { ApplyJournal, HeldLock, StateStore } from '../../src/stores/control/state.ts';
import { openControlDatabase } from '../../src/stores/postgres/control-database.ts';
import { openState } from '../../src/stores/postgres/postgres-state.ts';
import { applyStep, fileEffects, type Step } from './apply-scenario.ts';

const [connectionString = '', project = '', directory = '', step = 'first', killAt = '0', concurrency = '1'] =
  process.argv.slice(2);

let boundaries = 0;
function boundary(): void {
  boundaries += 1;
  if (boundaries === Number(killAt)) process.kill(process.pid, 'SIGKILL');
}

async function thenBoundary<T>(call: () => Promise<T>): Promise<T> {
  const result = await call();
  boundary();
  return result;
}

function dyingState(state: StateStore): StateStore {
  return {
    ...state,
    lock: async (who, operation) => dyingLock(await thenBoundary(() => state.lock(who, operation))),
    beginApply: async (head) => dyingJournal(await thenBoundary(() => state.beginApply(head))),
  };
}

function dyingLock(lock: HeldLock): HeldLock {
  return { ...lock, release: () => thenBoundary(() => lock.release()) };
}

function dyingJournal(journal: ApplyJournal): ApplyJournal {
  return {
    applyId: journal.applyId,
    intent: (intent) => thenBoundary(() => journal.intent(intent)),
    done: (address, outputs) => thenBoundary(() => journal.done(address, outputs)),
    rename: (renames) => thenBoundary(() => journal.rename(renames)),
    failed: (address, message, code) => thenBoundary(() => journal.failed(address, message, code)),
    end: (outcome) => thenBoundary(() => journal.end(outcome)),
  };
}

function dyingEffects(effects: ResourceEffects): ResourceEffects {
  return {
    ...effects,
    registerFeatureSet: (set, entity) => thenBoundary(() => effects.registerFeatureSet(set, entity)),
    dropFeatureSet: (name) => thenBoundary(() => effects.dropFeatureSet(name)),
  };
}

const db = await openControlDatabase({ connectionString });
try {
  boundary();
  const state = dyingState(openState(db, { project, environment: 'dev' }));
  const result = await applyStep(step as Step, state, dyingEffects(fileEffects(directory)), Number(concurrency));
  process.exitCode = result.outcome === 'succeeded' ? 0 : 3;
} finally {
  await db.close();
}
