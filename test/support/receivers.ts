/** Receivers of notifications as they are out there: an HTTP server that answers what the test says, an SMTP server. */
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';

export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly at: number;
}

export interface HttpReceiver {
  readonly url: string;
  readonly received: readonly Received[];
  /** What the next requests are answered with, in order; then 200. */
  answer(
    ...answers: (
      | number
      | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string }
      | 'hang'
      | 'break'
    )[]
  ): void;
  close(): Promise<void>;
}

export async function httpReceiver(): Promise<HttpReceiver> {
  const received: Received[] = [];
  const answers: Parameters<HttpReceiver['answer']>[number][] = [];
  const server: Server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      received.push({
        path: request.url ?? '',
        headers: request.headers,
        body: Buffer.concat(parts).toString('utf8'),
        at: performance.now(),
      });
      const next = answers.shift() ?? 200;
      if (next === 'hang') return;
      if (next === 'break') {
        request.socket.destroy();
        return;
      }
      const { status, headers = {}, body = '' } = typeof next === 'number' ? { status: next } : next;
      response.writeHead(status, headers).end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    answer: (...more) => answers.push(...more),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export interface Mail {
  readonly from: string;
  readonly to: readonly string[];
  readonly source: string;
  readonly user: string | undefined;
}

export interface MailReceiver {
  readonly port: number;
  readonly mails: readonly Mail[];
  /** Refuses the next message with this answer. */
  refuse(code: number, text: string): void;
  close(): Promise<void>;
}

export async function mailReceiver(login?: {
  readonly user: string;
  readonly password: string;
}): Promise<MailReceiver> {
  const mails: Mail[] = [];
  const refusals: { code: number; text: string }[] = [];
  const server = new SMTPServer({
    authOptional: login === undefined,
    disabledCommands: ['STARTTLS'],
    allowInsecureAuth: true,
    onAuth: (auth, _session, done) => {
      if (auth.username === login?.user && auth.password === login?.password) done(null, { user: auth.username });
      else done(Object.assign(new Error('Invalid username or password'), { responseCode: 535 }));
    },
    onData: (stream, session, done) => {
      const parts: Buffer[] = [];
      stream.on('data', (part: Buffer) => parts.push(part));
      stream.on('end', () => {
        const refusal = refusals.shift();
        if (refusal !== undefined) {
          done(Object.assign(new Error(refusal.text), { responseCode: refusal.code }));
          return;
        }
        mails.push({
          from: session.envelope.mailFrom === false ? '' : session.envelope.mailFrom.address,
          to: session.envelope.rcptTo.map(({ address }) => address),
          source: Buffer.concat(parts).toString('utf8'),
          user: session.user as string | undefined,
        });
        done();
      });
    },
  });
  server.on('error', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.server.address() as AddressInfo).port,
    mails,
    refuse: (code, text) => refusals.push({ code, text }),
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
