/** What every offline store promises of sources that are read by a column: files, queries, and tables of a Postgres. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { withDatabaseSources } from '../../src/compose/database-sources.ts';
import type { CanonicalSource } from '../../src/spec/canonical-specs.ts';
import { createLocalTables } from '../../src/stores/duckdb/local-tables.ts';
import type { OfflineStore } from '../../src/stores/offline.ts';
import type { RowPlan } from '../../src/stores/offline-rows.ts';
import type { Snapshot } from '../../src/stores/offline-snapshots.ts';
import { type Database, openDatabase } from '../../src/stores/postgres/database.ts';
import { seededRandom } from '../../src/training/random.ts';
import { type OpenOffline, offlineBackends } from '../support/offline-backends.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';

const signal = new AbortController().signal;
const BY = { column: 'at', lookback: '2d' };

let clinic: FreshDatabase;
let db: Database;
beforeAll(async () => {
  clinic = await freshDatabase({ empty: true });
  db = openDatabase({ connectionString: clinic.connectionString, max: 1 });
  process.env['CLINIC_URL'] = clinic.connectionString;
});
afterAll(async () => {
  delete process.env['CLINIC_URL'];
  await db.close();
  await clinic.drop();
});

describe.each(offlineBackends)('sources that are read by a column on $name', (backend) => {
  let directory: TemporaryDirectory;
  let opened: OpenOffline;
  let store: OfflineStore;
  beforeEach(async () => {
    directory = await temporaryDirectory();
    opened = await backend.open(directory.path);
    store = withDatabaseSources(opened.store, async () =>
      createLocalTables({ directory: join(directory.path, 'here'), memoryLimitBytes: 2 ** 28 }),
    );
  });
  afterEach(async () => {
    await store.close();
    await opened.close();
    await directory.remove();
  });

  const take = (source: CanonicalSource, last?: Snapshot, inputs = {}): Promise<Snapshot | undefined> =>
    store.snapshot(
      { source, root: directory.path, inputs, lastDigest: last?.digest ?? null, lastLocation: last?.location ?? null },
      signal,
    );
  const taken = async (source: CanonicalSource, last?: Snapshot, inputs = {}): Promise<Snapshot> => {
    const snapshot = await take(source, last, inputs);
    if (snapshot === undefined) throw new Error('nothing was taken');
    return snapshot;
  };
  const plan = (snapshot: Snapshot, since?: Snapshot): RowPlan => ({
    address: 'feature_set.x',
    keys: [{ name: 'id', type: 'int64' }],
    eventTime: 'event',
    createdTime: null,
    features: [{ name: 'v', dtype: 'string', column: 'v' }],
    from: { source: 's' },
    inputs: { s: snapshot.location },
    ...(since !== undefined && { since: { s: since.digest } }),
  });
  /** `id:v` of all rows, sorted. */
  const rowsOf = async (snapshot: Snapshot): Promise<readonly string[]> => {
    const joined = await store.join(
      {
        spine: {
          query: `select id, v, timestamp '2024-01-01' as "time" from s`,
          inputs: { s: snapshot.location },
          time: 'time',
        },
        sets: [],
        split: null,
      },
      signal,
    );
    const { columns, rows } = await store.readColumns(joined.path, ['id', 'v']);
    const texts = columns['v'] as readonly (string | null)[];
    return Array.from({ length: rows }, (_, at) => `${columns['id']?.[at]}:${texts[at] ?? ''}`).sort();
  };
  const looksAt = async (snapshot: Snapshot, since: Snapshot): Promise<number> => {
    const staged = await store.stage(plan(snapshot, since), [], 'sets/x/v1', signal);
    await staged.discard();
    return staged.rowsRead;
  };

  it('read of a table only the rows from the lookback on, on its own server', async () => {
    await db.query('drop table if exists log cascade');
    await db.query('create table log (id int, at timestamp, v text)');
    await db.query(
      `create view log_seen as select id, at, at as event, case when v = 'broken' then (1 / (length(v) - 6))::text else v end as v from log`,
    );
    await db.query(
      `insert into log select g, timestamp '2024-01-01' + g * interval '1 day', 'v' || g from generate_series(0, 9) g`,
    );
    const source = { name: 's', database: { $env: 'CLINIC_URL' }, table: 'log_seen', incremental: BY };
    const first = await taken(source);
    expect(first).toMatchObject({ rows: 10 });
    expect(await take(source, first)).toBeUndefined();
    // Whoever reads an old row fails.
    await db.query(`update log set v = 'broken' where id < 5`);
    await db.query(
      `insert into log values (10, timestamp '2024-01-12', 'new'), (11, timestamp '2024-01-08 12:00', 'late')`,
    );
    const second = await taken(source, first);
    expect(second).toMatchObject({ rows: 12, increment: { rows: 5 } });
    expect(await rowsOf(second)).toEqual(
      ['0:v0', '10:new', '11:late', ...[1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => `${n}:v${n}`)].sort(),
    );
    expect(await looksAt(second, first)).toBeLessThanOrEqual(5);
    expect(await rowsOf(first)).toHaveLength(10);
    // Another way of reading reads everything.
    await expect(take({ ...source, table: 'log_seen', incremental: { column: 'at' } }, second)).rejects.toThrow();
    const other = await taken({ ...source, table: 'log' }, second);
    expect(other).toMatchObject({ rows: 12 });
    expect(await rowsOf(other)).toContain('0:broken');
  });

  it('read everything again where a column became another type, and go on where one came', async () => {
    await db.query('drop table if exists log cascade');
    await db.query('create table log (id int, at timestamptz, event timestamptz, v text)');
    await db.query(
      `insert into log values (1, '2024-01-01 12:00+02', '2024-01-01', 'a'), (2, '2024-01-09', '2024-01-09', 'b'), (3, null, '2024-01-09', 'c')`,
    );
    const source = { name: 's', database: { $env: 'CLINIC_URL' }, table: 'log', incremental: BY };
    const first = await taken(source);
    await db.query(`alter table log add column w int`);
    await db.query(`update log set v = 'not seen' where id = 1`);
    await db.query(`insert into log values (4, '2024-01-10', '2024-01-10', 'd', 5)`);
    const second = await taken(source, first);
    expect(await rowsOf(second)).toEqual(['1:a', '2:b', '3:c', '4:d']);
    expect(second.columns.map(({ name }) => name)).toEqual(['id', 'at', 'event', 'v', 'w']);
    await db.query('alter table log alter column w type text');
    const third = await taken(source, second);
    expect(await rowsOf(third)).toEqual(['1:not seen', '2:b', '3:c', '4:d']);
    expect(await rowsOf(second)).toEqual(['1:a', '2:b', '3:c', '4:d']);
  });

  it('may be files and queries over other sources', async () => {
    const file = (...rows: string[]) => writeFile(join(directory.path, 'a.csv'), `id,at,event,v\n${rows.join('\n')}\n`);
    const a = { name: 'a', file: 'a.csv', incremental: BY };
    const query = { name: 's', query: 'select id * 10 as id, "at", event, v from a', incremental: { column: 'at' } };
    await file('1,2024-01-01,2024-01-01,a', '2,2024-01-05,2024-01-05,b');
    const a1 = await taken(a);
    const s1 = await taken(query, undefined, { a: a1.location });
    expect(await rowsOf(s1)).toEqual(['10:a', '20:b']);
    expect(await take(a, a1)).toBeUndefined();
    expect(await take(query, s1, { a: a1.location })).toBeUndefined();
    await file('1,2024-01-01,2024-01-01,edited', '2,2024-01-05,2024-01-05,c', '3,2024-01-06,2024-01-06,d');
    const a2 = await taken(a, a1);
    expect(a2).toMatchObject({ rows: 3, increment: { rows: 2 } });
    const s2 = await taken(query, s1, { a: a2.location });
    expect(await rowsOf(s2)).toEqual(['10:a', '20:c', '30:d']);
    expect(await rowsOf(s1)).toEqual(['10:a', '20:b']);
    expect(await looksAt(s2, s1)).toBe(2);
    await expect(take({ ...a, incremental: { column: 'then' } }, a2)).rejects.toMatchObject({ code: 'FS204' });
  });

  it('have what an independent reading has, however rows come, change and go', { timeout: 120_000 }, async () => {
    const seed = Number(process.env['SEED'] ?? 11);
    const random = seededRandom(seed);
    const int = (below: number): number => Math.floor(random.next() * below);
    await db.query('drop table if exists log cascade');
    await db.query('create table log (id int, at date, event date, v text)');
    const source = { name: 's', database: { $env: 'CLINIC_URL' }, table: 'log', incremental: BY };
    interface Row {
      readonly id: number;
      readonly at: number | null;
      readonly v: string;
    }
    let there: Row[] = [];
    let known: readonly Row[] = [];
    let last: Snapshot | undefined;
    const before: [Snapshot, readonly string[]][] = [];
    for (let round = 0; round < 12; round += 1) {
      for (let count = int(8); count > 0; count -= 1) {
        const at = int(6) === 0 ? null : round * 2 + int(6);
        const row = { id: int(30), at, v: int(4) === 0 ? '' : `v${int(3)}` };
        const doing = int(7);
        if (doing === 0) there = there.filter((_, index) => index % 7 !== 3);
        else if (doing === 1) there = there.map((one, index) => (index % 5 === 2 ? { ...one, v: `e${round}` } : one));
        else there.push(...(doing === 2 ? [row, row] : [row]));
      }
      await db.query('truncate log');
      await db.query(
        `insert into log select (r ->> 'id')::int, date '2024-01-01' + (r ->> 'at')::int, date '2024-01-01', r ->> 'v' from json_array_elements($1::json) r`,
        [JSON.stringify(there)],
      );
      const times = known.flatMap(({ at }) => (at === null ? [] : [at]));
      const cut = times.length === 0 ? null : Math.max(...times) - 2;
      const again = ({ at }: Row): boolean => cut === null || at === null || at >= cut;
      known = [...known.filter((row) => !again(row)), ...there.filter(again)];
      const expected = known.map(({ id, v }) => `${id}:${v}`).sort();
      const snapshot: Snapshot | undefined = await take(source, last);
      last = snapshot ?? last;
      if (last === undefined) continue;
      expect(await rowsOf(last), `seed ${seed}, round ${round}`).toEqual(expected);
      if (snapshot !== undefined) before.push([snapshot, expected]);
    }
    for (const [snapshot, expected] of before) expect(await rowsOf(snapshot), `seed ${seed}`).toEqual(expected);
  });
});

