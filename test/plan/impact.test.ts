import { describe, expect, it } from 'vitest';
import type { Change } from '../../src/plan/change.ts';
import { createPlan } from '../../src/plan/create-plan.ts';
import type { Plan } from '../../src/plan/plan.ts';
import { decodePlanFile, encodePlanFile } from '../../src/plan/plan-file.ts';
import { renderHuman } from '../../src/plan/render/human.ts';
import { renderMarkdown } from '../../src/plan/render/markdown.ts';
import type { Column } from '../../src/spec/column.ts';
import type { FeatureLineage } from '../../src/spec/column-lineage.ts';
import type { AnyResource, Project } from '../../src/spec/project.ts';
import { outputsChangedBy } from '../../src/spec/sql-analysis.ts';
import type { PlanFacts } from '../../src/stores/control/facts.ts';
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

  it('count for a set that a query of a pipeline writes, which is not computed again', async () => {
    const written = (query: string): Project =>
      projectOf([
        ...healthcare().resources.values(),
        resource(
          'feature_set',
          {
            name: 'activity',
            entity: 'patient',
            push: true,
            eventTime: 'event_time',
            features: { n: { dtype: 'int64' } },
          },
          ['entity.patient'],
        ),
        resource('feature_service', { name: 'active', features: ['activity.n'] }, ['feature_set.activity']),
        resource(
          'pipeline',
          { name: 'counts', tasks: { compute: { operator: 'sql_query', query, into: 'activity', needs: [] } } },
          ['feature_set.activity', 'source.visits'],
        ),
      ]);
    const project = written('select id, count(spare) as n from visits group by id');
    const lineage = { ...LINEAGE, activity: { n: of('id', 'spare') } };
    const state = await applied(loaded(project, COLUMNS, lineage));
    const change = changeOf(await planOf(loaded(project, retyped('spare', 'BIGINT'), lineage), state), 'source.visits');
    expect(change.impact).toMatchObject({ features: ['activity.n'], rows: 0 });
    expect(change.impact.downstream).toContain('feature_service.active');
    const other = await planOf(
      loaded(written('select id, count(id) as n from visits group by id'), COLUMNS, lineage),
      state,
    );
    expect(changeOf(other, 'pipeline.counts')).toMatchObject({ class: 'backfill', findings: [{ code: 'PL114' }] });
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

  describe('that features read, of another type in the data alone,', () => {
    const of = async (column: string, type: string, facts: PlanFacts) =>
      changeOf(await planOf(loaded(healthcare(), retyped(column, type)), await applied(), { facts }), 'source.visits');
    const served: PlanFacts = {
      models: new Map([['pbc_mortality', { versions: 1, production: 1, staging: null, servedFeatures: [] }]]),
    };
    const unserved: PlanFacts = {
      models: new Map([['pbc_mortality', { versions: 1, production: null, staging: null, servedFeatures: [] }]]),
    };

    it('hold the apply back with FS107 while a version serves that learned from them', async () => {
      const change = await of('albumin', 'VARCHAR', served);
      expect(change.class).toBe('breaking');
      expect(change.findings.map(({ code, severity }) => [code, severity])).toEqual([['FS107', 'error']]);
      expect(change.findings[0]?.detail).toBe(
        'patient_labs.albumin and patient_labs.bili_albumin mean something else, because the type of visits.albumin in the data (DOUBLE, now VARCHAR) changed. Version 1 of model.pbc_mortality in production learned from the values before and would be asked with others.',
      );
      expect(change.findings[0]?.fix).toContain('types: { albumin: … }');
    });

    it('are told with FS121 where no version serves', async () => {
      const change = await of('albumin', 'VARCHAR', unserved);
      expect(change.class).toBe('backfill');
      expect(change.impact.features).toEqual(['patient_labs.albumin', 'patient_labs.bili_albumin']);
      expect(change.findings).toMatchObject([{ code: 'FS121', severity: 'warning' }]);
    });

    it('are told with FS121 where numbers stay the numbers that they were', async () => {
      expect((await of('albumin', 'BIGINT', served)).findings).toMatchObject([{ code: 'FS121', severity: 'warning' }]);
    });

    it('are FS107 where it is the key or the time of the rows, or read by a query', async () => {
      expect((await of('event_time', 'VARCHAR', served)).findings).toMatchObject([{ code: 'FS107' }]);
      const [finding] = (await of('id', 'DOUBLE', served)).findings;
      expect(finding?.code).toBe('FS107');
      expect(finding?.detail).toContain('patient_trend.visits_365d');
    });

    it('are as before once `types` of the source says the type that they had', async () => {
      const fixed = healthcare({ source: { types: { albumin: 'float64' } } });
      const change = changeOf(
        await planOf(loaded(fixed, COLUMNS), await applied(), { facts: served }),
        'source.visits',
      );
      expect(change).toMatchObject({ class: 'safe', findings: [] });
    });
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
    const change = changeOf(await planOf(loaded(healthcare(), without('albumin'), {}), state), 'source.visits');
    // What the query of the other set reads is not known: it may be this column.
    expect(change.impact.features).toEqual([
      'patient_labs.albumin',
      'patient_labs.bili_albumin',
      'patient_trend.visits_365d',
    ]);
    // It reads now what it read then where nobody edited it since.
    const known = changeOf(await planOf(loaded(healthcare(), without('albumin')), state), 'source.visits');
    expect(known.impact.features).toEqual(['patient_labs.albumin', 'patient_labs.bili_albumin']);
  });
});

