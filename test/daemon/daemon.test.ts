/** The daemon as a process: what it survives, what it notices, what it refuses. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { emptyProject, type TestDaemon, until } from '../support/project.ts';

const project = emptyProject('daemon');
const gate = join(project.folder, 'gate');
const env = { GATE: gate, MLOPS_KEY: 'a-secret-key' };

/** One pipeline that waits for the gate; `more`: and another pipeline. */
function writeConfig(more = false): void {
  const text = `
import { defineConfig, env, pipeline } from 'mlops';
const hold = pipeline('hold', {
  tasks: {
    first: { operator: 'command', command: 'echo begun' },
    wait: {
      operator: 'command',
      command: 'until [ -e "$GATE" ]; do sleep 0.05; done; echo gone on',
      env: { GATE: env('GATE') },
      retry: { limit: 1, backoff: { initial: '100ms' } },
    },
    last: { operator: 'command', command: 'echo done' },
  },
});
${more ? "const added = pipeline('added', { tasks: { only: { operator: 'command', command: 'echo added' } } });" : ''}
export default defineConfig({
  project: 'daemons',
  environments: { dev: {}, keyed: { daemon: { apiKeys: { ops: env('MLOPS_KEY') } } }, open: { daemon: { host: '0.0.0.0' } } },
  resources: [hold${more ? ', added' : ''}],
});
`;
  writeFileSync(join(project.folder, 'mlops.config.ts'), text);
}

