/** Going back to an earlier serial, and what a failed or interrupted apply leaves for the next plan to explain. */
import { describe, expect, it } from 'vitest';
import { pastProject } from '../../src/plan/past-project.ts';
import type { Plan } from '../../src/plan/plan.ts';
import { renderHuman } from '../../src/plan/render/human.ts';
import { encodeLineage } from '../../src/spec/column-lineage.ts';
import type { AnyResource, Project } from '../../src/spec/project.ts';
import type { StateStore } from '../../src/stores/control/state.ts';
import { applyProject, memoryEffects, planOf } from '../support/apply.ts';
import { memoryStateStore } from '../support/memory-state-store.ts';
import { healthcare, projectOf, resource } from '../support/specs.ts';

const entity = (name: string, more: { readonly movedFrom?: string; readonly owner?: string } = {}) =>
  resource('entity', { name, keys: { id: 'int64' }, ...more });

async function applied(...projects: readonly Project[]): Promise<StateStore> {
  const state = memoryStateStore();
  for (const project of projects) await applyProject(project, state);
  return state;
}

async function planBack(state: StateStore, serial: number): Promise<Plan> {
  const past = await state.history.at(serial);
  if (past === undefined) throw new Error(`no serial ${serial}`);
  return planOf(pastProject(healthcare(), past, await state.read()), state, { against: serial });
}

const moving = (plan: Plan) =>
  plan.changes
    .filter(({ actions }) => actions[0] !== 'no-op')
    .map(({ address, actions, previousAddress }) => [address, actions.join(), previousAddress]);

describe('a plan against an earlier serial', () => {
  it('changes back what changed since, and applied it is as it was then', async () => {
    const first = projectOf([entity('a'), entity('b')]);
    const state = await applied(first, projectOf([entity('a', { owner: 'ann' }), entity('c')]));
    const plan = await planBack(state, 1);
    expect(plan).toMatchObject({ against: 1, specDigest: first.digest });
    expect(renderHuman(plan, { color: false })).toContain(
      'Plan for healthcare/dev, back to serial 1: 1 to create, 1 to update, 1 to destroy',
    );
    expect(moving(plan)).toEqual([
      ['entity.a', 'update', null],
      ['entity.b', 'create', null],
      ['entity.c', 'delete', null],
    ]);
    await applyProject(first, state, { plan });
    expect(moving(await planBack(state, 1))).toEqual([]);
    expect(renderHuman(await planBack(state, 1), { color: false })).toContain('healthcare/dev is as at serial 1');
    expect(moving(await planOf(first, state))).toEqual([]);
    expect((await state.read()).serial).toBe(3);
  });

  it('renames back what was renamed since, with its data', async () => {
    const first = projectOf([entity('a')]);
    const state = await applied(
      first,
      projectOf([entity('b', { movedFrom: 'a' })]),
      projectOf([entity('c', { movedFrom: 'b' })]),
    );
    const plan = await planBack(state, 1);
    expect(moving(plan)).toEqual([['entity.a', 'update', 'entity.c']]);
    await applyProject(first, state, { plan });
    expect((await state.read()).resources.map(({ address }) => address)).toEqual(['entity.a']);
  });

  it('keeps what is recorded of the columns that features read, so that the next plan names them too', async () => {
    const lineage = { bili: [{ source: 'visits', column: 'bili' }], albumin: null, bili_albumin: null };
    const known = (project: Project): Project => {
      const labs = project.resources.get('feature_set.patient_labs') as AnyResource;
      const set = { ...labs, lineage } as AnyResource;
      return { ...project, resources: new Map(project.resources).set(labs.address, set) };
    };
    const first = known(healthcare());
    const state = await applied(first, known(healthcare({ labs: { ttl: '1d' } })));
    await applyProject(first, state, { plan: await planBack(state, 1) });
    const labs = (await state.read()).resources.find(({ address }) => address === 'feature_set.patient_labs');
    expect(labs?.outputs['lineage']).toEqual(encodeLineage(lineage));
    expect(labs?.spec).toMatchObject({ ttl: '400d' });
  });

  it('is held to what every plan is: what is protected stays', async () => {
    const state = await applied(projectOf([entity('a')]));
    await applyProject(
      projectOf([entity('a'), resource('entity', { name: 'b', keys: { id: 'int64' }, protect: true })]),
      state,
    );
    const plan = await planBack(state, 1);
    expect(plan.errored).toBe(true);
    expect(plan.changes.flatMap(({ findings }) => findings.map(({ code }) => code))).toEqual(['AP105']);
  });

  it('leaves to the HTTP interface what it made, and takes back nothing that the specs took over', async () => {
    const state = await applied(projectOf([entity('a')]));
    const { address, kind, name, spec, digest, dependsOn } = entity('b');
    await state.putFromApi({ address, kind, name, spec: spec as never, digest, dependsOn, protect: false }, 'key', {});
    const before = await planBack(state, 2);
    expect([moving(before), before.unmanaged.map((one) => one.address)]).toEqual([[], ['entity.b']]);
    await applyProject(projectOf([entity('a'), entity('b')]), state);
    expect(moving(await planBack(state, 2))).toEqual([]);
  });
});

describe('a step that failed', () => {
  const failing = (message: string) =>
    memoryEffects({
      registerFeatureSet: async () => {
        throw new Error(message);
      },
    });
  const reasonOf = (plan: Plan, address: string) => plan.changes.find((change) => change.address === address)?.reason;

  it('is the reason of the next plan: when, by whom, what, and that it is tried again', async () => {
    const state = await applied(healthcare());
    const edited = healthcare({ labs: { eventTime: 'seen_at' } });
    await applyProject(edited, state, { effects: failing('disk full.') });
    expect(reasonOf(await planOf(edited, state), 'feature_set.patient_labs')).toBe(
      'failed while updating at 1970-01-01 00:00 (test@here): disk full; tried again',
    );
    const dropping = memoryEffects({ dropFeatureSet: async () => Promise.reject(new Error('disk full')) });
    const plan = await planOf(healthcare(), state, { mode: 'destroy' });
    await applyProject(healthcare(), state, { plan, effects: dropping });
    expect(reasonOf(await planOf(healthcare(), state, { mode: 'destroy' }), 'feature_set.patient_labs')).toBe(
      'failed while deleting at 1970-01-01 00:00 (test@here): disk full; destroy asked for',
    );
    await applyProject(edited, state);
    expect(reasonOf(await planOf(edited, state), 'feature_set.patient_labs')).toBe('as recorded');
  });

  it('tells no secret, whatever its effect says', async () => {
    const state = memoryStateStore();
    const effects = failing('login with hunter2 at postgres://ann:swordfish@db/x refused');
    await applyProject(healthcare(), state, { effects, secrets: ['hunter2'] });
    expect(reasonOf(await planOf(healthcare(), state), 'feature_set.patient_labs')).toContain(
      'login with [redacted] at postgres://***@db/x refused; tried again',
    );
  });
});
