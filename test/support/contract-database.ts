/** Postgres as a backend of a contract suite: a database for the suite, a scope for each test. */
import { type Database, openDatabase } from '../../src/stores/postgres/database.ts';
import { freshScope } from './models.ts';
import { type FreshDatabase, freshDatabase } from './postgres.ts';

export interface ContractBackend<Store> {
  readonly name: string;
  open(): Promise<void>;
  /** A store of a scope of its own. */
  store(): Promise<Store>;
  close(): Promise<void>;
}

export interface PostgresBackend<Store> extends ContractBackend<Store> {
  /** While it is open. */
  db(): Database;
}

export function postgresBackend<Store>(make: (db: Database, scopeId: number) => Store): PostgresBackend<Store> {
  let database: FreshDatabase;
  let db: Database;
  return {
    name: 'postgres',
    open: async () => {
      database = await freshDatabase();
      db = openDatabase({ connectionString: database.connectionString });
    },
    db: () => db,
    store: async () => make(db, await freshScope(db)),
    close: async () => {
      await db.close();
      await database.drop();
    },
  };
}
