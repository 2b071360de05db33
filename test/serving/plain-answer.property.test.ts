/** What is plain is answered as everything else is: the same answer, the same line in the log, the same reads, the same errors. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { FeatureReader } from '../../src/serving/feature-reader.ts';
import { createOnnxRuntime } from '../../src/serving/onnx-runtime.ts';
import type { PredictRequest } from '../../src/serving/predict-request.ts';
import { createServing, type Serving } from '../../src/serving/serving.ts';
import type { CanonicalEndpoint } from '../../src/spec/canonical-specs.ts';
import type { NewPrediction, PredictionLogStore } from '../../src/stores/control/prediction-log.ts';
import type { ModelVersion, RegistryStore } from '../../src/stores/control/registry.ts';
import { type MemoryArtifacts, memoryArtifacts } from '../support/memory-artifacts.ts';
import { memoryCatalog, newVersion } from '../support/models.ts';
import { constantModel, weightedSumModel } from '../support/onnx-models.ts';

const KEY = 'id';
let artifacts: MemoryArtifacts;
let versions: readonly ModelVersion[];
beforeAll(async () => {
  artifacts = await memoryArtifacts();
  const version = async (
    name: string,
    model: Uint8Array,
    features: readonly string[],
    more: { readonly widths?: readonly number[]; readonly task?: 'regression' | 'binary_classification' } = {},
  ): Promise<ModelVersion> => {
    const { digest } = await artifacts.put(model);
    return {
      ...newVersion({ name }),
      id: `id-${name}`,
      version: 3,
      stage: 'production',
      signature: { features, inputs: [], outputs: [], label: null, task: 'regression', ...more },
      artifacts: [{ path: 'model.onnx', digest, bytes: null, uri: null }],
      createdAt: new Date(0),
    } as unknown as ModelVersion;
  };
  versions = await Promise.all([
    version('sum', await weightedSumModel([1, 10]), ['labs.a', 'labs.b']),
    version('wide', await weightedSumModel([1, 2, 3, 4]), ['labs.a', 'visits.a', 'visits.v'], { widths: [1, 1, 2] }),
    version('risk', await constantModel(0.75, 2, 'probability'), ['labs.b', 'visits.a'], {
      task: 'binary_classification',
    }),
  ]);
});
afterAll(() => artifacts.remove());

const registry = {
  atStage: async (model: string) => versions.find(({ name }) => name === model),
  version: async (model: string, number: number) =>
    versions.find(({ name, version }) => name === model && version === number),
  onMove: async () => async () => {},
} as unknown as RegistryStore;

const numbers = fc.oneof({ weight: 4, arbitrary: fc.integer({ min: -9, max: 9 }) }, fc.double(), fc.constant(1e300));
const values = fc.oneof(
  { weight: 6, arbitrary: numbers },
  fc.constantFrom<unknown>(null, 'x', true, [1, 2], [1], 2n ** 60n),
);
const keys = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom<unknown>(1, 2, 3, 'k', 'ключ') },
  fc.constantFrom<unknown>('', null, true, [1], Number.NaN, 2n ** 60n),
);
const names = fc.constantFrom('labs.a', 'labs.b', 'a', 'b', 'visits.a', 'visits.v', 'v', 'other', KEY);
const inputs = fc.oneof(
  fc.dictionary(names, values, { maxKeys: 5 }),
  fc.constant({ 'labs.a': 1, 'labs.b': 2, 'visits.a': 3, 'visits.v': [4, 5] }),
  fc.constantFrom<unknown>([1, 2], [[1, 2]], [{ a: 1 }, { a: 2 }], 7, null),
);
const entities = fc.oneof(
  { weight: 6, arbitrary: fc.record({ [KEY]: keys, extra: fc.constantFrom(1, 'y') }, { requiredKeys: [] }) },
  fc.constantFrom<unknown>([{ [KEY]: 1 }], [{ [KEY]: 1 }, { [KEY]: 2 }], [], null, 'x', [7]),
);
const requests = fc.record(
  {
    entities,
    inputs,
    context: fc.record({ [KEY]: keys }, { requiredKeys: [] }),
    requestId: fc.constantFrom('mine', ''),
  },
  { requiredKeys: [] },
);
const targets = fc.record(
  { model: fc.constantFrom('sum', 'wide', 'risk', 'none'), version: fc.constantFrom(3, 4) },
  { requiredKeys: ['model'] },
);
const endpoints = fc.tuple(
  targets,
  targets,
  fc.constantFrom(0, 30, 100),
  fc.constantFrom(
    {},
    { log: { share: 0 } },
    { log: { share: 100 } },
    { feedback: { outcome: 'died', type: 'binary' } },
  ),
);
const stored = fc.array(fc.tuple(values, fc.constantFrom('present', 'null', 'expired', 'not_found')), {
  minLength: 5,
  maxLength: 5,
});

interface Told {
  readonly outcome: unknown;
  readonly logged: readonly unknown[];
  readonly reads: readonly unknown[];
}

async function told(
  spec: CanonicalEndpoint,
  request: PredictRequest,
  record: readonly (readonly [unknown, string])[],
  atOnce: boolean,
): Promise<Told> {
  const reads: unknown[] = [];
  const logged: NewPrediction[] = [];
  const features: FeatureReader = {
    readTraced: (asked, wanted, reader) => {
      reads.push([asked, wanted, reader]);
      const all = wanted.map((_, at) => record[at % record.length]!);
      const done = {
        at: 'now',
        sets: [...new Set(wanted.map((name) => name.split('.')[0]!))],
        rows: asked.map(() => ({
          values: all.map(([value, status]) => (status === 'present' ? value : null)),
          statuses: all.map(([, status]) => status as 'present'),
        })),
        origins: asked.map(() => [{ version: 1, record: null, expired: false }]),
      };
      return atOnce ? done : Promise.resolve(done);
    },
  };
  const log: PredictionLogStore = {
    append: async (rows) => void logged.push(...rows),
    list: async () => ({ items: [], nextCursor: null }),
  };
  let ids = 0;
  const serving: Serving = createServing({
    catalog: memoryCatalog({ endpoint: [spec] }),
    registry,
    artifacts,
    features,
    log,
    runtime: createOnnxRuntime(),
    newId: () => {
      ids += 1;
      return `id-${ids}`;
    },
  });
  try {
    // Twice: the first request looks up what is to serve, and is never plain.
    await serving.predict('risky', { inputs: {} }).catch(() => {});
    const outcome = await serving.predict('risky', request).catch((error: unknown) => {
      const { code, detail, hint, data, status } = error as Record<string, unknown>;
      if (code === undefined) throw error;
      return { code, detail, hint, data, status };
    });
    await serving.close();
    const plain = ({ id: _, latencyMs, ageMs, ...row }: NewPrediction) => {
      expect(latencyMs).toBeGreaterThanOrEqual(0);
      expect(ageMs).toBeGreaterThanOrEqual(0);
      return row;
    };
    return { outcome: withoutIds(outcome), logged: logged.map(plain).map(withoutIds), reads };
  } finally {
    await serving.close();
  }
}

/** Requests without an id of their own get one; how many were made before is no matter. */
function withoutIds(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value ?? null).replaceAll(/"id-\d+"/g, '"ID"'));
}

it('whatever is asked, of whatever endpoint', { timeout: 120_000 }, async () => {
  const seen = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(
      endpoints,
      requests,
      stored,
      fc.boolean(),
      async ([a, b, share, more], request, record, atOnce) => {
        const spec = {
          name: 'risky',
          key: KEY,
          variants: { a: { stage: 'production', ...a }, b: { stage: 'production', ...b } },
          split: { a: share, b: 100 - share },
          ...more,
        } as unknown as CanonicalEndpoint;
        // A member that is not known is not plain.
        const general = { ...spec, unheardOf: true } as unknown as CanonicalEndpoint;
        const asked = request as PredictRequest;
        const expected = await told(general, asked, record, atOnce);
        expect(await told(spec, asked, record, atOnce)).toEqual(expected);
        const { code = 'answered' } = expected.outcome as { code?: string };
        seen.set(code, (seen.get(code) ?? 0) + 1);
      },
    ),
    { seed: 21, numRuns: 400 },
  );
  for (const code of ['answered', 'EP202', 'EP203', 'EP204', 'API422'])
    expect(seen.get(code) ?? 0, code).toBeGreaterThan(5);
});
