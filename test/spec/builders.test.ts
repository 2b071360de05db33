import { expect, it } from 'vitest';
import {
  defineConfig,
  endpoint,
  entity,
  env,
  type FeatureSetInput,
  featureService,
  featureSet,
  model,
  pipeline,
  type SourceInput,
  source,
  sql,
} from '../../src/index.ts';
import { featureOf, resourceOf, sqlOf } from '../../src/spec/resource-value.ts';

const visits = source('visits', { file: 'visits.csv' });
const patient = entity('patient', { keys: { id: 'int64' } });
const labs = featureSet('labs', {
  entity: patient,
  source: visits,
  eventTime: 'at',
  features: {
    bili: 'float64',
    name: { dtype: 'string' },
    constructor: 'int64',
    tags: 'array<string>',
    embedding: { dtype: 'vector<3>', default: [0, 0, 1] },
  },
});

it('a feature set has its features as properties, whatever their names', () => {
  expect(featureOf(labs.bili)?.feature).toBe('bili');
  expect(featureOf(labs.name)?.feature).toBe('name');
  expect(featureOf(labs.constructor)?.feature).toBe('constructor');
  expect(resourceOf(labs)?.name).toBe('labs');
});

it('what the builders take has a name, for functions of a project', () => {
  const lab = (unit: string): FeatureSetInput<'value'>['features']['value'] => ({ dtype: 'float64', unit });
  const shared: Pick<SourceInput, 'owner' | 'tags'> = { owner: 'hepatology', tags: { area: 'liver' } };
  const albumin = featureSet('albumin', {
    ...shared,
    entity: patient,
    push: true,
    eventTime: 'at',
    features: { value: lab('g/dl') },
  });
  expect(featureOf(albumin.value)?.feature).toBe('value');
});

it('references that do not fit are type errors', () => {
  // @ts-expect-error a feature that the set does not have
  expect(featureOf(labs.bilirubin)).toBeUndefined();
  // @ts-expect-error an entity where a source is expected
  featureSet('a', { entity: patient, source: patient, eventTime: 'at', features: { x: 'float64' } });
  // @ts-expect-error a dtype that does not exist
  featureSet('a', { entity: patient, source: visits, eventTime: 'at', features: { x: 'flot64' } });
  // @ts-expect-error a misspelt field
  source('b', { fil: 'a.csv' });
  pipeline('c', {
    tasks: {
      one: { operator: 'data_ingestion', source: visits },
      // @ts-expect-error a task that the pipeline does not have
      two: { operator: 'data_validation', needs: ['on'] },
    },
  });
  // @ts-expect-error a field of another operator
  pipeline('d', { tasks: { one: { operator: 'data_ingestion', spine: 'select 1' } } });
  // @ts-expect-error a share of a variant that does not exist
  endpoint('e', { variants: { control: { model: 'm' } }, split: { contrl: 100 } });
  // @ts-expect-error a feature service where a model is expected
  endpoint('f', { variants: { control: { model: featureService('inputs', { features: [labs] }) } } });
  // @ts-expect-error what is no resource
  defineConfig({ project: 'p', resources: ['labs'] });
});

it('names are accepted wherever references are', () => {
  featureSet('a', { entity: 'patient', source: 'visits', eventTime: 'at', features: { x: 'float64' } });
  featureService('b', { features: ['a', 'a.x', labs, labs.bili] });
  model('c', { framework: 'onnx', inputs: 'b', pipeline: 'p' });
  pipeline('d', { tasks: { one: { operator: 'training_dataset', features: 'b', spine: 'select 1' } } });
  defineConfig({
    project: 'p',
    environments: { prod: { control: { postgres: env('DATABASE_URL') } } },
    resources: [labs],
  });
});

it('sql keeps its text and turns what is interpolated into SQL', () => {
  const odd = source('odd-name', { file: 'a.csv' });
  const where = sql`id > ${3}`;
  expect(sqlOf(sql`select ${labs.bili}, ${"it's"}, ${null}, ${true} from ${visits}, ${odd} where ${where}`)?.text).toBe(
    `select bili, 'it''s', null, true from visits, "odd-name" where id > 3`,
  );
  expect(() => sql`select ${{} as never}`).toThrow(TypeError);
});

it('five thousand calls take little time', () => {
  const start = performance.now();
  for (let index = 0; index < 5000; index++) {
    featureSet(`set_${index}`, {
      entity: patient,
      source: visits,
      eventTime: 'at',
      features: { a: 'float64', b: 'float64' },
    });
  }
  expect(performance.now() - start).toBeLessThan(1000);
});
