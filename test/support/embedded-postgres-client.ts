/**
 * A process that uses a project's embedded Postgres, for tests that kill it. It is told what to do by lines on its
 * standard input and answers each with one line of JSON: `acquire`, `count` (adds a row, answers how many there are),
 * `release`. It stays until its input ends.
 *
 *     node jiti-cli embedded-postgres-client.ts DIR
 */
import { createInterface } from 'node:readline';
import { type Database, openDatabase } from '../../src/stores/postgres/database.ts';
import { acquireEmbeddedPostgres, type EmbeddedPostgres } from '../../src/stores/postgres/server/embedded.ts';

const dir = process.argv[2] ?? '';
let server: EmbeddedPostgres | undefined;
let db: Database | undefined;

async function obey(word: string): Promise<unknown> {
  switch (word) {
    case 'acquire':
      server = await acquireEmbeddedPostgres({ dir });
      db = openDatabase({ connectionString: server.connectionString, max: 2 });
      return { started: server.started, pid: server.pid, port: Number(new URL(server.connectionString).port) };
    case 'count': {
      await db?.transaction(async (tx) => {
        await tx.query('select pg_advisory_xact_lock(1)');
        await tx.query('create table if not exists public.visits (at timestamptz default now())');
        await tx.query('insert into public.visits default values');
      });
      return (await db?.query('select count(*) as count from public.visits'))?.[0];
    }
    case 'release':
      await db?.close();
      await server?.release();
      return {};
    default:
      throw new Error(`unknown word ${word}`);
  }
}

process.stdout.write(`${JSON.stringify({ pid: process.pid })}\n`);
for await (const word of createInterface({ input: process.stdin })) {
  const answer = await obey(word).catch((error: unknown) => ({ error: String(error) }));
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
