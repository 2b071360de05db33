/** Statistics of every offline store, against plain arithmetic over random rows. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OfflineStore, ProfileRequest } from '../../src/stores/offline.ts';
import type { RejectedRow, RowPlan } from '../../src/stores/offline-rows.ts';
import { type ColumnProfile, DISTINCT_EXACT, SAMPLE_ROWS } from '../../src/stores/profile.ts';
import { type OpenOffline, offlineBackends } from '../support/offline-backends.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';

const SEED = 20_240_611;

/** mulberry32: the same numbers on every machine. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Made {
  readonly id: number;
  readonly at: string;
  readonly skewed: number | null;
  readonly whole: number | null;
  readonly word: string | null;
  readonly flag: boolean | null;
  readonly day: string | null;
}

function makeRows(count: number, seed: number): readonly Made[] {
  const random = randomOf(seed);
  const words = ['ab', 'cde', 'é', 'ffff', "o'clock", '日本'];
  const orNull = <T>(value: T): T | null => (random() < 0.1 ? null : value);
  return Array.from({ length: count }, (_, index) => ({
    id: index % 97,
    at: new Date(Date.UTC(2024, 0, 1) + index * 60_000).toISOString(),
    skewed: orNull(Math.exp(random() * 6 - 2)),
    whole: orNull(Math.floor(random() ** 2 * 30) - 5),
    word: orNull(words[Math.floor(random() ** 2 * words.length)] ?? 'ab'),
    flag: orNull(random() < 0.3),
    day: orNull(new Date(Date.UTC(2020, 0, 1 + Math.floor(random() * 300))).toISOString().slice(0, 10)),
  }));
}

/** The figures by the book: every value looked at, nothing estimated. */
function byTheBook(values: readonly (number | null)[], edges: readonly number[]) {
  const numbers = values.filter((value) => value !== null).sort((a, b) => a - b);
  const mean = numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
  const squares = numbers.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const counts = [...edges, Number.POSITIVE_INFINITY].map(
    (edge, index) =>
      numbers.filter((value) => value <= edge && value > (edges[index - 1] ?? Number.NEGATIVE_INFINITY)).length,
  );
  return {
    nulls: values.length - numbers.length,
    distinct: new Set(numbers).size,
    min: numbers[0],
    max: numbers.at(-1),
    mean,
    sd: Math.sqrt(squares / (numbers.length - 1)),
    counts,
    /** Share of the numbers below `value`, and up to it. */
    rank: (value: number) =>
      [numbers.filter((n) => n < value).length, numbers.filter((n) => n <= value).length].map(
        (count) => count / numbers.length,
      ) as [number, number],
  };
}

const plan = (location: string): RowPlan => ({
  address: 'feature_set.made',
  keys: [{ name: 'id', type: 'int64' }],
  eventTime: 'at',
  createdTime: null,
  features: (
    [
      ['skewed', 'float64'],
      ['whole', 'int64'],
      ['word', 'string'],
      ['flag', 'bool'],
      ['day', 'date'],
    ] as const
  ).map(([name, dtype]) => ({ name, dtype, column: name })),
  from: { source: 'rows' },
  inputs: { rows: location },
});
const halved = {
  name: 'halved',
  dtype: 'float64',
  reads: ['skewed'],
  evaluate: (values: Readonly<Record<string, unknown>>) =>
    typeof values['skewed'] === 'number' ? values['skewed'] / 2 : null,
} as const;

