/** At most so many bodies run at once in this process; the others wait for their turn, in order. */
export interface Turns {
  /** Rejects with the signal's reason where it aborts before the turn comes. */
  take<T>(signal: AbortSignal, body: () => Promise<T>): Promise<T>;
}

export function createTurns(most: number): Turns {
  let running = 0;
  const waiting = new Set<() => void>();

  function turn(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (running < most) {
      running += 1;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const give = (): void => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = (): void => {
        waiting.delete(give);
        reject(signal.reason);
      };
      waiting.add(give);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  /** The turn goes from hand to hand: who comes meanwhile does not slip in. */
  function pass(): void {
    const [next] = waiting;
    if (next === undefined) {
      running -= 1;
      return;
    }
    waiting.delete(next);
    next();
  }

  return {
    take: async (signal, body) => {
      await turn(signal);
      try {
        return await body();
      } finally {
        pass();
      }
    },
  };
}
