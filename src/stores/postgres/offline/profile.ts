/** Statistics are computed by the engine on this machine, over the rows of parts that leave the server once. */
import { rm } from 'node:fs/promises';
import type { LocalTables } from '../../local-tables.ts';
import type { Profiled, ProfileRequest } from '../../offline.ts';
import { partsOf } from './parts.ts';
import {
  CREATED_TIME,
  EVENT_TIME,
  featureColumn,
  keyColumn,
  list,
  ROW,
  SEQUENCE,
  sqlType,
  textOf,
  timestampOf,
} from './sql.ts';
import { writeRows } from './text-file.ts';
import type { Warehouse } from './warehouse.ts';

export async function profileRows(
  warehouse: Warehouse,
  local: LocalTables,
  request: ProfileRequest,
  signal: AbortSignal,
): Promise<Profiled> {
  const { of } = request;
  if ('path' in of || of.parts.length === 0) return local.profile(request, signal);
  const values = [
    ...of.keys.map((key) => textOf(keyColumn(key), sqlType(key.type))),
    EVENT_TIME,
    CREATED_TIME,
    SEQUENCE,
    ROW,
    ...of.features.map((feature) => textOf(featureColumn(of.keys, feature), sqlType(feature.dtype))),
  ];
  const within = [
    ...(of.from === null ? [] : [`${EVENT_TIME} >= ${timestampOf(of.from)}`]),
    ...(of.until === null ? [] : [`${EVENT_TIME} < ${timestampOf(of.until)}`]),
  ];
  const rows = await warehouse.job(signal, async (session) => {
    const { table, among } = await partsOf(warehouse, session, of.parts);
    return writeRows(
      session,
      local,
      `select ${list(values)} from ${table} t where ${[among('t'), ...within].join(' and ')}`,
      [],
    );
  });
  try {
    return await local.profileRows(request, rows.path, signal);
  } finally {
    await rm(rows.path, { force: true });
  }
}
