/** `movedFrom`: planned and applied against a store in memory. */
import { describe, expect, it } from 'vitest';
import type { Change } from '../../src/plan/change.ts';
import type { Plan } from '../../src/plan/plan.ts';
import type { Address } from '../../src/spec/address.ts';
import type { Project } from '../../src/spec/project.ts';
import type { StateStore } from '../../src/stores/control/state.ts';
import { applyProject, memoryEffects, planOf } from '../support/apply.ts';
import { memoryStateStore } from '../support/memory-state-store.ts';
import { healthcare, projectOf, resource, TREND_QUERY } from '../support/specs.ts';

const entity = (name: string, movedFrom?: string, more: { readonly owner?: string; readonly protect?: boolean } = {}) =>
  resource('entity', { name, keys: { id: 'int64' }, ...(movedFrom !== undefined && { movedFrom }), ...more });

const moving = (plan: Plan): readonly Change[] => plan.changes.filter(({ actions }) => actions[0] !== 'no-op');
const changeOf = (plan: Plan, address: string): Change => {
  const found = plan.changes.find((change) => change.address === address);
  if (found === undefined) throw new Error(`no change of ${address}`);
  return found;
};
const codesOf = ({ findings }: Change): readonly string[] => findings.map(({ code }) => code);
const addresses = async (state: StateStore): Promise<readonly string[]> =>
  (await state.read()).resources.map(({ address }) => address).sort();

async function applied(...projects: readonly Project[]): Promise<ReturnType<typeof memoryStateStore>> {
  const effects = memoryEffects();
  const state = memoryStateStore({ onRename: effects.rename });
  for (const project of projects) await applyProject(project, state, { effects });
  return state;
}

/** The healthcare project with every name of one resource replaced, as its author would. */
const renamedLabs = (edits: Parameters<typeof healthcare>[0] = {}): Project => {
  const project = healthcare({
    labs: { name: 'labs', movedFrom: 'patient_labs', ...edits.labs },
    service: { features: ['labs.bili', 'labs.albumin', 'labs.bili_albumin', 'patient_trend.visits_365d'] },
    pipeline: {
      tasks: {
        ingest: { operator: 'data_ingestion', source: 'visits', needs: [] },
        materialize: { operator: 'feature_materialization', featureSets: ['labs', 'patient_trend'], needs: ['ingest'] },
      },
    },
  });
  return projectOf(
    [...project.resources.values()].map((one) => {
      const dependsOn = one.dependsOn.map((on) => (on === 'feature_set.patient_labs' ? 'feature_set.labs' : on));
      return { ...one, dependsOn: [...dependsOn].sort() } as typeof one;
    }),
  );
};

