/** What a model gets is what the plain rules say, name by name and row by row, whatever came with the request and whatever is stored. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { FeatureReader, FeatureStatus } from '../../src/serving/feature-reader.ts';
import type { LoadedModel } from '../../src/serving/loaded-model.ts';
import { modelInputs } from '../../src/serving/model-inputs.ts';
import type { RequestRow } from '../../src/serving/predict-request.ts';
import { memoryCatalog } from '../support/models.ts';
import { type NamedReader, namedModelInputs } from '../support/named-model-inputs.ts';

interface Feature {
  readonly set: string;
  readonly name: string;
  readonly pinned: boolean;
  readonly dtype: string | undefined;
  readonly width: number;
  readonly default?: number | undefined;
}

interface Stored {
  readonly value: unknown;
  readonly status: FeatureStatus;
}

const KEY = 'id';
const values = fc.oneof(
  fc.constantFrom<unknown>(null, 0, 1, -1.5, 3e38, 1e39, 1e300, 'text', true, [1, 2], [1, 'x'], [1], {}),
  fc.integer(),
);
const features = fc.uniqueArray(
  fc.record({
    set: fc.constantFrom('labs', 'visits', 'other'),
    name: fc.constantFrom('a', 'b', 'c', KEY, '__proto__'),
    pinned: fc.boolean(),
    dtype: fc.constantFrom('float32', 'float64', 'int64', 'string', 'bool', undefined),
    width: fc.constantFrom(1, 1, 1, 2),
    default: fc.option(fc.constantFrom(7, 0), { nil: undefined }),
  }),
  { selector: ({ set, name }) => `${set}.${name}`, minLength: 1, maxLength: 6 },
);
const rows = fc.array(
  fc.record({
    entity: fc.option(fc.constantFrom(1, 2, 3), { nil: undefined }),
    inputs: fc.option(
      fc.oneof(
        { weight: 3, arbitrary: fc.array(fc.tuple(fc.nat(7), fc.boolean(), values), { maxLength: 8 }) },
        { weight: 1, arbitrary: fc.constantFrom('list' as const, 'long list' as const) },
        { weight: 1, arbitrary: fc.constant('all' as const) },
      ),
      { nil: undefined },
    ),
  }),
  { minLength: 1, maxLength: 3 },
);
const stored = fc.array(
  fc.oneof(
    fc.record({ value: values, status: fc.constant('present' as const) }),
    fc.record({ value: fc.constant(null), status: fc.constantFrom('null' as const, 'expired' as const) }),
  ),
  { minLength: 6, maxLength: 6 },
);

it('by places as by names', async () => {
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(
      features,
      rows,
      fc.dictionary(fc.constantFrom('1', '2'), stored),
      fc.boolean(),
      async (declared, asked, records, atOnce) => {
        const names = declared.map(({ set, name }) => `${set}.${name}`);
        const reads = declared.map(({ set, name }) => `${set}${pinOf(declared, set)}.${name}`);
        const requests = asked.map(
          ({ entity, inputs }): RequestRow => ({
            entity: entity === undefined ? undefined : { [KEY]: entity },
            inputs: inputsOf(inputs, names),
          }),
        );
        const store = (id: unknown, read: string): Stored => {
          const found = Object.hasOwn(records, String(id)) ? records[String(id)] : undefined;
          return found?.[reads.indexOf(read)] ?? { value: null, status: 'not_found' };
        };
        const told: (readonly string[])[] = [];
        const reader: FeatureReader = {
          readTraced: (entities, wanted) => {
            told.push(wanted);
            const sets = [...new Set(wanted.map((read) => read.split('.')[0]!))];
            const done = {
              at: 'now',
              sets,
              rows: entities.map((entity) => {
                const all = wanted.map((read) => store(entity[KEY], read));
                return { values: all.map(({ value }) => value), statuses: all.map(({ status }) => status) };
              }),
              origins: entities.map((entity) => sets.map((set) => originOf(set, entity[KEY], records))),
            };
            return atOnce ? done : Promise.resolve(done);
          },
        };
        const named: NamedReader = {
          read: async (entities, wanted) =>
            entities.map((entity) => ({
              entity,
              features: Object.fromEntries(wanted.map((read) => [read, store(entity[KEY], read).value])),
              status: Object.fromEntries(wanted.map((read) => [read, store(entity[KEY], read).status])),
              eventTime: {},
              at: 'now',
              origins: Object.fromEntries(
                wanted.map((read) => [read.split('.')[0]!, originOf(read.split('.')[0]!, entity[KEY], records)]),
              ),
            })),
        };
        const loaded = {
          features: names,
          reads,
          model: {
            featureTypes: declared.map(({ dtype }) => dtype),
            featureWidths: declared.map(({ width }) => width),
          },
        } as unknown as LoadedModel;
        const catalog = memoryCatalog({
          feature_set: [...new Set(declared.map(({ set }) => set))].map((set) => ({
            name: set,
            features: Object.fromEntries(
              declared
                .filter((one) => one.set === set)
                .map((one) => [one.name, one.default === undefined ? {} : { default: one.default }]),
            ),
          })) as never,
        });
        const positions = requests.map((_, at) => at * 2 + 1);
        const options = {
          loaded,
          rows: requests,
          positions,
          key: KEY,
          reader: 'endpoint:x',
          features: reader,
          catalog,
        };
        const found = await outcome(async () => modelInputs(options));
        const expected = await outcome(() => namedModelInputs({ ...options, features: named }));
        expect(found).toEqual(expected);
        seen.add('failure' in expected ? expected.failure.code : 'answered');
        // A round trip for what somebody lacks, and none for what all have brought.
        expect(told.length).toBeLessThanOrEqual(1);
      },
    ),
    { seed: 8, numRuns: 3_000 },
  );
  expect([...seen].sort()).toEqual(['EP203', 'EP204', 'answered']);
});

const pinOf = (declared: readonly Feature[], set: string): string =>
  declared.find((one) => one.set === set)?.pinned === true ? '@2' : '';

function inputsOf(
  inputs: readonly (readonly [number, boolean, unknown])[] | 'list' | 'long list' | 'all' | undefined,
  names: readonly string[],
): RequestRow['inputs'] {
  if (inputs === undefined) return undefined;
  if (inputs === 'list') return names.map(() => 1);
  if (inputs === 'long list') return [...names, ''].map(() => 1);
  if (inputs === 'all') return Object.fromEntries(names.map((name) => [name, 2]));
  return Object.fromEntries(
    inputs.map(([at, isShort, value]) => {
      const name = at === 7 ? KEY : (names[at] ?? 'unknown');
      return [isShort ? name.slice(name.indexOf('.') + 1) : name, value];
    }),
  );
}

function originOf(set: string, id: unknown, records: Readonly<Record<string, unknown>>) {
  const version = set.endsWith('@2') ? 2 : 1;
  const record = Object.hasOwn(records, String(id)) ? { sequence: Number(id), eventTime: `t${id}` } : null;
  return { version, record, expired: record !== null && id === 2 };
}

type Outcome = { readonly failure: { readonly code: string } } | { readonly answer: unknown };

async function outcome(body: () => Promise<unknown>): Promise<Outcome> {
  try {
    return { answer: await body() };
  } catch (error) {
    const { code, detail, hint, data } = error as { code: string; detail: string; hint: string; data: unknown };
    if (code === undefined) throw error;
    return { failure: { code, detail, hint, data } as never };
  }
}
