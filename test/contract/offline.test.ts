/** What every offline store promises its callers, beyond what test/features shows of the whole. */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { tableFromIPC } from 'apache-arrow';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { coerceValue } from '../../src/features/values.ts';
import type { CanonicalSource } from '../../src/spec/canonical-specs.ts';
import type { QueryText } from '../../src/spec/query-text.ts';
import type { Dtype, ScalarDtype } from '../../src/spec/schema-types.ts';
import type { OfflineStore } from '../../src/stores/offline.ts';
import type { JoinedSet } from '../../src/stores/offline-join.ts';
import type { LatestRow, RowPlan } from '../../src/stores/offline-rows.ts';
import { type OpenOffline, offlineBackends } from '../support/offline-backends.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';

/** A value as a query has it and as a client sends it. */
interface Sample {
  readonly sql: string;
  readonly sent: unknown;
}

/** Lists and bytes as Postgres writes them. */
function inPostgres(sql: string): string {
  return sql
    .replace(/^\[/, 'array[')
    .replaceAll("'\\x00\\xFFab'::blob", "'\\x00ff6162'::bytea")
    .replace(/::double(?=[[,\]])/, '::float8')
    .replace('[2]', '[]');
}

describe.each(offlineBackends)('the offline store: $name', ({ open }) => {
  let temporary: TemporaryDirectory;
  let root: string;
  let backend: OpenOffline;
  let store: OfflineStore;
  const { signal } = new AbortController();
  beforeAll(async () => {
    temporary = await temporaryDirectory();
    root = join(temporary.path, "it's data");
    await mkdir(root);
    backend = await open(temporary.path);
    store = backend.store;
  });
  afterAll(async () => {
    await backend.close();
    await temporary.remove();
  });
  const file = async (name: string, text: string | Uint8Array): Promise<string> => {
    await writeFile(join(root, name), text);
    return name;
  };
  const snapshot = async (source: CanonicalSource, lastDigest: string | null = null) =>
    store.snapshot({ source, root, inputs: {}, lastDigest }, signal);
  const rowsOf = async (location: string) => {
    const copy = await store.join(
      {
        spine: { query: "select *, timestamp '2024-01-01' as t from it", inputs: { it: location }, time: 't' },
        sets: [],
        split: null,
      },
      signal,
    );
    await rm(copy.path);
    return copy.rows;
  };

  describe('sources', () => {
    it('are read as CSV with the nulls and delimiter that they name, Parquet or JSON lines', async () => {
      const csv = await snapshot({
        name: 'csv',
        file: await file('a.csv', 'id;x;y\n1;NA;-\n2;2.5;"a;b"\n3;;z\n'),
        nulls: ['NA', '-'],
        delimiter: ';',
        columns: { twice: 'x * 2', y: 'upper(y)' },
      });
      expect(csv?.rows).toBe(3);
      expect(csv?.columns).toEqual([
        { name: 'id', type: 'BIGINT' },
        { name: 'x', type: 'DOUBLE' },
        { name: 'twice', type: 'DOUBLE' },
        { name: 'y', type: 'VARCHAR' },
      ]);
      const jsonl = await snapshot({
        name: 'jsonl',
        file: await file('a.jsonl', '{"id": 1, "x": null}\n{"id": 2, "x": 0.5}\n'),
      });
      expect(jsonl).toMatchObject({
        rows: 2,
        columns: [
          { name: 'id', type: 'BIGINT' },
          { name: 'x', type: 'DOUBLE' },
        ],
      });
      const zipped = await snapshot({ name: 'zipped', file: await file('b.csv.gz', gzipSync('id,x\n1,2\n')) });
      expect(zipped?.rows).toBe(1);
    });

    it('have a digest of their content: the same again is not written again, another way of reading is another', async () => {
      const source: CanonicalSource = { name: 'same', file: await file('same.csv', 'id,x\n1,2\n') };
      const first = await snapshot(source);
      expect(first).toBeDefined();
      expect(await snapshot(source, first?.digest)).toBeUndefined();
      await file('same.csv', 'id,x\n1,2\n');
      expect(await snapshot(source, first?.digest)).toBeUndefined();
      const more = await snapshot({ ...source, columns: { z: 'x + 1' } }, first?.digest);
      expect(more?.digest).not.toBe(first?.digest);
      await file('same.csv', 'id,x\n1,3\n');
      expect((await snapshot(source, first?.digest))?.digest).not.toBe(first?.digest);
      expect(await rowsOf(first?.location ?? '')).toBe(1);
    });

    it('have the types that are declared; an identifier keeps its zeros either way', async () => {
      const source: CanonicalSource = {
        name: 'wards',
        file: await file('wards.csv', 'ward,code,beds\n007,1.50,1\n042,1.5,2\n'),
      };
      expect((await snapshot(source))?.columns).toEqual([
        { name: 'ward', type: 'VARCHAR' },
        { name: 'code', type: 'DOUBLE' },
        { name: 'beds', type: 'BIGINT' },
      ]);
      const typed = await snapshot({ ...source, types: { code: 'string', beds: 'float64' } });
      expect(typed?.columns).toEqual([
        { name: 'ward', type: 'VARCHAR' },
        { name: 'code', type: 'VARCHAR' },
        { name: 'beds', type: 'DOUBLE' },
      ]);
    });

    it('keep the type that a whole column has, wherever its odd value stands', async () => {
      const lines = Array.from({ length: 50_000 }, (_, index) => `${index},${index === 49_000 ? 'odd' : index}`);
      expect(
        await store.describe({ name: 'odd', file: await file('odd.csv', `id,x\n${lines.join('\n')}\n`) }, root, {}),
      ).toEqual([
        { name: 'id', type: 'BIGINT' },
        { name: 'x', type: 'VARCHAR' },
      ]);
    });

    it('may be many files, in partitions that become columns', async () => {
      for (const day of ['2024-01-01', '2024-01-02']) await mkdir(join(root, `many/day=${day}`), { recursive: true });
      await file('many/day=2024-01-01/a.csv', 'id,x\n1,1\n2,2\n');
      await file('many/day=2024-01-02/b.csv.gz', gzipSync('id,x,y\n3,0.5,new\n'));
      const source: CanonicalSource = { name: 'many', file: 'many/**/*.csv*' };
      const first = await snapshot(source);
      expect(first?.rows).toBe(3);
      expect(first?.columns.map(({ name }) => name).sort()).toEqual(['day', 'id', 'x', 'y']);
      expect(await rowsOf(first?.location ?? '')).toBe(3);
      expect(
        await store.snapshot(
          { source, root, inputs: {}, lastDigest: first?.digest ?? null, lastLocation: first?.location ?? null },
          signal,
        ),
      ).toBeUndefined();
      await file('many/day=2024-01-02/c.csv', 'id,x\n4,text\n');
      await expect(snapshot(source)).rejects.toMatchObject({
        code: 'FS204',
        detail: expect.stringContaining('The column x is VARCHAR in many/day=2024-01-02/c.csv'),
      });
    });

    it('that cannot be read say so', async () => {
      await expect(store.describe({ name: 'gone', file: 'gone.csv' }, root, {})).rejects.toMatchObject({
        code: 'FS204',
        address: 'source.gone',
      });
      await expect(snapshot({ name: 'gone', file: 'gone.csv' })).rejects.toMatchObject({ code: 'FS204' });
      await expect(
        snapshot({ name: 'bad', file: await file('bad.csv', 'id\n1\n'), columns: { z: 'nothing + 1' } }),
      ).rejects.toMatchObject({ code: 'FS204', address: 'source.bad' });
    });
  });

  describe('queries', () => {
    it('name the tables that they read, but not their own', async () => {
      const query = `with a as (select * from visits), b as (select * from a join "Odd name" using (id))
        select *, (select max(x) from sub where sub.id = b.id) from b left join lateral (select 1 from "it's") l on true -- from comment
        union all select * from 'a string' where x in (select y from other) window w as (order by z)`;
      await expect(store.tablesOf(`${query};`)).resolves.toEqual([
        'Odd name',
        'a string',
        "it's",
        'other',
        'sub',
        'visits',
      ]);
      await expect(store.tablesOf('with visits as (select 1) select * from visits')).resolves.toEqual([]);
    });

    it('that are none are refused', async () => {
      for (const text of ['selec 1', 'select 1; select 2', 'drop table x', "copy (select 1) to '/tmp/x'", '']) {
        await expect(store.tablesOf(text)).rejects.toMatchObject({ code: 'SP201' });
      }
      await expect(store.describeQuery('select nothing from nowhere', {})).rejects.toMatchObject({
        code: expect.stringMatching(/^SP20[46]$/) as unknown,
      });
    });

    it('are described by their columns', async () => {
      expect(await store.describeQuery('select 1::integer as a, \'x\' as "B b" -- end', {})).toEqual([
        { name: 'a', type: 'INTEGER' },
        { name: 'B b', type: 'VARCHAR' },
      ]);
    });
  });

  describe('rows of a set', () => {
    const plan = (rest: Partial<RowPlan>): RowPlan => ({
      address: 'feature_set.s',
      keys: [{ name: 'id', type: 'int64' }],
      eventTime: 'at',
      createdTime: null,
      features: [],
      from: { source: 'it' },
      inputs: {},
      ...rest,
    });
    const write = async (of: RowPlan, folder: string): Promise<readonly string[]> => {
      const staged = await store.stage(of, [], folder, signal);
      try {
        return [(await staged.write({ from: 0, to: staged.rows, sequence: 1 }, signal)).location];
      } finally {
        await staged.discard();
      }
    };
    const latest = async (of: RowPlan, parts: readonly string[], now = 2n ** 52n): Promise<LatestRow[]> => {
      const rows: LatestRow[] = [];
      for await (const batch of store.latest(
        { plan: of, parts, sequence: -1, after: null, again: null, now, asKnownNow: false },
        signal,
      ))
        rows.push(...batch);
      return rows.sort((a, b) => String(a.key).localeCompare(String(b.key)));
    };

    it('hold every dtype as clients send it: what is pushed and what is ingested are one', async () => {
      const values: Record<ScalarDtype, Sample> & Partial<Record<Dtype, Sample>> = {
        bool: { sql: 'true', sent: true },
        int32: { sql: "'-7'", sent: -7 },
        int64: { sql: '9007199254740993', sent: '9007199254740993' },
        float32: { sql: '0.1', sent: 0.1 },
        float64: { sql: "'1e-3'", sent: 0.001 },
        string: { sql: "'it''s Ü'", sent: "it's Ü" },
        timestamp: { sql: "'2024-03-01T02:00:00.123456+02:00'", sent: '2024-03-01 00:00:00.123456' },
        date: { sql: "date '2024-02-29'", sent: '2024-02-29' },
        uuid: { sql: "'0E37DF36-F698-11E6-8DD4-CB9CED3DF976'", sent: '0e37df36-f698-11e6-8dd4-cb9ced3df976' },
        bytes: { sql: "'\\x00\\xFFab'::blob", sent: Buffer.from([0, 255, 97, 98]).toString('base64') },
        json: { sql: `'{"a":[1,2]}'`, sent: { a: [1, 2] } },
        // Lists of any type, or the text of a JSON array; nulls inside them stay.
        'array<bool>': { sql: '[true, null, false]', sent: [true, null, false] },
        'array<int32>': { sql: `'[1, "-7", null]'`, sent: [1, -7, null] },
        'array<int64>': { sql: '[9007199254740993, 1]', sent: ['9007199254740993', 1] },
        'array<float32>': { sql: '[0.1, null]::double[2]', sent: [0.1, null] },
        'array<float64>': { sql: "'[1e-3, null, 2]'", sent: [0.001, null, 2] },
        'array<string>': { sql: `['it''s "Ü"', null, '']`, sent: ['it\'s "Ü"', null, ''] },
        'array<timestamp>': {
          sql: "['2024-03-01T02:00:00.123456+02:00', null]",
          sent: ['2024-03-01 00:00:00.123456', null],
        },
        'array<date>': { sql: "[date '2024-02-29']", sent: ['2024-02-29'] },
        'array<uuid>': {
          sql: `'["0E37DF36-F698-11E6-8DD4-CB9CED3DF976"]'::json`,
          sent: ['0e37df36-f698-11e6-8dd4-cb9ced3df976'],
        },
        'array<bytes>': { sql: "['\\x00\\xFFab'::blob, null]", sent: ['AP9hYg==', null] },
        'vector<3>': { sql: '[0.1::double, -2, 3e5]', sent: [0.1, -2, 3e5] },
        'vector<2>': { sql: "'[1, 2.5]'", sent: [1, 2.5] },
      };
      const dtypes = Object.keys(values) as Dtype[];
      const name = (dtype: Dtype): string => `f_${dtype.replaceAll(/\W/g, '_')}`;
      const features = dtypes.map((dtype) => ({ name: name(dtype), dtype, column: name(dtype) }));
      const select = (sql: (sample: Sample | undefined) => string | undefined): string => {
        const all = dtypes.map((dtype) => [sql(values[dtype]), name(dtype)] as const);
        return `select 1 as id, timestamp '2024-01-01' as at, ${all.map(([text, as]) => `${text} as ${as}`).join(', ')}
          union all select 2 as id, timestamp '2024-01-01' as at, ${all.map(([text, as]) => `case when false then ${text} end as ${as}`).join(', ')}`;
      };
      const query = {
        duckdb: select((sample) => sample?.sql),
        postgres: select((sample) => inPostgres(sample?.sql ?? '')),
      };
      const of = plan({ features, from: { query } });
      const expected = Object.fromEntries(
        dtypes.map((dtype) => [name(dtype), coerceValue(dtype, values[dtype]?.sent)]),
      );
      const nulls = Object.fromEntries(dtypes.map((dtype) => [name(dtype), null]));
      const ingested = await latest(of, await write(of, 'sets/dtypes/v1'));
      expect(ingested.map((row) => row.values)).toEqual([expected, nulls]);
      const eventTime = BigInt(Date.UTC(2024, 0, 1)) * 1000n;
      const row = { eventTime, createdTime: null, key: { id: 1 } };
      const part = await store.writePushed(
        of,
        [
          { ...row, sequence: 5, values: expected },
          { ...row, key: { id: 2 }, sequence: 6, values: nulls },
        ],
        'sets/dtypes/v2',
        signal,
      );
      const pushed = await latest(of, [part.location]);
      expect(pushed).toEqual(ingested.map((one, index) => ({ ...one, sequence: 5 + index })));
    });

    it.each([
      ['array<int32>', '[1, 1.5]'],
      ['array<int32>', "'[1, true]'"],
      ['array<string>', "'plain text'"],
      ['array<string>', `'{"a": 1}'`],
      ['array<date>', "['2024-02-30']"],
      ['array<uuid>', "['x']"],
      ['array<float64>', '7'],
      ['vector<3>', '[1, 2]'],
      ['vector<3>', '[1, 2, null]'],
      ['vector<2>', "[1, 'nan'::double]"],
      ['vector<2>', '[1, 1e300]'],
      ['vector<2>', "'[1, 2'"],
    ] as const)('refuse as %s what is none: %s', async (dtype, sql) => {
      const of = plan({
        features: [{ name: 'v', dtype, column: 'v' }],
        from: {
          query: {
            duckdb: `select 1 as id, timestamp '2024-01-01' as at, ${sql} as v`,
            postgres: `select 1 as id, timestamp '2024-01-01' as at, ${inPostgres(sql)} as v`,
          },
        },
      });
      await expect(store.stage(of, [], 'sets/refused/v1', signal)).rejects.toMatchObject({
        code: 'FS204',
        detail: expect.stringContaining(`which is no ${dtype}`),
        data: { column: 'v', rows: 1 },
      });
    });

    it('hold lists that changed as other rows, and the same ones as the same', async () => {
      const of = (list: string): RowPlan =>
        plan({
          features: [
            { name: 'a', dtype: 'array<string>', column: 'a' },
            { name: 'v', dtype: 'vector<2>', column: 'v' },
          ],
          from: {
            query: {
              duckdb: `select 1 as id, timestamp '2024-01-01' as at, ['x', null] as a, ${list} as v`,
              postgres: `select 1 as id, timestamp '2024-01-01' as at, array['x', null] as a, array${list} as v`,
            },
          },
        });
      const first = await write(of('[1, 2]'), 'sets/lists/v1');
      for (const [list, rows] of [
        ['[1, 2]', 0],
        ['[1, 3]', 1],
      ] as const) {
        const staged = await store.stage(of(list), first, 'sets/lists/v1', signal);
        await staged.discard();
        expect(staged.rows, list).toBe(rows);
      }
    });

    it('are checked item by item where a feature is a list, and by their number', async () => {
      const of = plan({
        features: [
          { name: 'scores', dtype: 'array<float64>', column: 'scores' },
          { name: 'tags', dtype: 'array<string>', column: 'tags' },
          { name: 'emb', dtype: 'vector<2>', column: 'emb' },
          { name: 'note', dtype: 'string', column: 'note' },
        ],
        from: {
          query: {
            duckdb: `select g as id, timestamp '2024-01-01' as at, [g, null, 5] as scores, ['a', 'b', 'c'][1:g + 1] as tags,
              case when g > 0 then [g / 2, -1] end as emb, repeat('x', g::integer) as note from generate_series(0, 2) t (g)`,
            postgres: `select g as id, timestamp '2024-01-01' as at, array[g, null, 5] as scores, (array['a', 'b', 'c'])[1:g + 1] as tags,
              case when g > 0 then array[g / 2.0, -1] end as emb, repeat('x', g) as note from generate_series(0, 2) t (g)`,
          },
        },
      });
      const checked = await store.check(
        of,
        [],
        [
          { feature: 'scores', dtype: 'array<float64>', min: 1, max: 5 },
          { feature: 'tags', dtype: 'array<string>', in: ['a', 'b'], minLength: 1, maxLength: 2 },
          { feature: 'emb', dtype: 'vector<2>', min: -1, max: 0.9, maxNull: 0 },
          { feature: 'note', dtype: 'string', minLength: 1, maxLength: 2 },
        ],
        signal,
      );
      expect(checked.failures).toMatchObject([
        { feature: 'scores', expectation: 'min 1', observed: 0, rows: 1 },
        { feature: 'tags', expectation: 'maxLength 2', observed: 3, rows: 1 },
        { feature: 'tags', expectation: 'in ["a","b"]', observed: 'c', rows: 1 },
        { feature: 'emb', expectation: 'max 0.9', observed: 1, rows: 1 },
        { feature: 'emb', expectation: 'maxNull 0', observed: expect.closeTo(1 / 3), rows: 1 },
        { feature: 'note', expectation: 'minLength 1', observed: 0, rows: 1 },
      ]);
    });

    it('are computed with keys of every type', async () => {
      const keys = [
        { name: 'a', type: 'int32' },
        { name: 'b', type: 'string' },
        { name: 'c', type: 'uuid' },
        { name: 'd', type: 'timestamp' },
        { name: 'e', type: 'date' },
      ] as const;
      const query =
        "select '1' as a, 2 as b, '0e37df36-f698-11e6-8dd4-cb9ced3df976' as c, '2024-01-01T01:00:00+01:00' as d, '2024-02-03' as e, '2024-01-01' as at, 'v' as A2";
      const of = plan({ keys, from: { query }, features: [{ name: 'B', dtype: 'string', column: 'A2' }] });
      expect(await latest(of, await write(of, 'sets/keys/v1'))).toEqual([
        {
          key: [1, '2', '0e37df36-f698-11e6-8dd4-cb9ced3df976', '2024-01-01T00:00:00.000000Z', '2024-02-03'],
          eventTime: BigInt(Date.UTC(2024, 0, 1)) * 1000n,
          createdTime: null,
          sequence: 1,
          values: { B: 'v' },
        },
      ]);
    });

    it('are of the key that counts: greatest event time seen by now, then created time, then the row that came last', async () => {
      const query = `select * from (values (1, '2024-01-01', '2024-01-01', 'old'), (1, '2024-01-02', '2024-01-03', 'new'), (1, '2024-01-02', '2024-01-02', 'new, known before'),
        (1, '2024-01-03', null, 'of unknown time'), (1, '2024-01-02', '2024-01-09', 'known too late'), (1, '2024-01-09', '2024-01-01', 'to come')) r (id, "at", known, v)`;
      const of = plan({
        createdTime: 'known',
        from: { query },
        features: [{ name: 'v', dtype: 'string', column: 'v' }],
      });
      const parts = await write(of, 'sets/known/v1');
      const day = (number: number): bigint => BigInt(Date.UTC(2024, 0, number)) * 1000n;
      const seen = async (now: bigint) => (await latest(of, parts, now)).map((row) => row.values['v']);
      expect([
        await seen(day(1)),
        await seen(day(2)),
        await seen(day(3)),
        await seen(day(8)),
        await seen(day(9)),
      ]).toEqual([['old'], ['new, known before'], ['new'], ['new'], ['to come']]);
    });

    it('are handed out in the order in which they were ingested, between two sequences', async () => {
      const of = plan({ features: [{ name: 'v', dtype: 'string', column: 'v' }] });
      const written = async (sequence: number, values: readonly string[]): Promise<string> => {
        const rows = values.map((v, index) => ({
          sequence: sequence + index,
          key: { id: index },
          eventTime: BigInt(1000 - sequence - index),
          createdTime: null,
          values: { v },
        }));
        return (await store.writePushed(of, rows, 'sets/ordered/v1', signal)).location;
      };
      const parts = [await written(20, ['d', 'e', 'f']), await written(10, ['a', 'b', 'c'])];
      const handed: unknown[] = [];
      for await (const batch of store.rows({ plan: of, parts, after: 10, before: 22 }, signal))
        handed.push(...batch.map(({ sequence, key, values }) => [sequence, ...key, values['v']]));
      expect(handed).toEqual([
        [11, 1, 'b'],
        [12, 2, 'c'],
        [20, 0, 'd'],
        [21, 1, 'e'],
      ]);
    });

    it('are handed out of some keys alone, by their types', async () => {
      const keys = [
        { name: 'id', type: 'int64' },
        { name: 'ward', type: 'string' },
        { name: 'since', type: 'date' },
        { name: 'unit', type: 'uuid' },
        { name: 'seen', type: 'timestamp' },
      ] as const;
      const of = plan({ keys, features: [{ name: 'v', dtype: 'int64', column: 'v' }] });
      const unit = '0f0e0d0c-0b0a-0908-0706-050403020100';
      const texts = (id: number, ward: string): string[] => [
        String(id),
        ward,
        '2024-01-31',
        unit,
        '2024-01-31T01:02:03.000004Z',
      ];
      const wards = ["it's", 'a "b"', '\\', 'x,y', ''];
      const rows = wards.flatMap((ward, at) =>
        [1, 2].map((id) => {
          const [, , since, , seen] = texts(id, ward);
          const key = { id, ward, since, unit, seen };
          return { sequence: at * 2 + id, key, eventTime: 1000n, createdTime: null, values: { v: at * 2 + id } };
        }),
      );
      const { location } = await store.writePushed(of, rows, 'sets/keyed/v1', signal);
      for (const [at, ward] of wards.entries()) {
        const request = { plan: of, parts: [location], after: -1, before: 1e9, keys: [texts(2, ward), texts(3, ward)] };
        const found: unknown[] = [];
        for await (const batch of store.rows(request, signal)) found.push(...batch.map(({ values }) => values['v']));
        expect(found, ward).toEqual([at * 2 + 2]);
      }
    });

    it('need no more memory than the limit', async () => {
      // About 250 MB of rows under a limit of 192 MB.
      const small = backend.another(192 * 2 ** 20);
      try {
        const of = plan({
          from: {
            query:
              "select g as id, timestamp '2024-01-01' + g * interval 1 second as at, repeat(md5(g::varchar), 16) as v from generate_series(1, 450000) t (g)",
          },
          features: [{ name: 'v', dtype: 'string', column: 'v' }],
        });
        const staged = await small.stage(of, [], 'sets/big/v1', signal);
        const part = await staged.write({ from: 0, to: 1000, sequence: 1 }, signal);
        expect([staged.rows, part.rows]).toEqual([450_000, 1000]);
        await staged.discard();
      } finally {
        await small.close();
      }
    }, 120_000);

    it('are swept where they are not kept', async () => {
      const of = plan({
        from: { query: "select 1 as id, timestamp '2024-01-01' as at, 2 as v" },
        features: [{ name: 'v', dtype: 'int32', column: 'v' }],
      });
      const [kept = ''] = await write(of, 'sets/swept/v1');
      const [other = ''] = await write(of, 'sets/swept/v1');
      const [beside = ''] = await write(of, 'sets/swept/v10');
      const states = async () => (await store.inspect([kept, other, beside], signal)).map(({ state }) => state);
      expect(await states()).toEqual(['whole', 'whole', 'whole']);
      await store.sweep('sets/swept/v1', [kept]);
      expect(await states()).toEqual(['whole', 'missing', 'whole']);
      expect((await latest(of, [kept])).map((row) => row.values)).toEqual([{ v: 2 }]);
      await store.sweep('sets/swept/v1', []);
      expect(await states()).toEqual(['missing', 'missing', 'whole']);
    });
  });

  describe('the join', () => {
    const spine = {
      query:
        "select g as id, timestamp '2024-01-01' + (g % 97) * interval 1 hour as t, g % 3 as w from generate_series(0, 19999) t (g) order by g",
      inputs: {},
      time: 't',
    };
    const joinOnce = async (split: Parameters<OfflineStore['join']>[0]['split'], query = spine.query) => {
      const made = await store.join({ spine: { ...spine, query }, sets: [], split }, signal);
      const data = await store.readColumns(made.path, ['id', 't', 'w', ...(split === null ? [] : ['__split'])]);
      const digest = createHash('sha256')
        .update(await readFile(made.path))
        .digest('hex');
      await rm(made.path);
      return { made, data, digest };
    };

    it('writes the same bytes for the same request', async () => {
      const split = { by: 'entity', test: 0.25, seed: 7, keys: ['w', 'id'] } as const;
      expect((await joinOnce(split)).digest).toBe((await joinOnce(split)).digest);
      expect((await joinOnce({ ...split, seed: 8 })).digest).not.toBe((await joinOnce(split)).digest);
    });

    it('keeps rows of one entity together, whatever the rows around it', async () => {
      const split = { by: 'entity', test: 0.3, seed: 0, keys: ['id'] } as const;
      const query = "select g % 500 as id, timestamp '2024-01-01' as t, g as w from generate_series(0, 4999) t (g)";
      const { data, made } = await joinOnce(split, query);
      const side = new Map<number, string>();
      const ids = data.columns['id'] as Float64Array;
      for (const [row, of] of (data.columns['__split'] as string[]).entries()) {
        expect(side.get(ids[row] as number) ?? of).toBe(of);
        side.set(ids[row] as number, of);
      }
      expect(made.testRows / made.rows).toBeGreaterThan(0.24);
      expect(made.testRows / made.rows).toBeLessThan(0.36);
      const { data: fewer } = await joinOnce(split, `${query} where g % 500 < 50`);
      for (const [row, of] of (fewer.columns['__split'] as string[]).entries())
        expect(side.get((fewer.columns['id'] as Float64Array)[row] as number)).toBe(of);
    });

    it('tests on the latest instants where it splits by time', async () => {
      const { data, made } = await joinOnce({ by: 'time', test: 0.2, seed: 0, keys: ['id'] });
      const times = data.columns['t'] as Float64Array;
      const split = data.columns['__split'] as string[];
      const latestTrain = Math.max(...[...times].filter((_, row) => split[row] === 'train'));
      const firstTest = Math.min(...[...times].filter((_, row) => split[row] === 'test'));
      expect(latestTrain).toBeLessThan(firstTest);
      expect(made.testRows / made.rows).toBeGreaterThan(0.17);
      expect(made.testRows / made.rows).toBeLessThanOrEqual(0.2);
    });

    it('says what is wrong with a spine', async () => {
      const set = {
        address: 'feature_set.s',
        parts: [],
        keys: [{ name: 'id', type: 'int64' }],
        ttlMicros: null,
        asKnownAtSpine: false,
        stored: [],
        computed: [],
        output: [],
      } as const;
      const ask = (query: string) =>
        store.join({ spine: { query, inputs: {}, time: 't' }, sets: [set], split: null }, signal);
      await expect(ask("select 1 as other, timestamp '2024-01-01' as t")).rejects.toMatchObject({
        code: 'FS205',
        hint: 'it has: other, t',
      });
      await expect(ask("select 'x' as id, timestamp '2024-01-01' as t")).rejects.toMatchObject({ code: 'FS205' });
      await expect(ask('select 1 as id, t from nowhere')).rejects.toMatchObject({ code: 'FS205' });
    });

    it('reads sources of any name', async () => {
      for (const name of ['spine', 'instants', 'split', 'typed', 'staged']) {
        const location = (await snapshot({ name, file: await file(`${name}.csv`, 'id,t\n1,2024-01-01\n') }))?.location;
        const made = await store.join(
          {
            spine: { query: `select * from "${name}"`, inputs: { [name]: location ?? '' }, time: 't' },
            sets: [],
            split: { by: 'row', test: 0.5, seed: 0, keys: [] },
          },
          signal,
        );
        await rm(made.path);
        const staged = await store.stage(
          {
            address: 'feature_set.s',
            keys: [{ name: 'id', type: 'int64' }],
            eventTime: 't',
            createdTime: null,
            features: [],
            from: { query: `select * from "${name}"` },
            inputs: { [name]: location ?? '' },
          },
          [],
          'sets/named/v1',
          signal,
        );
        await staged.discard();
        expect([made.rows, staged.rows]).toEqual([1, 1]);
      }
    });

    it('stops when it is told to', async () => {
      const controller = new AbortController();
      const query =
        "select a.g as id, timestamp '2024-01-01' as t from generate_series(1, 100000) a (g), generate_series(1, 100000) b (g) where a.g * b.g % 7 = 9";
      const running = store.join({ spine: { query, inputs: {}, time: 't' }, sets: [], split: null }, controller.signal);
      controller.abort(new Error('enough'));
      await expect(running).rejects.toThrow('enough');
      expect(
        await rowsOf((await snapshot({ name: 'after', file: await file('after.csv', 'id\n1\n') }))?.location ?? ''),
      ).toBe(1);
    });
  });

  it('tells what a table holds without reading it: whole or missing, many at once', async () => {
    const taken = await snapshot({ name: 'inspected', file: await file('inspected.csv', 'id,s\n1,a\n2,\n') });
    const location = taken?.location ?? '';
    const missing = `${location.slice(0, location.lastIndexOf('/'))}/none`;
    const columns = [
      { name: 'id', type: 'BIGINT' },
      { name: 's', type: 'VARCHAR' },
    ];
    expect(await store.inspect([location, missing], signal)).toEqual([
      { location, state: 'whole', rows: 2, columns },
      { location: missing, state: 'missing' },
    ]);
    const many = Array.from({ length: 450 }, () => location);
    expect((await store.inspect(many, signal)).filter(({ state }) => state === 'whole')).toHaveLength(450);
    const stopped = AbortSignal.abort(new Error('enough'));
    await expect(store.inspect([location], stopped)).rejects.toThrow('enough');
    expect(await store.inspect([], signal)).toEqual([]);
  });

  describe('a spine', () => {
    const of: RowPlan = {
      address: 'feature_set.s',
      keys: [{ name: 'id', type: 'int64' }],
      eventTime: 'at',
      createdTime: null,
      features: [{ name: 'v', dtype: 'float64', column: 'v' }],
      from: { query: 'select 1' },
      inputs: {},
    };
    const day = (number: number): bigint => BigInt(Date.UTC(2024, 0, number)) * 1000n;
    const setOf = async (): Promise<JoinedSet> => {
      const rows = [
        { id: 2, at: 1, v: 21 },
        { id: 1, at: 1, v: 11 },
        { id: 1, at: 2, v: 12 },
        { id: 1, at: 2, v: 13 },
        { id: 2, at: 3, v: null },
      ].map(({ id, at, v }, index) => ({
        sequence: index + 1,
        key: { id },
        eventTime: day(at),
        createdTime: null,
        values: { v },
      }));
      const part = await store.writePushed(of, rows, 'sets/asked/v1', signal);
      return {
        address: 'feature_set.s',
        parts: [part.location],
        keys: of.keys,
        ttlMicros: null,
        asKnownAtSpine: false,
        stored: of.features,
        computed: [],
        output: [{ feature: 'v', dtype: 'float64', column: 'v' }],
      };
    };

    it('may be a file, in its order', async () => {
      const set = await setOf();
      await file('asked.csv', 'id,t\n2,2024-01-05\n1,2024-01-02T01:00:00+01:00\n1,2023-12-31\n');
      const ask = (name: string) =>
        store.join(
          { spine: { file: { name: 'asked', file: name }, root, time: 't' }, sets: [set], split: null },
          signal,
        );
      const made = await ask('asked.csv');
      const { columns } = await store.readColumns(made.path, ['id', 'v']);
      expect(columns).toEqual({ id: Float64Array.of(2, 1, 1), v: Float64Array.of(Number.NaN, 13, Number.NaN) });
      await rm(made.path);
      await expect(ask('gone.csv')).rejects.toMatchObject({ code: 'FS205' });
    });

    it('may be the rows of a set from a start to before an end, each key and time once', async () => {
      const set = await setOf();
      const ask = async (start: bigint | null, end: bigint | null) => {
        const made = await store.join({ spine: { of: set, start, end, time: 'at' }, sets: [set], split: null }, signal);
        const { columns } = await store.readColumns(made.path, ['id', 'at', 'v']);
        await rm(made.path);
        return [...(columns['id'] as Float64Array)].map((id, row) => [
          id,
          new Date((columns['at'] as Float64Array)[row] as number).getUTCDate(),
          (columns['v'] as Float64Array)[row],
        ]);
      };
      expect(await ask(null, null)).toEqual([
        [1, 1, 11],
        [2, 1, 21],
        [1, 2, 13],
        [2, 3, Number.NaN],
      ]);
      expect(await ask(day(2), day(3))).toEqual([[1, 2, 13]]);
    });
  });

  describe('a file in another format', () => {
    const made = async (query: QueryText): Promise<string> =>
      (await store.join({ spine: { query, inputs: {}, time: 't' }, sets: [], split: null }, signal)).path;

    it('is CSV, JSON or JSON lines with times in UTC, bytes in base64, and no number that JSON lacks', async () => {
      const query = (bytes: string): string =>
        `select 1::bigint as i, 0.5::double precision as f, 'a,"ü"' as s, true as b, timestamp '2024-01-02 03:04:05.000006' as t, date '2024-02-29' as d, ${bytes} as y, '{"a":[1]}' as j
         union all select null, 'NaN'::double precision, null, null, null, null, null, null`;
      const path = await made({ duckdb: query("'\\x00\\xFF'::blob"), postgres: query("'\\x00ff'::bytea") });
      const texts: string[] = [];
      for (const format of ['json', 'jsonl', 'csv'] as const) {
        const to = await store.convert(path, format, ['j'], signal);
        texts.push(await readFile(to, 'utf8'));
        await rm(to);
      }
      await rm(path);
      const t = '2024-01-02T03:04:05.000006Z';
      const rows = [
        { i: 1, f: 0.5, s: 'a,"ü"', b: true, t, d: '2024-02-29', y: 'AP8=', j: { a: [1] } },
        { i: null, f: null, s: null, b: null, t: null, d: null, y: null, j: null },
      ];
      const [json = '', lines = '', csv = ''] = texts;
      expect(JSON.parse(json)).toEqual(rows);
      expect(
        lines
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as unknown),
      ).toEqual(rows);
      expect(csv.split('\n')[1]).toBe(`1,0.5,"a,""ü""",true,${t},2024-02-29,AP8=,"{""a"":[1]}"`);
    });

    it('has lists as JSON arrays in text, and as lists of their type in Arrow', async () => {
      const nulls = `select timestamp '2024-01-01', ${Array.from({ length: 12 }, () => 'null').join(', ')}`;
      const path = await made({
        duckdb: `select timestamp '2024-01-01' as t, [1, null]::integer[] as i, [9007199254740993] as b, [0.5::float, null] as f, [true] as o, ['a,"ü"', null] as s,
           [timestamp '2024-01-02 03:04:05.000006'] as ts, [date '2024-02-29'] as d, ['\\x00\\xFF'::blob] as y, ['0e37df36-f698-11e6-8dd4-cb9ced3df976'::uuid] as u,
           ['nan'::double, 1e300] as n, [[1]] as ll, []::double[] as e union all ${nulls}`,
        postgres: `select timestamp '2024-01-01' as t, array[1, null] as i, array[9007199254740993] as b, array[0.5::real, null] as f, array[true] as o, array['a,"ü"', null] as s,
           array[timestamp '2024-01-02 03:04:05.000006'] as ts, array[date '2024-02-29'] as d, array['\\x00ff'::bytea] as y, array['0e37df36-f698-11e6-8dd4-cb9ced3df976'::uuid] as u,
           array['nan'::float8, 1e300] as n, '[[1]]'::json as ll, array[]::float8[] as e union all ${nulls}`,
      });
      const read = async (format: 'json' | 'csv' | 'arrow'): Promise<Buffer> => {
        const to = await store.convert(path, format, [], signal);
        const content = await readFile(to);
        await rm(to);
        return content;
      };
      const [first, second] = JSON.parse(String(await read('json'))) as Record<string, unknown>[];
      const lists = {
        i: [1, null],
        f: [0.5, null],
        o: [true],
        s: ['a,"ü"', null],
        ts: ['2024-01-02T03:04:05.000006Z'],
        d: ['2024-02-29'],
        y: ['AP8='],
        u: ['0e37df36-f698-11e6-8dd4-cb9ced3df976'],
        n: [null, 1e300],
        e: [],
      };
      expect(first).toMatchObject(lists);
      expect(second).toMatchObject({ i: null, s: null, e: null });
      // What CSV holds is read back as it was.
      const csv = await file('lists.csv', await read('csv'));
      const back = await snapshot({ name: 'lists', file: csv, columns: { s: 's::json', f: 'f::json' } });
      const copy = await store.join(
        {
          spine: { query: 'select * from lists', inputs: { lists: back?.location ?? '' }, time: 't' },
          sets: [],
          split: null,
        },
        signal,
      );
      const again = await store.convert(copy.path, 'json', [], signal);
      expect((JSON.parse(await readFile(again, 'utf8')) as Record<string, unknown>[])[0]).toMatchObject({
        s: lists.s,
        f: lists.f,
        i: '[1,null]',
      });
      const table = tableFromIPC(await read('arrow'));
      await Promise.all([path, copy.path, again].map((name) => rm(name)));
      expect(table.schema.fields.map((field) => `${field.name} ${field.type}`)).toEqual([
        't Timestamp<MICROSECOND, UTC>',
        'i List<Int32>',
        'b List<Int64>',
        'f List<Float32>',
        'o List<Bool>',
        's List<Utf8>',
        'ts List<Timestamp<MICROSECOND, UTC>>',
        'd List<Date32<DAY>>',
        'y List<Binary>',
        'u List<Utf8>',
        'n List<Float64>',
        'll Utf8',
        'e List<Float64>',
      ]);
      const row = table.get(0)?.toJSON() as Record<string, Iterable<unknown>>;
      const got = Object.fromEntries(
        Object.entries(row).map(([name, value]) => [name, name === 't' ? value : [...value]]),
      );
      expect(got).toMatchObject({ i: [1, null], b: [9007199254740993n], f: [0.5, null], o: [true], s: lists.s, e: [] });
      expect(got['u']).toEqual(lists.u);
      expect(Number((got['d'] as unknown[])[0])).toBe(Date.UTC(2024, 1, 29));
      expect([...((got['y'] as unknown[])[0] as Uint8Array)]).toEqual([0, 255]);
      expect(table.get(1)?.toJSON()?.['i']).toBeNull();
    });

    it('is an Arrow stream of several batches, with a type of its own for each column', async () => {
      const rows = 70_000;
      const query = (bytes: string, list: string): string =>
        `select case when g % 7 > 0 then g::bigint end as i, case when g % 5 > 0 then 'r' || g end as s, g % 3 = 0 as b, timestamp '2024-01-01' + g * interval '1 second' as t,
           date '2024-01-01' + (g % 400)::integer as d, g / 8.0::double precision as f, ${bytes} as y, ${list} as l, (g / 4.0)::decimal(18, 2) as x from generate_series(0, ${rows - 1}) t (g)`;
      const path = await made({
        duckdb: query('encode(g::varchar)', '[g]'),
        postgres: query("convert_to(g::text, 'UTF8')", 'array[g::bigint]'),
      });
      const to = await store.convert(path, 'arrow', [], signal);
      const table = tableFromIPC(await readFile(to));
      await Promise.all([path, to].map((name) => rm(name)));
      expect(table.numRows).toBe(rows);
      expect(table.batches.length).toBeGreaterThan(1);
      expect(table.schema.fields.map((field) => `${field.name} ${field.type}`)).toEqual([
        'i Int64',
        's Utf8',
        'b Bool',
        't Timestamp<MICROSECOND, UTC>',
        'd Date32<DAY>',
        'f Float64',
        'y Binary',
        'l List<Int64>',
        'x Float64',
      ]);
      for (const row of [0, 1, 5, 32_767, 32_768, 40_961, 69_999]) {
        const got = table.get(row)?.toJSON();
        expect(got?.['i']).toBe(row % 7 > 0 ? BigInt(row) : null);
        expect(got?.['s']).toBe(row % 5 > 0 ? `r${row}` : null);
        expect(got?.['b']).toBe(row % 3 === 0);
        expect(Number(got?.['t'])).toBe(Date.UTC(2024, 0, 1) + row * 1000);
        expect(Number(got?.['d'])).toBe(Date.UTC(2024, 0, 1) + (row % 400) * 86_400_000);
        expect(got?.['f']).toBe(row / 8);
        expect(new TextDecoder().decode(got?.['y'] as Uint8Array)).toBe(String(row));
        expect([...((got?.['l'] ?? []) as Iterable<bigint>)]).toEqual([BigInt(row)]);
        expect(got?.['x']).toBe(row / 4);
      }
    });

    it('is whole without rows too', async () => {
      const path = await made("select 1::bigint as i, timestamp '2024-01-01' as t limit 0");
      const to = await store.convert(path, 'arrow', [], signal);
      const table = tableFromIPC(await readFile(to));
      expect([table.numRows, table.schema.fields.map(({ name }) => name)]).toEqual([0, ['i', 't']]);
      const json = await store.convert(path, 'json', [], signal);
      expect(JSON.parse(await readFile(json, 'utf8'))).toEqual([]);
      await Promise.all([path, to, json].map((name) => rm(name)));
    });
  });

  it('reads columns as arrays, with NaN for a missing number', async () => {
    const rows = (lists: string): string =>
      `select * from (values (1, 1.5, 'a', true, timestamp '2024-01-01', date '2024-01-02', ${lists}), (2, null, null, null, null, null, null, null, null)) r (i, f, s, b, t, d, l, m, n)`;
    const made = await store.join(
      {
        spine: {
          query: {
            duckdb: rows("[1, null], ['x'], [[1]]"),
            postgres: rows("array[1, null], array['x'], '[[1]]'::json"),
          },
          inputs: {},
          time: 't',
        },
        sets: [],
        split: null,
      },
      signal,
    );
    expect(await store.readColumns(made.path, ['i', 'f', 's', 'b', 't', 'd', 'l', 'm', 'n'])).toEqual({
      rows: 2,
      columns: {
        i: Float64Array.of(1, 2),
        f: Float64Array.of(1.5, Number.NaN),
        s: ['a', null],
        b: Float64Array.of(1, Number.NaN),
        t: Float64Array.of(Date.UTC(2024, 0, 1), Number.NaN),
        d: Float64Array.of(Date.UTC(2024, 0, 2), Number.NaN),
        l: [[1, null], null],
        m: [['x'], null],
        n: ['[[1]]', null],
      },
    });
    await expect(store.readColumns(made.path, ['ff'])).rejects.toMatchObject({
      code: 'FS201',
      hint: 'did you mean "f"?',
    });
    await rm(made.path);
  });
});
