import { describe, expect, it } from 'vitest';
import { createBatcher } from '../../../src/stores/postgres/batcher.ts';

interface Item {
  readonly key: string;
  readonly value: number;
}

/** A batcher whose batches are finished by hand. */
function manual(): {
  readonly batches: (readonly number[])[];
  readonly add: (key: string, value: number) => Promise<void>;
  readonly finish: (error?: Error) => Promise<void>;
} {
  const batches: (readonly number[])[] = [];
  const waiting: { resolve: () => void; reject: (error: Error) => void }[] = [];
  const batcher = createBatcher<Item>(
    ({ key }) => key,
    (items) =>
      new Promise((resolve, reject) => {
        batches.push(items.map(({ value }) => value));
        waiting.push({ resolve, reject });
      }),
  );
  return {
    batches,
    add: (key, value) => batcher.add({ key, value }),
    finish: async (error) => {
      await new Promise(setImmediate);
      const batch = waiting.shift();
      if (error === undefined) batch?.resolve();
      else batch?.reject(error);
      await new Promise(setImmediate);
    },
  };
}

describe('a batcher', () => {
  it('collects what comes in while a batch is under way', async () => {
    const { batches, add, finish } = manual();
    const first = [add('a', 1), add('b', 2)];
    await new Promise(setImmediate);
    const second = [add('c', 3), add('d', 4), add('e', 5)];
    await finish();
    await Promise.all(first);
    await finish();
    await Promise.all(second);
    expect(batches).toEqual([
      [1, 2],
      [3, 4, 5],
    ]);
  });

  it('keeps two calls of one key apart, in order', async () => {
    const { batches, add, finish } = manual();
    const calls = [add('a', 1), add('b', 2), add('a', 3), add('c', 4)];
    await finish();
    await finish();
    await Promise.all(calls);
    expect(batches).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });

  it('fails all of a batch with its error, and goes on', async () => {
    const { batches, add, finish } = manual();
    const failed = Promise.allSettled([add('a', 1), add('b', 2)]);
    await finish(new Error('the disk is full'));
    expect((await failed).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    const next = add('c', 3);
    await finish();
    await next;
    expect(batches).toHaveLength(2);
  });
});
