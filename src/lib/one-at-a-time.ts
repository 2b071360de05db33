/** A body callable at any time: at most one call runs and one waits, and what a caller asks for begins after its call. */
export interface OneAtATime {
  run(): Promise<void>;
  /** When what runs or waits has ended, well or not. */
  settled(): Promise<void>;
}

export function oneAtATime(body: () => Promise<void>): OneAtATime {
  let running: Promise<void> | undefined;
  let queued: Promise<void> | undefined;
  const run = (): Promise<void> => {
    if (running === undefined) {
      running = body().finally(() => {
        running = undefined;
      });
      return running;
    }
    queued ??= running
      .catch(() => {})
      .then(() => {
        queued = undefined;
        return run();
      });
    return queued;
  };
  return { run, settled: async () => (queued ?? running)?.catch(() => {}) };
}
