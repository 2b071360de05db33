/**
 * Columns of a file source, for checking specs. The answer is kept in a cache file under the file's path, size, time and
 * the way it is read, so that a plan of unchanged data does not load DuckDB at all. The cache may be deleted at any time.
 */
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { digestOf } from '../../lib/canonical.ts';
import type { CanonicalSource } from '../../spec/canonical-specs.ts';
import type { Column } from '../../spec/column.ts';

/** What it needs of an offline store; called only where the cache does not know. */
export type Describe = (source: CanonicalSource, root: string) => Promise<readonly Column[]>;

/** Undefined for a source that is a query: its columns follow from its inputs. FS204 where the file cannot be read. */
export async function describeSource(
  source: CanonicalSource,
  root: string,
  cacheDirectory: string,
  describe: Describe,
): Promise<readonly Column[] | undefined> {
  if (source.query !== undefined) return undefined;
  const path = resolve(root, source.file ?? '');
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return describe(source, root);
  const { format, nulls, delimiter, types, columns } = source;
  const key = digestOf({ path, size: found.size, modified: found.mtimeMs, format, nulls, delimiter, types, columns });
  const file = join(cacheDirectory, `columns-${key.slice(0, 32)}.json`);
  const cached = await readFile(file, 'utf8').then(parse, () => undefined);
  if (cached !== undefined) return cached;
  const described = await describe(source, root);
  await remember(file, cacheDirectory, described);
  return described;
}

function parse(text: string): readonly Column[] | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isColumn = (item: unknown): item is Column =>
      typeof (item as Column | null)?.name === 'string' && typeof (item as Column | null)?.type === 'string';
    return Array.isArray(value) && value.every(isColumn) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Best effort: a folder that cannot be written costs time, nothing else. */
async function remember(file: string, directory: string, columns: readonly Column[]): Promise<void> {
  const writing = `${file}.${process.pid}.writing`;
  try {
    await mkdir(directory, { recursive: true });
    await writeFile(writing, JSON.stringify(columns));
    await rename(writing, file);
  } catch {
    return;
  }
}
