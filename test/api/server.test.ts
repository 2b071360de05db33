import { Readable } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { createMetrics } from '../../src/api/metrics.ts';
import { json, type Route } from '../../src/api/route.ts';
import { type ApiServer, createApiServer } from '../../src/api/server.ts';
import { MlopsError } from '../../src/lib/error.ts';
import { memoryIdempotency } from '../support/memory-idempotency.ts';

const base = { tag: 'test', operationId: 'x', summary: 'x', answers: { 200: { description: 'ok' } } } as const;
const servers: ApiServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close(1000);
});

async function serve(
  routes: readonly Route[],
  apiKeys: Record<string, string> = {},
  errors: unknown[] = [],
): Promise<{ url: string; server: ApiServer }> {
  const server = await createApiServer({
    routes,
    apiKeys: new Map(Object.entries(apiKeys)),
    idempotency: memoryIdempotency(),
    metrics: createMetrics(),
    onError: (error) => errors.push(error),
  });
  servers.push(server);
  return { url: `http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`, server };
}

const echo: Route = {
  ...base,
  method: 'POST',
  path: '/echo/{name}',
  query: { n: { type: 'integer', default: 7 } },
  body: {
    type: 'object',
    required: ['a'],
    additionalProperties: false,
    properties: { a: { type: 'number' }, b: { enum: ['x', 'y'] } },
  },
  handle: async ({ params, query, body, caller }) => json(200, { params, query, body, caller }),
};

describe('a request', () => {
  it('is read as JSON whatever its content type says', async () => {
    const { url } = await serve([echo]);
    for (const type of [
      'application/x-www-form-urlencoded',
      'text/plain',
      'application/json',
      'application/octet-stream',
    ]) {
      const answer = await fetch(`${url}/echo/bob?n=3`, {
        method: 'POST',
        body: '{"a": 1}',
        headers: { 'content-type': type },
      });
      expect([answer.status, await answer.json()]).toEqual([
        200,
        { params: { name: 'bob' }, query: { n: 3 }, body: { a: 1 }, caller: { who: 'http' } },
      ]);
    }
  });

  it('that is no JSON is a problem document', async () => {
    const { url } = await serve([echo]);
    const answer = await fetch(`${url}/echo/bob`, { method: 'POST', body: '{"a": ' });
    expect(answer.status).toBe(400);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(await answer.json()).toMatchObject({
      code: 'API400',
      title: 'Bad request',
      status: 400,
      type: 'urn:mlops:problem:API400',
    });
  });

  it('gets every mistake of its body with a JSON pointer', async () => {
    const { url } = await serve([echo]);
    const answer = await fetch(`${url}/echo/bob`, { method: 'POST', body: '{"b": "z", "c": 1}' });
    expect(answer.status).toBe(422);
    const problem = (await answer.json()) as { code: string; errors: { pointer: string }[] };
    expect(problem.code).toBe('API422');
    expect(problem.errors.map(({ pointer }) => pointer).sort()).toEqual(['/a', '/b', '/c']);
  });

  it('for an unknown path is told where all paths are listed', async () => {
    const { url } = await serve([echo]);
    const answer = await fetch(`${url}/nowhere`);
    expect([answer.status, ((await answer.json()) as { hint: string }).hint]).toEqual([
      404,
      'GET /openapi.json lists every path',
    ]);
  });

  it('whose path is no UTF-8 or whose texts hold U+0000 is a problem document', async () => {
    const errors: unknown[] = [];
    const { url } = await serve([echo, { ...echo, path: '/free/{name}', body: { type: 'object' } }], {}, errors);
    const problemOf = async (path: string, body: string) => {
      const answer = await fetch(`${url}${path}`, { method: 'POST', body });
      return [answer.headers.get('content-type'), ((await answer.json()) as { code: string }).code];
    };
    const refused = ['application/problem+json; charset=utf-8', 'API400'];
    expect(await problemOf('/echo/%E0%A4%A', '{"a": 1}')).toEqual(refused);
    expect(await problemOf('/echo/a%00b', '{"a": 1}')).toEqual(refused);
    expect(await problemOf('/echo/a?x=%00', '{"a": 1}')).toEqual(refused);
    expect(await problemOf('/free/a', '{"b": [{"c": "x\\u0000"}]}')).toEqual(refused);
    expect(await problemOf('/free/a', '{"x\\u0000": 1}')).toEqual(refused);
    expect((await fetch(`${url}/free/a`, { method: 'POST', body: '{"b": "x\\\\u0000"}' })).status).toBe(200);
    expect(errors).toEqual([]);
  });

  it('with a mistake in its query has the code of that', async () => {
    const { url } = await serve([echo]);
    const answer = await fetch(`${url}/echo/a?n=x`, { method: 'POST', body: '{"a": 1}' });
    expect(await answer.json()).toMatchObject({
      status: 400,
      code: 'API400',
      title: 'Bad request',
      type: 'urn:mlops:problem:API400',
    });
  });

  it('that fails for a reason of ours tells nothing of it and reports it whole', async () => {
    const errors: unknown[] = [];
    const secret = new Error('password=hunter2');
    const { url } = await serve(
      [
        {
          ...base,
          method: 'GET',
          path: '/boom',
          handle: async () => {
            throw secret;
          },
        },
      ],
      {},
      errors,
    );
    const answer = await fetch(`${url}/boom`);
    expect(answer.status).toBe(500);
    expect(await answer.text()).not.toContain('hunter2');
    expect(errors).toEqual([secret]);
  });

  it('carries fields of the error as members of the problem', async () => {
    const { url } = await serve([
      {
        ...base,
        method: 'GET',
        path: '/gate',
        handle: async () => {
          throw new MlopsError('MD202', { detail: 'auc is 0.7', data: { failedGates: [{ metric: 'auc' }] } });
        },
      },
    ]);
    const answer = await fetch(`${url}/gate`);
    expect([answer.status, await answer.json()]).toMatchObject([
      409,
      { code: 'MD202', failed_gates: [{ metric: 'auc' }] },
    ]);
  });
});

