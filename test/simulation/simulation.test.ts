import { describe, expect, it } from 'vitest';
import { AGING_SECONDS } from '../../src/orchestrator/admission.ts';
import type { Demand } from '../../src/stores/control/runs.ts';
import { seededRandom } from '../../src/training/random.ts';
import { problemsOf } from './invariants.ts';
import { beginning, candidates, create, end, free, type TaskPlan, type World, waited } from './model.ts';
import { type Action, actionsOf, made, STEP_MS } from './schedule.ts';

const SCHEDULES = Number(process.env['MLOPS_SCHEDULES'] ?? 10_000);
const FIRST_SEED = Number(process.env['MLOPS_SEED'] ?? 1);

/** One to three machines that differ. */
function machinesOf(seed: number): ReadonlyMap<string, Demand> {
  const random = seededRandom(seed + 0x5eed);
  const below = (limit: number): number => Math.floor(random.next() * limit);
  return new Map(
    Array.from({ length: 1 + below(3) }, (_, index) => [
      `m${index}`,
      { cpu: [1, 2, 4, 8][below(4)]!, memoryBytes: [500, 1000][below(2)]!, gpu: below(3) },
    ]),
  );
}

/** Every action is checked; the first world with a problem ends it. */
function simulate(seed: number, step: (world: World, action: Action) => World = made) {
  const machines = machinesOf(seed);
  const schedule = actionsOf({ seed, actions: 50, machines });
  const done: Action[] = [];
  let world = beginning(machines);
  for (let next = schedule.next(); ; next = schedule.next(world)) {
    if (next.done === true) return { world, done };
    done.push(next.value);
    const after = step(world, next.value);
    const problems = [...problemsOf(after), ...unfairness(world, next.value, after)];
    if (problems.length > 0)
      throw new Error(
        `seed ${seed}, action ${done.length}: ${problems.join('; ')}\n${done.map((action) => JSON.stringify(action)).join('\n')}`,
      );
    world = after;
  }
}

/** A claim leaves nothing out that has room, unless something that waits for long needs the room; and that goes first. */
function unfairness(before: World, action: Action, after: World): string[] {
  if (action.do !== 'claim') return [];
  const started = after.leases.filter((lease) => !before.leases.includes(lease));
  const fits = (task: TaskPlan, room: Demand): boolean =>
    task.cpu <= room.cpu + 1e-9 && task.memoryBytes <= room.memoryBytes && task.gpu <= room.gpu;
  const isAged = (run: string, ordinal: number): boolean =>
    waited(before, before.runs.get(run)!.tasks[ordinal]!) > AGING_SECONDS;
  const asked = new Set(candidates(before).map(({ task }) => task));
  const open = candidates(after).filter(
    ({ task }) => asked.has(task) && fits(task, before.machines.get(action.machine)!),
  );
  const someAged = open.some(({ run, ordinal }) => isAged(run.id, ordinal));
  const isFull = started.length >= action.slots;
  return [
    ...open
      .filter(({ task }) => !isFull && !someAged && fits(task, free(after, action.machine)))
      .map(({ run, task }) => `${run.id}.${task.name} has room on ${action.machine} and was left out`),
    ...started
      .filter((lease) => someAged && !isAged(lease.run, lease.task))
      .map((lease) => `${lease.run}.t${lease.task} started before what waits for long`),
  ];
}

describe(`the scheduler as a pure function, in ${SCHEDULES.toLocaleString('en-US')} schedules`, () => {
  it(
    'never holds more than a machine has, runs nothing twice at once, and ends every run as its tasks ended',
    () => {
      const seen = new Map<string, number>();
      for (let seed = FIRST_SEED; seed < FIRST_SEED + SCHEDULES; seed += 1) {
        const { world, done } = simulate(seed);
        for (const { do: what } of done) seen.set(what, (seen.get(what) ?? 0) + 1);
        for (const run of world.runs.values()) seen.set(run.status, (seen.get(run.status) ?? 0) + 1);
        expect(world.leases).toEqual([]);
      }
      // So that nothing of it is empty: everything happened, and often.
      const everything = ['create', 'claim', 'end', 'lose', 'give up', 'cancel', 'retry', 'pass', 'end overdue'];
      for (const what of [...everything, 'succeeded', 'failed', 'cancelled'])
        expect(seen.get(what), what).toBeGreaterThan(SCHEDULES / 20);
    },
    60_000 + 60 * SCHEDULES,
  );

  it('is a function: the same seed makes the same world', () => {
    for (const seed of [3, 77, 4242]) expect(simulate(seed).world).toEqual(simulate(seed).world);
  });
});

