/** The prediction log in Postgres: one statement a batch. */
import { MlopsError } from '../../lib/error.ts';
import type { JsonObject } from '../../lib/json.ts';
import type { LoggedPrediction, PredictionLogStore } from '../control/prediction-log.ts';
import type { Database } from './database.ts';
import { sqlFile } from './sql-file.ts';

const CURSOR = /^(\d{1,18})_([0-9a-f-]{36})$/;

export function postgresPredictionLog(db: Database, scopeId: number): PredictionLogStore {
  return {
    append: async (predictions) => {
      if (predictions.length === 0) return;
      const rows = predictions.map(({ requestId, latencyMs, ageMs, ...rest }) => ({
        ...rest,
        request_id: requestId,
        latency_ms: latencyMs,
        age_ms: ageMs,
      }));
      await db.query(sqlFile('predictions-append'), [scopeId, JSON.stringify(rows)]);
    },
    list: async ({ endpoint = null, model = null, requestId = null, limit, cursor }) => {
      const [, at = null, id = null] = cursor === undefined ? [] : (CURSOR.exec(cursor) ?? refuseCursor(cursor));
      const rows = await db.query<Omit<LoggedPrediction, 'reads'> & { position: string; reads: JsonObject | null }>(
        sqlFile('predictions-list'),
        [scopeId, endpoint, model, requestId, at, id, limit + 1],
      );
      const items = rows.slice(0, limit);
      const last = items.at(-1);
      return {
        items: items.map(({ position: _, reads, ...item }) => (reads === null ? item : { ...item, reads })),
        nextCursor: rows.length > limit && last !== undefined ? `${last.position}_${last.id}` : null,
      };
    },
  };
}

function refuseCursor(cursor: string): never {
  throw new MlopsError('API400', { detail: `The cursor "${cursor}" is not one that a list answered.` });
}
