import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { sha256 } from '../../../src/lib/canonical.ts';
import { openControlDatabase } from '../../../src/stores/postgres/control-database.ts';
import { type Database, openDatabase } from '../../../src/stores/postgres/database.ts';
import { migrate, schemaStatus } from '../../../src/stores/postgres/migrate.ts';
import { type Migration, readMigrations } from '../../../src/stores/postgres/migrations.ts';
import { type FreshDatabase, freshDatabase } from '../../support/postgres.ts';

const run = promisify(execFile);
const JITI = fileURLToPath(new URL('../../../node_modules/jiti/lib/jiti-cli.mjs', import.meta.url));
const CHILD = fileURLToPath(new URL('./fixtures/migrate-child.ts', import.meta.url));

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

const all = readMigrations();
const next = (sql: string): Migration => {
  const version = (all.at(-1)?.version ?? 0) + 1;
  return { version, name: 'next', sql, checksum: sha256(sql) };
};
const tables = async (db: Database): Promise<readonly string[]> =>
  (await db.query<{ name: string }>(`select tablename as name from pg_tables where schemaname = 'mlops'`)).map(
    ({ name }) => name,
  );

describe('migrations', () => {
  it('are numbered from 1 without a gap', () => {
    expect(all.map(({ version }) => version)).toEqual(all.map((_, index) => index + 1));
  });

  it('bring an empty database to the newest version, and then find nothing to do', async () => {
    const { db } = await open({ empty: true });
    expect(await schemaStatus(db)).toBe('absent');
    expect(await migrate(db)).toBe(all.length);
    expect(await schemaStatus(db)).toBe('current');
    expect(await migrate(db)).toBe(0);
  });

  it('ask one question when there is nothing to do', async () => {
    const { db } = await open({ empty: false });
    const asked: string[] = [];
    const counting: Database = {
      ...db,
      query: (text, params) => {
        asked.push(text);
        return db.query(text, params);
      },
      transaction: () => Promise.reject(new Error('nothing is to be written')),
    };
    expect(await migrate(counting)).toBe(0);
    expect(asked).toHaveLength(1);
  });

  it('are each applied once when four processes start at once', async () => {
    const { fresh, db } = await open({ empty: true });
    const outputs = await Promise.all(
      Array.from({ length: 4 }, () => run(process.execPath, [JITI, CHILD, fresh.connectionString])),
    );
    const counts = outputs.map(({ stdout }) => Number(stdout));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(all.length);
    expect(await db.query('select version from mlops.migrations order by version')).toEqual(
      all.map(({ version }) => ({ version })),
    );
  });

  it('go on where an older program stopped', async () => {
    const { db } = await open({ empty: true });
    await migrate(db, all.slice(0, 1));
    expect(await schemaStatus(db)).toBe('behind');
    expect(await migrate(db)).toBe(all.length - 1);
    expect(await migrate(db, [...all, next('create table mlops.later (id int)')])).toBe(1);
  });

  it('leave nothing of one that fails, and what came before it stays', async () => {
    const { db } = await open({ empty: true });
    const broken = next('create table mlops.half (id int); select 1 / 0');
    await expect(migrate(db, [...all, broken])).rejects.toThrow('division by zero');
    expect(await schemaStatus(db)).toBe('current');
    expect(await tables(db)).not.toContain('half');
  });

  it('refuse a database of a newer program, with both numbers, and do not touch it', async () => {
    const { fresh, db } = await open({ empty: false });
    const newer = next('create table mlops.later (id int)');
    await migrate(db, [...all, newer]);
    const refusal = { code: 'ST102', data: { databaseVersion: newer.version, programVersion: newer.version - 1 } };
    await expect(migrate(db)).rejects.toMatchObject(refusal);
    for (const migrating of [true, false]) {
      await expect(
        openControlDatabase({ connectionString: fresh.connectionString, migrate: migrating }),
      ).rejects.toMatchObject(refusal);
    }
  });

  it('refuse a database that another build migrated differently', async () => {
    const { db } = await open({ empty: false });
    await db.query(`update mlops.migrations set checksum = 'other' where version = 1`);
    await expect(migrate(db)).rejects.toMatchObject({ code: 'ST104' });
  });

  it('run for a user who may write in the schema but not make one', async () => {
    const { fresh, db } = await open({ empty: true });
    const role = `mlops_test_${Math.floor(performance.now() * 1000)}_${process.pid}`;
    await db.query(`create role ${role} login password 'secret'`);
    try {
      await db.query(`create schema mlops authorization ${role}`);
      const url = new URL(fresh.connectionString);
      url.username = role;
      url.password = 'secret';
      expect(await migrate(url.href)).toBe(all.length);
    } finally {
      await db.query(`drop owned by ${role}`);
      await db.query(`drop role ${role}`);
    }
  });
});

describe('a control database', () => {
  it('is opened without a write where that was asked for', async () => {
    const { fresh, db } = await open({ empty: true });
    const control = await openControlDatabase({ connectionString: fresh.connectionString, migrate: false });
    await control.close();
    expect(await schemaStatus(db)).toBe('absent');
  });

  it('that does not answer is told with ST101', async () => {
    await expect(openControlDatabase({ connectionString: 'postgresql://u:p@127.0.0.1:1/x' })).rejects.toMatchObject({
      code: 'ST101',
      retryable: true,
    });
  });
});
