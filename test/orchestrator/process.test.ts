import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { processStartedAt } from '../../src/orchestrator/machine.ts';
import type { Orchestrator } from '../../src/orchestrator/orchestrator.ts';
import { collect, ended, MANUAL, pipelineOf, statuses, taskOf, until } from '../support/orchestrator.ts';
import { rigOfSuite } from '../support/suite-rig.ts';

const rig = rigOfSuite();
let orchestrator: Orchestrator;

beforeAll(async () => {
  orchestrator = rig.open({
    variables: { ...process.env, TOKEN: 'hunter2-hunter2', DATABASE_URL: 'postgres://secret' },
  });
  await orchestrator.scheduler.start();
  await orchestrator.worker.start();
});

type Tasks = Parameters<typeof pipelineOf>[0];
const command = (line: string | string[], more: object = {}) => ({
  operator: 'command' as const,
  command: line,
  ...more,
});

async function submit(tasks: Tasks, params?: Record<string, string>): Promise<string> {
  const spec = pipelineOf(tasks, params === undefined ? {} : { params });
  return (await orchestrator.submit({ pipeline: spec, cause: MANUAL })).runId;
}

async function log(runId: string, task: string, attempt?: number): Promise<string> {
  return (await collect(orchestrator.logs(runId, task, { attempt, signal: AbortSignal.timeout(10_000) }))).join('');
}

/** A zombie that nobody has fetched yet does not run. */
const isRunning = (pid: number): boolean => processStartedAt(pid) !== undefined;

describe('a command', () => {
  it('gets its parameters, its inputs and its name, and leaves outputs to those after it', async () => {
    const runId = await submit(
      {
        a: command('echo "{\\"rows\\": 3, \\"from\\": $(cat "$MLOPS_PARAMS")}" > "$MLOPS_OUTPUTS"'),
        b: command('cat "$MLOPS_INPUTS"; echo "$MLOPS_RUN_ID $MLOPS_TASK $MLOPS_ATTEMPT"', { needs: ['a'] }),
      },
      { name: 'x' },
    );
    const run = await ended(orchestrator, runId);
    expect(run.status).toBe('succeeded');
    expect(taskOf(run, 'a').outputs).toEqual({ rows: 3, from: { name: 'x' } });
    expect(await log(runId, 'b')).toBe(`{"a":{"rows":3,"from":{"name":"x"}}}${runId} b 1\n`);
  });

  it('runs in a fresh directory that holds just its bundle, and leaves nothing behind', async () => {
    const digest = await rig.file('#!/bin/sh\necho "hello from $0"; touch left-over\n');
    const bundle = { digest: 'd', files: { 'scripts/run me.sh': digest } };
    const runId = await submit({
      a: command(['scripts/run me.sh'], { bundle }),
      b: command('ls -A', { needs: ['a'], bundle }),
    });
    expect((await ended(orchestrator, runId)).status).toBe('succeeded');
    expect(await log(runId, 'a')).toBe('hello from scripts/run me.sh\n');
    expect(await log(runId, 'b')).toBe('scripts\n');
    expect(await readdir(join(rig.workdir, 'runs', runId, 'a'))).toEqual([]);
  });

  it('fails with its exit code, which `on` may name', async () => {
    const runId = await submit({
      once: command('exit 3', { retry: { limit: 2, on: [4], backoff: { initial: '1ms' } } }),
      thrice: command('exit 4', { retry: { limit: 2, on: [4], backoff: { initial: '1ms' } } }),
      missing: command(['no-such-program']),
    });
    const run = await ended(orchestrator, runId);
    expect(taskOf(run, 'once')).toMatchObject({
      status: 'failed',
      attempt: 1,
      exitCode: 3,
      error: 'the program ended with exit code 3',
    });
    expect(taskOf(run, 'thrice')).toMatchObject({ status: 'failed', attempt: 3, exitCode: 4 });
    expect(taskOf(run, 'missing')).toMatchObject({ status: 'failed', exitCode: 127 });
    expect(await log(runId, 'missing')).toContain('no-such-program');
  });

  it('gets secrets that are named, shows none, and inherits none', async () => {
    const runId = await submit({
      a: command(
        'printf hunter2-; sleep 0.3; printf "hunter2 $PLAIN [$DATABASE_URL]"; echo "{\\"t\\": \\"$SECRET\\"}" > "$MLOPS_OUTPUTS"',
        {
          env: { SECRET: { $env: 'TOKEN' }, PLAIN: 'plain' },
        },
      ),
      b: command('true', { env: { SECRET: { $env: 'NOT_SET_ANYWHERE' } }, retry: { limit: 3 } }),
    });
    const run = await ended(orchestrator, runId);
    expect(await log(runId, 'a')).toBe('[redacted] plain []');
    expect(taskOf(run, 'a').outputs).toEqual({ t: '[redacted]' });
    expect(taskOf(run, 'b')).toMatchObject({ status: 'failed', attempt: 1 });
    expect(taskOf(run, 'b').error).toContain('SP110');
    const everything = await rig.db.query<{ text: string }>(
      `select coalesce(r.spec::text, '') || coalesce((select string_agg(e::text, '') from mlops.run_events e where e.run_id = r.run_id), '')
         || coalesce((select string_agg(t::text, '') from mlops.tasks t where t.run_id = r.run_id), '')
         || coalesce((select string_agg(l::text, '') from mlops.task_logs l where l.run_id = r.run_id), '') as text
       from mlops.runs r where run_id = $1`,
      [runId],
    );
    expect(everything[0]!.text).not.toContain('hunter2-hunter2');
  });

  it('is told what is wrong with its outputs', async () => {
    const runId = await submit({
      a: command('echo "[1]" > "$MLOPS_OUTPUTS"'),
      b: command('echo "{" > "$MLOPS_OUTPUTS"'),
    });
    const run = await ended(orchestrator, runId);
    expect(taskOf(run, 'a').error).toContain('is not an object');
    expect(taskOf(run, 'b').error).toContain('is not JSON');
  });

  it('may print what no text can hold, and much of it', async () => {
    const runId = await submit({
      a: command(
        `printf 'a\\000b\\377c\\n'; i=0; while [ $i -lt 20000 ]; do echo "line $i of a long log"; i=$((i+1)); done`,
      ),
    });
    expect((await ended(orchestrator, runId)).status).toBe('succeeded');
    const text = await log(runId, 'a');
    expect(text.startsWith('a\uFFFDb\uFFFDc\n')).toBe(true);
    expect(text.split('\n')).toHaveLength(20_002);
    expect(text.endsWith('line 19999 of a long log\n')).toBe(true);
  });

  it('shows its log while it runs, across attempts', async () => {
    const runId = await submit({
      a: command('echo "begin $MLOPS_ATTEMPT"; while [ ! -e "$GO" ]; do sleep 0.05; done; rm "$GO"; exit 1', {
        env: { GO: join(rig.workdir, 'go') },
        retry: { limit: 1, backoff: { initial: '1ms' } },
      }),
    });
    const seen: string[] = [];
    for await (const text of orchestrator.logs(runId, 'a', { follow: true, signal: AbortSignal.timeout(20_000) })) {
      seen.push(text);
      if (text.startsWith('begin')) await writeFile(join(rig.workdir, 'go'), '');
    }
    expect(seen.join('')).toBe(
      'begin 1\nfailed: the program ended with exit code 1\nbegin 2\nfailed: the program ended with exit code 1\n',
    );
    await expect(
      collect(orchestrator.logs(runId, 'a', { attempt: 3, signal: AbortSignal.timeout(1000) })),
    ).rejects.toMatchObject({ code: 'PL202' });
    await expect(collect(orchestrator.logs(runId, 'z', { signal: AbortSignal.timeout(1000) }))).rejects.toMatchObject({
      code: 'PL202',
    });
  });
});

