/** Sources of many files and sources that grow: what is read of them, what is not read again, and what is told of both. */
import { mkdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { CanonicalSource } from '../../../src/spec/canonical-specs.ts';
import { createDuckdbOffline } from '../../../src/stores/duckdb/duckdb-offline.ts';
import type { Manifest } from '../../../src/stores/duckdb/manifest.ts';
import type { OfflineStore } from '../../../src/stores/offline.ts';
import type { Snapshot } from '../../../src/stores/offline-snapshots.ts';
import { randomOf } from '../../support/point-in-time.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../../support/temporary-directory.ts';

let temporary: TemporaryDirectory;
let store: OfflineStore;
/** Of the test at hand. */
let root: string;
let roots = 0;
const { signal } = new AbortController();
beforeAll(async () => {
  temporary = await temporaryDirectory();
  store = createDuckdbOffline({ directory: join(temporary.path, 'offline'), memoryLimitBytes: 2 ** 29 });
});
afterAll(async () => {
  await store.close();
  await temporary.remove();
});
beforeEach(async () => {
  root = join(temporary.path, `it's root ${roots++}`);
  await mkdir(root);
});

const file = async (path: string, content: string | Uint8Array): Promise<void> => {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), content);
};

/** Runs SQL beside the store, e.g. to write a file that only an engine writes. */
async function sql(text: string): Promise<Record<string, unknown>[]> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    return (await connection.runAndReadAll(text)).getRowObjectsJson() as Record<string, unknown>[];
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

const quoted = (path: string): string => `'${join(root, path).replaceAll("'", "''")}'`;

const source = (spec: Partial<CanonicalSource>): CanonicalSource => ({ name: `s${roots}`, ...spec });

async function take(of: CanonicalSource, last?: Snapshot): Promise<Snapshot | undefined> {
  const request = { source: of, root, inputs: {}, lastDigest: last?.digest ?? null };
  return store.snapshot({ ...request, lastLocation: last?.location ?? null }, signal);
}

async function taken(of: CanonicalSource, last?: Snapshot): Promise<Snapshot> {
  const snapshot = await take(of, last);
  if (snapshot === undefined) throw new Error('nothing is new');
  return snapshot;
}

/** All rows of a snapshot as a query sees them, sorted. */
async function rowsOf(snapshot: Snapshot, columns = '*'): Promise<unknown[]> {
  const query = `select ${columns} from it order by all`;
  const made = await store.join(
    {
      spine: {
        query: `select *, timestamp '2024-01-01' as t from (${query})`,
        inputs: { it: snapshot.location },
        time: 't',
      },
      sets: [],
      split: null,
    },
    signal,
  );
  const json = await store.convert(made.path, 'json', [], signal);
  const rows = JSON.parse(await readFile(json, 'utf8')) as Record<string, unknown>[];
  await Promise.all([made.path, json].map((path) => rm(path)));
  return rows.map(({ t: _, ...row }) => row);
}

const manifestOf = async ({ location }: Snapshot): Promise<Manifest> =>
  JSON.parse(await readFile(join(temporary.path, 'offline', location), 'utf8')) as Manifest;

