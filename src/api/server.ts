/**
 * The one HTTP application, on every port that the daemon opens. Fastify routes and reads; what a route takes and answers
 * stands in routes/. JSON in whatever the Content-Type says, because `curl -d` sends a form type.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { MlopsError } from '../lib/error.ts';
import { parseExactly } from '../lib/exact-json.ts';
import type { IdempotencyStore } from '../stores/control/idempotency.ts';
import { authenticator, type Caller, isLoopback } from './auth.ts';
import { createIdempotency, type Idempotency } from './idempotency.ts';
import { toJson } from './json.ts';
import { leanListener } from './lean.ts';
import type { Metrics } from './metrics.ts';
import { type FieldError, internalProblem, type Problem, problemOf, shapeProblem } from './problem.ts';
import { type Answer, BODY_LIMIT_BYTES, type Call, fastifyPath, type Route } from './route.ts';
import { createValidator } from './validation.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Undefined where no route was found. */
    route?: Route;
  }
}

export interface ApiOptions {
  readonly routes: readonly Route[];
  /** Name to key; empty: no authentication, loopback only. */
  readonly apiKeys: ReadonlyMap<string, string>;
  readonly idempotency: IdempotencyStore;
  readonly metrics: Metrics;
  /** Errors of our own, with everything that helps to find them. */
  readonly onError: (error: unknown, request: { readonly method: string; readonly url: string }) => void;
}

export interface ApiServer {
  /** Opens one more port; 0: any free one. Answers the port. */
  listen(port: number, host: string): Promise<number>;
  /** Takes no new connection, waits for requests in hand, up to `graceMs`, then closes what is left. */
  close(graceMs?: number): Promise<void>;
  /** One request without a socket, for tests. */
  readonly app: FastifyInstance;
}

const IDLE_CHECK_MS = 25;
/** With a 503 that passes by itself. */
const RETRY_AFTER_SECONDS = '1';

