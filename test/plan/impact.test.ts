import { describe, expect, it } from 'vitest';
import type { Change } from '../../src/plan/change.ts';
import type { Plan } from '../../src/plan/plan.ts';
import { decodePlanFile, encodePlanFile } from '../../src/plan/plan-file.ts';
import { renderHuman } from '../../src/plan/render/human.ts';
import { renderMarkdown } from '../../src/plan/render/markdown.ts';
import type { Column } from '../../src/spec/column.ts';
import type { FeatureLineage } from '../../src/spec/column-lineage.ts';
import type { AnyResource, Project } from '../../src/spec/project.ts';
import type { StateStore } from '../../src/stores/control/state.ts';
import { applyProject, memoryEffects, planOf } from '../support/apply.ts';
import { memoryStateStore } from '../support/memory-state-store.ts';
import { MEASURED } from '../support/plan-scenarios.ts';
import { type HealthcareEdits, healthcare, projectOf, resource, TREND_QUERY } from '../support/specs.ts';

const COLUMNS: readonly Column[] = [
  { name: 'id', type: 'BIGINT' },
  { name: 'event_time', type: 'TIMESTAMP' },
  { name: 'bili', type: 'DOUBLE' },
  { name: 'albumin', type: 'DOUBLE' },
  { name: 'spare', type: 'VARCHAR' },
];

const of = (...columns: readonly string[]) => columns.map((column) => ({ source: 'visits', column }));

const LINEAGE: Readonly<Record<string, FeatureLineage>> = {
  patient_labs: {
    bili: of('bili', 'event_time', 'id'),
    albumin: of('albumin', 'event_time', 'id'),
    bili_albumin: of('albumin', 'bili', 'event_time', 'id'),
  },
  patient_trend: { visits_365d: of('event_time', 'id') },
};

/** As the loader gives it: with columns and lineage. */
function loaded(project: Project, columns: readonly Column[] | undefined, lineage = LINEAGE): Project {
  const resources = [...project.resources.values()].map((one): AnyResource => {
    if (one.kind === 'source') return { ...one, columns };
    return one.kind === 'feature_set' ? { ...one, lineage: lineage[one.name] } : one;
  });
  return { ...project, resources: new Map(resources.map((one) => [one.address, one])) };
}

async function applied(project: Project = loaded(healthcare(), COLUMNS)): Promise<StateStore> {
  const state = memoryStateStore();
  await applyProject(project, state, { effects: memoryEffects() });
  return state;
}

function changeOf(plan: Plan, address: string): Change {
  const change = plan.changes.find((one) => one.address === address);
  if (change === undefined) throw new Error(`no change of ${address}`);
  return change;
}

const without = (...names: readonly string[]): readonly Column[] => COLUMNS.filter(({ name }) => !names.includes(name));
const retyped = (name: string, type: string): readonly Column[] =>
  COLUMNS.map((column) => (column.name === name ? { name, type } : column));

