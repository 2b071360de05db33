import { describe, expect, it } from 'vitest';
import type { CanonicalSpecs } from '../../src/spec/canonical-specs.ts';
import { canonicalizeResource } from '../../src/spec/canonicalize.ts';
import { expressionOrder } from '../../src/spec/feature-set.ts';
import type { Kind } from '../../src/spec/kinds.ts';
import type { Lookup } from '../../src/spec/lookup.ts';

const recorded: { readonly [K in Kind]?: Readonly<Record<string, CanonicalSpecs[K]>> } = {
  source: { visits: { name: 'visits', file: 'visits.csv' }, wards: { name: 'wards', query: 'select * from visits' } },
  entity: { patient: { name: 'patient', keys: { id: 'int64' } } },
  feature_set: {
    labs: {
      name: 'labs',
      entity: 'patient',
      source: 'visits',
      eventTime: 'at',
      features: { bili: { dtype: 'float64' }, age: { dtype: 'int64' } },
    },
    stays: {
      name: 'stays',
      entity: 'patient',
      query: 'select * from wards',
      eventTime: 'at',
      features: { days: { dtype: 'int64' } },
    },
  },
  feature_service: { inputs: { name: 'inputs', features: ['labs.bili'] } },
  model: { risk: { name: 'risk', framework: 'onnx', inputs: 'inputs', pipeline: 'train' } },
};

const lookup: Lookup = {
  get: (kind, name) => (recorded[kind] as Readonly<Record<string, never>> | undefined)?.[name],
  names: (kind) => new Set(Object.keys(recorded[kind] ?? {})),
};

/** As YAML and JSON refer to an environment variable. */
const envText = (name: string): string => `\${env:${name}}`;

const told = (kind: Kind, raw: unknown): string[] =>
  canonicalizeResource(kind, raw, lookup).diagnostics.map(({ code, pointer }) => `${code} ${pointer}`);

