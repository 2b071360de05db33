// The data of the bench: a spine, and feature rows in parts as a materialization lays them out (100,000 rows a file, by event time).
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

export const FEATURES = Array.from({ length: 10 }, (_, index) => `f${index}`);
export const TTL_DAYS = 30;
const KEYS = 10_000;
const PART_ROWS = 100_000;
const YEAR_SECONDS = 31_536_000;
const START = "timestamp '2024-01-01'";

/**
 * `unique`: no two rows of a key share an event time. `ties`: a tenth of the rows correct the row before, under its event time. `late`: the
 * same, and each row became known up to a day after it happened, a few before.
 */
export const CASES = [
  { name: 'unique', title: 'no ttl, no ties', ttl: false, created: 'null::timestamp', limit: 1.2 },
  { name: 'ties', title: 'ttl and ties', ttl: true, created: 'null::timestamp', limit: 1.6 },
  {
    name: 'late',
    title: 'ttl, ties, as known then',
    ttl: true,
    created: '__event_time + to_seconds((hash(i, 3) % 90000)::bigint - 3600)',
    limit: 1.6,
  },
];

export async function makeData(connection, folder, { spineRows, featureRows, cases = CASES }) {
  const every = YEAR_SECONDS / featureRows;
  const at = (row) => `${START} + to_microseconds(((${row}) * ${every} * 1000000)::bigint)`;
  const values = FEATURES.map((name, index) => `(hash(i, ${index + 10}) % 1000000)::double / 1000 as ${name}`);
  for (const { name, created } of cases) {
    mkdirSync(join(folder, name), { recursive: true });
    const original = name === 'unique' ? 'i' : 'i - (i % 10 = 9)::bigint';
    await connection.run(
      `create or replace temp table rows as select *, ${created} as __created_time from (
         select i, (hash(${original}, 1) % ${KEYS})::bigint as id, ${at(original)} as __event_time, ${values.join(', ')} from (select range as i from range(${featureRows})))`,
    );
    for (let from = 0, part = 1; from < featureRows; from += PART_ROWS, part += 1) {
      await connection.run(
        `copy (select id, __event_time, __created_time, ${FEATURES.join(', ')}, ${part}::bigint as __sequence, row_number() over () - 1 as __row
           from (select * from rows where i >= ${from} and i < ${from + PART_ROWS} order by __event_time, __created_time nulls first, id, i))
         to '${join(folder, name, `${String(part).padStart(5, '0')}.parquet`)}' (format parquet, compression zstd, row_group_size 65536)`,
      );
    }
  }
  await connection.run(
    `copy (select range as n, (hash(range, 5) % ${KEYS})::bigint as id, ${START} + to_microseconds((hash(range, 6) % ${YEAR_SECONDS}000000)::bigint) as t from range(${spineRows}))
       to '${join(folder, 'spine.parquet')}' (format parquet)`,
  );
}
