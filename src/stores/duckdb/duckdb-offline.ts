/** The offline store in DuckDB over Parquet files below one folder, which several processes may share. */

import { join } from 'node:path';
import { MlopsError } from '../../lib/error.ts';
import type { CanonicalSource } from '../../spec/canonical-specs.ts';
import type { Column } from '../../spec/column.ts';
import { areManyFiles } from '../../spec/source-files.ts';
import type { OfflineStore } from '../offline.ts';
import type { Inputs } from '../offline-rows.ts';
import { checkRows } from './check.ts';
import { columnBatchesOf } from './column-batches.ts';
import { resumeFrom } from './column-snapshot.ts';
import { convertFile } from './convert.ts';
import { createEngine, type Engine, messageOf } from './engine.ts';
import { sweepFolder } from './files.ts';
import { describeFiles } from './files-reader.ts';
import { inspectTables } from './inspect.ts';
import { pointInTimeJoin } from './join.ts';
import { latestRows } from './latest.ts';
import { profileRows } from './profile.ts';
import { readColumnsOf } from './read-columns.ts';
import { removeSnapshots } from './remove-snapshots.ts';
import { rowsOf } from './rows.ts';
import { takeSnapshot } from './snapshot.ts';
import { columnsOf, refused, sourceFile, sourceSelect, unreadable } from './source-relation.ts';
import { subquery } from './sql.ts';
import { stageRows, writePushedRows } from './stage.ts';
import { tablesOfQuery } from './tables-of.ts';
import { createViews } from './views.ts';
import { widenFile } from './widen.ts';

export interface DuckdbOfflineOptions {
  /** Absolute path, e.g. `<root>/.mlops/offline/dev`. Made when first written to. */
  readonly directory: string;
  /** Default 1 GiB; rows beyond it spill to disk. The engine needs about 128 MiB a thread to sort wide rows. */
  readonly memoryLimitBytes?: number;
  /** Default: the machine's cores, at most 8. */
  readonly threads?: number;
}

export function createDuckdbOffline({ directory, ...limits }: DuckdbOfflineOptions): OfflineStore {
  return offlineOn(createEngine({ ...limits, tempDirectory: join(directory, 'tmp') }), directory);
}

export function offlineOn(engine: Engine, root: string): OfflineStore {
  return {
    describe: (source, projectRoot, inputs) => describe(engine, root, source, projectRoot, inputs),
    describeQuery: (query, inputs) =>
      engine.job(undefined, async (session) => {
        await createViews(session, root, inputs);
        return columnsOf(session, `select * from ${subquery(query)}`).catch((error: unknown) => {
          throw new MlopsError('SP204', { detail: `DuckDB refuses the query. ${messageOf(error)}`, cause: error });
        });
      }),
    tablesOf: (query) => engine.job(undefined, (session) => tablesOfQuery(session, query)),
    resumeFrom: (request, signal) => resumeFrom(engine, root, request, signal),
    snapshot: (request, signal) => takeSnapshot(engine, root, request, signal),
    stage: (plan, existing, folder, signal) => stageRows(engine, root, plan, existing, folder, signal),
    writePushed: (plan, rows, folder, signal) => writePushedRows(engine, root, plan, rows, folder, signal),
    latest: (request, signal) => latestRows(engine, root, request, signal),
    rows: (request, signal) => rowsOf(engine, root, request, signal),
    join: (request, signal) => pointInTimeJoin(engine, root, request, signal),
    check: (plan, computed, expectations, signal) => checkRows(engine, root, plan, computed, expectations, signal),
    profile: (request, signal) => profileRows(engine, root, request, signal),
    readColumns: (path, columns) => readColumnsOf(engine, path, columns),
    convert: (path, format, json, signal) => convertFile(engine, path, format, json, signal),
    columnBatches: (request, signal) => columnBatchesOf(engine, request, signal),
    widen: (request, signal) => widenFile(engine, request, signal),
    inspect: (locations, signal) => inspectTables(root, locations, signal),
    removeSnapshots: (locations, keep) => removeSnapshots(root, locations, keep),
    sweep: (folder, keep) => sweepFolder(root, folder, keep),
    health: async () => ({ detail: `DuckDB over Parquet files in ${root}`, warnings: [] }),
    close: () => engine.close(),
  };
}

async function describe(
  engine: Engine,
  root: string,
  source: CanonicalSource,
  projectRoot: string,
  inputs: Inputs,
): Promise<readonly Column[]> {
  const many = areManyFiles(projectRoot, source.file);
  const path = source.query === undefined && !many ? await sourceFile(source, projectRoot) : undefined;
  return engine.job(undefined, async (session) => {
    await createViews(session, root, inputs);
    if (many) {
      return describeFiles(session, source, projectRoot).catch((error: unknown) => {
        throw error instanceof MlopsError ? error : unreadable(source, messageOf(error), undefined, error);
      });
    }
    const select = await sourceSelect(session, source, path);
    return columnsOf(session, select).catch((error: unknown) => {
      throw source.query === undefined
        ? unreadable(source, messageOf(error), undefined, error)
        : refused(`source.${source.name}`, error);
    });
  });
}
