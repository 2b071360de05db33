/** Ends of attempts, recorded in batches: while one batch is written the next one gathers. */
import { MlopsError } from '../lib/error.ts';
import { pause } from '../lib/pause.ts';
import type { AttemptEnd, RunRules, RunStore } from '../stores/control/runs.ts';

export interface Ends {
  /** Resolves once it is recorded, or once there is nothing to record because the lease was lost. */
  record(end: AttemptEnd, held: { readonly isLost: boolean }): Promise<void>;
}

interface Waiting {
  readonly end: AttemptEnd;
  readonly held: { readonly isLost: boolean };
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const LARGEST_BATCH = 2_000;
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
  let gathering: Waiting[] = [];
  let writing = false;

  async function write(): Promise<void> {
    writing = true;
    // What ends in the same turn of the event loop comes along.
    await new Promise(setImmediate);
    while (gathering.length > 0) {
      const batch = gathering.slice(0, LARGEST_BATCH);
      gathering = gathering.slice(LARGEST_BATCH);
      await writeBatch(batch, 1);
    }
    writing = false;
  }

  async function writeBatch(batch: readonly Waiting[], tries: number): Promise<void> {
    for (let attempt = tries; ; attempt += 1) {
      const held = batch.filter((waiting) => !waiting.held.isLost);
      try {
        // A commit whose answer got lost is refused when it is repeated: what it changed stands.
        if (held.length > 0)
          await runs.end(
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
        const away = error instanceof MlopsError && error.retryable;
        if (!away && batch.length > 1) {
          // One of them may be what the store refuses: the others need not fall with it.
          const middle = batch.length >> 1;
          await writeBatch(batch.slice(0, middle), attempt + 1);
          await writeBatch(batch.slice(middle), attempt + 1);
          return;
        }
      }
    }
  }

  return {
    record: (end, held) =>
      new Promise((resolve, reject) => {
        gathering.push({ end, held, resolve, reject });
        if (!writing) void write();
      }),
  };
}
