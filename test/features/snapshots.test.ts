/** Snapshots of sources that nothing needs are deleted; what anything needs stays, whatever is killed when. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { CanonicalSpecs } from '../../src/spec/canonical-specs.ts';
import type { FeatureState } from '../../src/stores/control/feature-state.ts';
import { type FeatureStore, openFeatureStore, type Specs, writeCsv } from '../support/features.ts';
import { type OpenOffline, offlineBackends } from '../support/offline-backends.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';

const DAY_MS = 86_400_000;
const source: CanonicalSpecs['source'] = { name: 'raw', file: 'raw.csv' };
const other: CanonicalSpecs['source'] = { name: 'other', query: 'select * from raw' };

let database: FreshDatabase;
let directory: TemporaryDirectory;
let opened: OpenOffline;
let store: FeatureStore;
let specs: Specs;
/** What a test does just before a snapshot or a training set is recorded, snapshots are held, or parts are asked for. */
let before: Partial<
  Record<'addSnapshot' | 'addTrainingSet' | 'parts' | 'readSnapshots', (location: string) => Promise<unknown>>
> = {};
let scopes = 0;
beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(() => database?.drop());

const open = async (backend: (typeof offlineBackends)[number]): Promise<void> => {
  before = {};
  specs = {
    source: [source],
    entity: [{ name: 'thing', keys: { id: 'int64' } }],
    feature_set: [
      { name: 'readings', entity: 'thing', source: 'raw', eventTime: 'at', features: { value: { dtype: 'float64' } } },
    ],
    feature_service: [{ name: 'all', features: ['readings.value'] }],
  };
  directory = await temporaryDirectory();
  opened = await backend.open(directory.path);
  store = await openFeatureStore({
    root: directory.path,
    connectionString: database.connectionString,
    specs: () => specs,
    scope: `snapshots-${scopes++}`,
    offline: opened.store,
    featureState: (real): FeatureState => ({
      ...real,
      addSnapshot: async (snapshot) => {
        await before.addSnapshot?.(snapshot.location);
        return real.addSnapshot(snapshot);
      },
      parts: async (set, version) => {
        await before.parts?.('');
        return real.parts(set, version);
      },
      readSnapshots: async (locations, reader, leaseMs) => {
        await before.readSnapshots?.('');
        return real.readSnapshots(locations, reader, leaseMs);
      },
      addTrainingSet: async (set) => {
        await before.addTrainingSet?.(set.snapshots[0] ?? '');
        return real.addTrainingSet(set);
      },
    }),
  });
};
const close = async (): Promise<void> => {
  await store.close();
  await opened.close();
  await directory.remove();
};

/** A snapshot of rows with these values. Its location. */
const take = async (values: readonly number[], name = 'raw'): Promise<string> => {
  const rows = values.map((value, id) => [id, `2024-01-${String(id + 1).padStart(2, '0')}`, value]);
  await writeCsv(join(directory.path, 'raw.csv'), ['id', 'at', 'value'], rows);
  await store.features.ingest(name, store.call);
  return (await store.featureState.latestSnapshot(name))?.location ?? '';
};
/** All that was recorded was recorded so many days before. */
const age = (days: number) =>
  store.db.query(`update mlops.source_snapshots set created_at = created_at - interval '${days} days'`);
const sweep = async (): Promise<readonly string[]> =>
  (await store.features.sweepSnapshots({}, store.call)).map(({ location }) => location);
const stateOf = async (...locations: string[]): Promise<readonly string[]> =>
  (await store.offline.inspect(locations, store.call.signal)).map(({ state }) => state);
const readers = () => store.db.query('select reader, location from mlops.snapshot_readers');
const leasesEnd = () => store.db.query("update mlops.snapshot_readers set lease_ends_at = now() - interval '1 second'");
const materialize = () => store.features.materialize('readings', store.call);
const train = () =>
  store.features.trainingDataset({ features: 'all', spine: 'select id, raw."at" from raw' }, store.call);

