/** Loaded projects without files: canonical specs in, a Project out. */
import { digestOf } from '../../src/lib/canonical.ts';
import { type Address, addressOf } from '../../src/spec/address.ts';
import type { CanonicalSpecs } from '../../src/spec/canonical-specs.ts';
import type { Kind } from '../../src/spec/kinds.ts';
import type { AnyResource, Project } from '../../src/spec/project.ts';
import { specDigest } from '../../src/spec/spec-digest.ts';

export function resource<K extends Kind>(
  kind: K,
  spec: CanonicalSpecs[K],
  dependsOn: readonly Address[] = [],
  line = 1,
): AnyResource {
  const place = (pointer: string) => ({
    file: 'mlops.config.ts',
    start: { line: line + pointer.split('/').length - 1, column: 3 },
    end: { line: line + pointer.split('/').length - 1, column: 9 },
  });
  return {
    kind,
    name: spec.name,
    address: addressOf(kind, spec.name),
    spec,
    digest: specDigest(spec),
    dependsOn: [...dependsOn].sort(),
    at: place(''),
    locate: place,
  } as unknown as AnyResource;
}

export function projectOf(
  resources: readonly AnyResource[],
  bundleFiles: ReadonlyMap<string, string> = new Map(),
): Project {
  const sorted = [...resources].sort((a, b) => (a.address < b.address ? -1 : 1));
  return {
    name: 'healthcare',
    description: undefined,
    root: '/project',
    configFile: '/project/mlops.config.ts',
    environments: { dev: {} },
    rules: {},
    resources: new Map(sorted.map((one) => [one.address, one])),
    digest: digestOf(sorted.map(({ address, digest }) => [address, digest])),
    bundleFiles,
  };
}

export interface HealthcareEdits {
  readonly source?: Partial<CanonicalSpecs['source']>;
  readonly entity?: Partial<CanonicalSpecs['entity']>;
  readonly labs?: Partial<CanonicalSpecs['feature_set']>;
  readonly trend?: Partial<CanonicalSpecs['feature_set']>;
  readonly service?: Partial<CanonicalSpecs['feature_service']>;
  readonly pipeline?: Partial<CanonicalSpecs['pipeline']>;
  readonly model?: Partial<CanonicalSpecs['model']>;
  readonly endpoint?: Partial<CanonicalSpecs['endpoint']>;
  readonly policy?: Partial<CanonicalSpecs['policy']>;
  readonly without?: readonly Address[];
}

export const TREND_QUERY = `select id, event_time, count(*) over w as visits_365d
from visits
window w as (partition by id order by event_time range between interval 365 days preceding and current row)`;

/** One resource of every kind, as the example project has them. */
export function healthcare(edits: HealthcareEdits = {}): Project {
  const all = [
    resource('source', { name: 'visits', file: 'data/pbcseq.csv', nulls: ['NA'], ...edits.source }, [], 4),
    resource('entity', { name: 'patient', keys: { id: 'int64' }, ...edits.entity }, [], 8),
    resource(
      'feature_set',
      {
        name: 'patient_labs',
        entity: 'patient',
        source: 'visits',
        eventTime: 'event_time',
        ttl: '400d',
        owner: 'hepatology',
        features: {
          bili: { dtype: 'float64', unit: 'mg/dl', expect: { min: 0, max: 60 } },
          albumin: { dtype: 'float64', unit: 'g/dl' },
          bili_albumin: { dtype: 'float64', expr: 'bili / albumin' },
        },
        ...edits.labs,
      },
      ['entity.patient', 'source.visits'],
      12,
    ),
    resource(
      'feature_set',
      {
        name: 'patient_trend',
        entity: 'patient',
        query: TREND_QUERY,
        eventTime: 'event_time',
        features: { visits_365d: { dtype: 'int64' } },
        ...edits.trend,
      },
      ['entity.patient', 'source.visits'],
      24,
    ),
    resource(
      'feature_service',
      {
        name: 'mortality_inputs',
        features: [
          'patient_labs.bili',
          'patient_labs.albumin',
          'patient_labs.bili_albumin',
          'patient_trend.visits_365d',
        ],
        ...edits.service,
      },
      ['feature_set.patient_labs', 'feature_set.patient_trend'],
      32,
    ),
    resource(
      'pipeline',
      {
        name: 'weekly_retraining',
        schedule: { cron: '0 0 * * 0', timezone: 'America/Chicago' },
        tasks: {
          ingest: { operator: 'data_ingestion', source: 'visits', needs: [] },
          materialize: {
            operator: 'feature_materialization',
            featureSets: ['patient_labs', 'patient_trend'],
            needs: ['ingest'],
          },
        },
        ...edits.pipeline,
      },
      ['feature_set.patient_labs', 'feature_set.patient_trend', 'source.visits'],
      36,
    ),
    resource(
      'model',
      {
        name: 'pbc_mortality',
        framework: 'onnx',
        inputs: 'mortality_inputs',
        pipeline: 'weekly_retraining',
        gates: [{ metric: 'auc', min: 0.8 }],
        ...edits.model,
      },
      ['feature_service.mortality_inputs', 'pipeline.weekly_retraining'],
      46,
    ),
    resource(
      'endpoint',
      {
        name: 'mortality',
        key: 'id',
        variants: { control: { model: 'pbc_mortality', stage: 'production' } },
        split: { control: 100 },
        ...edits.endpoint,
      },
      ['model.pbc_mortality'],
      52,
    ),
    resource(
      'policy',
      {
        name: 'keep_patient_rows',
        enforcement: 'deny',
        message: '{change.address} holds rows of patients: production keeps them.',
        each: "plan.environment == 'prod' && change.class == 'destructive'",
        ...edits.policy,
      },
      [],
      60,
    ),
  ];
  return projectOf(all.filter(({ address }) => edits.without?.includes(address) !== true));
}