describe('a resource as JSON', () => {
  it('may use snake_case, lists of named tasks, and leave operands out', () => {
    const { spec, dependsOn, diagnostics } = canonicalizeResource(
      'pipeline',
      {
        name: 'train',
        tasks: [
          { name: 'ingest', operator: 'data_ingestion', source: 'visits' },
          { name: 'validate', operator: 'data_validation', on_failure: 'warn' },
          { name: 'materialize', operator: 'feature_materialization' },
          { name: 'dataset', operator: 'training_dataset', spine: ' select id, at, died from visits; ' },
          { name: 'fit', operator: 'model_training', trainer: 'random_forest', label: 'died' },
          { name: 'register', operator: 'model_registration' },
          { name: 'promote', operator: 'model_promotion', to: 'staging' },
        ],
      },
      lookup,
    );
    expect(diagnostics).toEqual([]);
    expect(spec?.tasks).toEqual({
      ingest: { operator: 'data_ingestion', source: 'visits', needs: [] },
      validate: { operator: 'data_validation', onFailure: 'warn', featureSets: ['labs', 'stays'], needs: ['ingest'] },
      materialize: { operator: 'feature_materialization', featureSets: ['labs', 'stays'], needs: ['validate'] },
      dataset: {
        operator: 'training_dataset',
        features: 'inputs',
        spine: 'select id, at, died from visits',
        needs: ['materialize'],
      },
      fit: { operator: 'model_training', trainer: 'random_forest', label: 'died', needs: ['dataset'] },
      register: { operator: 'model_registration', model: 'risk', needs: ['fit'] },
      promote: { operator: 'model_promotion', to: 'staging', model: 'risk', needs: ['register'] },
    });
    expect(dependsOn).toEqual(['feature_service.inputs', 'feature_set.labs', 'feature_set.stays', 'source.visits']);
  });

  it('takes one feature set where a list is meant', () => {
    const { spec } = canonicalizeResource(
      'pipeline',
      { name: 'p', tasks: { m: { operator: 'feature_materialization', feature_set: 'labs' } } },
      lookup,
    );
    expect(spec?.tasks['m']).toEqual({ operator: 'feature_materialization', featureSets: ['labs'], needs: [] });
  });

  it('may list its features', () => {
    const { spec } = canonicalizeResource(
      'feature_set',
      {
        name: 'new',
        entity: 'patient',
        source: 'visits',
        event_time: 'at',
        features: [
          { name: 'a', dtype: 'int64' },
          { name: 'b', dtype: 'bool' },
        ],
      },
      lookup,
    );
    expect(spec).toEqual({
      name: 'new',
      entity: 'patient',
      source: 'visits',
      eventTime: 'at',
      features: { a: { dtype: 'int64' }, b: { dtype: 'bool' } },
    });
  });

  it('reads many files each once: by a column goes one file, or a query', () => {
    const incremental = { column: 'at', lookback: '1d' };
    expect(told('source', { name: 's', file: 'a.csv', incremental })).toEqual([]);
    expect(told('source', { name: 's', query: 'select 1 as at', incremental })).toEqual([]);
    expect(told('source', { name: 's', file: 'data/*.csv', incremental })).toEqual(['SP103 /incremental']);
    expect(told('source', { name: 's', file: 'a.csv', incremental: { lookback: '1d' } })).toEqual([
      'SP102 /incremental',
    ]);
  });

  it('spells the types of features one way', () => {
    const written = {
      a: 'float64[]',
      b: 'list< string >',
      c: { dtype: 'array(int64)', default: [1, 2] },
      d: 'embedding<384>',
      e: { dtype: 'vector(3)', default: [0, 0.5, 1] },
      f: { dtype: 'float32[2]' },
      g: 'array<timestamp>',
    };
    const set = { name: 'new', entity: 'patient', source: 'visits', eventTime: 'at', features: written };
    const { spec, diagnostics } = canonicalizeResource('feature_set', set, lookup);
    expect(diagnostics).toEqual([]);
    expect(Object.values(spec?.features ?? {}).map((feature) => (feature as { dtype: string }).dtype)).toEqual([
      'array<float64>',
      'array<string>',
      'array<int64>',
      'vector<384>',
      'vector<3>',
      'vector<2>',
      'array<timestamp>',
    ]);
  });

  it.each([
    ['array<flot64>', 'did you mean "array<float64>"?'],
    ['array<json>', undefined],
    ['array<array<int64>>', undefined],
    ['vector<0>', undefined],
    ['vector<1>', undefined],
    ['vector', undefined],
    ['flot64', 'did you mean "float64"?'],
  ])('refuses the type %s', (dtype, hint) => {
    const set = { name: 'new', entity: 'patient', source: 'visits', eventTime: 'at', features: { x: dtype } };
    const [problem, ...more] = canonicalizeResource('feature_set', set, lookup).diagnostics;
    expect(more).toEqual([]);
    expect(problem).toMatchObject({ code: 'SP103', pointer: '/features/x/dtype' });
    expect(problem?.detail).toContain('it can be bool, int32');
    if (hint !== undefined) expect(problem?.hint).toBe(hint);
  });

  it('holds defaults and expectations of lists to their type', () => {
    const of = (feature: object): string[] =>
      told('feature_set', {
        name: 'new',
        entity: 'patient',
        source: 'visits',
        eventTime: 'at',
        features: { x: feature },
      });
    expect(of({ dtype: 'vector<2>', default: [1] })).toEqual(['SP103 /features/x/default']);
    expect(of({ dtype: 'vector<2>', default: 1 })).toEqual(['SP103 /features/x/default']);
    expect(of({ dtype: 'array<int64>', default: [1, 1.5] })).toEqual(['SP103 /features/x/default']);
    expect(of({ dtype: 'array<string>', default: [] })).toEqual([]);
    expect(of({ dtype: 'float64', default: [1] })).toEqual(['SP103 /features/x/default']);
    expect(of({ dtype: 'array<string>', expect: { minLength: 1, maxLength: 3 } })).toEqual([]);
    expect(of({ dtype: 'array<string>', expect: { minLength: 4, maxLength: 3 } })).toEqual([
      'SP103 /features/x/expect',
    ]);
    expect(of({ dtype: 'vector<2>', expect: { maxLength: 3 } })).toEqual(['SP103 /features/x/expect/maxLength']);
    expect(of({ dtype: 'float64', expect: { minLength: 1 } })).toEqual(['SP103 /features/x/expect/minLength']);
  });

  it('says of a feature set where its rows come from: one of a source, a query and pushes', () => {
    const set = { name: 'events', entity: 'patient', eventTime: 'at', features: { bili: 'float64' } };
    expect(canonicalizeResource('feature_set', { ...set, push: true }, lookup)).toMatchObject({
      spec: { push: true },
      dependsOn: ['entity.patient'],
    });
    const details = (raw: unknown): string[] =>
      canonicalizeResource('feature_set', raw, lookup).diagnostics.map(({ pointer, detail }) => `${pointer} ${detail}`);
    expect(details(set)).toEqual([' It needs "source", "query" or "push".']);
    expect(details({ ...set, push: true, source: 'visits' })).toEqual([
      '/push It has both "source" and "push"; only one of them can say where its rows come from.',
    ]);
    expect(told('feature_set', { ...set, push: false })).toEqual(['SP103 /push']);
  });

  it('is refused with pointers to what is wrong', () => {
    expect(
      told('feature_set', {
        name: 'x',
        entity: 'patent',
        source: 'visits',
        event_time: 'at',
        features: { a: 'int64' },
      }),
    ).toEqual(['SP104 /entity']);
    expect(told('feature_set', ['x'])).toEqual(['SP103 ']);
    expect(told('feature_set', { name: 'x' })).toEqual(['SP102 ', 'SP102 ', 'SP102 ', 'SP102 ']);
    expect(told('pipeline', { name: 'x', tasks: { a: { operator: 'nothing' } } })).toEqual(['SP103 /tasks/a/operator']);
    expect(told('pipeline', { name: 'x', tasks: { 'A b': { operator: 'command', command: 'ls' } } })).toEqual([
      'SP106 /tasks/A b',
    ]);
    expect(told('source', { name: 'x', file: 'a', event_time: 'b' })).toEqual(['SP101 /event_time']);
  });

  it('takes the operator fields of its own operator only', () => {
    expect(
      told('pipeline', { name: 'x', tasks: { a: { operator: 'command', command: 'ls', spine: 'select 1' } } }),
    ).toEqual(['SP101 /tasks/a/spine']);
  });

  it('reads a reference to the environment where a secret may stand, and nowhere else', () => {
    const { spec } = canonicalizeResource(
      'pipeline',
      { name: 'x', tasks: { a: { operator: 'command', command: 'ls', env: { KEY: envText('KEY') } } } },
      lookup,
    );
    expect(spec?.tasks['a']).toMatchObject({ env: { KEY: { $env: 'KEY' } } });
    expect(
      told('pipeline', {
        name: 'x',
        tasks: { a: { operator: 'command', command: 'ls', env: { KEY: `a${envText('KEY')}` } } },
      }),
    ).toEqual(['SP103 /tasks/a/env/KEY']);
    expect(told('source', { name: 'x', file: envText('FILE') })).toEqual(['SP103 /file']);
  });
});

