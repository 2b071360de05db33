/** The cache of columns: what lets a plan of unchanged data do without the engine. */
import { readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openCacheFile } from '../../../src/spec/cache-file.ts';
import type { CanonicalSource } from '../../../src/spec/canonical-specs.ts';
import type { Column } from '../../../src/spec/column.ts';
import { describeSource } from '../../../src/stores/duckdb/describe-source.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../../support/temporary-directory.ts';

const columns: readonly Column[] = [{ name: 'id', type: 'BIGINT' }];
const source: CanonicalSource = { name: 'visits', file: 'visits.csv' };
let directory: TemporaryDirectory;
let asked: number;
beforeEach(async () => {
  asked = 0;
  directory = await temporaryDirectory();
  await writeFile(join(directory.path, 'visits.csv'), 'id\n1\n');
});
afterEach(() => directory.remove());

/** As every command does: the cache is opened and saved. */
async function ask(of: CanonicalSource = source, root = directory.path) {
  const cache = openCacheFile<readonly Column[]>(root, 'columns-1');
  const found = await describeSource(of, directory.path, cache, async () => {
    asked += 1;
    return columns;
  });
  cache.save();
  return found;
}

it('asks the engine once for a file that does not change', async () => {
  expect(await ask()).toEqual(columns);
  expect(await ask()).toEqual(columns);
  expect(asked).toBe(1);
});

it('asks again when the file or the way it is read changed', async () => {
  await ask();
  await ask({ ...source, nulls: ['NA'] });
  await ask({ ...source, columns: { x: '1' } });
  expect(asked).toBe(3);
  await utimes(join(directory.path, 'visits.csv'), new Date(0), new Date(0));
  await ask();
  expect(asked).toBe(4);
});

it('asks again when one of many files came, went or changed', async () => {
  const many: CanonicalSource = { name: 'visits', file: '*.csv' };
  await ask(many);
  await ask(many);
  expect(asked).toBe(1);
  await writeFile(join(directory.path, 'more.csv'), 'id\n1\n');
  await ask(many);
  await utimes(join(directory.path, 'more.csv'), new Date(0), new Date(0));
  await ask(many);
  await rm(join(directory.path, 'more.csv'));
  await ask(many);
  expect(asked).toBe(4);
});

it('goes on without a cache that cannot be written or read', async () => {
  await writeFile(join(directory.path, 'no-folder'), '');
  expect(await ask(source, join(directory.path, 'no-folder'))).toEqual(columns);
  await ask();
  const file = join(directory.path, '.mlops/cache/columns-1.json');
  const written = await readFile(file, 'utf8');
  await writeFile(file, written.slice(0, -5));
  expect(await ask()).toEqual(columns);
  expect(asked).toBe(3);
  await writeFile(file, written.replace('"name":"id"', '"name":7'));
  expect(await ask()).toEqual(columns);
  expect(asked).toBe(4);
});

it('knows nothing of a query, and hands on what the engine says of a missing file', async () => {
  expect(await ask({ name: 'derived', query: 'select 1' })).toBeUndefined();
  await ask({ name: 'gone', file: 'gone.csv' });
  await ask({ name: 'gone', file: 'gone.csv' });
  expect(asked).toBe(2);
});
