/** The offline store of an environment: the Postgres that its settings name, or DuckDB over files of the project's own. Each is loaded only when it is used. */
import { join } from 'node:path';
import { resolveEnv } from '../lib/secret.ts';
import type { LocalTables } from '../stores/local-tables.ts';
import type { OfflineStore } from '../stores/offline.ts';
import { withDatabaseSources } from './database-sources.ts';
import type { Settings } from './settings.ts';
import { withWrittenQueries } from './written-queries.ts';

/** SP110 where a variable is not set, ST131 where its value is no address. */
export async function openOffline(
  settings: Settings,
  folder: string,
  answersWithinMs?: number | undefined,
): Promise<OfflineStore> {
  const directory = join(folder, 'offline', settings.environment);
  const local = async (): Promise<LocalTables> => {
    const { createLocalTables } = await import('../stores/duckdb/local-tables.ts');
    return createLocalTables({ directory });
  };
  const postgres = settings.spec.offline?.postgres;
  if (postgres === undefined) {
    const { createDuckdbOffline } = await import('../stores/duckdb/duckdb-offline.ts');
    return withWrittenQueries(withDatabaseSources(createDuckdbOffline({ directory }), local), 'duckdb');
  }
  const [{ createPostgresOffline }, { schemaOf }] = await Promise.all([
    import('../stores/postgres/offline/postgres-offline.ts'),
    import('../stores/postgres/offline/schema.ts'),
  ]);
  const here = await local();
  const store = createPostgresOffline(
    {
      connectionString: resolveEnv(postgres, process.env),
      schema: schemaOf(settings.project, settings.environment),
      ...(answersWithinMs !== undefined && { answersWithinMs }),
    },
    here,
  );
  return withWrittenQueries(
    withDatabaseSources(store, async () => here),
    'postgres',
  );
}