describe('a scheduler that does wrong is found', () => {
  const found = (step: (world: World, action: Action) => World): boolean =>
    Array.from({ length: 300 }, (_, seed) => seed + 1).some((seed) => {
      try {
        simulate(seed, step);
        return false;
      } catch {
        return true;
      }
    });
  it.each<[string, (world: World, action: Action) => World]>([
    [
      'that counts a lost attempt twice',
      (world, action) =>
        action.do === 'end' && !world.leases.includes(action.lease)
          ? lateWriter(world, action.lease.run, action.lease.task)
          : made(world, action),
    ],
    [
      'that forgets what a silent worker held',
      (world, action) =>
        action.do === 'give up'
          ? { ...world, leases: world.leases.filter((lease) => lease !== action.lease) }
          : made(world, action),
    ],
    [
      'that gives a machine more than it has',
      (world, action) =>
        action.do === 'claim'
          ? {
              ...made(
                {
                  ...world,
                  machines: new Map(
                    [...world.machines].map(([name]) => [name, { cpu: 99, memoryBytes: 9999, gpu: 9 }]),
                  ),
                },
                action,
              ),
              machines: world.machines,
            }
          : made(world, action),
    ],
    ['that takes nothing', (world, action) => (action.do === 'claim' ? world : made(world, action))],
    [
      'that loses a cancellation',
      (world, action) =>
        action.do === 'cancel'
          ? {
              ...world,
              runs: new Map(world.runs).set(action.run, { ...world.runs.get(action.run)!, cancelling: true }),
            }
          : made(world, action),
    ],
  ])('%s', (_, step) => {
    expect(found(step)).toBe(true);
  });
});

/** What a store without fences does: the word of an attempt that was given up counts. */
function lateWriter(world: World, id: string, ordinal: number): World {
  const run = world.runs.get(id)!;
  const tasks = run.tasks.map((task, at) => (at === ordinal ? { ...task, status: 'succeeded' as const } : task));
  return { ...world, runs: new Map(world.runs).set(id, { ...run, tasks }) };
}

describe('delays and deadlines', () => {
  const plan: TaskPlan = {
    name: 't0',
    needs: [],
    trigger: 'all_success',
    when: null,
    priority: 0,
    cpu: 1,
    memoryBytes: 0,
    gpu: 0,
    retry: { limit: 3, backoff: { initial: '5m', factor: 2, cap: '15m', jitter: false } },
    deadlineMs: null,
  };
  const machines = new Map([['m0', { cpu: 1, memoryBytes: 1, gpu: 0 }]]);

  /** How long each retry of a task that always fails waits. */
  function delays(more: Partial<TaskPlan>): number[] {
    let world = create(beginning(machines), 'run0', [{ ...plan, ...more }]);
    const waits: number[] = [];
    for (;;) {
      world = made(world, { do: 'claim', machine: 'm0', slots: 1 });
      const lease = world.leases[0];
      if (lease === undefined) return waits;
      world = end(world, lease, { status: 'failed', exitCode: 1 });
      const { notBefore, status } = world.runs.get('run0')!.tasks[0]!;
      if (status !== 'retrying') return waits;
      waits.push(notBefore! - world.nowMs);
      world = { ...world, nowMs: notBefore! };
    }
  }

  it('are exact: min(cap, initial·factor^(n−1)), as often as the limit says', () => {
    expect(delays({})).toEqual([300_000, 600_000, 900_000]);
    expect(delays({ retry: { limit: 1, backoff: { initial: '1s', jitter: false } } })).toEqual([1000]);
    expect(delays({ retry: {} })).toEqual([]);
  });

  it('hold over all attempts: what could only begin after the deadline does not begin', () => {
    expect(delays({ deadlineMs: STEP_MS + STEP_MS / 2 })).toEqual([300_000]);
  });
});
