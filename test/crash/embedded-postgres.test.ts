/** The embedded Postgres among processes that come, go and are killed. */
import { execFileSync } from 'node:child_process';
import { utimesSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/stores/postgres/database.ts';
import { acquireEmbeddedPostgres, type EmbeddedPostgres } from '../../src/stores/postgres/server/embedded.ts';
import { pidExists } from '../../src/stores/postgres/server/process-identity.ts';
import { type ChildClient, startClient } from '../support/child-client.ts';
import { eventually } from '../support/eventually.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';

let made: TemporaryDirectory;
let temporary: TemporaryDirectory;
let dir: string;
const clients: ChildClient[] = [];

beforeAll(async () => {
  made = await temporaryDirectory();
  await (await acquireEmbeddedPostgres({ dir: join(made.path, '.mlops') })).release();
});
afterAll(() => made.remove());
beforeEach(async () => {
  temporary = await temporaryDirectory();
  dir = join(temporary.path, '.mlops');
  // A project whose database is there already: making one takes longer than most tests.
  execFileSync('cp', ['-a', join(made.path, '.mlops'), dir]);
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.kill();
  // Comes, clears away what the killed ones left, and is the last to leave.
  const server = await acquireEmbeddedPostgres({ dir });
  await server.release();
  expect(pidExists(server.pid)).toBe(false);
  await temporary.remove();
});

async function client(): Promise<ChildClient> {
  const started = await startClient(dir);
  clients.push(started);
  return started;
}

async function count(server: EmbeddedPostgres): Promise<number | undefined> {
  const db = openDatabase({ connectionString: server.connectionString, max: 1 });
  try {
    return (await db.query<{ count: number }>('select count(*) as count from public.visits'))[0]?.count;
  } finally {
    await db.close();
  }
}

describe('the embedded Postgres', () => {
  it('is started by whoever comes first and stopped by whoever leaves last', async () => {
    const first = await acquireEmbeddedPostgres({ dir });
    const second = await acquireEmbeddedPostgres({ dir });
    const third = await client();
    expect([first.started, second.started]).toEqual([true, false]);
    expect(await third.ask('acquire')).toMatchObject({ started: false, pid: first.pid });
    await first.release();
    await second.release();
    expect((await third.ask('count')).count).toBe(1);
    await third.ask('release');
    expect(pidExists(first.pid)).toBe(false);
    const again = await acquireEmbeddedPostgres({ dir });
    expect(again.started).toBe(true);
    expect(await count(again)).toBe(1);
    await again.release();
    await again.release();
  });

  it('keeps its password to its owner and out of every command line', async () => {
    const server = await acquireEmbeddedPostgres({ dir });
    const { password } = new URL(server.connectionString);
    expect((await stat(join(dir, 'credentials'))).mode & 0o777).toBe(0o600);
    expect(execFileSync('ps', ['axww', '-o', 'command'], { encoding: 'utf8' })).not.toContain(password);
    expect(await readFile(join(dir, 'logs', 'postgres.log'), 'utf8')).not.toContain(password);
    const wrong = openDatabase({ connectionString: server.connectionString.replace(password, 'guess'), max: 1 });
    await expect(wrong.query('select 1')).rejects.toMatchObject({ code: 'ST101' });
    await wrong.close();
    await server.release();
  });

  it('outlives a client that is killed, and stops when the last that is alive leaves', async () => {
    const killed = await client();
    const stays = await client();
    const { pid } = await killed.ask('acquire');
    await stays.ask('acquire');
    await killed.kill();
    expect((await stays.ask('count')).count).toBe(1);
    await stays.ask('release');
    expect(pidExists(pid)).toBe(false);
    expect(await readdir(join(dir, 'postgres', 'clients'))).toEqual([]);
  });

  it('is found running by the next comer when every client was killed', async () => {
    const [a, b] = [await client(), await client()];
    const { pid } = await a.ask('acquire');
    await b.ask('acquire');
    await a.ask('count');
    await Promise.all([a.kill(), b.kill()]);
    const next = await acquireEmbeddedPostgres({ dir });
    expect(next).toMatchObject({ started: false, pid });
    expect(await count(next)).toBe(1);
    await next.release();
    expect(pidExists(pid)).toBe(false);
  });

  it('starts again with all that was committed when everything was killed, the server included', async () => {
    const a = await client();
    const { pid, port } = await a.ask('acquire');
    for (let row = 0; row < 5; row += 1) await a.ask('count');
    process.kill(pid, 'SIGKILL');
    await a.kill();
    const next = await acquireEmbeddedPostgres({ dir });
    expect(next.started).toBe(true);
    expect(Number(new URL(next.connectionString).port)).toBe(port);
    expect(await count(next)).toBe(5);
    await next.release();
  });

  it('is started again by a client that is still there, in the same place', async () => {
    const server = await acquireEmbeddedPostgres({ dir });
    const before = server.pid;
    process.kill(before, 'SIGKILL');
    const db = openDatabase({ connectionString: server.connectionString });
    await eventually(() => db.query('select 1'), 20_000);
    expect(server.pid).not.toBe(before);
    await db.close();
    await server.release();
  });

  it('starts although its pid file names a process that is now another program', async () => {
    const server = await acquireEmbeddedPostgres({ dir });
    process.kill(server.pid, 'SIGKILL');
    await server.release();
    const file = join(dir, 'postgres', 'data', 'postmaster.pid');
    const rest = (await readFile(file, 'utf8')).split('\n').slice(1).join('\n');
    await writeFile(file, `${process.pid}\n${rest}`);
    const next = await acquireEmbeddedPostgres({ dir });
    expect(next.started).toBe(true);
    await next.release();
  });

  it('takes another port where its own was taken in between', async () => {
    const server = await acquireEmbeddedPostgres({ dir });
    const port = Number(new URL(server.connectionString).port);
    process.kill(server.pid, 'SIGKILL');
    await eventually(() => expect(pidExists(server.pid)).toBe(false));
    const squatter = createServer();
    await eventually(
      () =>
        new Promise<void>((resolve, reject) =>
          squatter.once('error', reject).listen(port, '127.0.0.1', () => resolve()),
        ),
    );
    const next = await acquireEmbeddedPostgres({ dir });
    expect(Number(new URL(next.connectionString).port)).not.toBe(port);
    await next.release();
    await new Promise((resolve) => squatter.close(resolve));
    await server.release();
  });

  it('is made anew where the first making was killed half-way', async () => {
    await rm(dir, { recursive: true });
    for (const ms of [60, 250, 450]) {
      const cut = await client();
      const acquiring = cut.ask('acquire').catch(() => undefined);
      const until = performance.now() + ms;
      await eventually(() => expect(performance.now()).toBeGreaterThan(until), 5_000, 5);
      await cut.kill();
      await acquiring;
    }
    const server = await acquireEmbeddedPostgres({ dir });
    const db = openDatabase({ connectionString: server.connectionString, max: 1 });
    expect(await db.query('select 1 as one')).toEqual([{ one: 1 }]);
    await db.close();
    await server.release();
    // The start after that has nobody left to wait for.
    await (await acquireEmbeddedPostgres({ dir })).release();
    expect((await readdir(join(dir, 'postgres'))).filter((name) => name.startsWith('data.making'))).toEqual([]);
  });

  it('serves eight processes that come and go at once, some of them killed, and loses nothing', async () => {
    const started = await Promise.all(Array.from({ length: 8 }, client));
    let committed = 0;
    await Promise.all(
      started.map(async (each, index) => {
        for (let round = 0; round < 4; round += 1) {
          await each.ask('acquire');
          await each.ask('count');
          committed += 1;
          if (index < 3 && round === 2) return each.kill();
          await each.ask('release');
        }
        return each.end();
      }),
    );
    expect(committed).toBe(5 * 4 + 3 * 3);
    const last = await acquireEmbeddedPostgres({ dir });
    expect(await count(last)).toBe(committed);
    await last.release();
    expect((await readdir(join(dir, 'postgres'))).filter((name) => name.startsWith('mutex.'))).toHaveLength(1);
  });

  it('says what is wrong where it cannot start', async () => {
    const server = await acquireEmbeddedPostgres({ dir });
    await server.release();
    const version = join(dir, 'postgres', 'data', 'PG_VERSION');
    await writeFile(version, '9\n');
    await expect(acquireEmbeddedPostgres({ dir })).rejects.toMatchObject({
      code: 'ST103',
      detail: expect.stringContaining('not compatible'),
    });
    await writeFile(version, '18\n');
  });

  it('gets a new password where the file with it was lost, but not under those who use it', async () => {
    const server = await acquireEmbeddedPostgres({ dir });
    await rm(join(dir, 'credentials'));
    await expect(acquireEmbeddedPostgres({ dir })).rejects.toMatchObject({ code: 'ST103' });
    await server.release();
    const next = await acquireEmbeddedPostgres({ dir });
    expect(next.connectionString).not.toBe(server.connectionString);
    const db = openDatabase({ connectionString: next.connectionString, max: 1 });
    expect(await db.query('select 1 as one')).toEqual([{ one: 1 }]);
    await db.close();
    await next.release();
  });

  it('runs in a session of its own, where Ctrl-C in a terminal does not come', async () => {
    const server = await acquireEmbeddedPostgres({ dir });
    const group = execFileSync('ps', ['-o', 'pgid=', '-p', String(server.pid)], { encoding: 'utf8' });
    expect(Number(group)).toBe(server.pid);
    await server.release();
  });

  it('does not start beside a process of another container that uses the same files', async () => {
    const elsewhere = join(dir, 'postgres', 'clients', '1-1-00000000.00000000');
    await writeFile(elsewhere, '');
    const heartbeat = setInterval(() => utimesSync(elsewhere, new Date(), new Date()), 200);
    try {
      await expect(acquireEmbeddedPostgres({ dir })).rejects.toMatchObject({
        code: 'ST103',
        detail: expect.stringContaining('another container'),
      });
    } finally {
      clearInterval(heartbeat);
    }
    // Killed there: it touches its lease no more.
    const nineSecondsAgo = new Date(Date.now() - 9_000);
    await utimes(elsewhere, nineSecondsAgo, nineSecondsAgo);
    const server = await acquireEmbeddedPostgres({ dir });
    expect(server.started).toBe(true);
    await server.release();
    expect(await readdir(join(dir, 'postgres', 'clients'))).toEqual([]);
  });

  it('stops waiting when it is told to', async () => {
    const abort = new AbortController();
    const acquiring = acquireEmbeddedPostgres({ dir, signal: abort.signal });
    abort.abort();
    await expect(acquiring).rejects.toMatchObject({ name: 'AbortError' });
  });
});

describe('the place of a project', () => {
  it('may be a long path with spaces and letters of any language', async () => {
    const odd = join(temporary.path, 'lab œuvre '.repeat(8), 'x'.repeat(120), '.mlops');
    const server = await acquireEmbeddedPostgres({ dir: odd });
    const db = openDatabase({ connectionString: server.connectionString, max: 1 });
    const [row] = await db.query<{ path: string }>(`select current_setting('data_directory') as path`);
    expect(row?.path).toBe(join(odd, 'postgres', 'data'));
    await db.close();
    await server.release();
  });

  it.runIf(process.getuid?.() === 0)('may be closed to the account that runs the server for root', async () => {
    const closed = join(temporary.path, 'closed');
    await mkdir(closed);
    await chmod(closed, 0o700);
    const inside = join(closed, '.mlops');
    const first = await acquireEmbeddedPostgres({ dir: inside });
    const pointer = JSON.parse(await readFile(join(inside, 'postgres', 'location'), 'utf8')) as { home: string };
    try {
      expect(pointer.home.startsWith(closed)).toBe(false);
      expect((await stat(join(pointer.home, 'data'))).mode & 0o777).toBe(0o700);
      await first.release();
      const again = await acquireEmbeddedPostgres({ dir: inside });
      expect(again.started).toBe(true);
      await again.release();
    } finally {
      await first.release();
      await rm(pointer.home, { recursive: true });
    }
  });
});
