// One-year mortality risk in primary biliary cirrhosis: 1,945 visits of 312 real patients.
// The data and where it comes from: examples/healthcare/data.
import {
  defineConfig,
  endpoint,
  entity,
  env,
  featureService,
  featureSet,
  model,
  pipeline,
  policy,
  source,
  sql,
} from 'mlops';

const visits = source('visits', {
  description: 'laboratory results of each visit',
  file: 'examples/healthcare/data/pbcseq.csv',
  nulls: ['NA'],
  // The trial has no calendar dates, only days since a patient registered.
  columns: { event_time: "timestamp '1974-01-01' + day * interval 1 day" },
});

const patient = entity('patient', { keys: { id: 'int64' } });

const labs = featureSet('patient_labs', {
  entity: patient,
  source: visits,
  eventTime: 'event_time',
  ttl: '400d',
  owner: 'hepatology',
  features: {
    bili: {
      dtype: 'float64',
      unit: 'mg/dl',
      description: 'serum bilirubin',
      expect: { min: 0, max: 60, maxNull: 0.01 },
    },
    albumin: { dtype: 'float64', unit: 'g/dl' },
    protime: { dtype: 'float64', unit: 's' },
    platelet: { dtype: 'float64', unit: '10^3/ml' },
    bili_albumin: { dtype: 'float64', expr: 'bili / albumin' },
  },
  materialize: { cron: '0 2 * * *', lookback: '2d' },
});

const trend = featureSet('patient_trend', {
  entity: patient,
  eventTime: 'event_time',
  ttl: '400d',
  owner: 'hepatology',
  query: sql`
    select id, event_time,
      count(*) over w as visits_365d,
      bili - first_value(bili) over w as bili_change_365d
    from visits
    window w as (partition by id order by event_time range between interval 365 days preceding and current row)`,
  features: { visits_365d: { dtype: 'int64' }, bili_change_365d: { dtype: 'float64' } },
});

const risk = featureService('mortality_inputs', { features: [labs, trend.bili_change_365d] });

const retrain = pipeline('weekly_retraining', {
  schedule: { cron: '0 0 * * 0', timezone: 'America/Chicago', catchup: 'none' },
  tasks: {
    ingest: { operator: 'data_ingestion', source: visits },
    validate: { operator: 'data_validation', needs: ['ingest'] },
    materialize: { operator: 'feature_materialization', featureSets: [labs, trend], needs: ['validate'] },
    dataset: {
      operator: 'training_dataset',
      needs: ['materialize'],
      features: risk,
      // Only visits whose outcome a year later is known: the patient died, or was followed for longer.
      spine: sql`
        select id, event_time, (status = 2 and futime - day <= 365)::int as died_1y
        from visits
        where futime - day > 365 or (status = 2 and futime >= day)`,
    },
    train: {
      operator: 'model_training',
      needs: ['dataset'],
      trainer: 'gradient_boosting',
      label: 'died_1y',
      resources: { cpu: 1, memory: '1Gi' },
      retry: { limit: 2 },
      timeout: '10m',
    },
    evaluate: { operator: 'model_evaluation', needs: ['train'] },
    register: { operator: 'model_registration', needs: ['evaluate'], model: 'pbc_mortality' },
    promote: { operator: 'model_promotion', needs: ['register'], to: 'production' },
  },
});

const mortality = model('pbc_mortality', {
  framework: 'onnx',
  inputs: risk,
  pipeline: retrain,
  owner: 'hepatology',
  gates: [
    { metric: 'auc', min: 0.8 },
    { metric: 'auc', atLeast: 'production' },
  ],
  card: { intendedUse: 'One-year mortality risk in primary biliary cirrhosis. Not for diagnosis.' },
});

const serve = endpoint('mortality', {
  key: 'id',
  variants: {
    control: { model: mortality, stage: 'production' },
    treatment: { model: mortality, stage: 'staging' },
  },
  split: { control: 90, treatment: 10 },
  feedback: { outcome: 'died_1y', type: 'binary', within: '400d' },
});

// Production keeps its rows, whoever asks for something else: a plan that would destroy them cannot be applied.
const keepRows = policy('keep_patient_rows', {
  enforcement: 'deny',
  owner: 'hepatology',
  message: '{change.address} holds rows of patients: production keeps them.',
  each: "plan.environment == 'prod' && change.class == 'destructive'",
});

export default defineConfig({
  project: 'healthcare',
  environments: {
    dev: {},
    prod: { control: { postgres: env('DATABASE_URL') } },
  },
  resources: [visits, patient, labs, trend, risk, retrain, mortality, serve, keepRows],
});