describe('a glob', () => {
  it('reads CSV, compressed or not, as one source by the names of the columns', async () => {
    await file('data/a.csv', 'id,x\n1,2\n');
    await file('data/deep/er/b.csv.gz', gzipSync('x,id,more\n2.5,2,new\n'));
    await sql(
      `copy (select 3 as id, 7 as x) to ${quoted('data/deep/c.csv.zst')} (format csv, header, compression zstd)`,
    );
    await file('data/.hidden.csv', 'id,x\n9,9\n');
    const snapshot = await taken(source({ file: 'data/**/*.csv*', columns: { twice: 'x * 2' } }));
    expect(snapshot.columns).toEqual([
      { name: 'id', type: 'BIGINT' },
      { name: 'x', type: 'DOUBLE' },
      { name: 'more', type: 'VARCHAR' },
      { name: 'twice', type: 'DOUBLE' },
    ]);
    expect(await rowsOf(snapshot)).toEqual([
      { id: 1, x: 2, more: null, twice: 4 },
      { id: 2, x: 2.5, more: 'new', twice: 5 },
      { id: 3, x: 7, more: null, twice: 14 },
    ]);
    expect(snapshot.increment).toEqual({
      rows: 3,
      files: {
        all: 3,
        added: ['data/a.csv', 'data/deep/c.csv.zst', 'data/deep/er/b.csv.gz'],
        changed: [],
        gone: [],
      },
    });
  });

  it('reads Parquet in partitions, which become columns with a type', async () => {
    for (const [day, id] of [
      ['2024-01-01', 1],
      ['2024-01-02', 2],
      ['__HIVE_DEFAULT_PARTITION__', 3],
    ] as const) {
      await mkdir(join(root, `data/day=${day}/ward=0${id}`), { recursive: true });
      await sql(`copy (select ${id} as id) to ${quoted(`data/day=${day}/ward=0${id}/x.parquet`)}`);
    }
    const visits = source({ file: 'data/**/*.parquet' });
    const expected = [
      { name: 'id', type: 'INTEGER' },
      { name: 'day', type: 'DATE' },
      // A zero in front is part of an identifier.
      { name: 'ward', type: 'VARCHAR' },
    ];
    expect(await store.describe(visits, root, {})).toEqual(expected);
    const snapshot = await taken(visits);
    expect(snapshot.columns).toEqual(expected);
    expect(await rowsOf(snapshot)).toEqual([
      { id: 1, day: '2024-01-01', ward: '01' },
      { id: 2, day: '2024-01-02', ward: '02' },
      { id: 3, day: null, ward: '03' },
    ]);
    const typed = await taken({ ...visits, types: { ward: 'int64', id: 'string' } });
    expect(typed.columns).toEqual([{ name: 'id', type: 'VARCHAR' }, expected[1], { name: 'ward', type: 'BIGINT' }]);
    await sql(`copy (select 9 as id) to ${quoted('data/x.parquet')}`);
    await expect(take(visits)).rejects.toMatchObject({
      code: 'FS204',
      detail: expect.stringMatching(
        /data\/x\.parquet is in no partition, but data\/day=.* is partitioned by day, ward/,
      ),
    });
  });

  it('reads JSON lines, lists and compressed ones among them', async () => {
    await file('a.jsonl', '{"id": 1, "scores": [1, 2]}\n');
    await file('b.jsonl.gz', gzipSync('{"id": 2, "scores": [0.5], "doc": {"a": 1}}\n{"id": 3}\n'));
    const snapshot = await taken(source({ file: '*.jsonl*', types: { doc: 'json' } }));
    expect(await rowsOf(snapshot)).toEqual([
      { id: 1, scores: [1, 2], doc: null },
      { id: 2, scores: [0.5], doc: { a: 1 } },
      { id: 3, scores: null, doc: null },
    ]);
  });

  it('takes files whose numbers or times are finer than others, and those where a column has no value', async () => {
    await file('a.csv', 'id,x,day,note,flag\n1,1,2024-01-01,,\n');
    await file('b.csv', 'id,x,day,note,flag\n2,1.5,2024-01-01 10:00:00,5,true\n');
    await file('c.csv', 'id,x,day,note,flag\n3,,,,\n');
    await file('d.csv', 'id\n');
    const snapshot = await taken(source({ file: '*.csv' }));
    expect(snapshot.columns.map(({ name, type }) => `${name} ${type}`)).toEqual([
      'id BIGINT',
      'x DOUBLE',
      'day TIMESTAMP',
      'note BIGINT',
      'flag BOOLEAN',
    ]);
  });

  it.each([
    ['text', 'id,x\n2,abc\n', 'The column x is VARCHAR in data/b.csv, but BIGINT in data/a.csv.'],
    ['a date', 'id,x\n2,2024-01-01\n', 'The column x is DATE in data/b.csv, but BIGINT in data/a.csv.'],
    ['a boolean', 'id,x\n2,true\n', 'The column x is BOOLEAN in data/b.csv, but BIGINT in data/a.csv.'],
  ])('names the file in which a column became %s', async (_, content, detail) => {
    await file('data/a.csv', 'id,x\n1,2\n');
    const visits = source({ file: 'data/*.csv' });
    const first = await taken(visits);
    await file('data/b.csv', content);
    for (const failing of [() => take(visits), () => take(visits, first), () => store.describe(visits, root, {})])
      await expect(failing()).rejects.toMatchObject({
        code: 'FS204',
        address: `source.${visits.name}`,
        detail: `The source ${visits.name} cannot be read. ${detail}`,
      });
    const typed = await taken({ ...visits, types: { x: 'string' } });
    expect(typed.columns).toContainEqual({ name: 'x', type: 'VARCHAR' });
  });

  it('is none where there is a file of that very name', async () => {
    await file('data/a{1}.csv', 'id\n1\n2\n');
    const one = source({ file: 'data/a{1}.csv' });
    expect(await store.describe(one, root, {})).toEqual([{ name: 'id', type: 'BIGINT' }]);
    const snapshot = await taken(one);
    expect([snapshot.rows, snapshot.increment]).toEqual([2, undefined]);
  });

  it('says that nothing matches, and which file is of another format', async () => {
    await file('data/a.csv', 'id\n1\n');
    await file('data/b.parquet', 'x');
    await expect(take(source({ file: 'data/*.jsonl' }))).rejects.toMatchObject({
      code: 'FS204',
      detail: expect.stringContaining('No file matches data/*.jsonl.'),
    });
    await expect(take(source({ file: 'data/*' }))).rejects.toMatchObject({
      code: 'FS204',
      detail: expect.stringContaining('data/b.parquet is parquet, but data/a.csv is csv.'),
    });
  });
});

