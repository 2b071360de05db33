/** The specs of a fuzzed project while they are edited: loose drafts, from which a valid project is made at any time. */
import { addressOf } from '../../src/spec/address.ts';
import type { CanonicalSpecs } from '../../src/spec/canonical-specs.ts';
import type { DeclaredKind } from '../../src/spec/kinds.ts';
import type { AnyResource, Project, Rules } from '../../src/spec/project.ts';
import { projectOf, resource } from '../support/specs.ts';

type Fields = Record<string, unknown>;

/** By `kind.name`. Field values of drafts are as in specs; `uses` are picks among what there is to refer to. */
export type Drafts = Map<string, Fields>;

export const NAMES: Readonly<Record<DeclaredKind, readonly string[]>> = {
  source: ['s1', 's2', 's3'],
  entity: ['e1', 'e2'],
  feature_set: ['f1', 'f2', 'f3', 'f4'],
  feature_service: ['v1', 'v2'],
  pipeline: ['p1', 'p2'],
  model: ['m1', 'm2'],
  endpoint: ['n1', 'n2'],
  policy: ['q1', 'q2'],
};
export const KINDS = Object.keys(NAMES) as DeclaredKind[];

const COMMON: Fields = {
  description: [undefined, 'one', 'two'],
  owner: [undefined, 'hepatology', 'cardiology'],
  tags: [undefined, { a: 'x' }, { 'b.c': 'y~z', 'd/e': 'x' }],
  protect: [undefined, true, false],
  suppress: [undefined, [{ code: 'FS101', reason: 'known' }], [{ code: 'FS102', reason: 'agreed with the readers' }]],
};

/** Every field that an edit may set, with its values: the first is what a new resource has. */
export const FIELDS: Readonly<Record<DeclaredKind, Readonly<Record<string, readonly unknown[]>>>> = {
  source: {
    ...COMMON,
    // `over`: a query of another source, whose name stands for `$1`.
    from: [
      { file: 'a.csv' },
      { file: 'b.csv' },
      { file: 'many/*.csv' },
      { database: { $env: 'EHR_URL' }, table: 'clinic.visits' },
      { database: { $env: 'EHR_URL' }, query: 'select * from clinic.visits' },
      { over: 'select id, t, u, c, x, y from $1' },
      { over: { duckdb: 'select * from $1', postgres: 'select * from $1 where true' } },
    ],
    below: [0, 1, 2],
    nulls: [undefined, ['NA'], ['NA', '-']],
    columns: [undefined, { x: 'y * 2' }],
  },
  entity: { ...COMMON, keys: [{ id: 'int64' }, { id: 'string' }, { id: 'int64', site: 'string' }] },
  feature_set: {
    ...COMMON,
    source: [0, 1, 2],
    // Undefined: its rows are the source's.
    query: [
      undefined,
      'select id, t, u, c, x, y from $1',
      { duckdb: 'select * from $1 where x > 0', postgres: 'select * from $1 where x > 0.0' },
    ],
    entity: [0, 1],
    ttl: [undefined, '1d', '2d'],
    eventTime: ['t', 'u'],
    createdTime: [undefined, 'c'],
    features: [
      { x: { dtype: 'float64' } },
      { x: { dtype: 'int64' }, y: { dtype: 'float64', expect: { min: 0 } } },
      { x: { dtype: 'float64', unit: 'mg' }, z: { dtype: 'float64', expr: 'x * 2' } },
      { y: { dtype: 'float64' } },
    ],
    materialize: [undefined, { cron: '0 2 * * *' }],
  },
  feature_service: { ...COMMON, features: [[0], [1], [0, 1], [2, 0, 3]] },
  pipeline: {
    ...COMMON,
    schedule: [undefined, { cron: '0 0 * * *' }, { cron: '0 1 * * *', timezone: 'America/Chicago' }],
    tasks: [[], [0], [1, 0]],
  },
  model: {
    ...COMMON,
    framework: ['onnx'],
    gates: [undefined, [{ metric: 'auc', min: 0.7 }], [{ metric: 'auc', min: 0.8 }]],
    inputs: [0, 1],
    pipeline: [undefined, 0, 1],
  },
  endpoint: {
    ...COMMON,
    key: ['id', 'site'],
    variants: [[0], [1], [0, 1]],
    log: [undefined, { share: 50, keep: '30d' }, { share: 10 }],
    feedback: [undefined, { outcome: 'died', type: 'binary' }, { outcome: 'died', type: 'class', within: '1d' }],
  },
  policy: {
    ...COMMON,
    enforcement: ['warn', 'deny'],
    message: ['Much at once.', '{plan.summary.delete} at once.'],
    when: ['plan.summary.delete > 1000', 'plan.summary.delete > 0', 'plan.summary.create > 3'],
  },
} as never;

export function newDraft(kind: DeclaredKind): Fields {
  return Object.fromEntries(Object.entries(FIELDS[kind]).map(([field, values]) => [field, values[0]]));
}

/** As JSON reads it back: no undefined members. */
const plain = <T>(value: unknown): T => JSON.parse(JSON.stringify(value)) as T;

