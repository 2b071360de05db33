/** Queries that have a text for each store, and what is told of them for the store of an environment. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { QueryStore, StoreAnswer } from '../../src/spec/engine-checks.ts';
import { jointLineage } from '../../src/spec/joint-lineage.ts';
import { type LoadResult, loadProject } from '../../src/spec/load.ts';
import { readsOf } from '../../src/spec/query-lineage.ts';
import { renamedReferences } from '../../src/spec/rename-references.ts';
import { analyzeQuery } from '../../src/spec/sql-analysis.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';

let temporary: TemporaryDirectory;
beforeAll(async () => {
  temporary = await temporaryDirectory();
});
afterAll(() => temporary.remove());

const COLUMNS = [
  { name: 'id', type: 'BIGINT' },
  { name: 'at', type: 'TIMESTAMP' },
  { name: 'x', type: 'DOUBLE' },
];

let projects = 0;
/** `query`: YAML below `query:` of a feature set over the source visits. */
async function load(query: string, store?: QueryStore): Promise<LoadResult> {
  const root = join(temporary.path, `project ${projects++}`);
  mkdirSync(root);
  writeFileSync(join(root, 'visits.csv'), 'id,at,x\n');
  writeFileSync(join(root, 'mlops.config.yaml'), 'project: texts\nspecs: [specs.yaml]\n');
  writeFileSync(
    join(root, 'specs.yaml'),
    `apiVersion: mlops/v1
kind: Source
name: visits
file: visits.csv
---
apiVersion: mlops/v1
kind: Source
name: known
query: select id, at, x from visits where x is not null
---
apiVersion: mlops/v1
kind: Entity
name: patient
keys: { id: int64 }
---
apiVersion: mlops/v1
kind: FeatureSet
name: labs
entity: patient
eventTime: at
features: { x: float64 }
query:${query}
`,
  );
  return loadProject({
    root,
    describeSource: async () => COLUMNS,
    ...(store !== undefined && { queryStore: () => store }),
  });
}
const told = ({ diagnostics }: LoadResult) =>
  diagnostics.map(({ code, severity, at, detail }) => [code, severity, at?.start.line, at?.start.column, detail]);

const postgres = (explain?: QueryStore['explain']): QueryStore => ({
  dialect: 'postgres',
  name: 'prod',
  ...(explain !== undefined && { explain }),
});

describe('a query with a text for each store', () => {
  it('is held as it is written, without its indentation', async () => {
    const { project, diagnostics } = await load(
      '\n  duckdb: select id, at, x from visits;\n  postgres: |\n    select id, at,\n      x\n    from visits\n',
    );
    expect(diagnostics).toEqual([]);
    expect(project?.resources.get('feature_set.labs')?.spec).toMatchObject({
      query: { duckdb: 'select id, at, x from visits', postgres: 'select id, at,\n  x\nfrom visits' },
    });
    expect(project?.resources.get('feature_set.labs')?.dependsOn).toContain('source.visits');
  });

  it('is checked text by text, each at its place', async () => {
    const found = await load(
      '\n  duckdb: select id, at, y as x from visits\n  postgres: select id, at, z as x from visits',
    );
    expect(told(found)).toEqual([
      ['SP203', 'error', 23, 26, 'There is no column "y" in "visits".'],
      ['SP203', 'error', 24, 28, 'There is no column "z" in "visits".'],
    ]);
    expect(told(await load('\n  sqlite: select 1'))[0]?.slice(0, 2)).toEqual(['SP103', 'error']);
    expect(
      told(await load('\n  duckdb: select id, at, x from visits\n  trino: select id, at, z as x from visits')),
    ).toEqual([['SP203', 'error', 24, 25, 'There is no column "z" in "visits".']]);
    expect(told(await load(' {}'))[0]?.slice(0, 2)).toEqual(['SP103', 'error']);
    const both = await load('\n  duckdb: select id, at, x from visits\n  postgres: select id, at from visits');
    expect(told(both)[0]?.slice(0, 2)).toEqual(['SP203', 'error']);
  });

  it('depends on what any of its texts reads', async () => {
    const tables = new Map([['visits', COLUMNS]]);
    const lineage = async (sql: string, dialect: 'duckdb' | 'postgres') =>
      (await analyzeQuery(sql, tables, dialect)).lineage;
    const one = await lineage('select id, x as v from visits', 'duckdb');
    const other = await lineage('select id, id::float8 as v from visits where at is not null', 'postgres');
    const both = jointLineage([one, other]);
    expect(both && readsOf(both, 'v')).toEqual(['visits\t', 'visits\tat', 'visits\tid', 'visits\tx']);
    expect(jointLineage([one, null])).toBeNull();
  });

  it('says the new name of a source in every text', () => {
    const query = { duckdb: 'select * from visits', postgres: 'select visits.* from visits' };
    const spec = { name: 's', query };
    expect(renamedReferences('source', spec, (_, name) => (name === 'visits' ? 'stays' : name)).query).toEqual({
      duckdb: 'select * from stays',
      postgres: 'select stays.* from stays',
    });
  });
});

