/**
 * The point-in-time join. For each spine row (keys, t): the row with the greatest event time ≤ t among those with event
 * time ≥ t − ttl and, where asked, created time ≤ t; ties go to the greatest created time, then to the row ingested last.
 * `spine.ts` makes the spine's tables, `answers.ts` those of each set; here they become one file, in the spine's order.
 */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { MlopsError } from '../../lib/error.ts';
import type { Column } from '../../spec/column.ts';
import type { JoinedFile, JoinedSet, JoinRequest } from '../offline-join.ts';
import { type Answers, createAnswers } from './answers.ts';
import { type Readable, withComputed } from './computed.ts';
import { type Engine, messageOf, type Session } from './engine.ts';
import { fileOf, writeOrdered } from './files.ts';
import { createSpine, createSplit } from './spine.ts';
import { ident, list, literal, sqlType } from './sql.ts';

export async function pointInTimeJoin(
  engine: Engine,
  root: string,
  request: JoinRequest,
  signal: AbortSignal,
): Promise<JoinedFile> {
  return engine.job(signal, async (session) => {
    const spine = await createSpine(session, root, request);
    return writeJoined(engine, session, request, spine, signal, (set, index, rows) => {
      const paths = set.parts.map((location) => fileOf(root, location));
      return paths.length === 0 ? noAnswers(set) : createAnswers(session, set, index, paths, { rows });
    });
  });
}

export function noAnswers(set: JoinedSet): Answers {
  return { join: '', values: set.stored.map((feature) => `null::${sqlType(feature.dtype)}`) };
}

/** What the spine's tables and the answers of each set make. */
export async function writeJoined(
  engine: Engine,
  session: Session,
  request: JoinRequest,
  spineColumns: readonly Column[],
  signal: AbortSignal,
  answersOf: (set: JoinedSet, index: number, rows: number) => Answers | Promise<Answers>,
): Promise<JoinedFile> {
  const path = join(await engine.scratch(), `${randomUUID()}.parquet`);
  const [spine] = await session.rows<{ rows: bigint }>('select count(*) as rows from __spine');
  const rows = Number(spine?.rows ?? 0n);
  const outputs = new Map<string, string>();
  const joins: string[] = [];
  for (const [index, set] of request.sets.entries()) {
    const joined = await Promise.resolve(answersOf(set, index, rows))
      .then((answers) => joinSet(session, set, index, answers))
      .catch((error: unknown) => {
        if (error instanceof MlopsError || signal.aborted) throw error;
        throw new MlopsError('FS205', {
          address: set.address,
          detail: `The join with ${set.address} failed. ${messageOf(error)}`,
          cause: error,
        });
      });
    joins.push(joined.join);
    for (const [column, value] of joined.columns) outputs.set(column, value);
  }
  if (request.split !== null) {
    await createSplit(session, request.split, spineColumns);
    joins.push('join __split_sides p on p.__n = s.rowid');
  }
  const order = request.columns ?? [...outputs.keys()];
  const select = [
    ...spineColumns.map((column) => `s.${ident(column.name)}`),
    ...order.map((column) => `${outputs.get(column) ?? 'null'} as ${ident(column)}`),
    ...(request.split === null ? [] : ['p.__split']),
  ];
  await writeOrdered(session, `select ${list(select)} from __spine s ${joins.join(' ')} order by s.rowid`, path);
  const testRows = request.split === null ? 0 : await countTest(session, path);
  return { path, rows, testRows, trainRows: rows - testRows };
}

async function countTest(session: Session, path: string): Promise<number> {
  const [counted] = await session.rows<{ test: bigint }>(
    `select count(*) filter (__split = 'test') as test from read_parquet(${literal(path)})`,
  );
  return Number(counted?.test ?? 0n);
}

/** The join that gives a set's output columns beside `__spine s`, and what each column is there. */
async function joinSet(
  session: Session,
  set: JoinedSet,
  index: number,
  answers: Answers,
): Promise<{ readonly join: string; readonly columns: ReadonlyMap<string, string> }> {
  const readable = new Map<string, Readable>(
    set.stored.map((feature, at) => [feature.name, { dtype: feature.dtype, column: answers.values[at] ?? 'null' }]),
  );
  if (set.computed.length === 0) return { join: answers.join, columns: columnsOf(set, readable) };
  // An expression sees each spine row, those without an answer too.
  const stored = new Map<string, Readable>(
    set.stored.map((feature, at) => [feature.name, { dtype: feature.dtype, column: `v${at}` }]),
  );
  const values = answers.values.map((value, at) => `${value} as v${at}`);
  const relation = `(select ${list(['s.rowid as __n', ...values])} from __spine s ${answers.join})`;
  const computed = await withComputed(session, relation, set.computed, stored);
  const output = [...columnsOf(set, stored)].map(([column, value]) => `${value} as ${ident(column)}`);
  await session.run(`create temp table __computed_set_${index} as select ${list(['__n', ...output])} from ${computed}`);
  return {
    join: `join __computed_set_${index} c${index} on c${index}.__n = s.rowid`,
    columns: new Map(set.output.map(({ column }) => [column, `c${index}.${ident(column)}`])),
  };
}

function columnsOf(set: JoinedSet, readable: ReadonlyMap<string, Readable>): ReadonlyMap<string, string> {
  return new Map(set.output.map(({ feature, column }) => [column, readable.get(feature)?.column ?? 'null']));
}
