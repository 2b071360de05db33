/** Queries in the dialect of Postgres and of Trino: what their translation answers on DuckDB is what they answer where they are written for. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fromDialect } from '../../src/spec/from-dialect.ts';
import { loadProject } from '../../src/spec/load.ts';
import { translateSql } from '../../src/spec/translate-sql.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { openTwoEngines, type TwoEngines } from '../support/two-engines.ts';

const POSTGRES = [
  'select id, event_time, count(*) over w as n, bili - first_value(bili) over w as d from visits window w as (partition by id order by event_time, day range between unbounded preceding and current row)',
  "select id, event_time, sum(bili) over (partition by id order by event_time range between interval '30 days' preceding and current row) as s from visits",
  'select distinct on (id) id, event_time, bili from visits order by id, event_time desc, bili desc',
  'select id, bili, row_number() over (partition by id order by bili desc, event_time, day) as r from visits',
  'select id, last_value(bili) over w as l from visits window w as (partition by id order by bili desc, event_time, day rows between unbounded preceding and unbounded following)',
  'select id, day, bili from visits order by bili desc, id, event_time limit 7',
  'select id, bili from visits order by bili, id, event_time limit 7',
  "select id, event_time::date as d, date_trunc('week', event_time) as w, date_trunc('month', event_time)::date as m from visits",
  'select id, extract(year from event_time)::int as y, extract(dow from event_time)::int as w, extract(isodow from event_time)::int as i, extract(doy from event_time)::int as o, extract(epoch from event_time)::bigint as e, extract(week from event_time)::int as k from visits',
  'select id, count(*) filter (where status = 2) as n, avg(bili) as a, count(distinct ward) as w, bool_or(status = 2) as b from visits group by id',
  'select id, percentile_cont(0.5) within group (order by bili) as m from visits group by id',
  "select id, upper(ward) || '-' || id as u, split_part(ward, 'b', 1) as p, left(ward, 1) as l, right(ward, 1) as r, length(ward) as n, ward ilike 'a%' as i, concat(ward, null, 'q') as c, strpos(ward, 'b') as s from visits",
  'select id, day::float8 / 4 as q, bili / 2.0 as h, 1.0 / 3 as t, day % 7 as m, cast(day as double precision) / id as x from visits',
  "select id, greatest(bili, albumin) as g, least(bili, albumin) as l, coalesce(bili, 0) as c, nullif(ward, 'A') as n from visits",
  "select id, event_time + interval '7 days' as n, event_time - interval '2 hours' as b, event_time::date - date '2024-01-01' as d from visits",
  'select id, floor(bili) as f, ceil(bili) as c, abs(bili - 2) as a, sqrt(bili) as s, power(bili, 2) as p, ln(bili + 1) as l, exp(bili / 10.0) as e, sign(bili - 2) as g from visits where bili is not null',
  "select id, ward ~ '^A' as r, ward like 'A%' as k, replace(ward, 'A', 'Z') as z, trim('  x ') as t, substring(ward, 1, 1) as s from visits",
  "with a as (select id, max(event_time) as last from visits group by id) select v.id, a.last - v.event_time > interval '3 days' as old from visits v join a using (id)",
  'select a.id, a.event_time, (select max(b.bili) from visits b where b.id = a.id and b.event_time < a.event_time) as before from visits a',
  'select id, event_time, lag(bili, 1) over (partition by id order by event_time, day) as p, ntile(4) over (order by day, id, event_time) as n, percent_rank() over (partition by id order by day) as k from visits',
  'select id, stddev(bili) as s, var_pop(bili) as v, corr(bili, albumin) as c, stddev_pop(albumin) as p from visits group by id having count(bili) > 3',
  "select id, case when bili > 2 then 'high' when bili is null then 'none' else 'low' end as c, (status = 2)::int as dead from visits",
  'select id, bili::numeric(10, 2) as b, status = 2 and not (bili > 1) as x from visits',
  'select id from visits where bili > 1 union select id from visits where day is null except select 3',
] as const;

/** And what a person would write for DuckDB. */
const TRINO = [
  [
    "select id, date_diff('day', timestamp '2024-01-01 13:00:00', event_time) as d, date_diff('hour', timestamp '2024-01-01 00:30:00', event_time) as h from visits",
    "select id, date_sub('day', timestamp '2024-01-01 13:00:00', event_time), date_sub('hour', timestamp '2024-01-01 00:30:00', event_time) from visits",
  ],
  [
    "select id, date_add('day', 7, event_time) as n, event_time - interval '2' hour as b, date_trunc('month', event_time) as m from visits",
    "select id, event_time + interval 7 day, event_time - interval 2 hour, date_trunc('month', event_time) from visits",
  ],
  [
    "select id, sum(bili) over (partition by id order by event_time range between interval '30' day preceding and current row) as s from visits",
    'select id, sum(bili) over (partition by id order by event_time range between interval 30 day preceding and current row) from visits',
  ],
  [
    'select id, count_if(bili > 1) as c, avg(bili) as a, count(*) filter (where status = 2) as n, stddev(bili) as s from visits group by id',
    'select id, count(*) filter (where bili > 1), avg(bili), count(*) filter (where status = 2), stddev_samp(bili) from visits group by id',
  ],
  [
    'select id, year(event_time) as y, month(event_time) as m, day(event_time) as d, hour(event_time) as h, extract(quarter from event_time) as q from visits',
    'select id, year(event_time), month(event_time), day(event_time), hour(event_time), quarter(event_time) from visits',
  ],
  [
    "select id, if(bili > 1, 'a', 'b') as i, if(bili > 1, 1) as j, try_cast(ward as bigint) as t, cast(day as double) / 4 as q, cast(id as varchar) as v from visits",
    "select id, case when bili > 1 then 'a' else 'b' end, case when bili > 1 then 1 end, try_cast(ward as bigint), day::double / 4, id::varchar from visits",
  ],
  [
    "select id, regexp_like(ward, '^A') as r, strpos(ward, 'b') as p, substr(ward, 1, 1) as s, length(ward) as l, lower(ward) as w, starts_with(ward, 'A') as a from visits",
    "select id, regexp_matches(ward, '^A'), strpos(ward, 'b'), ward[1:1], length(ward), lower(ward), starts_with(ward, 'A') from visits",
  ],
  [
    'select id, bili, row_number() over (partition by id order by bili desc, event_time, day) as r, rank() over (order by bili) as k from visits',
    'select id, bili, row_number() over (partition by id order by bili desc nulls last, event_time nulls last, day nulls last), rank() over (order by bili nulls last) from visits',
  ],
  [
    'select id, round(bili, 1) as r, round(bili) as s, power(bili, 2) as p, mod(day, 7) as m, to_unixtime(event_time) as e from visits',
    'select id, round(bili, 1), round(bili), bili * bili, day % 7, epoch(event_time) from visits',
  ],
  [
    "with a as (select id, max(event_time) as last from visits group by id) select v.id, a.last, coalesce(v.bili, 0e0) as b from visits v join a on a.id = v.id where v.ward in ('A', 'B')",
    "select v.id, max(event_time) over (partition by v.id) as last, ifnull(v.bili, 0) from visits v qualify v.ward in ('A', 'B')",
  ],
] as const;

