import { describe, expect, it, vi } from 'vitest';
import { type Aged, createLogWriter } from '../../src/lib/log-writer.ts';

interface Entry {
  readonly ordinal: number;
}
const entry = (ordinal: number): Entry => ({ ordinal });
const monotonicMs = () => performance.now();
const patient = () => AbortSignal.timeout(10_000);

/** For the types of what is written. */
const store = (append: (batch: readonly Aged<Entry>[]) => Promise<void>) => append;

describe('the log writer', () => {
  it('writes rows of a few milliseconds in one statement, without being asked', async () => {
    const batches: number[][] = [];
    const writer = createLogWriter(
      store(async (batch) => void batches.push(batch.map(({ ordinal }) => ordinal))),
      { monotonicMs },
    );
    for (let at = 0; at < 100; at += 1) writer.add(entry(at));
    expect(writer.status().pending).toBe(100);
    await vi.waitFor(() => expect(writer.status()).toEqual({ pending: 0, written: 100, dropped: 0, error: null }));
    expect(batches).toEqual([Array.from({ length: 100 }, (_, at) => at)]);
  });

  it('writes what comes steadily ten times a second at most, and what comes in a crowd at once', async () => {
    vi.useFakeTimers();
    try {
      const append = vi.fn(async (_: readonly Aged<Entry>[]) => {});
      const monotonicMs = () => vi.getMockedSystemTime()?.getTime() ?? 0;
      const writer = createLogWriter(store(append), { monotonicMs, maxBatch: 50 });
      for (let at = 0; at < 1_000; at += 1) {
        writer.add(entry(at));
        await vi.advanceTimersByTimeAsync(2.5);
      }
      await vi.advanceTimersByTimeAsync(100);
      expect(writer.status()).toMatchObject({ pending: 0, written: 1_000 });
      const steady = append.mock.calls.length;
      expect(steady).toBeGreaterThan(20);
      expect(steady).toBeLessThanOrEqual(27);
      for (let at = 0; at < 200; at += 1) writer.add(entry(at));
      await vi.advanceTimersByTimeAsync(10);
      expect(writer.status()).toMatchObject({ pending: 0, written: 1_200 });
    } finally {
      vi.useRealTimers();
    }
  });

  it('can be waited for while the store answers, and is not waited for while it does not', async () => {
    vi.useFakeTimers();
    try {
      const answers: ((error?: Error) => void)[] = [];
      const append = () =>
        new Promise<void>((resolve, reject) => {
          answers.push((error) => (error === undefined ? resolve() : reject(error)));
        });
      const writer = createLogWriter(store(append), {
        monotonicMs: () => vi.getMockedSystemTime()?.getTime() ?? 0,
        maxPending: 100,
        maxBatch: 10,
      });
      let added = 0;
      const fill = (): void => {
        while (writer.status().pending < 60) writer.add(entry(added++));
      };
      fill();
      const ended = vi.fn();
      void writer.room()?.then(ended);
      await vi.advanceTimersByTimeAsync(1_000);
      expect(ended).not.toHaveBeenCalled();
      answers.shift()?.();
      await vi.advanceTimersByTimeAsync(0);
      expect(ended).toHaveBeenCalledOnce();
      while (writer.room() !== undefined) {
        await vi.advanceTimersByTimeAsync(1);
        answers.shift()?.();
      }
      expect(writer.status()).toMatchObject({ dropped: 0, error: null });
      expect(writer.status().pending).toBeLessThanOrEqual(50);
      // It says nothing for too long.
      fill();
      const late = vi.fn();
      void writer.room()?.then(late);
      await vi.advanceTimersByTimeAsync(5_000);
      expect(late).toHaveBeenCalledOnce();
      expect(writer.room()).toBeUndefined();
      // It is away.
      for (const answer of answers.splice(0)) answer(new Error('away'));
      await vi.advanceTimersByTimeAsync(1);
      fill();
      expect(writer.room()).toBeUndefined();
    } finally {
      vi.useRealTimers();
    }
  });

  it('begins to write within 50 ms', async () => {
    vi.useFakeTimers();
    try {
      const append = vi.fn(async () => {});
      const writer = createLogWriter(store(append), { monotonicMs: () => 0 });
      writer.add(entry(0));
      expect(append).not.toHaveBeenCalled();
      await vi.advanceTimersByTimeAsync(50);
      expect(append).toHaveBeenCalledTimes(1);
    } finally {
      vi.useRealTimers();
    }
  });

  it('gives a store that does not answer the pauses it needs, however many rows come meanwhile', async () => {
    vi.useFakeTimers();
    try {
      const append = vi.fn(() => new Promise<void>((_, reject) => setTimeout(() => reject(new Error('away')), 50)));
      const writer = createLogWriter(store(append), { monotonicMs: () => 0 });
      for (let at = 0; at < 300; at += 1) {
        writer.add(entry(at));
        await vi.advanceTimersByTimeAsync(10);
      }
      // In 3 s: after 20 ms, then with 0.1, 0.2, 0.4, 0.8 and 1.6 s between.
      expect(append.mock.calls.length).toBeLessThanOrEqual(6);
      expect(append.mock.calls.length).toBeGreaterThanOrEqual(4);
      expect(writer.status().pending).toBe(300);
    } finally {
      vi.useRealTimers();
    }
  });

  it('sends what may have been written again as it was, and what came meanwhile after it', async () => {
    const batches: number[][] = [];
    let lost = true;
    const writer = createLogWriter(
      store(async (batch) => {
        batches.push(batch.map(({ ordinal }) => ordinal));
        if (lost) throw new Error('the answer was lost');
      }),
      { monotonicMs },
    );
    for (let at = 0; at < 3; at += 1) writer.add(entry(at));
    await vi.waitFor(() => expect(batches).toHaveLength(1));
    for (let at = 3; at < 5; at += 1) writer.add(entry(at));
    lost = false;
    await writer.drain(patient());
    expect(batches.slice(0, 2)).toEqual([
      [0, 1, 2],
      [0, 1, 2],
    ]);
    expect(batches.slice(2).flat()).toEqual([3, 4]);
  });

  it('splits what is more than a batch and keeps the order', async () => {
    const seen: number[] = [];
    const sizes: number[] = [];
    const writer = createLogWriter(
      store(async (batch) => {
        sizes.push(batch.length);
        seen.push(...batch.map(({ ordinal }) => ordinal));
      }),
      { monotonicMs, maxBatch: 10 },
    );
    for (let at = 0; at < 35; at += 1) writer.add(entry(at));
    await writer.drain(patient());
    expect(seen).toEqual(Array.from({ length: 35 }, (_, at) => at));
    expect(Math.max(...sizes)).toBe(10);
  });

  it('keeps rows while the store does not answer, shows why, and loses none', async () => {
    let broken = true;
    const seen: number[] = [];
    const writer = createLogWriter(
      store(async (batch) => {
        if (broken) throw new Error('connection refused');
        seen.push(...batch.map(({ ordinal }) => ordinal));
      }),
      { monotonicMs },
    );
    for (let at = 0; at < 5; at += 1) writer.add(entry(at));
    await vi.waitFor(() => expect(writer.status().error).toBe('connection refused'));
    expect(writer.status().pending).toBe(5);
    writer.add(entry(5));
    broken = false;
    await writer.drain(patient());
    expect(seen).toEqual([0, 1, 2, 3, 4, 5]);
    expect(writer.status()).toEqual({ pending: 0, written: 6, dropped: 0, error: null });
  });

  it('drops a row that the store refuses, and only that one', async () => {
    const seen: number[] = [];
    const writer = createLogWriter(
      store(async (batch) => {
        if (batch.some(({ ordinal }) => ordinal === 3))
          throw Object.assign(new Error('cannot be stored'), { code: '22P05' });
        seen.push(...batch.map(({ ordinal }) => ordinal));
      }),
      { monotonicMs },
    );
    for (let at = 0; at < 6; at += 1) writer.add(entry(at));
    await writer.drain(patient());
    expect(seen).toEqual([0, 1, 2, 4, 5]);
    expect(writer.status()).toEqual({ pending: 0, written: 5, dropped: 1, error: 'cannot be stored' });
  });

  it('drops the oldest beyond its bound and counts them', async () => {
    const writer = createLogWriter(
      store(async () => {
        throw new Error('down');
      }),
      { monotonicMs, maxPending: 3 },
    );
    for (let at = 0; at < 5; at += 1) writer.add(entry(at));
    expect(writer.status()).toMatchObject({ pending: 3, dropped: 2 });
    await writer.drain(AbortSignal.abort());
    expect(writer.status()).toMatchObject({ pending: 0, dropped: 5 });
  });
});
