/** The embedded engine beside a store on a server: see the port. Nothing stays in `directory`, where rows spill and pass through. */
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Column } from '../../spec/column.ts';
import type { LocalTables, TextTable } from '../local-tables.ts';
import type { JoinedFile, JoinedSet, JoinRequest, RowPlan } from '../offline.ts';
import type { Answers } from './answers.ts';
import { checkTyped } from './check.ts';
import { type DuckdbOfflineOptions, offlineOn } from './duckdb-offline.ts';
import { createEngine, type Engine } from './engine.ts';
import { writeJoined } from './join.ts';
import { CREATED_TIME, EVENT_TIME, featureColumn, keyColumn, ROW } from './part-columns.ts';
import { copyFile } from './snapshot.ts';
import { createSpine, spineKey } from './spine.ts';
import { list, literal, sqlType } from './sql.ts';
import { textRelation, writeText } from './text-table.ts';
import { typeRows } from './typed-rows.ts';

const POSITION = '__n';

export function createLocalTables(options: DuckdbOfflineOptions): LocalTables {
  const { directory, ...limits } = options;
  const engine = createEngine({ ...limits, tempDirectory: join(directory, 'tmp') });
  const store = offlineOn(engine, directory);
  const scratchFile = async (ending: string): Promise<string> =>
    join(await engine.scratch(), `${randomUUID()}.${ending}`);
  return {
    describe: store.describe,
    tablesOf: store.tablesOf,
    readColumns: store.readColumns,
    convert: store.convert,
    scratchFile,
    readFile: async (source, root, lastDigest, signal) => {
      const copied = await copyFile(engine, source, root, lastDigest, signal);
      if (copied === undefined) return undefined;
      const path = await scratchFile('csv');
      const { digest, rows } = copied;
      const columns = [{ name: 'file_row_number', type: 'BIGINT' }, ...copied.columns];
      try {
        await engine.job(signal, (session) =>
          writeText(session, `read_parquet(${literal(copied.path)}, file_row_number = true)`, columns, path),
        );
        return { path, columns, digest, rows };
      } finally {
        await rm(copied.path, { force: true });
      }
    },
    typeRows: async (plan, rows, signal) => {
      const path = await scratchFile('csv');
      const columns = typedColumns(plan);
      const count = await engine.job(signal, async (session) => {
        const counted = await typeRows(session, plan, { relation: textRelation(rows), position: ROW }, '__typed');
        if (plan.createdTime === null) await session.run(`alter table __typed add column ${CREATED_TIME} timestamp`);
        await writeText(session, '__typed', columns, path);
        return counted;
      });
      return { path, columns, rows: count };
    },
    check: (plan, rows, computed, expectations, signal) =>
      engine.job(signal, async (session) => {
        const count = await typeRows(session, plan, { relation: textRelation(rows), position: '0::bigint' }, '__typed');
        return checkTyped(session, plan, count, computed, expectations);
      }),
    join: (request, spine, answer, signal) => joinAnswers(engine, directory, request, spine, answer, signal),
    close: store.close,
  };
}

function typedColumns(plan: RowPlan): readonly Column[] {
  const bare = (ident: string): string => ident.slice(1, -1).replaceAll('""', '"');
  return [
    ...plan.keys.map((key) => ({ name: bare(keyColumn(key)), type: sqlType(key.type).toUpperCase() })),
    { name: EVENT_TIME, type: 'TIMESTAMP' },
    { name: CREATED_TIME, type: 'TIMESTAMP' },
    { name: ROW, type: 'BIGINT' },
    ...plan.features.map((feature) => ({
      name: bare(featureColumn(plan.keys, feature)),
      type: sqlType(feature.dtype).toUpperCase(),
    })),
  ];
}

/** The engine is free for others while the server looks for the answers. */
async function joinAnswers(
  engine: Engine,
  directory: string,
  request: JoinRequest,
  spine: TextTable | undefined,
  answer: (asking: TextTable) => Promise<TextTable>,
  signal: AbortSignal,
): Promise<JoinedFile> {
  const connection = await engine.connect();
  const passing: string[] = [];
  try {
    const asking: TextTable = {
      path: join(await engine.scratch(), `${randomUUID()}.csv`),
      columns: askingColumns(request),
    };
    passing.push(asking.path);
    const spineColumns = await engine.on(connection, signal, async (session) => {
      const rows = spine === undefined ? undefined : Promise.resolve(`select * from ${textRelation(spine)}`);
      const columns = await createSpine(session, directory, request, rows);
      await writeText(session, '__instants', asking.columns, asking.path);
      return columns;
    });
    const answers = await answer(asking);
    passing.push(answers.path);
    return await engine.on(connection, signal, async (session) => {
      const values = answers.columns.slice(1).map((_, index) => `v${index}`);
      const renamed = {
        ...answers,
        columns: answers.columns.map(({ type }, index) => ({ name: values[index - 1] ?? POSITION, type })),
      };
      await session.run(
        `create temp table __answers as select ${list([POSITION, ...values])} from ${textRelation(renamed)}`,
      );
      let before = 0;
      return writeJoined(engine, session, request, spineColumns, signal, (set, index): Answers => {
        const own = set.stored.map((_, at) => `r${index}.v${before + at}`);
        before += set.stored.length;
        return { join: `join __answers r${index} on r${index}.${POSITION} = s.rowid`, values: own };
      });
    });
  } finally {
    engine.disconnect(connection);
    for (const path of passing) await rm(path, { force: true });
  }
}

/** The columns of `__instants`: the position, each set's keys, the time. */
function askingColumns({ sets }: { readonly sets: readonly JoinedSet[] }): readonly Column[] {
  const keys = new Map(sets.flatMap((set) => set.keys.map((key) => [spineKey(key), key] as const)));
  return [
    { name: POSITION, type: 'BIGINT' },
    ...[...keys].map(([name, key]) => ({
      name: name.slice(1, -1).replaceAll('""', '"'),
      type: sqlType(key.type).toUpperCase(),
    })),
    { name: '__t', type: 'TIMESTAMP' },
  ];
}
