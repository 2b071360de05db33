/** A migrated database for one test file: `const db = await freshDatabase()` … `await db.drop()`. */
import { randomBytes } from 'node:crypto';
import { inject } from 'vitest';
import { openDatabase } from '../../src/stores/postgres/database.ts';

export interface FreshDatabase {
  readonly connectionString: string;
  /** Ends every connection to it. */
  drop(): Promise<void>;
}

/** With all migrations. `empty`: without any, as a new server has it. */
export async function freshDatabase(options: { readonly empty?: boolean } = {}): Promise<FreshDatabase> {
  const { adminUrl, template } = inject('testPostgres');
  const name = `mlops_test_${randomBytes(8).toString('hex')}`;
  await asAdmin(adminUrl, `create database ${name} template ${options.empty ? 'template0' : template}`);
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  return { connectionString: url.href, drop: () => asAdmin(adminUrl, `drop database if exists ${name} with (force)`) };
}

async function asAdmin(connectionString: string, statement: string): Promise<void> {
  const db = openDatabase({ connectionString, max: 1 });
  try {
    await db.query(statement);
  } finally {
    await db.close();
  }
}
