/** What a push promises: where its rows stand, that it may be repeated, and what is told of rows that do not fit. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { FlatRow } from '../../src/features/pushed-rows.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { CanonicalSpecs } from '../../src/spec/canonical-specs.ts';
import { type FeatureStore, openFeatureStore, type Specs } from '../support/features.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';

type Set = CanonicalSpecs['feature_set'];
const base: Set = {
  name: 'clicks',
  entity: 'user',
  push: true,
  eventTime: 'seen_at',
  features: {
    count: { dtype: 'int64' },
    rate: { dtype: 'float64' },
    page: { dtype: 'string' },
    bot: { dtype: 'bool' },
  },
};
const day = (n: number): string => `2024-03-${String(n).padStart(2, '0')}T00:00:00Z`;

describe('a push', () => {
  let database: FreshDatabase;
  let directory: TemporaryDirectory;
  let store: FeatureStore;
  let specs: Specs;
  let down: boolean;
  let scopes = 0;
  beforeAll(async () => {
    database = await freshDatabase();
  });
  afterAll(() => database?.drop());
  beforeEach(async () => {
    down = false;
    specs = {
      entity: [{ name: 'user', keys: { id: 'int64' } }],
      feature_set: [base],
      feature_service: [{ name: 'all', features: ['clicks.count', 'clicks.page'] }],
    };
    directory = await temporaryDirectory();
    store = await openFeatureStore({
      root: directory.path,
      connectionString: database.connectionString,
      specs: () => specs,
      scope: `push-${scopes++}`,
      clock: systemClock,
      online: (real) => ({
        ...real,
        read: (requests) => (down ? Promise.reject(new Error('the online store is down')) : real.read(requests)),
        write: (...written) => (down ? Promise.reject(new Error('the online store is down')) : real.write(...written)),
      }),
    });
    await register();
  });
  afterEach(async () => {
    await store.close();
    await directory.remove();
  });

  const register = async (): Promise<void> => {
    const [set] = specs.feature_set as [Set];
    await store.features.registerFeatureSet(set, { name: 'user', keys: { id: 'int64' } });
  };
  const row = (id: number, on: number, count: number, more: FlatRow = {}): FlatRow => ({
    id,
    seen_at: day(on),
    count,
    rate: count / 2,
    page: `p${count}`,
    bot: false,
    ...more,
  });
  const push = (rows: readonly FlatRow[], to?: 'online' | 'offline' | 'online_and_offline') =>
    store.features.pushRows('clicks', rows, { to });
  const materialize = () => store.features.materialize('clicks', store.call);
  const served = async (id: number): Promise<unknown> =>
    (await store.features.reader.read([{ id }], ['clicks.count']))[0]?.features['clicks.count'];
  const trainedOn = async (...asked: readonly (readonly [number, number])[]): Promise<readonly unknown[]> => {
    const spine = { rows: asked.map(([id, on]) => ({ id, seen_at: day(on) })) };
    const file = await store.features.history({ features: ['clicks.count'], spine, format: 'parquet' }, store.call);
    const { columns } = await store.offline.readColumns(file.path, ['count']);
    return [...(columns['count'] as Float64Array)].map((value) => (Number.isNaN(value) ? null : value));
  };

  it('to online serves at once and is never trained on', async () => {
    expect(await push([row(1, 1, 10)], 'online')).toMatchObject({ applied: 1 });
    expect(await served(1)).toBe(10);
    expect(await materialize()).toMatchObject({ rowsWritten: 0 });
    expect([await served(1), await trainedOn([1, 2])]).toEqual([10, [null]]);
  });

  it('to offline serves and is trained on with the next materialization, also while the online store is down', async () => {
    down = true;
    expect(await push([row(1, 1, 10), row(2, 1, 20)], 'offline')).toMatchObject({ applied: 0 });
    down = false;
    expect(await served(1)).toBeNull();
    expect(await materialize()).toMatchObject({ rowsWritten: 2, onlineWritten: 2 });
    expect([await served(1), await served(2), await trainedOn([1, 2])]).toEqual([10, 20, [10]]);
  });

  it('to both serves at once and is trained on with the next materialization', async () => {
    expect(await push([row(1, 1, 10)])).toMatchObject({ applied: 1 });
    expect([await served(1), await trainedOn([1, 2])]).toEqual([10, [null]]);
    await materialize();
    expect(await trainedOn([1, 2])).toEqual([10]);
  });

  it('to offline of an older row is trained on and never served', async () => {
    await push([row(1, 5, 50)]);
    await push([row(1, 3, 30)], 'offline');
    await materialize();
    expect([await served(1), await trainedOn([1, 4], [1, 6])]).toEqual([50, [30, 50]]);
  });

  it('changes nothing when it is repeated, whatever came after it', async () => {
    const first = [row(1, 1, 10), row(2, 2, 20)];
    await push(first);
    await push([row(1, 3, 30)]);
    const asked = [
      [1, 1],
      [1, 2],
      [1, 4],
      [2, 4],
    ] as const;
    await materialize();
    const before = await trainedOn(...asked);
    expect(before).toEqual([10, 10, 30, 20]);
    await push(first);
    await materialize();
    await push(first, 'offline');
    await materialize();
    expect([await served(1), await served(2), await trainedOn(...asked)]).toEqual([30, 20, before]);
  });

  it('orders rows of one event time by the created time that they carry', async () => {
    specs = { ...specs, feature_set: [{ ...base, createdTime: 'known_at' }] };
    await register();
    await push([row(1, 1, 11, { known_at: day(9) })]);
    await push([row(1, 1, 10, { known_at: day(2) })]);
    expect(await served(1)).toBe(11);
    await materialize();
    // As it was known then.
    expect([await served(1), await trainedOn([1, 1], [1, 3], [1, 10])]).toEqual([11, [null, 10, 11]]);
    await expect(push([row(1, 1, 1, { known_at: '2999-01-01' })])).rejects.toMatchObject({ code: 'FS202' });
  });

  it('of a row without a known event time is of now', async () => {
    const { seen_at: _none, ...untimed } = row(1, 1, 10);
    await push([untimed, { ...row(2, 1, 20), seen_at: undefined, event_timestamp: day(2) }]);
    const [one, two] = await store.features.reader.read([{ id: 1 }, { id: 2 }], ['clicks.count']);
    expect(Date.parse(one?.eventTime['clicks.count'] ?? '')).toBeGreaterThan(Date.now() - 60_000);
    expect(two?.eventTime['clicks.count']).toBe('2024-03-02T00:00:00.000000Z');
  });

  it('of thousands of rows names each that does not fit, and accepts none', async () => {
    const rows = Array.from({ length: 4_000 }, (_, index): FlatRow => row(index, 1, index));
    rows[7] = { ...rows[7], count: 'seven' };
    rows[3_000] = { ...rows[3_000], id: undefined };
    rows[3_999] = { ...rows[3_999], colour: 'red' };
    await expect(push(rows)).rejects.toMatchObject({
      code: 'API422',
      detail: expect.stringContaining('Row 8 of 4000'),
      data: {
        refused: 3,
        rows: [
          { row: 7, code: 'API422' },
          { row: 3_000, code: 'FS202' },
          { row: 3_999, code: 'FS201' },
        ],
      },
    });
    expect(await served(0)).toBeNull();
    rows[7] = row(7, 1, 7);
    rows[3_000] = row(3_000, 1, 3_000);
    rows[3_999] = row(3_999, 1, 3_999);
    expect(await push(rows)).toMatchObject({ applied: 4_000 });
    expect([await served(7), await served(3_999)]).toEqual([7, 3_999]);
  });

  describe('of a file', () => {
    const rows = [
      row(1, 1, 10, { page: 'a, "b"\nc' }),
      row(2, 2, 20, { page: null, bot: true }),
      row(3, 3, 30, { page: '' }),
      row(4, 3, 40),
    ];
    const ids = ['1', '2', '3', '9007199254740993'];
    const texts: Readonly<Record<string, string>> = {
      csv: `id,seen_at,count,rate,page,bot\r\n1,${day(1)},10,5,"a, ""b""\nc",false\n\n2,${day(2)},20,10,,TRUE\r\n3,${day(3)},30,15,"",f\n9007199254740993,${day(3)},40,20,p40,0`,
      jsonl: rows.map((one, at) => JSON.stringify(one).replace(/"id":\d+/, `"id":${ids[at]}`)).join('\n'),
      json: `[\n  ${rows.map((one, at) => JSON.stringify(one, null, 2).replace(/"id": \d+/, `"id": ${ids[at]}`)).join(',\n')}\n]\n`,
    };
    const pushText = (format: string, text: string, options: { batchRows?: number; skip?: number } = {}) =>
      store.features.pushFile(
        {
          set: 'clicks',
          from: { stream: Readable.from(text.match(/[\s\S]{1,7}/g)?.map((part) => Buffer.from(part)) ?? []) },
          format: format as 'csv',
          ...options,
        },
        { signal: store.call.signal },
      );
    const all = async (): Promise<unknown> =>
      (
        await store.features.reader.read(
          ids.map((id) => ({ id })),
          ['clicks.count', 'clicks.page', 'clicks.bot'],
        )
      ).map(({ features }) => Object.values(features));

    it('reads the same rows from CSV, JSON lines, a JSON array and Parquet', async () => {
      const expected = [
        [10, 'a, "b"\nc', false],
        [20, null, true],
        [30, '', false],
        [40, 'p40', false],
      ];
      for (const [format, text] of Object.entries(texts)) {
        await store.online.drop({ set: 'clicks', version: 1 });
        expect(await pushText(format, text, { batchRows: 3 }), format).toEqual({
          rows: 4,
          applied: 4,
          batches: 2,
          quarantined: 0,
          skipped: 0,
        });
        expect(await all(), format).toEqual(expected);
      }
      await materialize();
      const spine = { file: join(directory.path, 'spine.csv') };
      await writeFile(spine.file, ['id,seen_at', ...ids.map((id) => `${id},${day(9)}`)].join('\n'));
      const { path } = await store.features.history(
        { features: ['clicks.count', 'clicks.rate', 'clicks.page', 'clicks.bot'], spine, format: 'parquet' },
        store.call,
      );
      await store.online.drop({ set: 'clicks', version: 1 });
      expect(
        await store.features.pushFile(
          { set: 'clicks', from: { file: path }, format: 'parquet' },
          { signal: store.call.signal },
        ),
      ).toMatchObject({ rows: 4, applied: 4 });
      expect(await all()).toEqual(expected);
    });

    it('names the lines that do not fit, says what stands, and goes on from there', async () => {
      const lines = Array.from({ length: 10 }, (_, index) => `${index},${day(1)},${index},0.5,p,false`);
      const bad = lines.with(6, `6,${day(1)},six,0.5,p,false`).with(7, `,${day(1)},7,0.5,p,false`);
      const header = 'id,seen_at,count,rate,page,bot';
      await expect(pushText('csv', [header, ...bad].join('\n'), { batchRows: 4 })).rejects.toMatchObject({
        code: 'API422',
        detail: expect.stringMatching(/^line 8: .*count.*\nline 9: .*\nThe first 4 rows of the file are accepted/),
        hint: expect.stringContaining('--skip 4'),
        data: {
          accepted: 4,
          refused: 2,
          rows: [
            { line: 8, code: 'API422' },
            { line: 9, code: 'FS202' },
          ],
        },
      });
      expect([await served(3), await served(4)]).toEqual([3, null]);
      expect(await pushText('csv', [header, ...lines].join('\n'), { batchRows: 4, skip: 4 })).toEqual({
        rows: 6,
        applied: 6,
        batches: 2,
        quarantined: 0,
        skipped: 4,
      });
      expect(await served(9)).toBe(9);
    });

    it('that is damaged stops where it is', async () => {
      const refused = async (format: string, text: string) =>
        pushText(format, text).then(
          () => 'accepted',
          ({ code, detail }: { code: string; detail: string }) => `${code} ${detail.split('\n')[0]}`,
        );
      expect(await refused('csv', 'id,count\n1,2,3\n')).toBe('FS209 Line 2: it has 3 fields, the header 2.');
      expect(await refused('csv', 'id,id\n1,2\n')).toContain('FS209 Line 1: the header names the column "id" twice.');
      expect(await refused('csv', 'id,page\n1,"x\n\n')).toContain('FS209 Line 2: a quote is opened');
      expect(await refused('csv', 'id,page\n1,"x"y\n')).toContain('FS209 Line 2: "y" follows a closing quote.');
      expect(await refused('jsonl', '{"id":1,"count":1}\n{"id":2')).toContain('FS209 Line 2: an object is opened');
      expect(await refused('jsonl', '\n{"id":1,}\n')).toContain('FS209 Line 2: the object is not JSON');
      expect(await refused('json', '[\n1]')).toContain('FS209 Line 2: "1" begins no JSON object.');
      expect(await refused('parquet', 'PAR1 it is not')).toContain('FS209 It is no Parquet file');
      expect(await refused('arrow', '')).toContain('FS208');
      const gone = { set: 'clicks', from: { file: join(directory.path, 'gone.csv') }, format: 'csv' } as const;
      await expect(store.features.pushFile(gone, { signal: store.call.signal })).rejects.toMatchObject({
        code: 'FS209',
      });
    });

    it('stops between two batches when it is told to, and says how far it came', async () => {
      const file = join(directory.path, 'rows.jsonl');
      await writeFile(file, Array.from({ length: 9 }, (_, index) => JSON.stringify(row(index, 1, index))).join('\n'));
      const stop = new AbortController();
      await expect(
        store.features.pushFile(
          { set: 'clicks', from: { file }, format: 'jsonl', batchRows: 3 },
          { signal: stop.signal, onProgress: ({ rows: done }) => done === 6 && stop.abort() },
        ),
      ).rejects.toMatchObject({ code: 'AP106', data: { accepted: 6 } });
      expect([await served(5), await served(6)]).toEqual([5, null]);
    });
  });
});