describe('the columns of a source', () => {
  it('are recorded with the lineage of each set, and a second plan is empty', async () => {
    const state = await applied();
    const { resources } = await state.read();
    const outputs = (address: string) => resources.find((one) => one.address === address)?.outputs;
    expect(outputs('source.visits')).toEqual({ columns: COLUMNS });
    expect(outputs('feature_set.patient_labs')).toMatchObject({
      version: 1,
      lineage: { bili: ['visits.bili', 'visits.event_time', 'visits.id'] },
    });
    expect((await planOf(loaded(healthcare(), COLUMNS), state)).summary).toMatchObject({ update: 0, class: null });
  });

  it('show in the plan when the file lost, gained or retyped one, and are as the specs say after an apply', async () => {
    const state = await applied();
    const now = [
      ...retyped('bili', 'VARCHAR').filter(({ name }) => name !== 'spare'),
      { name: 'site', type: 'VARCHAR' },
    ];
    const change = changeOf(await planOf(loaded(healthcare(), now), state), 'source.visits');
    expect(change.actions).toEqual(['update']);
    expect(change.reason).toBe('column bili is VARCHAR, was DOUBLE, column site is new, column spare is gone');
    expect(change.diffs).toEqual([
      { path: '/file/columns/bili', before: 'DOUBLE', after: 'VARCHAR' },
      { path: '/file/columns/site', before: null, after: 'VARCHAR' },
      { path: '/file/columns/spare', before: 'VARCHAR', after: null },
    ]);
    await applyProject(loaded(healthcare(), now), state, { effects: memoryEffects() });
    expect((await planOf(loaded(healthcare(), now), state)).summary.class).toBeNull();
  });

  it('are no change where they are not known now, or were not recorded', async () => {
    const state = await applied();
    expect((await planOf(loaded(healthcare(), undefined), state)).summary.class).toBeNull();
    const older = await applied(healthcare());
    expect((await planOf(loaded(healthcare(), without('bili')), older)).summary.class).toBeNull();
    // Known again: what was recorded is kept through an apply that did not know.
    await applyProject(loaded(healthcare({ source: { description: 'Visits' } }), undefined), state, {
      effects: memoryEffects(),
    });
    const plan = await planOf(loaded(healthcare({ source: { description: 'Visits' } }), without('spare')), state);
    expect(changeOf(plan, 'source.visits').reason).toBe('column spare is gone');
  });

  it('go with a saved plan, and plans of before have none', async () => {
    const state = memoryStateStore();
    const plan = await planOf(loaded(healthcare(), COLUMNS), state);
    const saved = decodePlanFile(encodePlanFile({ plan, bundleFiles: {} }), 'plan.mlops').plan;
    expect(saved).toEqual(plan);
    expect(changeOf(saved, 'source.visits').observed).toEqual({ columns: COLUMNS });
    const { observed: _, ...older } = changeOf(saved, 'source.visits');
    expect(older).not.toHaveProperty('observed');
  });

  it('that no feature reads may go without more ado', async () => {
    const change = changeOf(await planOf(loaded(healthcare(), without('spare')), await applied()), 'source.visits');
    expect(change).toMatchObject({ class: 'safe', findings: [] });
    expect(change.impact).toMatchObject({ features: [], downstream: ['pipeline.weekly_retraining'], rows: 0 });
  });

  it('that features read must not go: FS120 names just them', async () => {
    const plan = await planOf(loaded(healthcare(), without('bili')), await applied());
    const change = changeOf(plan, 'source.visits');
    expect(change).toMatchObject({ class: 'breaking', reason: 'column bili is gone' });
    expect(change.impact.features).toEqual(['patient_labs.bili', 'patient_labs.bili_albumin']);
    expect(change.findings.map(({ code, severity }) => [code, severity])).toEqual([['FS120', 'error']]);
    expect(change.findings[0]?.detail).toContain('patient_labs.bili and patient_labs.bili_albumin read it');
    expect(plan.applyable).toBe(false);
  });

  it('that features read in another type are told with FS121', async () => {
    const change = changeOf(
      await planOf(loaded(healthcare(), retyped('albumin', 'VARCHAR')), await applied()),
      'source.visits',
    );
    expect(change.class).toBe('backfill');
    expect(change.impact.features).toEqual(['patient_labs.albumin', 'patient_labs.bili_albumin']);
    expect(change.findings).toMatchObject([{ code: 'FS121', severity: 'warning' }]);
  });

  it('that the specs add are lost like those of a file', async () => {
    const edits: HealthcareEdits = { source: { columns: { bili: 'raw * 2', ratio: 'bili / albumin' } } };
    const withRatio = [...COLUMNS, { name: 'ratio', type: 'DOUBLE' }];
    const lineage = { ...LINEAGE, patient_trend: { visits_365d: of('event_time', 'id', 'ratio') } };
    const state = await applied(loaded(healthcare(edits), withRatio, lineage));
    const plan = await planOf(
      loaded(healthcare({ source: { columns: { bili: 'raw * 3' } } }), undefined, lineage),
      state,
    );
    const change = changeOf(plan, 'source.visits');
    expect(change.impact.features).toEqual([
      'patient_labs.bili',
      'patient_labs.bili_albumin',
      'patient_trend.visits_365d',
    ]);
    expect(change.findings.filter(({ code }) => code === 'FS120')).toMatchObject([
      { detail: expect.stringContaining('visits.ratio is gone, but patient_trend.visits_365d reads it') },
    ]);
  });

  it('that an older state has no lineage for are found by the columns that features name', async () => {
    const state = memoryStateStore();
    const old = healthcare();
    const source = { ...(old.resources.get('source.visits') as AnyResource), columns: COLUMNS } as AnyResource;
    await applyProject({ ...old, resources: new Map(old.resources).set('source.visits', source) }, state, {
      effects: memoryEffects(),
    });
    const { lineage: _labs, ...rest } = LINEAGE;
    const change = changeOf(await planOf(loaded(healthcare(), without('albumin'), rest), state), 'source.visits');
    // What the query of the other set reads is not known: it may be this column.
    expect(change.impact.features).toEqual([
      'patient_labs.albumin',
      'patient_labs.bili_albumin',
      'patient_trend.visits_365d',
    ]);
  });
});

