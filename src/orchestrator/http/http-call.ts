/** One HTTP request and its answer: limits, redirects that carry no credentials elsewhere, and what a server says about trying again. */
import { Buffer } from 'node:buffer';
import { MlopsError } from '../../lib/error.ts';
import type { JsonValue } from '../../lib/json.ts';

export interface HttpCall {
  readonly url: URL;
  readonly method: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly redirects: number;
  readonly limitBytes: number;
}

export interface HttpAnswer {
  readonly status: number;
  /** Where it came from in the end. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Parsed where it is JSON, else its text; null where there is none. */
  readonly body: JsonValue;
}

/** PL222 where there is no answer, or one that is too large or no JSON though it says so. */
export async function callHttp(call: HttpCall, signal: AbortSignal): Promise<HttpAnswer> {
  let { url, method, headers, body } = call;
  for (let redirects = 0; ; redirects += 1) {
    const response = await answered(url, { method, headers, body: body ?? null, redirect: 'manual', signal });
    const location = response.headers.get('location');
    if (!REDIRECTS.has(response.status) || location === null || call.redirects === 0)
      return answerOf(response, url, call.limitBytes, signal);
    await response.body?.cancel();
    if (redirects === call.redirects)
      throw failed(url, `led on more than ${call.redirects} times`, 'raise redirects, or name the last address');
    const next = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
    if (next === undefined || !/^https?:$/.test(next.protocol))
      throw failed(url, 'leads to an address that is none of HTTP');
    const elsewhere = next.origin !== url.origin;
    // As browsers do: what was sent is not sent again, except by 307 and 308, and then not to somebody else.
    if (response.status === 303 || (method === 'POST' && (response.status === 301 || response.status === 302))) {
      method = method === 'HEAD' ? 'HEAD' : 'GET';
      body = undefined;
      headers = without(headers, (name) => name.startsWith('content-'));
    } else if (elsewhere && body !== undefined) {
      throw failed(
        url,
        `leads to ${next.origin}, which is not sent the body that was meant for ${url.origin}`,
        'name the other address as url',
      );
    }
    if (elsewhere) headers = without(headers, (name) => !HARMLESS.has(name));
    url = next;
  }
}

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** What another server may be sent: of headers that users name, any may hold a key. */
const HARMLESS: ReadonlySet<string> = new Set(['accept', 'accept-language', 'content-type', 'user-agent']);

function without(headers: Readonly<Record<string, string>>, goes: (name: string) => boolean): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !goes(name)));
}

async function answered(url: URL, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    init.signal?.throwIfAborted();
    const cause = (error as { cause?: unknown }).cause;
    const code = (cause as { code?: unknown } | undefined)?.code;
    const why =
      cause instanceof Error && cause.message !== '' ? cause.message : String(code ?? (error as Error).message);
    throw failed(url, `did not answer: ${why}`);
  }
}

async function answerOf(response: Response, url: URL, limitBytes: number, signal: AbortSignal): Promise<HttpAnswer> {
  const headers: Record<string, string> = {};
  response.headers.forEach((value, name) => {
    // A cookie is a credential.
    if (name !== 'set-cookie') headers[name] = value;
  });
  const text = await textOf(response, url, limitBytes, signal);
  const isJson = /^application\/([\w.+-]+\+)?json\b/i.test(headers['content-type'] ?? '');
  return {
    status: response.status,
    url: shown(url),
    headers,
    body: isJson ? parsed(text, url) : text === '' ? null : text,
  };
}

function parsed(text: string, url: URL): JsonValue {
  if (text.trim() === '') return null;
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    throw failed(url, 'says that it answers JSON, and it is none');
  }
}

async function textOf(response: Response, url: URL, limitBytes: number, signal: AbortSignal): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      bytes += chunk.byteLength;
      // Leaving the loop ends the connection.
      if (bytes > limitBytes)
        throw failed(url, `answers more than ${limitBytes} bytes`, 'raise limit, or ask for less');
      chunks.push(chunk);
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof MlopsError) throw error;
    throw failed(url, `broke off its answer: ${(error as Error).message}`);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function failed(url: URL, what: string, hint?: string): MlopsError {
  return new MlopsError('PL222', { detail: `${shown(url)} ${what}.`, hint });
}

/** Without what may be a secret: the query and the user. */
function shown(url: URL): string {
  return `${url.origin}${url.pathname}`;
}

const LONGEST_WAIT_MS = 3_600_000;

/** How long a server that is busy (429, 503) asks to be left alone, at most an hour; undefined where it does not say. */
export function retryAfterMs(answer: Pick<HttpAnswer, 'headers'>, now: number): number | undefined {
  const text = answer.headers['retry-after']?.trim();
  if (text === undefined || text === '') return undefined;
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isNaN(ms) ? undefined : Math.min(LONGEST_WAIT_MS, Math.max(0, ms));
}
