/** A scope's row: which project and environment a number stands for. */
import type { Scope } from '../control/state.ts';
import type { Queryable } from './database.ts';
import { isAbsent } from './migrate.ts';

/** Its number; made where it is new. The name is fixed for good. */
export async function ensureScope(db: Queryable, scope: Scope): Promise<number> {
  const found = await findScope(db, scope);
  if (found !== undefined) return found;
  await db.query('insert into mlops.scopes (project, environment) values ($1, $2) on conflict do nothing', [
    scope.project,
    scope.environment,
  ]);
  const made = await findScope(db, scope);
  if (made === undefined) throw new Error(`the scope ${scope.project}/${scope.environment} vanished while it was made`);
  return made;
}

/** Writes nothing. Undefined where nothing was ever applied, also where the database was never migrated. */
export async function findScope(db: Queryable, scope: Scope): Promise<number | undefined> {
  try {
    const [row] = await db.query<{ scope_id: number }>(
      'select scope_id from mlops.scopes where project = $1 and environment = $2',
      [scope.project, scope.environment],
    );
    return row?.scope_id;
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}