export async function createApiServer(options: ApiOptions): Promise<ApiServer> {
  const app = Fastify({
    logger: false,
    bodyLimit: BODY_LIMIT_BYTES,
    requestIdHeader: false,
    // Bodies are checked by validation.ts. Fastify's own compilers would be loaded for nothing: a tenth of the daemon's start.
    schemaController: { compilersFactory: { buildValidator: noCompiler, buildSerializer: noCompiler } },
    routerOptions: { maxParamLength: 1024 },
    // What fails before a route is found, e.g. a path that is not UTF-8.
    frameworkErrors: (error, _request, reply) =>
      sendProblem(
        reply,
        problemFor(error, () => {}),
      ),
  });
  const bodies = createValidator('body');
  const queries = createValidator('query');
  const idempotency = createIdempotency(options.idempotency);
  const closing = new AbortController();
  const callerOf = authenticator(options.apiKeys);

  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (request, text, done) => {
    try {
      done(null, parseBody(text as string, request.routeOptions.config.route));
    } catch (error) {
      done(error as Error);
    }
  });
  const refusals = refusalsOf(options.routes);
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0] ?? '';
    const problem = problemOf(
      new MlopsError('API404', {
        detail: `There is no ${request.method} ${path}.`,
        hint: 'GET /openapi.json lists every path',
      }),
    );
    const refuse = refusals.get(rootOf(path));
    if (refuse === undefined) sendProblem(reply, problem);
    else send(reply, refuse(problem));
  });
  app.setErrorHandler((error, request, reply) => {
    const problem = problemFor(error, () => options.onError(error, { method: request.method, url: request.url }));
    const refuse = request.routeOptions.config.route?.refuse;
    if (refuse === undefined) sendProblem(reply, problem);
    else send(reply, refuse(problem));
  });
  // A connection that stays open for the next request would hold up a stop.
  app.addHook('onSend', (_request, reply, _payload, done) => {
    if (closing.signal.aborted) reply.header('connection', 'close');
    done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'none';
    options.metrics.answered(request.method, route, reply.statusCode, reply.elapsedTime / 1000);
    done();
  });

  for (const route of options.routes) if (route.takesStream !== true && route.takesBytes !== true) add(app, route);
  await app.register(async (bytes) => {
    bytes.removeAllContentTypeParsers();
    bytes.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    for (const route of options.routes.filter(({ takesBytes }) => takesBytes === true)) add(bytes, route);
  });
  await app.register(async (streams) => {
    streams.removeAllContentTypeParsers();
    streams.addContentTypeParser('*', { bodyLimit: Number.MAX_SAFE_INTEGER }, (_request, payload, done) =>
      done(null, payload),
    );
    for (const route of options.routes.filter(({ takesStream }) => takesStream === true)) add(streams, route);
  });
  await app.ready();

  function add(instance: FastifyInstance, route: Route): void {
    const querySchema = { type: 'object', properties: route.query ?? {} };
    instance.route({
      method: route.method,
      url: fastifyPath(route.path),
      config: { route },
      // Not an async function: what Fastify waits for then, the end of the answer, costs a small answer a tenth of its time.
      handler: (request, reply) => {
        answerOf(request, reply)
          .then((answer) => send(reply, answer))
          .catch((error: unknown) => reply.send(error instanceof Error ? error : new Error(String(error))));
      },
    });

    async function answerOf(request: FastifyRequest, reply: FastifyReply): Promise<Answer> {
      const caller = route.open === true ? { who: 'anyone' } : callerOf(request.headers);
      const query = { ...(request.query as Record<string, unknown>) };
      refuseNul(query, request.params);
      refuseShape(queries.check(querySchema, query), 'query');
      const body = route.takesStream === true || route.takesBytes === true ? undefined : request.body;
      if (route.body !== undefined && route.takesBytes !== true)
        refuseShape(bodies.check(route.body, body ?? {}), 'body');
      const call = callOf(request, reply, { route, caller, query, body: body ?? {}, closing: closing.signal });
      const key = route.method === 'POST' && route.ownIdempotency !== true ? call.header('idempotency-key') : undefined;
      return key === undefined ? route.handle(call) : once(idempotency, key, route, request.url, call);
    }
  }

  const listener = leanListener({
    routes: options.routes,
    apiKeys: options.apiKeys,
    metrics: options.metrics,
    bodyLimit: BODY_LIMIT_BYTES,
    closing: closing.signal,
    parse: (text, route) => parseBody(text, route) ?? {},
    check: (body, route) => {
      if (route.body !== undefined) refuseShape(bodies.check(route.body, body), 'body');
    },
    problemOf: (error, request) => problemFor(error, () => options.onError(error, request)),
    headersOf: problemHeaders,
    otherwise: (request, response) => app.routing(request, response),
  });
  const servers: Server[] = [];
  return {
    app,
    listen: async (port, host) => {
      if (!isLoopback(host) && options.apiKeys.size === 0) {
        throw new MlopsError('API401', {
          detail: `The daemon does not listen on ${host} without API keys: anyone who reaches it could change everything.`,
          hint: "set environments.NAME.daemon.apiKeys, e.g. { ci: env('MLOPS_API_KEY') }, or leave host out",
        });
      }
      // An upload takes the time that it takes; headers must still come within Node's minute.
      const server = createServer({ keepAliveTimeout: 30_000, requestTimeout: 0 }, listener);
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, resolve);
      });
      servers.push(server);
      return (server.address() as AddressInfo).port;
    },
    close: async (graceMs = 10_000) => {
      const closed = servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
      closing.abort();
      // A connection becomes idle when the answer on it ends, a stream's for instance; Node looks for idle ones only when asked.
      const idle = setInterval(() => {
        for (const server of servers) server.closeIdleConnections();
      }, IDLE_CHECK_MS);
      const hard = setTimeout(() => {
        for (const server of servers) server.closeAllConnections();
      }, graceMs);
      await Promise.all(closed);
      clearTimeout(hard);
      clearInterval(idle);
      await app.close();
    },
  };
}

/** `/api/2.0/mlflow/runs/get` → `/api/2.0/mlflow`: below it one protocol is spoken. */
const rootOf = (path: string): string => path.split('/').slice(0, 4).join('/');

/** How a protocol tells errors, by its root: also of what it has and the daemon does not. */
function refusalsOf(routes: readonly Route[]): ReadonlyMap<string, NonNullable<Route['refuse']>> {
  return new Map(routes.flatMap(({ path, refuse }) => (refuse === undefined ? [] : [[rootOf(path), refuse] as const])));
}

const noCompiler = (): never => {
  throw new Error('no route has a schema of Fastify');
};

/** Undefined where there is nothing. */
function parseBody(text: string, route: Route | undefined): unknown {
  let body: unknown;
  try {
    if (text.trim() !== '') body = route?.exactIntegers === true ? parseExactly(text) : JSON.parse(text);
  } catch (error) {
    throw new MlopsError('API400', {
      detail: `The body is not JSON: ${error instanceof Error ? error.message : String(error)}.`,
      hint: 'send one JSON document',
    });
  }
  if (text.includes('\\u0000')) refuseNul(body);
  return body;
}

