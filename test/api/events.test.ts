/** The events of all runs over HTTP, as a client sees them whose connection breaks and whose daemon starts anew. */
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventStream, type SentEvent } from '../../src/api/server-sent.ts';
import { emptyProject, type TestDaemon, until } from '../support/project.ts';

const KEY = { authorization: 'Bearer s3cret' };
const project = emptyProject('events');
const env = { EVENTS_KEY: 's3cret' };
let daemon: TestDaemon;

const start = async (): Promise<void> => {
  daemon = await project.daemon(['--port', '0', '--config', 'mlops.yaml'], { env });
};

beforeAll(async () => {
  writeFileSync(
    join(project.folder, 'mlops.yaml'),
    `project: events
environments:
  dev: { daemon: { apiKeys: { tests: { $env: EVENTS_KEY } } } }
resources:
  - { kind: Pipeline, name: quick, tasks: [{ name: a, operator: command, command: "true" }, { name: b, operator: command, command: "true", needs: [a] }] }
  - { kind: Pipeline, name: other, tasks: [{ name: a, operator: command, command: "true" }] }
`,
  );
  const applied = await project.mlops(['apply', '--yes', '--config', 'mlops.yaml'], { env });
  expect(applied.code, applied.stderr).toBe(0);
  await start();
}, 120_000);

afterAll(async () => {
  daemon?.kill('SIGTERM');
  await daemon?.ended;
  await project.remove();
}, 60_000);

interface Got {
  readonly id: string;
  readonly name: string;
  readonly data: { readonly run_id: string; readonly seq: number; readonly status: string; readonly pipeline: string };
}

interface Client {
  readonly got: readonly Got[];
  /** As EventSource keeps it. */
  lastId(): string | undefined;
  readonly ended: Promise<'end' | 'broken'>;
  break(): void;
}

/** Reads the stream as the specification of server-sent events says. */
async function listen(query = '', lastId?: string): Promise<Client> {
  const gone = new AbortController();
  const answer = await fetch(`${daemon.url}/api/v1/events${query}`, {
    headers: { ...KEY, ...(lastId !== undefined && { 'last-event-id': lastId }) },
    signal: gone.signal,
  });
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
  const got: Got[] = [];
  let last: string | undefined;
  let text = '';
  const read = async (): Promise<'end' | 'broken'> => {
    try {
      for await (const part of answer.body!.pipeThrough(new TextDecoderStream())) {
        text += part;
        for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
          const fields = text
            .slice(0, end)
            .split('\n')
            .map((line) => /^(\w*): ?(.*)$/.exec(line) ?? []);
          text = text.slice(end + 2);
          const field = (name: string) => fields.find(([, key]) => key === name)?.[2];
          last = field('id') ?? last;
          const data = field('data');
          if (data !== undefined) got.push({ id: last ?? '', name: field('event') ?? '', data: JSON.parse(data) });
        }
      }
      return 'end';
    } catch {
      return 'broken';
    }
  };
  const ended = read();
  const client = { got, lastId: () => last, ended, break: () => gone.abort() };
  await until(async () => client.lastId() !== undefined);
  return client;
}

async function run(pipeline: string): Promise<string> {
  const answer = await fetch(`${daemon.url}/api/v1/runs`, {
    method: 'POST',
    headers: KEY,
    body: JSON.stringify({ pipeline }),
  });
  return ((await answer.json()) as { run_id: string }).run_id;
}

const over = (got: readonly Got[], runId: string): boolean =>
  got.some(({ data, name }) => name === 'run' && data.run_id === runId && data.status === 'succeeded');

/** What the run's own stream says. */
async function own(runId: string): Promise<readonly string[]> {
  const text = await (await fetch(`${daemon.url}/api/v1/runs/${runId}/events`, { headers: KEY })).text();
  return [...text.matchAll(/^id: (\d+)$/gm)].map(([, seq]) => `${runId} ${seq}`);
}

