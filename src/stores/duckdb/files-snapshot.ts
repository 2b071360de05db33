/**
 * A snapshot of many files. Each file is read once: what is there with the same size and time as before is not opened again. Files
 * lie together in parts; where one of a part was edited or is gone, the part is read again from its files.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { digestOf } from '../../lib/canonical.ts';
import { MlopsError } from '../../lib/error.ts';
import type { CanonicalSource } from '../../spec/canonical-specs.ts';
import type { Column } from '../../spec/column.ts';
import { type SourceFile, sourceFiles } from '../../spec/source-files.ts';
import type { Snapshot, SnapshotRequest } from '../offline.ts';
import { type Engine, messageOf, type Session } from './engine.ts';
import { type KnownColumn, partitionTypes, withFile } from './file-types.ts';
import { writeTable } from './files.ts';
import type { Manifest, ManifestPart, ReadFile } from './manifest.ts';
import {
  following,
  joinSmall,
  keepManifest,
  lastManifest,
  manifestColumns,
  writeManifest,
  writePart,
} from './snapshot-parts.ts';
import {
  columnsOf,
  type FileFormat,
  fileRelation,
  formatOf,
  typedAs,
  unreadable,
  withDeclared,
} from './source-relation.ts';
import { ident, list, literal, sqlType } from './sql.ts';

/** Of one part: an edited file costs reading these again. */
const FILES_A_PART = 200;
const BYTES_A_PART = 256 * 2 ** 20;
/** Looked at for the columns of a source; they are spread over all files, the first and the last among them. */
const DESCRIBED = 200;
const READ_ATTEMPTS = 3;

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

export async function filesSnapshot(
  engine: Engine,
  root: string,
  request: SnapshotRequest,
  signal: AbortSignal,
): Promise<Snapshot | undefined> {
  const { source } = request;
  for (let attempt = 1; ; attempt += 1) {
    const { files, format } = matchingFiles(source, request.root);
    const reader = readerOf(source, request.root, files, format);
    const last = await lastManifest(root, request.lastLocation, reader.reading);
    const plan = await whatToRead(files, last, request.root, signal);
    if (last !== undefined && plan.groups.length === 0 && plan.kept.length === last.parts.length) {
      // Touched files need not be hashed next time.
      if (plan.touched && request.lastLocation != null)
        await writeManifest(root, request.lastLocation, { ...last, parts: plan.kept });
      return undefined;
    }
    const { number, before } = following(last, request.lastDigest);
    const made = await engine
      .job(signal, async (session) => {
        let known: readonly KnownColumn[] = last?.known ?? [];
        const parts: ManifestPart[] = [...plan.kept];
        for (const group of plan.groups) {
          known = await reader.known(session, known, group);
          const read = await reader.select(session, group, known);
          parts.push({ ...(await writePart(session, root, source, read)), since: number, files: group });
        }
        const columns = await manifestColumns(session, root, parts);
        return { known, columns, parts: await joinSmall(session, root, source, { columns }, parts), all: parts };
      })
      .catch((error: unknown) => {
        signal.throwIfAborted();
        throw error instanceof MlopsError ? error : unreadable(source, messageOf(error), undefined, error);
      });
    if (!(await sameStill(plan.groups.flat(), request.root))) {
      if (attempt < READ_ATTEMPTS) continue;
      throw changing(source);
    }
    const digest = digestOf({
      reading: reader.reading,
      parts: made.all.map((part) => (part.files ?? []).map((file) => [file.path, file.digest])),
    });
    if (digest === request.lastDigest) return undefined;
    const manifest: Manifest = {
      format: 'mlops.snapshot/1',
      reading: reader.reading,
      rows: made.parts.reduce((sum, { rows }) => sum + rows, 0),
      columns: made.columns,
      known: made.known,
      parts: made.parts,
      number,
      before,
    };
    const readRows = made.all.slice(plan.kept.length).reduce((sum, { rows }) => sum + rows, 0);
    const { added, changed, gone } = plan;
    return keepManifest(root, source, digest, manifest, {
      rows: readRows,
      files: { all: files.length, added, changed, gone },
    });
  }
}

