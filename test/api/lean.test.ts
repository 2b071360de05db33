/** Requests that pass the framework by are answered as those that go through it: the same checks, answers, errors and headers. */
import { connect } from 'node:net';
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
  handle: async ({ body, caller, header, params }) => {
    const { a } = body as { a: string };
    if (path.includes('{')) return json(200, { a, params });
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
      route('/plain-named/{name}/go/{other}', undefined),
      route('/lean-named/{name}/go/{other}', {}),
      route('/lean-named/fixed/go/plain', undefined),
      route('/at-once', {
        now: ({ body, caller }) => (at(body) === 'now' ? json(200, { at: 'once', caller }) : undefined),
      }),
      route('/sized', {
        now: ({ body }) => {
          const [size, when] = at(body).split(' ');
          const answer = json(200, { size, text: 'x'.repeat(Number(size)) });
          if (when === 'soon') return Promise.resolve(answer);
          if (when === 'away') return Promise.reject(new MlopsError('ST120', { detail: 'Away.', retryable: true }));
          return when === 'now' ? answer : undefined;
        },
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

it('with names in the path, however they are written', async () => {
  const { url } = await serve({});
  const tried = [];
  for (const names of [
    'n/go/o',
    'n%2Fm/go/%C3%A9',
    'n%/go/o',
    'n/go/o/',
    'n/go/',
    'n/go/o?x=1',
    'N.~-_/go/a+b',
    `${'x'.repeat(1_025)}/go/o`,
    'constructor/go/__proto__',
    'fixed/go/other',
  ]) {
    const plain = await ask(`${url}/plain-named/${names}`, '{"a":"b"}');
    const of = (path: string) => plain.body.replaceAll('/plain-named', path);
    // Twice: what was looked up once is known.
    for (let time = 0; time < 2; time += 1)
      expect(await ask(`${url}/lean-named/${names}`, '{"a":"b"}'), names).toEqual({
        ...plain,
        body: of('/lean-named'),
        length: String(Buffer.byteLength(of('/lean-named'))),
      });
    tried.push(plain.status);
  }
  expect(tried).toContain(200);
  expect(tried).toContain(404);
  expect((await ask(`${url}/lean-named/n%2Fm/go/%C3%A9`, '{"a":"b"}')).body).toBe(
    '{"a":"b","params":{"name":"n/m","other":"é"}}',
  );
  expect((await ask(`${url}/lean-named/fixed/go/plain`, '{"a":"b"}')).status).toBe(201);
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

it('each to its own request where many are ready together, small and large, with errors among them', async () => {
  const { url } = await serve({});
  const { hostname, port, host } = new URL(url);
  /** Sent in one piece on one connection, so that all of them are there at once. */
  const pipelined = (asked: readonly string[]) =>
    new Promise<{ status: number; body: { size?: string; text?: string; code?: string } }[]>((resolve, reject) => {
      const answers: { status: number; body: object }[] = [];
      let bytes = Buffer.alloc(0);
      const socket = connect(Number(port), hostname).once('error', reject);
      socket.on('data', (chunk) => {
        bytes = Buffer.concat([bytes, chunk]);
        for (;;) {
          const end = bytes.indexOf('\r\n\r\n');
          const head = bytes.toString('latin1', 0, Math.max(end, 0));
          const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? Number.NaN);
          if (end < 0 || bytes.length < end + 4 + length) break;
          const body = JSON.parse(bytes.toString('utf8', end + 4, end + 4 + length)) as object;
          answers.push({ status: Number(head.slice(9, 12)), body });
          bytes = bytes.subarray(end + 4 + length);
        }
        if (answers.length < asked.length) return;
        socket.destroy();
        resolve(answers);
      });
      const requests = asked.map((a) => {
        const body = JSON.stringify({ a });
        return `POST /sized HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
      });
      socket.write(requests.join(''));
    });
  const whens = ['now', 'soon', 'away', 'later'];
  const asked = Array.from({ length: 40 }, (_, at) => `${[10, 5_000, 300_000][at % 3]} ${whens[at % whens.length]}`);
  const expected = asked.map((text) => {
    const [size, when] = text.split(' ');
    return { now: [200, size], soon: [200, size], away: [503, undefined], later: [201, undefined] }[String(when)];
  });
  for (const answers of await Promise.all([asked, asked, asked].map(pipelined))) {
    expect(answers.map(({ status, body }) => [status, body.size])).toEqual(expected);
    for (const { body } of answers)
      expect(body.text?.length).toBe(body.size === undefined ? undefined : Number(body.size));
  }
});
