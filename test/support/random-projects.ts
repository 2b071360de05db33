/** Random projects of every kind whose references hold, for properties. Small name spaces, so that edits meet. */
import fc from 'fast-check';
import { type Address, addressOf } from '../../src/spec/address.ts';
import type { CanonicalSpecs } from '../../src/spec/canonical-specs.ts';
import type { AnyResource, Project } from '../../src/spec/project.ts';
import { projectOf, resource } from './specs.ts';

type Specs = CanonicalSpecs;

const common = {
  description: fc.option(fc.constantFrom('one', 'two'), { nil: undefined }),
  owner: fc.option(fc.constantFrom('hepatology', 'cardiology'), { nil: undefined }),
  tags: fc.option(fc.dictionary(fc.constantFrom('a', 'b.c', 'd/e'), fc.constantFrom('x', 'y~z')), { nil: undefined }),
};

/** What the generator draws; names that a resource needs and the project lacks are dropped or fall back. */
const drawing = fc.record({
  sources: fc.uniqueArray(
    fc.record({ name: fc.constantFrom('s1', 's2', 's3'), file: fc.constantFrom('a.csv', 'b.csv'), ...common }),
    {
      selector: ({ name }) => name,
      minLength: 1,
    },
  ),
  entities: fc.uniqueArray(
    fc.record({
      name: fc.constantFrom('e1', 'e2'),
      keys: fc.constantFrom<Specs['entity']['keys']>(
        { id: 'int64' },
        { id: 'string' },
        { id: 'int64', site: 'string' },
      ),
      ...common,
    }),
    { selector: ({ name }) => name, minLength: 1 },
  ),
  sets: fc.uniqueArray(
    fc.record({
      name: fc.constantFrom('f1', 'f2', 'f3', 'f4'),
      source: fc.nat(),
      entity: fc.nat(),
      ttl: fc.option(fc.constantFrom('1d', '2d'), { nil: undefined }),
      eventTime: fc.constantFrom('t', 'u'),
      features: fc.dictionary(
        fc.constantFrom('x', 'y', 'z'),
        fc.record({
          dtype: fc.constantFrom<'int64' | 'float64'>('int64', 'float64'),
          unit: fc.option(fc.constant('mg'), { nil: undefined }),
        }),
        { minKeys: 1 },
      ),
      ...common,
    }),
    { selector: ({ name }) => name },
  ),
  services: fc.uniqueArray(
    fc.record({
      name: fc.constantFrom('v1', 'v2'),
      picks: fc.array(fc.nat(), { minLength: 1, maxLength: 4 }),
      ...common,
    }),
    {
      selector: ({ name }) => name,
    },
  ),
  pipelines: fc.uniqueArray(
    fc.record({
      name: fc.constantFrom('p1', 'p2'),
      cron: fc.constantFrom('0 0 * * *', '0 1 * * *'),
      set: fc.nat(),
      ...common,
    }),
    {
      selector: ({ name }) => name,
    },
  ),
  models: fc.uniqueArray(
    fc.record({ name: fc.constantFrom('m1', 'm2'), inputs: fc.nat(), min: fc.constantFrom(0.7, 0.8), ...common }),
    { selector: ({ name }) => name },
  ),
  endpoints: fc.uniqueArray(
    fc.record({ name: fc.constantFrom('n1', 'n2'), model: fc.nat(), key: fc.constantFrom('id', 'site'), ...common }),
    {
      selector: ({ name }) => name,
    },
  ),
  policies: fc.uniqueArray(
    fc.record({
      name: fc.constantFrom('w1', 'w2'),
      enforcement: fc.constantFrom('warn', 'deny'),
      message: fc.constantFrom('Too much at once.', '{plan.summary.delete} at once.'),
      when: fc.constantFrom('plan.summary.delete > 100', 'plan.summary.create > 200'),
      ...common,
    }),
    { selector: ({ name }) => name },
  ),
});

/** As JSON reads it back: no undefined members. */
const plain = <T>(value: unknown): T => JSON.parse(JSON.stringify(value)) as T;

export const randomProject: fc.Arbitrary<Project> = drawing.map((drawn) => {
  const pick = <T>(list: readonly T[], index: number): T | undefined =>
    list.length === 0 ? undefined : list[index % list.length];
  const resources: AnyResource[] = [
    ...drawn.sources.map((spec) => resource('source', plain<Specs['source']>(spec))),
    ...drawn.entities.map((spec) => resource('entity', plain<Specs['entity']>(spec))),
  ];
  const features: string[] = [];
  for (const { source, entity, ...rest } of drawn.sets) {
    const [from, of] = [pick(drawn.sources, source)?.name ?? '', pick(drawn.entities, entity)?.name ?? ''];
    resources.push(
      resource('feature_set', plain({ ...rest, source: from, entity: of }), [
        addressOf('source', from),
        addressOf('entity', of),
      ]),
    );
    features.push(...Object.keys(rest.features).map((feature) => `${rest.name}.${feature}`));
  }
  const services: string[] = [];
  for (const { picks, ...rest } of drawn.services) {
    const read = [...new Set(picks.flatMap((index) => pick(features, index) ?? []))];
    if (read.length === 0) continue;
    const sets = new Set(read.map((feature) => addressOf('feature_set', feature.split('.')[0] ?? '')));
    resources.push(resource('feature_service', plain({ ...rest, features: read }), [...sets]));
    services.push(rest.name);
  }
  for (const { cron, set, ...rest } of drawn.pipelines) {
    const name = pick(drawn.sets, set)?.name;
    const tasks =
      name === undefined ? {} : { fill: { operator: 'feature_materialization', featureSets: [name], needs: [] } };
    const needs: Address[] = name === undefined ? [] : [addressOf('feature_set', name)];
    resources.push(resource('pipeline', plain({ ...rest, schedule: { cron }, tasks }), needs));
  }
  const models: string[] = [];
  for (const { inputs, min, ...rest } of drawn.models) {
    const service = pick(services, inputs);
    const spec = {
      ...rest,
      framework: 'onnx',
      gates: [{ metric: 'auc', min }],
      ...(service === undefined ? {} : { inputs: service }),
    };
    resources.push(
      resource('model', plain(spec), service === undefined ? [] : [addressOf('feature_service', service)]),
    );
    models.push(rest.name);
  }
  for (const { model, ...rest } of drawn.endpoints) {
    const served = pick(models, model);
    if (served === undefined) continue;
    const spec = { ...rest, variants: { only: { model: served, stage: 'production' } }, split: { only: 100 } };
    resources.push(resource('endpoint', plain(spec), [addressOf('model', served)]));
  }
  resources.push(...drawn.policies.map((spec) => resource('policy', plain<Specs['policy']>(spec))));
  return projectOf(resources);
});
