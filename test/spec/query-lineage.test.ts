import { expect, it } from 'vitest';
import { readsOf } from '../../src/spec/query-lineage.ts';
import { createSqlAnalyzer, type SqlTables } from '../../src/spec/sql-analysis.ts';
import { COLUMNS, LINEAGE_CASES } from '../support/lineage-queries.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const directory = await temporaryDirectory();
const analyzer = createSqlAnalyzer(directory.path);

const shown = (reads: readonly string[] | null): string | null =>
  reads === null
    ? null
    : reads
        .filter((read) => !read.endsWith('\t'))
        .map((read) => read.replace('\t', '.'))
        .sort()
        .join(' ');

const expected = (reads: string | null): string | null =>
  reads === null
    ? null
    : reads
        .split(' ')
        .filter((name) => name !== '')
        .map((name) => (name.includes('.') ? name : `visits.${name}`))
        .sort()
        .join(' ');

async function lineageOf(sql: string, tables: SqlTables = COLUMNS) {
  return (await analyzer.analyze(sql, tables)).lineage;
}

it.each(LINEAGE_CASES)('knows what outputs depend on: $what', async ({ sql, reads }) => {
  const lineage = await lineageOf(sql);
  if (reads === null) return expect(lineage).toBeNull();
  if (lineage === null) throw new Error(`no lineage of ${sql}`);
  const found = Object.fromEntries(Object.keys(reads).map((name) => [name, shown(readsOf(lineage, name))]));
  expect(found).toEqual(Object.fromEntries(Object.entries(reads).map(([name, list]) => [name, expected(list)])));
});

const OPEN: SqlTables = new Map([
  ['visits', undefined],
  ['labs', undefined],
]);

it.each([
  ['select id, bili + 1 as b from visits where stage > 1', 'b', 'visits.bili visits.stage'],
  ['select *, bili + 1 as b from visits where stage > 1', 'id', 'visits.id visits.stage'],
  ['select * exclude (drug) from visits', 'drug', null],
  ['select v.id, l.value from visits v join labs l on v.id = l.id', 'value', 'labs.id labs.value visits.id'],
  ['select bili from visits, labs', 'bili', null],
  ['select * from visits, labs', 'bili', null],
  ['select list_filter(marks, x -> x > 1) as l from visits', 'l', 'visits.marks'],
])('goes by the names alone where columns are not known: %s', async (sql, output, reads) => {
  const lineage = await lineageOf(sql, OPEN);
  expect(lineage === null ? null : shown(readsOf(lineage, output))).toBe(reads);
});

it('knows nothing of a query that the parser does not understand', async () => {
  expect(await lineageOf('select id from visits tablesample 10%')).toBeNull();
  expect(await lineageOf('select nothing.at.all from visits')).toMatchObject({ outputs: [{ reads: null }] });
});