const pick = <T>(list: readonly T[], index: unknown): T | undefined =>
  list.length === 0 ? undefined : list[Number(index) % list.length];

type Query = string | Readonly<Record<string, string>>;

const over = (query: Query, source: string): Query =>
  typeof query === 'string'
    ? query.replaceAll('$1', source)
    : Object.fromEntries(Object.entries(query).map(([store, text]) => [store, text.replaceAll('$1', source)]));

/** What refers to nothing that is there is left out: every project is valid. `warehouse`: its rows are in a Postgres, where queries run translated. */
export function projectFrom(drafts: Drafts, rules: Rules = {}, warehouse = false): Project {
  const of = (kind: DeclaredKind): (Fields & { name: string })[] =>
    [...drafts]
      .filter(([key]) => key.startsWith(`${kind}.`))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, fields]) => ({ name: key.slice(kind.length + 1), ...fields }));
  const made: AnyResource[] = [];
  const add = <K extends DeclaredKind>(kind: K, spec: Fields, needs: readonly string[] = []): void => {
    const one = resource(kind, plain<CanonicalSpecs[K]>(spec), [...new Set(needs)] as never);
    const { query, database } = spec;
    // A store's own text is not translated, nor what the user's database answers.
    const runs: Readonly<Record<string, string>> =
      warehouse && database === undefined && typeof query === 'string' ? { '/query': `${query} -- there` } : {};
    made.push({ ...one, ...(Object.keys(runs).length > 0 && { runs }) });
  };

  const [sources, entities] = [of('source'), of('entity')];
  const read = (spec: Fields): Fields => spec['from'] as Fields;
  const bottom = sources.filter((spec) => read(spec)['over'] === undefined);
  for (const { from, below, nulls, ...spec } of sources) {
    const { over: query, ...how } = from as Fields & { over?: Query };
    const [under] = query === undefined ? [] : [pick(bottom, below)?.name];
    if (query !== undefined && under === undefined) continue;
    const text = query === undefined || under === undefined ? {} : { query: over(query, under) };
    const nulled = how['file'] === undefined ? {} : { nulls };
    add('source', { ...spec, ...how, ...nulled, ...text }, under === undefined ? [] : [addressOf('source', under)]);
  }
  const there = sources.filter(({ name }) => made.some((one) => one.kind === 'source' && one.name === name));
  for (const spec of entities) add('entity', spec);
  for (const spec of of('policy')) add('policy', spec);
  const sets: string[] = [];
  const features: string[] = [];
  for (const { source, query, entity, ...spec } of of('feature_set')) {
    const [from, by] = [pick(there, source)?.name, pick(entities, entity)?.name];
    if (from === undefined || by === undefined) continue;
    const rows = query === undefined ? { source: from } : { query: over(query as Query, from) };
    add('feature_set', { ...spec, ...rows, entity: by }, [addressOf('source', from), addressOf('entity', by)]);
    sets.push(spec.name);
    features.push(...Object.keys(spec['features'] as object).map((feature) => `${spec.name}.${feature}`));
  }
  const services: string[] = [];
  for (const { features: picks, ...spec } of of('feature_service')) {
    const read = [...new Set((picks as number[]).flatMap((index) => pick(features, index) ?? []))];
    if (read.length === 0) continue;
    const needs = read.map((feature) => addressOf('feature_set', feature.split('.')[0] ?? ''));
    add('feature_service', { ...spec, features: read }, needs);
    services.push(spec.name);
  }
  const pipelines: string[] = [];
  for (const { tasks: picks, ...spec } of of('pipeline')) {
    const filled = [...new Set((picks as number[]).flatMap((index) => pick(sets, index) ?? []))];
    const tasks =
      filled.length === 0 ? {} : { fill: { operator: 'feature_materialization', featureSets: filled, needs: [] } };
    add(
      'pipeline',
      { ...spec, tasks },
      filled.map((set) => addressOf('feature_set', set)),
    );
    pipelines.push(spec.name);
  }
  const models: string[] = [];
  for (const { inputs, pipeline, ...spec } of of('model')) {
    const reads = pick(services, inputs);
    const by = pipeline === undefined ? undefined : pick(pipelines, pipeline);
    add('model', { ...spec, inputs: reads, pipeline: by }, [
      ...(reads === undefined ? [] : [addressOf('feature_service', reads)]),
      ...(by === undefined ? [] : [addressOf('pipeline', by)]),
    ]);
    models.push(spec.name);
  }
  for (const { variants: picks, ...spec } of of('endpoint')) {
    const served = [...new Set((picks as number[]).flatMap((index) => pick(models, index) ?? []))];
    if (served.length === 0) continue;
    const variants = Object.fromEntries(served.map((model, index) => [`w${index}`, { model, stage: 'production' }]));
    const split = Object.fromEntries(served.map((_, index) => [`w${index}`, 100 / served.length]));
    add(
      'endpoint',
      { ...spec, variants, split },
      served.map((model) => addressOf('model', model)),
    );
  }
  const dev = warehouse ? { offline: { postgres: { $env: 'WAREHOUSE_URL' } } } : {};
  return { ...projectOf(made), environments: { dev }, rules };
}
