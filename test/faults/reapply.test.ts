/** Specs that are applied again while their runs are under way, with a daemon that dies meanwhile. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { emptyProject, type TestDaemon, until } from '../support/project.ts';

const project = emptyProject('applied again');
let daemon: TestDaemon | undefined;
afterAll(async () => {
  daemon?.kill('SIGTERM');
  await daemon?.ended;
  await project.remove();
});

/** A first task that waits for the file, and one after it for each word, which says it. */
function write(...words: readonly string[]): void {
  const after = words.map(
    (word) => `  ${word}: { operator: command, needs: [first], command: 'echo it says ${word}' }`,
  );
  writeFileSync(
    join(project.folder, 'mlops.config.yaml'),
    ['project: again', 'resources:', '  - kind: Pipeline', '    name: p', '    tasks:']
      .concat(
        [
          `  first: { operator: command, command: 'while [ ! -e "${join(project.folder, 'go')}" ]; do sleep 0.05; done' }`,
          ...after,
        ].map((line) => `    ${line}`),
      )
      .join('\n'),
  );
}

async function applied(): Promise<void> {
  const result = await project.mlops(['apply', '--yes']);
  expect(result.code, result.stdout + result.stderr).toBe(0);
}

type Run = { run_id: string; status: string; tasks: { name: string; status: string; attempt: number }[] };
const show = async (runId: string): Promise<Run> =>
  (await (await fetch(`${daemon!.url}/api/v1/runs/${runId}`)).json()) as Run;
async function started(): Promise<string> {
  const answer = await fetch(`${daemon!.url}/api/v1/runs`, { method: 'POST', body: JSON.stringify({ pipeline: 'p' }) });
  const { run_id } = (await answer.json()) as Run;
  await until(async () => (await show(run_id)).tasks[0]!.status === 'running');
  return run_id;
}
async function endOf(runId: string): Promise<Run> {
  return until(async () => {
    const run = await show(runId);
    return run.status === 'queued' || run.status === 'running' ? undefined : run;
  }, 60_000);
}
const tasksOf = (run: Run): string[] => run.tasks.map(({ name, status }) => `${name} ${status}`);

it('a run goes on as its pipeline was when it was made, also under the next daemon', { timeout: 240_000 }, async () => {
  write('one', 'two');
  await applied();
  daemon = await project.daemon();
  const old = await started();
  write('two', 'three');
  await applied();
  const young = await started();
  daemon.kill('SIGKILL');
  await daemon.ended;
  daemon = await project.daemon();
  writeFileSync(join(project.folder, 'go'), '');
  const before = await endOf(old);
  expect(before.status).toBe('succeeded');
  expect(tasksOf(before)).toEqual(['first succeeded', 'one succeeded', 'two succeeded']);
  expect(before.tasks[0]!.attempt).toBe(2);
  const after = await endOf(young);
  expect(tasksOf(after)).toEqual(['first succeeded', 'two succeeded', 'three succeeded']);
  const log = await project.mlops(['runs', 'logs', old, 'one']);
  expect(log.stdout).toContain('it says one');
});
