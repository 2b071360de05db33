/** Rules, ensembles, fallbacks and shadows of an endpoint, against models whose answers are known. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createRegistry, type Registry } from '../../src/registry/registry.ts';
import { createOnnxRuntime } from '../../src/serving/onnx-runtime.ts';
import { createServing, type Serving } from '../../src/serving/serving.ts';
import type { CanonicalEndpoint } from '../../src/spec/canonical-specs.ts';
import type { PredictionLogStore } from '../../src/stores/control/prediction-log.ts';
import type { RegistryStore } from '../../src/stores/control/registry.ts';
import { type Database, openDatabase } from '../../src/stores/postgres/database.ts';
import { postgresPredictionLog } from '../../src/stores/postgres/postgres-prediction-log.ts';
import { postgresRegistry } from '../../src/stores/postgres/postgres-registry.ts';
import { type MemoryArtifacts, memoryArtifacts } from '../support/memory-artifacts.ts';
import { freshScope, memoryCatalog } from '../support/models.ts';
import { constantModel, weightedSumModel } from '../support/onnx-models.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';

let database: FreshDatabase;
let db: Database;
let artifacts: MemoryArtifacts;
let store: RegistryStore;
let log: PredictionLogStore;
let registry: Registry;
let serving: Serving;
let catalog: ReturnType<typeof memoryCatalog>;
let roundTrips: number;
/** What a read waits for. */
let held: Promise<void> | undefined;

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
  const scopeId = await freshScope(db);
  store = postgresRegistry(db, scopeId);
  log = postgresPredictionLog(db, scopeId);
  catalog = memoryCatalog({});
  registry = createRegistry({ store, catalog, artifacts });
  roundTrips = 0;
  held = undefined;
  serving = createServing({
    catalog,
    registry: store,
    artifacts,
    log,
    runtime: createOnnxRuntime(),
    mostAtOnce: 3,
    features: {
      // Every feature of every entity is its id.
      readTraced: (entities, features) => {
        roundTrips += 1;
        const read = {
          at: '2026-01-01T00:00:00Z',
          sets: [],
          rows: entities.map((entity) => ({
            values: features.map(() => (entity['id'] === 404 ? null : entity['id'])),
            statuses: features.map(() => (entity['id'] === 404 ? ('not_found' as const) : ('present' as const))),
          })),
          origins: entities.map(() => []),
        };
        return held === undefined ? read : held.then(() => read);
      },
    },
  });
});
afterEach(() => serving.close());

async function register(name: string, content: Uint8Array, features: readonly string[]): Promise<void> {
  const { digest } = await artifacts.put(content);
  const files = [{ path: 'model.onnx', digest, bytes: null, uri: null }];
  const signature = { features, inputs: [], outputs: [], label: 'y', task: 'regression' as const };
  const version = await registry.register({ name, framework: 'onnx', artifacts: files, signature }, 'ada');
  await registry.promote({ versionId: version.id, to: 'production' }, 'ada');
}
const constant = async (name: string, value: number) => register(name, await constantModel(value), ['s.a', 's.b']);
const apply = async (spec: Partial<CanonicalEndpoint>) => {
  catalog.set({ endpoint: [{ name: 'e', key: 'id', split: { control: 100 }, ...spec } as CanonicalEndpoint] });
  await serving.refresh();
};
const control = { model: 'one', stage: 'production' as const };
const three = { a: { model: 'one' }, b: { model: 'two' }, c: { model: 'doubled' } };
const logged = async (requestId: string, rows: number) =>
  vi.waitFor(async () => {
    const { items } = await log.list({ requestId, limit: 100 });
    expect(items).toHaveLength(rows);
    return items;
  });

