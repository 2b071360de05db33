/** Collects what a task prints and writes it to the store in chunks. Whoever prints faster than the store takes has to wait. */
import type { JsonObject } from '../lib/json.ts';
import type { LogChunk } from '../stores/control/runs.ts';

type Stream = LogChunk['stream'];

export interface TaskLog {
  /** `position`: how far what is read elsewhere is taken with this text. */
  write(stream: Stream, text: string, position?: JsonObject): void;
  /** Resolves once there is room again. */
  room(): Promise<void>;
  /** Writes the rest. Afterwards nothing is taken any more. */
  close(): Promise<void>;
}

export interface TaskLogOptions {
  /** `position`: the last that was written with these chunks. */
  readonly append: (chunks: readonly LogChunk[], position: JsonObject | null) => Promise<void>;
  /** Waits before a failed write is tried again. */
  readonly pause: (milliseconds: number) => Promise<void>;
  /** How long text may lie before it is written. Default 150. */
  readonly flushAfterMs?: number;
  /** Characters that may lie before writers have to wait. Default 1 Mi. */
  readonly bufferLimit?: number;
  /** Characters an attempt may leave in all. Default 16 Mi. */
  readonly totalLimit?: number;
  /** What another worker wrote already of the same attempt. */
  readonly begun?: { readonly chunks: number; readonly characters: number } | undefined;
}

const CHUNK_CHARACTERS = 64 * 1024;
const TRIES = 20;

export function createTaskLog(options: TaskLogOptions): TaskLog {
  const { append, pause, flushAfterMs = 150, bufferLimit = 1024 * 1024, totalLimit = 16 * 1024 * 1024 } = options;
  let buffer: { stream: Stream; text: string }[] = [];
  let buffered = 0;
  let total = options.begun?.characters ?? 0;
  let seq = options.begun?.chunks ?? 0;
  let position: JsonObject | null = null;
  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> | undefined;
  let waiting: (() => void)[] = [];

  function write(stream: Stream, text: string, at?: JsonObject): void {
    if (at !== undefined) position = at;
    if (closed || text === '' || total >= totalLimit) return;
    const left = totalLimit - total;
    total += text.length;
    put(stream, text.length > left ? text.slice(0, left) : text);
    if (total >= totalLimit) put('system', `\n[the log ends here: an attempt keeps ${totalLimit} characters]\n`);
    if (buffered >= CHUNK_CHARACTERS) void flush();
    else timer ??= setTimeout(() => void flush(), flushAfterMs);
  }

  function put(stream: Stream, text: string): void {
    buffered += text.length;
    const last = buffer.at(-1);
    if (last?.stream === stream && last.text.length + text.length <= CHUNK_CHARACTERS) last.text += text;
    else
      for (let at = 0; at < text.length; at += CHUNK_CHARACTERS)
        buffer.push({ stream, text: text.slice(at, at + CHUNK_CHARACTERS) });
  }

  function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    writing ??= writeOut().finally(() => {
      writing = undefined;
    });
    return writing;
  }

  async function writeOut(): Promise<void> {
    while (buffer.length > 0) {
      const chunks = buffer.map(({ stream, text }): LogChunk => ({ seq: ++seq, stream, text }));
      const size = buffered;
      buffer = [];
      await appendWithPatience(chunks, position);
      buffered -= size;
      const released = waiting;
      waiting = [];
      for (const release of released) release();
    }
  }

  /** The store may be away for a while; a chunk that it has already is not written twice. In the end a log is not worth the task. */
  async function appendWithPatience(chunks: readonly LogChunk[], at: JsonObject | null): Promise<void> {
    for (let attempt = 1; attempt <= TRIES; attempt += 1) {
      try {
        await append(chunks, at);
        return;
      } catch {
        if (attempt < TRIES) await pause(500);
      }
    }
  }

  return {
    write,
    room: async () => {
      if (buffered < bufferLimit) return;
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
        void flush();
      });
    },
    close: async () => {
      closed = true;
      await flush();
      // What came while the last write was under way.
      await flush();
    },
  };
}
