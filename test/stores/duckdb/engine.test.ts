/** The engine's scratch folders: a process that was killed leaves one, the next removes it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createEngine } from '../../../src/stores/duckdb/engine.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../../support/temporary-directory.ts';

let directory: TemporaryDirectory;
beforeEach(async () => {
  directory = await temporaryDirectory();
});
afterEach(() => directory.remove());

it('removes what a dead process left, and nothing of a living one or of another machine', async () => {
  const dead = spawn(process.execPath, ['-e', '0']);
  await once(dead, 'exit');
  const living = `${process.ppid}@${hostname()}~1`;
  const elsewhere = `${dead.pid}@other.example~1`;
  for (const name of [`${dead.pid}@${hostname()}~1`, living, elsewhere, 'notes']) {
    await mkdir(join(directory.path, name));
    await writeFile(join(directory.path, name, 'spilled'), 'rows');
  }
  const engine = createEngine({ tempDirectory: directory.path });
  const scratch = await engine.scratch();
  const names = await readdir(directory.path);
  expect(names.filter((name) => join(directory.path, name) !== scratch).sort()).toEqual(
    [living, elsewhere, 'notes'].sort(),
  );
  await engine.close();
  expect((await readdir(directory.path)).sort()).toEqual([living, elsewhere, 'notes'].sort());
});

it('runs one job at a time, and the next after one that failed', async () => {
  const engine = createEngine({ tempDirectory: directory.path });
  let running = 0;
  const jobs = [0, 1, 2, 3].map((job) =>
    engine.job(undefined, async (session) => {
      running += 1;
      expect(running).toBe(1);
      const [row] = await session.rows<{ zone: string }>("select current_setting('TimeZone') as zone");
      running -= 1;
      if (job === 1) throw new Error('this one failed');
      return row?.zone;
    }),
  );
  const outcomes = await Promise.allSettled(jobs);
  expect(outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : String(outcome.reason)))).toEqual([
    'UTC',
    'Error: this one failed',
    'UTC',
    'UTC',
  ]);
  await engine.close();
  await expect(engine.job(undefined, async () => 1)).rejects.toMatchObject({ code: 'ST104' });
});

it('begins no further statement of a job that was told to end between two', async () => {
  const engine = createEngine({ tempDirectory: directory.path });
  const controller = new AbortController();
  let went = false;
  const job = engine.job(controller.signal, async (session) => {
    await session.run('select 1');
    controller.abort(new Error('enough'));
    await session.run('select 2');
    went = true;
  });
  await expect(job).rejects.toThrow('enough');
  expect(went).toBe(false);
  await engine.close();
});

it('closes what nobody uses for a while, and keeps what somebody does', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const engine = createEngine({ tempDirectory: directory.path });
  const tables = () =>
    engine.job(undefined, async (session) => (await session.rows('select 1 from duckdb_tables()')).length);
  try {
    await engine.job(undefined, (session) => session.run('create table kept (a integer)'));
    const scratch = await engine.scratch();
    await vi.advanceTimersByTimeAsync(29_000);
    expect(await tables()).toBe(1);
    const connection = await engine.connect();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(await tables()).toBe(1);
    engine.disconnect(connection);
    await vi.advanceTimersByTimeAsync(31_000);
    expect(await tables()).toBe(0);
    // Files on their way stay.
    expect(await engine.scratch()).toBe(scratch);
  } finally {
    vi.useRealTimers();
    await engine.close();
  }
  expect(await readdir(directory.path)).toEqual([]);
});