describe('an endpoint', () => {
  beforeEach(async () => {
    await constant('one', 1);
    await constant('two', 2);
    await register('doubled', await weightedSumModel([2]), ['t.c']);
  });

  it('is routed by the first rule that is true, else by the split; one that cannot be evaluated is counted', async () => {
    await apply({
      variants: { control, treatment: { model: 'two', stage: 'production' } },
      rules: [
        { name: 'eu', when: 'context.region == "EU" && entity.id > 5', variant: 'treatment' },
        { when: 'context.vip', variant: 'treatment' },
      ],
    });
    const ask = async (id: number, context?: Record<string, unknown>) =>
      (await serving.predict('e', { entities: { id }, requestId: `r${id}`, ...(context && { context }) })).variant;
    expect(await ask(9, { region: 'EU' })).toBe('treatment');
    expect(await ask(3, { region: 'EU', vip: true })).toBe('treatment');
    expect(await ask(8, { region: 'US', vip: false })).toBe('control');
    expect(await ask(7)).toBe('control');
    expect(await ask(6, { region: 'US', vip: 'yes' })).toBe('control');
    expect(serving.status().rules).toEqual([
      { endpoint: 'e', rule: 'eu', matched: 1, failed: 1 },
      { endpoint: 'e', rule: 'rule_2', matched: 1, failed: 2 },
    ]);
    expect((await logged('r9', 1))[0]).toMatchObject({ variant: 'treatment', routed: 'rule eu' });
    expect((await logged('r7', 1))[0]).toMatchObject({ variant: 'control', routed: 'split' });
  });

  it('answers with the mean of members, read in one round trip, and says what each said', async () => {
    await apply({
      variants: { control: { ensemble: { members: three, combine: { weighted: { a: 1, b: 2, c: 1 } } } } },
    });
    const answer = await serving.predict('e', { entities: [{ id: 10 }, { id: 20 }], requestId: 'm' });
    expect(answer.predictions).toEqual([{ value: (1 + 4 + 20) / 4 }, { value: (1 + 4 + 40) / 4 }]);
    expect(answer.model).toBeNull();
    expect(answer.members?.[1]?.[2]).toEqual({
      member: 'c',
      model: { name: 'doubled', version: 1 },
      prediction: { value: 40 },
    });
    expect(roundTrips).toBe(1);
    const items = await logged('m', 8);
    expect(
      items
        .filter(({ role }) => role === 'member')
        .map(({ member }) => member)
        .sort(),
    ).toEqual(['a', 'a', 'b', 'b', 'c', 'c']);
  });

  it('leaves an optional member out of the rows that it has no value for, and the others count as all', async () => {
    const members = { a: { model: 'one' }, c: { model: 'doubled', optional: true } };
    await register('one', await constantModel(1, 1), ['s.k']);
    await apply({ variants: { control: { ensemble: { members, combine: 'mean' } } } });
    const inputs = [{ k: 1, c: 5 }, { k: 1 }];
    const answer = await serving.predict('e', { inputs });
    expect(answer.predictions).toEqual([{ value: 5.5 }, { value: 1 }]);
    expect(answer.members?.[1]?.[1]).toMatchObject({ member: 'c', prediction: null, failure: 'EP203' });
  });

  it('stacks the scores of members by their names, and picks one by rule', async () => {
    await register('stacker', await weightedSumModel([100, 1]), ['b', 'a']);
    const members = { a: { model: 'one' }, b: { model: 'two' } };
    await apply({ variants: { control: { ensemble: { members, combine: { stacking: { model: 'stacker' } } } } } });
    const stacked = await serving.predict('e', { entities: { id: 1 } });
    expect(stacked).toMatchObject({ predictions: [{ value: 201 }], model: { name: 'stacker', version: 1 } });
    const pick = [{ when: 'entity.id > 5', member: 'b' }, { member: 'a' }];
    await apply({ variants: { control: { ensemble: { members, combine: { pick } } } } });
    const picked = await serving.predict('e', { entities: [{ id: 9 }, { id: 1 }] });
    expect(picked.predictions).toEqual([{ value: 2 }, { value: 1 }]);
    expect(picked.served_by?.map(({ model }) => model?.name)).toEqual(['two', 'one']);
  });

  it('is answered by the fallback of a variant that fails, and logs both', async () => {
    const members = { a: { model: 'one' }, none: { model: 'absent' } };
    await apply({
      variants: { control: { ensemble: { members, combine: 'mean' }, fallback: 'plain' }, plain: control },
      split: { control: 100, plain: 0 },
    });
    const absent = await serving.predict('e', { entities: { id: 1 }, requestId: 'f' });
    expect(absent).toMatchObject({ variant: 'plain', predictions: [{ value: 1 }] });
    expect((await logged('f', 1))[0]).toMatchObject({ routed: 'fallback from control' });
    // A vote on values fails once it is asked.
    await apply({
      variants: { control: { ensemble: { members: three, combine: 'vote' }, fallback: 'plain' }, plain: control },
      split: { control: 100, plain: 0 },
    });
    expect(await serving.predict('e', { entities: { id: 1 }, requestId: 'v' })).toMatchObject({ variant: 'plain' });
    const items = await logged('v', 2);
    expect(items.map(({ variant, failure }) => [variant, failure]).sort()).toEqual([
      ['control', 'EP208'],
      ['plain', undefined],
    ]);
  });

  it('copies the requests of a share of keys to a shadow, whose answers only the log has', async () => {
    await apply({
      variants: { control },
      shadows: { candidate: { model: 'two', share: 100 }, none: { model: 'two', share: 0 } },
    });
    const answer = await serving.predict('e', { entities: { id: 1 }, requestId: 's' });
    expect(answer.predictions).toEqual([{ value: 1 }]);
    const items = await logged('s', 2);
    expect(items.find(({ role }) => role === 'shadow')).toMatchObject({
      variant: 'candidate',
      prediction: { value: 2 },
      against: { value: 1 },
    });
    expect(serving.status().shadows[0]).toMatchObject({ shadow: 'candidate', answered: 1, failed: 0, dropped: 0 });
  });

  it('answers by the variant or the version that was asked for, and says that', async () => {
    await constant('one', 7);
    await apply({
      variants: { control, other: { model: 'two', stage: 'production' } },
      split: { control: 100, other: 0 },
    });
    const byVariant = await serving.predict('e', { entities: { id: 1 }, variant: 'other', requestId: 'q' });
    expect(byVariant).toMatchObject({ variant: 'other', predictions: [{ value: 2 }] });
    expect((await logged('q', 1))[0]).toMatchObject({ routed: 'asked' });
    const version = { model: 'one', version: 1 };
    const byVersion = await serving.predict('e', { entities: { id: 1 }, version });
    expect(byVersion).toMatchObject({ model: version && { name: 'one', version: 1 }, predictions: [{ value: 1 }] });
    for (const asked of [{ variant: 'otter' }, { version: { model: undefined, version: 1 } }])
      await expect(serving.predict('e', { entities: { id: 1 }, ...asked })).rejects.toMatchObject({ code: 'EP210' });
  });

  it('that takes longer than its time is answered for by its fallback, else refused', async () => {
    let release = (): void => {};
    held = new Promise((resolve) => {
      release = resolve;
    });
    const slow = { ...control, timeout: '20ms' };
    await apply({ variants: { control: slow } });
    await expect(serving.predict('e', { entities: { id: 1 } })).rejects.toMatchObject({ code: 'EP207', status: 504 });
    await apply({
      variants: { control: { ...slow, fallback: 'given' }, given: control },
      split: { control: 100, given: 0 },
    });
    const asked = serving.predict('e', { entities: { id: 1 }, requestId: 't' });
    const failed = await logged('t', 1);
    expect(failed[0]).toMatchObject({ variant: 'control', failure: 'EP207', routed: 'split' });
    release();
    expect(await asked).toMatchObject({ variant: 'given', predictions: [{ value: 1 }] });
    const items = await logged('t', 2);
    expect(items.find(({ failure }) => failure === undefined)).toMatchObject({ routed: 'fallback from control' });
  });

  it('leaves an optional member out that takes longer than its time', async () => {
    held = new Promise(() => {});
    const members = { a: { model: 'one' }, slow: { model: 'doubled', optional: true, timeout: '20ms' } };
    await apply({ variants: { control: { ensemble: { members, combine: 'mean' } } } });
    // The first has all that it needs in the request, the other would have to read.
    const answer = await serving.predict('e', { entities: { id: 1 }, inputs: { a: 1, b: 1 } });
    expect(answer.predictions).toEqual([{ value: 1 }]);
    expect(answer.members?.[0]?.[1]).toMatchObject({ member: 'slow', failure: 'EP207' });
  });

  it('does not wait for a shadow, nor fail with it; what does not fit is dropped and counted', async () => {
    await apply({ variants: { control }, shadows: { slow: { model: 'doubled' } } });
    let release = (): void => {};
    held = new Promise((resolve) => {
      release = resolve;
    });
    for (let at = 0; at < 300; at += 1)
      expect((await serving.predict('e', { inputs: { id: at, a: 1, b: 1 } })).predictions).toEqual([{ value: 1 }]);
    await serving.predict('e', { entities: { id: 1 }, inputs: { a: 1, b: 1 } });
    release();
    await vi.waitFor(() => {
      const [{ answered, failed, dropped }] = serving.status().shadows as never as [Record<string, number>];
      expect(answered! + failed! + dropped!).toBe(301);
    });
    expect(serving.status().shadows[0]?.failed).toBeGreaterThan(0);
  });

  it('refuses what is more than it answers at once, and answers again afterwards', async () => {
    await apply({ variants: { control } });
    let release = (): void => {};
    held = new Promise((resolve) => {
      release = resolve;
    });
    const three = [1, 2, 3].map((id) => serving.predict('e', { entities: { id } }));
    await expect(serving.predict('e', { entities: { id: 4 } })).rejects.toMatchObject({ code: 'EP209', status: 503 });
    release();
    await Promise.all(three);
    expect((await serving.predict('e', { entities: { id: 4 } })).predictions).toEqual([{ value: 1 }]);
    expect(serving.status().refused).toBe(1);
  });

  it('is not answered by a fallback for what a request lacks', async () => {
    await register('given', await constantModel(9, 1), ['s.other']);
    await apply({
      variants: { control: { ...control, fallback: 'plain' }, plain: { model: 'given', stage: 'production' } },
      split: { control: 100, plain: 0 },
    });
    const lacking = serving.predict('e', { entities: { id: 404 } });
    await expect(lacking).rejects.toMatchObject({ code: 'EP203', status: 422 });
  });
});
