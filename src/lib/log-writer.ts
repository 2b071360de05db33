/**
 * Logs what was answered without making an answer wait: rows are collected for a few milliseconds and written in one statement. While the
 * store does not answer they are kept and tried again, up to a bound; what is dropped beyond it is counted, never silent. A store that answers,
 * only slower than there is to write, can be waited for instead.
 */
import { pause } from './pause.ts';

/** Milliseconds since the answer, by a clock that never jumps. */
export type Aged<Entry> = Entry & { readonly ageMs: number };

export interface LogStatus {
  /** Answered, not yet written. */
  readonly pending: number;
  readonly written: number;
  readonly dropped: number;
  /** Of the last write, null where it went well. */
  readonly error: string | null;
}

export interface LogWriter<Entry> {
  add(entry: Entry): void;
  status(): LogStatus;
  /**
   * Undefined where there is room, or where the store does not answer, which nobody is to wait for. Else a promise that the next write has ended, or
   * has taken too long: who waits for it before adding more loses nothing while the store answers.
   */
  room(): Promise<void> | undefined;
  /** Resolves when everything added before is written; gives up when the signal aborts, counting the rest as dropped. */
  drain(signal: AbortSignal): Promise<void>;
}

export interface LogWriterOptions {
  /** Longest wait of a row before its write begins, where none began just before. Default 20. */
  readonly maxDelayMs?: number;
  /** Most rows a statement. Default 1000. */
  readonly maxBatch?: number;
  /** Most rows kept while the store does not answer; then the oldest are dropped. Default 50 000, some tens of megabytes. */
  readonly maxPending?: number;
  /** Milliseconds of a clock that never jumps. */
  readonly monotonicMs: () => number;
}

interface Waiting<Entry> {
  readonly entry: Entry;
  readonly atMs: number;
}

const RETRY_FIRST_MS = 100;
const RETRY_MOST_MS = 5_000;
/** Between two writes, so that each is worth its statement; the first after a rest does not wait for it. */
const REST_MS = 100;
/** A write that takes longer is one that the store does not answer. */
const ANSWERS_WITHIN_MS = 5_000;

/** `append`: durable when it resolves; the same rows again change nothing. */
export function createLogWriter<Entry>(
  append: (rows: readonly Aged<Entry>[]) => Promise<void>,
  options: LogWriterOptions,
): LogWriter<Entry> {
  const { maxDelayMs = 20, maxBatch = 1_000, maxPending = 50_000, monotonicMs } = options;
  let pending: Waiting<Entry>[] = [];
  /** What may have been written, though its answer was lost: it is sent again as it was, so that the store knows it. */
  let sealed: readonly Waiting<Entry>[] = [];
  let writing: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let failures = 0;
  let written = 0;
  let dropped = 0;
  let error: string | null = null;
  let gaveUp = false;
  /** When the write in hand began. */
  let begunMs = Number.NEGATIVE_INFINITY;
  let waited: Promise<void> | undefined;

  const pauseMs = (leastMs: number): number => {
    if (failures > 0) return Math.min(RETRY_MOST_MS, RETRY_FIRST_MS * 2 ** (failures - 1));
    return waiting() >= maxBatch ? 0 : Math.max(leastMs, begunMs + REST_MS - monotonicMs());
  };

  const schedule = (delayMs: number): void => {
    timer ??= setTimeout(() => {
      timer = undefined;
      void flush();
    }, delayMs);
  };

  /** Never rejects: what fails is kept and shown in the status. */
  const flush = (): Promise<void> => {
    if (writing === undefined) {
      begunMs = monotonicMs();
      clearTimeout(timer);
      timer = undefined;
    }
    writing ??= writeBatch().finally(() => {
      writing = undefined;
      if (waiting() > 0) schedule(pauseMs(0));
    });
    return writing;
  };

  const writeBatch = async (): Promise<void> => {
    let batch = sealed;
    sealed = [];
    if (batch.length === 0) {
      batch = pending.length <= maxBatch ? pending : pending.slice(0, maxBatch);
      pending = pending.length <= maxBatch ? [] : pending.slice(maxBatch);
    }
    try {
      await write(batch);
      failures = 0;
      error = null;
    } catch (cause) {
      error = messageOf(cause);
      if (refusesRows(cause)) return writeSingly(batch);
      failures += 1;
      keep(batch);
    }
  };

  const write = async (batch: readonly Waiting<Entry>[]): Promise<void> => {
    const now = monotonicMs();
    await append(batch.map(({ entry, atMs }) => ({ ...entry, ageMs: now - atMs })));
    written += batch.length;
  };

  /** The store refuses some row, not the connection: that row is dropped, lest it keep back all others for good. */
  const writeSingly = async (batch: readonly Waiting<Entry>[]): Promise<void> => {
    for (const [at, row] of batch.entries()) {
      try {
        await write([row]);
      } catch (cause) {
        error = messageOf(cause);
        if (!refusesRows(cause)) {
          failures += 1;
          return keep(batch.slice(at));
        }
        dropped += 1;
      }
    }
  };

  const keep = (batch: readonly Waiting<Entry>[]): void => {
    if (gaveUp) {
      dropped += batch.length;
      return;
    }
    sealed = batch;
    dropOldest();
  };

  const waiting = (): number => sealed.length + pending.length;

  /** Some at once, so that a row costs no copy of all. What may have been written already stays. */
  const dropOldest = (): void => {
    if (waiting() <= maxPending) return;
    const most = Math.max(0, maxPending - sealed.length);
    const before = waiting();
    pending = most === 0 ? [] : pending.slice(-Math.max(1, most - Math.floor(maxPending / 100)));
    if (sealed.length > maxPending) sealed = sealed.slice(-maxPending);
    dropped += before - waiting();
  };

  const room = (): Promise<void> | undefined => {
    if (failures > 0 || waiting() * 2 <= maxPending) return undefined;
    const write = flush();
    const leftMs = begunMs + ANSWERS_WITHIN_MS - monotonicMs();
    if (leftMs <= 0) return undefined;
    // One for all that wait for the same write.
    waited ??= new Promise<void>((resolve) => {
      const limit = setTimeout(resolve, leftMs);
      void write.then(() => {
        clearTimeout(limit);
        resolve();
      });
    }).finally(() => {
      waited = undefined;
    });
    return waited;
  };

  return {
    add: (entry) => {
      pending.push({ entry, atMs: monotonicMs() });
      dropOldest();
      // After a failure the next try is due already, and not before its time.
      if (failures > 0) return;
      if (pending.length >= maxBatch) void flush();
      else if (timer === undefined && writing === undefined) schedule(pauseMs(maxDelayMs));
    },
    status: () => ({ pending: waiting(), written, dropped, error }),
    room,
    drain: async (signal) => {
      while (waiting() > 0 || writing !== undefined) {
        if (signal.aborted) {
          gaveUp = true;
          dropped += waiting();
          pending = [];
          sealed = [];
          break;
        }
        await flush();
        if (failures > 0) await pause(Math.min(RETRY_MOST_MS, RETRY_FIRST_MS * 2 ** (failures - 1)), signal);
      }
      clearTimeout(timer);
      timer = undefined;
    },
  };
}

/** SQLSTATE class 22 and the like: what was sent cannot be stored. Anything else may pass. */
function refusesRows(cause: unknown): boolean {
  const code = (cause as { code?: unknown } | null)?.code;
  return typeof code === 'string' && /^2[23][0-9A-Z]{3}$/.test(code);
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