describe('a rename', () => {
  it('is one safe update from the address before, and the plan after it is empty, with movedFrom and without', async () => {
    const state = await applied(projectOf([entity('patient')]));
    const plan = await planOf(projectOf([entity('person', 'patient')]), state);
    expect(moving(plan)).toHaveLength(1);
    expect(plan.changes).toMatchObject([
      {
        address: 'entity.person',
        previousAddress: 'entity.patient',
        actions: ['update'],
        class: 'safe',
        reason: 'renamed from entity.patient',
        before: { name: 'patient' },
        diffs: [
          { path: '/movedFrom', before: null, after: 'patient' },
          { path: '/name', before: 'patient', after: 'person' },
        ],
      },
    ]);
    await applyProject(projectOf([entity('person', 'patient')]), state, { plan });
    expect(state.log).toContain('rename entity.patient entity.person');
    expect((await state.read()).resources).toMatchObject([
      { address: 'entity.person', status: 'ready', formerNames: ['patient'] },
    ]);
    for (const specs of [entity('person', 'patient'), entity('person')])
      expect(moving(await planOf(projectOf([specs]), state))).toEqual([]);
  });

  it('of a feature set keeps its version and its rows, and what reads it changes its words alone', async () => {
    const state = await applied(healthcare());
    const plan = await planOf(renamedLabs(), state);
    expect(plan.errored).toBe(false);
    expect(plan.summary).toMatchObject({ class: 'safe', create: 0, delete: 0 });
    expect(changeOf(plan, 'feature_set.labs')).toMatchObject({ findings: [], class: 'safe' });
    expect(changeOf(plan, 'feature_service.mortality_inputs')).toMatchObject({ actions: ['update'], class: 'safe' });
    const effects = memoryEffects();
    const result = await applyProject(renamedLabs(), state, { plan, effects });
    expect(result.outcome).toBe('succeeded');
    expect(effects.calls.filter((call) => call.startsWith('drop'))).toEqual([]);
    expect(moving(await planOf(renamedLabs(), state))).toEqual([]);
  });

  it('of a source leaves the sets over it at their versions, whether they name it or query it', async () => {
    const state = await applied(healthcare());
    const project = healthcare({
      source: { name: 'tests', movedFrom: 'visits' },
      labs: { source: 'tests' },
      trend: { query: TREND_QUERY.replace('from visits', 'from tests') },
      pipeline: {
        tasks: {
          ingest: { operator: 'data_ingestion', source: 'tests', needs: [] },
          materialize: {
            operator: 'feature_materialization',
            featureSets: ['patient_labs', 'patient_trend'],
            needs: ['ingest'],
          },
        },
      },
    });
    const renamed = projectOf(
      [...project.resources.values()].map(
        (one) =>
          ({
            ...one,
            dependsOn: one.dependsOn.map((on) => (on === 'source.visits' ? 'source.tests' : on)).sort(),
          }) as typeof one,
      ),
    );
    const plan = await planOf(renamed, state);
    expect(plan.summary).toMatchObject({
      class: 'safe',
      errors: 0,
      warnings: 0,
      create: 0,
      delete: 0,
      recompute: null,
    });
    await applyProject(renamed, state, { plan });
    const sets = (await state.read()).resources.filter(({ kind }) => kind === 'feature_set');
    expect(sets.map(({ outputs }) => outputs['version'])).toEqual([1, 1]);
    expect(moving(await planOf(renamed, state))).toEqual([]);
  });

  it('that is done by hand leaves nothing to plan once the specs say the new name everywhere', async () => {
    const state = await applied(healthcare());
    const { lineage, serial } = await state.read();
    const by = { who: 'ada', gitCommit: null, lineage, serial };
    await state.move([{ from: 'feature_set.patient_labs', to: 'feature_set.labs' }], by);
    expect(moving(await planOf(renamedLabs(), state))).toEqual([]);
  });

  it('is refused in the plan already where it is known that another is left under the name', async () => {
    const state = await applied(healthcare());
    const leftBehind = new Set<Address>(['feature_set.labs']);
    const plan = await planOf(renamedLabs(), state, { facts: { leftBehind } });
    expect(codesOf(changeOf(plan, 'feature_set.labs'))).toEqual(['AP108']);
    expect(changeOf(plan, 'feature_set.labs').findings[0]?.detail).toContain(
      'the stores hold versions of another feature_set.labs',
    );
    expect(plan.applyable).toBe(false);
    expect((await planOf(healthcare(), state, { facts: { leftBehind } })).errored).toBe(false);
  });

  it('comes with edits, each with its own class', async () => {
    const state = await applied(healthcare());
    const plan = await planOf(renamedLabs({ labs: { eventTime: 'seen_at' } }), state);
    expect(changeOf(plan, 'feature_set.labs')).toMatchObject({
      class: 'new-version',
      reason: 'renamed from feature_set.patient_labs; new version: eventTime changed',
    });
    const owned = await planOf(
      projectOf([entity('person', 'patient', { owner: 'ada' })]),
      await applied(projectOf([entity('patient')])),
    );
    expect(owned.changes).toMatchObject([{ reason: 'renamed from entity.patient; changed: owner', class: 'safe' }]);
  });

  it('of what is protected destroys nothing and is done', async () => {
    const state = await applied(projectOf([entity('patient', undefined, { protect: true })]));
    const plan = await planOf(projectOf([entity('person', 'patient', { protect: true })]), state);
    expect(plan).toMatchObject({ errored: false, summary: { update: 1, delete: 0 } });
  });

  it('takes any number in a row at once', async () => {
    const state = await applied(projectOf([entity('a'), entity('b', undefined, { owner: 'bea' })]));
    const next = projectOf([entity('b', 'a'), entity('c', 'b', { owner: 'bea' })]);
    const plan = await planOf(next, state);
    expect(moving(plan).map(({ address, previousAddress }) => [address, previousAddress])).toEqual([
      ['entity.b', 'entity.a'],
      ['entity.c', 'entity.b'],
    ]);
    expect(plan.errored).toBe(false);
    await applyProject(next, state, { plan });
    expect((await state.read()).resources.map(({ address, spec }) => [address, spec.owner])).toEqual(
      expect.arrayContaining([
        ['entity.b', undefined],
        ['entity.c', 'bea'],
      ]),
    );
    expect(moving(await planOf(next, state))).toEqual([]);
  });

  it('in a circle is refused, and says so', async () => {
    const state = await applied(projectOf([entity('a'), entity('b')]));
    const plan = await planOf(projectOf([entity('a', 'b'), entity('b', 'a', { owner: 'x' })]), state);
    expect(plan.errored).toBe(true);
    const [finding] = plan.changes.flatMap(({ findings }) => findings);
    expect(finding).toMatchObject({ code: 'AP108', detail: expect.stringContaining('cannot swap their names') });
  });

  it('is refused while the old name is declared, and where two want it', async () => {
    const state = await applied(projectOf([entity('a')]));
    const kept = await planOf(projectOf([entity('a'), entity('b', 'a')]), state);
    expect(codesOf(changeOf(kept, 'entity.b'))).toEqual(['AP108']);
    expect(changeOf(kept, 'entity.b').previousAddress).toBeNull();
    const twice = await planOf(projectOf([entity('b', 'a'), entity('c', 'a')]), state);
    expect(codesOf(changeOf(twice, 'entity.b'))).toEqual(['AP108']);
    expect(codesOf(changeOf(twice, 'entity.c'))).toEqual(['AP108']);
  });

  it('onto a name that is recorded is refused, and nothing is destroyed for it', async () => {
    const state = await applied(projectOf([entity('a'), entity('b')]));
    const plan = await planOf(projectOf([entity('b', 'a')]), state);
    expect(plan).toMatchObject({ errored: true, applyable: false });
    expect(codesOf(changeOf(plan, 'entity.a'))).toEqual(['AP108']);
  });

  it('is a target by either name, and brings along what frees its name', async () => {
    const state = await applied(projectOf([entity('a'), entity('b'), entity('z')]));
    const next = projectOf([entity('b', 'a'), entity('c', 'b'), entity('z', undefined, { owner: 'x' })]);
    for (const target of ['entity.a', 'entity.b'] as const) {
      const plan = await planOf(next, state, { targets: [target] });
      expect(plan.changes.map(({ address }) => address).sort()).toEqual(['entity.b', 'entity.c']);
      expect(plan.leftOut).toEqual(['entity.z']);
    }
  });

  it('of what an interrupted apply left behind is finished under the new name', async () => {
    const effects = memoryEffects();
    const state = memoryStateStore({ onRename: effects.rename });
    const failing = memoryEffects({ registerFeatureSet: async () => Promise.reject(new Error('disk full')) });
    await applyProject(healthcare(), state, { effects: failing });
    const plan = await planOf(renamedLabs(), state);
    expect(changeOf(plan, 'feature_set.labs')).toMatchObject({
      actions: ['create'],
      previousAddress: 'feature_set.patient_labs',
    });
    await applyProject(renamedLabs(), state, { plan, effects });
    expect(await addresses(state)).not.toContain('feature_set.patient_labs');
    expect(moving(await planOf(renamedLabs(), state))).toEqual([]);
  });

  it('of what is half destroyed is none: it is destroyed, and the new one made', async () => {
    const effects = memoryEffects({ dropFeatureSet: async () => Promise.reject(new Error('disk full')) });
    const state = memoryStateStore();
    await applyProject(healthcare(), state, { effects });
    await applyProject(healthcare(), state, { effects, plan: await planOf(healthcare(), state, { mode: 'destroy' }) });
    const plan = await planOf(renamedLabs(), state);
    expect(changeOf(plan, 'feature_set.patient_labs').actions).toEqual(['delete']);
    expect(changeOf(plan, 'feature_set.labs')).toMatchObject({ actions: ['create'], previousAddress: null });
  });

  it('lets no other feature set take the old name while models read it, unless that is suppressed', async () => {
    const state = await applied(healthcare(), renamedLabs());
    const another = (suppress?: string) =>
      resource(
        'feature_set',
        {
          name: 'patient_labs',
          entity: 'patient',
          source: 'visits',
          eventTime: 'event_time',
          features: { bili: { dtype: 'float64' } },
          ...(suppress !== undefined && { suppress: [{ code: 'FS116', reason: suppress }] }),
        },
        ['entity.patient', 'source.visits'],
      );
    const withAnother = (suppress?: string) => projectOf([...renamedLabs().resources.values(), another(suppress)]);
    const plan = await planOf(withAnother(), state);
    expect(plan.errored).toBe(true);
    expect(codesOf(changeOf(plan, 'feature_set.patient_labs'))).toEqual(['FS116']);
    const let_ = await planOf(withAnother('every version is newer'), state);
    expect(let_.errored).toBe(false);
    await applyProject(withAnother('every version is newer'), state, { plan: let_ });
    const labs = (await state.read()).resources.find(({ address }) => address === 'feature_set.labs');
    expect(labs?.formerNames).toBeUndefined();
  });
});
