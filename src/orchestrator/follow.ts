/** A run's events and a task's log as they come, also when another process runs it. */
import { MlopsError } from '../lib/error.ts';
import { isEnded, isRunEnded } from '../stores/control/run-states.ts';
import type { RunEvent, RunStore, RunSummary, StoredLogChunk, TaskState } from '../stores/control/runs.ts';
import { createWakeup, type Hints, isAway } from './waiting.ts';

const POLL_MS = 1000;
const EVENTS_AT_ONCE = 500;
const CHUNKS_AT_ONCE = 50;
/** A store that is away so long is not waited for any more. */
const AWAY_MS = 300_000;

/** In the order of their commits, from after `after` until the run is at its end. PL202 for an unknown run. */
export async function* followEvents(
  runs: RunStore,
  hints: Hints,
  runId: string,
  options: { readonly signal: AbortSignal; readonly after?: number | undefined },
): AsyncGenerator<RunEvent, void, undefined> {
  const { signal } = options;
  await runOf(runs, runId);
  yield* following(
    hints,
    runId,
    signal,
    async function* (state: { after: number; ended: boolean }) {
      // Read before the events: what ended by then has written them all.
      const run = await runOf(runs, runId);
      for (;;) {
        const events = await runs.events(runId, state.after, EVENTS_AT_ONCE);
        for (const event of events) {
          state.after = event.seq;
          yield event;
        }
        if (events.length < EVENTS_AT_ONCE) break;
      }
      state.ended = isRunEnded(run.status);
    },
    { after: options.after ?? 0, ended: false },
  );
}

export interface LogOptions {
  readonly attempt?: number | undefined;
  readonly follow?: boolean | undefined;
  readonly signal: AbortSignal;
}

/** A part of a task's log. */
export type LogPart = { readonly attempt: number; readonly chunk: StoredLogChunk };

/**
 * Without `attempt` the last one's, and with `follow` each that comes until the task is at its end. PL202 for an unknown run,
 * task or attempt. Undefined stands where all that was there has been given.
 */
export async function* followLog(
  runs: RunStore,
  hints: Hints,
  runId: string,
  task: string,
  options: LogOptions,
): AsyncGenerator<LogPart | undefined, void, undefined> {
  const { signal, follow = false } = options;
  const first = await taskOf(runs, runId, task);
  if (options.attempt !== undefined && (options.attempt < 1 || options.attempt > first.attempt)) {
    throw new MlopsError('PL202', {
      detail: `Task ${task} of run ${runId} has no attempt ${options.attempt}; it had ${first.attempt}.`,
      status: 404,
    });
  }
  const begin = { attempt: options.attempt ?? Math.max(1, first.attempt), seq: 0, ended: false };
  yield* following(
    hints,
    runId,
    signal,
    async function* (state: typeof begin) {
      for (;;) {
        const current = await taskOf(runs, runId, task);
        const over = isEnded(current.status) || isRunEnded(current.runStatus);
        const part = await runs.readLog(runId, task, state.attempt, state.seq, CHUNKS_AT_ONCE);
        for (const chunk of part?.chunks ?? []) {
          state.seq = chunk.seq;
          yield { attempt: state.attempt, chunk };
        }
        if (part !== undefined && part.chunks.length === CHUNKS_AT_ONCE) continue;
        yield undefined;
        const attemptEnded = part === undefined ? over : part.ended;
        if (
          !follow ||
          (attemptEnded && (options.attempt !== undefined || (over && state.attempt >= current.attempt)))
        ) {
          state.ended = true;
          return;
        }
        if (part?.ended !== true || current.attempt <= state.attempt) return;
        state.attempt += 1;
        state.seq = 0;
      }
    },
    begin,
  );
}

async function* following<T, State extends { ended: boolean }>(
  hints: Hints,
  runId: string,
  signal: AbortSignal,
  read: (state: State) => AsyncGenerator<T, void, undefined>,
  state: State,
): AsyncGenerator<T, void, undefined> {
  const wakeup = createWakeup();
  const end = hints.subscribe((hint) => {
    if (hint.runId === null || hint.runId === runId) wakeup.wake();
  });
  try {
    let awaySince: number | undefined;
    while (!signal.aborted) {
      try {
        yield* read(state);
        awaySince = undefined;
      } catch (error) {
        // What was read is noted in `state`: it goes on behind that.
        awaySince ??= performance.now();
        if (!isAway(error) || performance.now() - awaySince > AWAY_MS) throw error;
      }
      if (state.ended) return;
      await wakeup.wait(POLL_MS, signal);
    }
  } finally {
    end();
  }
}

async function runOf(runs: RunStore, runId: string): Promise<RunSummary> {
  const run = await runs.summary(runId);
  if (run === undefined) throw unknownRun(runId);
  return run;
}

export function unknownRun(runId: string): MlopsError {
  return new MlopsError('PL202', {
    detail: `There is no run ${runId}.`,
    hint: 'list them: mlops runs list',
    status: 404,
  });
}

async function taskOf(runs: RunStore, runId: string, name: string): Promise<TaskState> {
  const task = await runs.task(runId, name);
  if (task !== undefined) return task;
  const run = await runs.get(runId);
  if (run === undefined) throw unknownRun(runId);
  throw new MlopsError('PL202', {
    detail: `Run ${runId} has no task ${name}.`,
    hint: `its tasks: ${run.tasks.map((other) => other.name).join(', ')}`,
    status: 404,
  });
}