describe('operands', () => {
  it('that are ambiguous are an error that names the candidates', () => {
    const { diagnostics } = canonicalizeResource(
      'pipeline',
      { name: 'other', tasks: { a: { operator: 'data_ingestion' } } },
      lookup,
    );
    expect(diagnostics).toMatchObject([{ code: 'SP108', pointer: '/tasks/a', hint: 'candidates: visits, wards' }]);
  });

  it('follow the nearest task upstream', () => {
    const { spec } = canonicalizeResource(
      'pipeline',
      {
        name: 'p',
        tasks: {
          one: { operator: 'data_ingestion', source: 'visits' },
          two: { operator: 'data_ingestion', source: 'wards', needs: ['one'] },
          check: { operator: 'data_validation', needs: ['two'] },
          write: { operator: 'feature_materialization', needs: ['check'] },
        },
      },
      lookup,
    );
    expect(spec?.tasks['check']).toMatchObject({ featureSets: ['stays'] });
    expect(spec?.tasks['write']).toMatchObject({ featureSets: ['stays'] });
  });

  it('of an endpoint follow from its models', () => {
    const { spec } = canonicalizeResource('endpoint', { name: 'e', variants: { only: { model: 'risk' } } }, lookup);
    expect(spec).toEqual({
      name: 'e',
      key: 'id',
      variants: { only: { model: 'risk', stage: 'production' } },
      split: { only: 100 },
    });
    expect(
      told('endpoint', { name: 'e', variants: { a: { model: 'risk' }, b: { model: 'risk', version: 2 } } }),
    ).toEqual(['SP102 ']);
    expect(told('endpoint', { name: 'e', key: 'idd', variants: { a: { model: 'risk' } } })).toEqual(['SP104 /key']);
  });
});

it('a service names every feature once, in order', () => {
  const { spec } = canonicalizeResource(
    'feature_service',
    { name: 's', features: ['labs.age', 'labs', 'stays.days'] },
    lookup,
  );
  expect(spec?.features).toEqual(['labs.age', 'labs.bili', 'stays.days']);
  expect(told('feature_service', { name: 's', features: ['labs.nothing', 'nowhere'] })).toEqual([
    'SP104 /features/0',
    'SP104 /features/1',
  ]);
});

it('computed features are ordered after those that they read', () => {
  expect(
    expressionOrder({
      c: { dtype: 'float64', expr: 'b + a' },
      b: { dtype: 'float64', expr: 'a * 2' },
      a: { dtype: 'float64' },
    }),
  ).toEqual(['b', 'c']);
});
