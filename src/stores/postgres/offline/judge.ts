/** Expectations of staged rows: judged by the engine on this machine, as for every store; what they reject is taken out here. */
import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { LocalTables } from '../../local-tables.ts';
import type { RejectedRow, RowPlan, StagedRows } from '../../offline-rows.ts';
import { CREATED_TIME, EVENT_TIME, featureColumn, keyColumn, list, sqlType, textOf } from './sql.ts';
import { writeRows } from './text-file.ts';
import type { Session } from './warehouse.ts';

type Judged = Pick<StagedRows, 'failures' | 'rejected' | 'rejectedRows'> & {
  /** Rows of `__staged` that stay, numbered from 0 without holes. */
  readonly kept: number;
  discard(): Promise<void>;
};

interface Line extends Omit<RejectedRow, 'eventTime' | 'createdTime'> {
  /** A number of `__staged`; null of a row that lost to a later one. */
  readonly n: number | null;
  readonly eventTime: string;
  readonly createdTime: string | null;
}

const AT_ONCE = 5_000;

export async function judgeStaged(
  local: LocalTables,
  session: Session,
  plan: RowPlan,
  rows: number,
  signal: AbortSignal,
): Promise<Judged> {
  const { expectations = [], rejectDuplicates = false } = plan.checks ?? {};
  if (expectations.length === 0 && !rejectDuplicates)
    return { failures: [], rejected: 0, kept: rows, rejectedRows: async function* () {}, discard: async () => {} };
  const staged = await writeRows(session, local, selectOf(plan, '__staged'), []);
  const earlier = rejectDuplicates ? await writeRows(session, local, selectOf(plan, '__earlier'), []) : undefined;
  try {
    const { failures, rejected, path } = await local.judge(plan, { path: staged.path, rows }, earlier?.path, signal);
    const kept = rejected === 0 ? rows : await takeOut(session, plan, path);
    return {
      failures,
      rejected,
      kept,
      rejectedRows: async function* () {
        for await (const lines of batches(path))
          yield lines.map(({ n: _, eventTime, createdTime, ...row }) => ({
            ...row,
            eventTime: BigInt(eventTime),
            createdTime: createdTime === null ? null : BigInt(createdTime),
          }));
      },
      discard: () => rm(path, { force: true }),
    };
  } finally {
    for (const text of [staged, earlier]) if (text !== undefined) await rm(text.path, { force: true });
  }
}

function selectOf(plan: RowPlan, table: string): string {
  const typed = [
    ...plan.keys.map((key) => textOf(keyColumn(key), sqlType(key.type))),
    EVENT_TIME,
    CREATED_TIME,
    ...plan.features.map((feature) => textOf(featureColumn(plan.keys, feature), sqlType(feature.dtype))),
  ];
  return `select __n, ${list(typed)} from ${table} order by __n`;
}

async function takeOut(session: Session, plan: RowPlan, path: string): Promise<number> {
  const columns = [
    ...plan.keys.map(keyColumn),
    EVENT_TIME,
    CREATED_TIME,
    ...plan.features.map((feature) => featureColumn(plan.keys, feature)),
  ];
  for await (const lines of batches(path)) {
    const numbers = lines.flatMap(({ n }) => (n === null ? [] : [n]));
    await session.query('delete from __staged where __n = any($1::bigint[])', [numbers]);
  }
  await session.run(
    `create temp table __kept as select row_number() over (order by __n) - 1 as __n, ${list(columns)} from __staged;
     drop table __staged; alter table __kept rename to __staged; create index on __staged (__n); analyze __staged`,
  );
  const [counted] = await session.query<{ rows: number }>('select count(*) as rows from __staged');
  return Number(counted?.rows ?? 0);
}

async function* batches(path: string): AsyncIterable<readonly Line[]> {
  let batch: Line[] = [];
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line === '') continue;
    const { n, ...row } = JSON.parse(line) as Line;
    batch.push({ ...row, n: n === null ? null : Number(n) });
    if (batch.length < AT_ONCE) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
