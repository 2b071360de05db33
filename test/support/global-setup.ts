/**
 * One Postgres for a run of the tests: the embedded one in a directory of its own, or, where MLOPS_TEST_POSTGRES_URL is
 * set, that server. A database with all migrations is made once; `freshDatabase` clones it.
 */
import { randomBytes } from 'node:crypto';
import type { TestProject } from 'vitest/node';
import { openDatabase } from '../../src/stores/postgres/database.ts';
import { migrate } from '../../src/stores/postgres/migrate.ts';
import { acquireEmbeddedPostgres } from '../../src/stores/postgres/server/embedded.ts';
import { temporaryDirectory } from './temporary-directory.ts';

declare module 'vitest' {
  interface ProvidedContext {
    readonly testPostgres: { readonly adminUrl: string; readonly template: string };
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env['MLOPS_TEST_POSTGRES_URL'];
  const directory = await temporaryDirectory('mlops-test-run-');
  const server = given === undefined ? await acquireEmbeddedPostgres({ dir: `${directory.path}/.mlops` }) : undefined;
  const adminUrl = given ?? server?.connectionString ?? '';
  const template = `mlops_test_template_${randomBytes(6).toString('hex')}`;
  const admin = openDatabase({ connectionString: adminUrl, max: 1 });
  await admin.query(`create database ${template}`);
  const url = new URL(adminUrl);
  url.pathname = `/${template}`;
  await migrate(url.href);
  project.provide('testPostgres', { adminUrl, template });
  return async () => {
    await admin.query(`drop database if exists ${template} with (force)`);
    await admin.close();
    await server?.release();
    await directory.remove();
  };
}
