/**
 * Server-sent events. A client that reads slowly is waited for: what it has not taken is asked for later, so that it holds up nobody and
 * fills no memory. When the client leaves or the daemon stops, the stream ends without an error, and the client comes back with the last `id`.
 */
import { Readable } from 'node:stream';
import { toJson } from './json.ts';
import type { Answer } from './route.ts';

/** One event; without `event` it only moves the client's `Last-Event-ID`. */
export interface SentEvent {
  readonly id: string;
  readonly event?: { readonly name: string; readonly data: unknown };
}

const HEARTBEAT_MS = 15_000;
/** What a client waits before it asks again where the connection broke. */
const RECONNECT_MS = 2_000;
/** Text that waits in the process for a client; more may wait in its socket. */
const BUFFER_BYTES = 64 * 1024;

export function eventStream(events: AsyncIterable<SentEvent>, signal: AbortSignal, heartbeatMs = HEARTBEAT_MS): Answer {
  return {
    kind: 'stream',
    status: 200,
    contentType: 'text/event-stream',
    stream: Readable.from(serverSent(events, signal, heartbeatMs), {
      objectMode: false,
      highWaterMark: BUFFER_BYTES,
    }),
    headers: { 'cache-control': 'no-store', 'x-accel-buffering': 'no' },
  };
}

/** A comment now and then tells proxies and clients that the stream lives. */
async function* serverSent(
  events: AsyncIterable<SentEvent>,
  signal: AbortSignal,
  heartbeatMs: number,
): AsyncGenerator<string> {
  const iterator = events[Symbol.asyncIterator]();
  let next = iterator.next();
  try {
    // Opens the stream at the client at once, also where the next event is long in coming.
    yield `retry: ${RECONNECT_MS}\n\n`;
    for (;;) {
      const beat = heartbeat(signal, heartbeatMs);
      const winner = await Promise.race([next, beat.due]);
      beat.cancel();
      if (winner === 'beat') {
        if (signal.aborted) return;
        yield ': still here\n\n';
        continue;
      }
      if (winner.done === true) return;
      yield textOf(winner.value);
      next = iterator.next();
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    next.catch(() => {});
    await iterator.return?.();
  }
}

function textOf({ id, event }: SentEvent): string {
  return event === undefined ? `id: ${id}\n\n` : `id: ${id}\nevent: ${event.name}\ndata: ${toJson(event.data)}\n\n`;
}

function heartbeat(
  signal: AbortSignal,
  milliseconds: number,
): { readonly due: Promise<'beat'>; readonly cancel: () => void } {
  let cancel = (): void => {};
  const due = new Promise<'beat'>((resolve) => {
    const wake = (): void => resolve('beat');
    const timer = setTimeout(wake, milliseconds);
    signal.addEventListener('abort', wake, { once: true });
    cancel = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', wake);
    };
  });
  return { due, cancel };
}
