/**
 * A route as a value: what it takes and answers, for the server and for openapi.json alike, and a handler that knows no
 * web framework.
 */
import type { Readable } from 'node:stream';
import type { Kind } from '../spec/kinds.ts';
import type { Caller } from './auth.ts';
import type { Problem } from './problem.ts';

/** What a body may be, but for streams, which have no limit. */
export const BODY_LIMIT_BYTES = 32 * 2 ** 20;

export type JsonSchema = Readonly<Record<string, unknown>>;

export interface Call {
  readonly params: Readonly<Record<string, string>>;
  /** Coerced to the types of the route's `query` schema, defaults filled in. */
  readonly query: Readonly<Record<string, unknown>>;
  /** Checked against the route's `body` schema. Undefined for a route with `takesStream` or `takesBytes`. */
  readonly body: unknown;
  /** The whole body where the route `takesBytes`; else nothing. */
  readonly bytes: Buffer;
  /** The request's bytes where the route `takesStream`. */
  readonly stream: Readable;
  readonly header: (name: string) => string | undefined;
  readonly caller: Caller;
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal;
}

export type Answer =
  | {
      readonly kind: 'json';
      readonly status: number;
      readonly body: unknown;
      readonly headers?: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'empty'; readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  | {
      readonly kind: 'stream';
      readonly status: number;
      readonly contentType: string;
      readonly stream: Readable;
      readonly headers?: Readonly<Record<string, string>>;
    }
  | {
      readonly kind: 'bytes';
      readonly status: number;
      readonly contentType: string;
      readonly bytes: Buffer;
      readonly headers?: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'text'; readonly status: number; readonly contentType: string; readonly text: string };

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** As OpenAPI writes it: `/api/v1/models/{id}`. `{path*}` at the end takes slashes too. */
  readonly path: string;
  readonly operationId: string;
  readonly summary: string;
  readonly tag: string;
  /** Properties of the query string. */
  readonly query?: Readonly<Record<string, JsonSchema>>;
  readonly body?: JsonSchema;
  /** The body is a resource of this kind, checked by the handler as specs are, snake_case and short forms included. */
  readonly specBody?: Kind;
  /** The body is bytes, handed over unread. */
  readonly takesStream?: boolean;
  /** The body is bytes, handed over whole; `body` only describes their JSON. */
  readonly takesBytes?: boolean;
  readonly answers: Readonly<
    Record<number, { readonly description: string; readonly schema?: JsonSchema; readonly contentType?: string }>
  >;
  /** Answered without an API key. */
  readonly open?: boolean;
  /** It tells repeated requests itself: before anybody is known by whom a request comes, no answer is kept. */
  readonly ownIdempotency?: boolean;
  /** How it tells an error, where another protocol says that. Default: application/problem+json. */
  readonly refuse?: (problem: Problem) => Answer;
  /** Integers of the body that a number cannot hold arrive as bigint. Default: as the nearest number. */
  readonly exactIntegers?: boolean;
  readonly handle: (call: Call) => Promise<Answer>;
  /** A POST that comes by the thousand, with a body and without a query: it is answered past the framework. */
  readonly lean?: Lean;
}

export interface Lean {
  /** As JSON.parse and then `check`, which throws, faster for texts that are alike. Undefined: by these. */
  readonly parse?: (bytes: Buffer, check: (body: unknown) => void) => unknown;
  /** What `handle` answers, where that can be told at once, or nothing but the answer of a store is waited for; undefined: `handle` is asked. */
  readonly now?: (call: Call) => Answer | Promise<Answer> | undefined;
}

/** As the framework writes it, and metrics tell it: `{name}` → `:name`, `{path*}` → `*`. */
export const fastifyPath = (path: string): string => path.replace(/\{\w+\*\}$/, '*').replace(/\{(\w+)\}/g, ':$1');

export const json = (status: number, body: unknown, headers?: Readonly<Record<string, string>>): Answer => ({
  kind: 'json',
  status,
  body,
  ...(headers !== undefined && { headers }),
});

export const PAGE_QUERY = {
  limit: { type: 'integer', minimum: 1, maximum: 1000, default: 100, description: 'Items to answer at most.' },
  cursor: { type: 'string', description: '`next_cursor` of the answer before.' },
} as const satisfies Record<string, JsonSchema>;

export const pageSchema = (items: JsonSchema): JsonSchema => ({
  type: 'object',
  required: ['items', 'next_cursor'],
  properties: { items: { type: 'array', items }, next_cursor: { type: ['string', 'null'] } },
});

/** Pages over what is in memory, in a fixed order, by the last key seen. */
export function pageOf<T>(
  all: readonly T[],
  keyOf: (item: T) => string,
  { limit, cursor }: { readonly limit: number; readonly cursor: string | undefined },
): { items: readonly T[]; next_cursor: string | null } {
  const after = cursor === undefined ? undefined : Buffer.from(cursor, 'base64url').toString();
  const rest = after === undefined ? all : all.filter((item) => keyOf(item) > after);
  const items = rest.slice(0, limit);
  const last = items.at(-1);
  return {
    items,
    next_cursor:
      rest.length > items.length && last !== undefined ? Buffer.from(keyOf(last)).toString('base64url') : null,
  };
}
