/**
 * A schedule: runs of random pipelines on random machines, and what happens to them in a random order, all of one seed. Each
 * action is made on a world and told to a follower, which may make it on a store and compare.
 */

import type { Demand, Trigger } from '../../src/stores/control/runs.ts';
import { seededRandom } from '../../src/training/random.ts';
import {
  beginning,
  cancel,
  candidates,
  claim,
  create,
  type End,
  end,
  endOverdue,
  type Lease,
  lose,
  pass,
  retry,
  type TaskPlan,
  type World,
} from './model.ts';

export type Action =
  | { readonly do: 'create'; readonly run: string; readonly tasks: readonly TaskPlan[] }
  | { readonly do: 'claim'; readonly machine: string; readonly slots: number }
  | { readonly do: 'end'; readonly lease: Lease; readonly end: End }
  | { readonly do: 'lose'; readonly lease: Lease }
  | { readonly do: 'give up'; readonly lease: Lease }
  | { readonly do: 'cancel'; readonly run: string }
  | { readonly do: 'retry'; readonly run: string }
  | { readonly do: 'pass'; readonly ms: number }
  | { readonly do: 'end overdue' };

/** Makes the action on what it follows, and answers the world that came of it, which for a claim only it can tell. */
export type Follow = (action: Action, before: World, expected: World) => Promise<World> | World;

export interface Options {
  readonly seed: number;
  /** Actions before everything is let end. */
  readonly actions: number;
  readonly machines: ReadonlyMap<string, Demand>;
}

/** Ten minutes, of which all delays and deadlines are parts: what a real clock adds meanwhile decides nothing. */
export const STEP_MS = 600_000;
const TRIGGERS: readonly Trigger[] = ['all_success', 'all_done', 'one_success', 'one_failed', 'none_failed', 'always'];
const CRASHED: End = { status: 'crashed', exitCode: null };

export function* actionsOf({ seed, actions, machines }: Options): Generator<Action, World, World> {
  const random = seededRandom(seed);
  const below = (limit: number): number => Math.floor(random.next() * limit);
  const one = <T>(items: readonly T[]): T => items[below(items.length)]!;
  const names = [...machines.keys()];
  /** Leases that were taken away: their workers may still be heard of. */
  const gone: Lease[] = [];
  let world = beginning(machines);
  let made = 0;

  function plans(): readonly TaskPlan[] {
    return Array.from({ length: 1 + below(9) }, (_, ordinal): TaskPlan => {
      const needs = Array.from({ length: ordinal }, (_, need) => need).filter(() => random.next() < 0.35);
      const plain = random.next() < 0.6;
      return {
        name: `t${ordinal}`,
        needs,
        trigger: plain ? 'all_success' : one(TRIGGERS),
        when: random.next() < 0.85 ? null : one(['1 == 1', '1 == 2', 'params.nothing']),
        priority: one([0, 0, 0, 5, -5]),
        cpu: one([0, 0, 1, 1, 2, 4]),
        memoryBytes: one([0, 0, 100, 600]),
        gpu: one([0, 0, 0, 1, 2]),
        retry: {
          limit: one([0, 0, 1, 3]),
          backoff: { initial: '5m', factor: one([1, 2]), cap: '40m', jitter: false },
          ...(random.next() < 0.2 && { on: [one(['failed', 'crashed', 'timed_out', 7] as const)] }),
        },
        deadlineMs: random.next() < 0.8 ? null : STEP_MS * (1 + below(8)) + STEP_MS / 2,
      };
    });
  }

  function anEnd(): End {
    if (random.next() < 0.6) return { status: 'succeeded', exitCode: 0 };
    const status = one(['failed', 'failed', 'timed_out', 'crashed', 'cancelled'] as const);
    return { status, exitCode: status === 'failed' ? one([1, 7]) : null };
  }

  function anAction(): Action | undefined {
    const live = world.leases.filter(({ lost }) => !lost);
    const lost = world.leases.filter((lease) => lease.lost);
    const runs = [...world.runs.values()];
    const dice = random.next();
    if (made === 0 || (made < 4 && dice < 0.05)) return { do: 'create', run: `run${made}`, tasks: plans() };
    if (dice < 0.35) return { do: 'claim', machine: one(names), slots: 1 + below(4) };
    if (dice < 0.65) return live.length > 0 ? { do: 'end', lease: one(live), end: anEnd() } : undefined;
    if (dice < 0.72) return live.length > 0 ? { do: 'lose', lease: one(live) } : undefined;
    if (dice < 0.8) return lost.length > 0 ? { do: 'give up', lease: one(lost) } : undefined;
    // Who was taken for gone speaks up.
    if (dice < 0.85) return gone.length > 0 ? { do: 'end', lease: one(gone), end: anEnd() } : undefined;
    if (dice < 0.87) return { do: 'cancel', run: one(runs).id };
    if (dice < 0.9) {
      const over = runs.filter(({ status }) => status === 'failed' || status === 'cancelled');
      return over.length > 0 ? { do: 'retry', run: one(over).id } : undefined;
    }
    return dice < 0.97 ? { do: 'pass', ms: STEP_MS * (1 + below(3)) } : { do: 'end overdue' };
  }

  for (let n = 0; n < actions; n += 1) {
    const action = anAction();
    if (action === undefined) continue;
    if (action.do === 'create') made += 1;
    if (action.do === 'give up') gone.push(action.lease);
    world = yield action;
  }
  // Everything is let go on until it ends: nothing may be stuck.
  for (
    let round = 0;
    [...world.runs.values()].some(({ status }) => status === 'queued' || status === 'running');
    round += 1
  ) {
    if (round > 500) throw new Error('the runs never end');
    for (const lease of world.leases)
      world = yield lease.lost
        ? { do: 'give up', lease }
        : { do: 'end', lease, end: { status: 'succeeded', exitCode: 0 } };
    for (const machine of names) world = yield { do: 'claim', machine, slots: 8 };
    if (world.leases.length === 0) {
      world = yield { do: 'end overdue' };
      if (candidates(world).length === 0) world = yield { do: 'pass', ms: STEP_MS };
    }
  }
  return world;
}

/** What the action makes of a world. */
export function made(world: World, action: Action): World {
  switch (action.do) {
    case 'create':
      return create(world, action.run, action.tasks);
    case 'claim':
      return claim(world, action.machine, action.slots);
    case 'end':
      return end(world, action.lease, action.end);
    case 'lose':
      return lose(world, action.lease);
    case 'give up':
      return end(world, action.lease, CRASHED);
    case 'cancel':
      return cancel(world, action.run);
    case 'retry':
      return retry(world, action.run);
    case 'pass':
      return pass(world, action.ms);
    case 'end overdue':
      return endOverdue(world);
  }
}