describe('authentication', () => {
  it('asks for one of the keys and names it', async () => {
    const { url } = await serve([echo], { ci: 'secret-1', ops: 'secret-2' });
    const post = (headers: Record<string, string>) =>
      fetch(`${url}/echo/x`, { method: 'POST', body: '{"a":1}', headers });
    expect((await post({})).status).toBe(401);
    expect((await post({ authorization: 'Bearer wrong' })).status).toBe(401);
    const answer = await post({ authorization: 'Bearer secret-2' });
    expect(((await answer.json()) as { caller: unknown }).caller).toEqual({ who: 'key:ops' });
  });

  it('refuses to listen off loopback without keys', async () => {
    const { server } = await serve([echo]);
    await expect(server.listen(0, '0.0.0.0')).rejects.toMatchObject({ code: 'API401' });
  });

  it('without keys refuses web pages of other origins and rebound names', async () => {
    const { server } = await serve([echo]);
    const inject = async (headers: Record<string, string>) =>
      (await server.app.inject({ method: 'POST', url: '/echo/x', payload: '{"a":1}', headers })).statusCode;
    expect(await inject({ host: '127.0.0.1:8000' })).toBe(200);
    expect(await inject({ host: 'localhost:8000', origin: 'http://localhost:3000' })).toBe(200);
    expect(await inject({ host: 'evil.example:8000' })).toBe(403);
    expect(await inject({ host: '127.0.0.1:8000', origin: 'https://evil.example' })).toBe(403);
    expect(await inject({ host: '127.0.0.1:8000', origin: 'null' })).toBe(403);
  });
});

describe('an idempotency key', () => {
  it('gives the first answer again, refuses another request, and lets a failure of ours be tried again', async () => {
    let calls = 0;
    const counted: Route = {
      ...echo,
      path: '/counted',
      handle: async ({ body }) => {
        calls += 1;
        if ((body as { b?: string }).b === 'y' && calls < 3) throw new Error('not now');
        return json(201, { calls });
      },
    };
    const { url } = await serve([counted]);
    const post = async (key: string, body: unknown) => {
      const answer = await fetch(`${url}/counted`, {
        method: 'POST',
        body: JSON.stringify(body),
        headers: { 'idempotency-key': key },
      });
      return [answer.status, await answer.json()];
    };
    expect(await post('k', { a: 1 })).toEqual([201, { calls: 1 }]);
    expect(await post('k', { a: 1 })).toEqual([201, { calls: 1 }]);
    expect(await post('k', { a: 2 })).toMatchObject([422, { code: 'API422' }]);
    expect(await post('other', { a: 1, b: 'y' })).toMatchObject([500, {}]);
    expect(await post('other', { a: 1, b: 'y' })).toEqual([201, { calls: 3 }]);
  });
});

describe('the server', () => {
  it('finishes the request in hand before it closes', async () => {
    let release: () => void = () => {};
    const entered = new Promise<void>((resolve) => {
      release = resolve;
    });
    let finish: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const { url, server } = await serve([
      {
        ...base,
        method: 'GET',
        path: '/slow',
        handle: async () => {
          release();
          await gate;
          return json(200, { done: true });
        },
      },
    ]);
    const answer = fetch(`${url}/slow`);
    await entered;
    const closed = server.close(30_000);
    finish();
    expect(await (await answer).json()).toEqual({ done: true });
    await closed;
    await expect(fetch(`${url}/slow`)).rejects.toThrow();
  });

  it('ends streams when it closes, and does not wait for their connections', async () => {
    const { url, server } = await serve([
      {
        ...base,
        method: 'GET',
        path: '/forever',
        handle: async ({ signal }) => ({
          kind: 'stream',
          status: 200,
          contentType: 'text/plain',
          stream: Readable.from(
            (async function* () {
              yield 'begun';
              await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
            })(),
          ),
        }),
      },
    ]);
    const answer = await fetch(`${url}/forever`);
    const reader = answer.body?.getReader();
    await reader?.read();
    const start = performance.now();
    const closed = server.close(60_000);
    expect((await reader?.read())?.done).toBe(true);
    await closed;
    expect(performance.now() - start).toBeLessThan(20_000);
  });

  it('streams a body in and out', async () => {
    const { url } = await serve([
      {
        ...base,
        method: 'PUT',
        path: '/files/{path*}',
        takesStream: true,
        handle: async ({ params, stream }) => {
          let bytes = 0;
          for await (const chunk of stream) bytes += (chunk as Buffer).length;
          return {
            kind: 'stream',
            status: 200,
            contentType: 'text/plain',
            stream: Readable.from([`${params['path']}:${bytes}`]),
          };
        },
      },
    ]);
    const answer = await fetch(`${url}/files/a/b%20c.bin`, { method: 'PUT', body: new Uint8Array(40 * 2 ** 20) });
    expect(await answer.text()).toBe(`a/b c.bin:${40 * 2 ** 20}`);
  });

  it('opens several ports', async () => {
    const { url, server } = await serve([{ ...base, method: 'GET', path: '/ping', handle: async () => json(200, 1) }]);
    const second = `http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`;
    expect([(await fetch(`${url}/ping`)).status, (await fetch(`${second}/ping`)).status]).toEqual([200, 200]);
    expect(second).not.toBe(url);
  });
});
