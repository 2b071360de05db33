/** Queries as feature sets have them, over two tables of files, with what each output depends on: column by column, worked out by hand. */
import type { Column } from '../../src/spec/column.ts';

export const TABLES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  visits: {
    id: 'BIGINT',
    seen: 'TIMESTAMP',
    bili: 'DOUBLE',
    albumin: 'DOUBLE',
    stage: 'BIGINT',
    drug: 'VARCHAR',
    marks: 'BIGINT[]',
    body: 'STRUCT(height DOUBLE, weight DOUBLE)',
  },
  labs: { id: 'BIGINT', seen: 'TIMESTAMP', value: 'DOUBLE', unit: 'VARCHAR' },
};

export const COLUMNS: ReadonlyMap<string, readonly Column[]> = new Map(
  Object.entries(TABLES).map(([table, columns]) => [
    table,
    Object.entries(columns).map(([name, type]) => ({ name, type })),
  ]),
);

export interface LineageCase {
  readonly what: string;
  readonly sql: string;
  /** Output → columns, visits' by their names and labs' as `labs.x`; null: it cannot be told. */
  readonly reads: Readonly<Record<string, string | null>> | null;
}

export const LINEAGE_CASES: readonly LineageCase[] = [
  { what: 'plain columns', sql: 'select id, bili as b from visits', reads: { id: 'id', b: 'bili' } },
  { what: 'from first', sql: 'from visits select id where stage > 1', reads: { id: 'id stage' } },
  {
    what: 'a filter decides over every output',
    sql: 'select id, bili from visits where albumin > 2 and drug is not null',
    reads: { id: 'id albumin drug', bili: 'bili albumin drug' },
  },
  {
    what: 'case and cast',
    sql: 'select id, case when stage > 2 then bili else try_cast(drug as double) end as x, albumin::int as a from visits',
    reads: { id: 'id', x: 'stage bili drug', a: 'albumin' },
  },
  {
    what: 'aggregates by a key',
    sql: 'select id, max(bili) as top, count(*) as n from visits group by id',
    reads: { id: 'id', top: 'id bili', n: 'id' },
  },
  {
    what: 'group by all leaves aggregates out',
    sql: "select id, date_trunc('month', seen) as month, avg(bili) as mean from visits group by all",
    reads: { id: 'id seen', month: 'id seen', mean: 'id seen bili' },
  },
  {
    what: 'group by a place',
    sql: 'select stage, count(distinct id) as n from visits group by 1',
    reads: { stage: 'stage', n: 'stage id' },
  },
  {
    what: 'group by an output',
    sql: 'select stage + 1 as next, count(*) as n from visits group by next',
    reads: { next: 'stage', n: 'stage' },
  },
  {
    what: 'rollup',
    sql: 'select stage, drug, sum(bili) as s from visits group by rollup (stage, drug)',
    reads: { stage: 'stage drug', drug: 'stage drug', s: 'stage drug bili' },
  },
  {
    what: 'having',
    sql: 'select id, min(seen) as first from visits group by id having avg(albumin) > 2',
    reads: { id: 'id albumin', first: 'id albumin seen' },
  },
  {
    what: 'filter of an aggregate',
    sql: 'select id, max(bili) filter (where stage > 1) as m from visits group by id',
    reads: { id: 'id', m: 'id bili stage' },
  },
  {
    what: 'an aggregate in its own order',
    sql: 'select id, list(bili order by seen) as l, arg_max(albumin, seen) as last from visits group by id',
    reads: { id: 'id', l: 'id bili seen', last: 'id albumin seen' },
  },
  {
    what: 'a window belongs to its own output',
    sql: 'select id, seen, avg(bili) over (partition by id order by seen rows 3 preceding) as mean from visits',
    reads: { id: 'id', seen: 'seen', mean: 'id seen bili' },
  },
  {
    what: 'a named window',
    sql: 'select id, lag(bili) over w as before, stage from visits window w as (partition by id order by seen)',
    reads: { id: 'id', before: 'id seen bili', stage: 'stage' },
  },
  {
    what: 'a window over a range',
    sql: 'select id, sum(bili) over (partition by id order by seen range between interval 30 day preceding and current row) as s from visits',
    reads: { id: 'id', s: 'id seen bili' },
  },
  {
    what: 'qualify decides over every output',
    sql: 'select id, bili from visits qualify row_number() over (partition by id order by seen desc) = 1',
    reads: { id: 'id seen', bili: 'id seen bili' },
  },
  {
    what: 'qualify by the name of an output',
    sql: 'select id, bili, row_number() over (partition by id order by seen) as n from visits qualify n = 1',
    reads: { id: 'id seen', bili: 'bili id seen', n: 'id seen' },
  },
  {
    what: 'distinct compares every output',
    sql: 'select distinct id, stage from visits',
    reads: { id: 'id stage', stage: 'id stage' },
  },
  {
    what: 'distinct on',
    sql: 'select distinct on (id) id, bili from visits order by id, seen desc',
    reads: { id: 'id seen', bili: 'id seen bili' },
  },
  {
    what: 'order and limit',
    sql: 'select id, bili from visits order by seen limit 5',
    reads: { id: 'id seen', bili: 'bili seen' },
  },
  {
    what: 'an inner join',
    sql: 'select v.id, l.value, v.bili / l.value as r from visits v join labs l on v.id = l.id and l.unit = v.drug',
    reads: {
      id: 'id drug labs.id labs.unit',
      value: 'id drug labs.id labs.unit labs.value',
      r: 'id drug bili labs.id labs.unit labs.value',
    },
  },
  {
    what: 'a left join over merged columns',
    sql: 'select id, bili, value from visits left join labs using (id)',
    reads: { id: 'id labs.id', bili: 'bili id labs.id', value: 'labs.value id labs.id' },
  },
  {
    what: 'a natural join',
    sql: 'select bili, value from visits natural join labs',
    reads: { bili: 'bili id seen labs.id labs.seen', value: 'labs.value id seen labs.id labs.seen' },
  },
  {
    what: 'a join as of a time',
    sql: 'select v.id, v.bili, l.value from visits v asof left join labs l on v.id = l.id and v.seen >= l.seen',
    reads: {
      id: 'id seen labs.id labs.seen',
      bili: 'bili id seen labs.id labs.seen',
      value: 'labs.value id seen labs.id labs.seen',
    },
  },
  {
    what: 'a semi join',
    sql: 'select * from visits semi join labs using (id)',
    reads: { bili: 'bili id labs.id', stage: 'stage id labs.id', value: null },
  },
  {
    what: 'a cross join of a filtered table',
    sql: "select v.id, l.value from visits v, (select value from labs where unit = 'mg') l",
    reads: { id: 'id labs.unit', value: 'labs.value labs.unit' },
  },
  {
    what: 'a table expression',
    sql: 'with recent as (select id, bili, seen from visits where stage > 1) select id, max(bili) as m from recent group by id',
    reads: { id: 'id stage', m: 'id stage bili' },
  },
  {
    what: 'table expressions upon each other, with renamed columns',
    sql: 'with a(k, x) as (select id, bili from visits), b as (select k, x * 2 as y from a where x > 0) select k, y from b',
    reads: { k: 'id bili', y: 'bili' },
  },
  {
    what: 'a star with changes',
    sql: 'select * exclude (drug) replace (bili * 17.1 as bili) rename (stage as grade) from visits',
    reads: { id: 'id', bili: 'bili', grade: 'stage', drug: null, albumin: 'albumin' },
  },
  {
    what: 'a subquery in from',
    sql: 'select t.id, t.m from (select id, max(bili) as m from visits group by id) as t where t.m > 1',
    reads: { id: 'id bili', m: 'id bili' },
  },
  {
    what: 'a correlated subquery',
    sql: 'select id, bili, (select max(value) from labs l where l.id = v.id and l.seen <= v.seen) as top from visits v',
    reads: { id: 'id', bili: 'bili', top: 'id seen labs.id labs.seen labs.value' },
  },
  {
    what: 'in a subquery',
    sql: "select id, bili from visits where id in (select id from labs where unit = 'mg')",
    reads: { id: 'id labs.id labs.unit', bili: 'bili id labs.id labs.unit' },
  },
  {
    what: 'exists asks for rows, not for values',
    sql: 'select id from visits v where exists (select l.value from labs l where l.id = v.id)',
    reads: { id: 'id labs.id' },
  },
  {
    what: 'union all by place',
    sql: "select id, bili as x from visits union all select id, value from labs where unit = 'mg'",
    reads: { id: 'id labs.id labs.unit', x: 'bili labs.value labs.unit' },
  },
  {
    what: 'union compares every output',
    sql: 'select id, bili as x from visits union select id, value from labs',
    reads: { id: 'id bili labs.id labs.value', x: 'id bili labs.id labs.value' },
  },
  {
    what: 'union by name',
    sql: 'select id, bili as x from visits union all by name select value as x, id from labs',
    reads: { id: 'id labs.id', x: 'bili labs.value' },
  },
  {
    what: 'except',
    sql: 'select id from visits except select id from labs where value > 1',
    reads: { id: 'id labs.id labs.value' },
  },
  {
    what: 'list functions and lambdas',
    sql: 'select id, list_sum(list_transform(list_filter(marks, stage -> stage > 1), m -> m * bili)) as x from visits',
    reads: { id: 'id', x: 'marks bili' },
  },
  {
    what: 'a list comprehension',
    sql: 'select id, list_sum([m * 2 for m in marks if m > stage]) as x from visits',
    reads: { id: 'id', x: 'marks stage' },
  },
  {
    what: 'unnest makes rows of every output',
    sql: 'select id, unnest(marks) as mark from visits',
    reads: { id: 'id marks', mark: 'marks' },
  },
  {
    what: 'unnest in from',
    sql: 'select v.id, u.m from visits v, unnest(v.marks) as u(m)',
    reads: { id: 'id marks', m: 'marks' },
  },
  {
    what: 'a lateral subquery',
    sql: 'select v.id, n.top from visits v, lateral (select max(value) as top from labs where labs.id = v.id) n',
    reads: { id: 'id labs.id', top: 'id labs.id labs.value' },
  },
  {
    what: 'fields of structs',
    sql: 'select id, body.height, v.body.weight / (body.height * body.height) as bmi from visits v',
    reads: { id: 'id', height: 'body', bmi: 'body' },
  },
  {
    what: 'an output that reads another',
    sql: 'select id, bili * 17.1 as si, si / albumin as ratio from visits',
    reads: { id: 'id', si: 'bili', ratio: 'bili albumin' },
  },
  {
    what: 'a column goes before an output of its name',
    sql: 'select bili + albumin as bili, bili * 2 as twice from visits',
    reads: { bili: 'bili albumin', twice: 'bili' },
  },
  {
    what: 'quoted names, upper and lower case',
    sql: 'select "ID" as "Patient No", V."Bili" as b from VISITS v',
    reads: { 'patient no': 'id', b: 'bili' },
  },
  {
    what: 'a name in a text or comment is none',
    sql: "select id, 'bili' as label -- albumin\n from visits /* stage */",
    reads: { id: 'id', label: '' },
  },
  {
    what: 'a recursive table expression',
    sql: 'with recursive r as (select id, stage from visits union all select id, stage - 1 from r where stage > 0) select id from r',
    reads: null,
  },
  { what: 'a pivot', sql: 'pivot visits on stage using sum(bili) group by id', reads: null },
  {
    what: 'a pivot in from',
    sql: 'select * from (select id, stage, bili from visits) pivot (sum(bili) for stage in (1, 2))',
    reads: null,
  },
  { what: 'an unpivot', sql: 'unpivot visits on bili, albumin into name n value v', reads: null },
  { what: 'columns by a pattern', sql: "select id, columns('b.*') from visits", reads: null },
  { what: 'a file that no source names', sql: "select id from read_csv('other.csv')", reads: null },
  {
    what: 'an output without a name of its own',
    sql: 'select id, max(bili) from visits group by id',
    reads: { id: 'id', m: null },
  },
];
