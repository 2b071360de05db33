/**
 * A TCP proxy before Postgres that lets the server do the nth statement and drops its answer: the connection is cut on both
 * sides once the server has answered. Statements are counted over all connections, in the order in which they are sent.
 */
import { createConnection, createServer, type Server, type Socket } from 'node:net';

export interface CuttingProxy {
  /** Of the same database, through the proxy. */
  readonly connectionString: string;
  /** Statements so far. */
  statements(): number;
  close(): Promise<void>;
}

/** `cutAt`: one of them, 0 for none, or which. */
export async function cuttingProxy(
  connectionString: string,
  cutAt: number | ((statement: number) => boolean),
): Promise<CuttingProxy> {
  const target = new URL(connectionString);
  const sockets = new Set<Socket>();
  let statements = 0;
  const server: Server = createServer((client) => {
    const upstream = createConnection({ host: target.hostname, port: Number(target.port || 5432) });
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    const count = countStatements(() => {
      statements += 1;
      return typeof cutAt === 'number' ? statements === cutAt : cutAt(statements);
    });
    let cutting = false;
    client.on('data', (data: Buffer) => {
      if (count(data)) cutting = true;
      upstream.write(data);
    });
    // The statement has committed before the server answers.
    upstream.on('data', (data: Buffer) => {
      if (cutting) upstream.destroy();
      else client.write(data);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  const url = new URL(connectionString);
  url.hostname = '127.0.0.1';
  url.port = String(address.port);
  return {
    connectionString: url.href,
    statements: () => statements,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Postgres' protocol: a start-up message without a type, then messages of a type byte and a length. `Q` and `S` end a statement. */
function countStatements(onStatement: () => boolean): (data: Buffer) => boolean {
  let pending = Buffer.alloc(0);
  let started = false;
  return (data) => {
    pending = Buffer.concat([pending, data]);
    let cut = false;
    for (;;) {
      const header = started ? 1 : 0;
      if (pending.length < header + 4) return cut;
      const length = header + pending.readUInt32BE(header);
      if (pending.length < length) return cut;
      const type = started ? String.fromCharCode(pending[0] ?? 0) : '';
      started = true;
      pending = pending.subarray(length);
      if ((type === 'Q' || type === 'S') && onStatement()) cut = true;
    }
  };
}
