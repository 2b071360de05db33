/**
 * Exports what runs went through, beside them: a run never waits for it and never fails by it. What a receiver does not take
 * after a few tries is dropped and counted. Where nothing is asked for, the feed is emptied all the same.
 */
import { type CounterView, createCounter } from '../lib/instruments.ts';
import { pause } from '../lib/pause.ts';
import { createRounds } from '../lib/rounds.ts';
import type { RunMove, RunTrace, RunTraceStore } from '../stores/control/run-traces.ts';

export interface SinkRequest {
  readonly body: object;
  /** How many spans or events it holds. */
  readonly items: number;
}

/** One receiver. */
export interface Sink {
  readonly name: 'otlp' | 'open_lineage';
  /** What it is told of a change; nothing: none. */
  readonly requests: (move: RunMove, run: RunTrace) => readonly SinkRequest[];
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

export interface Telemetry {
  /** Spans and events since the start, by receiver: taken, and given up. */
  readonly figures: { readonly sent: CounterView; readonly dropped: CounterView };
  start(): void;
  /** Exports what there is, for a few seconds at most, and ends. */
  stop(): Promise<void>;
}

const POLL_MS = 1_000;
const MOVES_AT_ONCE = 100;
const TRIES = 3;
const TIMEOUT_MS = 5_000;

interface Taken {
  /** Spans that the receiver will never take. */
  readonly rejected: number;
  readonly why: string;
}

/** A collector that takes a part alone says so in an answer that is a success. */
function taken(answer: string): Taken {
  try {
    const { partialSuccess } = JSON.parse(answer) as {
      partialSuccess?: { rejectedSpans?: string | number; errorMessage?: string };
    };
    const rejected = Number(partialSuccess?.rejectedSpans ?? 0);
    return {
      rejected: Number.isSafeInteger(rejected) && rejected > 0 ? rejected : 0,
      why: String(partialSuccess?.errorMessage ?? '').slice(0, 200),
    };
  } catch {
    // A receiver may answer anything, or nothing, once it has taken all.
    return { rejected: 0, why: '' };
  }
}

export function createTelemetry({ store, sinks, report, pauseMs = 1_000 }: TelemetryOptions): Telemetry {
  const sent = createCounter();
  const dropped = createCounter();
  const failing = new Set<Sink['name']>();
  const hurry = new AbortController();
  const rounds = createRounds({ round, hurry });
  for (const { name } of sinks) for (const counter of [sent, dropped]) counter.add({ sink: name }, 0);

  async function round(): Promise<number> {
    try {
      for (;;) {
        const moves = await store.takeMoves(MOVES_AT_ONCE);
        if (sinks.length > 0) for (const move of moves) await tell(move);
        if (moves.length < MOVES_AT_ONCE || hurry.signal.aborted) break;
      }
    } catch (error) {
      report('traces and lineage cannot be exported; it is tried again', error);
    }
    return POLL_MS;
  }

  async function tell(move: RunMove): Promise<void> {
    const run = await store.trace(move.runId);
    if (run === undefined) return;
    await Promise.all(
      sinks.map(async (sink) => {
        for (const request of sink.requests(move, run)) await send(sink, request);
      }),
    );
  }

  async function send(sink: Sink, { body, items }: SinkRequest): Promise<void> {
    const text = JSON.stringify(body);
    for (let attempt = 1; ; attempt += 1) {
      const problem = await post(sink, text);
      if (!('text' in problem)) {
        const { rejected, why } = problem;
        sent.add({ sink: sink.name }, Math.max(0, items - rejected));
        failing.delete(sink.name);
        if (rejected === 0) return;
        dropped.add({ sink: sink.name }, rejected);
        report(`${sink.name} refuses ${rejected} of ${items} spans${why === '' ? '' : `: ${why}`}`);
        return;
      }
      // One that failed the last time is not waited for: the others, and what comes next, are not kept back.
      if (!problem.retryable || attempt === TRIES || failing.has(sink.name) || hurry.signal.aborted) {
        dropped.add({ sink: sink.name }, items);
        if (!failing.has(sink.name))
          report(`${sink.name} does not take what it is sent: ${problem.text}; it is dropped`);
        failing.add(sink.name);
        return;
      }
      await pause(pauseMs * 2 ** (attempt - 1), hurry.signal);
    }
  }

  async function post(
    sink: Sink,
    body: string,
  ): Promise<Taken | { readonly text: string; readonly retryable: boolean }> {
    try {
      const answer = await fetch(sink.url, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json', ...sink.headers },
        redirect: 'manual',
        signal: AbortSignal.any([hurry.signal, AbortSignal.timeout(TIMEOUT_MS)]),
      });
      if (answer.ok) return taken(await answer.text().catch(() => ''));
      await answer.body?.cancel().catch(() => {});
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
    figures: { sent, dropped },
    start: rounds.start,
    stop: rounds.stop,
  };
}
