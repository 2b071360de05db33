import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Orchestrator } from '../../src/orchestrator/orchestrator.ts';
import { collect, ended, MANUAL, openRig, pipelineOf, type Rig, taskOf } from '../support/orchestrator.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}
type Answer = (seen: Seen, response: ServerResponse, nth: number) => void;

let database: FreshDatabase;
let rig: Rig;
let orchestrator: Orchestrator;
const servers: Server[] = [];
let asked: Seen[] = [];

async function serve(answer: Answer): Promise<string> {
  let nth = 0;
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const seen = { method: request.method ?? '', url: request.url ?? '', headers: request.headers, body };
    asked.push(seen);
    nth += 1;
    answer(seen, response, nth);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const json =
  (value: unknown, status = 200, headers: Record<string, string> = {}): Answer =>
  (_, response) => {
    response
      .writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers })
      .end(JSON.stringify(value));
  };

beforeAll(async () => {
  database = await freshDatabase();
  rig = await openRig(database.connectionString);
  orchestrator = rig.open({ variables: { ...process.env, TOKEN: 'hunter2-hunter2' } });
  await orchestrator.scheduler.start();
  await orchestrator.worker.start();
});
beforeEach(() => {
  asked = [];
});
afterAll(async () => {
  for (const server of servers) server.closeAllConnections();
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  await rig.close();
  await database.drop();
});

async function run(task: object) {
  const spec = pipelineOf({ a: { operator: 'http_request', ...task } } as Parameters<typeof pipelineOf>[0]);
  const { runId } = await orchestrator.submit({ pipeline: spec, cause: MANUAL });
  const record = await ended(orchestrator, runId);
  const signal = AbortSignal.timeout(10_000);
  return { runId, task: taskOf(record, 'a'), log: (await collect(orchestrator.logs(runId, 'a', { signal }))).join('') };
}

