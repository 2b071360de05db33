import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/lib/json.ts';
import type { Change } from '../../src/plan/change.ts';
import { createPlan } from '../../src/plan/create-plan.ts';
import type { Plan } from '../../src/plan/plan.ts';
import type { Address } from '../../src/spec/address.ts';
import type { AnyRecordedResource, State, StepIntent } from '../../src/stores/control/state.ts';
import { applyProject, memoryEffects, planOf } from '../support/apply.ts';
import { type MemoryStateStore, memoryStateStore } from '../support/memory-state-store.ts';
import { healthcare, projectOf, resource } from '../support/specs.ts';

function changeOf(plan: Plan, address: Address): Change {
  const found = plan.changes.find((change) => change.address === address);
  if (found === undefined) throw new Error(`no change of ${address}`);
  return found;
}

const codes = (plan: Plan): string[] => plan.changes.flatMap(({ findings }) => findings.map(({ code }) => code));

async function applied(project = healthcare()): Promise<MemoryStateStore> {
  const state = memoryStateStore();
  await applyProject(project, state, { effects: memoryEffects() });
  return state;
}

/** The state with one resource as an interrupted apply leaves it. */
async function withStatus(
  store: MemoryStateStore,
  address: Address,
  status: AnyRecordedResource['status'],
): Promise<State> {
  const state = await store.read();
  return { ...state, resources: state.resources.map((one) => (one.address === address ? { ...one, status } : one)) };
}

const fromApi = (
  address: Address,
  spec: JsonObject,
  dependsOn: Address[] = [],
): Omit<StepIntent, 'action' | 'reason'> => {
  const [kind, name] = address.split('.') as ['source', string];
  return { address, kind, name, spec, digest: 'from-api', dependsOn, protect: false };
};

