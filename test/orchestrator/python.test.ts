import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Orchestrator } from '../../src/orchestrator/orchestrator.ts';
import { collect, ended, MANUAL, openRig, pipelineOf, type Rig, taskOf } from '../support/orchestrator.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';

let database: FreshDatabase;
let rig: Rig;
let orchestrator: Orchestrator;

beforeAll(async () => {
  database = await freshDatabase();
  rig = await openRig(database.connectionString);
  orchestrator = rig.open({ root: join(rig.workdir, 'my project') });
  await mkdir(join(rig.workdir, 'my project/.venv/bin'), { recursive: true });
  await orchestrator.scheduler.start();
  await orchestrator.worker.start();
});
afterAll(async () => {
  await rig.close();
  await database.drop();
});

async function bundleOf(files: Readonly<Record<string, string>>) {
  const digests: Record<string, string> = {};
  for (const [path, text] of Object.entries(files)) digests[path] = await rig.file(text);
  return { digest: 'd', files: digests };
}

async function run(task: object): Promise<{ task: ReturnType<typeof taskOf>; log: string }> {
  const spec = pipelineOf({ a: { operator: 'python', ...task } } as Parameters<typeof pipelineOf>[0], {
    params: { day: '2026-01-01' },
  });
  const { runId } = await orchestrator.submit({ pipeline: spec, cause: MANUAL });
  const record = await ended(orchestrator, runId);
  const signal = AbortSignal.timeout(10_000);
  return { task: taskOf(record, 'a'), log: (await collect(orchestrator.logs(runId, 'a', { signal }))).join('') };
}

describe('python', () => {
  it('runs a script with its arguments, imports from the bundle, and keeps its outputs', async () => {
    const bundle = await bundleOf({
      'jobs/score.py':
        'import json, os, sys\nimport beside\nfrom lib.deep import far\nprint(sys.argv[1:], beside.X, far.Y)\n' +
        'params = json.load(open(os.environ["MLOPS_PARAMS"]))\njson.dump({"day": params["day"]}, open(os.environ["MLOPS_OUTPUTS"], "w"))\n',
      'jobs/beside.py': 'X = 1\n',
      'lib/deep/far.py': 'Y = 2\n',
    });
    const { task, log } = await run({ script: 'jobs/score.py', args: ['--name', "it's $HOME"], bundle });
    expect(log).toBe(`['--name', "it's $HOME"] 1 2\n`);
    expect(task).toMatchObject({ status: 'succeeded', outputs: { day: '2026-01-01' } });
  });

  it('fails with its exit code, and its traceback is in the log', async () => {
    const { task, log } = await run({
      script: 'a.py',
      bundle: await bundleOf({ 'a.py': 'raise ValueError("no rows")\n' }),
    });
    expect(task).toMatchObject({ status: 'failed', exitCode: 1 });
    expect(log).toContain('ValueError: no rows');
  });

  it('takes the interpreter of the project by its path, also where the path holds spaces', async () => {
    const python = join(rig.workdir, 'my project/.venv/bin/python');
    await writeFile(python, '#!/bin/sh\necho "by $0 with $PYTHONPATH"\n');
    await chmod(python, 0o755);
    const bundle = await bundleOf({ 'a.py': '' });
    const { log } = await run({ script: 'a.py', interpreter: '.venv/bin/python', env: { PYTHONPATH: 'src' }, bundle });
    expect(log).toBe(`by ${python} with src\n`);
  });

  it.each([
    ['.venv/bin/python3.99', /no program \.venv\/bin\/python3\.99 below .*my project/],
    ['python3.99', /no program python3\.99 on the PATH/],
    ['.venv/bin', /may run/],
    ['.venv/broken', /may run/],
  ])('says at once that there is no interpreter %s, and does not try again', async (interpreter, message) => {
    await symlink('nowhere', join(rig.workdir, 'my project/.venv/broken')).catch(() => {});
    const { task } = await run({
      script: 'a.py',
      interpreter,
      retry: { limit: 3, backoff: { initial: '1ms' } },
      bundle: await bundleOf({ 'a.py': '' }),
    });
    expect(task).toMatchObject({ status: 'failed', attempt: 1 });
    expect(task.error).toMatch(/PL220/);
    expect(task.error).toMatch(message);
  });
});