describe('on a store of another dialect', () => {
  it('a query is translated, and the store is asked with the tables that it reads', async () => {
    const asked: Parameters<NonNullable<QueryStore['explain']>>[0][number][] = [];
    const store = postgres(async (queries) => {
      asked.push(...queries);
      return queries.map(() => 'right');
    });
    const { project, diagnostics } = await load(
      ' select id, at, x // 1 as y, if(x > 1, x, 0) as x from known'.replace('x // 1 as y, ', ''),
      store,
    );
    expect(diagnostics).toEqual([]);
    const text = 'SELECT id, "at", CASE WHEN x > 1 THEN x ELSE 0 END AS x FROM known';
    expect(project?.resources.get('feature_set.labs')?.runs).toEqual({ '/query': text });
    expect(asked.find((query) => query.text === text)?.tables).toEqual([
      { name: 'visits', columns: COLUMNS },
      { name: 'known', query: expect.stringContaining('FROM visits') as unknown },
    ]);
  });

  it('a text of its own runs as it is', async () => {
    const { project } = await load(
      '\n  duckdb: select id, at, x from visits\n  postgres: select id, at, x from visits',
      postgres(),
    );
    expect(project?.resources.get('feature_set.labs')?.runs).toBeUndefined();
  });

  it('a text of Trino’s is translated where the store has none of its own and DuckDB has none', async () => {
    const duckdb: QueryStore = { dialect: 'duckdb', name: 'dev' };
    const trino = "select id, at, if(x > 1, x, 0e0) as x from visits where date_add('day', 1, at) > at";
    const runs = async (texts: string, store: QueryStore) => {
      const { project, diagnostics } = await load(texts, store);
      expect(diagnostics).toEqual([]);
      return project?.resources.get('feature_set.labs')?.runs?.['/query'];
    };
    for (const store of [duckdb, postgres()]) {
      const text = await runs(`\n  trino: ${trino}`, store);
      expect(text).toMatch(/CASE WHEN x > 1/i);
      expect(text).not.toContain('date_add');
    }
    // Its own, or what DuckDB's is there.
    const both = `\n  duckdb: select id, at, x from visits\n  trino: ${trino}`;
    expect(await runs(both, duckdb)).toBeUndefined();
    expect(await runs(both, postgres())).toBe('SELECT id, "at", x FROM visits');
    expect(await runs(`\n  postgres: select id, at, x from visits\n  trino: ${trino}`, postgres())).toBeUndefined();
    // What cannot be is told at its place.
    expect(
      told(await load('\n  trino: select id, at, approx_most_frequent(3, x, 10) as x from visits', duckdb))[0]?.slice(
        0,
        4,
      ),
    ).toEqual(['SP205', 'error', 23, expect.any(Number)]);
  });

  it('what has no translation is told at its place', async () => {
    expect(told(await load(' select id, at, try_cast(x as double) as x from visits', postgres()))).toEqual([
      ['SP205', 'error', 22, 23, 'Postgres has no try_cast.'],
    ]);
  });

  it('a query that is written for other stores alone is an error', async () => {
    const written = '\n  postgres: select id, at, x from visits';
    expect(told(await load(written, { dialect: 'duckdb', name: 'dev' }))[0]?.slice(0, 3)).toEqual([
      'SP207',
      'error',
      22,
    ]);
    expect((await load(written, postgres())).diagnostics).toEqual([]);
  });

  it('what the store refuses is told at its place, in the text that was written', async () => {
    const refusing =
      (word: string): NonNullable<QueryStore['explain']> =>
      async (queries) =>
        queries.map(({ text }): StoreAnswer => {
          const place = text.toLowerCase().indexOf(word);
          return place < 0 ? 'right' : { message: `no ${word} here`, place };
        });
    const translated = await load(' select id, at, reverse(x) as x from visits', postgres(refusing('reverse')));
    expect(told(translated).map((one) => one.slice(0, 4))).toEqual([['SP206', 'error', 22, 23]]);
    expect(translated.diagnostics[0]?.detail).toContain('SELECT id, "at", REVERSE(x) AS x FROM visits');
    const own = await load('\n  postgres: select id, at, odd(x) as x from visits', postgres(refusing('odd')));
    expect(told(own)).toEqual([['SP206', 'error', 23, 28, 'Postgres refuses this query: no odd here.']]);
  });
});