describe('of many files', () => {
  const visits = (): CanonicalSource => source({ file: 'data/*.csv' });

  it('only those that are new are read', async () => {
    await file('data/a.csv', 'id,x\n1,1\n2,2\n');
    await file('data/b.csv', 'id,x\n3,3\n');
    await utimes(join(root, 'data/a.csv'), 100, 100);
    const first = await taken(visits());
    expect(await take(visits(), first)).toBeUndefined();
    // What was read is not opened again: nobody notices another content of the same size and time.
    await file('data/a.csv', 'id,x\n8,8\n9,9\n');
    await utimes(join(root, 'data/a.csv'), 100, 100);
    await file('data/c.csv', 'id,x,y\n4,4,new\n');
    const second = await taken(visits(), first);
    expect(second.increment).toEqual({
      rows: 1,
      files: { all: 3, added: ['data/c.csv'], changed: [], gone: [] },
    });
    expect(await rowsOf(second)).toEqual([
      { id: 1, x: 1, y: null },
      { id: 2, x: 2, y: null },
      { id: 3, x: 3, y: null },
      { id: 4, x: 4, y: 'new' },
    ]);
    // The snapshot before is as it was.
    expect(await rowsOf(first, 'id')).toEqual([{ id: 1 }, { id: 2 }, { id: 3 }]);
  });

  it('edited ones are read again, gone ones are gone, touched ones are neither', async () => {
    await file('data/a.csv', 'id,x\n1,1\n');
    await file('data/b.csv', 'id,x\n2,2\n');
    await file('data/c.csv', 'id,x\n3,3\n');
    const first = await taken(visits());
    await utimes(join(root, 'data/c.csv'), 1, 1);
    expect(await take(visits(), first)).toBeUndefined();
    expect(
      (await manifestOf(first)).parts.flatMap((part) => part.files ?? []).find(({ path }) => path === 'data/c.csv')
        ?.modifiedMs,
    ).toBe(1000);
    await file('data/a.csv', 'id,x\n1,10\n');
    await rm(join(root, 'data/b.csv'));
    const second = await taken(visits(), first);
    expect(second.increment?.files).toEqual({ all: 2, added: [], changed: ['data/a.csv'], gone: ['data/b.csv'] });
    expect(await rowsOf(second)).toEqual([
      { id: 1, x: 10 },
      { id: 3, x: 3 },
    ]);
    // Another way of reading starts afresh.
    const third = await taken({ ...visits(), nulls: ['10'] }, second);
    expect(third.increment?.files?.added).toEqual(['data/a.csv', 'data/c.csv']);
    expect(await rowsOf(third)).toContainEqual({ id: 1, x: null });
  });

  it('small parts are joined before there are many, and a set still reads only what is new', async () => {
    await file('data/0.csv', 'id,at\n0,2024-01-01\n');
    let last = await taken(visits());
    for (let number = 1; number < 40; number += 1) {
      await file(`data/${number}.csv`, `id,at\n${number},2024-01-01\n`);
      last = await taken(visits(), last);
    }
    expect((await manifestOf(last)).parts.length).toBeLessThan(32);
    expect(last.rows).toBe(40);
    expect(await rowsOf(last, 'id')).toEqual(Array.from({ length: 40 }, (_, id) => ({ id })));
    const before = last;
    await file('data/new.csv', 'id,at\n100,2024-01-01\n');
    last = await taken(visits(), last);
    const stage = (since?: string) =>
      store.stage(
        {
          address: 'feature_set.s',
          keys: [{ name: 'id', type: 'int64' }],
          eventTime: 'at',
          createdTime: null,
          features: [],
          from: { source: 'it' },
          inputs: { it: last.location },
          ...(since === undefined ? {} : { since: { it: since } }),
        },
        [],
        'sets/s/v1',
        signal,
      );
    for (const [since, rows] of [
      [undefined, 41],
      [before.digest, 1],
      // Of a snapshot that is not remembered nothing can be told.
      ['0'.repeat(64), 41],
    ] as const) {
      const staged = await stage(since);
      await staged.discard();
      expect(staged.rowsRead, since).toBe(rows);
    }
  });

  it('a part that is damaged is told, and all is read again', async () => {
    await file('data/a.csv', 'id,x\n1,1\n');
    const first = await taken(visits());
    expect(await store.inspect([first.location], signal)).toEqual([
      { location: first.location, state: 'whole', rows: 1, columns: first.columns },
    ]);
    const [part] = (await manifestOf(first)).parts;
    await writeFile(join(temporary.path, 'offline', part?.table ?? ''), 'x');
    expect(await store.inspect([first.location], signal)).toMatchObject([{ state: 'damaged' }]);
    await rm(join(temporary.path, 'offline', first.location));
    expect(await store.inspect([first.location], signal)).toMatchObject([{ state: 'missing' }]);
  });

  it.each(Array.from({ length: 12 }, (_, index) => index + 1))(
    'snapshot after snapshot has the rows that the files have, whatever happens to them: seed %i',
    async (seed) => {
      const random = randomOf(seed);
      const files = new Map<string, string>();
      let last: Snapshot | undefined;
      for (let step = 0; step < 12; step += 1) {
        for (let change = random(4); change >= 0; change -= 1) {
          const name = `data/p=${random(3)}/${random(8)}.csv`;
          if (random(4) === 0 && files.size > 1 && files.has(name)) {
            files.delete(name);
            await rm(join(root, name));
          } else {
            const rows = Array.from(
              { length: random(5) },
              () => `${random(100)},${random(3) === 0 ? '' : random(1000) / 8}`,
            );
            const content = `id,x\n${rows.join('\n')}${rows.length > 0 ? '\n' : ''}`;
            files.set(name, content);
            await file(name, content);
            // Two writes within one tick of the file system's clock look alike.
            await utimes(join(root, name), step, step * 100 + change);
          }
        }
        last = (await take(source({ file: 'data/*/*.csv', types: { id: 'int64', x: 'float64' } }), last)) ?? last;
        const expected = [...files]
          .flatMap(([name, content]) =>
            content
              .split('\n')
              .slice(1)
              .filter((line) => line !== '')
              .map((line) => {
                const [id, x = ''] = line.split(',');
                return { id: Number(id), x: x === '' ? null : Number(x), p: Number(/p=(\d)/.exec(name)?.[1]) };
              }),
          )
          .map((row) => JSON.stringify(row))
          .sort();
        const got = (await rowsOf(last as Snapshot)).map((row) => JSON.stringify(row)).sort();
        expect(got, `step ${step}`).toEqual(expected);
      }
    },
  );
});