describe.each(offlineBackends)('statistics of the offline store: $name', ({ open }) => {
  let temporary: TemporaryDirectory;
  let opened: OpenOffline;
  let store: OfflineStore;
  const { signal } = new AbortController();
  let folders = 0;
  beforeAll(async () => {
    temporary = await temporaryDirectory();
    opened = await open(temporary.path);
    store = opened.store;
  });
  afterAll(async () => {
    await opened.close();
    await temporary.remove();
  });

  const write = async (rows: readonly object[], existing: readonly string[] = [], checked?: RowPlan['checks']) => {
    const name = `rows${folders++}`;
    await writeFile(join(temporary.path, `${name}.jsonl`), rows.map((row) => JSON.stringify(row)).join('\n'));
    const taken = await store.snapshot(
      { source: { name, file: `${name}.jsonl` }, root: temporary.path, inputs: {}, lastDigest: null },
      signal,
    );
    const staged = await store.stage(
      { ...plan(taken?.location ?? ''), ...(checked && { checks: checked }) },
      existing,
      existing[0]?.split('/').slice(0, 3).join('/') ?? `sets/made/v${folders}`,
      signal,
    );
    const part = await staged.write({ from: 0, to: staged.rows, sequence: folders }, signal);
    await staged.discard();
    return part.location;
  };
  const of = (parts: readonly string[], more: Partial<ProfileRequest['of'] & object> = {}): ProfileRequest['of'] => ({
    parts,
    keys: plan('').keys,
    features: plan('').features,
    current: false,
    from: null,
    until: null,
    ...more,
  });
  const profile = (request: Partial<ProfileRequest> & Pick<ProfileRequest, 'of'>) =>
    store.profile({ computed: [], expectations: [], edges: {}, ...request }, signal);

  it.each([1, 2, 17, 5_000])('agree with plain arithmetic over %i random rows', async (count) => {
    const rows = makeRows(count, SEED + count);
    const found = await profile({ of: of([await write(rows)]), computed: [halved] });
    expect(found.rows).toBe(count);
    expect(found.minEventTime).toBe(BigInt(Date.parse(rows[0]?.at ?? '')) * 1000n);
    for (const [name, values] of [
      ['skewed', rows.map(({ skewed }) => skewed)],
      ['whole', rows.map(({ whole }) => whole)],
      ['halved', rows.map(({ skewed }) => (skewed === null ? null : skewed / 2))],
    ] as const) {
      const column = found.columns[name] as ColumnProfile;
      const truth = byTheBook(values, column.histogram?.edges ?? []);
      expect(column, `${name} of seed ${SEED + count}`).toMatchObject({
        count,
        nulls: truth.nulls,
        distinct: truth.distinct,
        distinctEstimated: false,
        sampled: false,
        min: truth.min ?? null,
        max: truth.max ?? null,
        nonFinite: 0,
        top: null,
      });
      if (truth.min === undefined) continue;
      expect(column.mean).toBeCloseTo(truth.mean, 10);
      if (count > 2) expect(column.sd).toBeCloseTo(truth.sd, 8);
      expect(column.histogram?.counts).toEqual(truth.counts);
      for (const [quantile, value] of Object.entries(column.quantiles ?? {})) {
        const asked = Number(quantile.slice(1)) / 100;
        const [below, through] = truth.rank(value);
        // A value between two of few has the rank of neither.
        const slack = 0.01 + 1 / (count - truth.nulls);
        expect(below, `${name} ${quantile}`).toBeLessThanOrEqual(asked + slack);
        expect(through, `${name} ${quantile}`).toBeGreaterThanOrEqual(asked - slack);
      }
    }
    const words = rows.flatMap(({ word }) => word ?? []);
    const word = found.columns['word'] as ColumnProfile;
    const tally = [...new Set(words)].map((value) => ({ value, count: words.filter((w) => w === value).length }));
    expect(new Map(word.top?.map(({ value, count: n }) => [value, n]))).toEqual(
      new Map(tally.map(({ value, count: n }) => [value, n])),
    );
    expect(word.top?.map(({ count: n }) => n)).toEqual(tally.map(({ count: n }) => n).sort((a, b) => b - a));
    if (words.length > 0) {
      const lengths = words.map((text) => [...text].length);
      expect(word.lengths?.min).toBe(Math.min(...lengths));
      expect(word.lengths?.max).toBe(Math.max(...lengths));
      expect(word.lengths?.mean).toBeCloseTo(lengths.reduce((sum, n) => sum + n, 0) / lengths.length, 10);
    }
    const flags = rows.map(({ flag }) => flag);
    for (const value of [true, false]) {
      const wanted = flags.filter((flag) => flag === value).length;
      expect(found.columns['flag']?.top?.find((top) => top.value === value)?.count ?? 0).toBe(wanted);
    }
    const days = rows.flatMap(({ day }) => day ?? []).sort();
    expect(found.columns['day']).toMatchObject({ min: days[0] ?? null, max: days.at(-1) ?? null });
  });

  it('keep the bins that they are given, whatever comes', async () => {
    const edges = { skewed: [0.5, 1, 2] };
    const low = await profile({ of: of([await write(makeRows(200, SEED))]), edges });
    const high = makeRows(200, SEED + 1).map((row) => ({ ...row, skewed: (row.skewed ?? 0) + 1000 }));
    const after = await profile({ of: of([await write(high)]), edges });
    expect(low.columns['skewed']?.histogram?.edges).toEqual([0.5, 1, 2]);
    expect(after.columns['skewed']?.histogram).toEqual({ edges: [0.5, 1, 2], counts: [0, 0, 0, 200] });
  });

  it('leave out rows that a later one replaced where they are asked to, and rows outside of a window', async () => {
    const rows = makeRows(50, SEED);
    const first = await write(rows);
    const second = await write(
      rows.map((row, index) => ({ ...row, whole: index < 10 ? 99 : row.whole })),
      [first],
    );
    const parts = [first, second];
    expect((await profile({ of: of(parts) })).rows).toBe(60);
    const current = await profile({ of: of(parts, { current: true }) });
    expect([current.rows, current.superseded, current.columns['whole']?.max]).toEqual([50, 10, 99]);
    const minute = (n: number): bigint => BigInt(Date.UTC(2024, 0, 1) + n * 60_000) * 1000n;
    const window = await profile({ of: of(parts, { current: true, from: minute(10), until: minute(20) }) });
    expect([window.rows, window.superseded, window.minEventTime, window.maxEventTime]).toEqual([
      10,
      0,
      minute(10),
      minute(19),
    ]);
    expect(window.columns['whole']?.max).not.toBe(99);
  });

  it('count the values that break an expectation, and are nothing where there are no rows', async () => {
    const rows = makeRows(300, SEED);
    const expectations = [
      { feature: 'whole', dtype: 'int64', min: 0, max: 20, maxNull: 0 },
      { feature: 'word', dtype: 'string', in: ['ab', 'é'] },
      { feature: 'halved', dtype: 'float64', max: 10 },
    ] as const;
    const found = await profile({ of: of([await write(rows)]), expectations, computed: [halved] });
    expect(found.columns['whole']?.invalid).toBe(
      rows.filter(({ whole }) => whole === null || whole < 0 || whole > 20).length,
    );
    expect(found.columns['word']?.invalid).toBe(
      rows.filter(({ word }) => word !== null && word !== 'ab' && word !== 'é').length,
    );
    expect(found.columns['halved']?.invalid).toBe(rows.filter(({ skewed }) => (skewed ?? 0) > 20).length);
    expect(found.columns['skewed']?.invalid).toBeNull();
    expect(await profile({ of: of([]) })).toMatchObject({ rows: 0, minEventTime: null });
  });

  it('reject the rows that break what quarantines, with the reasons, and tell of the others', async () => {
    const rows = [...makeRows(400, SEED), { ...makeRows(1, SEED)[0], whole: 999 }];
    const checks: RowPlan['checks'] = {
      computed: [halved],
      rejectDuplicates: true,
      expectations: [
        { feature: 'whole', dtype: 'int64', min: 0, onFailure: 'quarantine' },
        { feature: 'halved', dtype: 'float64', max: 20, onFailure: 'quarantine' },
        { feature: 'word', dtype: 'string', in: ['ab', 'é'], onFailure: 'warn' },
        { feature: 'flag', dtype: 'bool', maxNull: 0.01, onFailure: 'fail' },
      ],
    };
    await writeFile(join(temporary.path, 'judged.jsonl'), rows.map((row) => JSON.stringify(row)).join('\n'));
    const taken = await store.snapshot(
      { source: { name: 'judged', file: 'judged.jsonl' }, root: temporary.path, inputs: {}, lastDigest: null },
      signal,
    );
    const staged = await store.stage({ ...plan(taken?.location ?? ''), checks }, [], 'sets/judged/v1', signal);
    // The last of the rows has the time and key of the first, which it replaces.
    const [first, ...fresh] = rows;
    const broken = (row: Partial<Made>): string[] => [
      ...(row.whole != null && row.whole < 0 ? [`whole min 0: ${row.whole}`] : []),
      ...(row.skewed != null && row.skewed / 2 > 20 ? ['halved max 20'] : []),
    ];
    const wanted = fresh.filter((row) => broken(row).length > 0);
    expect(wanted.length).toBeGreaterThan(10);
    expect([staged.rows, staged.rejected, staged.duplicates]).toEqual([400 - wanted.length, wanted.length + 1, 1]);
    const rejected: RejectedRow[] = [];
    for await (const batch of staged.rejectedRows(signal)) rejected.push(...batch);
    const id = (at: string, key: unknown): string => `${Date.parse(at)} ${key}`;
    expect(
      new Map(
        rejected.map(({ key, eventTime, reasons }) => [
          id(new Date(Number(eventTime / 1000n)).toISOString(), key['id']),
          reasons.map((reason) => reason.replace(/^(halved max 20).*/, '$1')),
        ]),
      ),
    ).toEqual(
      new Map([
        ...wanted.map((row) => [id(row.at ?? '', row.id), broken(row)] as const),
        [id(first?.at ?? '', first?.id), ['unique: a later row has the same keys and times']] as const,
      ]),
    );
    const kept = rejected.find(({ key }) => String(key['id']) === String(first?.id));
    expect(Object.keys(kept?.values ?? {})).toEqual(['skewed', 'whole', 'word', 'flag', 'day']);
    expect(staged.failures.map(({ feature, rows: count, onFailure }) => [feature, count, onFailure])).toEqual([
      ['whole', fresh.filter(({ whole }) => whole != null && whole < 0).length, 'quarantine'],
      ['halved', fresh.filter(({ skewed }) => skewed != null && skewed > 40).length, 'quarantine'],
      ['word', fresh.filter(({ word }) => word != null && word !== 'ab' && word !== 'é').length, 'warn'],
      ['flag', fresh.filter(({ flag }) => flag == null).length, 'fail'],
    ]);
    // What is left is written in chunks without holes.
    const part = await staged.write({ from: 0, to: staged.rows, sequence: 1 }, signal);
    expect(part.rows).toBe(400 - wanted.length);
    await staged.discard();
  });

  it('estimate many distinct values within 2 %, and sample what is computed on demand', async () => {
    const count = SAMPLE_ROWS + 20_000;
    const rows = Array.from({ length: count }, (_, index) => ({
      ...makeRows(1, 1)[0],
      at: new Date(Date.UTC(2024, 0, 1) + index * 1000).toISOString(),
      skewed: index,
    }));
    const found = await profile({ of: of([await write(rows)]), computed: [halved] });
    const skewed = found.columns['skewed'] as ColumnProfile;
    expect(skewed.distinctEstimated).toBe(true);
    expect(skewed.distinct).toBeGreaterThan(Math.max(DISTINCT_EXACT, count * 0.98));
    expect(skewed.distinct).toBeLessThanOrEqual(count * 1.02);
    const sampled = found.columns['halved'] as ColumnProfile;
    expect([sampled.count, sampled.sampled]).toEqual([SAMPLE_ROWS, true]);
    expect(sampled.mean).toBeGreaterThan((count / 4) * 0.98);
    expect(sampled.mean).toBeLessThan((count / 4) * 1.02);
  }, 60_000);

  it('hold numbers that are none apart, and of integers beyond 2^53 the exact extremes', async () => {
    const one = makeRows(3, SEED);
    await writeFile(
      join(temporary.path, 'odd.csv'),
      `id,at,skewed,whole,word,flag,day\n1,${one[0]?.at},NaN,9007199254740993,,,\n2,${one[1]?.at},Infinity,1,,,\n3,${one[2]?.at},2.5,-9007199254740993,,,\n`,
    );
    const taken = await store.snapshot(
      {
        source: { name: 'odd', file: 'odd.csv', types: { skewed: 'float64', whole: 'int64' } },
        root: temporary.path,
        inputs: {},
        lastDigest: null,
      },
      signal,
    );
    const staged = await store.stage(plan(taken?.location ?? ''), [], 'sets/odd/v1', signal);
    const part = await staged.write({ from: 0, to: staged.rows, sequence: 1 }, signal);
    await staged.discard();
    const found = await profile({ of: of([part.location]) });
    expect(found.columns['skewed']).toMatchObject({ nulls: 0, nonFinite: 2, min: 2.5, max: 2.5, mean: 2.5, sd: null });
    expect(found.columns['whole']).toMatchObject({ min: '-9007199254740993', max: '9007199254740993' });
  });
});
