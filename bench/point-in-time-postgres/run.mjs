// The point-in-time join on Postgres beside the LATERAL join that one writes by hand for the same tables, with the same index, into a Parquet
// file: 1 M spine rows, 10 M feature rows of 10 features. Both take turns; their answers are compared row by row.
// Arguments: [SPINE ROWS] [FEATURE ROWS] [--rounds=N]. On the server of MLOPS_BENCH_POSTGRES_URL, a database that may be filled; default: an embedded
// one. Takes about half an hour with one round of each (the default), and 12 GB of disk; with 100000 1000000 a few minutes.
import { createWriteStream, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { createLocalTables } from '../../dist/stores/duckdb/local-tables.js';
import { addPart, ensureSetTable, tableOf } from '../../dist/stores/postgres/offline/parts.js';
import { createPostgresOffline } from '../../dist/stores/postgres/offline/postgres-offline.js';
import { openWarehouse } from '../../dist/stores/postgres/offline/warehouse.js';
import { acquireEmbeddedPostgres } from '../../dist/stores/postgres/server/embedded.js';
import { CASES, FEATURES, makeData, TTL_DAYS } from '../point-in-time/data.mjs';
import { median, report } from '../support/measure.mjs';

const [spineRows = 1_000_000, featureRows = 10_000_000] = process.argv
  .slice(2)
  .filter((word) => !word.startsWith('-'))
  .map(Number);
const ROUNDS = Number(process.argv.find((word) => word.startsWith('--rounds='))?.slice('--rounds='.length) ?? 1);
/** Without the case of rows that became known late: one does not write that by hand in a line. */
const cases = CASES.filter(({ name }) => name !== 'late');
const SCHEMA = 'mlops:bench:pit';
const signal = new AbortController().signal;
const folder = mkdtempSync(join(tmpdir(), 'mlops-bench-'));
const given = process.env.MLOPS_BENCH_POSTGRES_URL;
const server = given === undefined ? await acquireEmbeddedPostgres({ dir: join(folder, '.mlops') }) : undefined;
const connectionString = given ?? server.connectionString;
const store = createPostgresOffline(
  { connectionString, schema: SCHEMA },
  createLocalTables({ directory: join(folder, 'local') }),
);
const warehouse = openWarehouse({ connectionString, schema: SCHEMA });
const setName = (name) => `sets/${name}/v1`;

/** The rows of a case as one part, as a materialization lays them out. */
async function load(connection, name) {
  const path = join(folder, 'rows.csv');
  const plan = {
    keys: [{ name: 'id', type: 'int64' }],
    features: FEATURES.map((feature) => ({ name: feature, dtype: 'float64', column: feature })),
  };
  await warehouse.job(signal, async (session) => {
    const table = await ensureSetTable(warehouse, session, plan, setName(name));
    for (const [at, file] of readdirSync(join(folder, name)).sort().entries()) {
      const location = `${setName(name)}/${at}`;
      const id = await addPart(warehouse, session, { location, table: `set_${name}_v1`, rows: 0, bytes: 0 });
      await connection.run(
        `copy (select ${id}, id, __event_time, __created_time, __sequence, __row, ${FEATURES.join(', ')} from '${join(folder, name, file)}') to '${path}' (header false)`,
      );
      await session.copyIn(table, path);
    }
    await session.run(`vacuum analyze ${table}`);
  });
}

async function loadSpine(connection) {
  const path = join(folder, 'spine.csv');
  await connection.run(`copy (select n, id, t from '${join(folder, 'spine.parquet')}') to '${path}' (header false)`);
  await warehouse.job(signal, async (session) => {
    await session.run('drop table if exists spine; create table spine (n bigint, id bigint, t timestamp)');
    await session.copyIn('spine', path);
    await session.run('analyze spine');
  });
}

const files = (who) => join(folder, `${who}.parquet`);

/** Straight into a file on this machine, as one would with `psql`, and made Parquet by DuckDB. */
async function byHand(connection, { name, ttl }) {
  const path = join(folder, 'hand.csv');
  const young = ttl ? `and f.__event_time >= s.t - interval '${TTL_DAYS} days'` : '';
  const select = `select s.n, s.id, s.t, ${FEATURES.map((feature) => `r.${feature}`).join(', ')} from spine s left join lateral
    (select ${FEATURES.join(', ')} from ${tableOf(warehouse, setName(name))} f where f.id = s.id and f.__event_time <= s.t ${young}
      order by f.__event_time desc, f.__created_time desc nulls last, f.__sequence desc, f.__row desc limit 1) r on true`;
  const out = createWriteStream(path);
  await warehouse.job(signal, (session) =>
    session.copyOut(
      select,
      (chunk) => new Promise((resolve, reject) => out.write(chunk, (error) => (error ? reject(error) : resolve()))),
    ),
  );
  await new Promise((resolve) => out.end(resolve));
  const columns = Object.fromEntries([
    ['n', 'BIGINT'],
    ['id', 'BIGINT'],
    ['t', 'TIMESTAMP'],
    ...FEATURES.map((feature) => [feature, 'DOUBLE']),
  ]);
  const struct = Object.entries(columns)
    .map(([column, type]) => `'${column}': '${type}'`)
    .join(', ');
  await connection.run(
    `copy (select * from read_csv('${path}', header = false, columns = {${struct}}) order by n) to '${files('hand')}' (format parquet)`,
  );
}

async function ours({ name, ttl }) {
  const stored = FEATURES.map((feature) => ({ name: feature, dtype: 'float64', column: feature }));
  const parts = readdirSync(join(folder, name)).map((_, at) => `${setName(name)}/${at}`);
  const { path } = await store.join(
    {
      spine: { query: `select * from spine order by n`, inputs: {}, time: 't' },
      sets: [
        {
          address: 'feature_set.bench',
          parts,
          keys: [{ name: 'id', type: 'int64' }],
          ttlMicros: ttl ? BigInt(TTL_DAYS) * 86_400_000_000n : null,
          asKnownAtSpine: false,
          stored,
          computed: [],
          output: FEATURES.map((feature) => ({ feature, dtype: 'float64', column: feature })),
        },
      ],
      split: null,
    },
    signal,
  );
  renameSync(path, files('ours'));
}

async function differences(connection) {
  const columns = ['n', 'id', 't', ...FEATURES];
  const same = columns.map((column) => `a.${column} is not distinct from b.${column}`).join(' and ');
  const reader = await connection.runAndReadAll(
    `select count(*) filter (not coalesce(${same}, false)) as n, count(*) as rows, count(a.f0) as found
       from '${files('ours')}' a full join '${files('hand')}' b on a.n = b.n`,
  );
  const [row] = reader.getRowObjectsJS();
  if (Number(row.rows) !== spineRows) throw new Error(`${row.rows} rows instead of ${spineRows}`);
  return { different: Number(row.n), found: Number(row.found) };
}

const seconds = async (body) => {
  const begun = performance.now();
  await body();
  return (performance.now() - begun) / 1000;
};

const peakMb = () => Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? Number.NaN) / 1024;

