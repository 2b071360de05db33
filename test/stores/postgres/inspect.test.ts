/** What a look at the control store finds, and that each fix that it prints works. */
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../../src/stores/postgres/database.ts';
import { describeSchema, inspectControl } from '../../../src/stores/postgres/inspect.ts';
import { readMigrations } from '../../../src/stores/postgres/migrations.ts';
import { type SchemaObject, schemaDifferences } from '../../../src/stores/postgres/schema-differences.ts';
import { type FreshDatabase, freshDatabase } from '../../support/postgres.ts';

const file = new URL('../../../src/stores/postgres/schema.json', import.meta.url);
let fresh: FreshDatabase;
let db: Database;

beforeAll(async () => {
  fresh = await freshDatabase();
  db = openDatabase({ connectionString: fresh.connectionString, max: 2 });
});
afterAll(async () => {
  await db.close();
  await fresh.drop();
});

const described = (): Promise<readonly SchemaObject[]> => db.transaction(describeSchema, { readOnly: true });
const sqlOf = (fix: string): string => fix.replace(/^[^:]+: /, '');

/** Breaks it, sees it told, runs what the fix says, and sees it whole. */
async function breakAndFix(...statements: readonly string[]) {
  for (const statement of statements) await db.query(statement);
  const found = await inspectControl(db);
  for (const { fix } of found) await db.query(sqlOf(fix));
  expect(await inspectControl(db)).toEqual([]);
  return found.map(({ aspect, problem }) => `${aspect}: ${problem}`);
}

it('schema.json is what the migrations make. UPDATE=1 writes it after a new migration', async () => {
  const text = `[\n${(await described()).map((object) => `  ${JSON.stringify(object)}`).join(',\n')}\n]\n`;
  if (process.env['UPDATE'] === '1') writeFileSync(file, text);
  expect(readFileSync(file, 'utf8')).toBe(text);
});

