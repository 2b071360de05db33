/** The schema's migrations as they lie beside this file: numbered from 1, append-only, each one transaction. */
import { readdirSync, readFileSync } from 'node:fs';
import { invariant } from '../../lib/assert.ts';
import { sha256 } from '../../lib/canonical.ts';

export interface Migration {
  /** From 1. */
  readonly version: number;
  readonly name: string;
  readonly sql: string;
  /** SHA-256 of the text with Unix line ends, so that a checkout on Windows has the same. */
  readonly checksum: string;
}

const FILE_NAME = /^(\d{4})_([a-z0-9_]+)\.sql$/;

/** In the order in which they are applied. */
export function readMigrations(directory: URL = new URL('./migrations/', import.meta.url)): readonly Migration[] {
  const migrations: Migration[] = [];
  for (const file of readdirSync(directory).sort()) {
    const [, number, name] = FILE_NAME.exec(file) ?? [];
    if (number === undefined || name === undefined) continue;
    const sql = readFileSync(new URL(file, directory), 'utf8').replaceAll('\r\n', '\n');
    const migration = { version: Number(number), name, sql, checksum: sha256(sql) };
    const twin = migrations.find((other) => other.version === migration.version);
    invariant(twin === undefined, `two migrations have the number ${number}: ${twin?.name} and ${name}`);
    migrations.push(migration);
  }
  return migrations;
}
