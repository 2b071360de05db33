/**
 * One type for each column over many files. A file may have columns more or fewer, whole numbers where another has decimals, dates where
 * another has times, and nothing at all where another has values. Anything else is a column that was retyped: an error that
 * names the file, because the engine would make text of both without a word.
 */
import type { MlopsError } from '../../lib/error.ts';
import type { CanonicalSource } from '../../spec/canonical-specs.ts';
import type { Column } from '../../spec/column.ts';
import { partitionsOf } from '../../spec/source-files.ts';
import type { Session } from './engine.ts';
import { columnsOf, unreadable } from './source-relation.ts';
import { ident, list, sqlType } from './sql.ts';

/** A column as the files before had it. */
export interface KnownColumn extends Column {
  /** The first file that has a value in it; null where none has. */
  readonly file: string | null;
}

/** `relation` reads the one file. What is known stays as it was; the answer is what is known with it. */
export async function withFile(
  session: Session,
  source: CanonicalSource,
  known: readonly KnownColumn[],
  file: string,
  relation: string,
): Promise<readonly KnownColumn[]> {
  const there = await columnsOf(session, `select * from ${relation}`);
  const byName = new Map(known.map((column) => [column.name.toLowerCase(), column]));
  // Of a column that is known to be text it makes no difference.
  const empty = await emptyAmong(
    session,
    relation,
    there.filter(({ name, type }) => {
      const before = byName.get(name.toLowerCase());
      return before === undefined || before.file === null || before.type !== type;
    }),
  );
  for (const column of there) {
    const key = column.name.toLowerCase();
    const before = byName.get(key);
    const from = empty.has(column.name) ? null : file;
    if (before === undefined) byName.set(key, { ...column, file: from });
    else if (from !== null && before.file === null)
      byName.set(key, { name: before.name, type: column.type, file: from });
    else if (from !== null && before.type !== column.type) {
      const type = await commonType(session, before.type, column.type);
      if (type === undefined) throw retyped(source, before, column, file);
      byName.set(key, { ...before, type });
    }
  }
  return [...byName.values()];
}

/** Columns that are detected as text or JSON because there is no value in them. */
async function emptyAmong(
  session: Session,
  relation: string,
  columns: readonly Column[],
): Promise<ReadonlySet<string>> {
  const asked = columns.filter(({ type }) => type === 'VARCHAR' || type === 'JSON');
  if (asked.length === 0) return new Set();
  const [counts] = await session.rows<Record<string, bigint>>(
    `select ${list(asked.map(({ name }, at) => `count(${ident(name)}) as n${at}`))} from ${relation}`,
  );
  return new Set(asked.filter((_, at) => counts?.[`n${at}`] === 0n).map(({ name }) => name));
}

const NUMBER = /^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL\(.*\))$/;
const TIME = /^(DATE|TIMESTAMP.*)$/;

/** The type that holds both; undefined where they are of different kinds. */
async function commonType(session: Session, one: string, other: string): Promise<string | undefined> {
  const [a = one, b = other] = [one, other].map((type) => type.replace(/\[\d*\]$/, ''));
  const lists = [one, other].map((type) => /\[\d*\]$/.test(type));
  if (lists[0] !== lists[1]) return undefined;
  const alike = [NUMBER, TIME].some((kind) => kind.test(a) && kind.test(b));
  if (!alike && !(lists[0] && a === b)) return undefined;
  const [row] = await session.rows<{ type: string }>(`select typeof(coalesce(null::${a}, null::${b})) as type`);
  return row === undefined ? undefined : `${row.type}${lists[0] ? '[]' : ''}`;
}

function retyped(source: CanonicalSource, before: KnownColumn, column: Column, file: string): MlopsError {
  return unreadable(
    source,
    `The column ${column.name} is ${column.type} in ${file}, but ${before.type} in ${before.file}.`,
    `correct the file, or declare the type of all: types: { ${column.name}: 'string' }`,
  );
}

/**
 * Columns whose values stand in the paths, with a type that all values have: whole numbers, dates, times, else text. FS204 where a
 * file lies beside the partitions.
 */
export function partitionTypes(source: CanonicalSource, files: readonly string[]): Readonly<Record<string, string>> {
  const values = new Map<string, Set<string>>();
  const [first = ''] = files;
  const names = Object.keys(partitionsOf(first)).join(', ');
  for (const file of files) {
    const partitions = partitionsOf(file);
    if (Object.keys(partitions).join(', ') !== names) {
      throw unreadable(
        source,
        `${file} ${describe(Object.keys(partitions).join(', '))}, but ${first} ${describe(names)}.`,
        'give the files of one source the same partitions, or a glob that matches only some of them',
      );
    }
    for (const [name, value] of Object.entries(partitions))
      values.set(name, (values.get(name) ?? new Set()).add(value));
  }
  return Object.fromEntries(
    [...values].map(([name, found]) => {
      const declared = source.types?.[name];
      return [
        name,
        declared === undefined ? typeOf([...found].filter((value) => value !== NOTHING)) : sqlType(declared),
      ];
    }),
  );
}

/** How Hive writes a null. */
const NOTHING = '__HIVE_DEFAULT_PARTITION__';

function describe(names: string): string {
  return names === '' ? 'is in no partition' : `is partitioned by ${names}`;
}

function typeOf(values: readonly string[]): string {
  const all = (pattern: RegExp): boolean => values.length > 0 && values.every((value) => pattern.test(value));
  // A zero in front is part of an identifier.
  if (all(/^-?(0|[1-9]\d{0,17})$/)) return 'BIGINT';
  if (all(/^\d{4}-\d{2}-\d{2}$/)) return 'DATE';
  return all(/^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?$/) ? 'TIMESTAMP' : 'VARCHAR';
}
