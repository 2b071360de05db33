/** A request as a task writes it: its secrets looked up, its credentials and its body put into form; and whether the answer will do. */
import { Buffer } from 'node:buffer';
import { MlopsError } from '../../lib/error.ts';
import { compileExpression } from '../../lib/expression.ts';
import { packageVersion } from '../../lib/package.ts';
import type { EnvRef } from '../../lib/secret.ts';
import { sizeBytes } from '../../lib/units.ts';
import type { HttpExpect, HttpRequestTask } from '../../spec/schema-types.ts';
import type { HttpAnswer, HttpCall } from './http-call.ts';

/** What `expect.that` may read. */
export const ANSWER_VARIABLES = ['status', 'headers', 'body'] as const;

export type RequestSpec = Pick<
  HttpRequestTask,
  'url' | 'method' | 'query' | 'headers' | 'auth' | 'body' | 'redirects' | 'limit'
>;

const DEFAULT_REDIRECTS = 5;
const DEFAULT_LIMIT = '256Ki';
const LARGEST_LIMIT_BYTES = 2 ** 20;
const CHANGES: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);

/** `key` names the request for servers that know to do it once: a task may run twice. PL222 where it cannot be sent. */
export function httpCall(spec: RequestSpec, resolve: (value: string | EnvRef) => string, key: string): HttpCall {
  const method = spec.method ?? (spec.body === undefined ? 'GET' : 'POST');
  if (!URL.canParse(spec.url) || !/^https?:/.test(spec.url))
    throw new MlopsError('PL222', { detail: 'The url is none of HTTP.', hint: 'write it with http:// or https://' });
  const url = new URL(spec.url);
  for (const [name, value] of Object.entries(spec.query ?? {})) url.searchParams.append(name, resolve(value));
  const headers: Record<string, string> = {
    accept: 'application/json, */*;q=0.5',
    'user-agent': `mlops/${packageVersion()}`,
    ...(CHANGES.has(method) && { 'idempotency-key': key }),
  };
  const body = typeof spec.body === 'string' || spec.body === undefined ? spec.body : JSON.stringify(spec.body);
  if (body !== undefined)
    headers['content-type'] = typeof spec.body === 'string' ? 'text/plain; charset=utf-8' : 'application/json';
  const authorization = authorizationOf(spec, url, resolve);
  if (authorization !== undefined) headers['authorization'] = authorization;
  for (const [name, value] of Object.entries(spec.headers ?? {}))
    headers[name.toLowerCase()] = headerValue(name, resolve(value));
  return {
    url,
    method,
    headers,
    body,
    redirects: spec.redirects ?? DEFAULT_REDIRECTS,
    limitBytes: Math.min(LARGEST_LIMIT_BYTES, sizeBytes(spec.limit ?? DEFAULT_LIMIT)),
  };
}

function authorizationOf(
  { auth }: RequestSpec,
  url: URL,
  resolve: (value: string | EnvRef) => string,
): string | undefined {
  const basic = (user: string, password: string): string =>
    `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  if (auth?.bearer !== undefined) return headerValue('authorization', `Bearer ${resolve(auth.bearer)}`);
  if (auth?.user !== undefined && auth.password !== undefined) return basic(resolve(auth.user), resolve(auth.password));
  if (url.username === '' && url.password === '') return undefined;
  // fetch takes no url with a user in it.
  const found = basic(decodeURIComponent(url.username), decodeURIComponent(url.password));
  url.username = '';
  url.password = '';
  return found;
}

function headerValue(name: string, value: string): string {
  if (/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) return value;
  throw new MlopsError('PL222', { detail: `The header ${name} has characters that no header may have.` });
}

/** What is wrong with an answer; undefined where nothing is. */
export function unexpected(answer: HttpAnswer, expect: HttpExpect | undefined): string | undefined {
  const { status, body } = answer;
  const allowed = expect?.status === undefined ? undefined : [expect.status].flat();
  if (allowed === undefined ? status < 200 || status > 299 : !allowed.includes(status)) {
    const said = typeof body === 'string' ? body : body === null ? '' : JSON.stringify(body);
    const excerpt = said.replace(/\s+/g, ' ').slice(0, 300);
    return `${answer.url} answered ${status}${excerpt === '' ? '' : `: ${excerpt}`}`;
  }
  if (expect?.that === undefined) return undefined;
  const value = compileExpression(expect.that, ANSWER_VARIABLES, { documents: true }).evaluate({
    status,
    headers: answer.headers,
    body,
  });
  return value === true ? undefined : `of what ${answer.url} answered it is not true that ${expect.that}`;
}
