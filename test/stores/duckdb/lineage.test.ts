import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { afterAll, expect, it } from 'vitest';
import { readsOf } from '../../../src/spec/query-lineage.ts';
import { createSqlAnalyzer } from '../../../src/spec/sql-analysis.ts';
import { seededRandom } from '../../../src/training/random.ts';
import { COLUMNS, LINEAGE_CASES, TABLES } from '../../support/lineage-queries.ts';
import { randomQuery } from '../../support/random-queries.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

// The engine is the oracle: where other values of one column change an output, the output depends on that column.
const SEED = Number(process.env['SEED'] ?? Math.floor(Math.random() * 1e9));
const ROUNDS = Number(process.env['ROUNDS'] ?? 120);

const directory = await temporaryDirectory();
const analyzer = createSqlAnalyzer(directory.path);
const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
const connection = await instance.connect();
afterAll(() => {
  connection.closeSync();
  instance.closeSync();
});

const RANDOM_VALUE: Readonly<Record<string, string>> = {
  BIGINT: 'floor(random() * 4)::bigint',
  TIMESTAMP: "timestamp '2024-01-01' + floor(random() * 1.7e6)::bigint * interval 1 second",
  DOUBLE: 'floor(random() * 6)',
  VARCHAR: "case when random() < 0.5 then 'mg' else 'penicillamine' end",
  'BIGINT[]': '[i for i in range(floor(random() * 4)::bigint)]',
  'STRUCT(height DOUBLE, weight DOUBLE)': '{height: floor(random() * 3), weight: floor(random() * 50)}',
};

const randomOf = (type: string): string => `case when random() < 0.1 then null else ${RANDOM_VALUE[type]} end`;

async function fill(seed: number): Promise<void> {
  await connection.run(`select setseed(${(seed % 1000) / 1000})`);
  for (const [table, columns] of Object.entries(TABLES)) {
    const values = Object.entries(columns).map(([name, type]) => `${randomOf(type)} as "${name}"`);
    await connection.run(`create or replace table ${table}_kept as select ${values.join(', ')} from range(14)`);
    await connection.run(`create or replace view ${table} as select * from ${table}_kept`);
  }
}

/** One column has other values, everything else is as it was. */
async function disturb(table: string, column: string): Promise<void> {
  const type = TABLES[table]?.[column] ?? '';
  await connection.run(
    `create or replace table ${table}_other as select * replace (${randomOf(type)} as "${column}") from ${table}_kept`,
  );
  await connection.run(`create or replace view ${table} as select * from ${table}_other`);
}

async function restore(table: string): Promise<void> {
  await connection.run(`create or replace view ${table} as select * from ${table}_kept`);
}

/** By name, each output's values, in no order: a query without `order by` has none. */
const WHOLE = 'the rows';

async function outputsOf(on: DuckDBConnection, sql: string): Promise<ReadonlyMap<string, string>> {
  const reader = await on.runAndReadAll(sql);
  const rows = reader.getRowsJson();
  const whole = JSON.stringify(rows.map((row) => JSON.stringify(row)).sort());
  const outputs = reader
    .columnNames()
    .map((name, index): [string, string] => [
      name.toLowerCase(),
      JSON.stringify(rows.map((row) => JSON.stringify(row[index])).sort()),
    ]);
  return new Map([...outputs, [WHOLE, whole]]);
}

async function isAccepted(sql: string): Promise<boolean> {
  return connection.run(`explain ${sql}`).then(
    () => true,
    () => false,
  );
}

/** Outputs that the engine changed although their lineage does not name the column. */
async function missed(sql: string, times: number): Promise<readonly string[]> {
  const lineage = (await analyzer.analyze(sql, COLUMNS)).lineage;
  if (lineage === null) return [];
  const found: string[] = [];
  const before = await outputsOf(connection, sql);
  for (const [table, columns] of Object.entries(TABLES)) {
    for (const column of Object.keys(columns)) {
      for (let time = 0; time < times; time += 1) {
        await disturb(table, column);
        const after = await outputsOf(connection, sql);
        for (const [name, values] of before) {
          const names = name === WHOLE ? [...before.keys()].filter((one) => one !== WHOLE) : [name];
          const all = names.map((one) => readsOf(lineage, one));
          const reads = all.includes(null) ? null : all.flatMap((one) => one ?? []);
          if (reads === null || after.get(name) === values || reads.includes(`${table}\t${column}`)) continue;
          found.push(`${name} changes with ${table}.${column}`);
        }
      }
      await restore(table);
    }
  }
  return found;
}

it('names every column that changes an output of the queries people write', async () => {
  await fill(7);
  const wrong: Record<string, readonly string[]> = {};
  for (const { what, sql } of LINEAGE_CASES) {
    if (sql.includes('read_csv')) continue;
    const found = await missed(sql, 3);
    if (found.length > 0) wrong[what] = found;
  }
  expect(wrong).toEqual({});
}, 120_000);

it(`names every column that changes an output of random queries (SEED=${SEED})`, async () => {
  const random = seededRandom(SEED);
  let told = 0;
  let asked = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const sql = randomQuery(random);
    await fill(SEED + round);
    // The generator knows the engine's grammar, not each of its refusals.
    if (!(await isAccepted(sql))) continue;
    asked += 1;
    expect(await missed(sql, 1), sql).toEqual([]);
    const lineage = (await analyzer.analyze(sql, COLUMNS)).lineage;
    if (lineage !== null && readsOf(lineage, 'x') !== null && readsOf(lineage, 'y') !== null) told += 1;
  }
  // To answer "it cannot be told" would always be right, and of no use.
  expect(told / asked).toBeGreaterThan(0.95);
  expect(asked / ROUNDS).toBeGreaterThan(0.8);
}, 240_000);
