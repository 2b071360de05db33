/** A source of many files passes through this machine some files at a time, however many there are, and is there completely or not at all. */
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createLocalTables } from '../../../src/stores/duckdb/local-tables.ts';
import type { LocalTables } from '../../../src/stores/local-tables.ts';
import type { OfflineStore } from '../../../src/stores/offline.ts';
import { openDatabase } from '../../../src/stores/postgres/database.ts';
import { createPostgresOffline } from '../../../src/stores/postgres/offline/postgres-offline.ts';
import { type FreshDatabase, freshDatabase } from '../../support/postgres.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../../support/temporary-directory.ts';

const FILES = 450;
const source = { name: 'readings', file: 'data/*.csv' };
const { signal } = new AbortController();
let database: FreshDatabase;
let directory: TemporaryDirectory;
let store: OfflineStore;
let scratch: string;
/** Bytes of all files of rows that lay on this machine whenever one more was written. */
let lying: number[];
let onRows: (nth: number) => Promise<void>;

beforeEach(async () => {
  database = await freshDatabase({ empty: true });
  directory = await temporaryDirectory();
  lying = [];
  onRows = async () => {};
  const real = createLocalTables({ directory: join(directory.path, 'local'), memoryLimitBytes: 2 ** 28 });
  scratch = join(directory.path, 'local');
  let nth = 0;
  const local: LocalTables = {
    ...real,
    newFiles: async (...args) => {
      const found = await real.newFiles(...args);
      return {
        ...found,
        rows: async (id) => {
          const rows = await found.rows(id);
          lying.push(await bytesUnder(scratch));
          nth += 1;
          await onRows(nth);
          return rows;
        },
      };
    },
  };
  store = createPostgresOffline({ connectionString: database.connectionString, schema: 'mlops' }, local);
  await mkdir(join(directory.path, 'data'));
});
afterEach(async () => {
  await store.close();
  await database.drop();
  await directory.remove();
});

async function bytesUnder(path: string): Promise<number> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && entry.name.endsWith('.csv'));
  const sizes = await Promise.all(files.map((entry) => stat(join(entry.parentPath, entry.name))));
  return sizes.reduce((sum, { size }) => sum + size, 0);
}
const write = async (from: number, to: number): Promise<void> => {
  for (let at = from; at < to; at += 1)
    await writeFile(
      join(directory.path, 'data', `${String(at).padStart(4, '0')}.csv`),
      `id,value\n${Array.from({ length: 20 }, (_, row) => `${at},${row}`).join('\n')}\n`,
    );
};
const take = (last: { readonly digest: string; readonly location: string } | undefined) =>
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

it('has the rows of two hundred files at most on this machine, one after the other', async () => {
  await write(0, FILES);
  const first = await take(undefined);
  expect(first).toMatchObject({ rows: FILES * 20, increment: { rows: FILES * 20, files: { all: FILES } } });
  expect(lying).toHaveLength(3);
  // Each part alone: the one before is deleted, and no part is larger than its files together.
  const [most, , least] = lying as [number, number, number];
  expect(lying[1]).toBeLessThanOrEqual(most * 1.2);
  expect(least).toBeLessThan(most);
  expect(await bytesUnder(scratch)).toBe(0);
  // What comes costs what is new.
  await write(FILES, FILES + 1);
  const second = await take(first);
  expect(second).toMatchObject({ rows: FILES * 20 + 20, increment: { rows: 20 } });
  expect(lying.at(-1)).toBeLessThan(most / 50);
  expect(await take(second)).toBeUndefined();
});

it('is there completely or not at all, and what a failed one left is in nobody’s way', async () => {
  await write(0, FILES);
  onRows = async (nth) => {
    if (nth === 2) throw new Error('the disk is full');
  };
  await expect(take(undefined)).rejects.toThrow('the disk is full');
  const db = openDatabase({ connectionString: database.connectionString, max: 1 });
  try {
    expect(
      await db.query(
        "select relname from pg_class where relname like 'grown%' and relkind = 'r' and relname <> 'grown_snapshots'",
      ),
    ).toEqual([]);
  } finally {
    await db.close();
  }
  onRows = async () => {};
  expect(await take(undefined)).toMatchObject({ rows: FILES * 20 });
});

it('is looked at again where a file changes while they are read', async () => {
  await write(0, FILES);
  onRows = async (nth) => {
    if (nth === 1) await write(0, 1).then(() => writeFile(join(directory.path, 'data/0000.csv'), 'id,value\n0,77\n'));
  };
  expect(await take(undefined)).toMatchObject({ rows: (FILES - 1) * 20 + 1 });
});
