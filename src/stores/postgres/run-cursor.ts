/** Where a page of runs or backfills ends: a time in microseconds and an id, opaque to clients. */
import { MlopsError } from '../../lib/error.ts';

export const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export function writeCursor(position: string, runId: string): string {
  return Buffer.from(`${position} ${runId}`).toString('base64url');
}

export function readCursor(cursor: string): { readonly position: string; readonly runId: string } {
  const [position, runId] = Buffer.from(cursor, 'base64url').toString('utf8').split(' ');
  if (position === undefined || !/^\d{1,18}$/.test(position) || runId === undefined || !UUID.test(runId)) {
    throw new MlopsError('API400', { detail: 'The cursor is not one that a list answered.', status: 400 });
  }
  return { position, runId };
}