try {
  const instance = await DuckDBInstance.create(':memory:', {
    memory_limit: '1GiB',
    temp_directory: join(folder, 'spill'),
  });
  const connection = await instance.connect();
  await makeData(connection, folder, { spineRows, featureRows, cases });
  await store.describeQuery('select 1 as one', {});
  await loadSpine(connection);
  for (const one of cases) {
    const loading = await seconds(() => load(connection, one.name));
    report(`Postgres, ${one.title}: loaded`, featureRows / loading, 'rows/s', {
      beside: `${loading.toFixed(0)} s, index included`,
    });
    const hand = [];
    const own = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      hand.push(await seconds(() => byHand(connection, one)));
      own.push(await seconds(() => ours(one)));
    }
    const { different, found } = await differences(connection);
    if (different > 0) {
      process.exitCode = 1;
      console.log(`${one.title}: ${different} ROWS DIFFER`);
    }
    report(`Postgres, ${one.title}: by hand`, median(hand), 's');
    report(`Postgres, ${one.title}: ours`, median(own), 's', {
      beside: `${(median(own) / median(hand)).toFixed(2)} x; ${found} of ${spineRows} rows with an answer, all equal`,
    });
  }
  report('  most memory of this process', peakMb(), 'MB');
  connection.closeSync();
  instance.closeSync();
} finally {
  await warehouse.job(signal, (session) => session.run(`drop schema if exists "${SCHEMA}" cascade`)).catch(() => {});
  await warehouse.close();
  await store.close();
  await server?.release();
  rmSync(folder, { recursive: true, force: true });
}
