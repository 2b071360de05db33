/** Requests that pass the framework by are answered as those that go through it: the same checks, answers, errors and headers. */
import { afterEach, expect, it } from 'vitest';
import { createMetrics } from '../../src/api/metrics.ts';
import { json, type Route } from '../../src/api/route.ts';
import { type ApiServer, createApiServer } from '../../src/api/server.ts';
import { MlopsError } from '../../src/lib/error.ts';
import { memoryIdempotency } from '../support/memory-idempotency.ts';

const servers: ApiServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close(1000);
});

const route = (path: string, lean: Route['lean']): Route => ({
  tag: 'test',
  operationId: 'x',
  summary: 'x',
  answers: { 200: { description: 'ok' } },
  method: 'POST',
  path,
  body: { type: 'object', required: ['a'], additionalProperties: false, properties: { a: { type: 'string' } } },
  handle: async ({ body, caller, header }) => {
    const { a } = body as { a: string };
    if (a === 'away') throw new MlopsError('ST120', { detail: 'It is away.', retryable: true });
    if (a === 'broken') throw new Error('a secret');
    return json(201, { body, caller, told: header('x-told') }, { 'x-own': 'kept' });
  },
  ...(lean !== undefined && { lean }),
});

async function serve(apiKeys: Record<string, string>): Promise<{ url: string; errors: unknown[] }> {
  const errors: unknown[] = [];
  const at = (body: unknown) => (body as { a: string }).a;
  const server = await createApiServer({
    routes: [
      route('/plain', undefined),
      route('/lean', {}),
      route('/at-once', {
        now: ({ body, caller }) => (at(body) === 'now' ? json(200, { at: 'once', caller }) : undefined),
      }),
    ],
    apiKeys: new Map(Object.entries(apiKeys)),
    idempotency: memoryIdempotency(),
    metrics: createMetrics(),
    onError: (error) => errors.push(error),
  });
  servers.push(server);
  return { url: `http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`, errors };
}

async function ask(
  url: string,
  body: NonNullable<RequestInit['body']> | undefined,
  headers: Record<string, string> = {},
) {
  const answer = await fetch(url, {
    method: 'POST',
    ...(body !== undefined && { body, duplex: 'half' }),
    headers,
  } as RequestInit);
  const {
    'content-type': type,
    'x-own': own,
    'retry-after': retry,
    'www-authenticate': who,
    ...rest
  } = Object.fromEntries(answer.headers);
  return { status: answer.status, type, own, retry, who, length: rest['content-length'], body: await answer.text() };
}

it('by the same answers and errors, with keys and without', async () => {
  for (const keys of [{}, { ci: 'the-key' }] as Record<string, string>[]) {
    const { url, errors } = await serve(keys);
    const known = { authorization: 'Bearer the-key', 'x-told': 'a' };
    const statuses = [];
    for (const headers of [
      known,
      { ...known, authorization: 'Bearer other' },
      {},
      { ...known, origin: 'https://example.org' },
    ]) {
      for (const body of [
        '{"a":"ж \\" x"}',
        '{"a":1}',
        '{',
        '',
        '{"a":"away"}',
        '{"a":"broken"}',
        '{"a":"\\u0000"}',
        'null',
        '[]',
      ]) {
        const plain = await ask(`${url}/plain`, body, headers);
        // Whoever is not let in is told so before the body is looked at.
        if (plain.status !== 400 || (await ask(`${url}/plain`, '{"a":""}', headers)).status === 201)
          expect(await ask(`${url}/lean`, body, headers), body).toEqual(plain);
        statuses.push(plain.status);
      }
    }
    expect([...new Set(statuses)].sort()).toEqual(
      'ci' in keys ? [201, 400, 401, 422, 500, 503] : [201, 400, 403, 422, 500, 503],
    );
    expect(errors.length).toBeGreaterThan(0);
    expect(JSON.stringify(await ask(`${url}/lean`, '{"a":"broken"}', known))).not.toContain('secret');
  }
});

it('also where the length is not told, or is too great', async () => {
  const { url } = await serve({});
  const stream = () => new Blob(['{"a":', '"streamed"}']).stream() as unknown as NonNullable<RequestInit['body']>;
  for (const path of ['/plain', '/lean'])
    expect(await ask(`${url}${path}`, stream())).toMatchObject({
      status: 201,
      body: expect.stringContaining('streamed'),
    });
  const large = `{"a":"${'x'.repeat(33 * 2 ** 20)}"}`;
  const [plain, lean] = [await ask(`${url}/plain`, large), await ask(`${url}/lean`, large)];
  expect([plain.status, lean]).toEqual([413, plain]);
});

it('at once where that can be told, else as ever', async () => {
  const { url } = await serve({ ci: 'the-key' });
  const headers = { authorization: 'Bearer the-key' };
  expect(await ask(`${url}/at-once`, '{"a":"now"}', headers)).toMatchObject({
    status: 200,
    body: '{"at":"once","caller":{"who":"key:ci"}}',
  });
  expect(await ask(`${url}/at-once`, '{"a":"later"}', headers)).toEqual(
    await ask(`${url}/plain`, '{"a":"later"}', headers),
  );
  expect((await ask(`${url}/at-once`, '{"a":"now"}')).status).toBe(401);
});
