import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson } from '../../src/lib/canonical.ts';
import type { JsonObject, JsonValue } from '../../src/lib/json.ts';
import { diffSpecs, pointerSegments } from '../../src/plan/diff.ts';
import { decodePlanFile, encodePlanFile } from '../../src/plan/plan-file.ts';
import { structureDigest } from '../../src/spec/feature-set-structure.ts';
import type { Project } from '../../src/spec/project.ts';
import type { StateStore } from '../../src/stores/control/state.ts';
import { applyProject, memoryEffects, planOf } from '../support/apply.ts';
import { memoryStateStore } from '../support/memory-state-store.ts';
import { randomProject } from '../support/random-projects.ts';

const rules = { FS101: 'warn' } as const;
const runs = { seed: 20261124, numRuns: 150 };

async function recordedSpecs(state: StateStore): Promise<Record<string, unknown>> {
  const { resources } = await state.read();
  return Object.fromEntries(
    resources.map(({ address, spec, digest, dependsOn, status, managedBy }) => [
      address,
      { spec, digest, dependsOn, status, managedBy },
    ]),
  );
}

const wanted = (project: Project): Record<string, unknown> =>
  Object.fromEntries(
    [...project.resources].map(([address, { spec, digest, dependsOn }]) => [
      address,
      { spec, digest, dependsOn, status: 'ready', managedBy: 'apply' },
    ]),
  );

/** Sets a value at a JSON pointer; null removes it. */
function withValue(spec: JsonObject, path: string, value: JsonValue): JsonObject {
  const [head = '', ...rest] = pointerSegments(path);
  const at = rest.map((segment) => `/${segment.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
  const copy: Record<string, JsonValue | undefined> = { ...spec };
  if (rest.length > 0) copy[head] = withValue((spec[head] ?? {}) as JsonObject, at, value);
  else if (value === null) delete copy[head];
  else copy[head] = value;
  return copy;
}

describe('applying and planning again', () => {
  it('is empty after any sequence of projects, and the state is what the specs say', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(randomProject, { minLength: 1, maxLength: 4 }), async (projects) => {
        const [state, effects] = [memoryStateStore(), memoryEffects()];
        for (const project of projects) {
          const plan = await planOf(project, state, { rules });
          const saved = decodePlanFile(encodePlanFile({ plan, bundleFiles: {} }), 'plan').plan;
          const result = await applyProject(project, state, { plan: saved, effects });
          expect(result).toMatchObject({ outcome: 'succeeded', failed: [], skipped: [], remaining: [] });
          expect(await planOf(project, state, { rules })).toMatchObject({
            applyable: false,
            errored: false,
            summary: { class: null },
          });
          expect(await recordedSpecs(state)).toEqual(wanted(project));
          const sets = [...project.resources.values()]
            .filter(({ kind }) => kind === 'feature_set')
            .map(({ name }) => name);
          expect([...effects.registered.keys()].sort()).toEqual(sets.sort());
        }
      }),
      runs,
    );
  });

  it('ends in the same state when effects fail at random and are tried again', async () => {
    await fc.assert(
      fc.asyncProperty(randomProject, randomProject, fc.infiniteStream(fc.boolean()), async (first, second, fates) => {
        const [state, steady] = [memoryStateStore(), memoryEffects()];
        const flaky = memoryEffects({
          registerFeatureSet: async (set, entity) => {
            if (fates.next().value) throw new Error('no luck');
            return steady.registerFeatureSet(set, entity);
          },
          dropFeatureSet: async (name) => {
            if (fates.next().value) throw new Error('no luck');
            return steady.dropFeatureSet(name);
          },
        });
        for (const project of [first, second]) {
          for (let round = 0; (await planOf(project, state, { rules })).applyable; round += 1) {
            const plan = await planOf(project, state, { rules });
            await applyProject(project, state, { plan, effects: round < 3 ? flaky : steady });
            expect(round).toBeLessThan(4);
          }
          expect(await recordedSpecs(state)).toEqual(wanted(project));
          for (const one of project.resources.values()) {
            if (one.kind !== 'feature_set') continue;
            const entity = project.resources.get(`entity.${one.spec.entity}`);
            if (entity?.kind !== 'entity') throw new Error('the generator made a set without an entity');
            expect(steady.registered.get(one.name)).toContain(structureDigest(one.spec, entity.spec));
          }
        }
      }),
      runs,
    );
  });

  it('makes nothing but the changes that the plan showed', async () => {
    await fc.assert(
      fc.asyncProperty(randomProject, randomProject, async (before, after) => {
        const state = memoryStateStore();
        await applyProject(before, state, { plan: await planOf(before, state, { rules }) });
        const plan = await planOf(after, state, { rules });
        const result = await applyProject(after, state, { plan });
        const moving = plan.changes.filter(({ actions }) => actions[0] !== 'no-op').map(({ address }) => address);
        expect([...result.done].sort()).toEqual([...moving].sort());
        for (const { before: old, after: next, diffs } of plan.changes) {
          if (old === null || next === null) continue;
          const patched = diffs.reduce((spec, { path, after: value }) => withValue(spec, path, value), old);
          expect(canonicalJson(patched)).toBe(canonicalJson(next));
          expect(diffSpecs(next, next)).toEqual([]);
        }
      }),
      runs,
    );
  });
});
