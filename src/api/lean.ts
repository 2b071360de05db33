/**
 * The way of requests that come by the thousand, past the framework: the same checks, the same handler, the same answers and
 * errors, by a fixed path. What is out of the ordinary (a length that is not told or too great, an idempotency key) goes the
 * long way.
 */
import type { IncomingHttpHeaders, IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { authenticator, type Caller } from './auth.ts';
import { ByteWriter } from './byte-writer.ts';
import { jointSending } from './joint-sending.ts';
import { toJson } from './json.ts';
import { leanPaths } from './lean-paths.ts';
import type { Meter, Metrics } from './metrics.ts';
import type { Problem } from './problem.ts';
import { type Answer, type Call, fastifyPath, type Route } from './route.ts';

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
const NO_BYTES = Buffer.alloc(0);

/** What a handler is told. There is one for every request, so nothing is made that is seldom asked for. */
class LeanCall implements Call {
  readonly params: Call['params'];
  readonly query = NOTHING;
  readonly bytes: Buffer;
  readonly body: unknown;
  readonly caller: Caller;
  readonly signal: AbortSignal;
  readonly header: Call['header'];
  constructor(
    params: Call['params'],
    body: unknown,
    bytes: Buffer,
    caller: Caller,
    signal: AbortSignal,
    headers: IncomingHttpHeaders,
  ) {
    this.params = params;
    this.body = body;
    this.bytes = bytes;
    this.caller = caller;
    this.signal = signal;
    this.header = (name) => {
      const value = headers[name];
      return Array.isArray(value) ? value[0] : value;
    };
  }

  get stream(): Readable {
    return Readable.from([]);
  }
}

export function leanListener(options: LeanOptions): RequestListener {
  const { otherwise, bodyLimit, closing } = options;
  const pathOf = leanPaths(options.routes, (route) =>
    route.lean === undefined ? undefined : { route, answered: options.metrics.meter('POST', fastifyPath(route.path)) },
  );
  const callerOf = authenticator(options.apiKeys);
  const jointly = jointSending();

  function answer(
    route: Route,
    params: Call['params'],
    bytes: Buffer,
    headers: IncomingHttpHeaders,
  ): Answer | Promise<Answer> {
    // Before the body, as the framework does not: who is not let in learns nothing of what it takes.
    const caller = callerOf(headers);
    const call =
      route.takesBytes === true
        ? new LeanCall(params, undefined, bytes, caller, closing, headers)
        : new LeanCall(params, bodyOf(route, bytes), NO_BYTES, caller, closing, headers);
    return route.lean?.now?.(call) ?? route.handle(call);
  }

  function bodyOf(route: Route, bytes: Buffer): unknown {
    const read = route.lean?.parse?.(bytes, (body) => options.check(body, route));
    if (read !== undefined) return read;
    const body = options.parse(bytes.toString('utf8'), route);
    options.check(body, route);
    return body;
  }

  function serve(
    { route, answered }: { readonly route: Route; readonly answered: Meter },
    params: Call['params'],
    request: IncomingMessage,
    response: ServerResponse,
  ): void {
    const begun = performance.now();
    const send = (status: number, headers: string[], body: Buffer | string): void => {
      headers.push('content-length', String(typeof body === 'string' ? Buffer.byteLength(body) : body.length));
      if (closing.aborted) headers.push('connection', 'close');
      response.writeHead(status, headers);
      response.end(body);
      answered(status, (performance.now() - begun) / 1000);
    };
    const refuse = (error: unknown): void => {
      const problem = options.problemOf(error, { method: request.method ?? '', url: request.url ?? '' });
      const own = route.refuse?.(problem);
      if (own?.kind === 'json') {
        const headers = ['content-type', JSON_TYPE, ...Object.entries(own.headers ?? NOTHING).flat()];
        send(own.status, headers as string[], toJson(own.body));
        return;
      }
      const headers = ['content-type', PROBLEM_TYPE, ...Object.entries(options.headersOf(problem)).flat()];
      send(problem.status, headers, toJson(problem));
    };
    const told = (found: Answer): void => {
      if (found.kind !== 'json' && found.kind !== 'bytes')
        throw new Error(`a lean route answers JSON or bytes: ${route.path}`);
      const { status } = found;
      const headers = ['content-type', found.kind === 'json' ? JSON_TYPE : found.contentType];
      if (found.headers !== undefined) headers.push(...Object.entries(found.headers).flat());
      const writer = found.kind === 'json' && found.body instanceof ByteWriter ? found.body : undefined;
      // A text goes to the system together with the head before it, in one piece.
      const content =
        found.kind === 'bytes' ? found.bytes : writer === undefined ? toJson(found.body) : writer.written();
      jointly(content.length, () => {
        try {
          send(status, headers, content);
          // All of it went to the system: nobody reads these bytes any more.
          if (response.writableLength === 0 && request.socket.writableLength === 0) writer?.release();
        } catch (error) {
          refuse(error);
        }
      });
    };
    const take = (bytes: Buffer): void => {
      try {
        const found = answer(route, params, bytes, request.headers);
        if (found instanceof Promise) found.then(told).catch(refuse);
        else told(found);
      } catch (error) {
        refuse(error);
      }
    };
    let first: Buffer | undefined;
    let chunks: Buffer[] | undefined;
    request.on('data', (chunk: Buffer) => {
      if (first === undefined) first = chunk;
      else if (chunks === undefined) chunks = [first, chunk];
      else chunks.push(chunk);
    });
    request.once('end', () => take(chunks === undefined ? (first as Buffer) : Buffer.concat(chunks)));
  }

  return (request, response) => {
    const found = request.method === 'POST' ? pathOf(request.url ?? '') : undefined;
    const length = found === undefined ? Number.NaN : Number(request.headers['content-length']);
    if (found === undefined || !(length > 0 && length <= bodyLimit) || request.headers['idempotency-key'] !== undefined)
      return otherwise(request, response);
    serve(found.route, found.params, request, response);
  };
}
