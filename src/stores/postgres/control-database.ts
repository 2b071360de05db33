/** Opens a control store's database, at this program's schema. */
import { type Database, type DatabaseOptions, openDatabase } from './database.ts';
import { migrate, schemaStatus } from './migrate.ts';

export interface ControlDatabaseOptions extends DatabaseOptions {
  /**
   * false: writes nothing, as `plan` promises on a server that others share; a store that is behind or absent is read as
   * it is. ST102 also then. Default true.
   */
  readonly migrate?: boolean;
}

/** ST101 where the server does not answer, ST102 where the store is newer than this program. */
export async function openControlDatabase(options: ControlDatabaseOptions): Promise<Database> {
  const db = openDatabase(options);
  try {
    if (options.migrate ?? true) await migrate(db);
    else await schemaStatus(db);
    return db;
  } catch (error) {
    await db.close();
    throw error;
  }
}
