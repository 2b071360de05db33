import fc from 'fast-check';
import { expect, it } from 'vitest';
import { answerBytes } from '../../src/api/answer-bytes.ts';
import { answerNames, answerText } from '../../src/api/online-answer.ts';

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
        const text = answerText(made, entities, rows);
        // Twice, and once more beside others: what is kept of one answer is not another's.
        for (let time = 0; time < 2; time += 1) expect(answerBytes(made, entities, rows).toString('utf8')).toBe(text);
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