describe.each(offlineBackends)('snapshots of sources on $name', (backend) => {
  beforeEach(() => open(backend));
  afterEach(close);

  it('go some time after another took their place, unless a version was last filled from them', async () => {
    const first = await take([1]);
    await materialize();
    const second = await take([2]);
    const third = await take([3]);
    expect(await sweep()).toEqual([]);
    await age(31);
    const look = await store.features.sweepSnapshots({ isLook: true }, store.call);
    expect(look).toMatchObject([{ source: 'raw', location: second, rows: 1 }]);
    expect(Date.now() - (look[0]?.since.getTime() ?? 0)).toBeGreaterThan(30 * DAY_MS);
    expect(await stateOf(second)).toEqual(['whole']);
    expect(await sweep()).toEqual([second]);
    expect(await stateOf(first, second, third)).toEqual(['whole', 'missing', 'whole']);
    await materialize();
    expect(await sweep()).toEqual([first]);
    expect(await sweep()).toEqual([]);
    expect(await stateOf(first, third)).toEqual(['missing', 'whole']);
    expect(await materialize()).toMatchObject({ rowsWritten: 0 });
    // Less time, if somebody asks for it.
    const fourth = await take([4]);
    await age(2);
    await materialize();
    expect(await sweep()).toEqual([]);
    const asked = await store.features.sweepSnapshots({ keepMs: DAY_MS }, store.call);
    expect(asked.map(({ location }) => location)).toEqual([third]);
    expect(await stateOf(third, fourth)).toEqual(['missing', 'whole']);
  });

  it('stay while a recorded training set was made from them, which is made again bit for bit', async () => {
    const first = await take([1, 2, 3]);
    await materialize();
    const made = await train();
    await take([4, 5, 6]);
    await materialize();
    await age(400);
    specs = { ...specs, source: [] };
    await sweep();
    expect(await stateOf(first)).toEqual(['whole']);
    const rebuilt = await store.features.rebuildTrainingSet(made.digest, { restore: false }, store.call);
    expect(rebuilt).toMatchObject({ equal: true, rebuilt: made.artifact });
  });

  it('go some time after their source was destroyed, and are taken anew where it is declared again', async () => {
    const first = await take([1]);
    specs = { ...specs, source: [] };
    expect(await sweep()).toEqual([]);
    await age(31);
    expect(await sweep()).toEqual([first]);
    expect(await stateOf(first)).toEqual(['missing']);
    specs = { ...specs, source: [source] };
    expect(await store.featureState.latestSnapshot('raw')).toBeUndefined();
    expect(await take([1])).toBe(first);
    expect(await stateOf(first)).toEqual(['whole']);
    expect(await materialize()).toMatchObject({ rowsWritten: 1 });
  });

  it('stay where the same content came back', async () => {
    const first = await take([1]);
    const second = await take([2]);
    expect(await take([1])).toBe(first);
    await age(31);
    expect(await sweep()).toEqual([second]);
    expect(await stateOf(first)).toEqual(['whole']);
    expect(await materialize()).toMatchObject({ rowsWritten: 1 });
  });

  it('of a query over sources go as those of files do', async () => {
    specs = { ...specs, source: [source, other] };
    await take([1]);
    const first = await take([1], 'other');
    await take([2]);
    await store.features.ingest('other', store.call);
    await age(31);
    expect(await sweep()).toContain(first);
    expect(await stateOf(first)).toEqual(['missing']);
  });

  it('are deleted by the next sweep where one was killed in between, and never one that came back meanwhile', async () => {
    const first = await take([1]);
    const second = await take([2]);
    const third = await take([3]);
    await age(31);
    // Killed between the record and the tables.
    const gone = await store.featureState.letSnapshotsGo(['raw'], 30 * DAY_MS);
    expect(gone.map(({ location }) => location)).toEqual([first, second]);
    expect(await take([1])).toBe(first);
    expect(await store.featureState.goneSnapshots()).toEqual([first, second].sort());
    await sweep();
    expect(await stateOf(first, second, third)).toEqual(['whole', 'missing', 'whole']);
    expect(await store.featureState.goneSnapshots()).toEqual([]);
    expect(await materialize()).toMatchObject({ rowsWritten: 1 });
    expect(await sweep()).toEqual([]);
  });

  it('are taken again where a sweep deleted the table just before it was recorded', async () => {
    const first = await take([1]);
    await take([2]);
    await age(31);
    before.addSnapshot = async (location) => {
      before = {};
      await store.offline.removeSnapshots([location], []);
    };
    expect(await take([1])).toBe(first);
    expect(await stateOf(first)).toEqual(['whole']);
  });

  it('stay while a materialization reads them, however long it takes, and no longer', async () => {
    const first = await take([1, 2]);
    before.parts = async () => {
      before = {};
      await take([3, 4]);
      await age(400);
      expect(await sweep()).toEqual([]);
      expect(await stateOf(first)).toEqual(['whole']);
      expect(await readers()).toEqual([{ reader: 'feature_set.readings', location: first }]);
    };
    expect(await materialize()).toMatchObject({ rowsRead: 2, rowsWritten: 2 });
    expect(await readers()).toEqual([]);
    await materialize();
    expect(await sweep()).toEqual([first]);
  });

  it('are not read where they went just before: the newest are', async () => {
    await take([1]);
    let tries = 0;
    before.readSnapshots = async () => {
      tries += 1;
      if (tries > 1) return;
      await take([2]);
      await age(31);
      expect(await sweep()).toHaveLength(1);
    };
    expect(await materialize()).toMatchObject({ rowsWritten: 1 });
    expect(tries).toBe(2);
    expect(await store.features.reader.read([{ id: 0 }], ['readings.value'])).toMatchObject([
      { features: { 'readings.value': 2 } },
    ]);
  });

  it('are not held by a reader that died: its lease ends', async () => {
    const first = await take([1]);
    await take([2]);
    const dead = await store.featureState.readSnapshots([first], 'somebody', 60_000);
    await age(31);
    expect(await sweep()).toEqual([]);
    await leasesEnd();
    expect(await sweep()).toEqual([first]);
    expect(await store.featureState.readSnapshots([first], 'somebody', 60_000)).toBeUndefined();
    await dead?.release();
  });

  it('are kept by a training set that is made meanwhile', async () => {
    const first = await take([1, 2, 3]);
    await materialize();
    before.addTrainingSet = async () => {
      before = {};
      await take([4, 5, 6]);
      await materialize();
      await age(31);
      expect(await sweep()).toEqual([]);
    };
    const made = await train();
    await age(400);
    await sweep();
    expect(await stateOf(first)).toEqual(['whole']);
    await expect(store.features.rebuildTrainingSet(made.digest, { restore: false }, store.call)).resolves.toMatchObject(
      { equal: true },
    );
  });

  it('are not what a training set is recorded of once they were let go: it is refused, to be made again', async () => {
    await take([1, 2, 3]);
    await materialize();
    before.addTrainingSet = async () => {
      before = {};
      await take([4, 5, 6]);
      await materialize();
      await age(31);
      // It stood still for longer than its lease.
      await leasesEnd();
      await sweep();
    };
    await expect(train()).rejects.toMatchObject({ code: 'FS220', retryable: true });
    expect(await store.features.trainingSets(10)).toEqual([]);
    const made = await train();
    await expect(store.features.rebuildTrainingSet(made.digest, { restore: false }, store.call)).resolves.toMatchObject(
      { equal: true },
    );
  });

  it('that share what they hold with others take nothing of it along', async () => {
    specs = { ...specs, source: [{ ...source, incremental: { column: 'id' } }] };
    const taken: string[] = [];
    for (const values of [[1], [1, 2], [1, 2, 3], [1, 2, 3, 4]]) taken.push(await take(values));
    await age(31);
    expect(await sweep()).toEqual(taken.slice(0, 3));
    expect(await stateOf(...taken)).toEqual(['missing', 'missing', 'missing', 'whole']);
    expect(await materialize()).toMatchObject({ rowsRead: 4, rowsWritten: 4 });
    taken.push(await take([1, 2, 3, 4, 5]));
    expect(await materialize()).toMatchObject({ rowsWritten: 1 });
    // And with the last of them all of it goes.
    specs = { ...specs, source: [], feature_set: [] };
    await store.features.dropFeatureSet('readings');
    await age(31);
    expect(await sweep()).toEqual(taken.slice(3));
    expect(await stateOf(...taken)).toEqual(taken.map(() => 'missing'));
    if (backend.name === 'duckdb') {
      const left = await import('node:fs/promises').then(({ readdir }) =>
        readdir(join(directory.path, "with 'quote", 'offline', 'sources'), { recursive: true, withFileTypes: true }),
      );
      expect(left.filter((entry) => entry.isFile())).toEqual([]);
    }
    await rm(join(directory.path, 'raw.csv'));
  });
});
