/** The embedded engine beside a store on a server: see the port. Nothing stays in `directory`, where rows spill and pass through. */
import { randomUUID } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { invariant } from '../../lib/assert.ts';
import type { Column } from '../../spec/column.ts';
import type { LocalTables, TextTable } from '../local-tables.ts';
import type { JoinedFile, JoinedSet, JoinRequest } from '../offline-join.ts';
import type { RowPlan } from '../offline-rows.ts';
import type { Answers } from './answers.ts';
import { checkStaged, checkTyped, rejectedRows } from './check.ts';
import { type DuckdbOfflineOptions, offlineOn } from './duckdb-offline.ts';
import { createEngine, type Engine, type Session } from './engine.ts';
import { writeTable } from './files.ts';
import { newFiles } from './files-text.ts';
import { writeJoined } from './join.ts';
import { CREATED_TIME, EVENT_TIME, featureColumn, keyColumn, ROW, SEQUENCE } from './part-columns.ts';
import { profileStored } from './profile.ts';
import { copyFile } from './snapshot.ts';
import { createSpine, spineKey } from './spine.ts';
import { ident, list, literal, sqlType } from './sql.ts';
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
    columnBatches: store.columnBatches,
    widen: store.widen,
    scratchFile,
    readFile: async (source, root, lastDigest, signal, from) => {
      const copied = await copyFile(engine, source, root, lastDigest, signal);
      if (copied === undefined) return undefined;
      const path = await scratchFile('csv');
      const { digest, rows } = copied;
      const columns = [{ name: 'file_row_number', type: 'BIGINT' }, ...copied.columns];
      const all = `read_parquet(${literal(copied.path)}, file_row_number = true)`;
      const by = copied.columns.find(({ name }) => name === from?.column);
      const rest =
        from === undefined || by === undefined
          ? all
          : `(select * from ${all} where ${ident(by.name)} >= ${literal(from.from)}::${by.type} or ${ident(by.name)} is null)`;
      try {
        await engine.job(signal, (session) => writeText(session, rest, columns, path));
        return { path, columns, digest, rows };
      } finally {
        await rm(copied.path, { force: true });
      }
    },
    newFiles: (source, root, last, signal) => newFiles(engine, source, root, last, signal),
    writeParquet: async (rows, signal) => {
      const path = await scratchFile('parquet');
      await engine.job(signal, (session) =>
        session.serially(() => writeTable(session, `select * from ${textRelation(rows)}`, path)),
      );
      return path;
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
    profile: store.profile,
    profileRows: (request, path, signal) => {
      const { of } = request;
      invariant('keys' in of, 'rows of parts have keys');
      const columns = partColumns(of, [
        { name: SEQUENCE, type: 'BIGINT' },
        { name: ROW, type: 'BIGINT' },
      ]);
      return engine.job(signal, async (session) => {
        await session.run(`create temp table __rows as select * from ${textRelation({ path, columns })}`);
        return profileStored(session, '__rows', request, of);
      });
    },
    judge: async (plan, staged, duplicates, signal) => {
      const columns = [{ name: POSITION, type: 'BIGINT' }, ...partColumns(plan, [])];
      const path = await scratchFile('jsonl');
      return engine.job(signal, async (session) => {
        await session.run(
          `create temp table __staged as select * from ${textRelation({ path: staged.path, columns })} order by ${POSITION}`,
        );
        if (duplicates !== undefined)
          await session.run(
            `create temp table __typed as select * from ${textRelation({ path: duplicates, columns })} order by ${POSITION}`,
          );
        const judged = await checkStaged(session, plan, staged.rows, 'select rowid from __typed');
        await writeRejected(session, plan, judged.rejected, path);
        return { failures: judged.failures, rejected: judged.rejected, path };
      });
    },
    join: (request, spine, answer, signal) => joinAnswers(engine, directory, request, spine, answer, signal),
    close: store.close,
  };
}

const typedColumns = (plan: RowPlan): readonly Column[] => partColumns(plan, [{ name: ROW, type: 'BIGINT' }]);

function partColumns(plan: Pick<RowPlan, 'keys' | 'features'>, between: readonly Column[]): readonly Column[] {
  const bare = (ident: string): string => ident.slice(1, -1).replaceAll('""', '"');
  return [
    ...plan.keys.map((key) => ({ name: bare(keyColumn(key)), type: sqlType(key.type).toUpperCase() })),
    { name: EVENT_TIME, type: 'TIMESTAMP' },
    { name: CREATED_TIME, type: 'TIMESTAMP' },
    ...between,
    ...plan.features.map((feature) => ({
      name: bare(featureColumn(plan.keys, feature)),
      type: sqlType(feature.dtype).toUpperCase(),
    })),
  ];
}

const REJECTED_AT_ONCE = 5_000;

async function writeRejected(session: Session, plan: RowPlan, rejected: number, path: string): Promise<void> {
  const file = await open(path, 'w');
  try {
    for (let from = 0; from < rejected; from += REJECTED_AT_ONCE) {
      const rows = await rejectedRows(session, plan, from, REJECTED_AT_ONCE);
      const lines = rows.map((row) =>
        JSON.stringify(
          {
            ...row,
            eventTime: String(row.eventTime),
            createdTime: row.createdTime === null ? null : String(row.createdTime),
          },
          (_, value: unknown) => (typeof value === 'bigint' || isNoJsonNumber(value) ? String(value) : value),
        ),
      );
      await file.appendFile(`${lines.join('\n')}\n`);
    }
  } finally {
    await file.close();
  }
}

function isNoJsonNumber(value: unknown): boolean {
  return typeof value === 'number' && !Number.isFinite(value);
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
