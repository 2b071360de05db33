import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Orchestrator } from '../../src/orchestrator/orchestrator.ts';
import {
  collect,
  ended,
  ingesting,
  MANUAL,
  openRig,
  pipelineOf,
  type Rig,
  taskOf,
  until,
} from '../support/orchestrator.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';

let database: FreshDatabase;
let rig: Rig;
let orchestrator: Orchestrator;

beforeAll(async () => {
  database = await freshDatabase();
  rig = await openRig(database.connectionString);
  orchestrator = rig.open({
    variables: { ...process.env, TOKEN: 'hunter2-hunter2' },
    killGraceMs: 60_000,
    services: ingesting(),
  });
  await orchestrator.scheduler.start();
  await orchestrator.worker.start();
});
afterAll(async () => {
  await rig.close();
  await database.drop();
});

async function submit(files: Readonly<Record<string, string>>, more: object = {}): Promise<string> {
  const digests: Record<string, string> = {};
  for (const [path, text] of Object.entries(files)) digests[path] = await rig.file(text);
  const spec = pipelineOf(
    {
      before: {},
      a: {
        operator: 'typescript',
        run: 'tasks/a.ts#run',
        needs: ['before'],
        bundle: { digest: 'd', files: digests },
        ...more,
      },
    } as Parameters<typeof pipelineOf>[0],
    { params: { day: '2026-01-01' } },
  );
  return (await orchestrator.submit({ pipeline: spec, cause: MANUAL })).runId;
}

async function outcome(runId: string) {
  const record = await ended(orchestrator, runId);
  const signal = AbortSignal.timeout(10_000);
  return { task: taskOf(record, 'a'), log: (await collect(orchestrator.logs(runId, 'a', { signal }))).join('') };
}

describe('typescript', () => {
  it('calls the function in a process of its own with what it gets, and keeps what it returns', async () => {
    const runId = await submit({
      'tasks/a.ts': `
        import { env } from 'mlops';
        import { double } from './b';
        export const run = async ({ params, inputs, run, log }: Record<string, any>) => {
          log('day', params.day, { of: 1 });
          console.log('printed');
          return { twice: double(inputs.before.rows), pid: process.pid, task: run.task, attempt: run.attempt, ref: env('X'), gone: undefined };
        };`,
      'tasks/b.ts': 'export function double(n: number): number { return n * 2; }',
    });
    const { task, log } = await outcome(runId);
    expect(log).toBe('day 2026-01-01 {"of":1}\nprinted\n');
    expect(task).toMatchObject({
      status: 'succeeded',
      outputs: { twice: 2, task: 'a', attempt: 1, ref: { $env: 'X' } },
    });
    expect(task.outputs?.['pid']).not.toBe(process.pid);
  });

  it('fails with the message of what it throws, its stack in the log, secrets in neither', async () => {
    const runId = await submit(
      { 'tasks/a.ts': 'export function run() {\n  throw new RangeError("no rows for " + process.env.SECRET);\n}\n' },
      { env: { SECRET: { $env: 'TOKEN' } } },
    );
    const { task, log } = await outcome(runId);
    expect(task).toMatchObject({ status: 'failed', exitCode: 1, error: 'RangeError: no rows for [redacted]' });
    expect(log).toMatch(/RangeError: no rows for \[redacted\]\n {4}at .*tasks\/a\.ts:2:/);
  });

  it.each([
    ['export const other = 1;', 'TypeError: tasks/a.ts exports no function "run".'],
    ['export const run = () => [1];', 'PL203 Task failed: What the program wrote to MLOPS_OUTPUTS is not an object.'],
    ['export const run = () => { throw "no"; };', 'no'],
    ['export const run = (', /Unexpected token|ParseError/],
  ])('says what is wrong with %s', async (text, error) => {
    const { task } = await outcome(await submit({ 'tasks/a.ts': text }));
    expect(task.status).toBe('failed');
    if (typeof error === 'string') expect(task.error).toContain(error);
    else expect(task.error).toMatch(error);
  });

  it('does not wait for what the function left open', async () => {
    const runId = await submit({ 'tasks/a.ts': 'export const run = () => { setInterval(() => {}, 1000); };' });
    expect((await outcome(runId)).task).toMatchObject({ status: 'succeeded', outputs: {} });
  });

  it('is told by its signal that it is to end, and ends at once where it does not look at it', async () => {
    const heeding = await submit({
      'tasks/a.ts': `export const run = ({ signal, log }) => new Promise((_, reject) => {
        log('waiting');
        const timer = setInterval(() => {}, 1000);
        signal.addEventListener('abort', () => { log('told'); reject(signal.reason); });
      });`,
    });
    const deaf = await submit({
      'tasks/a.ts': `export const run = ({ log }) => { log('waiting'); return new Promise((r) => setTimeout(r, 600_000)); };`,
    });
    for (const runId of [heeding, deaf]) {
      await until('it waits', async () =>
        (await rig.runs.readLog(runId, 'a', 1, 0, 1))?.chunks[0]?.text.includes('waiting'),
      );
      await orchestrator.cancel(runId, 'ada');
      expect((await outcome(runId)).task.status).toBe('cancelled');
    }
    expect((await outcome(heeding)).log).toContain('told');
  });
});
