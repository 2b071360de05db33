/**
 * Sources in a Postgres of the user's, for every offline store: their rows come as a Parquet file on this machine, which the store
 * takes as it takes any file. The address is resolved when it is used, and stands nowhere else.
 */
import { rm } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { resolveEnv } from '../lib/secret.ts';
import type { CanonicalSource } from '../spec/canonical-specs.ts';
import type { Column } from '../spec/column.ts';
import type { LocalTables } from '../stores/local-tables.ts';
import type { OfflineStore } from '../stores/offline.ts';

/** SP110 where the variable is not set. */
export async function describeDatabase(source: CanonicalSource): Promise<readonly Column[]> {
  const { describeDatabaseSource } = await import('../stores/postgres/source-database.ts');
  return describeDatabaseSource(addressOf(source), source);
}

export function withDatabaseSources(store: OfflineStore, local: () => Promise<LocalTables>): OfflineStore {
  let opened: Promise<LocalTables> | undefined;
  const tables = (): Promise<LocalTables> => {
    opened ??= local();
    return opened;
  };
  return {
    ...store,
    describe: (source, root, inputs) =>
      source.database === undefined ? store.describe(source, root, inputs) : describeDatabase(source),
    snapshot: async (request, signal) => {
      const { source } = request;
      if (source.database === undefined) return store.snapshot(request, signal);
      const { readDatabaseSource } = await import('../stores/postgres/source-database.ts');
      const here = await tables();
      const rows = await readDatabaseSource(addressOf(source), source, here, signal);
      let path: string | undefined;
      try {
        path = await here.writeParquet(rows, signal);
        const { database: _, table: __, query: ___, ...rest } = source;
        const file: CanonicalSource = { ...rest, file: basename(path), format: 'parquet' };
        return await store.snapshot({ ...request, source: file, root: dirname(path) }, signal);
      } finally {
        await rm(rows.path, { force: true });
        if (path !== undefined) await rm(path, { force: true });
      }
    },
    close: async () => {
      await store.close();
      await (await opened)?.close();
    },
  };
}

function addressOf({ database }: CanonicalSource): string {
  return resolveEnv(database ?? '', process.env);
}
