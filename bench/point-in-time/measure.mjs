// One join in a process of its own: `node measure.mjs ours|hand CASE FOLDER OUT MEMORY_MB`. Prints what it took as JSON.
import { readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { createDuckdbOffline } from '../../dist/stores/duckdb/duckdb-offline.js';
import { CASES, FEATURES, TTL_DAYS } from './data.mjs';

const [who, name, folder, out, memoryMb] = process.argv.slice(2);
const { ttl } = CASES.find((one) => one.name === name);

/** As one writes it by hand for these tables, with the answer in the spine's order. */
function handSql() {
  const rows = `read_parquet('${join(folder, name, '*.parquet')}')`;
  const last = `select * from ${rows} qualify row_number() over (partition by id, __event_time order by __created_time desc nulls last, __sequence desc, __row desc) = 1`;
  const known = `select *, __seen as __from from (
      select *, max(__event_time) over w as __newest, lead(__seen) over w as __next from (select *, greatest(__event_time, __created_time) as __seen from ${rows} where __created_time is not null)
      window w as (partition by id order by __seen, __event_time, __created_time, __sequence, __row rows unbounded preceding))
    where __event_time >= __newest and (__next is null or __next > __seen)`;
  const from = { unique: rows, ties: `(${last})`, late: `(${known})` }[name];
  const young = `f.__event_time >= s.t - interval ${TTL_DAYS} days`;
  const values = FEATURES.map((feature) =>
    ttl ? `case when ${young} then f.${feature} end as ${feature}` : `f.${feature}`,
  );
  return `copy (select s.*, ${values.join(', ')} from read_parquet('${join(folder, 'spine.parquet')}') s
    asof left join ${from} f on s.id = f.id and s.t >= f.${name === 'late' ? '__from' : '__event_time'} order by s.n) to '${out}' (format parquet)`;
}

async function byHand() {
  const limit = memoryMb === 'none' ? {} : { memory_limit: `${memoryMb}MiB` };
  const instance = await DuckDBInstance.create(':memory:', { temp_directory: join(folder, 'spill'), ...limit });
  const connection = await instance.connect();
  return async () => {
    await connection.run(handSql());
  };
}

async function ours() {
  const store = createDuckdbOffline({ directory: folder, memoryLimitBytes: Number(memoryMb) * 2 ** 20 });
  await store.tablesOf('select 1');
  const stored = FEATURES.map((feature) => ({ name: feature, dtype: 'float64', column: feature }));
  const request = {
    spine: { query: 'select * from spine', inputs: { spine: 'spine.parquet' }, time: 't' },
    sets: [
      {
        address: 'feature_set.bench',
        parts: readdirSync(join(folder, name))
          .sort()
          .map((file) => `${name}/${file}`),
        keys: [{ name: 'id', type: 'int64' }],
        ttlMicros: ttl ? BigInt(TTL_DAYS) * 86_400_000_000n : null,
        asKnownAtSpine: name === 'late',
        stored,
        computed: [],
        output: FEATURES.map((feature) => ({ feature, dtype: 'float64', column: feature })),
      },
    ],
    split: null,
  };
  return async () => {
    const { path } = await store.join(request, new AbortController().signal);
    renameSync(path, out);
  };
}

const run = await (who === 'ours' ? ours() : byHand());
const before = process.cpuUsage();
const begun = performance.now();
await run();
const wallSeconds = (performance.now() - begun) / 1000;
const cpu = process.cpuUsage(before);
const peak =
  process.platform === 'linux' ? /VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] : undefined;
console.log(
  JSON.stringify({
    wallSeconds,
    cpuSeconds: (cpu.user + cpu.system) / 1e6,
    peakMb: peak === undefined ? null : Number(peak) / 1024,
  }),
);
process.exit(0);
