/** The offline stores, for suites that hold every one of them to the same promises. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { createDuckdbOffline } from '../../src/stores/duckdb/duckdb-offline.ts';
import { createLocalTables } from '../../src/stores/duckdb/local-tables.ts';
import type { OfflineStore } from '../../src/stores/offline.ts';
import { createPostgresOffline } from '../../src/stores/postgres/offline/postgres-offline.ts';
import { freshDatabase } from './postgres.ts';

export interface OpenOffline {
  readonly store: OfflineStore;
  /** Another store, which shares nothing with it, with this much memory. */
  another(memoryLimitBytes: number): OfflineStore;
  close(): Promise<void>;
}

export interface OfflineBackend {
  readonly name: 'duckdb' | 'postgres';
  open(directory: string): Promise<OpenOffline>;
}

const MEMORY = 2 ** 29;

export const offlineBackends: readonly OfflineBackend[] = [
  {
    name: 'duckdb',
    open: async (directory) => {
      const folder = (name: string): string => join(directory, "with 'quote", name);
      const store = createDuckdbOffline({ directory: folder('offline'), memoryLimitBytes: MEMORY });
      return {
        store,
        another: (memoryLimitBytes) => createDuckdbOffline({ directory: folder('another'), memoryLimitBytes }),
        close: () => store.close(),
      };
    },
  },
  {
    name: 'postgres',
    open: async (directory) => {
      const database = await freshDatabase({ empty: true });
      const open = (memoryLimitBytes: number): OfflineStore =>
        createPostgresOffline(
          {
            connectionString: database.connectionString,
            schema: `with "quote" ${randomBytes(4).toString('hex')}`,
          },
          createLocalTables({ directory: join(directory, "with 'quote", 'local'), memoryLimitBytes }),
        );
      const store = open(MEMORY);
      return {
        store,
        another: open,
        close: async () => {
          await store.close();
          await database.drop();
        },
      };
    },
  },
];
