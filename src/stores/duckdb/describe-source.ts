/**
 * Columns of a file source, for checking specs. The answer is kept in a cache under the file's path, size, time and the
 * way it is read, so that a plan of unchanged data does not load DuckDB at all.
 */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { digestOf } from '../../lib/canonical.ts';
import type { CacheFile } from '../../spec/cache-file.ts';
import type { CanonicalSource } from '../../spec/canonical-specs.ts';
import type { Column } from '../../spec/column.ts';
import { areManyFiles, listingOf, sourceFiles } from '../../spec/source-files.ts';

/** What it needs of an offline store; called only where the cache does not know. */
export type Describe = (source: CanonicalSource, root: string) => Promise<readonly Column[]>;

/** Undefined for a source that is a query: its columns follow from its inputs. FS204 where the file cannot be read. */
export async function describeSource(
  source: CanonicalSource,
  root: string,
  cache: CacheFile<readonly Column[]>,
  describe: Describe,
): Promise<readonly Column[] | undefined> {
  if (source.query !== undefined) return undefined;
  const path = resolve(root, source.file ?? '');
  if (areManyFiles(root, source.file)) {
    const listing = listingOf(sourceFiles(root, source.file));
    return listing === '' ? describe(source, root) : remembered(source, { path, listing }, root, cache, describe);
  }
  // One after the other and by the thousand: the event loop's way round costs more than the call.
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return describe(source, root);
  return remembered(source, { path, size: found.size, modified: found.mtimeMs }, root, cache, describe);
}

async function remembered(
  source: CanonicalSource,
  as: Readonly<Record<string, unknown>>,
  root: string,
  cache: CacheFile<readonly Column[]>,
  describe: Describe,
): Promise<readonly Column[]> {
  const { format, nulls, delimiter, types, columns } = source;
  const key = digestOf({ ...as, format, nulls, delimiter, types, columns });
  const cached = cache.get(key);
  if (isColumns(cached)) return cached;
  const described = await describe(source, root);
  cache.set(key, described);
  return described;
}

/** A cache is a file that anything may have been written to. */
function isColumns(value: unknown): value is readonly Column[] {
  const isColumn = (item: unknown): item is Column =>
    typeof (item as Column | null)?.name === 'string' && typeof (item as Column | null)?.type === 'string';
  return Array.isArray(value) && value.every(isColumn);
}
