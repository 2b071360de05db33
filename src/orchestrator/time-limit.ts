/** The limits of an attempt in time: each may begin later than the attempt does; the first that passes ends it. */

export interface TimeLimit {
  /** Begins to count, `elapsedMs` being over already. Undefined: none. */
  begin(limitMs: number | undefined, elapsedMs?: number): void;
  /** The limit that passed. */
  readonly passedMs: number | undefined;
  clear(): void;
}

/** A longer delay than a timer can count is no limit in practice. */
const LONGEST_MS = 2 ** 31 - 1;

export function createTimeLimit(onPassed: () => void): TimeLimit {
  let timers: NodeJS.Timeout[] | undefined;
  let passedMs: number | undefined;
  return {
    begin: (limitMs, elapsedMs = 0) => {
      if (limitMs === undefined || limitMs - elapsedMs > LONGEST_MS) return;
      const pass = (): void => {
        passedMs ??= limitMs;
        onPassed();
      };
      timers ??= [];
      timers.push(setTimeout(pass, Math.max(0, limitMs - elapsedMs)));
    },
    get passedMs() {
      return passedMs;
    },
    clear: () => {
      for (const timer of timers ?? []) clearTimeout(timer);
    },
  };
}
