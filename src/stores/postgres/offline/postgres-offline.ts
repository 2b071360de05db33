/**
 * The offline store in a Postgres of the user's, 13 or later: one schema a project and environment, a table a feature-set version and a
 * snapshot. What files and values need is done by the engine on this machine, which compose hands over.
 */
import { rm } from 'node:fs/promises';
import type { LocalTables } from '../../local-tables.ts';
import type { OfflineStore } from '../../offline.ts';
import { headOf } from './grown.ts';
import { healthOf } from './health.ts';
import { inspectTables } from './inspect.ts';
import { pointInTimeJoin } from './join.ts';
import { ingestedRows, latestRows } from './latest.ts';
import { removeSnapshots, sweepParts } from './parts.ts';
import { profileRows } from './profile.ts';
import { describeQuery, tablesHere } from './queries.ts';
import { ensureSchema } from './schema.ts';
import { takeSnapshot } from './snapshot.ts';
import { stageRows, writePushedRows } from './stage.ts';
import { untypedRows } from './typed-rows.ts';
import { openWarehouse, type WarehouseOptions } from './warehouse.ts';

export function createPostgresOffline(options: WarehouseOptions, local: LocalTables): OfflineStore {
  const warehouse = openWarehouse(options);
  let ensured: Promise<void> | undefined;
  const ready = (): Promise<void> => {
    ensured ??= ensureSchema(warehouse).catch((error: unknown) => {
      ensured = undefined;
      throw error;
    });
    return ensured;
  };
  const describe: OfflineStore['describeQuery'] = async (query, inputs) => {
    await ready();
    const columns = await warehouse.job(undefined, (session) => describeQuery(warehouse, session, query, inputs));
    return columns.map(({ name, type }) => ({ name, type }));
  };
  return {
    describe: (source, root, inputs) =>
      source.query === undefined ? local.describe(source, root, inputs) : describe(source.query, inputs),
    describeQuery: describe,
    tablesOf: (query) => tablesHere(local, query),
    resumeFrom: async (request, signal) => {
      await ready();
      return warehouse.job(signal, async (session) => (await headOf(warehouse, session, request))?.resume);
    },
    snapshot: async (request, signal) => {
      await ready();
      return takeSnapshot(warehouse, local, request, signal);
    },
    stage: async (plan, existing, folder, signal) => {
      await ready();
      return stageRows(warehouse, local, plan, existing, folder, signal);
    },
    writePushed: async (plan, rows, folder, signal) => {
      await ready();
      return writePushedRows(warehouse, plan, rows, folder, signal);
    },
    latest: (request, signal) => latestRows(warehouse, request, signal),
    rows: (request, signal) => ingestedRows(warehouse, request, signal),
    join: async (request, signal) => {
      await ready();
      return pointInTimeJoin(warehouse, local, request, signal);
    },
    check: async (plan, computed, expectations, signal) => {
      await ready();
      const rows = await warehouse.job(signal, (session) => untypedRows(warehouse, local, session, plan));
      try {
        return await local.check(plan, rows, computed, expectations, signal);
      } finally {
        await rm(rows.path, { force: true });
      }
    },
    profile: async (request, signal) => {
      await ready();
      return profileRows(warehouse, local, request, signal);
    },
    readColumns: local.readColumns,
    convert: local.convert,
    columnBatches: local.columnBatches,
    widen: local.widen,
    inspect: (locations, signal) => inspectTables(warehouse, locations, signal),
    removeSnapshots: async (locations) => {
      await ready();
      await removeSnapshots(warehouse, locations);
    },
    sweep: async (folder, keep) => {
      await ready();
      await sweepParts(warehouse, folder, keep);
    },
    health: () => healthOf(warehouse),
    close: async () => {
      await warehouse.close();
      await local.close();
    },
  };
}
