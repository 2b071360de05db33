/**
 * COPY over a connection of `pg`, in both directions and in bounded memory: the driver has none itself. What the receiver has
 * not taken yet holds the other side up.
 */
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import type pg from 'pg';

/** As much as is held before the sender is asked to wait. */
const HIGH_WATER_BYTES = 1 << 20;

/** What the driver calls of a statement in hand; its types do not name them. */
interface Handlers {
  submit(connection: pg.Connection): void;
  handleError(error: Error): void;
  handleReadyForQuery(): void;
  handleCommandComplete(message: { readonly text?: string }): void;
  handleRowDescription(): void;
  handleDataRow(): void;
  handlePortalSuspended(): void;
  handleEmptyQuery(): void;
  handleCopyInResponse(connection: CopyConnection): void;
  handleCopyData(message: { readonly chunk: Buffer }, connection: CopyConnection): void;
}

type CopyConnection = pg.Connection & {
  readonly stream: Writable & { pause(): void; resume(): void };
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
  sendCopyFail(message: string): void;
};

const none = (): void => {};

/** Runs `copy … to stdout`. `sink` takes one chunk after the other. */
export function copyOut(client: pg.Client, text: string, sink: (chunk: Buffer) => Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    let failed: unknown;
    let held: Buffer[] = [];
    let heldBytes = 0;
    let writing: Promise<void> = Promise.resolve();
    const flush = (connection: CopyConnection | undefined): void => {
      if (held.length === 0) return;
      const chunk = Buffer.concat(held);
      held = [];
      heldBytes = 0;
      connection?.stream.pause();
      writing = writing
        .then(() => (failed === undefined ? sink(chunk) : undefined))
        .catch((error: unknown) => {
          failed ??= error;
        })
        .then(() => {
          connection?.stream.resume();
        });
    };
    const statement: Handlers = {
      submit: (connection) => connection.query(text),
      handleRowDescription: none,
      handleDataRow: none,
      handlePortalSuspended: none,
      handleEmptyQuery: none,
      handleCommandComplete: none,
      handleCopyInResponse: none,
      handleCopyData: ({ chunk }, connection) => {
        // The driver uses its buffer again.
        held.push(Buffer.from(chunk));
        heldBytes += chunk.length;
        if (heldBytes >= HIGH_WATER_BYTES) flush(connection);
      },
      handleError: (error) => {
        failed ??= error;
        reject(failed);
      },
      handleReadyForQuery: () => {
        flush(undefined);
        void writing.then(() => (failed === undefined ? resolve() : reject(failed)));
      },
    };
    client.query(statement as unknown as pg.Submittable);
  });
}

/** Runs `copy … from stdin` over the chunks of `source`. Answers the number of rows. */
export function copyIn(client: pg.Client, text: string, source: AsyncIterable<Buffer>): Promise<number> {
  return new Promise((resolve, reject) => {
    let failed: unknown;
    let rows = 0;
    const stopped = new AbortController();
    const pump = async (connection: CopyConnection): Promise<void> => {
      const { stream } = connection;
      try {
        for await (const chunk of source) {
          if (failed !== undefined) return;
          connection.sendCopyFromChunk(chunk);
          if (stream.writableNeedDrain) await once(stream, 'drain', { signal: stopped.signal });
        }
        connection.endCopyFrom();
      } catch (error) {
        // Where the server has ended it already, that is the error to tell.
        if (failed !== undefined) return;
        failed = error;
        connection.sendCopyFail('the rows ended');
      }
    };
    const statement: Handlers = {
      submit: (connection) => connection.query(text),
      handleRowDescription: none,
      handleDataRow: none,
      handlePortalSuspended: none,
      handleEmptyQuery: none,
      handleCopyData: none,
      handleCommandComplete: ({ text: tag }) => {
        rows = Number(/(\d+)$/.exec(tag ?? '')?.[1] ?? 0);
      },
      handleCopyInResponse: (connection) => void pump(connection),
      handleError: (error) => {
        failed ??= error;
        stopped.abort();
        reject(failed);
      },
      handleReadyForQuery: () => (failed === undefined ? resolve(rows) : reject(failed)),
    };
    client.query(statement as unknown as pg.Submittable);
  });
}
