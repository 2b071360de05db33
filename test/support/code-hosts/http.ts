/** What the servers that play code hosts share: requests with their bodies, answers in JSON, pages, and a record of what was asked. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface ApiServer {
  readonly url: string;
  /** `METHOD path?query` of every request, in order. */
  readonly asked: string[];
  close(): Promise<void>;
}

export async function serve(answer: (asked: Asked, origin: string) => Answer): Promise<ApiServer> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const { pathname, searchParams, search } = new URL(request.url ?? '/', origin);
      asked.push(`${request.method} ${pathname}${search}`);
      const { method = 'GET', headers } = request;
      send(response, answer({ method, path: pathname, query: searchParams, headers, body }, origin));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** The part of a list that was asked for, and where its neighbours are. */
export function pageOf<T>(items: readonly T[], query: URLSearchParams, defaultSize: number) {
  const size = Math.min(100, Number(query.get('per_page') ?? defaultSize));
  const page = Math.max(1, Number(query.get('page') ?? 1));
  const last = Math.max(1, Math.ceil(items.length / size));
  return {
    items: items.slice((page - 1) * size, page * size),
    page,
    size,
    last,
    next: page < last ? page + 1 : undefined,
    previous: page > 1 ? page - 1 : undefined,
  };
}

/** As RFC 8288 has it, in the order in which both hosts write it. */
export function linkHeader(url: string, query: URLSearchParams, pages: Readonly<Record<string, number | undefined>>) {
  return Object.entries(pages)
    .flatMap(([rel, page]) => {
      if (page === undefined) return [];
      const search = new URLSearchParams(query);
      search.set('page', String(page));
      return [`<${url}?${search}>; rel="${rel}"`];
    })
    .join(', ');
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function send(response: ServerResponse, { status, body, headers = {} }: Answer): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers });
  response.end(JSON.stringify(body));
}
