/** Versions of a feature set side by side: what lives, what is filled, what is retired, and who decides it. */
import { access, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createRegistry, type Registry } from '../../src/registry/registry.ts';
import type { CanonicalSpecs } from '../../src/spec/canonical-specs.ts';
import type { RegistryStore } from '../../src/stores/control/registry.ts';
import { postgresRegistry } from '../../src/stores/postgres/postgres-registry.ts';
import { postgresState } from '../../src/stores/postgres/postgres-state.ts';
import { ensureScope } from '../../src/stores/postgres/scopes.ts';
import { catalogOf, type FeatureStore, openFeatureStore, type Specs, writeCsv } from '../support/features.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';

type Set = CanonicalSpecs['feature_set'];
const first: Set = {
  name: 'readings',
  entity: 'thing',
  source: 'raw',
  eventTime: 'at',
  features: { value: { dtype: 'float64' }, note: { dtype: 'string' } },
};
const second: Set = { ...first, features: { value: { dtype: 'float64', column: 'other' }, note: { dtype: 'string' } } };
const third: Set = { ...first, features: { value: { dtype: 'float64', column: 'third' } } };
const pushed: Set = {
  name: 'readings',
  entity: 'thing',
  push: true,
  eventTime: 'at',
  features: { value: { dtype: 'float64' }, note: { dtype: 'string' } },
};

let database: FreshDatabase;
let directory: TemporaryDirectory;
let store: FeatureStore;
let registry: Registry;
let registryStore: RegistryStore;
let specs: Specs;
let scopes = 0;
let scopeId: number;

beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(() => database?.drop());
beforeEach(async () => {
  specs = {
    source: [{ name: 'raw', file: 'raw.csv' }],
    entity: [{ name: 'thing', keys: { id: 'int64' } }],
    feature_set: [first],
    feature_service: [{ name: 'all', features: ['readings.value'] }],
  };
  directory = await temporaryDirectory();
  const scope = `versions-${scopes++}`;
  store = await openFeatureStore({
    root: directory.path,
    connectionString: database.connectionString,
    specs: () => specs,
    scope,
    chunkRows: 3,
  });
  scopeId = await ensureScope(store.db, { project: scope, environment: 'test' });
  registryStore = postgresRegistry(store.db, scopeId);
  registry = createRegistry({
    store: registryStore,
    catalog: catalogOf(directory.path, () => specs),
    artifacts: store.artifacts,
  });
});
afterEach(async () => {
  await store.close();
  await directory.remove();
});

const COLUMNS = ['id', 'at', 'value', 'other', 'third', 'note'];
type Row = readonly (string | number | null)[];
const ingest = async (rows: readonly Row[], columns = COLUMNS): Promise<void> => {
  await writeCsv(join(directory.path, 'raw.csv'), columns, rows);
  await store.features.ingest('raw', store.call);
};
const apply = async (set: Set): Promise<number> => {
  specs = { ...specs, feature_set: [set] };
  const entity = specs.entity?.[0];
  if (entity === undefined) throw new Error('there is an entity');
  return (await store.features.registerFeatureSet(set, entity)).version;
};
const materialize = (version?: number) =>
  store.features.materialize('readings', store.call, version === undefined ? {} : { version });
const online = async (id: number, name = 'readings.value') =>
  (await store.features.reader.read([{ id }], [name]))[0]?.features[name];
const versions = async () =>
  (await store.features.describe('readings')).versions.map(({ version, status }) => `${version} ${status}`);
/** A model version that learned from this version of the set. */
const trained = (model: string, version: number | null) =>
  registry.register(
    {
      name: model,
      framework: 'onnx',
      lineage: version === null ? {} : { dataset: { feature_set_versions: { readings: version } } },
    },
    'ada',
  );
const inProduction = async (model: string, version: number) => {
  const { id } = await trained(model, version);
  await registry.promote({ versionId: id, to: 'production' }, 'ada');
  return id;
};
const push = (id: number, features: Record<string, unknown>, eventTime = '2024-05-01') =>
  store.features.push('readings', [{ entity: { id }, features, eventTime }]);
