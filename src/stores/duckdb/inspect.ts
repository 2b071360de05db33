/**
 * A look at tables by their footers: rows and columns, nothing of the rows themselves. It uses an engine of its own without a folder
 * to spill to, so it writes nothing anywhere.
 */
import { open, stat } from 'node:fs/promises';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { Column } from '../../spec/column.ts';
import type { InspectedTable } from '../offline.ts';
import { messageOf } from './engine.ts';
import { fileOf, isPart } from './files.ts';
import { isManifest, type Manifest, readManifest } from './manifest.ts';
import { featureOfColumn, isOwnColumn } from './part-columns.ts';
import { literal } from './sql.ts';

const FILES_AT_ONCE = 16;
/** Footers that one statement reads. */
const BATCH = 200;
const MAGIC = 'PAR1';
/** Magic, at both ends, and the length of the footer. */
const SMALLEST = 12;

export async function inspectTables(
  root: string,
  locations: readonly string[],
  signal: AbortSignal,
): Promise<readonly InspectedTable[]> {
  const manifests = locations.filter(isManifest);
  if (manifests.length > 0) return withManifests(root, locations, signal);
  const found = new Map<string, InspectedTable>();
  const whole: string[] = [];
  const queue = [...new Set(locations)];
  await Promise.all(
    Array.from({ length: FILES_AT_ONCE }, async () => {
      for (let location = queue.pop(); location !== undefined; location = queue.pop()) {
        signal.throwIfAborted();
        const wrong = await lookAt(root, location);
        if (wrong === undefined) whole.push(location);
        else found.set(location, wrong);
      }
    }),
  );
  if (whole.length > 0) for (const table of await readFooters(root, whole, signal)) found.set(table.location, table);
  return locations.flatMap((location) => found.get(location) ?? []);
}

/** A snapshot in parts is whole where its list and all of its parts are. */
async function withManifests(
  root: string,
  locations: readonly string[],
  signal: AbortSignal,
): Promise<readonly InspectedTable[]> {
  const parts = new Map<string, Manifest>();
  const wrong = new Map<string, InspectedTable>();
  for (const location of new Set(locations.filter(isManifest))) {
    const there = await stat(fileOf(root, location)).catch(() => undefined);
    if (there === undefined) wrong.set(location, { location, state: 'missing' });
    else {
      await readManifest(root, location).then(
        (manifest) => parts.set(location, manifest),
        (error: unknown) => wrong.set(location, { location, state: 'damaged', why: messageOf(error) }),
      );
    }
  }
  const tables = [
    ...locations.filter((location) => !isManifest(location)),
    ...[...parts.values()].flatMap((manifest) => manifest.parts.map(({ table }) => table)),
  ];
  const inspected = new Map((await inspectTables(root, tables, signal)).map((table) => [table.location, table]));
  return locations.flatMap((location) => {
    const manifest = parts.get(location);
    if (manifest === undefined) return wrong.get(location) ?? inspected.get(location) ?? [];
    const broken = manifest.parts.find(({ table, rows }) => {
      const is = inspected.get(table);
      return is?.state !== 'whole' || is.rows !== rows;
    });
    if (broken === undefined) return { location, state: 'whole', rows: manifest.rows, columns: manifest.columns };
    const is = inspected.get(broken.table);
    const why = is?.state === 'damaged' ? is.why : is?.state === 'missing' ? 'it is missing' : 'it has other rows';
    return { location, state: 'damaged', why: `its part ${broken.table}: ${why}` };
  });
}

/** Undefined where both ends of the file are as they must be. */
async function lookAt(root: string, location: string): Promise<InspectedTable | undefined> {
  const damaged = (why: string): InspectedTable => ({ location, state: 'damaged', why });
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(fileOf(root, location), 'r');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' || code === 'ENOTDIR' ? { location, state: 'missing' } : damaged(messageOf(error));
  }
  try {
    const { size } = await file.stat();
    if (size < SMALLEST) return damaged(`it has only ${size} bytes`);
    const ends = Buffer.alloc(2 * MAGIC.length);
    await file.read(ends, 0, MAGIC.length, 0);
    await file.read(ends, MAGIC.length, MAGIC.length, size - MAGIC.length);
    return ends.toString('latin1') === MAGIC + MAGIC ? undefined : damaged('it is cut off or overwritten');
  } catch (error) {
    return damaged(messageOf(error));
  } finally {
    await file.close();
  }
}