describe('what lies downstream', () => {
  /** A second service with a model and an endpoint, over the trend alone. */
  function twoServices(columns: readonly Column[]): Project {
    const base = loaded(
      healthcare({ service: { features: ['patient_labs.bili'] }, endpoint: { owner: 'hepatology' } }),
      columns,
    );
    const more = [
      resource('feature_service', { name: 'trend_inputs', features: ['patient_trend.visits_365d'] }, [
        'feature_set.patient_trend',
      ]),
      resource(
        'model',
        { name: 'trend', framework: 'onnx', inputs: 'trend_inputs', pipeline: 'weekly_retraining' } as never,
        ['feature_service.trend_inputs', 'pipeline.weekly_retraining'],
      ),
      resource(
        'endpoint',
        { name: 'trend', key: 'id', variants: { a: { model: 'trend', version: 1 } }, split: { a: 100 } } as never,
        ['model.trend'],
      ),
    ];
    return projectOf([...base.resources.values(), ...more]);
  }

  it('of a column is what reads the features that read it, and no other service', async () => {
    const plan = await planOf(twoServices(retyped('bili', 'VARCHAR')), await applied(twoServices(COLUMNS)), {
      facts: MEASURED,
    });
    const { impact } = changeOf(plan, 'source.visits');
    expect(impact.downstream).toEqual([
      'endpoint.mortality',
      'feature_service.mortality_inputs',
      'feature_set.patient_labs',
      'model.pbc_mortality',
      'pipeline.weekly_retraining',
    ]);
    expect(impact.endpoints).toEqual([{ address: 'endpoint.mortality', owner: 'hepatology', requestsPerDay: 1240.4 }]);
  });

  it('of the whole source is everything that depends on it', async () => {
    const project = twoServices(COLUMNS);
    const edited = loaded(healthcare({ source: { nulls: [] }, service: { features: ['patient_labs.bili'] } }), COLUMNS);
    const resources = new Map(project.resources).set(
      'source.visits',
      edited.resources.get('source.visits') as AnyResource,
    );
    const { impact } = changeOf(await planOf({ ...project, resources }, await applied(project)), 'source.visits');
    expect(impact.downstream).toContain('endpoint.trend');
    expect(impact.downstream).toContain('endpoint.mortality');
  });

  it('of a feature set is what reads the features that change', async () => {
    const labs = healthcare().resources.get('feature_set.patient_labs')?.spec as { features: Record<string, object> };
    const features = { ...labs.features, albumin: { dtype: 'float32' } } as never;
    const plan = await planOf(loaded(healthcare({ labs: { features } }), COLUMNS), await applied());
    const { impact } = changeOf(plan, 'feature_set.patient_labs');
    expect(impact.features).toEqual(['patient_labs.albumin', 'patient_labs.bili_albumin']);
    expect(impact.downstream).toContain('endpoint.mortality');
  });
});

describe('the cost of a change', () => {
  const edit: HealthcareEdits = { trend: { query: TREND_QUERY.replace('365 days', '180 days') } };

  it('is what was measured of the version before', async () => {
    const plan = await planOf(loaded(healthcare(edit), COLUMNS), await applied(), { facts: MEASURED });
    expect(changeOf(plan, 'feature_set.patient_trend').impact).toMatchObject({
      rows: 1945,
      days: 5184,
      bytes: 120_431,
      estimatedSeconds: 0.047,
      basis: 'as many rows as version 3 has; last measured 41,000 rows/s on 2026-11-26',
    });
    expect(plan.summary.recompute).toEqual({
      featureSets: ['feature_set.patient_trend'],
      rows: 1945,
      bytes: 120_431,
      estimatedSeconds: 0.047,
      unknown: [],
    });
    expect(renderHuman(plan, { color: false })).toContain(
      'recompute 1,945 rows over 5,184 days, 120 kB, about 1 s (as many rows as version 3 has; last measured 41,000 rows/s on 2026-11-26)',
    );
    expect(renderHuman(plan, { color: false })).toContain(
      'affects endpoint.mortality (1,240 predictions a day), feature_service.mortality_inputs',
    );
    expect(renderMarkdown(plan)).toContain('| `endpoint.mortality` | nobody named | 1,240 |');
  });

  it('is unknown, never 0, where nothing was measured', async () => {
    const plan = await planOf(loaded(healthcare(edit), COLUMNS), await applied());
    expect(changeOf(plan, 'feature_set.patient_trend').impact).toMatchObject({ rows: null, estimatedSeconds: null });
    expect(plan.summary.recompute).toMatchObject({ rows: null, unknown: ['feature_set.patient_trend'] });
    expect(renderHuman(plan, { color: false })).toContain('recompute an unknown number of rows');
  });

  it('is known to be none where nothing is computed again', async () => {
    const plan = await planOf(loaded(healthcare({ labs: { ttl: '30d' } }), COLUMNS), await applied());
    expect(changeOf(plan, 'feature_set.patient_labs').impact).toMatchObject({
      rows: 0,
      estimatedSeconds: 0,
      features: [],
    });
    expect(plan.summary.recompute).toBeNull();
    expect(renderHuman(plan, { color: false })).not.toContain('recompute');
  });

  it('counts a set once that two changes touch', async () => {
    const plan = await planOf(loaded(healthcare({ ...edit, source: { nulls: [] } }), COLUMNS), await applied(), {
      facts: MEASURED,
    });
    expect(plan.summary.recompute).toMatchObject({
      featureSets: ['feature_set.patient_labs', 'feature_set.patient_trend'],
      rows: null,
      unknown: ['feature_set.patient_labs'],
    });
  });
});
