import fc from 'fast-check';
import { expect, it } from 'vitest';
import { answerNames, writeAnswer } from '../../src/api/online-answer.ts';

const status = fc.constantFrom('present', 'null', 'not_found', 'expired');
const time = fc.option(fc.constantFrom('2026-01-02T03:04:05.000000Z', '1969-12-31T23:59:59.999999Z'), { nil: null });
const value = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.double(),
  fc.integer(),
  fc.string({ unit: 'binary' }),
  fc.jsonValue(),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
);
/** What JSON says of a value: no infinity, integers beyond 2^53 as text. */
const said = (one: unknown): unknown =>
  typeof one === 'bigint'
    ? Number.isSafeInteger(Number(one))
      ? Number(one)
      : String(one)
    : (JSON.parse(JSON.stringify(one)) as unknown);

it('is the JSON of its rows, whatever the names, values and entities are, each name once', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: 'binary' }), { maxLength: 6 }),
      fc.integer({ min: 0, max: 3 }).chain((rows) => fc.constant(rows)),
      fc.gen(),
      (names, count, gen) => {
        const many = <T>(of: () => fc.Arbitrary<T>): T[] => names.map(() => gen(of));
        const rows = Array.from({ length: count }, () => ({
          values: many(() => value),
          statuses: many(() => status) as ('present' | 'null')[],
          eventTimes: many(() => time),
        }));
        const entities = rows.map((_, index) => ({ id: index, 'na"me': `"${index}` }));
        const named = (values: readonly unknown[]) =>
          Object.fromEntries(names.map((name, at) => [name, said(values[at])]));
        const made = answerNames(names);
        const written = writeAnswer(made, entities, rows);
        const text = written.written().toString('utf8');
        // Once more, in the same memory or beside it: what is kept of one answer is not another's.
        if (count > 1) written.release();
        expect(writeAnswer(made, entities, rows).written().toString('utf8')).toBe(text);
        expect(JSON.parse(text)).toEqual({
          rows: rows.map((row, index) => ({
            entity: entities[index],
            features: named(row.values),
            status: named(row.statuses),
            event_time: named(row.eventTimes),
          })),
        });
      },
    ),
    { numRuns: 300 },
  );
});

it('writes every number as JSON.stringify does', () => {
  const decimals = fc
    .tuple(fc.integer({ min: -(10 ** 15), max: 10 ** 15 }), fc.nat(9))
    .map(([digits, places]) => Number(`${digits}e-${places}`));
  const edges = fc.constantFrom(
    0,
    -0,
    1e-6,
    1e-7,
    0.1 + 0.2,
    999_999_999.999_999,
    999_999_999.999_999_9,
    1e15,
    1e21,
    2 ** 53,
    5e-324,
    1.5,
    -0.000_001,
    123_456.7,
    1e9,
    0.000_000_5,
    0.999_999_5,
    Math.fround(0.1),
    9_007_199_254_740_991,
  );
  fc.assert(
    fc.property(fc.oneof(decimals, edges, fc.double(), fc.float(), fc.integer()), (value) => {
      const out = writeAnswer(
        answerNames(['n']),
        [{}],
        [{ values: [value], statuses: ['present'], eventTimes: [null] }],
      );
      const text = out.written().toString('utf8');
      out.release();
      expect(text).toContain(`"features":{"n":${JSON.stringify(value)}}`);
    }),
    { numRuns: 20_000 },
  );
});

it('is as long as it has to be, in memory of its own while somebody reads it', () => {
  const names = Array.from({ length: 50 }, (_, at) => `set.feature_${at}`);
  const answer = (rows: number, text: string) => {
    const entities = Array.from({ length: rows }, (_, id) => ({ id }));
    const values = names.map((_, at) => (at % 2 === 0 ? text : at / 7));
    const row = { values, statuses: names.map(() => 'present' as const), eventTimes: names.map(() => null) };
    const written = writeAnswer(answerNames(names), entities, new Array<typeof row>(rows).fill(row));
    return { written, entities, values };
  };
  const read: { bytes: Buffer; entities: readonly unknown[]; values: readonly unknown[] }[] = [];
  for (const [rows, text] of [
    [1, 'short'],
    [1, 'ж'.repeat(50_000)],
    [300, 'é'],
    [3, 'x'.repeat(200_000)],
    [0, ''],
  ] as const) {
    answer(rows, text).written.release();
    const { written, entities, values } = answer(rows, text);
    read.push({ bytes: written.written(), entities, values });
  }
  for (const { bytes, entities, values } of read) {
    const { rows } = JSON.parse(bytes.toString('utf8')) as { rows: { entity: unknown; features: object }[] };
    expect(rows.map(({ entity }) => entity)).toEqual(entities);
    for (const { features } of rows) expect(Object.values(features)).toEqual(values);
  }
});