describe('http_request', () => {
  it('sends what the task says, and what is answered is its outputs', async () => {
    const url = await serve(json({ ok: true, at: [1, null] }, 201, { 'x-id': '7', 'set-cookie': 'session=1' }));
    const { runId, task, log } = await run({
      url: `${url}/score?a=1`,
      query: { day: '2026-01-01 & more', key: { $env: 'TOKEN' } },
      headers: { 'X-Team': 'hepatology' },
      auth: { bearer: { $env: 'TOKEN' } },
      body: { rows: [1, 2], text: 'it\'s "quoted"' },
    });
    expect(asked).toHaveLength(1);
    expect(asked[0]).toMatchObject({
      method: 'POST',
      url: '/score?a=1&day=2026-01-01+%26+more&key=hunter2-hunter2',
      body: '{"rows":[1,2],"text":"it\'s \\"quoted\\""}',
      headers: {
        'x-team': 'hepatology',
        authorization: 'Bearer hunter2-hunter2',
        'content-type': 'application/json',
        'idempotency-key': `${runId}/a`,
      },
    });
    expect(task).toMatchObject({ status: 'succeeded', outputs: { status: 201, body: { ok: true, at: [1, null] } } });
    expect(task.outputs?.['headers']).toMatchObject({ 'x-id': '7' });
    expect(JSON.stringify(task.outputs)).not.toContain('session');
    expect(log).toMatch(/^POST http:\/\/127\.0\.0\.1:\d+\/score: 201 in \d+ ms, \d+ bytes\n$/);
  });

  it('gets a text as a text, and nothing as null', async () => {
    const text = await serve((_, response) => response.end('plain'));
    const nothing = await serve((_, response) => response.writeHead(204).end());
    expect((await run({ url: text, body: 'raw', method: 'PUT' })).task.outputs).toMatchObject({
      status: 200,
      body: 'plain',
    });
    expect(asked[0]).toMatchObject({
      method: 'PUT',
      body: 'raw',
      headers: { 'content-type': 'text/plain; charset=utf-8' },
    });
    expect((await run({ url: nothing })).task.outputs).toMatchObject({ status: 204, body: null });
  });

  it('fails on a status or a content that is not expected, and says what came instead', async () => {
    const url = await serve((seen, response, nth) =>
      json({ state: 'no' }, seen.url === '/404' ? 404 : 200)(seen, response, nth),
    );
    const wrong = await run({ url: `${url}/404`, retry: { limit: 2, backoff: { initial: '1ms' } } });
    expect(wrong.task).toMatchObject({
      status: 'failed',
      attempt: 1,
      error: `${url}/404 answered 404: {"state":"no"}`,
    });
    expect((await run({ url: `${url}/404`, expect: { status: [200, 404] } })).task.status).toBe('succeeded');
    expect((await run({ url, expect: { that: 'body.state == "no" && body.gone == null' } })).task.status).toBe(
      'succeeded',
    );
    expect((await run({ url, expect: { that: 'body.state == "yes"' } })).task.error).toBe(
      `of what ${url}/ answered it is not true that body.state == "yes"`,
    );
  });

  it.each([429, 503])(
    'leaves a server that answers %i alone as long as it asks for, also without retry',
    async (status) => {
      const times: number[] = [];
      const url = await serve((seen, response, nth) => {
        times.push(performance.now());
        if (nth === 1) json({}, status, { 'retry-after': '1' })(seen, response, nth);
        else json({ nth })(seen, response, nth);
      });
      const { task } = await run({ url });
      expect(task).toMatchObject({ status: 'succeeded', attempt: 2, outputs: { body: { nth: 2 } } });
      expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(990);
    },
  );

  it('gives a busy server up after its retries', async () => {
    const url = await serve(json({}, 429));
    expect((await run({ url, retry: { limit: 1, backoff: { initial: '1ms' } } })).task).toMatchObject({
      status: 'failed',
      attempt: 2,
    });
    expect((await run({ url, retry: { limit: 0 } })).task).toMatchObject({ status: 'failed', attempt: 1 });
  });

  it('follows redirects, and tells another server neither credentials nor headers of its own', async () => {
    const other = await serve(json({ there: true }));
    const url = await serve((seen, response) =>
      response.writeHead(302, { location: seen.url === '/far' ? `${other}/x` : '/far' }).end(),
    );
    const headers = { 'X-Api-Key': { $env: 'TOKEN' }, Cookie: 'a=b', Accept: 'text/plain' };
    const { task } = await run({
      url: `${url}/near`,
      headers,
      auth: { user: 'ada', password: { $env: 'TOKEN' } },
      query: { key: { $env: 'TOKEN' } },
    });
    expect(task.outputs).toMatchObject({ body: { there: true } });
    expect(asked.map((seen) => seen.headers.authorization)).toEqual([
      `Basic ${Buffer.from('ada:hunter2-hunter2').toString('base64')}`,
      `Basic ${Buffer.from('ada:hunter2-hunter2').toString('base64')}`,
      undefined,
    ]);
    expect(JSON.stringify(asked[2])).not.toMatch(/hunter2|a=b/);
    expect(asked[2]?.headers.accept).toBe('text/plain');
  });

  it('turns a POST that is led on into a GET, and sends no body to another server', async () => {
    const other = await serve(json({}));
    const url = await serve((seen, response) => {
      const [status, where] =
        { '/see': [303, '/there'], '/keep': [307, '/there'], '/away': [308, other] }[seen.url] ?? [];
      if (status === undefined) json({ method: seen.method, body: seen.body })(seen, response, 1);
      else response.writeHead(Number(status), { location: String(where) }).end();
    });
    expect((await run({ url: `${url}/see`, body: { a: 1 } })).task.outputs).toMatchObject({
      body: { method: 'GET', body: '' },
    });
    expect((await run({ url: `${url}/keep`, body: { a: 1 } })).task.outputs).toMatchObject({
      body: { method: 'POST', body: '{"a":1}' },
    });
    expect((await run({ url: `${url}/away`, body: { a: 1 } })).task.error).toMatch(/^PL222 .*is not sent the body/);
    expect(asked.filter((seen) => seen.headers.host === new URL(other).host)).toEqual([]);
  });

  it('ends where a redirect leads in a circle, or is not to be followed', async () => {
    const url = await serve((_, response) => response.writeHead(302, { location: '/' }).end());
    expect((await run({ url, redirects: 2 })).task.error).toContain('led on more than 2 times');
    expect(asked).toHaveLength(3);
    expect((await run({ url, redirects: 0, expect: { status: 302 } })).task.status).toBe('succeeded');
    const away = await serve((_, response) => response.writeHead(302, { location: 'file:///etc/passwd' }).end());
    expect((await run({ url: away })).task.error).toContain('none of HTTP');
  });

  it('does not take more than its limit, nor what is no JSON for JSON', async () => {
    const endless = await serve((_, response) => {
      const more = (): void => {
        if (!response.destroyed) response.write('x'.repeat(65_536), () => setImmediate(more));
      };
      more();
    });
    expect((await run({ url: endless, limit: '100Ki' })).task.error).toMatch(/PL222 .*answers more than 102400 bytes/);
    const broken = await serve((_, response) =>
      response.writeHead(200, { 'content-type': 'application/json' }).end('{'),
    );
    expect((await run({ url: broken })).task.error).toContain('it is none');
  });

  it('ends at its timeout, and where nobody answers', async () => {
    const silent = await serve(() => {});
    expect((await run({ url: silent, timeout: '200ms' })).task.status).toBe('timed_out');
    const { task } = await run({ url: 'http://127.0.0.1:9999/?key=secret' });
    expect(task.error).toMatch(
      /^PL222 HTTP request failed: http:\/\/127\.0\.0\.1:9999\/ did not answer: .*ECONNREFUSED/,
    );
  });
});