/** A shell that ignores SIGTERM, with a child that does too; prints both their numbers. */
const STUBBORN = `trap '' TERM; (trap '' TERM; while :; do sleep 0.1; done) & echo "pids $$ $!"; while :; do sleep 0.1; done`;

async function pidsOf(runId: string, task: string, attempt?: number): Promise<number[]> {
  return until('the program prints its numbers', async () => {
    const state = await orchestrator.get(runId);
    if (taskOf(state!, task).attempt < (attempt ?? 1)) return undefined;
    const match = /pids (\d+) (\d+)/.exec(await log(runId, task, attempt));
    return match === null ? undefined : [Number(match[1]), Number(match[2])];
  });
}

describe("a command's processes", () => {
  it('are all gone when the run is cancelled, however stubborn', async () => {
    const runId = await submit({ a: command(STUBBORN) });
    const pids = await pidsOf(runId, 'a');
    expect(pids.map(isRunning)).toEqual([true, true]);
    await orchestrator.cancel(runId, 'ada');
    expect(statuses(await ended(orchestrator, runId))).toEqual({ a: 'cancelled' });
    expect(pids.map(isRunning)).toEqual([false, false]);
  });

  it('are all gone at the timeout', async () => {
    const runId = await submit({ a: command(STUBBORN, { timeout: '1s' }) });
    const pids = await pidsOf(runId, 'a');
    expect(statuses(await ended(orchestrator, runId))).toEqual({ a: 'timed_out' });
    expect(pids.map(isRunning)).toEqual([false, false]);
  });

  it('end with the program: what it leaves in the background does not survive it', async () => {
    const runId = await submit({ a: command('sleep 1000 & echo "pids $$ $!"') });
    expect((await ended(orchestrator, runId)).status).toBe('succeeded');
    expect((await pidsOf(runId, 'a')).map(isRunning)).toEqual([false, false]);
  });

  it('killed by somebody else are a crash, tried again without a retry, at most three times', async () => {
    const runId = await submit({
      once: command('[ "$MLOPS_ATTEMPT" = 2 ] || kill -9 $$', { retry: { backoff: { initial: '1ms' } } }),
      poison: command('kill -9 $$', { retry: { limit: 9, backoff: { initial: '1ms' } } }),
    });
    const run = await ended(orchestrator, runId);
    expect(taskOf(run, 'once')).toMatchObject({ status: 'succeeded', attempt: 2 });
    expect(taskOf(run, 'poison')).toMatchObject({ status: 'crashed', attempt: 4, exitCode: 137 });
  });
});
