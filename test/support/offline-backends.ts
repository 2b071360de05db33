/** The offline stores, for suites that hold every one of them to the same promises. */
import { join } from 'node:path';
import { createDuckdbOffline } from '../../src/stores/duckdb/duckdb-offline.ts';
import type { OfflineStore } from '../../src/stores/offline.ts';

export interface OfflineBackend {
  readonly name: string;
  open(directory: string, memoryLimitBytes?: number): OfflineStore;
}

export const offlineBackends: readonly OfflineBackend[] = [
  {
    name: 'duckdb',
    open: (directory, memoryLimitBytes = 2 ** 29) =>
      createDuckdbOffline({ directory: join(directory, "with 'quote", 'offline'), memoryLimitBytes }),
  },
];
