/**
 * Brings a control database to this program's schema. Right when several processes start at once: each migration is one
 * transaction under one advisory lock and looks again, inside, whether it is still missing. One query when there is
 * nothing to do. A database that a newer program migrated is refused: its rows may mean what this program does not know.
 */
import { MlopsError } from '../../lib/error.ts';
import { type Database, openDatabase, type Queryable, sqlState } from './database.ts';
import { type Migration, readMigrations } from './migrations.ts';

/** Of pg_advisory_xact_lock, the whole database: "mlops" in ASCII. */
const ADVISORY_LOCK = 0x6d6c6f7073;

const ABSENT_SQLSTATES: ReadonlySet<string> = new Set(['42P01', '3F000']);

/** True where a statement failed because the table or the schema is not there. */
export function isAbsent(error: unknown): boolean {
  return ABSENT_SQLSTATES.has(sqlState(error) ?? '');
}

interface Applied {
  readonly version: number;
  readonly name: string;
  readonly checksum: string;
}

/**
 * Migrates and answers how many migrations this call applied. ST102 where the database is newer than this program,
 * ST104 where a migration that it holds differs from this program's.
 */
export async function migrate(
  target: Database | string,
  migrations: readonly Migration[] = readMigrations(),
): Promise<number> {
  if (typeof target === 'string') {
    const db = openDatabase({ connectionString: target, max: 1 });
    try {
      return await migrate(db, migrations);
    } finally {
      await db.close();
    }
  }
  let count = 0;
  for (const migration of missing(await appliedMigrations(target), migrations)) {
    if (await applyOne(target, migration, migrations)) count += 1;
  }
  return count;
}

/**
 * How a database stands to this program, without writing: `absent` was never migrated, `behind` lacks migrations.
 * ST102 and ST104 as of `migrate`.
 */
export async function schemaStatus(
  db: Queryable,
  migrations: readonly Migration[] = readMigrations(),
): Promise<'absent' | 'behind' | 'current'> {
  const applied = await appliedMigrations(db);
  const left = missing(applied, migrations);
  if (applied.length === 0) return 'absent';
  return left.length === 0 ? 'current' : 'behind';
}

async function appliedMigrations(db: Queryable): Promise<readonly Applied[]> {
  try {
    return await db.query<Applied & Record<string, unknown>>(
      'select version, name, checksum from mlops.migrations order by version',
    );
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}

function missing(applied: readonly Applied[], migrations: readonly Migration[]): readonly Migration[] {
  const known = new Map(migrations.map((migration) => [migration.version, migration]));
  const latest = migrations.at(-1)?.version ?? 0;
  const newest = applied.at(-1)?.version ?? 0;
  if (newest > latest) {
    throw new MlopsError('ST102', {
      detail: `The control store has schema version ${newest}; this program knows versions up to ${latest}.`,
      hint: 'update mlops to the version that the others use with this control store',
      data: { databaseVersion: newest, programVersion: latest },
    });
  }
  for (const row of applied) {
    const migration = known.get(row.version);
    if (migration?.checksum !== row.checksum) {
      throw new MlopsError('ST104', {
        detail: `The control store's migration ${row.version} (${row.name}) is not the one that this program has: it was migrated by another build.`,
        hint: 'use the build that migrated it, or a control store of its own for this one',
      });
    }
  }
  const present = new Set(applied.map((row) => row.version));
  return migrations.filter((migration) => !present.has(migration.version));
}

/** False where another process was quicker. */
async function applyOne(db: Database, migration: Migration, migrations: readonly Migration[]): Promise<boolean> {
  return db.transaction(async (tx) => {
    await tx.query('select pg_advisory_xact_lock($1)', [ADVISORY_LOCK]);
    const [schema] = await tx.query<{ schema: boolean; journal: boolean }>(
      `select to_regnamespace('mlops') is not null as schema, to_regclass('mlops.migrations') is not null as journal`,
    );
    // Asked first, because "if not exists" demands the right to create also where the schema is there.
    if (!schema?.schema) await tx.query('create schema mlops');
    if (!schema?.journal) {
      await tx.query(
        `create table mlops.migrations (
           version integer primary key, name text not null, checksum text not null,
           applied_at timestamptz not null default now())`,
      );
    }
    const left = missing(await appliedMigrations(tx), migrations);
    if (!left.some((other) => other.version === migration.version)) return false;
    await tx.query(migration.sql);
    await tx.query('insert into mlops.migrations (version, name, checksum) values ($1, $2, $3)', [
      migration.version,
      migration.name,
      migration.checksum,
    ]);
    return true;
  });
}
