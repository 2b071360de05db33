/**
 * The store's own schema in the warehouse: migrations and functions, each brought up to date in one transaction under one lock.
 * Only what writes does so; a look finds nothing where nothing was ever written.
 */
import { readFileSync } from 'node:fs';
import { sha256 } from '../../../lib/canonical.ts';
import { MlopsError } from '../../../lib/error.ts';
import { isAbsent } from '../migrate.ts';
import { readMigrations } from '../migrations.ts';
import { literal } from './sql.ts';
import type { Session, Warehouse } from './warehouse.ts';

/** Of Postgres, as `server_version_num`. */
export const OLDEST_SERVER = 13;

/** Of pg_advisory_xact_lock with the schema's name beside it: "mlop" in ASCII. */
const ADVISORY_LOCK = 0x6d6c6f70;

/** The longest name of Postgres, in bytes. */
export const LONGEST_NAME = 63;

/** One a project and environment. Names of these hold no colon, so two never meet. */
export function schemaOf(project: string, environment: string): string {
  const name = `mlops:${project}:${environment}`;
  if (name.length <= LONGEST_NAME) return name;
  return `${name.slice(0, LONGEST_NAME - 17)}:${sha256(name).slice(0, 16)}`;
}

function migrationsOf(): readonly {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}[] {
  return readMigrations(new URL('./migrations/', import.meta.url));
}

/** What translated queries call. */
export function functionsSql(): string {
  return readFileSync(new URL('./sql/functions.sql', import.meta.url), 'utf8').replaceAll('\r\n', '\n');
}

/** Version 0 of the list of what was applied: the functions, which are replaced as a whole. */
const FUNCTIONS = 0;

interface Applied {
  readonly version: number;
  readonly checksum: string;
}

/** Undefined where nothing was ever written. */
async function applied({ schema }: Warehouse, session: Session): Promise<readonly Applied[] | undefined> {
  try {
    return await session.query<Applied & Record<string, unknown>>(
      `select version, checksum from ${schema}.migrations order by version`,
    );
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/** Brings the schema up to date. ST131 where the server is too old or refuses a right, ST132 where a newer program wrote it. */
export async function ensureSchema(warehouse: Warehouse): Promise<void> {
  await warehouse.job(undefined, async (session) => {
    await refuseOld(session);
    if (isCurrent(await applied(warehouse, session))) return;
    await session.transaction(async () => {
      await session.query('select pg_advisory_xact_lock($1, hashtext($2))', [ADVISORY_LOCK, warehouse.schemaName]);
      const [found] = await session.query<{ there: boolean; listed: boolean }>(
        'select to_regnamespace($1) is not null as there, to_regclass($2) is not null as listed',
        [warehouse.schema, `${warehouse.schema}.migrations`],
      );
      // Asked first, because "if not exists" demands the right to create also where the schema is there.
      if (found?.there !== true) await session.run(`create schema ${warehouse.schema}`);
      if (found?.listed !== true)
        await session.run(
          `create table ${warehouse.schema}.migrations (version integer primary key, checksum text not null, applied_at timestamptz not null default now())`,
        );
      const done = new Set(((await applied(warehouse, session)) ?? []).map(({ version }) => version));
      for (const { version, sql, checksum } of migrationsOf()) {
        if (done.has(version)) continue;
        await session.run(sql);
        await session.query(`insert into ${warehouse.schema}.migrations (version, checksum) values ($1, $2)`, [
          version,
          checksum,
        ]);
      }
      const functions = functionsSql();
      await session.run(functions);
      await session.query(
        `insert into ${warehouse.schema}.migrations (version, checksum) values (${FUNCTIONS}, $1)
         on conflict (version) do update set checksum = excluded.checksum, applied_at = now()`,
        [sha256(functions)],
      );
    });
  });
}

export async function refuseOld(session: Session): Promise<void> {
  const [server] = await session.query<{ version: string; encoding: string }>(
    "select current_setting('server_version') as version, current_setting('server_encoding') as encoding",
  );
  const version = server?.version ?? '0';
  if (Number.parseInt(version, 10) < OLDEST_SERVER) {
    throw new MlopsError('ST131', {
      detail: `The Postgres of the offline store is version ${version}; the oldest that will do is ${OLDEST_SERVER}.`,
      hint: `use Postgres ${OLDEST_SERVER} or later`,
    });
  }
  if (server?.encoding !== 'UTF8') {
    throw new MlopsError('ST131', {
      detail: `The database of the offline store holds text as ${server?.encoding}; it must be UTF8.`,
      hint: "create database … encoding 'UTF8' template template0",
    });
  }
}

function isCurrent(found: readonly Applied[] | undefined): boolean {
  if (found === undefined) return false;
  const migrations = migrationsOf();
  const latest = migrations.at(-1)?.version ?? 0;
  const newest = found.at(-1)?.version ?? 0;
  if (newest > latest) {
    throw new MlopsError('ST132', {
      detail: `The offline store has schema version ${newest}; this program knows versions up to ${latest}.`,
      hint: 'update mlops to the version that the others use with this store',
      data: { storeVersion: newest, programVersion: latest },
    });
  }
  const functions = found.find(({ version }) => version === FUNCTIONS)?.checksum === sha256(functionsSql());
  return functions && migrations.every((one) => found.some(({ version }) => version === one.version));
}

/** Whether the functions that translated queries call are there. */
export async function hasSchema({ schema }: Warehouse, session: Session): Promise<boolean> {
  const [found] = await session.query<{ there: boolean }>(
    `select to_regprocedure(${literal(`${schema}.mlops_year(timestamp)`)}) is not null as there`,
  );
  return found?.there === true;
}
