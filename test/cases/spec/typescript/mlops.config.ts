import { defineConfig, endpoint, entity, env, featureService, featureSet, model, pipeline, source } from 'mlops';

const visits = source('visits', { file: 'data/visit.csv', nulls: ['NA'], delimeter: ',' } as never);
const patient = entity('patient', { keys: { id: 'int64' } });
const shared = { eventTime: 'event_time', ttl: '400 days' };

const labs = featureSet('patient_labs', {
  ...shared,
  entity: patient,
  source: 'visit',
  features: {
    bili: { dtype: 'flot64' as 'float64', unit: 'mg/dl', expect: { min: 0, maxnull: 0.1 } as object },
    albumin: 'float64',
    ratio: { dtype: 'float64', expr: 'bili / albumn' },
    'has space': 'int64',
  },
  materialize: { cron: '0 25 * * *', lookback: '2d' },
});

const sets = ['a', 'b'].map((name) =>
  featureSet(`set_${name}`, {
    entity: patient,
    source: visits,
    eventTime: 'event_time',
    features: { [`f_${name}`]: 'float64', event_time: 'timestamp' },
  }),
);

const ages = featureSet('ages', {
  entity: patient,
  source: 'visits',
  eventTime: 'at',
  features: { age: 'int64', old: { dtype: 'bool', expr: 'older' }, older: { dtype: 'bool', expr: 'old' } },
});

const inputs = featureService('inputs', { features: [labs, 'ages.agee', ages.age] });
const again = featureService('inputs', { features: [ages] });

const train = pipeline('train', {
  schedule: { cron: '0 0 * * 0', timezone: 'America/Chicgo' },
  tasks: {
    ingest: { operator: 'data_ingestoin' as 'data_ingestion', source: visits },
    train: { operator: 'model_training', needs: ['promote'], trainer: 'gradient_boosting', label: 'died' },
    promote: { operator: 'model_promotion', needs: ['train'], to: 'prod' as 'production' },
  },
});

const cycle = pipeline('cycle', {
  tasks: {
    a: { operator: 'command', command: 'python missing.py', needs: ['b'] },
    b: { operator: 'command', command: ['echo', 'hello'], needs: ['a'], when: 'param.force' },
    c: { operator: 'model_registration', needs: [] },
    d: { operator: 'model_training', label: 'x', code: ['src/**/*.py'] },
  },
});

const risk = model('Risk', { framework: 'onyx' as 'onnx', inputs, pipeline: train, gates: [{ metric: 'auc' }] });
const death = model('death', { framework: 'onnx', inputs: 'input', pipeline: 'patient' });

const serve = endpoint('serve', {
  variants: { control: { model: death, stage: 'production', version: 3 }, treatment: { model: 'deth' } },
  split: { control: 90, treatmnt: 5 } as object,
});

export const forgotten = entity('forgotten', { keys: { id: 'string' } });

export default defineConfig({
  project: 'Clinic',
  environments: { prod: { contrl: { postgres: env('DATABASE_URL') } } as object },
  resources: [...sets, again, cycle, risk, serve],
  specs: ['specs/missing.yaml'],
});