it('a snapshot of a warehouse that nobody recorded is found by the next, and one that was lost is made again', async () => {
  const directory = await temporaryDirectory();
  const backend = offlineBackends.find(({ name }) => name === 'postgres');
  const opened = await backend?.open(directory.path);
  try {
    const store = opened?.store as OfflineStore;
    const source = { name: 's', file: 'a.csv', incremental: { column: 'n' } };
    const take = (last?: Snapshot) =>
      store.snapshot(
        {
          source,
          root: directory.path,
          inputs: {},
          lastDigest: last?.digest ?? null,
          lastLocation: last?.location ?? null,
        },
        signal,
      );
    const file = (rows: readonly number[]) => writeFile(join(directory.path, 'a.csv'), `n\n${rows.join('\n')}\n`);
    await file([1, 2]);
    const first = await take();
    await file([1, 2, 3]);
    const second = await take(first);
    // Killed before it was recorded.
    expect(await take(first)).toMatchObject({ location: second?.location, digest: second?.digest, rows: 3 });
    await file([1, 2, 3, 4]);
    const [one, other] = await Promise.all([take(first), take(second)]);
    expect([one?.rows ?? other?.rows, other?.rows ?? one?.rows]).toEqual([4, 4]);
    // The same content from the start is the snapshot that is there.
    await file([1, 2]);
    expect(await take()).toMatchObject({ location: first?.location, rows: 2 });
    await store.sweep('sources/s', [first?.location ?? '']);
    expect(
      await store.inspect(
        [first, second].map((taken) => taken?.location ?? ''),
        signal,
      ),
    ).toMatchObject([{ state: 'whole', rows: 2 }, { state: 'missing' }]);
    await store.sweep('sources/s', []);
    expect(await store.inspect([first?.location ?? ''], signal)).toMatchObject([{ state: 'missing' }]);
    expect(await take()).toMatchObject({ location: first?.location, rows: 2 });
  } finally {
    await opened?.close();
    await directory.remove();
  }
});