function refuseShape(errors: readonly FieldError[], where: 'body' | 'query'): void {
  if (errors.length > 0) throw new ShapeError(shapeProblem(errors, where));
}

/** No text of ours may hold U+0000: Postgres stores none, and file systems end a name there. */
function refuseNul(...values: readonly unknown[]): void {
  const rest = [...values];
  while (rest.length > 0) {
    const value = rest.pop();
    if (typeof value === 'string' && value.includes('\0'))
      throw new MlopsError('API400', { detail: 'The request holds the character U+0000, which no text may have.' });
    if (typeof value === 'object' && value !== null)
      for (const [name, member] of Object.entries(value)) rest.push(name, member);
  }
}

class ShapeError extends Error {
  readonly problem: Problem;
  constructor(problem: Problem) {
    super(problem.detail);
    this.problem = problem;
  }
}

function problemFor(error: unknown, onOwnError: () => void): Problem {
  if (error instanceof ShapeError) return error.problem;
  if (error instanceof MlopsError) {
    if (error.code === 'API500') onOwnError();
    return problemOf(error);
  }
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  if (typeof status === 'number' && status >= 400 && status < 500) {
    const detail = error instanceof Error ? error.message : String(error);
    return { ...problemOf(new MlopsError('API400', { detail })), status };
  }
  onOwnError();
  return internalProblem();
}

function callOf(
  request: FastifyRequest,
  reply: FastifyReply,
  {
    route,
    caller,
    query,
    body,
    closing,
  }: { route: Route; caller: Caller; query: Record<string, unknown>; body: unknown; closing: AbortSignal },
): Call {
  let signal: AbortSignal | undefined;
  const params = { ...(request.params as Record<string, string>) };
  const rest = /\{(\w+)\*\}$/.exec(route.path)?.[1];
  if (rest !== undefined) params[rest] = params['*'] ?? '';
  return {
    params,
    query,
    body,
    bytes: route.takesBytes === true && Buffer.isBuffer(request.body) ? request.body : NO_BYTES,
    stream: (route.takesStream === true ? (request.body as Readable | undefined) : undefined) ?? Readable.from([]),
    header: (name) => {
      const value = request.headers[name];
      return Array.isArray(value) ? value[0] : value;
    },
    caller,
    // Made only for the handlers that wait: it would cost a prediction a tenth of its time.
    get signal() {
      signal ??= AbortSignal.any([goneSignal(reply), closing]);
      return signal;
    },
  };
}

const NO_BYTES = Buffer.alloc(0);

/** Aborts when the connection closes before the answer is out. */
function goneSignal(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  if (reply.raw.destroyed) gone.abort();
  else {
    reply.raw.once('close', () => {
      if (!reply.raw.writableFinished) gone.abort();
    });
  }
  return gone.signal;
}

/** The answer that was given to this key before, or a new one, which is kept. */
function once(idempotency: Idempotency, key: string, route: Route, url: string, call: Call): Promise<Answer> {
  return idempotency.run(
    { key, caller: call.caller.who, request: { method: route.method, url, body: call.body } },
    () => route.handle(call),
  );
}

function send(reply: FastifyReply, answer: Answer): void {
  reply.code(answer.status);
  switch (answer.kind) {
    case 'json':
      reply.headers(answer.headers ?? {});
      reply.type('application/json; charset=utf-8').send(toJson(answer.body));
      return;
    case 'empty':
      reply.headers(answer.headers ?? {});
      reply.send();
      return;
    case 'bytes':
      reply.headers(answer.headers ?? {});
      reply.type(answer.contentType).send(answer.bytes);
      return;
    case 'text':
      reply.type(answer.contentType).send(answer.text);
      return;
    case 'stream':
      reply.headers(answer.headers ?? {});
      reply.type(answer.contentType).send(answer.stream);
      return;
  }
}

function sendProblem(reply: FastifyReply, problem: Problem): void {
  reply.headers(problemHeaders(problem));
  reply.code(problem.status).type('application/problem+json; charset=utf-8').send(toJson(problem));
}

function problemHeaders(problem: Problem): Readonly<Record<string, string>> {
  if (problem.status === 401) return { 'www-authenticate': 'Bearer' };
  return problem.status === 503 && problem.retryable === true ? { 'retry-after': RETRY_AFTER_SECONDS } : {};
}