const REFUSED = [
  ['postgres', "select to_char(event_time, 'YYYY-MM') as m from visits", 'to_char'],
  ['postgres', "select id / 2 as h, 'a / b' as text from visits -- a / b", '/'],
  ['postgres', 'select bili::numeric as b from visits', 'numeric'],
  ['postgres', 'select extract(second from event_time) as s from visits', 'second'],
  ['postgres', 'select round(bili::numeric(10, 2)) as r from visits', 'round'],
  ['trino', 'select greatest(bili, albumin) as g from visits', 'greatest'],
  ['trino', 'select bili / 2.0 as h from visits', '/'],
  ['trino', 'select extract(dow from event_time) as d from visits', 'dow'],
  ['trino', "select date_format(event_time, '%i') as d from visits", 'date_format'],
] as const;

let engines: TwoEngines;
beforeAll(async () => {
  engines = await openTwoEngines();
});
afterAll(() => engines?.close());

describe('a query in the dialect of Postgres', () => {
  it.each(POSTGRES)('answers as there: %s', async (query) => {
    const { sql, problems } = await fromDialect(query, 'postgres');
    expect(problems).toEqual([]);
    expect(await engines.onDuckdb(sql ?? ''), sql ?? '').toEqual(await engines.onPostgres(query));
  });
});