describe('a look at the control store', () => {
  it('finds nothing in one that was just migrated, or never', async () => {
    expect(await inspectControl(db)).toEqual([]);
    const never = await freshDatabase({ empty: true });
    const other = openDatabase({ connectionString: never.connectionString, max: 1 });
    expect(await inspectControl(other)).toEqual([]);
    expect(await other.query("select 1 from pg_namespace where nspname = 'mlops'")).toEqual([]);
    await other.close();
    await never.drop();
  });

  it('finds columns that are gone, retyped, nullable or without their default', async () => {
    expect(
      await breakAndFix(
        'alter table mlops.applies drop column git_commit',
        'alter table mlops.applies alter column changes type bigint',
        'alter table mlops.locks alter column since drop default',
        'alter table mlops.resources alter column digest drop not null',
        'alter table mlops.scopes alter column serial set default 5',
        'alter table mlops.audit_log alter column entry_id drop identity',
      ),
    ).toEqual([
      'schema: The column mlops.applies.changes is bigint not null; the migrations make it integer not null.',
      'schema: The column mlops.applies.git_commit is missing.',
      expect.stringContaining(
        'mlops.audit_log.entry_id is bigint not null; the migrations make it bigint generated always as identity',
      ),
      expect.stringContaining('mlops.locks.since is timestamp with time zone not null; the migrations make it'),
      expect.stringContaining('mlops.resources.digest is text; the migrations make it text not null'),
      expect.stringContaining('mlops.scopes.serial is bigint default 5 not null'),
    ]);
  });

  it('finds indexes, constraints, keys and sequences', async () => {
    const found = await breakAndFix(
      'drop index mlops.applies_newest',
      'drop index mlops.applies_open',
      'create index applies_open on mlops.applies (scope_id)',
      'alter table mlops.resources drop constraint resources_status_check',
      'alter table mlops.locks drop constraint locks_scope_id_fkey',
      'alter table mlops.apply_steps drop constraint apply_steps_pkey',
      'drop sequence mlops.feature_sequence',
    );
    expect(found).toHaveLength(6);
    expect(found.join('\n')).toContain('The index applies_newest of mlops.applies is missing.');
    expect(found.join('\n')).toContain('index applies_open of mlops.applies is CREATE INDEX applies_open');
    expect(found.join('\n')).toContain('The constraint resources_status_check of mlops.resources is missing.');
    expect(found.join('\n')).toContain('The sequence mlops.feature_sequence is missing.');
  });

  it('finds append-only triggers that are disabled or dropped, and a function that lets all pass', async () => {
    expect(
      await breakAndFix(
        'alter table mlops.audit_log disable trigger audit_log_is_append_only',
        'drop trigger stage_moves_is_append_only on mlops.stage_moves',
        'create or replace function mlops.refuse_change() returns trigger language plpgsql as $$ begin return null; end $$',
      ),
    ).toEqual([
      expect.stringMatching(/^guard: The function mlops\.refuse_change has another body/),
      'guard: The trigger audit_log_is_append_only of mlops.audit_log is disabled.',
      'guard: The trigger stage_moves_is_append_only of mlops.stage_moves is missing.',
    ]);
    await expect(db.query('truncate mlops.audit_log')).rejects.toThrow('append-only');
  });

  it('finds what the functions of the program were changed to', async () => {
    const found = await breakAndFix('drop function mlops.current_pipeline(bigint, text)');
    expect(found).toEqual(['schema: The function mlops.current_pipeline is missing.']);
  });

  it('finds every table that is missing, and makes it as the migrations do', async () => {
    const tables = (await described()).filter(({ kind }) => kind === 'table').map(({ name }) => name);
    expect(tables.length).toBeGreaterThan(15);
    const before = await described();
    for (const table of tables) {
      const found = await breakAndFix(`drop table mlops."${table}" cascade`);
      expect(found[0]).toBe(`table: The table mlops.${table} is missing, with every row that it had.`);
    }
    expect(await described()).toEqual(before);
    // All at once, and migrating finds nothing to do after it.
    await breakAndFix(...tables.map((table) => `drop table mlops."${table}" cascade`));
    expect(await described()).toEqual(before);
  }, 60_000);

  it('leaves what others added alone', async () => {
    await db.query('create table mlops.notes (x int)');
    await db.query('alter table mlops.applies add column note text');
    await db.query('create index mine on mlops.applies (who)');
    expect(await inspectControl(db)).toEqual([]);
    await db.query('drop table mlops.notes');
    await db.query('alter table mlops.applies drop column note');
    await db.query('drop index mlops.mine');
  });

  it('finds who was granted writes on the audit log, but no role of the program itself', async () => {
    await db.query('create role "Auditor\'s"');
    await db.query('create role program_role');
    try {
      await db.query('grant select, insert, update, delete on mlops.audit_log to "Auditor\'s"');
      await db.query('grant insert on mlops.stage_moves to public');
      await db.query('grant select, insert on mlops.audit_log, mlops.resources to program_role');
      expect(await breakAndFix()).toEqual([
        "grant: The role Auditor's was granted DELETE, INSERT, UPDATE on mlops.audit_log, which is append-only and written by this program alone.",
        expect.stringContaining('grant: Everybody (PUBLIC) was granted INSERT on mlops.stage_moves'),
      ]);
    } finally {
      for (const role of ['"Auditor\'s"', 'program_role']) {
        await db.query(`drop owned by ${role}`);
        await db.query(`drop role ${role}`);
      }
    }
  });

  it('finds what the connecting role may not do, also where it may do nothing at all', async () => {
    await db.query("create role weak login password 'weak'");
    const url = new URL(fresh.connectionString);
    url.username = 'weak';
    url.password = 'weak';
    const weak = openDatabase({ connectionString: url.href, max: 1 });
    try {
      await db.query('grant usage on schema mlops to weak');
      await db.query('grant select, insert, update, delete on all tables in schema mlops to weak');
      expect(await inspectControl(weak)).toEqual([]);
      await db.query('revoke insert, update on mlops.resources from weak');
      await db.query('revoke select on mlops.audit_log from weak');
      const found = await inspectControl(weak);
      expect(found.map(({ problem }) => problem)).toEqual([
        'The role weak, as which this environment connects, lacks SELECT on mlops.audit_log.',
        'The role weak, as which this environment connects, lacks INSERT, UPDATE on mlops.resources.',
      ]);
      for (const { fix } of found) await db.query(sqlOf(fix));
      expect(await inspectControl(weak)).toEqual([]);
    } finally {
      await weak.close();
      await db.query('drop owned by weak');
      await db.query('drop role weak');
    }
  });

  it('says that it was not compared where the store is behind this program', async () => {
    await db.query('delete from mlops.migrations where version = (select max(version) from mlops.migrations)');
    expect(await inspectControl(db)).toMatchObject([
      { aspect: 'behind', problem: expect.stringContaining('not compared') },
    ]);
    const last = readMigrations().at(-1);
    await db.query('insert into mlops.migrations (version, name, checksum) values ($1, $2, $3)', [
      last?.version,
      last?.name,
      last?.checksum,
    ]);
    expect(await inspectControl(db)).toEqual([]);
  });
});

it('compares without a database', () => {
  const expected = JSON.parse(readFileSync(file, 'utf8')) as SchemaObject[];
  expect(schemaDifferences(expected, expected, [])).toEqual([]);
  expect(schemaDifferences(expected, [], readMigrations()).filter(({ aspect }) => aspect === 'table')).toHaveLength(
    expected.filter(({ kind }) => kind === 'table').length,
  );
});
