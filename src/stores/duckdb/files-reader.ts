/** The files of a source as relations: which they are, what columns they have together, how some of them are read as one. */
import { resolve } from 'node:path';
import { digestOf } from '../../lib/canonical.ts';
import type { CanonicalSource } from '../../spec/canonical-specs.ts';
import type { Column } from '../../spec/column.ts';
import { type SourceFile, sourceFiles } from '../../spec/source-files.ts';
import type { Session } from './engine.ts';
import { type KnownColumn, partitionTypes, withFile } from './file-types.ts';
import {
  columnsOf,
  type FileFormat,
  fileRelation,
  formatOf,
  typedAs,
  unreadable,
  withDeclared,
} from './source-relation.ts';
import { ident, list, sqlType } from './sql.ts';

/** Looked at for the columns of a source; they are spread over all files, the first and the last among them. */
const DESCRIBED = 200;

/** FS204 where no file matches, and where one is of another format. */
export function matchingFiles(
  source: CanonicalSource,
  root: string,
): { readonly files: readonly SourceFile[]; readonly format: FileFormat } {
  const files = sourceFiles(root, source.file ?? '');
  const [first] = files;
  if (first === undefined) {
    throw unreadable(
      source,
      `No file matches ${source.file}.`,
      'globs are relative to the project root; hidden files, node_modules and symbolic links are left out',
    );
  }
  const format = formatOf(source, first.path);
  const other = files.find(({ path }) => formatOf(source, path) !== format);
  if (other !== undefined) {
    throw unreadable(
      source,
      `${other.path} is ${formatOf(source, other.path)}, but ${first.path} is ${format}.`,
      'give a glob that matches files of one format, or say which with `format`',
    );
  }
  return { files, format };
}

/** Columns as the files together have them. */
export async function describeFiles(
  session: Session,
  source: CanonicalSource,
  root: string,
): Promise<readonly Column[]> {
  const { files, format } = matchingFiles(source, root);
  const looked = files.filter(
    (_, at) =>
      files.length <= DESCRIBED ||
      Math.floor((at * (DESCRIBED - 1)) / (files.length - 1)) !==
        Math.floor(((at - 1) * (DESCRIBED - 1)) / (files.length - 1)),
  );
  const reader = readerOf(source, root, files, format);
  const known = await reader.known(session, [], looked);
  return columnsOf(session, await reader.select(session, looked, known));
}

export interface FilesReader {
  /** Digest of how the files are read. */
  readonly reading: string;
  /** What is known with the columns of these files. */
  known(
    session: Session,
    before: readonly KnownColumn[],
    files: readonly SourceFile[],
  ): Promise<readonly KnownColumn[]>;
  select(session: Session, files: readonly SourceFile[], known: readonly KnownColumn[]): Promise<string>;
}

export function readerOf(
  source: CanonicalSource,
  root: string,
  files: readonly SourceFile[],
  format: FileFormat,
): FilesReader {
  const partitions = partitionTypes(
    source,
    files.map(({ path }) => path),
  );
  const declared = new Map(
    Object.entries(source.types ?? {})
      .filter(([name]) => partitions[name] === undefined)
      .map(([name, type]) => [name.toLowerCase(), type]),
  );
  const relation: Relation = (some, types = {}) =>
    fileRelation(
      source,
      some.map(({ path }) => resolve(root, path)),
      { partitions, types },
      format,
    );
  /** With the types that are declared: their columns are never retyped. */
  const typed = async (session: Session, some: readonly SourceFile[]): Promise<string> => {
    if (declared.size === 0) return relation(some);
    const there = await columnsOf(session, `select * from ${relation(some)}`);
    const told = there.flatMap(({ name }) => {
      const type = declared.get(name.toLowerCase());
      return type === undefined ? [] : [{ name, type }];
    });
    // The engine refuses types of columns that are not there.
    if (format === 'csv')
      return relation(some, Object.fromEntries(told.map(({ name, type }) => [name, sqlType(type)])));
    if (told.length === 0) return relation(some);
    const casts = told.map(({ name, type }) => `${typedAs(ident(name), type)} as ${ident(name)}`);
    return `(select * replace (${list(casts)}) from ${relation(some)})`;
  };
  const { nulls, delimiter, types, columns } = source;
  return {
    reading: digestOf({ format, nulls, delimiter, types, columns, partitions }),
    known: async (session, before, some) => {
      let known = before;
      for (const file of some) known = await withFile(session, source, known, file.path, await typed(session, [file]));
      return known;
    },
    select: async (session, some, known) => {
      const base = await typed(session, some);
      const there = await columnsOf(session, `select * from ${base}`);
      const selected = there.map(({ name, type }) => {
        const as = known.find((column) => column.name.toLowerCase() === name.toLowerCase());
        return as === undefined || (as.type === type && as.name === name)
          ? ident(name)
          : `${ident(name)}::${as.type} as ${ident(as.name)}`;
      });
      return withDeclared(session, source, `(select ${list(selected)} from ${base})`);
    },
  };
}

type Relation = (files: readonly SourceFile[], types?: Readonly<Record<string, string>>) => string;