describe('the stream of all runs', () => {
  it('goes on after a dropped connection and after a daemon that was killed, without loss or doubles', {
    timeout: 120_000,
  }, async () => {
    const all: Got[] = [];
    const runs: string[] = [];
    let client = await listen();
    for (let round = 0; round < 6; round += 1) {
      runs.push(await run('quick'), await run('other'));
      // Somewhere in the middle of what happens.
      await until(async () => client.got.length > round % 3);
      client.break();
      await client.ended;
      all.push(...client.got);
      const lastId = client.lastId();
      if (round % 3 === 2) {
        daemon.kill('SIGKILL');
        await daemon.ended;
        await start();
      }
      client = await listen('', lastId);
    }
    await until(async () => runs.every((runId) => over([...all, ...client.got], runId)), 60_000);
    client.break();
    await client.ended;
    all.push(...client.got);
    const seen = all.map(({ data }) => `${data.run_id} ${data.seq}`);
    expect(new Set(seen).size).toBe(seen.length);
    for (const runId of runs) expect(seen.filter((one) => one.startsWith(runId))).toEqual(await own(runId));
  });

  it('tells what is asked for, whole', { timeout: 60_000 }, async () => {
    const client = await listen('?pipeline=other&of=run&status=succeeded');
    await run('quick');
    const runId = await run('other');
    await until(async () => client.got.length > 0);
    expect(client.got).toEqual([
      {
        id: expect.any(String),
        name: 'run',
        data: {
          run_id: runId,
          pipeline: 'other',
          seq: expect.any(Number),
          at: expect.stringMatching(/Z$/),
          task: null,
          status: 'succeeded',
          attempt: null,
          error: null,
          data: {},
        },
      },
    ]);
    client.break();
  });

  it('wants a key as all else, and refuses a position that is none', async () => {
    const url = `${daemon.url}/api/v1/events`;
    expect((await fetch(url)).status).toBe(401);
    const refused = await fetch(url, { headers: { ...KEY, 'last-event-id': '17' } });
    expect([refused.status, ((await refused.json()) as { code: string }).code]).toEqual([400, 'API400']);
    expect((await fetch(`${url}?status=done`, { headers: KEY })).status).toBe(400);
  });

  it('holds up nobody where a client does not read, and ends when the daemon stops', { timeout: 60_000 }, async () => {
    const { hostname, port } = new URL(daemon.url);
    const sleeper = connect(Number(port), hostname);
    sleeper.pause();
    sleeper.write(`GET /api/v1/events HTTP/1.1\r\nhost: x\r\nauthorization: ${KEY.authorization}\r\n\r\n`);
    const client = await listen();
    const runId = await run('quick');
    await until(async () => over(client.got, runId));
    const begunAt = performance.now();
    daemon.kill('SIGTERM');
    expect(await client.ended).toBe('end');
    expect(await daemon.ended).toBe(0);
    expect(performance.now() - begunAt).toBeLessThan(10_000);
    sleeper.destroy();
    await start();
  });
});

describe('a stream of events', () => {
  const read = async (stream: Readable, look: (text: string) => void): Promise<string> => {
    let text = '';
    for await (const part of stream) {
      text += String(part);
      look(text);
    }
    return text;
  };
  const streamOf = (events: AsyncIterable<SentEvent>, signal: AbortSignal, heartbeatMs?: number): Readable => {
    const answer = eventStream(events, signal, heartbeatMs);
    if (answer.kind !== 'stream') throw new Error('no stream');
    return answer.stream;
  };

  it('has a heartbeat while nothing comes, and ends with its signal', async () => {
    const stopped = new AbortController();
    let left = false;
    async function* nothing(): AsyncGenerator<SentEvent> {
      try {
        yield { id: '1' };
        await new Promise<void>((resolve) => stopped.signal.addEventListener('abort', () => resolve()));
      } finally {
        left = true;
      }
    }
    const beats = (text: string): number => text.split(': still here\n\n').length - 1;
    const text = await read(streamOf(nothing(), stopped.signal, 5), (soFar) => {
      if (beats(soFar) >= 2) stopped.abort();
    });
    expect(text).toMatch(/^retry: 2000\n\nid: 1\n\n(?:: still here\n\n){2,}$/);
    expect(left).toBe(true);
  });

  it('asks for no more than a little beyond what its reader took', async () => {
    let asked = 0;
    async function* endless(): AsyncGenerator<SentEvent> {
      for (;;) {
        asked += 1;
        yield { id: String(asked), event: { name: 'task', data: 'x'.repeat(1_000) } };
      }
    }
    const stream = streamOf(endless(), new AbortController().signal);
    stream.read(0);
    for (let count = 0; count < 2_000; count += 1) await turn();
    const waiting = asked;
    expect(waiting).toBeLessThan(200);
    for (let count = 0; count < 2_000; count += 1) await turn();
    expect(asked).toBe(waiting);
    stream.destroy();
  });
});
