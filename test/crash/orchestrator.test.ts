import { type ChildProcess, spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { processStartedAt } from '../../src/orchestrator/machine.ts';
import type { Orchestrator } from '../../src/orchestrator/orchestrator.ts';
import { collect, ended, MANUAL, openRig, pipelineOf, type Rig, taskOf, until } from '../support/orchestrator.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';
import type { Boundary, ChildOptions } from './orchestrator-child.ts';

const JITI = fileURLToPath(new URL('../../node_modules/jiti/lib/jiti-cli.mjs', import.meta.url));
const SCRIPT = fileURLToPath(new URL('./orchestrator-child.ts', import.meta.url));

let database: FreshDatabase;
let rig: Rig;
let watcher: Orchestrator;
let children: Child[] = [];

interface Child {
  readonly process: ChildProcess;
  readonly ready: Promise<void>;
  readonly gone: Promise<void>;
}

beforeEach(async () => {
  database = await freshDatabase();
  rig = await openRig(database.connectionString);
  watcher = rig.open();
});
afterEach(async () => {
  for (const child of children) child.process.kill('SIGKILL');
  await Promise.all(children.map((child) => child.gone));
  children = [];
  await rig.close();
  await database.drop();
});

/** A clock that is ahead by so much, or behind, in every thread of a process. */
const clockAhead = (byMs: number): NodeJS.ProcessEnv => {
  const code = `const Real = Date; globalThis.Date = class extends Real {
    constructor(...parts) { if (parts.length === 0) super(Real.now() + ${byMs}); else super(...parts); }
    static now() { return Real.now() + ${byMs}; }
  };`;
  // Threads take these options from the environment.
  return { ...process.env, NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(code)}` };
};

function start({ clockAheadMs, ...options }: Partial<ChildOptions> & { readonly clockAheadMs?: number } = {}): Child {
  const all: ChildOptions = {
    connectionString: database.connectionString,
    scopeId: rig.scopeId,
    workdir: rig.workdir,
    ...options,
  };
  const child = spawn(process.execPath, [JITI, SCRIPT, JSON.stringify(all)], {
    stdio: ['pipe', 'pipe', 'inherit'],
    ...(clockAheadMs !== undefined && { env: clockAhead(clockAheadMs) }),
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const ready = lines.next().then(() => undefined);
  const started = { process: child, ready, gone };
  children.push(started);
  return started;
}

const alive = (pid: number): boolean => processStartedAt(pid) !== undefined;
/** Leaves a mark, says which processes it is, and waits until the file `go` is there; ignores being asked to end. */
const task = (more: object = {}) => ({
  operator: 'command' as const,
  command: `trap '' TERM; echo "$MLOPS_ATTEMPT" >> "$MARKS"; sleep 1000 & echo "pids $$ $!"; while [ ! -e "$GO" ]; do sleep 0.05; done`,
  env: { MARKS: join(rig.workdir, 'marks'), GO: join(rig.workdir, 'go') },
  ...more,
});
const marks = async (): Promise<string[]> =>
  (await readFile(join(rig.workdir, 'marks'), 'utf8').catch(() => '')).split('\n').filter(Boolean);
const submit = async (tasks: Parameters<typeof pipelineOf>[0]): Promise<string> =>
  (await watcher.submit({ pipeline: pipelineOf(tasks), cause: MANUAL })).runId;

async function pids(runId: string, attempt: number): Promise<number[]> {
  return until(`attempt ${attempt} prints its numbers`, async () => {
    if (taskOf((await watcher.get(runId))!, 'a').attempt < attempt) return undefined;
    const text = (await collect(watcher.logs(runId, 'a', { attempt, signal: AbortSignal.timeout(10_000) }))).join('');
    const match = /pids (\d+) (\d+)/.exec(text);
    return match === null ? undefined : [Number(match[1]), Number(match[2])];
  });
}

const go = (): Promise<void> => writeFile(join(rig.workdir, 'go'), '');

async function liveLeases(): Promise<number> {
  return (await rig.db.query('select 1 from mlops.task_attempts where ended_at is null')).length;
}

describe('a daemon killed with -9', () => {
  it('takes its programs with it, and the next one runs the task again at once', async () => {
    const first = start();
    await first.ready;
    const runId = await submit({ a: task() });
    const before = await pids(runId, 1);
    expect(before.map(alive)).toEqual([true, true]);
    first.process.kill('SIGKILL');
    await first.gone;
    await until('its programs are gone', () => before.every((pid) => !alive(pid)));
    start();
    await pids(runId, 2);
    await go();
    const run = await ended(watcher, runId);
    expect(taskOf(run, 'a')).toMatchObject({ status: 'succeeded', attempt: 2 });
    expect(await marks()).toEqual(['1', '2']);
    const events = await collect(watcher.events(runId, { signal: AbortSignal.timeout(5000) }));
    expect(events.map((event) => event.status)).toContain('crashed');
    expect(await liveLeases()).toBe(0);
  });

  it.each<[Boundary, string[]]>([
    ['claim', ['1']],
    ['claimed', ['2']],
    ['record', ['2']],
    ['recorded', ['2']],
    ['end', ['1', '2']],
    ['ended', ['1']],
  ])('at the boundary "%s" loses no task and starts no program that nobody knows of', async (dieAt, expected) => {
    await go();
    const runId = await submit({ a: task(), b: { needs: ['a'] } });
    const first = start({ dieAt });
    await first.gone;
    start();
    const run = await ended(watcher, runId);
    expect(run.status).toBe('succeeded');
    expect(await marks()).toEqual(expected);
    expect(taskOf(run, 'a').attempt).toBe(Number(expected.at(-1)));
    expect(await liveLeases()).toBe(0);
  });
});

describe('another machine', () => {
  it('takes a task over once the lease ended; who wakes up late changes nothing and kills its program', async () => {
    const first = start({ node: 'one', leaseSeconds: 2, scheduler: false });
    await first.ready;
    const runId = await submit({ a: task({ retry: { backoff: { initial: '1ms' } } }) });
    const before = await pids(runId, 1);
    first.process.kill('SIGSTOP');
    const second = start({ node: 'two', leaseSeconds: 2 });
    await second.ready;
    const after = await pids(runId, 2);
    expect(before.map(alive)).toEqual([true, true]);
    first.process.kill('SIGCONT');
    await until('the late one kills its program', () => before.every((pid) => !alive(pid)));
    expect(after.map(alive)).toEqual([true, true]);
    await go();
    const run = await ended(watcher, runId);
    expect(taskOf(run, 'a')).toMatchObject({ status: 'succeeded', attempt: 2 });
    const attempts = await rig.db.query('select attempt, status from mlops.task_attempts order by attempt');
    expect(attempts).toEqual([
      { attempt: 1, status: 'crashed' },
      { attempt: 2, status: 'succeeded' },
    ]);
  });

  it('does not take over from a worker whose event loop is blocked', async () => {
    const first = start({ node: 'one', leaseSeconds: 2, scheduler: false });
    await first.ready;
    const runId = await submit({ a: { source: 'block' } as never });
    await until('it blocks', async () => taskOf((await watcher.get(runId))!, 'a').status === 'running');
    const second = start({ node: 'two', leaseSeconds: 2 });
    await second.ready;
    const run = await ended(watcher, runId);
    expect(taskOf(run, 'a')).toMatchObject({ status: 'succeeded', attempt: 1 });
    expect(await readFile(join(rig.workdir, 'executed'), 'utf8')).toBe('a\n');
  });
});

describe('workers', () => {
  it('whose clocks are hours off take nothing from each other, and record the times of the store', async () => {
    const HOURS = 2 * 3_600_000;
    start({ node: 'ahead', leaseSeconds: 2, clockAheadMs: HOURS });
    start({ node: 'behind', leaseSeconds: 2, clockAheadMs: -HOURS });
    await Promise.all(children.map(({ ready }) => ready));
    const twice = {
      operator: 'command' as const,
      command: '[ "$MLOPS_ATTEMPT" = 2 ]',
      retry: { limit: 1, backoff: { initial: '1s' } },
    };
    const runId = await submit({
      a: task({ deadline: '1m', timeout: '1m' }),
      ...Object.fromEntries(
        Array.from({ length: 6 }, (_, n) => [`b${n}`, { ...twice, deadline: '1m', queuedTimeout: '1m' }]),
      ),
    } as never);
    await pids(runId, 1);
    const ends: number[] = [];
    await until('more than two leases are over', async () => {
      const leases = await rig.db.query<{ inSeconds: number }>(
        `select extract(epoch from lease_until - clock_timestamp())::float8 as "inSeconds" from mlops.task_attempts where ended_at is null
         union all select extract(epoch from lease_until - clock_timestamp())::float8 from mlops.workers`,
      );
      ends.push(...leases.map(({ inSeconds }) => inSeconds));
      const rows = await rig.db.query(
        `select 1 from mlops.task_attempts where run_id = $1 and attempt = 1 and ended_at is null
           and started_at < clock_timestamp() - interval '5 s' and lease_until > clock_timestamp()`,
        [runId],
      );
      return rows.length > 0;
    });
    // However late a lease is renewed here, it is not hours off.
    expect(Math.max(...ends)).toBeLessThan(2.5);
    expect(Math.min(...ends)).toBeGreaterThan(-60);
    await go();
    const run = await ended(watcher, runId);
    expect(run.tasks.map(({ status, attempt }) => [status, attempt])).toEqual([
      ['succeeded', 1],
      ...Array.from({ length: 6 }, () => ['succeeded', 2]),
    ]);
    const off = await rig.db.query(
      `select 'attempt' as what from mlops.task_attempts where abs(extract(epoch from clock_timestamp() - started_at)) > 120
         or abs(extract(epoch from clock_timestamp() - ended_at)) > 120 or started_at > ended_at
       union all select 'event' from mlops.run_events where abs(extract(epoch from clock_timestamp() - at)) > 120`,
    );
    expect(off).toEqual([]);
    // A retry waits as long as it is to, whoever's clock is asked.
    const waits = await rig.db.query<{ seconds: number }>(
      `select extract(epoch from b.started_at - a.ended_at)::float8 as seconds from mlops.task_attempts a
       join mlops.task_attempts b using (run_id, ordinal) where a.attempt = 1 and b.attempt = 2`,
    );
    expect(waits).toHaveLength(6);
    for (const { seconds } of waits) expect(seconds).toBeLessThan(20);
  });
});

describe('a poison task', () => {
  it('that takes its worker down each time stops after three recoveries', async () => {
    const runId = await submit({ a: { ...task(), command: 'kill -9 $(cut -d" " -f4 /proc/$PPID/stat); sleep 5' } });
    for (let n = 1; n <= 4; n += 1) {
      const child = start();
      await until(`attempt ${n} runs or is over`, async () => taskOf((await watcher.get(runId))!, 'a').attempt >= n);
      await child.gone;
    }
    start();
    const run = await ended(watcher, runId);
    expect(taskOf(run, 'a')).toMatchObject({ status: 'crashed', attempt: 4 });
    expect(run.status).toBe('failed');
  });
});

describe('a store that drops every connection', () => {
  it('again and again loses and repeats nothing that was recorded', async () => {
    const child = start();
    await child.ready;
    const names = Array.from({ length: 60 }, (_, index) => `t${index}`);
    const runId = await submit(
      Object.fromEntries(names.map((name, index) => [name, index < 3 ? {} : { needs: [`t${index - 3}`] }])),
    );
    let dropped = 0;
    const run = await until('the run ends', async () => {
      await rig.db.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
      );
      dropped += 1;
      await new Promise((resolve) => setTimeout(resolve, 100 + 40 * dropped));
      const state = await watcher.get(runId).catch(() => undefined);
      return state !== undefined && state.finishedAt !== null && state;
    });
    expect(dropped).toBeGreaterThan(3);
    expect(run.status).toBe('succeeded');
    const executed = (await readFile(join(rig.workdir, 'executed'), 'utf8')).trim().split('\n');
    expect(new Set(executed).size).toBe(60);
  });
});
