/**
 * The way of requests that come by the thousand, past the framework: the same checks, the same handler, the same answers and
 * errors, by a fixed path. What is out of the ordinary (a length that is not told or too great, an idempotency key) goes the
 * long way.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { authenticator } from './auth.ts';
import { JsonBytes, toJson } from './json.ts';
import type { Metrics } from './metrics.ts';
import type { Problem } from './problem.ts';
import type { Answer, Call, Route } from './route.ts';

export interface LeanOptions {
  readonly routes: readonly Route[];
  readonly apiKeys: ReadonlyMap<string, string>;
  readonly metrics: Metrics;
  readonly bodyLimit: number;
  /** No more requests are taken on a connection. */
  readonly closing: AbortSignal;
  /** Reads a body; throws what is wrong with it. */
  readonly parse: (text: string, route: Route) => unknown;
  /** Throws what is wrong with the shape of a body. */
  readonly check: (body: unknown, route: Route) => void;
  readonly problemOf: (error: unknown, request: { readonly method: string; readonly url: string }) => Problem;
  /** Headers that a problem has beside its type. */
  readonly headersOf: (problem: Problem) => Readonly<Record<string, string>>;
  readonly otherwise: RequestListener;
}

const JSON_TYPE = 'application/json; charset=utf-8';
const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';
const NOTHING = {};

export function leanListener(options: LeanOptions): RequestListener {
  const { otherwise, bodyLimit, metrics, closing } = options;
  const routes = new Map(options.routes.filter(({ lean }) => lean !== undefined).map((route) => [route.path, route]));
  const callerOf = authenticator(options.apiKeys);

  function answer(route: Route, text: string, request: IncomingMessage): Answer | Promise<Answer> {
    // Before the body, as the framework does not: who is not let in learns nothing of what it takes.
    const caller = callerOf(request.headers);
    const body = route.lean?.parse?.(text) ?? options.parse(text, route);
    options.check(body, route);
    const call: Call = {
      params: NOTHING as Call['params'],
      query: NOTHING,
      body,
      get stream() {
        return Readable.from([]);
      },
      header: (name) => {
        const value = request.headers[name];
        return Array.isArray(value) ? value[0] : value;
      },
      caller,
      signal: closing,
    };
    return route.lean?.now?.(call) ?? route.handle(call);
  }

  function serve(route: Route, request: IncomingMessage, response: ServerResponse): void {
    const begun = performance.now();
    const send = (status: number, type: string, body: Buffer, headers: Readonly<Record<string, string>> = NOTHING) => {
      response.writeHead(status, {
        'content-type': type,
        'content-length': body.length,
        ...headers,
        ...(closing.aborted && { connection: 'close' }),
      });
      response.end(body);
      metrics.answered(request.method ?? 'POST', route.path, status, (performance.now() - begun) / 1000);
    };
    const told = (found: Answer): void => {
      if (found.kind !== 'json') throw new Error(`a lean route answers JSON: ${route.path}`);
      const { status, body, headers } = found;
      send(status, JSON_TYPE, body instanceof JsonBytes ? body.bytes : Buffer.from(toJson(body)), headers);
    };
    const refuse = (error: unknown): void => {
      const problem = options.problemOf(error, { method: request.method ?? '', url: request.url ?? '' });
      send(problem.status, PROBLEM_TYPE, Buffer.from(toJson(problem)), options.headersOf(problem));
    };
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.once('end', () => {
      try {
        const [first] = chunks;
        const text = (chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks)).toString('utf8');
        const found = answer(route, text, request);
        if (found instanceof Promise) found.then(told).catch(refuse);
        else told(found);
      } catch (error) {
        refuse(error);
      }
    });
  }

  return (request, response) => {
    const route = request.method === 'POST' ? routes.get(request.url ?? '') : undefined;
    const length = route === undefined ? Number.NaN : Number(request.headers['content-length']);
    if (route === undefined || !(length > 0 && length <= bodyLimit) || request.headers['idempotency-key'] !== undefined)
      return otherwise(request, response);
    serve(route, request, response);
  };
}
