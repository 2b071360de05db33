/**
 * A look at a control store's schema and rights, beside what the migrations make: `schema.json`, which a test holds equal to
 * them. One read-only transaction; nothing is migrated.
 */
import { readFileSync } from 'node:fs';
import type { ControlDifference } from '../control/observed.ts';
import { type Database, type Queryable, quoteIdentifier } from './database.ts';
import { schemaStatus } from './migrate.ts';
import { type Migration, readMigrations } from './migrations.ts';
import { type SchemaObject, schemaDifferences } from './schema-differences.ts';
import { sqlFile } from './sql-file.ts';

/** ST102 and ST104 as of `migrate`. A store that was never used has nothing that could differ. */
export async function inspectControl(db: Database): Promise<readonly ControlDifference[]> {
  const migrations = readMigrations();
  const status = await schemaStatus(db, migrations);
  return db.transaction(
    async (tx) => {
      const found = await describeSchema(tx);
      if (found.length === 0) return [];
      if (status === 'behind') return [await behind(tx, migrations)];
      const expected = JSON.parse(
        readFileSync(new URL('./schema.json', import.meta.url), 'utf8'),
      ) as readonly SchemaObject[];
      return [...schemaDifferences(expected, found, migrations), ...(await rights(tx, expected))];
    },
    { readOnly: true },
  );
}

/** Sorted by kind, table and name. */
export async function describeSchema(tx: Queryable): Promise<readonly SchemaObject[]> {
  // Then names in definitions come out qualified, whatever the role's own path is.
  await tx.query("select set_config('search_path', 'pg_catalog', true)");
  return tx.query<SchemaObject & Record<string, unknown>>(sqlFile('describe-schema'));
}

async function behind(tx: Queryable, migrations: readonly Migration[]): Promise<ControlDifference> {
  const [row] = await tx.query<{ version: number }>('select max(version) as version from mlops.migrations');
  return {
    aspect: 'behind',
    object: 'schema mlops',
    problem: `The schema has version ${row?.version}, this program version ${migrations.at(-1)?.version}: it was not compared.`,
    fix: 'mlops apply brings it up to date',
  };
}

async function rights(tx: Queryable, expected: readonly SchemaObject[]): Promise<readonly ControlDifference[]> {
  const appendOnly = expected
    .filter(({ kind, definition }) => kind === 'trigger' && definition.endsWith('mlops.refuse_change()'))
    .map(({ table }) => table);
  const rows = await tx.query<{ table: string; grantee: string | null; privileges: readonly string[] }>(
    sqlFile('describe-rights'),
    [appendOnly],
  );
  const [who] = await tx.query<{ role: string; usage: boolean }>(
    "select current_user::text as role, has_schema_privilege(current_user, 'mlops', 'USAGE') as usage",
  );
  const role = who?.role ?? '';
  const to = quoteIdentifier(role);
  const noUsage: readonly ControlDifference[] =
    who?.usage === false
      ? [
          {
            aspect: 'privilege',
            object: 'schema mlops',
            problem: `The role ${role} may not use the schema mlops.`,
            fix: `run as its owner: grant usage on schema mlops to ${to};`,
          },
        ]
      : [];
  return [
    ...noUsage,
    ...rows.map(({ table, grantee, privileges }): ControlDifference => {
      const list = privileges.join(', ');
      if (grantee === null)
        return {
          aspect: 'privilege',
          object: `mlops.${table}`,
          problem: `The role ${role}, as which this environment connects, lacks ${list} on mlops.${table}.`,
          fix: `run as its owner: grant ${list} on mlops.${table} to ${to};`,
        };
      const everybody = grantee === 'PUBLIC';
      return {
        aspect: 'grant',
        object: `mlops.${table}`,
        problem: `${everybody ? 'Everybody (PUBLIC)' : `The role ${grantee}`} was granted ${list} on mlops.${table}, which is append-only and written by this program alone.`,
        fix: `run as its owner: revoke ${list} on mlops.${table} from ${everybody ? 'public' : quoteIdentifier(grantee)};`,
      };
    }),
  ];
}