describe('the query of a source', () => {
  const BEFORE = 'select id, event_time, bili, albumin from visits';

  function over(query: string): Project {
    const base = healthcare({ labs: { source: 'clean' } });
    const resources = [...base.resources.values()].map((one) =>
      one.address === 'feature_set.patient_labs'
        ? { ...one, dependsOn: ['entity.patient', 'source.clean'] as const }
        : one,
    );
    const clean = resource('source', { name: 'clean', query }, ['source.visits']);
    return loaded(projectOf([...(resources as readonly AnyResource[]), clean]), COLUMNS);
  }
  const planned = async (query: string) => {
    const state = await applied(over(BEFORE));
    const outputs = await outputsChangedBy(BEFORE, query);
    const changedOutputs = new Map(outputs === undefined ? [] : [['clean', outputs]]);
    const input = { environment: 'dev', mode: 'apply', state: await state.read(), changedOutputs } as const;
    return changeOf(createPlan({ ...input, project: over(query) }), 'source.clean');
  };

  it('names the features that take a column of which the expression changed, and those computed from them', async () => {
    const { impact } = await planned('select id, event_time, bili, albumin * 10 as albumin from visits');
    expect(impact.features).toEqual(['patient_labs.albumin', 'patient_labs.bili_albumin']);
  });

  it('names no feature for an output that is new', async () => {
    expect((await planned(BEFORE.replace('albumin', 'albumin, spare'))).impact.features).toEqual([]);
  });

  it('names all below where the key, or which rows there are, changed', async () => {
    const all = ['patient_labs.albumin', 'patient_labs.bili', 'patient_labs.bili_albumin'];
    expect((await planned(BEFORE.replace('id,', 'id + 1 as id,'))).impact.features).toEqual(all);
    expect((await planned(`${BEFORE} where bili > 1`)).impact.features).toEqual(all);
  });

  it('of another file names what is made from it, and nothing else', async () => {
    const beds = resource(
      'feature_set',
      {
        name: 'beds',
        entity: 'patient',
        source: 'wards',
        eventTime: 'event_time',
        features: { beds: { dtype: 'int64' } },
      },
      ['entity.patient', 'source.wards'],
    );
    const joined = resource(
      'feature_set',
      {
        name: 'joined',
        entity: 'patient',
        query: 'select v.id, v.event_time, v.bili, (select max(beds) from wards) as most from visits v',
        eventTime: 'event_time',
        features: { bili: { dtype: 'float64' }, most: { dtype: 'int64' } },
      },
      ['entity.patient', 'source.visits', 'source.wards'],
    );
    const ward = (column: string) => ({ source: 'wards', column });
    const lineage: Readonly<Record<string, FeatureLineage>> = {
      ...LINEAGE,
      beds: { beds: ['beds', 'event_time', 'id'].map(ward) },
      joined: { bili: of('bili', 'event_time', 'id'), most: [...of('event_time', 'id'), ward('beds')] },
    };
    const project = (file: string) => {
      const { resources } = healthcare();
      return loaded(
        projectOf([...resources.values(), resource('source', { name: 'wards', file }), beds, joined]),
        undefined,
        lineage,
      );
    };
    const plan = await planOf(project('wards-2.csv'), await applied(project('wards.csv')));
    expect(changeOf(plan, 'source.wards').impact.features).toEqual(['beds.beds', 'joined.most']);
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
