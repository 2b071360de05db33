import { defineConfig, entity, featureService, featureSet, pipeline, source } from 'mlops';

const visits = source('visits', { file: 'data/visits.csv' });

const patient = entity('patient', { keys: { patient_id: 'int64' } });

const labs = featureSet('labs', {
  entity: patient,
  source: visits,
  eventTime: 'visited_at',
  ttl: '400d',
  features: {
    bilirubin: { dtype: 'float64', unit: 'mg/dl', expect: { min: 0, max: 60 } },
    albumin: { dtype: 'float64', unit: 'g/dl' },
    platelets: { dtype: 'float64', unit: '10^3/ml' },
    bilirubin_per_albumin: { dtype: 'float64', expr: 'bilirubin / albumin' },
  },
});

const inputs = featureService('inputs', { features: [labs] });

const refresh = pipeline('refresh', {
  schedule: { cron: '0 2 * * *' },
  tasks: {
    ingest: { operator: 'data_ingestion', source: visits },
    validate: { operator: 'data_validation' },
    materialize: { operator: 'feature_materialization', featureSets: [labs] },
  },
});

export default defineConfig({
  project: 'my-project',
  resources: [visits, patient, labs, inputs, refresh],
});
