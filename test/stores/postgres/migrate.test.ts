import { afterEach, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../../src/stores/postgres/database.ts';
import { migrate, schemaStatus } from '../../../src/stores/postgres/migrate.ts';
import { readMigrations } from '../../../src/stores/postgres/migrations.ts';
import { type FreshDatabase, freshDatabase } from '../../support/postgres.ts';

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each.close();
});

async function open(options: { readonly empty: boolean }): Promise<{ fresh: FreshDatabase; db: Database }> {
  const fresh = await freshDatabase(options);
  opened.push({ close: fresh.drop });
  const db = openDatabase({ connectionString: fresh.connectionString });
  opened.push(db);
  return { fresh, db };
}

describe('migrations', () => {
  it('bring an empty database to the newest version, and then find nothing to do', async () => {
    const { db } = await open({ empty: true });
    expect(await schemaStatus(db)).toBe('absent');
    expect(await migrate(db)).toBe(readMigrations().length);
    expect(await schemaStatus(db)).toBe('current');
    expect(await migrate(db)).toBe(0);
  });
});
