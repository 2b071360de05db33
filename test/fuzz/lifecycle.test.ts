/** Random lives of projects; and that the fuzzer finds what is wrong where something is. `npm run fuzz:lifecycle` runs on. */
import { describe, expect, it } from 'vitest';
import { isNoOp } from '../../src/plan/action.ts';
import { createPlan } from '../../src/plan/create-plan.ts';
import { fuzz, textOfFound } from './fuzz.ts';
import { type Breakage, memorySite } from './site.ts';

const SEED = 20_261_126;

describe('a project', () => {
  it('stays explained and converges through 600 random lives: edits, failures, deaths, sleepers, two at once, stale plans, renames, going back, policies', async () => {
    let held = 0;
    const found = await fuzz({
      cases: 600,
      firstSeed: SEED,
      site: memorySite,
      onCase: () => {
        held += 1;
      },
    });
    if (found !== undefined) throw new Error(textOfFound(found));
    expect(held).toBe(600);
  }, 180_000);
});

const BREAKAGES: Readonly<Record<string, { readonly broken: Breakage; readonly says: RegExp }>> = {
  'a handler that forgets to drop the data': {
    broken: { effects: (effects) => ({ ...effects, dropFeatureSet: async () => {} }) },
    says: /is left that nothing records/,
  },
  'a handler that answers an old version': {
    broken: {
      effects: (effects) => ({
        ...effects,
        registerFeatureSet: async (set, entity, applyId) => {
          await effects.registerFeatureSet(set, entity, applyId);
          return { version: 1 };
        },
      }),
    },
    says: /is recorded at version 1, its data is at 2/,
  },
  'an effect that does not look whether its apply has ended': {
    broken: {
      effects: (effects) => ({
        ...effects,
        registerFeatureSet: (set, entity) => effects.registerFeatureSet(set, entity),
        dropFeatureSet: (name) => effects.dropFeatureSet(name),
      }),
    },
    says: /is ready and has no data|is recorded at version|is left that nothing records/,
  },
  'a journal that writes no intent before a delete': {
    broken: {
      journal: (journal) => {
        const late = new Map<string, Parameters<typeof journal.intent>[0]>();
        return {
          ...journal,
          intent: async (step) => {
            if (step.action === 'delete') late.set(step.address, step);
            else await journal.intent(step);
          },
          done: async (address, outputs) => {
            const step = late.get(address);
            if (step !== undefined) await journal.intent(step);
            await journal.done(address, outputs);
          },
        };
      },
    },
    says: /is ready and has no data|failed without intent/,
  },
  'a journal that loses the protection': {
    broken: {
      journal: (journal) => ({ ...journal, intent: (step) => journal.intent({ ...step, protect: false }) }),
    },
    says: /is recorded with protect false/,
  },
  'a journal that records the outcome of a failure': {
    broken: { journal: (journal) => ({ ...journal, failed: (address) => journal.done(address, {}) }) },
    says: /no data|recorded|differs|history/,
  },
  'a plan that takes what was cut off for whole': {
    broken: {
      createPlan: (input) =>
        createPlan({
          ...input,
          state: { ...input.state, resources: input.state.resources.map((one) => ({ ...one, status: 'ready' })) },
        }),
    },
    says: /differs, and the plan says that it does not|interrupted|was cut off/,
  },
  'a plan that does not say what will run in the warehouse': {
    broken: {
      createPlan: (input) => {
        const plan = createPlan(input);
        return { ...plan, changes: plan.changes.map(({ runs: _, ...change }) => change) };
      },
    },
    says: /is new, and the plan does not say what will run/,
  },
  'a plan that overlooks an edit': {
    broken: {
      createPlan: (input) => {
        const plan = createPlan(input);
        const changes = plan.changes.map((change) =>
          !isNoOp(change.actions) && change.reason.startsWith('changed')
            ? { ...change, actions: ['no-op' as const] }
            : change,
        );
        return { ...plan, changes };
      },
    },
    says: /differs, and the plan says that it does not/,
  },
};

describe('the fuzzer', () => {
  it.each(Object.entries(BREAKAGES))('finds %s, and tells it in a few commands', async (_, { broken, says }) => {
    const found = await fuzz({ cases: 1000, firstSeed: SEED, site: () => memorySite(broken) });
    expect(found?.failure.problems.join('\n')).toMatch(says);
    expect(found?.least.length).toBeLessThanOrEqual(9);
    expect(textOfFound(found as NonNullable<typeof found>)).toContain(
      `npm run fuzz:lifecycle -- --seed ${found?.seed}`,
    );
  });
});
