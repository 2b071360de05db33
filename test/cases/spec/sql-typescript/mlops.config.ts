import { defineConfig, entity, featureService, featureSet, model, pipeline, source, sql } from 'mlops';

const visits = source('visits', {
  file: 'data/visits.csv',
  columns: { at: "timestamp '1974-01-01' + dya * interval 1 day" },
});
const derived = source('derived', { query: sql`select id, bili * 2 as bili2, nope from ${visits}` });
const patient = entity('patient', { keys: { id: 'int64' } });

const labs = featureSet('labs', {
  entity: patient,
  source: visits,
  eventTime: 'att',
  features: {
    bili: 'float64',
    alk: { dtype: 'float64', column: 'alk_phos' },
    double: { dtype: 'float64', expr: 'bili * 2' },
  },
});

const trend = featureSet('trend', {
  entity: patient,
  eventTime: 'at',
  query: sql`
    select id, at,
      bilirubin - first_value(bili) over w as change
    from visits
    window w as (partition by id order by at)
  `,
  features: { chnge: 'float64' },
});

const broken = featureSet('broken', {
  entity: patient,
  eventTime: 'at',
  query: 'select id, at\nfrm visits',
  features: { x: 'float64' },
});

const phos = featureSet('phos', {
  entity: patient,
  eventTime: 'at',
  query: sql`select id, at, alk.phos as x from ${visits} v where id > ${3}`,
  features: { x: 'float64' },
});
const lost = featureSet('lost', {
  entity: patient,
  eventTime: 'at',
  query: sql`select id, at, bili as x from visit`,
  features: { x: 'float64' },
});
const writes = featureSet('writes', {
  entity: patient,
  eventTime: 'at',
  query: sql`delete from visits`,
  features: { x: 'float64' },
});

const inputs = featureService('inputs', { features: [labs] });
const train = pipeline('train', {
  tasks: {
    dataset: {
      operator: 'training_dataset',
      spine: sql`select v.id as patient, ${labs.bili} > 3 as died from ${visits} v`,
    },
    train: { operator: 'model_training', trainer: 'random_forest', label: 'dead' },
    register: { operator: 'model_registration' },
  },
});
const risk = model('risk', { framework: 'onnx', inputs, pipeline: train });

export default defineConfig({ project: 'clinic', resources: [derived, labs, trend, broken, phos, lost, writes, risk] });
