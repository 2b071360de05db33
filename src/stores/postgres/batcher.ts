/**
 * Calls that overlap share one round trip and one commit: while a batch is under way, what comes in collects; it goes as
 * the next batch. A batch holds each key once, so that two calls of one key keep their order.
 */
export interface Batcher<T> {
  /** Resolves when the batch with this item has committed; rejects with what it failed with. */
  add(item: T): Promise<void>;
}

interface Waiting<T> {
  readonly item: T;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

const LARGEST_BATCH = 500;

export function createBatcher<T>(keyOf: (item: T) => string, run: (items: readonly T[]) => Promise<void>): Batcher<T> {
  let queue: Waiting<T>[] = [];
  let underWay = false;

  function takeBatch(): readonly Waiting<T>[] {
    const keys = new Set<string>();
    let length = 0;
    for (const { item } of queue) {
      const key = keyOf(item);
      if (keys.has(key) || length === LARGEST_BATCH) break;
      keys.add(key);
      length += 1;
    }
    const batch = queue.slice(0, length);
    queue = queue.slice(length);
    return batch;
  }

  async function drain(): Promise<void> {
    underWay = true;
    // Calls made in the same turn of the event loop come along.
    await Promise.resolve();
    while (queue.length > 0) {
      const batch = takeBatch();
      try {
        await run(batch.map(({ item }) => item));
        for (const { resolve } of batch) resolve();
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    underWay = false;
  }

  return {
    add: (item) =>
      new Promise((resolve, reject) => {
        queue.push({ item, resolve, reject });
        if (!underWay) void drain();
      }),
  };
}
