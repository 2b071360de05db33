/** One text for every store: what a translated query answers on Postgres is what DuckDB answers, row by row. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { translateSql } from '../../src/spec/translate-sql.ts';
import { openTwoEngines, type TwoEngines } from '../support/two-engines.ts';

const QUERIES = [
  'select id, event_time, count(*) over w as n, bili - first_value(bili) over w as d from visits window w as (partition by id order by event_time range between interval 365 days preceding and current row)',
  "select id, event_time, avg(bili) over (partition by id order by event_time range between interval '30 days' preceding and interval '1 day' preceding) as a from visits",
  'select id, event_time, sum(day) over (partition by id order by event_time rows between 2 preceding and current row) as s from visits',
  'select id, count(*) filter (where status = 2) as n, avg(bili) as b from visits group by id',
  "select id, event_time, case when bili > 2 then 'high' when bili > 1 then 'mid' else 'low' end as c from visits",
  'select id, event_time, bili::int as x, day::varchar as t, cast(day as double) as f from visits where bili is not null',
  "select id, event_time + interval 7 day as event_time, event_time - interval '2 hours' as b from visits",
  'select id, event_time from visits qualify row_number() over (partition by id order by event_time desc) = 1',
  'select distinct on (id) id, event_time, bili from visits order by id, event_time desc, bili',
  "select id, date_trunc('week', event_time) as m, max(bili) as n from visits group by 1, 2",
  'with a as (select id, max(event_time) as last from visits group by id) select v.id, v.event_time, a.last from visits v join a using (id)',
  'select v.id, v.event_time, w.beds from visits v left join wards w on v.ward = w.ward',
  'select id, event_time, extract(year from event_time) as y, extract(dow from event_time) as w, year(event_time) as y2, month(event_time) as mo, hour(event_time) as h from visits',
  "select id, event_time, date_diff('day', timestamp '2024-01-01', event_time) as d, datediff('hour', timestamp '2024-01-01', event_time) as h from visits",
  "select id, event_time, coalesce(bili, 0) as b, nullif(ward, 'A') as w, ifnull(albumin, 1.5) as a from visits",
  'select id, event_time, lag(bili) over (partition by id order by event_time, day) as p, lead(bili, 2) over (partition by id order by event_time, day) as q from visits',
  "select id, event_time, lower(ward) as l, upper(ward) || '-' || id as u, length(ward) as n, substr(ward, 1, 1) as s from visits",
  'select id, event_time, greatest(bili, albumin) as g, least(bili, albumin) as l, round(bili, 1) as r, floor(bili) as f, ceil(bili) as c, abs(bili - 2) as a from visits where bili is not null and albumin is not null',
  'select id, event_time, ln(bili) as l, sqrt(bili) as s, power(bili, 2) as p, exp(bili / 10) as e from visits where bili > 0',
  "select id, event_time, bili from visits where ward in ('A', 'B') and bili between 1 and 3 and ward like 'A%'",
  'select id, event_time, status = 2 as dead, not (status = 1) as x, status <> 0 and bili > 1 as y from visits',
  'select id, event_time, (status = 2 and day <= 20)::int as died from visits',
  'select id, event_time, if(bili > 1, 1, 0) as x from visits',
  "select id, event_time from visits where event_time >= '2024-01-10' and event_time < timestamp '2024-02-01'",
  "select id, timestamp '1974-01-01' + day * interval 1 day as event_time from visits",
  "select id, event_time::date as d, strftime(event_time, '%Y-%m') as m from visits",
  'select a.id, a.event_time, count(b.id) as n from visits a left join visits b on a.id = b.id and b.event_time < a.event_time and b.event_time >= a.event_time - interval 90 days group by a.id, a.event_time',
  "select id, event_time, 'x' as k from visits where bili > 1 union all select id, event_time, 'y' from visits where bili <= 1",
  'select id, event_time, exists (select 1 from wards w where w.ward = visits.ward) as e, (select max(beds) from wards w where w.ward = visits.ward) as b from visits',
  'select id, event_time, rank() over (partition by id order by bili desc) as r, dense_rank() over (order by ward) as d, ntile(4) over (order by day, id, event_time) as n, percent_rank() over (partition by id order by day) as p from visits',
  'select id, count(distinct ward) as n, bool_or(status = 2) as b, count_if(bili > 1) as c, sum(case when bili > 1 then 1 else 0 end) as s from visits group by id',
  'from visits select id, event_time where bili > 1',
  "select id, event_time, regexp_matches(ward, '^A') as r, replace(ward, 'A', 'Z') as z, trim('  x ') as t, concat(ward, null, 'q') as c from visits",
  'select id, event_time, sum(bili) over (partition by id order by event_time, day) as s, row_number() over (partition by id order by event_time, day) as n from visits',
  'select id, event_time, isnan(bili) as n, isfinite(bili) as f from visits',
  'select "id", event_time, bili as "Bili Value" from visits where ward = \'A\'\'s\'',
  'select id, max(event_time) as event_time, min(bili) as lo from visits group by id order by id limit 3',
  'select id, event_time, day / 2 as h, day % 2 as m, bili / 0 as z from visits',
  'select id, median(bili) as m, quantile_cont(bili, 0.9) as q from visits group by id having count(bili) > 2',
  'select id, event_time, epoch(event_time) as e, epoch_ms(event_time) as ms from visits',
  "select id, event_time, date_sub('year', timestamp '2024-01-31 12:00:00', event_time) as y0, date_sub('quarter', timestamp '2024-01-31 12:00:00', event_time) as q1, date_sub('month', timestamp '2024-01-31 12:00:00', event_time) as m2, date_sub('week', timestamp '2024-01-31 12:00:00', event_time) as w3, date_sub('day', timestamp '2024-01-31 12:00:00', event_time) as d4, date_sub('hour', timestamp '2024-01-31 12:00:00', event_time) as h5, date_sub('minute', timestamp '2024-01-31 12:00:00', event_time) as m6, date_sub('second', timestamp '2024-01-31 12:00:00', event_time) as s7, date_sub('month', event_time, timestamp '2024-01-31 12:00:00') as back from visits",
  "select id, event_time, date_sub('year', timestamp '2024-02-29 00:00:00', event_time) as y0, date_sub('quarter', timestamp '2024-02-29 00:00:00', event_time) as q1, date_sub('month', timestamp '2024-02-29 00:00:00', event_time) as m2, date_sub('week', timestamp '2024-02-29 00:00:00', event_time) as w3, date_sub('day', timestamp '2024-02-29 00:00:00', event_time) as d4, date_sub('hour', timestamp '2024-02-29 00:00:00', event_time) as h5, date_sub('minute', timestamp '2024-02-29 00:00:00', event_time) as m6, date_sub('second', timestamp '2024-02-29 00:00:00', event_time) as s7, date_sub('month', event_time, timestamp '2024-02-29 00:00:00') as back from visits",
  "select id, event_time, date_sub('year', timestamp '2023-12-31 23:59:59', event_time) as y0, date_sub('quarter', timestamp '2023-12-31 23:59:59', event_time) as q1, date_sub('month', timestamp '2023-12-31 23:59:59', event_time) as m2, date_sub('week', timestamp '2023-12-31 23:59:59', event_time) as w3, date_sub('day', timestamp '2023-12-31 23:59:59', event_time) as d4, date_sub('hour', timestamp '2023-12-31 23:59:59', event_time) as h5, date_sub('minute', timestamp '2023-12-31 23:59:59', event_time) as m6, date_sub('second', timestamp '2023-12-31 23:59:59', event_time) as s7, date_sub('month', event_time, timestamp '2023-12-31 23:59:59') as back from visits",
  "select id, event_time, date_sub('year', timestamp '2024-03-30 08:00:00', event_time) as y0, date_sub('quarter', timestamp '2024-03-30 08:00:00', event_time) as q1, date_sub('month', timestamp '2024-03-30 08:00:00', event_time) as m2, date_sub('week', timestamp '2024-03-30 08:00:00', event_time) as w3, date_sub('day', timestamp '2024-03-30 08:00:00', event_time) as d4, date_sub('hour', timestamp '2024-03-30 08:00:00', event_time) as h5, date_sub('minute', timestamp '2024-03-30 08:00:00', event_time) as m6, date_sub('second', timestamp '2024-03-30 08:00:00', event_time) as s7, date_sub('month', event_time, timestamp '2024-03-30 08:00:00') as back from visits",
  "select id, event_time, date_diff('month', timestamp '2023-11-30', event_time) as m, date_diff('week', timestamp '2023-12-31', event_time) as w, date_diff('year', timestamp '2023-12-31', event_time) as y from visits",
  'select id, event_time, round(bili) as r, round(bili / 3, 2) as s, round(-2.5::double) as t from visits',
];

const REFUSED = [
  ['select id, day // 2 as h from visits', '//'],
  ['select * exclude (albumin) from visits', '* exclude'],
  ['select id, count(*) as n from visits group by all', 'group by all'],
  ['select id, try_cast(ward as integer) as x from visits', 'try_cast('],
  ['select v.id from visits v asof join visits w on v.id = w.id and v.event_time > w.event_time', 'asof'],
  ["select id, list(day) as d, 'list(' as text from visits group by id", 'list('],
] as const;

let engines: TwoEngines;
beforeAll(async () => {
  engines = await openTwoEngines();
});
afterAll(() => engines?.close());

describe('a query translated for Postgres', () => {
  it.each(QUERIES)('answers as on DuckDB: %s', async (query) => {
    const { sql, problems } = await translateSql(query);
    expect(problems).toEqual([]);
    await engines.postgres.query(`explain ${sql}`);
    expect(await engines.onPostgres(sql ?? ''), sql ?? '').toEqual(await engines.onDuckdb(query));
  });

  it.each(REFUSED)('is refused at its place: %s', async (query, what) => {
    const { sql, problems } = await translateSql(query);
    expect(sql).toBeNull();
    expect(problems.map(({ start, end }) => query.slice(start, end))).toEqual([what]);
  });
});
