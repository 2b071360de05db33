/** A server of the suite's own: it is hurt, and so is what runs on it. */
import { afterAll, beforeAll } from 'vitest';
import { openControlDatabase } from '../../src/stores/postgres/control-database.ts';
import { acquireEmbeddedPostgres, type EmbeddedPostgres } from '../../src/stores/postgres/server/embedded.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';

/** Call it at the top of a suite; the server is there while its tests run. */
export function ownServer(): () => EmbeddedPostgres {
  let directory: TemporaryDirectory;
  let server: EmbeddedPostgres;
  beforeAll(async () => {
    directory = await temporaryDirectory();
    server = await acquireEmbeddedPostgres({ dir: `${directory.path}/.mlops` });
    await (await openControlDatabase({ connectionString: server.connectionString })).close();
  });
  afterAll(async () => {
    await server.release();
    await directory.remove();
  });
  return () => server;
}
