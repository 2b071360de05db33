/** What a footer tells of a table that was hurt. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createDuckdbOffline } from '../../../src/stores/duckdb/duckdb-offline.ts';
import type { OfflineStore } from '../../../src/stores/offline.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../../support/temporary-directory.ts';

let temporary: TemporaryDirectory;
let store: OfflineStore;
beforeAll(async () => {
  temporary = await temporaryDirectory();
  store = createDuckdbOffline({ directory: join(temporary.path, 'offline'), memoryLimitBytes: 2 ** 28 });
});
afterAll(async () => {
  await store.close();
  await temporary.remove();
});

it('says of each file whether it is whole, cut off, overwritten or none at all', async () => {
  const { signal } = new AbortController();
  await writeFile(join(temporary.path, 'inspected.csv'), 'id,list\n1,"[1, 2]"\n2,"[3]"\n');
  const source = { name: 'inspected', file: 'inspected.csv', columns: { list: 'list::int[]' } };
  const taken = await store.snapshot({ source, root: temporary.path, inputs: {}, lastDigest: null }, signal);
  const location = taken?.location ?? '';
  const stored = join(temporary.path, 'offline', location);
  const whole = await readFile(stored);
  const beside = async (name: string, content: Uint8Array): Promise<string> => {
    await writeFile(join(stored, '..', name), content);
    return `sources/inspected/${name}`;
  };
  const broken = Buffer.from(whole);
  broken.fill(0xff, whole.length - 60, whole.length - 8);
  const asked = [
    await beside('cut.parquet', whole.subarray(0, whole.length - 1)),
    await beside('empty.parquet', new Uint8Array()),
    location,
    await beside('footer.parquet', broken),
  ];
  const found = await store.inspect(asked, signal);
  expect(found.map(({ location: one }) => one)).toEqual(asked);
  expect(found.map(({ state }) => state)).toEqual(['damaged', 'damaged', 'whole', 'damaged']);
  expect(found[2]).toMatchObject({
    columns: [
      { name: 'id', type: 'BIGINT' },
      // What a footer does not tell has no type.
      { name: 'list', type: '' },
    ],
  });
});