const partFiles = async (version: number): Promise<readonly string[]> =>
  readdir(join(directory.path, '.mlops/offline/test/sets/readings', `v${version}`)).catch(() => []);

describe('versions side by side', () => {
  it('goes on filling the version that a model in production learned from, beside the newest', async () => {
    await ingest([[1, '2024-03-01', 10, 100, 1000, 'a']]);
    await materialize();
    await inProduction('risk', 1);
    expect(await apply(second)).toBe(2);
    // Until the new one is filled, whoever names no version reads the old one.
    expect([await online(1), await online(1, 'readings@1.value')]).toEqual([10, 10]);
    await expect(online(1, 'readings@2.value')).rejects.toMatchObject({
      code: 'FS206',
      detail: expect.stringContaining('not filled yet'),
    });
    expect(await materialize()).toMatchObject({ version: 2, older: [{ version: 1, error: null }], retired: [] });
    expect([await online(1), await online(1, 'readings@1.value')]).toEqual([100, 10]);
    await ingest([
      [1, '2024-03-01', 10, 100, 1000, 'a'],
      [1, '2024-03-02', 11, 101, 1001, 'b'],
    ]);
    expect(await materialize()).toMatchObject({ rowsWritten: 1, older: [{ version: 1, rowsWritten: 1 }] });
    expect([await online(1), await online(1, 'readings@1.value')]).toEqual([101, 11]);
    expect(await versions()).toEqual(['1 serving', '2 serving']);
  });

  it('keeps what is in staging, what a rollback returns to and the newest in development, and retires the rest', async () => {
    await ingest([[1, '2024-03-01', 10, 100, 1000, 'a']]);
    await materialize();
    const old = await inProduction('risk', 1);
    await apply(second);
    await materialize();
    await inProduction('risk', 2);
    expect((await materialize()).retired).toEqual([]);
    const readers = (await store.features.describe('readings')).versions.map((version) => version.readers);
    expect(readers).toEqual([
      [{ model: 'risk', modelVersion: 1, as: 'rollback' }],
      [{ model: 'risk', modelVersion: 2, as: 'production' }],
    ]);
    await inProduction('risk', 2);
    const candidate = await trained('other', 1);
    expect((await materialize()).retired).toEqual([]);
    await trained('other', 2);
    const staged = await registry.promote({ versionId: candidate.id, to: 'staging' }, 'ada');
    expect(staged.version.stage).toBe('staging');
    expect((await materialize()).retired).toEqual([]);
    await registry.promote({ versionId: candidate.id, to: 'archived' }, 'ada');
    expect((await materialize()).retired).toEqual([1]);
    expect(await versions()).toEqual(['1 retired', '2 serving']);
    await expect(online(1, 'readings@1.value')).rejects.toMatchObject({
      code: 'FS220',
      hint: expect.stringContaining('--version 1'),
    });
    expect(await store.online.progress({ set: 'readings', version: 1 })).toBeUndefined();
    expect(await partFiles(1)).toEqual([]);
    // No way back to it that would be answered by another version.
    await expect(registry.promote({ versionId: old, to: 'production' }, 'ada')).rejects.toMatchObject({
      code: 'MD207',
      hint: expect.stringContaining('features materialize readings --version 1'),
    });
    expect((await registry.atStage('risk', 'production'))?.version).toBe(3);
    const audit = await store.db.query<{ subject: string; detail: unknown }>(
      "select subject, detail from mlops.audit_log where action = 'feature_set.retire' and detail ->> 'version' = '1' order by entry_id desc limit 1",
    );
    expect(audit).toMatchObject([{ subject: 'feature_set.readings', detail: { version: 1 } }]);
  });

  it('brings a retired version back, filled anew, and keeps it until it is promoted', async () => {
    await ingest([[1, '2024-03-01', 10, 100, 1000, 'a']]);
    await materialize();
    const { id } = await trained('risk', 1);
    await trained('risk', null);
    await apply(second);
    expect((await materialize()).retired).toEqual([1]);
    await ingest([[1, '2024-03-03', 13, 103, 1003, 'c']]);
    expect(await materialize(1)).toMatchObject({ version: 1, rowsWritten: 1 });
    expect([await online(1, 'readings@1.value'), await online(1)]).toEqual([13, 100]);
    // The next materialization leaves it, and fills the newest.
    expect(await materialize()).toMatchObject({ version: 2, retired: [], older: [{ version: 1 }] });
    await registry.promote({ versionId: id, to: 'production' }, 'ada');
    await expect(materialize(7)).rejects.toMatchObject({ code: 'FS201' });
  });

  it('tells what keeps an older version from being brought up to date, and fills the newest all the same', async () => {
    await ingest([[1, '2024-03-01', 10, 100, 1000, 'a']]);
    await materialize();
    await inProduction('risk', 1);
    await apply(second);
    await materialize();
    await ingest([[1, '2024-03-02', 101, 'b']], ['id', 'at', 'other', 'note']);
    const report = await materialize();
    expect(report).toMatchObject({
      version: 2,
      rowsWritten: 1,
      older: [{ version: 1, error: { code: 'FS221', detail: expect.stringContaining('value') } }],
    });
    expect([await online(1), await online(1, 'readings@1.value')]).toEqual([101, 10]);
    expect(store.lines.join('\n')).toContain('warning FS221');
  });

  it('fills the version that is read although the newest cannot be filled', async () => {
    await ingest([[1, '2024-03-01', 10, 100, 1000, 'a']]);
    await materialize();
    await inProduction('risk', 1);
    await apply({ ...first, features: { value: { dtype: 'float64', column: 'nowhere' } } });
    await ingest([[1, '2024-03-02', 11, 101, 1001, 'b']]);
    await expect(materialize()).rejects.toMatchObject({ code: 'SP203' });
    expect(await online(1)).toBe(11);
    expect(await versions()).toEqual(['1 serving', '2 registered']);
  });

  it('ingests a source that only an older version reads', async () => {
    await ingest([[1, '2024-03-01', 10, 100, 1000, 'a']]);
    await materialize();
    await inProduction('risk', 1);
    specs = { ...specs, source: [...(specs.source ?? []), { name: 'fresh', file: 'fresh.csv' }] };
    await writeCsv(join(directory.path, 'fresh.csv'), COLUMNS, [[1, '2024-03-01', 20, 0, 0, 'x']]);
    await apply({ ...first, source: 'fresh' });
    await writeCsv(join(directory.path, 'raw.csv'), COLUMNS, [[1, '2024-03-04', 14, 0, 0, 'd']]);
    await materialize();
    expect([await online(1), await online(1, 'readings@1.value')]).toEqual([20, 14]);
  });

  it('keeps a version that an endpoint is pinned to, through the model that learned from it, until it is not', async () => {
    await ingest([[1, '2024-03-01', 10, 100, 1000, 'a']]);
    await materialize();
    await trained('risk', 1);
    const endpoint = (variants: object) =>
      postgresState(store.db, scopeId).putFromApi(
        {
          address: 'endpoint.triage',
          kind: 'endpoint',
          name: 'triage',
          spec: { name: 'triage', key: 'id', variants, split: { a: 100 } } as never,
          digest: JSON.stringify(variants),
          dependsOn: [],
          protect: false,
        },
        'ada',
        {},
      );
    await endpoint({ a: { model: 'risk', version: 1 } });
    await apply(second);
    await materialize();
    // A newer version of the model, so that the first is no candidate any more.
    await trained('risk', 2);
    expect((await materialize()).retired).toEqual([]);
    expect((await store.features.describe('readings')).versions[0]?.readers).toEqual([
      { model: 'risk', modelVersion: 1, as: 'endpoint' },
    ]);
    expect(await online(1, 'readings@1.value')).toBe(10);
    await endpoint({ a: { model: 'risk', version: 2 } });
    expect((await materialize()).retired).toEqual([1]);
  });

  it('retires a version that never served once a newer one does', async () => {
    await ingest([[1, '2024-03-01', 10, 100, 1000, 'a']]);
    await materialize();
    await apply(second);
    await apply(third);
    expect((await materialize()).retired).toEqual([1, 2]);
    expect(await versions()).toEqual(['1 retired', '2 retired', '3 serving']);
  });

  it('keeps a version that clients ask for by its number, for a week after the last of them', async () => {
    await apply(first);
    await ingest([[1, '2024-01-01', 1, 10, null, 'a']]);
    await materialize();
    const reads = async (names: readonly string[], reader: string): Promise<void> => {
      await store.features.reader.readAligned([{ id: 1 }], names, reader);
      await store.features.insights();
    };
    // Before a newer one serves whoever names none reads it too.
    await reads(['readings.value'], 'http');
    await apply(second);
    await materialize();
    expect(await versions()).toEqual(['1 retired', '2 serving']);

    await apply(third);
    // As if that had been an hour ago.
    const anHourAgo = async (): Promise<void> => {
      await store.db.query("update mlops.feature_set_versions set serving_since = serving_since - interval '1 hour'");
      await store.db.query("update mlops.feature_usage set last_at = last_at - interval '1 hour'");
    };
    const filled = await store.features.materialize('readings', store.call, { version: 3 });
    expect(filled.version).toBe(3);
    await anHourAgo();
    await reads(['readings@2.value'], 'endpoint:risk');
    await reads(['readings.value'], 'key:plain');
    await reads(['readings@2.value'], 'key:app');
    await materialize();
    expect(await versions()).toEqual(['1 retired', '2 serving', '3 serving']);
    expect((await store.features.describe('readings')).versions[1]?.askedBy).toEqual([
      { reader: 'key:app', lastAt: expect.any(Date) },
    ]);
    await store.db.query("update mlops.feature_usage set last_at = last_at - interval '8 days'");
    expect((await materialize()).retired).toEqual([2]);
  });

  it('lets a version without a lineage read the newest that serves', async () => {
    await ingest([[1, '2024-03-01', 10, 100, 1000, 'a']]);
    await materialize();
    const { id } = await trained('risk', null);
    await registry.promote({ versionId: id, to: 'production' }, 'ada');
    await apply(second);
    expect((await materialize()).retired).toEqual([1]);
  });

  it('carries what was pushed before over into the new version, where its columns are left as they were', async () => {
    specs = { ...specs, source: [] };
    await apply(pushed);
    await push(1, { value: 1, note: 'one' }, '2024-01-01');
    await push(1, { value: 2 }, '2024-02-01');
    await materialize();
    await push(2, { value: 5, note: 'two' }, '2024-02-02');
    const features = { value: { dtype: 'float64' }, note: { dtype: 'json' }, added: { dtype: 'float64' } } as const;
    expect(await apply({ ...pushed, features })).toBe(2);
    expect([await online(2), await versions()]).toEqual([5, ['1 serving', '2 registered']]);
    expect(await materialize()).toMatchObject({ version: 2, rowsWritten: 3, retired: [1] });
    expect([await online(1), await online(2), await online(2, 'readings.added')]).toEqual([2, 5, null]);
    expect(await online(2, 'readings.note')).toBeNull();
    expect((await store.featureState.parts('readings', 2)).reduce((rows, part) => rows + part.rows, 0)).toBe(3);
    // Nothing is carried twice.
    expect(await materialize()).toMatchObject({ rowsWritten: 0 });
  });

  it('carries what was pushed online only over too, each beside what the new version has of its time', async () => {
    await apply(first);
    await ingest([
      [1, '2024-01-01', 1, 10, null, 'a'],
      [2, '2024-01-01', 2, 20, null, 'b'],
      [3, '2024-01-01', 3, 30, null, 'c'],
    ]);
    await materialize();
    const alone = (id: number, features: Record<string, unknown>, eventTime: string) =>
      store.features.push('readings', [{ entity: { id }, features, eventTime }], 'online');
    await alone(1, { value: 100, note: 'kept' }, '2024-02-01');
    await alone(2, { note: 'old' }, '2023-01-01');
    await alone(4, { note: 'nowhere else' }, '2024-02-01');
    await apply(second);
    await materialize();
    expect(await Promise.all([1, 2, 3, 4].map((id) => online(id, 'readings@2.note')))).toEqual([
      'kept',
      'b',
      'c',
      'nowhere else',
    ]);
    expect(await Promise.all([1, 2, 3, 4].map((id) => online(id, 'readings@2.value')))).toEqual([100, 20, 30, null]);
    const [row] = await store.features.reader.read([{ id: 1 }], ['readings@2.note']);
    expect(row?.eventTime).toEqual({ 'readings@2.note': '2024-02-01T00:00:00.000000Z' });
    // Once it serves, nothing is carried over again.
    await alone(4, { note: 'newer' }, '2024-03-01');
    await materialize();
    expect(await online(4, 'readings@2.note')).toBe('newer');
    // And on into the next: what is not left as it was it has of its own, of that time.
    await apply({ ...first, features: { value: { dtype: 'int64' }, note: { dtype: 'string' } } });
    await materialize();
    expect([await online(4, 'readings.note'), await online(1, 'readings.note')]).toEqual(['newer', 'kept']);
    expect([await online(4), await online(1)]).toEqual([null, 1]);
  });

  it('gives what is pushed to every version that has the columns for it, all in one', async () => {
    specs = { ...specs, source: [] };
    await apply(pushed);
    await push(1, { value: 1, note: 'one' }, '2024-01-01');
    await inProduction('risk', 1);
    await apply({ ...pushed, features: { value: { dtype: 'float64' }, added: { dtype: 'float64' } } });
    expect(await push(1, { value: 2 }, '2024-01-02')).toMatchObject({ applied: 1, versions: [1, 2] });
    expect(await push(1, { added: 7 }, '2024-01-03')).toMatchObject({ applied: 1, versions: [2] });
    expect(await push(1, { note: 'two' }, '2024-01-04')).toMatchObject({ applied: 1, versions: [1] });
    await expect(push(1, { nowhere: 1 })).rejects.toMatchObject({ code: 'FS201' });
    await expect(push(1, { value: 'no number' })).rejects.toMatchObject({ code: 'API422' });
    await materialize();
    const names = ['readings@1.value', 'readings@1.note', 'readings@2.value', 'readings@2.added'];
    const [row] = await store.features.reader.read([{ id: 1 }], names);
    expect(names.map((name) => row?.features[name])).toEqual([2, 'two', 2, 7]);
    const rowsOf = async (version: number) =>
      (await store.featureState.parts('readings', version)).reduce((sum, { rows }) => sum + rows, 0);
    // The row of before is in the new one too; each of the others is where it went.
    expect([await rowsOf(1), await rowsOf(2)]).toEqual([3, 3]);
  });

  it('loses no push that comes while versions are registered and retired', async () => {
    specs = { ...specs, source: [] };
    await apply(pushed);
    await push(1, { value: 0 }, '2024-01-01');
    let made = 1;
    const pushes = (async () => {
      for (let day = 1; day <= 25; day += 1) {
        await push(1, { value: day }, `2024-02-${String(day).padStart(2, '0')}`);
        made += 1;
      }
    })();
    for (const dtype of ['int32', 'int64', 'string', 'bool'] as const) {
      await apply({ ...pushed, features: { value: { dtype: 'float64' }, added: { dtype } } });
      await materialize();
    }
    await pushes;
    await materialize();
    expect(await versions()).toEqual(['1 retired', '2 retired', '3 retired', '4 retired', '5 serving']);
    const rows = (await store.featureState.parts('readings', 5)).reduce((sum, part) => sum + part.rows, 0);
    expect([rows, made, await online(1)]).toEqual([26, 26, 25]);
  });

  it('keeps rows that a training set was made from, and no others', async () => {
    await ingest([[1, '2024-03-01', 10, 100, 1000, 'a']]);
    await materialize();
    await access(join(directory.path, '.mlops/offline/test/sets/readings/v1'));
    await apply(second);
    await materialize();
    expect(await partFiles(1)).toEqual([]);
    expect(await partFiles(2)).toHaveLength(1);
  });
});
