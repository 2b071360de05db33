/** Columns of data files, for checking SQL in specs: from a cache, or by an engine that is loaded only when the cache does not know. */
import { constants } from 'node:fs';
import { access, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MlopsError } from '../lib/error.ts';
import { predictionColumns } from '../serving/prediction-table.ts';
import { openCacheFile } from '../spec/cache-file.ts';
import type { Column } from '../spec/column.ts';
import type { DescribeSource, ParsesQuery } from '../spec/load.ts';
import { describeSource } from '../stores/duckdb/describe-source.ts';
import type { OfflineStore } from '../stores/offline.ts';
import { describeDatabase } from './database-sources.ts';
import { lazily } from './lazy.ts';

export function describeSourceFor(root: string): {
  readonly describe: DescribeSource;
  readonly parses: ParsesQuery;
  readonly close: () => Promise<void>;
} {
  const folder = join(root, '.mlops');
  const cache = openCacheFile<readonly Column[]>(root, 'columns-1');
  let opened = false;
  /** Where intermediate rows spill when the project may only be read. */
  let elsewhere: string | undefined;
  const engine = lazily(async (): Promise<OfflineStore> => {
    const { createDuckdbOffline } = await import('../stores/duckdb/duckdb-offline.ts');
    opened = true;
    if (!(await canWrite(folder))) elsewhere = await mkdtemp(join(tmpdir(), 'mlops-'));
    return createDuckdbOffline({ directory: elsewhere ?? join(folder, 'offline', 'describe') });
  });
  return {
    describe: async (source, projectRoot) =>
      source.predictions !== undefined
        ? predictionColumns()
        : source.database !== undefined
          ? describeDatabase(source)
          : describeSource(source, projectRoot, cache, async (asked, from) =>
              (await engine()).describe(asked, from, {}),
            ),
    parses: async (sql) => {
      const store = await engine();
      return store.tablesOf(sql).then(
        () => true,
        (error: unknown) => {
          if (error instanceof MlopsError && error.code === 'SP201') return false;
          throw error;
        },
      );
    },
    close: async () => {
      cache.save();
      if (opened) await (await engine()).close();
      if (elsewhere !== undefined) await rm(elsewhere, { recursive: true, force: true });
    },
  };
}

async function canWrite(folder: string): Promise<boolean> {
  return mkdir(folder, { recursive: true })
    .then(() => access(folder, constants.W_OK))
    .then(
      () => true,
      () => false,
    );
}
