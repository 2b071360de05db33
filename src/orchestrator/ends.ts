/** Ends of attempts, recorded in batches: while one batch of a run is written the next one gathers. */
import type { AttemptEnd, RunRules, RunStore } from '../stores/control/runs.ts';
import { AttemptStopped } from './attempt-stopped.ts';
import { pause } from './waiting.ts';

export interface Ends {
  /** Resolves once it is recorded, or once there is nothing to record because the lease was lost. */
  record(end: AttemptEnd, signal: AbortSignal): Promise<void>;
}

interface Waiting {
  readonly end: AttemptEnd;
  readonly signal: AbortSignal;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const TRY_AGAIN_MS = 500;
/** An end that the store refuses each time is given up; the lease then expires and the task is recovered. */
const TRIES = 60;
const TRIES_WHILE_STOPPING = 4;

export interface EndsOptions {
  readonly runs: Pick<RunStore, 'end'>;
  readonly rules: RunRules;
  readonly onRecorded: () => void;
  /** Aborted while the worker stops: then nobody waits long for a store that is away. */
  readonly stopping: AbortSignal;
}

export function createEnds({ runs, rules, onRecorded, stopping }: EndsOptions): Ends {
  const gathering = new Map<string, Waiting[]>();
  const writing = new Set<string>();

  async function write(runId: string): Promise<void> {
    if (writing.has(runId)) return;
    writing.add(runId);
    for (let batch = take(runId); batch.length > 0; batch = take(runId)) await writeBatch(runId, batch);
    writing.delete(runId);
  }

  function take(runId: string): readonly Waiting[] {
    const batch = gathering.get(runId) ?? [];
    gathering.delete(runId);
    return batch;
  }

  async function writeBatch(runId: string, batch: readonly Waiting[]): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      const held = batch.filter(({ signal }) => !isLost(signal));
      try {
        // A commit whose answer got lost is refused when it is repeated: what it changed stands.
        if (held.length > 0)
          await runs.end(
            runId,
            held.map(({ end }) => end),
            rules,
          );
        for (const { resolve } of batch) resolve();
        onRecorded();
        return;
      } catch (error) {
        if (attempt >= (stopping.aborted ? TRIES_WHILE_STOPPING : TRIES)) {
          for (const { reject } of batch) reject(error);
          return;
        }
        await pause(TRY_AGAIN_MS);
      }
    }
  }

  return {
    record: (end, signal) =>
      new Promise((resolve, reject) => {
        const waiting = gathering.get(end.runId) ?? [];
        waiting.push({ end, signal, resolve, reject });
        gathering.set(end.runId, waiting);
        void write(end.runId);
      }),
  };
}

function isLost(signal: AbortSignal): boolean {
  return signal.aborted && signal.reason instanceof AttemptStopped && signal.reason.reason === 'lost';
}
