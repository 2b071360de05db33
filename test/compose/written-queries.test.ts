/** Queries that are written in another dialect than their store's, on every store. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withWrittenQueries } from '../../src/compose/written-queries.ts';
import type { OfflineStore } from '../../src/stores/offline.ts';
import type { RowPlan } from '../../src/stores/offline-rows.ts';
import type { Snapshot } from '../../src/stores/offline-snapshots.ts';
import { type OpenOffline, offlineBackends } from '../support/offline-backends.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';

const signal = new AbortController().signal;

describe.each(offlineBackends)('queries of other dialects on $name', (backend) => {
  let directory: TemporaryDirectory;
  let opened: OpenOffline;
  let store: OfflineStore;
  let raw: Snapshot;
  beforeAll(async () => {
    directory = await temporaryDirectory();
    opened = await backend.open(directory.path);
    store = withWrittenQueries(opened.store, backend.name);
    await writeFile(join(directory.path, 'raw.csv'), 'id,at,v\n1,2024-01-01 10:00:00,3\n2,2024-01-02 09:00:00,5\n');
    const source = { name: 'raw', file: 'raw.csv' };
    raw = (await store.snapshot({ source, root: directory.path, inputs: {}, lastDigest: null }, signal)) as Snapshot;
  });
  afterAll(async () => {
    await opened.close();
    await directory.remove();
  });
  const HALVES = { dialect: 'postgres', sql: 'select id, "at", v::float8 / 2 as h from raw' } as const;
  const DAYS = {
    dialect: 'trino',
    sql: `select id, "at", date_diff('day', timestamp '2024-01-01 10:00:00', "at") as d from raw`,
  } as const;

  it('are run as what they mean there, or are told why they cannot be', async () => {
    const inputs = { raw: raw.location };
    expect(await store.tablesOf(HALVES)).toEqual(['raw']);
    const texts = { trino: DAYS.sql };
    expect((await store.describeQuery(texts, inputs)).map(({ name }) => name)).toEqual(['id', 'at', 'd']);
    expect((await store.describeQuery(HALVES, inputs)).map(({ name }) => name)).toEqual(['id', 'at', 'h']);
    const halves = (await store.snapshot(
      { source: { name: 'halves', query: HALVES }, root: directory.path, inputs, lastDigest: null },
      signal,
    )) as Snapshot;
    const joined = await store.join(
      {
        spine: {
          query: { dialect: 'postgres', sql: 'select * from halves' },
          inputs: { halves: halves.location },
          time: 'at',
        },
        sets: [],
        split: null,
      },
      signal,
    );
    const { columns } = await store.readColumns(joined.path, ['h']);
    expect([...(columns['h'] as Float64Array)]).toEqual([1.5, 2.5]);
    const plan: RowPlan = {
      address: 'feature_set.x',
      keys: [{ name: 'id', type: 'int64' }],
      eventTime: 'at',
      createdTime: null,
      features: [{ name: 'd', dtype: 'int64', column: 'd' }],
      from: { query: DAYS },
      inputs,
    };
    if (backend.name === 'duckdb') {
      const staged = await store.stage(plan, [], 'sets/x/v1', signal);
      expect(staged.rows).toBe(2);
      // 23 hours are no day.
      const part = await staged.write({ from: 0, to: 2, sequence: 1 }, signal);
      const rows: unknown[] = [];
      for await (const batch of store.rows({ plan, parts: [part.location], after: -1, before: 9 }, signal))
        rows.push(...batch.map(({ values }) => values['d']));
      expect(rows).toEqual([0, 0]);
      await staged.discard();
    }
    const ward = { dialect: 'trino', sql: 'select greatest(id, v) as g from raw' } as const;
    await expect(store.describeQuery(ward, inputs)).rejects.toMatchObject({
      code: 'SP205',
      detail: expect.stringContaining('greatest()'),
    });
  });
});
