/** Things that are made when they are first asked for, and closed in order. */

/** What uses something is closed before it: services, then the stores that they work on, then the control store. */
export const LAYERS = ['service', 'store', 'control'] as const;
export type Layer = (typeof LAYERS)[number];

export interface Closers {
  /** Within a layer, what was added last is closed first. */
  add(layer: Layer, close: () => Promise<void>): void;
  /** Closes all, also where one fails; the first failure is thrown at the end. */
  close(): Promise<void>;
}

export function createClosers(): Closers {
  const closers: { readonly layer: Layer; readonly close: () => Promise<void> }[] = [];
  return {
    add: (layer, close) => {
      closers.push({ layer, close });
    },
    close: async () => {
      const failures: unknown[] = [];
      const ordered = LAYERS.flatMap((layer) => closers.filter((closer) => closer.layer === layer).reverse());
      closers.length = 0;
      for (const { close } of ordered) await close().catch((error: unknown) => failures.push(error));
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