describe('a query in the dialect of Trino', () => {
  it.each(TRINO)('answers as what a person writes: %s', async (query, written) => {
    const { sql, problems } = await fromDialect(query, 'trino');
    expect(problems).toEqual([]);
    expect(await engines.onDuckdb(sql ?? ''), sql ?? '').toEqual(await engines.onDuckdb(written));
  });
});

it.each(REFUSED)('%s: what may mean something else is refused at its place: %s', async (dialect, query, what) => {
  const { sql, problems } = await fromDialect(query, dialect);
  expect(sql).toBeNull();
  expect(problems.map(({ start, end }) => query.slice(start, end))).toEqual([what]);
});

describe('a project that writes in another dialect', () => {
  const load = async (
    dialect: string,
    query: string,
    store: 'duckdb' | 'postgres' = 'duckdb',
    as = JSON.stringify(query),
  ) => {
    const directory = await temporaryDirectory();
    mkdirSync(directory.path, { recursive: true });
    writeFileSync(join(directory.path, 'visits.csv'), 'id,at,x\n');
    writeFileSync(
      join(directory.path, 'mlops.config.yaml'),
      `project: p
dialect: ${dialect}
resources:
  - { kind: Source, name: visits, file: visits.csv }
  - { kind: Entity, name: patient, keys: { id: int64 } }
  - kind: FeatureSet
    name: labs
    entity: patient
    eventTime: at
    features: { x: float64 }
    query: ${as}
`,
    );
    const columns = ['id', 'at', 'x'].map((name) => ({ name, type: name === 'at' ? 'TIMESTAMP' : 'DOUBLE' }));
    const loaded = await loadProject({
      root: directory.path,
      describeSource: async () => columns,
      queryStore: () => ({ dialect: store, name: 'dev' }),
    });
    await directory.remove();
    return loaded;
  };
  const QUERY = "select id, date_diff('day', at, timestamp '2024-01-01 00:00:00') as x, at from visits";

  it('has its texts as they are written, and says what each is on the store', async () => {
    const { project, diagnostics } = await load('trino', QUERY);
    expect(diagnostics).toEqual([]);
    const set = project?.resources.get('feature_set.labs');
    expect(set?.spec).toMatchObject({ query: { dialect: 'trino', sql: QUERY } });
    expect(set?.runs?.['/query']).toMatch(/date_sub\(/i);
    expect(set?.lineage).toMatchObject({ x: [{ column: 'at' }, { column: 'id' }] });
    expect(set?.dependsOn).toContain('source.visits');
    const own = await load('postgres', 'select id, at, x from visits', 'postgres');
    expect(own.project?.resources.get('feature_set.labs')?.runs).toBeUndefined();
    // Each store may still have a text of its own.
    const both = await load('trino', '', 'duckdb', '{ duckdb: "select id, at, x from visits" }');
    expect(both.diagnostics).toEqual([]);
  });

  it('is told what is wrong where it stands', async () => {
    const told = ({ diagnostics }: Awaited<ReturnType<typeof load>>) =>
      diagnostics.map(({ code, at, detail }) => [code, at?.start.line, at?.start.column, detail.split(':')[0]]);
    expect(told(await load('postgres', "select id, at, to_char(at, 'YY') as x from visits"))).toEqual([
      ['SP205', 11, 28, 'It is not known that to_char() means the same to every store.'],
    ]);
    expect(told(await load('trino', 'select id, at, y as x from visits'))).toEqual([
      ['SP203', 11, 28, 'There is no column "y" in "visits".'],
    ]);
    expect(told(await load('oracle', 'select 1'))[0]?.[0]).toBe('SP103');
  });

  it('runs on a Postgres by way of DuckDB', async () => {
    const { sql } = await fromDialect(
      'select id, year(event_time) as y, count_if(bili > 1) over (partition by id) as n from visits',
      'trino',
    );
    expect((await translateSql(sql ?? '')).problems).toEqual([]);
    const { project, diagnostics } = await load('trino', 'select id, at, year(at) as x from visits', 'postgres');
    expect(diagnostics).toEqual([]);
    expect(project?.resources.get('feature_set.labs')?.runs?.['/query']).toMatch(/mlops_year\(/i);
  });
});