async function readFooters(
  root: string,
  locations: readonly string[],
  signal: AbortSignal,
): Promise<readonly InspectedTable[]> {
  const { DuckDBInstance } = await import('@duckdb/node-api');
  const instance = await DuckDBInstance.create(':memory:', {
    threads: '2',
    temp_directory: '',
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  });
  const connection = await instance.connect();
  const interrupt = (): void => connection.interrupt();
  signal.addEventListener('abort', interrupt, { once: true });
  try {
    const tables: InspectedTable[] = [];
    for (let from = 0; from < locations.length; from += BATCH) {
      signal.throwIfAborted();
      tables.push(...(await readBatch(connection, root, locations.slice(from, from + BATCH))));
    }
    signal.throwIfAborted();
    return tables;
  } finally {
    signal.removeEventListener('abort', interrupt);
    connection.closeSync();
    instance.closeSync();
  }
}

/** One damaged footer fails the statement for all: then each file is read by itself. */
async function readBatch(
  connection: DuckDBConnection,
  root: string,
  locations: readonly string[],
): Promise<readonly InspectedTable[]> {
  const paths = new Map(locations.map((location) => [fileOf(root, location), location]));
  const list = `[${[...paths.keys()].map(literal).join(', ')}]`;
  try {
    const counts = await rows<{ file_name: string; num_rows: bigint }>(
      connection,
      `select file_name, num_rows from parquet_file_metadata(${list})`,
    );
    const schema = await rows<SchemaRow>(
      connection,
      `select file_name, name, num_children, duckdb_type from parquet_schema(${list}) order by file_name, column_id`,
    );
    const nodes = new Map<string, SchemaRow[]>();
    for (const row of schema) nodes.set(row.file_name, [...(nodes.get(row.file_name) ?? []), row]);
    return counts.map(({ file_name, num_rows }) => ({
      location: paths.get(file_name) ?? file_name,
      state: 'whole',
      rows: Number(num_rows),
      columns: topColumns(nodes.get(file_name) ?? [], isPart(paths.get(file_name) ?? '')),
    }));
  } catch (error) {
    const [only, ...others] = locations;
    if (only !== undefined && others.length === 0)
      return [{ location: only, state: 'damaged', why: messageOf(error).split('\n')[0] ?? '' }];
    const each: InspectedTable[] = [];
    for (const location of locations) each.push(...(await readBatch(connection, root, [location])));
    return each;
  }
}

interface SchemaRow {
  readonly file_name: string;
  readonly name: string;
  readonly num_children: bigint | null;
  readonly duckdb_type: string | null;
}

/** The tree comes as its nodes, each before its children; the first is the root. Ours are left out, features under their names. */
function topColumns(nodes: readonly SchemaRow[], part: boolean): readonly Column[] {
  const columns: Column[] = [];
  const skip = (index: number): number => {
    let next = index + 1;
    for (let children = Number(nodes[index]?.num_children ?? 0n); children > 0; children -= 1) next = skip(next);
    return next;
  };
  for (let index = 1; index < nodes.length; index = skip(index)) {
    const { name = '', duckdb_type: type } = nodes[index] ?? {};
    if (!part) columns.push({ name, type: type ?? '' });
    else if (!isOwnColumn(name)) columns.push({ name: featureOfColumn(name), type: type ?? '' });
  }
  return columns;
}

async function rows<Row>(connection: DuckDBConnection, sql: string): Promise<Row[]> {
  return (await connection.runAndReadAll(sql)).getRowObjectsJS() as Row[];
}
