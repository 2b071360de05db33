// The point-in-time join beside an ASOF JOIN written by hand that gives the same answer, in the same order, from the same Parquet files to
// a Parquet file: 1 M spine rows, 10 M feature rows of 10 features, under the store's own memory limit. Both take turns; the medians count.
// Arguments: [SPINE ROWS] [FEATURE ROWS]. Takes about three minutes, and 3 GB of disk.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';
import { median, report } from '../support/measure.mjs';
import { CASES, FEATURES, makeData } from './data.mjs';

const [spineRows = 1_000_000, featureRows = 10_000_000] = process.argv
  .slice(2)
  .filter((word) => !word.startsWith('-'))
  .map(Number);
const ROUNDS = 3;
const MEMORY_MB = 1024;
/** The limit is the engine's, for its buffers; code, heap and what is being read come on top. */
const PEAK_LIMIT_MB = 1700;

const folder = mkdtempSync(join(tmpdir(), 'mlops-bench-'));

function measure(who, name, memoryMb) {
  const out = join(folder, `${who}.parquet`);
  const script = fileURLToPath(new URL('./measure.mjs', import.meta.url));
  const child = spawnSync(process.execPath, [script, who, name, folder, out, String(memoryMb)], { encoding: 'utf8' });
  if (child.status !== 0) throw new Error(`${who} ${name} ended with ${child.status}:\n${child.stderr}`);
  return JSON.parse(child.stdout);
}

/** Rows in which the two files differ, by position; both must hold the spine in its order. */
async function differences(connection) {
  const file = (who) => `read_parquet('${join(folder, `${who}.parquet`)}', file_row_number = true)`;
  const columns = ['n', 'id', 't', ...FEATURES];
  const same = columns.map((column) => `a.${column} is not distinct from b.${column}`).join(' and ');
  const reader = await connection.runAndReadAll(
    `select count(*) filter (not coalesce(${same}, false) or a.n <> a.file_row_number) as n, count(*) as rows, count(a.f0) as found
       from ${file('ours')} a full join ${file('hand')} b on a.file_row_number = b.file_row_number`,
  );
  const [row] = reader.getRowObjectsJS();
  if (Number(row.rows) !== spineRows) throw new Error(`${row.rows} rows instead of ${spineRows}`);
  return { different: Number(row.n), found: Number(row.found) };
}

const of = (runs, field) => median(runs.map((run) => run[field]));

try {
  const instance = await DuckDBInstance.create(':memory:', {
    memory_limit: '4GiB',
    temp_directory: join(folder, 'spill'),
  });
  const connection = await instance.connect();
  await makeData(connection, folder, { spineRows, featureRows });
  for (const { name, title, limit } of CASES) {
    const hand = [];
    const ours = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      hand.push(measure('hand', name, MEMORY_MB));
      ours.push(measure('ours', name, MEMORY_MB));
    }
    const { different, found } = await differences(connection);
    if (different > 0) {
      process.exitCode = 1;
      console.log(`${title}: ${different} ROWS DIFFER`);
    }
    report(`${title}: by hand`, of(hand, 'wallSeconds'), 's', {
      cpu: of(hand, 'cpuSeconds'),
      beside: `peak ${of(hand, 'peakMb').toFixed(0)} MB`,
    });
    report(`${title}: ours`, of(ours, 'wallSeconds'), 's', {
      cpu: of(ours, 'cpuSeconds'),
      beside: `peak ${of(ours, 'peakMb').toFixed(0)} MB; ${found} of ${spineRows} rows with an answer, all equal`,
    });
    report('  ours in the other', of(ours, 'wallSeconds') / of(hand, 'wallSeconds'), 'x', {
      limit,
      beside: `in CPU time ${(of(ours, 'cpuSeconds') / of(hand, 'cpuSeconds')).toFixed(2)} x`,
    });
    report('  peak memory of ours', Math.max(...ours.map(({ peakMb }) => peakMb)), 'MB', { limit: PEAK_LIMIT_MB });
  }
  const free = Array.from({ length: ROUNDS }, () => measure('hand', 'unique', 'none'));
  report('no ttl, no ties: by hand, no limit', of(free, 'wallSeconds'), 's', {
    cpu: of(free, 'cpuSeconds'),
    beside: `peak ${of(free, 'peakMb').toFixed(0)} MB`,
  });
  connection.closeSync();
  instance.closeSync();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
