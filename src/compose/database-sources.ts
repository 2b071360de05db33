/**
 * Sources in a Postgres of the user's, for every offline store: their rows come as a Parquet file on this machine, which the store
 * takes as it takes any file. The address is resolved when it is used, and stands nowhere else.
 */
import { rm } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { canonicalJson } from '../lib/canonical.ts';
import { resolveEnv } from '../lib/secret.ts';
import type { CanonicalSource } from '../spec/canonical-specs.ts';
import type { Column } from '../spec/column.ts';
import type { LocalTables } from '../stores/local-tables.ts';
import type { OfflineStore } from '../stores/offline.ts';
import { ReadAll, type ResumePoint, type Snapshot, type SnapshotRequest } from '../stores/offline-snapshots.ts';

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

  async function snapshotFrom(
    request: SnapshotRequest,
    from: ResumePoint | undefined,
    signal: AbortSignal,
  ): Promise<Snapshot | undefined> {
    const { readDatabaseSource } = await import('../stores/postgres/source-database.ts');
    const here = await tables();
    const rows = await readDatabaseSource(addressOf(request.source), request.source, from, here, signal);
    let path: string | undefined;
    try {
      path = await here.writeParquet(rows, signal);
      const read = { ...asFile(request, path), ...(rows.resumed && from !== undefined && { from }) };
      return await store.snapshot(read, signal);
    } finally {
      await rm(rows.path, { force: true });
      if (path !== undefined) await rm(path, { force: true });
    }
  }

  return {
    ...store,
    describe: (source, root, inputs) =>
      source.database === undefined ? store.describe(source, root, inputs) : describeDatabase(source),
    snapshot: async (request, signal) => {
      const { source } = request;
      if (source.database === undefined) return store.snapshot(request, signal);
      const file = asFile(request);
      const computed = Object.keys(source.columns ?? {}).includes(source.incremental?.column ?? '');
      const from = computed ? undefined : await store.resumeFrom(file, signal);
      try {
        return await snapshotFrom(request, from, signal);
      } catch (error) {
        if (!(error instanceof ReadAll)) throw error;
        return snapshotFrom(request, undefined, signal);
      }
    },
    close: async () => {
      await store.close();
      await (await opened)?.close();
    },
  };
}

/** Without the database: its rows stand in the file at `path`. */
function asFile(request: SnapshotRequest, path = 'rows.parquet'): SnapshotRequest {
  const { database, table, query, ...rest } = request.source;
  const source: CanonicalSource = { ...rest, file: basename(path), format: 'parquet' };
  return { ...request, source, root: dirname(path), readAs: canonicalJson({ database, table, query }) };
}

function addressOf({ database }: CanonicalSource): string {
  return resolveEnv(database ?? '', process.env);
}
