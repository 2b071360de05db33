/** Things that are made when they are first asked for, and closed in the reverse order of their making. */

export interface Closers {
  /** Runs at `close`, before everything that was added earlier. */
  add(what: string, close: () => Promise<void>): void;
  /** Closes all, also where one fails; the first failure is thrown at the end. */
  close(): Promise<void>;
}

export function createClosers(): Closers {
  const closers: { readonly what: string; readonly close: () => Promise<void> }[] = [];
  return {
    add: (what, close) => {
      closers.push({ what, close });
    },
    close: async () => {
      const failures: unknown[] = [];
      for (let next = closers.pop(); next !== undefined; next = closers.pop()) {
        await next.close().catch((error: unknown) => failures.push(error));
      }
      if (failures.length > 0) throw failures[0];
    },
  };
}

/** The same promise each time; a failure is not kept, so that the next call tries again. */
export function lazily<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    if (made === undefined) {
      const making = make();
      made = making;
      making.catch(() => {
        if (made === making) made = undefined;
      });
    }
    return made;
  };
}
