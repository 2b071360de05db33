import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { MlopsError } from '../../src/lib/error.ts';
import type { JsonObject } from '../../src/lib/json.ts';
import { createRegistry, type Registry } from '../../src/registry/registry.ts';
import type { FeatureReader, FeatureStatus } from '../../src/serving/feature-reader.ts';
import { createOnnxRuntime } from '../../src/serving/onnx-runtime.ts';
import { createBatcher } from '../../src/serving/runtime/batcher.ts';
import { createServing, type Serving } from '../../src/serving/serving.ts';
import type { CanonicalEndpoint } from '../../src/spec/canonical-specs.ts';
import type { PredictionLogStore } from '../../src/stores/control/prediction-log.ts';
import type { ModelSignature, ModelVersion, RegistryStore } from '../../src/stores/control/registry.ts';
import { type Database, openDatabase } from '../../src/stores/postgres/database.ts';
import { postgresPredictionLog } from '../../src/stores/postgres/postgres-prediction-log.ts';
import { postgresRegistry } from '../../src/stores/postgres/postgres-registry.ts';
import { type MemoryArtifacts, memoryArtifacts } from '../support/memory-artifacts.ts';
import { freshScope, memoryCatalog, servingSet } from '../support/models.ts';
import { constantModel, weightedSumModel } from '../support/onnx-models.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';

const FEATURES = ['labs.bili', 'labs.albumin'];
const SIGNATURE: ModelSignature = { features: FEATURES, inputs: [], outputs: [], label: 'died', task: 'regression' };
const BOTH: CanonicalEndpoint = {
  name: 'mortality',
  key: 'id',
  variants: { control: { model: 'risk', stage: 'production' }, treatment: { model: 'risk', stage: 'staging' } },
  split: { control: 50, treatment: 50 },
};

let database: FreshDatabase;
let db: Database;
let scopeId: number;
let artifacts: MemoryArtifacts;
let store: RegistryStore;
let log: PredictionLogStore;
let registry: Registry;
let serving: Serving;
let catalog: ReturnType<typeof memoryCatalog>;
/** What the online store holds, by patient; a patient is missing where not found. */
let online: Record<string, Partial<Record<string, { value: unknown; status: FeatureStatus }>>>;
let reads: { entities: number; features: readonly string[] }[];

const reader: FeatureReader = {
  readTraced: async (entities, features) => {
    reads.push({ entities: entities.length, features });
    const records = entities.map((entity) => online[String(entity['id'])]);
    return {
      at: '2026-01-01T00:00:00.000000Z',
      sets: [],
      origins: [],
      rows: records.map((record) => ({
        values: features.map((feature) => record?.[feature]?.value ?? null),
        statuses: features.map((feature) => record?.[feature]?.status ?? (record === undefined ? 'not_found' : 'null')),
      })),
    };
  },
};

beforeAll(async () => {
  database = await freshDatabase();
  db = openDatabase({ connectionString: database.connectionString });
  artifacts = await memoryArtifacts();
});
afterAll(async () => {
  await db.close();
  await database.drop();
  await artifacts.remove();
});
beforeEach(async () => {
  scopeId = await freshScope(db);
  store = postgresRegistry(db, scopeId);
  log = postgresPredictionLog(db, scopeId);
  catalog = memoryCatalog({ endpoint: [BOTH] });
  registry = createRegistry({ store, catalog, artifacts });
  reads = [];
  online = {};
  for (let id = 1; id <= 300; id += 1) {
    online[id] = {
      'labs.bili': { value: id / 10, status: 'present' },
      'labs.albumin': { value: 3, status: 'present' },
    };
  }
  serving = createServing({ catalog, registry: store, artifacts, features: reader, log, runtime: createOnnxRuntime() });
});
afterEach(() => serving.close());

/** A version that answers its own number. */
async function register(signature: ModelSignature | null = SIGNATURE, lineage: JsonObject = {}): Promise<ModelVersion> {
  const number = (await store.models())[0]?.latest ?? 0;
  const { digest } = await artifacts.put(await constantModel(number + 1));
  const files = [{ path: 'model.onnx', digest, bytes: null, uri: null }];
  return registry.register({ name: 'risk', framework: 'onnx', artifacts: files, signature, lineage }, 'ada');
}
const promote = async (to: 'production' | 'staging' = 'production') =>
  (await registry.promote({ versionId: (await register()).id, to }, 'ada')).version;
