/** Pushes and materializations while the online store is away, or loses what it was given: nothing recorded stays out of it. */
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { OnlineStore } from '../../src/stores/online.ts';
import { createRedisOnline } from '../../src/stores/redis/redis-online.ts';
import { eventually } from '../support/eventually.ts';
import { type FeatureStore, openFeatureStore, type Specs, writeCsv } from '../support/features.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';
import { startRedis, type TestRedis, withRedis } from '../support/redis.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';

const specs: Specs = {
  source: [{ name: 'raw', file: 'raw.csv' }],
  entity: [{ name: 'thing', keys: { id: 'int64' } }],
  feature_set: [
    { name: 'readings', entity: 'thing', source: 'raw', eventTime: 'at', features: { value: { dtype: 'float64' } } },
  ],
};

describe('an online store that loses what it answered to', () => {
  let database: FreshDatabase;
  let directory: TemporaryDirectory;
  beforeAll(async () => {
    database = await freshDatabase();
    directory = await temporaryDirectory();
  });
  afterAll(async () => {
    await database?.drop();
    await directory?.remove();
  });

  it('gets a pushed row again that was under way while a materialization passed', async () => {
    let letGo = (): void => {};
    let isPushing = (): void => {};
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const pushing = new Promise<void>((resolve) => {
      isPushing = resolve;
    });
    let loses = false;
    const store = await openFeatureStore({
      root: directory.path,
      connectionString: database.connectionString,
      specs: () => specs,
      online: (real) => ({
        ...real,
        write: async (table, records) => {
          if (!loses) return real.write(table, records);
          loses = false;
          isPushing();
          await held;
          return records.length;
        },
      }),
    });
    const write = (rows: readonly (readonly (string | number)[])[]) =>
      writeCsv(join(directory.path, 'raw.csv'), ['id', 'at', 'value'], rows);
    const materialize = () => store.features.materialize('readings', store.call);
    await write([[1, '2024-03-01', 10]]);
    await materialize();
    loses = true;
    const push = store.features.push('readings', [
      { entity: { id: 1 }, features: { value: 11 }, eventTime: '2024-03-05T00:00:00Z' },
    ]);
    await pushing;
    await write([
      [1, '2024-03-01', 10],
      [2, '2024-03-02', 20],
    ]);
    await store.features.ingest('raw', store.call);
    let isMaterialized = false;
    const materializing = materialize().then(() => {
      isMaterialized = true;
    });
    await eventually(async () => {
      const [waiting] = await store.db.query<{ waiting: number }>(
        "select count(*)::int as waiting from pg_locks where locktype = 'advisory' and not granted and database = (select oid from pg_database where datname = current_database())",
      );
      expect(isMaterialized || waiting?.waiting === 1).toBe(true);
    });
    letGo();
    await Promise.all([push, materializing]);
    await materialize();
    const rows = await store.features.reader.read([{ id: 1 }, { id: 2 }], ['readings.value']);
    expect(rows.map(({ features }) => features['readings.value'])).toEqual([11, 20]);
    await store.close();
  });
});

describe.runIf(withRedis)('with Redis away', () => {
  let database: FreshDatabase;
  let directory: TemporaryDirectory;
  let server: TestRedis;
  let online: OnlineStore;
  let store: FeatureStore;
  let scopes = 0;
  beforeAll(async () => {
    database = await freshDatabase();
    server = await startRedis();
  });
  afterAll(async () => {
    await server?.stop();
    await database?.drop();
  });
  beforeEach(async () => {
    directory = await temporaryDirectory();
    const scope = `scope-${scopes++}`;
    online = createRedisOnline(
      { server: { kind: 'single', url: server.url }, keyPrefix: 'mlops:', timeoutMs: 1_000 },
      { project: scope, environment: 'test' },
    );
    store = await openFeatureStore({
      root: directory.path,
      connectionString: database.connectionString,
      specs: () => specs,
      scope,
      online: (lmdb) => ({
        ...online,
        close: async () => {
          await Promise.all([online.close(), lmdb.close()]);
        },
      }),
    });
    await writeCsv(join(directory.path, 'raw.csv'), ['id', 'at', 'value'], [[1, '2024-03-01', 10]]);
    await store.features.materialize('readings', store.call);
  });
  afterEach(async () => {
    await server.start();
    await store.close();
    await directory.remove();
  });
  const values = async () =>
    (await store.features.reader.read([{ id: 1 }, { id: 2 }], ['readings.value'])).map(
      ({ features }) => features['readings.value'],
    );
  const push = () =>
    store.features.push('readings', [
      { entity: { id: 1 }, features: { value: 11 }, eventTime: '2024-03-05T00:00:00Z' },
      { entity: { id: 2 }, features: { value: 21 }, eventTime: '2024-03-05T00:00:00Z' },
    ]);

  it('a push is refused whole, nothing of it is recorded, and the same push does it later', async () => {
    await server.kill();
    await expect(push()).rejects.toMatchObject({ code: 'ST120', retryable: true });
    expect(await store.featureState.pendingUpdates('readings', 1, 10)).toEqual([]);
    await server.start();
    await eventually(async () => expect(await push()).toMatchObject({ applied: 2 }));
    expect(await values()).toEqual([11, 21]);
  });

  it('what was pushed and materialized before comes back with the next materialization', async () => {
    await push();
    await store.features.materialize('readings', store.call);
    await server.kill();
    await expect(store.features.materialize('readings', store.call)).rejects.toMatchObject({ code: 'ST120' });
    await server.start();
    await eventually(async () => expect(await values()).toEqual([null, null]));
    await store.features.materialize('readings', store.call);
    expect(await values()).toEqual([11, 21]);
  });

  it('what was pushed and not yet materialized comes back too', async () => {
    await push();
    await server.command('FLUSHALL');
    expect(await values()).toEqual([null, null]);
    await store.features.materialize('readings', store.call);
    expect(await values()).toEqual([11, 21]);
  });
});
