/** Why a plan no longer fits the state that it was made from: what was changed since, by whom. */
import type { MlopsError } from '../../lib/error.ts';
import { movedState } from '../control/moved-state.ts';
import type { Queryable } from './database.ts';
import { entriesOf } from './postgres-history.ts';

const SHOWN = 50;

export async function staleness(
  db: Queryable,
  scopeId: number,
  planned: { readonly lineage: string | null; readonly serial: number },
): Promise<MlopsError> {
  const [now] = await db.query<{ lineage: string | null; serial: number }>(
    'select lineage, serial from mlops.scopes where scope_id = $1',
    [scopeId],
  );
  const found = { lineage: now?.lineage ?? null, serial: now?.serial ?? 0 };
  const since = found.lineage === planned.lineage ? await entriesOf(db, scopeId, null, planned.serial, SHOWN) : [];
  return movedState(planned, found, since);
}
