import { expect, it } from 'vitest';
import type { Column } from '../../src/spec/column.ts';
import { createSqlAnalyzer } from '../../src/spec/sql-analysis.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const column = (name: string, type: string): Column => ({ name, type });
const tables = new Map([
  [
    'visits',
    [
      column('id', 'BIGINT'),
      column('at', 'TIMESTAMP'),
      column('bili', 'DOUBLE'),
      column('stage', 'BIGINT'),
      column('alk.phos', 'DOUBLE'),
    ],
  ],
  ['labs', [column('id', 'BIGINT'), column('x', 'DOUBLE')]],
  ['opaque', undefined],
]);

/** What DuckDB accepts: a false alarm would be worse than a miss. */
const GOOD = [
  'select * from visits',
  'from visits',
  'select * exclude (bili) from visits',
  'select v.*, l.x from visits v join labs l using (id)',
  'select id, max(bili) filter (where bili > 0) as m from visits group by all',
  'select id, arg_max(bili, at) as last from visits group by id',
  'select id from visits qualify row_number() over (partition by id order by at desc) = 1',
  'select anything from opaque',
  'select zz from visits v, opaque',
  'select zz from visits v, unnest([1, 2]) u(zz)',
  'select zz from visits, range(3) r(zz)',
  'select r from range(10) t(r)',
  "select columns('b.*') from visits",
  "select * from read_csv('x.csv')",
  'select {a: id} as s from visits',
  'select count(*) as n from visits group by id having n > 3',
  'select id as k, k + 1 as k2 from visits where k > 3',
  'select "alk.phos" as phos, "ID", Bili from VISITS',
  'with recursive r as (select 1 as n union all select n + 1 from r where n < 3) select n from r',
  'select id, (select max(x) from labs where labs.id = visits.id) as mx from visits',
  'select id from visits asof join labs on visits.id = labs.id and visits.at >= labs.x',
  'select id, sum(bili) over (order by at range between interval 30 day preceding and current row) as s from visits',
  "select timestamp '1974-01-01' + stage * interval 1 day as t from visits",
  'select distinct on (id) id, bili from visits order by id, at desc',
  'pivot visits on stage using sum(bili)',
  'select id, list_transform([1], x -> x + 1) as l from visits',
  "select 'delete; from nowhere' as text from visits",
  'select id as "a;b" from visits',
  'select list_sum([b + 1 for b in [bili, 2.0] if b > 1]) as x from visits',
  'select id, bili from visits order by all limit 5',
];

it('sees nothing wrong with what is right', async () => {
  const directory = await temporaryDirectory();
  const analyzer = createSqlAnalyzer(directory.path);
  const wrong: unknown[] = [];
  for (const sql of GOOD) {
    const { errors } = await analyzer.analyze(sql, tables);
    if (errors.length > 0) wrong.push([sql, errors]);
  }
  expect(wrong).toEqual([]);
  await directory.remove();
});

it.each([
  ['select idd from visits', 'column', 'idd'],
  ["select '😀é' as a, idd from visits", 'column', 'idd'],
  ['select id from visits where billi > 3', 'column', 'billi'],
  ['select id from visit', 'table', 'visit'],
  ['with a as (select id from visits) select nope from a', 'column', 'nope'],
  ['select alk.phos from visits', 'alias', 'alk'],
  ["select 'abc from visits", 'syntax', "'abc from visits"],
  ['select id from visits; drop table visits', 'syntax', ';'],
  ['  drop table visits', 'syntax', 'drop'],
])('finds the mistake in %s', async (sql, kind, text) => {
  const directory = await temporaryDirectory();
  const { errors } = await createSqlAnalyzer(directory.path).analyze(sql, tables);
  expect(errors.map((error) => [error.kind, sql.slice(error.start, error.end)])).toEqual([[kind, text]]);
  await directory.remove();
});

it('knows the columns that a query yields, and when it does not', async () => {
  const directory = await temporaryDirectory();
  const analyzer = createSqlAnalyzer(directory.path);
  const yielded = async (sql: string): Promise<readonly string[] | null> =>
    (await analyzer.analyze(sql, tables)).columns;
  expect(await yielded('select id, bili * 2 as b from visits')).toEqual(['id', 'b']);
  expect(await yielded('select * from labs')).toEqual(['id', 'x']);
  expect(await yielded('select * from opaque')).toBeNull();
  expect(await yielded('select max(x) from labs')).toBeNull();
  expect(await yielded('pivot visits on stage using sum(bili)')).toBeNull();
  await directory.remove();
});

it('answers the same from its cache', async () => {
  const directory = await temporaryDirectory();
  const first = createSqlAnalyzer(directory.path);
  const answer = await first.analyze('select idd from visits', tables);
  first.save();
  expect(await createSqlAnalyzer(directory.path).analyze('select idd from visits', tables)).toEqual(answer);
  const other = new Map([['visits', [column('idd', 'BIGINT')]]]);
  expect((await createSqlAnalyzer(directory.path).analyze('select idd from visits', other)).errors).toEqual([]);
  await directory.remove();
});
