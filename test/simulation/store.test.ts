import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openRig } from '../support/orchestrator.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';
import { problemsOf } from './invariants.ts';
import { beginning } from './model.ts';
import { type Action, actionsOf, made } from './schedule.ts';
import { followOn } from './store.ts';

const SCHEDULES = Number(process.env['MLOPS_STORE_SCHEDULES'] ?? 40);
const FIRST_SEED = Number(process.env['MLOPS_SEED'] ?? 1);
const machines = new Map([
  ['m0', { cpu: 4, memoryBytes: 1000, gpu: 1 }],
  ['m1', { cpu: 2, memoryBytes: 500, gpu: 2 }],
]);

let database: FreshDatabase;
beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(async () => {
  await database.drop();
});

/** Throws what was done up to the first difference. */
async function compare(seed: number): Promise<void> {
  const rig = await openRig(database.connectionString);
  const done: Action[] = [];
  try {
    let world = beginning(machines);
    const { follow, differences } = await followOn(rig, world);
    const schedule = actionsOf({ seed, actions: 60, machines });
    for (let next = schedule.next(); next.done !== true; next = schedule.next(world)) {
      done.push(next.value);
      const action = next.value;
      world = await follow(action, world, action.do === 'claim' ? world : made(world, action));
      const problems = [...problemsOf(world), ...(await differences(world))];
      if (problems.length > 0) throw new Error(problems.join('; '));
    }
    expect(
      await rig.db.query('select 1 from mlops.task_attempts where ended_at is null and scope_id = $1', [rig.scopeId]),
    ).toEqual([]);
  } catch (error) {
    const told = done.map((action) => JSON.stringify(action)).join('\n');
    throw new Error(`seed ${seed}, action ${done.length}: ${(error as Error).message}\n${told}`, { cause: error });
  } finally {
    await rig.close();
  }
}

describe('the store', () => {
  it(`does what the pure function says, action by action, in ${SCHEDULES} schedules`, async () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SCHEDULES; seed += 1) await compare(seed);
  }, 600_000);
});