async function json(
  url: string,
  method = 'GET',
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: Record<string, unknown> }> {
  const answer = await fetch(url, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
  const text = await answer.text();
  return { status: answer.status, body: text === '' ? {} : JSON.parse(text) };
}

const runOf = async (url: string, id: string) =>
  (await json(`${url}/api/v1/runs/${id}`)).body as {
    status: string;
    tasks: { name: string; status: string; attempt: number }[];
  };

async function submit({ url }: TestDaemon): Promise<string> {
  return (await json(`${url}/api/v1/runs`, 'POST', { pipeline: 'hold' })).body['run_id'] as string;
}

const isWaiting = async (url: string, id: string): Promise<boolean> =>
  (await runOf(url, id)).tasks.some(({ name, status }) => name === 'wait' && status === 'running');

beforeAll(async () => {
  writeConfig();
  const applied = await project.mlops(['apply', '--yes']);
  expect(applied.code, applied.stderr).toBe(0);
}, 120_000);

afterAll(() => project.remove(), 60_000);

describe('a daemon', () => {
  it('killed in the middle of a run goes on with it when it is started again', { timeout: 120_000 }, async () => {
    rmSync(gate, { force: true });
    const first = await project.daemon(['--port', '0'], { env });
    const id = await submit(first);
    await until(() => isWaiting(first.url, id));
    first.kill('SIGKILL');
    await first.ended;
    const second = await project.daemon(['--port', '0'], { env });
    expect((await runOf(second.url, id)).status).toBe('running');
    writeFileSync(gate, '');
    const run = await until(async () => {
      const found = await runOf(second.url, id);
      return found.status === 'running' ? undefined : found;
    }, 90_000);
    expect(run.status).toBe('succeeded');
    expect(run.tasks.find(({ name }) => name === 'first')?.attempt).toBe(1);
    second.kill('SIGTERM');
    expect(await second.ended).toBe(0);
  });

  it('notices an apply without a restart', { timeout: 120_000 }, async () => {
    writeConfig();
    const daemon = await project.daemon(['--port', '0'], { env });
    expect((await json(`${daemon.url}/api/v1/pipelines/added`)).status).toBe(404);
    writeConfig(true);
    const applied = await project.mlops(['apply', '--yes']);
    expect(applied.code, applied.stderr).toBe(0);
    await until(async () => (await json(`${daemon.url}/api/v1/pipelines/added`)).status === 200);
    const started = await json(`${daemon.url}/api/v1/runs`, 'POST', { pipeline: 'added' });
    await until(async () => (await runOf(daemon.url, started.body['run_id'] as string)).status === 'succeeded');
    daemon.kill('SIGTERM');
    expect(await daemon.ended).toBe(0);
  });

  it('told to stop finishes the task in hand and starts no other', { timeout: 120_000 }, async () => {
    rmSync(gate, { force: true });
    const daemon = await project.daemon(['--port', '0'], { env });
    const id = await submit(daemon);
    await until(() => isWaiting(daemon.url, id));
    const events = await fetch(`${daemon.url}/api/v1/runs/${id}/events`);
    const reader = events.body?.pipeThrough(new TextDecoderStream()).getReader();
    let followed = '';
    await until(async () => {
      followed += (await reader?.read())?.value ?? '';
      return followed.includes('"task":"wait","status":"running"');
    });
    daemon.kill('SIGTERM');
    await until(async () => daemon.log().includes('stopping'));
    await expect(fetch(`${daemon.url}/healthz`)).rejects.toThrow();
    // A client that follows a run does not hold the daemon up: its stream ends.
    await until(async () => (await reader?.read())?.done === true);
    writeFileSync(gate, '');
    expect(await daemon.ended).toBe(0);
    const run = JSON.parse((await project.mlops(['runs', 'show', id, '--json'])).stdout) as {
      status: string;
      tasks: { name: string; status: string }[];
    };
    expect(run.tasks.map(({ name, status }) => `${name} ${status}`).slice(0, 2)).toEqual([
      'first succeeded',
      'wait succeeded',
    ]);
    expect(run.tasks[2]?.status).not.toBe('running');
    await project.mlops(['runs', 'cancel', id]);
  });

  it('is the only one of its environment and role, and is found by daemon status and stop', {
    timeout: 120_000,
  }, async () => {
    const daemon = await project.daemon(['--port', '0'], { env });
    const second = await project.mlops(['daemon', '--port', '0'], { env });
    expect([second.code, second.stderr]).toEqual([1, expect.stringContaining(`DM101`)]);
    const status = JSON.parse((await project.mlops(['daemon', 'status', '--json'])).stdout) as { daemons: unknown[] };
    expect(status.daemons).toMatchObject([
      { pid: daemon.pid, environment: 'dev', ready: true, roles: ['scheduler', 'worker', 'api'] },
    ]);
    const stopped = await project.mlops(['daemon', 'stop']);
    expect([stopped.code, stopped.stdout]).toEqual([0, `Stopped ${daemon.pid}.\n`]);
    expect(await daemon.ended).toBe(0);
  });

  it('splits its roles over processes', { timeout: 120_000 }, async () => {
    writeFileSync(gate, '');
    const api = await project.daemon(['--role', 'api', '--port', '0'], { env });
    const id = await submit(api);
    expect((await runOf(api.url, id)).status).toMatch(/queued|running/);
    const worker = project.mlops(['daemon', '--role', 'scheduler,worker'], { env });
    await until(async () => (await runOf(api.url, id)).status === 'succeeded', 60_000);
    const stopped = await project.mlops(['daemon', 'stop']);
    expect(stopped.code, stopped.stderr).toBe(0);
    expect([(await worker).code, await api.ended]).toEqual([0, 0]);
  });

  it('asks for the keys of its environment, and without any never leaves loopback', { timeout: 120_000 }, async () => {
    const daemon = await project.daemon(['--port', '0', '--env', 'keyed'], { env });
    expect((await json(`${daemon.url}/api/v1/runs`)).status).toBe(401);
    expect((await json(`${daemon.url}/healthz`)).status).toBe(200);
    expect(
      (await json(`${daemon.url}/api/v1/runs`, 'GET', undefined, { authorization: 'Bearer a-secret-key' })).status,
    ).toBe(200);
    expect(daemon.log()).not.toContain('a-secret-key');
    daemon.kill('SIGTERM');
    await daemon.ended;
    const open = await project.mlops(['daemon', '--port', '0', '--env', 'open'], { env });
    expect([open.code, open.stderr]).toEqual([1, expect.stringContaining('API401')]);
  });

  it('tells which port is taken', { timeout: 60_000 }, async () => {
    const daemon = await project.daemon(['--port', '0', '--env', 'dev'], { env });
    const port = new URL(daemon.url).port;
    const other = await project.mlops(['daemon', '--port', port, '--env', 'keyed'], { env });
    expect([other.code, other.stderr]).toEqual([1, expect.stringContaining(`Port ${port} of 127.0.0.1`)]);
    daemon.kill('SIGTERM');
    await daemon.ended;
  });
});
