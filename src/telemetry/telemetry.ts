/**
 * Exports what runs went through, beside them: a run never waits for it and never fails by it. What a receiver does not take
 * after a few tries is dropped and counted. Where nothing is asked for, the feed is emptied all the same.
 */
import type { RunMove, RunTrace, RunTraceStore } from '../stores/control/run-traces.ts';

/** One receiver. */
export interface Sink {
  readonly name: 'otlp' | 'open_lineage';
  /** What it is told of a change; nothing: none. */
  readonly requests: (move: RunMove, run: RunTrace) => readonly object[];
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface TelemetryOptions {
  readonly store: RunTraceStore;
  readonly sinks: readonly Sink[];
  readonly report: (message: string, error?: unknown) => void;
  /** Between two tries. Default 1 s, then twice that. */
  readonly pauseMs?: number | undefined;
}

export interface SinkStatus {
  readonly sink: Sink['name'];
  readonly sent: number;
  readonly dropped: number;
}

export interface Telemetry {
  status(): readonly SinkStatus[];
  start(): void;
  /** Exports what there is, for a few seconds at most, and ends. */
  stop(): Promise<void>;
}

const POLL_MS = 1_000;
const MOVES_AT_ONCE = 100;
const TRIES = 3;
const TIMEOUT_MS = 5_000;
const LAST_ROUND_MS = 5_000;

export function createTelemetry({ store, sinks, report, pauseMs = 1_000 }: TelemetryOptions): Telemetry {
  const counts = new Map(sinks.map(({ name }) => [name, { sent: 0, dropped: 0 }]));
  const failing = new Set<Sink['name']>();
  const hurry = new AbortController();
  let stopping = false;
  let wake = (): void => {};
  let loop: Promise<void> | undefined;

  async function work(): Promise<void> {
    while (!stopping) {
      await round();
      if (!stopping) await rest(POLL_MS);
    }
  }

  function rest(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async function round(): Promise<void> {
    try {
      for (;;) {
        const moves = await store.takeMoves(MOVES_AT_ONCE);
        if (sinks.length > 0) for (const move of moves) await tell(move);
        if (moves.length < MOVES_AT_ONCE || hurry.signal.aborted) return;
      }
    } catch (error) {
      report('traces and lineage cannot be exported; it is tried again', error);
    }
  }

  async function tell(move: RunMove): Promise<void> {
    const run = await store.trace(move.runId);
    if (run === undefined) return;
    await Promise.all(
      sinks.map(async (sink) => {
        for (const request of sink.requests(move, run)) await send(sink, JSON.stringify(request));
      }),
    );
  }

  async function send(sink: Sink, body: string): Promise<void> {
    const count = counts.get(sink.name) ?? { sent: 0, dropped: 0 };
    for (let attempt = 1; ; attempt += 1) {
      const problem = await post(sink, body);
      if (problem === undefined) {
        count.sent += 1;
        failing.delete(sink.name);
        return;
      }
      // One that failed the last time is not waited for: the others, and what comes next, are not kept back.
      if (!problem.retryable || attempt === TRIES || failing.has(sink.name) || hurry.signal.aborted) {
        count.dropped += 1;
        if (!failing.has(sink.name))
          report(`${sink.name} does not take what it is sent: ${problem.text}; it is dropped`);
        failing.add(sink.name);
        return;
      }
      await rest(pauseMs * 2 ** (attempt - 1));
    }
  }

  async function post(
    sink: Sink,
    body: string,
  ): Promise<{ readonly text: string; readonly retryable: boolean } | undefined> {
    try {
      const answer = await fetch(sink.url, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json', ...sink.headers },
        redirect: 'manual',
        signal: AbortSignal.any([hurry.signal, AbortSignal.timeout(TIMEOUT_MS)]),
      });
      await answer.body?.cancel().catch(() => {});
      if (answer.ok) return undefined;
      return { text: `it answered ${answer.status}`, retryable: answer.status >= 500 || answer.status === 429 };
    } catch (error) {
      const { cause, name } = error as { cause?: { code?: string }; name?: string };
      return {
        text: name === 'TimeoutError' ? 'it did not answer in time' : (cause?.code ?? 'it cannot be reached'),
        retryable: true,
      };
    }
  }

  return {
    status: () => [...counts].map(([sink, count]) => ({ sink, ...count })),
    start: () => {
      loop ??= work();
    },
    stop: async () => {
      if (loop === undefined) return;
      const limit = setTimeout(() => hurry.abort(), LAST_ROUND_MS);
      stopping = true;
      wake();
      await loop;
      loop = undefined;
      await round();
      clearTimeout(limit);
    },
  };
}
