/**
 * Where a case takes place: a state store, the world of its effects, and applies that may go wrong there. In memory a process
 * that dies is one whose store and effects stop answering for ever.
 */
import { type ApplyResult, applyPlan } from '../../src/apply/apply.ts';
import type { ResourceEffects } from '../../src/apply/effects.ts';
import { MlopsError } from '../../src/lib/error.ts';
import { createPlan } from '../../src/plan/create-plan.ts';
import type { Plan } from '../../src/plan/plan.ts';
import { structureDigest } from '../../src/spec/feature-set-structure.ts';
import type { Kind } from '../../src/spec/kinds.ts';
import type { ApplyJournal, HeldLock, StateStore } from '../../src/stores/control/state.ts';
import { seededRandom } from '../../src/training/random.ts';
import { memoryArtifacts } from '../support/apply.ts';
import { type MemoryStateStore, memoryStateStore } from '../support/memory-state-store.ts';
import type { Mishap } from './commands.ts';

/** Feature sets with data: name → the newest version that is not dropped, and its structure. */
export type World = ReadonlyMap<string, { readonly version: number; readonly structure: string }>;

export type Outcome =
  | { readonly is: 'ended'; readonly result: ApplyResult }
  | { readonly is: 'refused'; readonly error: MlopsError }
  | { readonly is: 'died' };

export interface ApplyOrder extends Mishap {
  readonly plan: Plan;
  readonly atOnce: number;
  /** Where dying is more than answering no more. */
  readonly onDeath?: () => void;
  /** What others do while this apply sleeps. */
  readonly meanwhile?: () => Promise<void>;
}

export interface Site {
  readonly state: StateStore;
  readonly effects: ResourceEffects;
  readonly createPlan: typeof createPlan;
  world(): Promise<World>;
  apply(order: ApplyOrder): Promise<Outcome>;
}

/** Parts of the product made wrong, to prove that the fuzzer finds it. */
export interface Breakage {
  readonly effects?: (effects: ResourceEffects) => ResourceEffects;
  readonly journal?: (journal: ApplyJournal) => ApplyJournal;
  readonly createPlan?: typeof createPlan;
}

export function memorySite(breakage: Breakage = {}): Site {
  const world = createWorld((applyId) => store.isOpen(applyId));
  const store: MemoryStateStore = memoryStateStore({ onRename: world.rename, onRestructure: world.restructure });
  const broken = breakage.journal;
  const state: StateStore =
    broken === undefined ? store : { ...store, beginApply: async (head) => broken(await store.beginApply(head)) };
  const effects = breakage.effects?.(world.effects) ?? world.effects;
  return {
    state,
    effects,
    createPlan: breakage.createPlan ?? createPlan,
    world: async () => world.read(),
    apply: (order) => applyAt(state, effects, order),
  };
}

/** As the control store keeps versions: numbers are never used again, also after a drop. */
function createWorld(isOpen: (applyId: string) => boolean) {
  const whileOpen = (applyId: string | undefined): void => {
    if (applyId !== undefined && !isOpen(applyId))
      throw new MlopsError('AP101', { detail: `Apply ${applyId} was ended by another.` });
  };
  const sets = new Map<string, { readonly structure: string; dropped: boolean }[]>();
  const effects: ResourceEffects = {
    registerFeatureSet: async (set, entity, applyId) => {
      whileOpen(applyId);
      const versions = sets.get(set.name) ?? [];
      sets.set(set.name, versions);
      const structure = structureDigest(set, entity);
      const newest = versions.at(-1);
      if (newest === undefined || newest.dropped || newest.structure !== structure)
        versions.push({ structure, dropped: false });
      return { version: versions.length };
    },
    dropFeatureSet: async (name, applyId) => {
      whileOpen(applyId);
      for (const version of sets.get(name) ?? []) version.dropped = true;
    },
    liveRuns: async () => 0,
  };
  return {
    effects,
    rename: (kind: Kind, from: string, to: string): void => {
      const versions = sets.get(from);
      if (kind !== 'feature_set' || versions === undefined) return;
      sets.delete(from);
      sets.set(to, versions);
    },
    restructure: (set: string, before: string, after: string): void => {
      sets.set(
        set,
        (sets.get(set) ?? []).map((version) =>
          version.structure === before ? { ...version, structure: after } : version,
        ),
      );
    },
    read: (): World =>
      new Map(
        [...sets].flatMap(([name, versions]) => {
          const newest = versions.at(-1);
          if (newest === undefined || newest.dropped) return [];
          return [[name, { version: versions.length, structure: newest.structure }] as const];
        }),
      ),
  };
}

