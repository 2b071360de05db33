/** Waiting that ends by time, by a hint, or by a signal. */
import { MlopsError } from '../lib/error.ts';
import { pause } from '../lib/pause.ts';
import type { RunHint, RunStore } from '../stores/control/runs.ts';

/** Repeats a call that may be repeated while the store is away, for at most 20 s. */
export async function patiently<T>(call: () => Promise<T>, signal: AbortSignal): Promise<T> {
  const until = performance.now() + 20_000;
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!isAway(error) || signal.aborted || performance.now() > until) throw error;
    }
    await pause(200, signal);
  }
}

/** The store cannot be reached now; it will be. */
export const isAway = (error: unknown): boolean => error instanceof MlopsError && error.retryable;

export interface Wakeup {
  wake(): void;
  /** Until somebody called `wake` since the last wait (then true), or the time is over. */
  wait(milliseconds: number, signal: AbortSignal): Promise<boolean>;
}

export function createWakeup(): Wakeup {
  let woken = false;
  let release: (() => void) | undefined;
  return {
    wake: () => {
      woken = true;
      release?.();
    },
    wait: async (milliseconds, signal) => {
      if (!woken && !signal.aborted) {
        await new Promise<void>((resolve) => {
          const end = (): void => {
            clearTimeout(timer);
            signal.removeEventListener('abort', end);
            release = undefined;
            resolve();
          };
          const timer = setTimeout(end, milliseconds);
          signal.addEventListener('abort', end, { once: true });
          release = end;
        });
      }
      const called = woken;
      woken = false;
      return called;
    },
  };
}

export interface Hints {
  /** Returns the function that ends it. */
  subscribe(listener: (hint: RunHint) => void): () => void;
  close(): Promise<void>;
}

/** One listening connection for all that wait, opened when the first does. Without it everybody still polls. */
export function createHints(runs: Pick<RunStore, 'onHint'>): Hints {
  const listeners = new Set<(hint: RunHint) => void>();
  let ending: Promise<(() => Promise<void>) | undefined> | undefined;
  const open = (): void => {
    ending ??= runs
      .onHint((hint) => {
        for (const listener of [...listeners]) listener(hint);
      })
      .catch(() => {
        // Tried again with the next subscription; polling goes on meanwhile.
        ending = undefined;
        return undefined;
      });
  };
  return {
    subscribe: (listener) => {
      listeners.add(listener);
      open();
      return () => {
        listeners.delete(listener);
      };
    },
    close: async () => {
      listeners.clear();
      const end = await ending;
      ending = undefined;
      await end?.();
    },
  };
}