const failure = (of: Promise<unknown>) =>
  of.then(
    () => Promise.reject(new Error('it did not fail')),
    (error: MlopsError) => error,
  );

describe('serving', () => {
  it('answers from features read online, with the version, the variant and what the model got', async () => {
    await promote();
    await serving.start();
    const answer = await serving.predict('mortality', { entities: { id: 7 }, requestId: 'mine' });
    expect(answer).toEqual({
      request_id: 'mine',
      predictions: [{ value: 1 }],
      model: { name: 'risk', version: 1 },
      variant: 'control',
      features: [{ 'labs.bili': 0.7, 'labs.albumin': 3 }],
    });
    const generated = await serving.predict('mortality', { entities: [{ id: 7 }] });
    expect(generated.request_id).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('answers from an embedding, and says where one is of another length or no embedding at all', async () => {
    const { digest } = await artifacts.put(await weightedSumModel([1, 10, 100]));
    const signature = { ...SIGNATURE, features: ['labs.bili', 'labs.embedding'], widths: [1, 2] };
    const files = [{ path: 'model.onnx', digest, bytes: null, uri: null }];
    const version = await registry.register({ name: 'risk', framework: 'onnx', artifacts: files, signature }, 'ada');
    await registry.promote({ versionId: version.id, to: 'production' }, 'ada');
    await serving.start();
    for (const [id, value] of [
      [1, [2, 3]],
      [2, [2, 3, 4]],
      [3, 5],
    ] as const)
      online[id] = { 'labs.bili': { value: 1, status: 'present' }, 'labs.embedding': { value, status: 'present' } };
    expect((await serving.predict('mortality', { entities: { id: 1 } })).predictions).toEqual([{ value: 321 }]);
    const given = await serving.predict('mortality', { inputs: { id: 1, bili: 2, embedding: [0, 1] } });
    expect(given.predictions).toEqual([{ value: 102 }]);
    expect(await failure(serving.predict('mortality', { entities: { id: 2 } }))).toMatchObject({
      code: 'EP204',
      detail: expect.stringContaining('"labs.embedding" is a list of 3, but the model takes an embedding of 2 numbers'),
    });
    expect(await failure(serving.predict('mortality', { entities: { id: 3 } }))).toMatchObject({ code: 'EP204' });
    expect(
      await failure(serving.predict('mortality', { inputs: { id: 1, bili: [1], embedding: [0, 1] } })),
    ).toMatchObject({ code: 'EP204', detail: expect.stringContaining('a list of any length fills no input') });
  });

  it('asks each version with the feature-set versions that it learned from, also after a promotion and a rollback', async () => {
    for (const digest of ['first', 'second']) await servingSet(db, scopeId, 'labs', digest);
    for (const feature of FEATURES)
      for (const version of [1, 2]) {
        const record = { ...online[7] };
        record[feature.replace('.', `@${version}.`)] = { value: version * 100, status: 'present' };
        online[7] = record;
      }
    const learned = (version: number) => ({ dataset: { feature_set_versions: { labs: version } } });
    const got = async () => {
      await serving.refresh();
      return (await serving.predict('mortality', { entities: { id: 7 } })).features[0]?.['labs.bili'];
    };
    await serving.start();
    const promoteOne = async (lineage: JsonObject) =>
      registry.promote({ versionId: (await register(SIGNATURE, lineage)).id, to: 'production' }, 'ada');
    await promoteOne(learned(1));
    expect(await got()).toBe(100);
    await promoteOne(learned(2));
    expect(await got()).toBe(200);
    await promoteOne({});
    expect(await got()).toBe(0.7);
    await registry.rollback('risk', 'ada');
    expect(await got()).toBe(200);
    await registry.rollback('risk', 'ada');
    expect(await got()).toBe(100);
    expect(reads.at(-1)?.features).toEqual(['labs@1.bili', 'labs@1.albumin']);
    // What comes with the request goes by the plain name, and is not read.
    await serving.predict('mortality', { entities: { id: 7 }, inputs: { bili: 1 } });
    expect(reads.at(-1)?.features).toEqual(['labs@1.albumin']);
  });

  it('promotes no version that learned from what is not there', async () => {
    const { id } = await register(SIGNATURE, { dataset: { feature_set_versions: { labs: 4 } } });
    expect(await failure(registry.promote({ versionId: id, to: 'staging' }, 'ada'))).toMatchObject({ code: 'MD207' });
    await registry.promote({ versionId: id, to: 'archived' }, 'ada');
  });

  it('reads all entities of a variant in one round trip', async () => {
    await promote();
    await serving.start();
    const { predictions } = await serving.predict('mortality', {
      entities: Array.from({ length: 100 }, (_, at) => ({ id: at + 1 })),
    });
    expect(predictions).toHaveLength(100);
    expect(reads).toEqual([{ entities: 100, features: FEATURES }]);
  });

  it('logs the share of the requests that the endpoint says, the same ones everywhere, without the features that it excludes', async () => {
    catalog.set({ endpoint: [{ ...BOTH, log: { share: 40, exclude: ['labs.bili'] } }] });
    await promote();
    await serving.start();
    for (let at = 0; at < 200; at += 1)
      await serving.predict('mortality', { entities: [{ id: 7 }, { id: 7 }], requestId: `r${at}` });
    await serving.close();
    const { items } = await log.list({ limit: 1_000 });
    const requests = new Set(items.map(({ requestId }) => requestId));
    expect(items).toHaveLength(2 * requests.size);
    // 200 draws of 0.4: within four standard deviations. The hash is fixed, so this number is too.
    expect(Math.abs(requests.size - 80)).toBeLessThan(28);
    for (const { features } of items) expect(Object.keys(features)).toEqual(['labs.albumin']);
  });

  it('routes each row by its key, sticky, and says who answered', async () => {
    await promote();
    await promote('staging');
    await serving.start();
    const entities = Array.from({ length: 100 }, (_, at) => ({ id: at + 1 }));
    const answer = await serving.predict('mortality', { entities });
    const variants = answer.served_by!.map(({ variant }) => variant);
    expect(new Set(variants)).toEqual(new Set(['control', 'treatment']));
    answer.predictions.forEach((prediction, at) => {
      expect(prediction).toEqual({ value: variants[at] === 'control' ? 1 : 2 });
    });
    for (const at of [0, 1, 2, 3, 4]) {
      const again = await serving.predict('mortality', { entities: entities[at] });
      expect(again.variant).toBe(variants[at]);
      expect(again.served_by).toBeUndefined();
    }
  });

  it('answers in place of a variant that has nothing to serve', async () => {
    await promote();
    await serving.start();
    const answer = await serving.predict('mortality', {
      entities: Array.from({ length: 50 }, (_, at) => ({ id: at + 1 })),
    });
    expect(answer.served_by).toBeUndefined();
    expect(answer.variant).toBe('control');
  });

  it('refuses by name what it cannot know: endpoint, version, key', async () => {
    await serving.start();
    expect(await failure(serving.predict('mortalty', { entities: { id: 1 } }))).toMatchObject({
      code: 'EP201',
      status: 404,
      hint: 'did you mean "mortality"?',
    });
    expect(await failure(serving.predict('mortality', { entities: { id: 1 } }))).toMatchObject({
      code: 'EP202',
      status: 503,
      detail: expect.stringContaining('risk has no version in production'),
    });
    await promote();
    await serving.refresh();
    expect(await failure(serving.predict('mortality', { entities: { ID: 1 } }))).toMatchObject({
      code: 'EP204',
      status: 422,
    });
    for (const request of [
      {},
      { entities: [] },
      { entities: 5 },
      { entities: [5] },
      { entities: [{ id: 1 }], inputs: [{}, {}] },
    ]) {
      expect((await failure(serving.predict('mortality', request))).code, JSON.stringify(request)).toBe('API422');
    }
  });

  it.each(['not_found', 'expired', 'null'] as const)(
    'refuses a feature that is %s, naming it, and takes its default where there is one',
    async (status) => {
      if (status === 'not_found') delete online['7'];
      else online['7']!['labs.albumin'] = { value: null, status };
      await promote();
      await serving.start();
      const error = await failure(serving.predict('mortality', { entities: [{ id: 8 }, { id: 7 }] }));
      expect(error).toMatchObject({ code: 'EP203', status: 422 });
      expect(error.detail).toContain(`labs.albumin (${status.replace('_', ' ')}, {"id":7})`);
      expect(error.data?.['missing']).toContainEqual({ row: 1, feature: 'labs.albumin', status });

      const labs = {
        name: 'labs',
        entity: 'patient',
        source: 'visits',
        eventTime: 'event_time',
        features: {
          bili: { dtype: 'float64' as const, default: 0.5 },
          albumin: { dtype: 'float64' as const, default: 4 },
        },
      };
      catalog.set({ endpoint: [BOTH], feature_set: [labs] });
      const answer = await serving.predict('mortality', { entities: [{ id: 8 }, { id: 7 }] });
      expect(answer.features[1]).toMatchObject({ 'labs.albumin': 4 });
      expect(answer.features[0]).toEqual({ 'labs.bili': 0.8, 'labs.albumin': 3 });
    },
  );

  it('takes inputs by name, by short name, or in order, and reads only what is not given', async () => {
    await promote();
    await serving.start();
    const features = [{ 'labs.bili': 2, 'labs.albumin': 3.5 }];
    for (const inputs of [{ 'labs.bili': 2, 'labs.albumin': 3.5 }, { bili: 2, albumin: 3.5, id: 9 }, [[2, 3.5]]]) {
      expect((await serving.predict('mortality', { inputs })).features).toEqual(features);
    }
    expect(reads).toEqual([]);
    const mixed = await serving.predict('mortality', { entities: [{ id: 7 }], inputs: [{ bili: 99 }] });
    expect(mixed.features).toEqual([{ 'labs.bili': 99, 'labs.albumin': 3 }]);
    expect(reads).toEqual([{ entities: 1, features: ['labs.albumin'] }]);
  });

  it('takes a null among the inputs for what it is, whatever the rows beside it bring', async () => {
    await promote();
    await serving.start();
    const nulled = { entities: [{ id: 7 }], inputs: [{ bili: 1, albumin: null }] };
    const beside = { entities: [{ id: 7 }, { id: 7 }], inputs: [{ bili: 1, albumin: null }, { bili: 1 }] };
    for (const request of [nulled, beside]) {
      expect(await failure(serving.predict('mortality', request))).toMatchObject({
        code: 'EP203',
        data: { missing: [{ row: 0, feature: 'labs.albumin', status: 'null' }] },
      });
    }
  });

  it.each([
    ['a text', { bili: 'high', albumin: 3 }, 'EP204'],
    ['a number beyond float32', { bili: 1e300, albumin: 3 }, 'EP204'],
    ['an object', { bili: {}, albumin: 3 }, 'EP204'],
    ['an unknown feature', { bilirubin: 1, albumin: 3 }, 'EP204'],
    ['too few values', [[1]], 'EP204'],
    ['a missing feature', { bili: 1 }, 'EP203'],
    ['a null', { bili: 1, albumin: null }, 'EP203'],
  ])('refuses %s among the inputs', async (_, inputs, code) => {
    await promote();
    await serving.start();
    expect(await failure(serving.predict('mortality', { inputs }))).toMatchObject({ code, status: 422 });
  });

  it('follows a promotion by notification, without being polled', async () => {
    await promote();
    await serving.close();
    serving = createServing({
      catalog,
      registry: store,
      artifacts,
      features: reader,
      log,
      runtime: createOnnxRuntime(),
      pollMs: 600_000,
    });
    await serving.start();
    await promote();
    await vi.waitFor(async () =>
      expect((await serving.predict('mortality', { entities: { id: 1 } })).model?.version).toBe(2),
    );
  });

  it('follows a promotion by polling where nothing notifies it, and says that at its start', async () => {
    await promote();
    const deaf: RegistryStore = { ...store, onMove: () => Promise.reject(new Error('it does not listen')) };
    await serving.close();
    serving = createServing({
      catalog,
      registry: deaf,
      artifacts,
      features: reader,
      log,
      runtime: createOnnxRuntime(),
      pollMs: 50,
    });
    await expect(serving.start()).rejects.toThrow('it does not listen');
    expect((await serving.predict('mortality', { entities: { id: 1 } })).model?.version).toBe(1);
    await promote();
    await vi.waitFor(async () =>
      expect((await serving.predict('mortality', { entities: { id: 1 } })).model?.version).toBe(2),
    );
  });

  it('notices endpoints that are applied and removed while it runs', async () => {
    await promote();
    await serving.start();
    catalog.set({
      endpoint: [{ name: 'fixed', key: 'id', variants: { only: { model: 'risk', version: 1 } }, split: { only: 100 } }],
    });
    expect(await serving.predict('fixed', { entities: { id: 1 } })).toMatchObject({
      variant: 'only',
      model: { version: 1 },
    });
    expect((await failure(serving.predict('mortality', { entities: { id: 1 } }))).code).toBe('EP201');
  });

  it('stays at a fixed version, whatever is promoted', async () => {
    await promote();
    catalog.set({
      endpoint: [{ name: 'fixed', key: 'id', variants: { only: { model: 'risk', version: 1 } }, split: { only: 100 } }],
    });
    await serving.start();
    await promote();
    await serving.refresh();
    expect((await serving.predict('fixed', { entities: { id: 1 } })).model?.version).toBe(1);
  });

  it('a version that does not load never replaces one that serves, and shows why', async () => {
    const first = await promote();
    await serving.start();
    const { digest } = await artifacts.put(Buffer.from('no model at all'));
    const files = [{ path: 'model.onnx', digest, bytes: null, uri: null }];
    const broken = await registry.register(
      { name: 'risk', framework: 'onnx', artifacts: files, signature: SIGNATURE },
      'ada',
    );
    await registry.promote({ versionId: broken.id, to: 'production' }, 'ada');
    await serving.refresh();
    expect((await serving.predict('mortality', { entities: { id: 1 } })).model?.version).toBe(first.version);
    expect(serving.status().endpoints[0]!.variants[0]).toMatchObject({
      variant: 'control',
      share: 50,
      follows: 'production',
      version: 1,
      failure: { version: 2, code: 'MD204' },
    });
    await promote();
    await serving.refresh();
    expect((await serving.predict('mortality', { entities: { id: 1 } })).model?.version).toBe(3);
    expect(serving.status().endpoints[0]!.variants[0]!.failure).toBeNull();
  });

  it('a version that does not load is told once, however often it is tried', async () => {
    const told: unknown[] = [];
    await serving.close();
    serving = createServing({
      catalog,
      registry: store,
      artifacts,
      features: reader,
      log,
      runtime: createOnnxRuntime(),
      onFailure: (model, version, cause) => told.push([model, version, (cause as MlopsError).code]),
    });
    await serving.start();
    const { artifacts: files } = await register();
    artifacts.corrupt(files[0]!.digest!);
    await registry.promote({ versionId: (await store.search({ limit: 1 })).items[0]!.id, to: 'production' }, 'ada');
    await serving.refresh();
    await serving.refresh();
    expect(told).toEqual([['risk', 1, expect.any(String)]]);
  });

  it('does not serve a file that was damaged after it was registered', async () => {
    const { artifacts: files } = await promote();
    artifacts.corrupt(files[0]!.digest!);
    await serving.start();
    expect(serving.status().endpoints[0]!.variants[0]).toMatchObject({
      version: null,
      failure: { version: 1, code: 'MD203' },
    });
    const error = await failure(serving.predict('mortality', { entities: { id: 1 } }));
    expect(error).toMatchObject({ code: 'EP202', detail: expect.stringContaining('version 1 of risk does not load') });
  });

  it('goes on serving what is loaded while the registry does not answer', async () => {
    await promote();
    let down = false;
    const flaky: RegistryStore = {
      ...store,
      atStage: (...of) => (down ? Promise.reject(new Error('unreachable')) : store.atStage(...of)),
    };
    await serving.close();
    serving = createServing({
      catalog,
      registry: flaky,
      artifacts,
      features: reader,
      log,
      runtime: createOnnxRuntime(),
    });
    await serving.start();
    down = true;
    await expect(serving.refresh()).rejects.toThrow('unreachable');
    expect(serving.status().error).toBe('unreachable');
    expect((await serving.predict('mortality', { entities: { id: 1 } })).model?.version).toBe(1);
    down = false;
    await serving.refresh();
    expect(serving.status().error).toBeNull();
  });

  it('runs requests together that come together, as the endpoint says', async () => {
    const { digest } = await artifacts.put(await weightedSumModel([1, 10]));
    const files = [{ path: 'model.onnx', digest, bytes: null, uri: null }];
    const { id } = await registry.register(
      { name: 'risk', framework: 'onnx', artifacts: files, signature: SIGNATURE },
      'ada',
    );
    await registry.promote({ versionId: id, to: 'production' }, 'ada');
    const real = createOnnxRuntime();
    for (const [batching, least, most] of [
      [{ maxBatch: 1 }, 40, 40],
      [{ maxBatch: 64 }, 1, 2],
      [{ maxBatch: 16, maxDelay: '5ms' }, 3, 4],
    ] as const) {
      let runs = 0;
      await serving.close();
      catalog.set({ endpoint: [{ ...BOTH, batching }] });
      serving = createServing({
        catalog,
        registry: store,
        artifacts,
        features: reader,
        log,
        runtime: {
          ...real,
          open: async (content) => {
            const session = await real.open(content);
            const batcher = createBatcher({
              run: (feeds, outputs) => {
                runs += 1;
                return session.run(feeds, outputs, { maxBatch: 1, maxDelayMs: 0 });
              },
              rowsApart: session.rowsApart,
              batches: session.batches,
            });
            return { ...session, run: batcher.run };
          },
        },
      });
      await serving.start();
      const answers = await Promise.all(
        Array.from({ length: 40 }, (_, at) => serving.predict('mortality', { inputs: { bili: at, albumin: 1 } })),
      );
      expect(answers.map(({ predictions }) => predictions[0])).toEqual(
        Array.from({ length: 40 }, (_, at) => ({ value: at + 10 })),
      );
      expect(runs).toBeGreaterThanOrEqual(least);
      expect(runs).toBeLessThanOrEqual(most);
    }
  });

  it('stops serving a version that is taken out of production', async () => {
    const version = await promote();
    await serving.start();
    await registry.promote({ versionId: version.id, to: 'archived' }, 'ada');
    await serving.refresh();
    expect((await failure(serving.predict('mortality', { entities: { id: 1 } }))).code).toBe('EP202');
  });

  it('drops no request across 50 promotions under load, and never goes back to an older version', async () => {
    await promote();
    await serving.start();
    let done = false;
    let answered = 0;
    const client = async (id: number) => {
      let last = 0;
      while (!done) {
        const { model, predictions } = await serving.predict('mortality', { entities: { id } });
        // the answer is of the version that it names
        expect(predictions).toEqual([{ value: model?.version }]);
        expect(model?.version).toBeGreaterThanOrEqual(last);
        last = model?.version ?? 0;
        answered += 1;
        // Thousands a second, as over HTTP: without any rest they would only wait for the log.
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      return last;
    };
    const clients = Promise.all(Array.from({ length: 8 }, (_, at) => client(at + 1)));
    for (let at = 0; at < 50; at += 1) await promote();
    await vi.waitFor(
      async () => expect((await serving.predict('mortality', { entities: { id: 1 } })).model?.version).toBe(51),
      { timeout: 10_000 },
    );
    done = true;
    const last = await clients;
    expect(Math.max(...last)).toBe(51);
    expect(answered).toBeGreaterThan(100);
    expect(serving.status().log.dropped).toBe(0);
  });

  it('logs every prediction with what it was made from, all of them written when it closes', async () => {
    await promote();
    await promote('staging');
    await serving.start();
    const entities = Array.from({ length: 40 }, (_, at) => ({ id: at + 1 }));
    const answer = await serving.predict('mortality', { entities, requestId: 'batch' });
    await serving.predict('mortality', { inputs: { bili: 1, albumin: 2 }, requestId: 'inputs' });
    await serving.close();
    const { items } = await log.list({ requestId: 'batch', limit: 100 });
    expect(items).toHaveLength(40);
    for (const item of items) {
      const { variant, model } = answer.served_by![item.ordinal]!;
      expect(item).toMatchObject({
        endpoint: 'mortality',
        variant,
        model: 'risk',
        version: model?.version,
        entity: entities[item.ordinal],
        features: answer.features[item.ordinal],
        prediction: answer.predictions[item.ordinal],
      });
      expect(item.latencyMs).toBeGreaterThan(0);
    }
    const [single] = (await log.list({ requestId: 'inputs', limit: 1 })).items;
    expect(single).toMatchObject({ entity: null, features: { 'labs.bili': 1, 'labs.albumin': 2 } });
  });

  it('serves a version without a signature by the features that its model declares', async () => {
    const version = await register(null);
    await registry.promote({ versionId: version.id, to: 'production' }, 'ada');
    await serving.start();
    expect((await failure(serving.predict('mortality', { entities: { id: 1 } }))).detail).toContain(
      'says which features it reads',
    );
    catalog.set({
      endpoint: [BOTH],
      model: [{ name: 'risk', framework: 'onnx', inputs: 'inputs' }],
      feature_service: [{ name: 'inputs', features: FEATURES }],
    });
    await vi.waitFor(
      async () => expect((await serving.predict('mortality', { entities: { id: 1 } })).model?.version).toBe(1),
      { timeout: 10_000 },
    );
  });
});