/** The apply as one process: with what goes wrong in it. */
export async function applyAt(state: StateStore, effects: ResourceEffects, order: ApplyOrder): Promise<Outcome> {
  const life = createLife(order, order.onDeath);
  const applying = applyPlan({
    plan: order.plan,
    bundleFiles: new Map(),
    state: life.state(state),
    effects: life.effects(order.fail === undefined ? effects : failing(effects, order.fail)),
    artifacts: memoryArtifacts(),
    who: 'fuzz@here',
    gitCommit: null,
    root: '/project',
    concurrency: order.atOnce,
  }).then(
    (result): Outcome => ({ is: 'ended', result }),
    (error: unknown): Outcome => {
      if (error instanceof MlopsError) return { is: 'refused', error };
      throw error;
    },
  );
  const slept = life.asleep.then(async (): Promise<Outcome> => {
    await order.meanwhile?.();
    life.wake();
    return applying;
  });
  return Promise.race([applying, slept, life.died.then((): Outcome => ({ is: 'died' }))]);
}

/** Half of what fails has had its effect. */
export function failing(effects: ResourceEffects, seed: number): ResourceEffects {
  const random = seededRandom(seed);
  async function flaky<T>(call: () => Promise<T>): Promise<T> {
    const chance = random.next();
    if (chance < 0.15) throw new Error('no luck');
    const result = await call();
    if (chance < 0.3) throw new Error('no luck, but it was done');
    return result;
  }
  return {
    registerFeatureSet: (set, entity, applyId) => flaky(() => effects.registerFeatureSet(set, entity, applyId)),
    dropFeatureSet: (name, applyId) => flaky(() => effects.dropFeatureSet(name, applyId)),
    liveRuns: async (pipeline) => (random.next() < 0.2 ? 1 : effects.liveRuns(pipeline)),
  };
}

function signal(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve: () => void = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

interface Life {
  readonly died: Promise<void>;
  readonly asleep: Promise<void>;
  readonly wake: () => void;
  state(state: StateStore): StateStore;
  effects(effects: ResourceEffects): ResourceEffects;
}

/** Counts boundaries: before and after each call. */
export function createLife({ die, sleep }: Mishap, onDeath?: () => void): Life {
  const death = signal();
  const falling = signal();
  const waking = signal();
  let [boundaries, dead] = [0, false];

  async function boundary(): Promise<void> {
    boundaries += 1;
    if (boundaries === die) {
      dead = true;
      onDeath?.();
      death.resolve();
    }
    if (dead) return new Promise(() => {});
    if (boundaries === sleep) falling.resolve();
    // A process that sleeps does nothing at all, whatever it had in hand.
    if (sleep !== undefined && boundaries >= sleep) await waking.promise;
  }
  async function around<T>(call: () => Promise<T>): Promise<T> {
    await boundary();
    const result = await call();
    await boundary();
    return result;
  }
  const mortalJournal = (journal: ApplyJournal): ApplyJournal => ({
    applyId: journal.applyId,
    rename: (renames) => around(() => journal.rename(renames)),
    intent: (step) => around(() => journal.intent(step)),
    done: (address, outputs) => around(() => journal.done(address, outputs)),
    failed: (address, message, code) => around(() => journal.failed(address, message, code)),
    end: (outcome) => around(() => journal.end(outcome)),
  });
  const mortalLock = (lock: HeldLock): HeldLock => ({ ...lock, release: () => around(() => lock.release()) });
  return {
    died: death.promise,
    asleep: falling.promise,
    wake: waking.resolve,
    state: (state) => ({
      ...state,
      lock: async (who, operation) => mortalLock(await around(() => state.lock(who, operation))),
      beginApply: async (head) => mortalJournal(await around(() => state.beginApply(head))),
    }),
    effects: (effects) => ({
      ...effects,
      registerFeatureSet: (set, entity, applyId) => around(() => effects.registerFeatureSet(set, entity, applyId)),
      dropFeatureSet: (name, applyId) => around(() => effects.dropFeatureSet(name, applyId)),
    }),
  };
}