/** All of the files as one Parquet file at `to`. Undefined where their digest is `lastDigest`. */
export async function copyFiles(
  engine: Engine,
  source: CanonicalSource,
  projectRoot: string,
  to: string,
  lastDigest: string | null,
  signal: AbortSignal,
): Promise<Pick<Snapshot, 'digest' | 'rows' | 'bytes' | 'columns'> | undefined> {
  for (let attempt = 1; ; attempt += 1) {
    const { files, format } = matchingFiles(source, projectRoot);
    const reader = readerOf(source, projectRoot, files, format);
    const { groups } = await whatToRead(files, undefined, projectRoot, signal);
    const digest = digestOf({
      reading: reader.reading,
      files: groups.flat().map((file) => [file.path, file.digest]),
    });
    if (digest === lastDigest) return undefined;
    const made = await engine
      .job(signal, async (session) => {
        const known = await reader.known(session, [], files);
        const selects: string[] = [];
        for (const group of groups) selects.push(await reader.select(session, group, known));
        const bytes = await session.serially(() => writeTable(session, selects.join(' union all by name '), to));
        const written = `read_parquet(${literal(to)})`;
        const [counted] = await session.rows<{ rows: bigint }>(`select count(*) as rows from ${written}`);
        return {
          rows: Number(counted?.rows ?? 0n),
          bytes,
          columns: await columnsOf(session, `select * from ${written}`),
        };
      })
      .catch((error: unknown) => {
        signal.throwIfAborted();
        throw error instanceof MlopsError ? error : unreadable(source, messageOf(error), undefined, error);
      });
    if (await sameStill(groups.flat(), projectRoot)) return { digest, ...made };
    await rm(to, { force: true });
    if (attempt >= READ_ATTEMPTS) throw changing(source);
  }
}

function changing(source: CanonicalSource): MlopsError {
  return unreadable(
    source,
    'Its files change while they are read.',
    'write a new version beside the old one and rename it into place',
  );
}

interface ReadingPlan {
  readonly kept: readonly ManifestPart[];
  readonly groups: readonly (readonly ReadFile[])[];
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly gone: readonly string[];
  /** A file has another time, and the same content. */
  readonly touched: boolean;
}

/** Only files that are new or look different are hashed. */
async function whatToRead(
  files: readonly SourceFile[],
  last: Manifest | undefined,
  root: string,
  signal: AbortSignal,
): Promise<ReadingPlan> {
  const before = new Map((last?.parts ?? []).flatMap((part) => (part.files ?? []).map((file) => [file.path, file])));
  const now = new Map<string, ReadFile>();
  const [added, changed]: [string[], string[]] = [[], []];
  let touched = false;
  for (const file of files) {
    const known = before.get(file.path);
    if (known !== undefined && known.size === file.size && known.modifiedMs === file.modifiedMs)
      now.set(file.path, known);
    else {
      const digest = await digestOfBytes(resolve(root, file.path), signal);
      now.set(file.path, { ...file, digest });
      if (known === undefined) added.push(file.path);
      else if (known.digest !== digest) changed.push(file.path);
      else touched = true;
    }
  }
  const gone = [...before.keys()].filter((path) => !now.has(path));
  const other = new Set([...changed, ...gone]);
  const kept: ManifestPart[] = [];
  const again: ReadFile[] = [];
  for (const part of last?.parts ?? []) {
    const still = (part.files ?? []).flatMap((file) => now.get(file.path) ?? []);
    // A file that was only touched keeps its rows; its new time is remembered.
    if ((part.files ?? []).some(({ path }) => other.has(path))) again.push(...still);
    else kept.push({ ...part, files: still });
  }
  const fresh = added.flatMap((path) => now.get(path) ?? []);
  return { kept, groups: [...grouped(again), ...grouped(fresh)], added, changed, gone, touched };
}

function grouped(files: readonly ReadFile[]): ReadFile[][] {
  const groups: ReadFile[][] = [];
  let bytes = 0;
  for (const file of files) {
    const group = groups.at(-1);
    if (group === undefined || group.length >= FILES_A_PART || bytes + file.size > BYTES_A_PART) {
      groups.push([file]);
      bytes = file.size;
    } else {
      group.push(file);
      bytes += file.size;
    }
  }
  return groups;
}

async function sameStill(files: readonly SourceFile[], root: string): Promise<boolean> {
  for (const { path, size, modifiedMs } of files) {
    const found = await stat(resolve(root, path)).catch(() => undefined);
    if (found?.size !== size || found.mtimeMs !== modifiedMs) return false;
  }
  return true;
}

async function digestOfBytes(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20, signal })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

interface FilesReader {
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

function readerOf(
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