describe('a column that grows', () => {
  it('says what of a file is new: rows before it are not looked at again, but for the lookback', async () => {
    const events = source({ file: 'events.csv', incremental: { column: 'at', lookback: '1d' } });
    const write = (...rows: string[]): Promise<void> => file('events.csv', `id,at\n${rows.join('\n')}\n`);
    await write('1,2024-01-01 00:00:00', '2,2024-01-02 12:00:00', '3,2024-01-03 00:00:00');
    const first = await taken(events);
    expect(await take(events, first)).toBeUndefined();
    // Late by less than the lookback, late by more, edited within, gone within, without a time.
    await write(
      '1,2024-01-01 00:00:00',
      '20,2024-01-02 12:00:00',
      '4,2024-01-02 18:00:00',
      '5,2024-01-01 18:00:00',
      '6,2024-01-04 00:00:00',
      '7,',
    );
    const second = await taken(events, first);
    expect(second.increment).toEqual({ rows: 4 });
    expect((await rowsOf(second, 'id')) as { id: number }[]).toEqual([1, 4, 6, 7, 20].map((id) => ({ id })));
    expect(second.rows).toBe(5);
    expect(await take(events, second)).toBeUndefined();
    await write('8,2024-01-09 00:00:00');
    const third = await taken(events, second);
    expect(third.increment).toEqual({ rows: 1 });
    // What is gone before the lookback stays; a row without a time is only there while the file has it.
    expect(await rowsOf(third, 'id')).toEqual([1, 4, 8, 20].map((id) => ({ id })));
  });

  it('may be a number; rows of the greatest that come later are found', async () => {
    const log = source({ file: 'log.jsonl', incremental: { column: 'n' } });
    await file('log.jsonl', '{"n": 1}\n{"n": 2, "v": 1}\n');
    const first = await taken(log);
    await file('log.jsonl', '{"n": 1}\n{"n": 2, "v": 1}\n{"n": 2, "v": 2, "w": "new"}\n');
    const second = await taken(log, first);
    expect(await rowsOf(second)).toEqual([
      { n: 1, v: null, w: null },
      { n: 2, v: 1, w: null },
      { n: 2, v: 2, w: 'new' },
    ]);
    // A column that became another type: all is read again.
    await file('log.jsonl', '{"n": 0, "v": "a"}\n{"n": 3, "v": "b"}\n');
    expect(await rowsOf(await taken(log, second), 'n')).toEqual([{ n: 0 }, { n: 3 }]);
  });

  it('must be there, and a time where there is a lookback', async () => {
    await file('log.csv', 'n\n1\n2\n');
    await expect(take(source({ file: 'log.csv', incremental: { column: 'at' } }))).rejects.toMatchObject({
      code: 'FS204',
      detail: expect.stringContaining('It has no column at, by which it is to be read.'),
      hint: 'known: n',
    });
    const late = source({ file: 'log.csv', incremental: { column: 'n', lookback: '1d' } });
    const first = await taken(late);
    await file('log.csv', 'n\n1\n3\n');
    await expect(take(late, first)).rejects.toMatchObject({
      code: 'FS204',
      detail: expect.stringContaining('The lookback 1d goes with a date or a time, but the column n is BIGINT.'),
    });
  });

  it('goes with a query over other sources too', async () => {
    await file('a.csv', 'id,at\n1,2024-01-01\n2,2024-01-02\n');
    const snapshotOfA = await taken(source({ name: 'a', file: 'a.csv' }));
    const query = source({ query: 'select id * 10 as id, "at" from a', incremental: { column: 'at' } });
    const ask = (location: string, last?: Snapshot) =>
      store.snapshot(
        {
          source: query,
          root,
          inputs: { a: location },
          lastDigest: last?.digest ?? null,
          lastLocation: last?.location ?? null,
        },
        signal,
      );
    const first = (await ask(snapshotOfA.location)) as Snapshot;
    expect(await ask(snapshotOfA.location, first)).toBeUndefined();
    await file('a.csv', 'id,at\n1,2024-01-01\n2,2024-01-02\n3,2024-01-03\n');
    const more = await taken(source({ name: 'a', file: 'a.csv' }));
    const second = (await ask(more.location, first)) as Snapshot;
    expect(second.increment).toEqual({ rows: 2 });
    expect(await rowsOf(second, 'id')).toEqual([{ id: 10 }, { id: 20 }, { id: 30 }]);
  });
});
