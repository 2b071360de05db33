/**
 * Requests that arrive together run together: as one run whose tensors are theirs, one below the other. Only for models that answer each
 * row by itself, as a trial has shown. What has arrived in one turn of the event loop goes together, which makes nobody wait; whoever
 * allows a delay waits for more. Where a joint run fails, each of its requests is run by itself: nobody fails for his neighbour.
 */

import { joinRows, rowsOf } from './tensor-rows.ts';
import type { RawTensors } from './tensors.ts';

export interface BatchLimits {
  /** Rows that go together at most; 1: none. */
  readonly maxBatch: number;
  /** How long the first may wait for others; 0: not at all. */
  readonly maxDelayMs: number;
}

export interface Batcher {
  run(feeds: RawTensors, outputs: readonly string[], limits?: BatchLimits): Promise<RawTensors>;
}

interface BatcherOptions {
  readonly run: (feeds: RawTensors, outputs: readonly string[]) => Promise<RawTensors>;
  readonly rowsApart: boolean | null;
  /** Whether to where nobody says. */
  readonly batches: boolean;
  /** For those who say nothing. Default: rows of one moment, where `batches`. */
  readonly defaults?: BatchLimits | undefined;
}

interface Waiting {
  readonly feeds: RawTensors;
  readonly rows: number;
  readonly resolve: (answer: RawTensors) => void;
  readonly reject: (error: unknown) => void;
}

interface Queue {
  readonly outputs: readonly string[];
  waiting: Waiting[];
  rows: number;
  /** The smallest of those that wait. */
  most: number;
  dueMs: number;
  timer: NodeJS.Timeout | undefined;
  soon: boolean;
}

export const DEFAULT_LIMITS: BatchLimits = { maxBatch: 64, maxDelayMs: 0 };

export function createBatcher({ run, rowsApart, batches, defaults }: BatcherOptions): Batcher {
  const queues = new Map<string, Queue>();
  let apart = rowsApart;

  const flush = (key: string, queue: Queue): void => {
    clearTimeout(queue.timer);
    queues.delete(key);
    void runTogether(queue);
  };

  async function runTogether({ waiting, outputs, rows }: Queue): Promise<void> {
    const first = waiting[0]!;
    if (waiting.length === 1) return run(first.feeds, outputs).then(first.resolve, first.reject);
    let answers: readonly RawTensors[];
    try {
      const feeds: Record<string, RawTensors[string]> = {};
      for (const name in first.feeds) feeds[name] = joinRows(waiting.map((one) => one.feeds[name]!));
      const found = cut(await run(feeds, outputs), waiting, rows);
      if (found === undefined) {
        apart = false;
        throw new Error('its answer has not a row for each row');
      }
      answers = found;
    } catch {
      // Somebody's values, or all of them together: each is told its own.
      for (const one of waiting) await run(one.feeds, outputs).then(one.resolve, one.reject);
      return;
    }
    waiting.forEach((one, at) => {
      one.resolve(answers[at]!);
    });
  }

  return {
    run: (feeds, outputs, own) => {
      const limits = own ?? defaults;
      const { maxBatch, maxDelayMs } = limits ?? DEFAULT_LIMITS;
      // Asked for, it is done unless it is known to be wrong; by itself only where it is known to be right, and to pay.
      const wanted = maxBatch > 1 && (limits === undefined ? batches && apart === true : apart !== false);
      const rows = wanted ? rowsIn(feeds) : 0;
      if (rows === 0 || rows >= maxBatch) return run(feeds, outputs);
      const key = keyOf(feeds, outputs);
      let queue = queues.get(key);
      if (queue !== undefined && queue.rows + rows > Math.min(queue.most, maxBatch)) {
        flush(key, queue);
        queue = undefined;
      }
      if (queue === undefined) {
        queue = {
          outputs,
          waiting: [],
          rows: 0,
          most: maxBatch,
          dueMs: Number.POSITIVE_INFINITY,
          timer: undefined,
          soon: false,
        };
        queues.set(key, queue);
      }
      const joined = queue;
      const answer = new Promise<RawTensors>((resolve, reject) => {
        joined.waiting.push({ feeds, rows, resolve, reject });
      });
      joined.rows += rows;
      joined.most = Math.min(joined.most, maxBatch);
      if (joined.rows >= joined.most) flush(key, joined);
      else plan(key, joined, maxDelayMs);
      return answer;
    },
  };

  /** The queue goes when the one that waits least wants it. */
  function plan(key: string, queue: Queue, delayMs: number): void {
    if (queue.soon) return;
    const go = (): void => {
      if (queues.get(key) === queue) flush(key, queue);
    };
    if (delayMs <= 0) {
      queue.soon = true;
      setImmediate(go);
      return;
    }
    const dueMs = performance.now() + delayMs;
    if (dueMs >= queue.dueMs) return;
    clearTimeout(queue.timer);
    queue.dueMs = dueMs;
    queue.timer = setTimeout(go, delayMs);
  }
}

/** How many rows all inputs have; 0 where they do not agree. */
function rowsIn(feeds: RawTensors): number {
  let rows = -1;
  for (const name in feeds) {
    const first = feeds[name]!.dims[0];
    if (first === undefined || (rows !== -1 && first !== rows)) return 0;
    rows = first;
  }
  return Math.max(rows, 0);
}

/** The same for requests that can be laid one below the other. */
function keyOf(feeds: RawTensors, outputs: readonly string[]): string {
  let key = outputs.length === 1 ? outputs[0]! : JSON.stringify(outputs);
  for (const name in feeds) {
    const { dims } = feeds[name]!;
    key += `\n${name}`;
    for (let at = 1; at < dims.length; at += 1) key += `,${dims[at]}`;
  }
  return key;
}

/** Undefined where some output has not a row for each row. */
function cut(answer: RawTensors, waiting: readonly Waiting[], rows: number): readonly RawTensors[] | undefined {
  const parts = waiting.map((): Record<string, RawTensors[string]> => ({}));
  for (const name in answer) {
    const tensor = answer[name]!;
    if (tensor.dims[0] !== rows) return undefined;
    let from = 0;
    waiting.forEach((one, at) => {
      parts[at]![name] = rowsOf(tensor, from, from + one.rows);
      from += one.rows;
    });
  }
  return parts;
}