describe('a plan', () => {
  it('is the same value for the same input, and does not touch its input', async () => {
    const state = await (await applied()).read();
    const frozen = JSON.stringify(state);
    const input = { project: healthcare({ labs: { ttl: '1d' } }), environment: 'dev', state, mode: 'apply' } as const;
    expect(JSON.stringify(createPlan(input))).toBe(JSON.stringify(createPlan(input)));
    expect(JSON.stringify(state)).toBe(frozen);
  });

  it('orders creates after what they depend on, and deletes after what depended on them', async () => {
    const creates = (await planOf(healthcare(), memoryStateStore())).changes.map(({ address }) => address);
    expect(creates.indexOf('source.visits')).toBeLessThan(creates.indexOf('feature_set.patient_labs'));
    expect(creates.indexOf('model.pbc_mortality')).toBeLessThan(creates.indexOf('endpoint.mortality'));
    const deletes = (await planOf(healthcare(), await applied(), { mode: 'destroy' })).changes.map(
      ({ address }) => address,
    );
    expect(deletes[0]).toBe('endpoint.mortality');
    expect(deletes.slice(-2).sort()).toEqual(['entity.patient', 'source.visits']);
  });

  it('deletes something only after its reader stopped reading it', async () => {
    const plan = await planOf(
      healthcare({
        without: ['feature_set.patient_trend'],
        service: { features: ['patient_labs.bili'] },
      }),
      await applied(),
    );
    const order = plan.changes.map(({ address }) => address);
    expect(order.indexOf('feature_service.mortality_inputs')).toBeLessThan(order.indexOf('feature_set.patient_trend'));
  });

  it('makes nothing of an empty project and an empty state', () => {
    const plan = createPlan({
      project: projectOf([]),
      environment: 'dev',
      state: { lineage: null, serial: 0, resources: [] },
      mode: 'apply',
    });
    expect(plan).toMatchObject({ applyable: false, errored: false, changes: [], summary: { class: null } });
  });

  it('keeps classes apart: in place, backfill, new version, breaking, destructive', async () => {
    const state = await applied();
    const classOf = async (edits: Parameters<typeof healthcare>[0]): Promise<string | null> =>
      (await planOf(healthcare(edits), state)).summary.class;
    expect(
      await classOf({
        labs: { ttl: '500d', owner: 'a', tags: { a: 'b' }, description: 'c', materialize: { cron: '0 0 * * *' } },
      }),
    ).toBe('safe');
    expect(await classOf({ source: { file: 'data/other.csv' } })).toBe('backfill');
    expect(await classOf({ labs: { eventTime: 'seen_at' } })).toBe('new-version');
    expect(await classOf({ labs: { features: { bili: { dtype: 'float64' } } } })).toBe('breaking');
    expect(await classOf({ entity: { keys: { id: 'string' } } })).toBe('breaking');
    expect(await classOf({ endpoint: { key: 'site' } })).toBe('breaking');
    expect(await classOf({ without: ['model.pbc_mortality', 'endpoint.mortality'] })).toBe('destructive');
  });

  it('makes a new version where other rows count from now on', async () => {
    const labs = { createdTime: 'entered_at' };
    const plan = await planOf(healthcare({ labs: { ...labs, asKnownAt: 'now' } }), await applied(healthcare({ labs })));
    expect(changeOf(plan, 'feature_set.patient_labs')).toMatchObject({
      class: 'new-version',
      reason: 'new version: asKnownAt changed',
    });
  });

  it('does not mind a feature that nobody reads going away', async () => {
    const state = await applied(healthcare({ service: { features: ['patient_labs.bili'] } }));
    const plan = await planOf(
      healthcare({ service: { features: ['patient_labs.bili'] }, labs: { features: { bili: { dtype: 'float64' } } } }),
      state,
    );
    expect(plan.errored).toBe(false);
    expect(changeOf(plan, 'feature_set.patient_labs').class).toBe('new-version');
  });

  it('refuses to remove a feature that is read, unless that is allowed', async () => {
    const state = await applied();
    const edited = healthcare({ labs: { features: { bili: { dtype: 'float64' } } } });
    const refused = await planOf(edited, state);
    expect(refused).toMatchObject({ errored: true, applyable: false });
    expect(codes(refused)).toContain('FS101');
    const allowed = await planOf(edited, state, { rules: { FS101: 'warn' } });
    expect(allowed).toMatchObject({ errored: false, applyable: true });
    expect(changeOf(allowed, 'feature_set.patient_labs').findings.map(({ severity }) => severity)).not.toContain(
      'error',
    );
  });

  it('refuses to remove a feature that something made through the HTTP interface reads', async () => {
    const project = healthcare({ service: { features: ['patient_labs.bili'] } });
    const state = await applied(project);
    const spec = { name: 'uploads', features: ['patient_labs.albumin'] };
    await state.putFromApi(fromApi('feature_service.uploads', spec, ['feature_set.patient_labs']), 'api', {});
    const plan = await planOf(
      healthcare({ service: { features: ['patient_labs.bili'] }, labs: { features: { bili: { dtype: 'float64' } } } }),
      state,
    );
    expect(plan.errored).toBe(true);
    expect(
      changeOf(plan, 'feature_set.patient_labs')
        .findings.map(({ detail }) => detail)
        .join(),
    ).toContain('feature_service.uploads');
  });

  it('keeps the version of a feature set that moves to another entity with the same keys', async () => {
    const state = await applied();
    const person = resource('entity', { name: 'person', keys: { id: 'int64' } });
    const moved = projectOf([...healthcare({ labs: { entity: 'person' } }).resources.values(), person]);
    const change = changeOf(await planOf(moved, state), 'feature_set.patient_labs');
    expect(change).toMatchObject({ class: 'safe', reason: 'changed: entity' });
  });

  it('makes new versions of the sets of an entity whose keys changed, also when only they were left over', async () => {
    const state = memoryStateStore();
    await applyProject(healthcare(), state);
    const edited = healthcare({ entity: { keys: { id: 'string' } } });
    const failing = memoryEffects({
      registerFeatureSet: async () => {
        throw new Error('disk full');
      },
    });
    expect((await applyProject(edited, state, { effects: failing })).outcome).toBe('failed');
    const plan = await planOf(edited, state);
    expect(plan.changes.filter(({ actions }) => actions[0] === 'update').map(({ address }) => address)).toEqual([
      'feature_set.patient_labs',
      'feature_set.patient_trend',
    ]);
  });

  it.each([
    ['creating', ['create']],
    ['updating', ['update']],
    ['deleting', ['delete', 'create']],
  ] as const)('takes up again what was interrupted while %s', async (status, actions) => {
    const state = await withStatus(await applied(), 'feature_set.patient_labs', status);
    const plan = createPlan({ project: healthcare(), environment: 'dev', state, mode: 'apply' });
    expect(changeOf(plan, 'feature_set.patient_labs')).toMatchObject({ actions });
    expect(changeOf(plan, 'feature_set.patient_labs').reason).toMatch(/^interrupted/);
  });

  it.each(['creating', 'updating', 'deleting'] as const)(
    'deletes what was interrupted while %s and is not in the specs',
    async (status) => {
      const state = await withStatus(await applied(), 'endpoint.mortality', status);
      const project = healthcare({ without: ['endpoint.mortality'] });
      const plan = createPlan({ project, environment: 'dev', state, mode: 'apply' });
      expect(changeOf(plan, 'endpoint.mortality')).toMatchObject({ actions: ['delete'] });
      expect(changeOf(plan, 'endpoint.mortality').reason).toMatch(/^interrupted/);
    },
  );

  it('lists what the HTTP interface made and never destroys it', async () => {
    const state = await applied();
    await state.putFromApi(fromApi('source.uploads', { name: 'uploads', file: 'x.csv' }), 'api', {});
    for (const mode of ['apply', 'destroy'] as const) {
      const plan = await planOf(healthcare(), state, { mode });
      expect(plan.unmanaged.map(({ address }) => address)).toEqual(['source.uploads']);
      expect(plan.changes.map(({ address }) => address)).not.toContain('source.uploads');
    }
  });

  it('takes over what the HTTP interface made once the specs declare it', async () => {
    const state = await applied();
    const spec = { name: 'uploads', file: 'x.csv' };
    await state.putFromApi(fromApi('source.uploads', spec), 'api', {});
    const project = projectOf([...healthcare().resources.values(), resource('source', spec)]);
    const plan = await planOf(project, state);
    expect(changeOf(plan, 'source.uploads')).toMatchObject({
      actions: ['update'],
      reason: 'taken over from the HTTP interface',
    });
    await applyProject(project, state, { plan });
    expect((await planOf(project, state)).applyable).toBe(false);
    expect((await state.read()).resources.find(({ address }) => address === 'source.uploads')?.managedBy).toBe('apply');
  });

  it('refuses to destroy what an unmanaged resource needs', async () => {
    const state = await applied();
    await state.putFromApi(
      fromApi('source.derived', { name: 'derived', query: 'select 1' }, ['source.visits']),
      'api',
      {},
    );
    const plan = await planOf(healthcare(), state, { mode: 'destroy' });
    expect(plan.errored).toBe(true);
    expect(changeOf(plan, 'source.visits').findings.map(({ code }) => code)).toContain('AP107');
  });

  it('refuses to destroy what is recorded as protected, also when its block is gone', async () => {
    const state = await applied(healthcare({ labs: { protect: true } }));
    for (const mode of ['apply', 'destroy'] as const) {
      const plan = await planOf(healthcare({ without: mode === 'apply' ? ['feature_set.patient_labs'] : [] }), state, {
        mode,
      });
      expect(plan).toMatchObject({ errored: true, applyable: false });
      expect(codes(plan)).toContain('AP105');
    }
    const lifted = await planOf(healthcare({ labs: { protect: false } }), state);
    expect(lifted.errored).toBe(false);
    await applyProject(healthcare({ labs: { protect: false } }), state, { plan: lifted });
    expect((await planOf(healthcare(), state, { mode: 'destroy' })).errored).toBe(false);
  });

  it('refuses to destroy a pipeline of which runs are known to be live', async () => {
    const plan = await planOf(healthcare(), await applied(), {
      mode: 'destroy',
      facts: { liveRuns: new Map([['weekly_retraining', 2]]) },
    });
    expect(codes(plan)).toContain('PL101');
    expect(plan.errored).toBe(true);
  });

  it('limits itself to targets and what they need', async () => {
    const plan = await planOf(healthcare(), memoryStateStore(), { targets: ['feature_set.patient_labs'] });
    expect(plan.changes.map(({ address }) => address).sort()).toEqual([
      'entity.patient',
      'feature_set.patient_labs',
      'source.visits',
    ]);
    expect(plan.complete).toBe(false);
    const destroy = await planOf(healthcare(), await applied(), { mode: 'destroy', targets: ['model.pbc_mortality'] });
    expect(destroy.changes.map(({ address }) => address)).toEqual(['endpoint.mortality', 'model.pbc_mortality']);
    expect(() =>
      createPlan({
        project: healthcare(),
        environment: 'dev',
        state: { lineage: null, serial: 0, resources: [] },
        mode: 'apply',
        targets: ['model.pbc_mortalty'],
      }),
    ).toThrow(/AP109/);
  });

  it('says what is downstream of a change, and null for what it does not know', async () => {
    const plan = await planOf(healthcare({ source: { file: 'other.csv' } }), await applied());
    expect(changeOf(plan, 'source.visits').impact).toEqual({
      downstream: [
        'endpoint.mortality',
        'feature_service.mortality_inputs',
        'feature_set.patient_labs',
        'feature_set.patient_trend',
        'model.pbc_mortality',
        'pipeline.weekly_retraining',
      ],
      features: ['patient_labs.albumin', 'patient_labs.bili', 'patient_labs.bili_albumin', 'patient_trend.visits_365d'],
      endpoints: [{ address: 'endpoint.mortality', owner: null, requestsPerDay: null }],
      readers: null,
      rows: null,
      days: null,
      bytes: null,
      estimatedSeconds: null,
      basis: 'no rows of feature_set.patient_labs and feature_set.patient_trend are known',
    });
  });

  it('marks references to secrets and never holds a value of theirs', async () => {
    const tasks = {
      push: { operator: 'command', command: 'push', env: { TOKEN: { $env: 'PUSH_TOKEN' }, MODE: 'fast' }, needs: [] },
    } as const;
    const plan = await planOf(healthcare({ pipeline: { tasks: tasks as never } }), memoryStateStore());
    expect(changeOf(plan, 'pipeline.weekly_retraining').afterSensitive).toEqual({
      tasks: { push: { env: { TOKEN: true } } },
    });
  });

  it('puts findings at the place in the file', async () => {
    const plan = await planOf(healthcare({ entity: { keys: { id: 'string' } } }), await applied());
    expect(changeOf(plan, 'entity.patient').findings[0]?.at).toEqual({ file: 'mlops.config.ts', line: 9, column: 3 });
  });
});
