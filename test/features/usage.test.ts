/** Reads are counted in memory and written in batches: no answer waits for that, and what could not be written is not forgotten. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createUsage } from '../../src/features/usage.ts';
import type { NewReads } from '../../src/stores/control/feature-quality.ts';

const OF = [{ set: 'labs', version: 2, features: ['bili', 'albumin'] }];

describe('reads of features', () => {
  let written: (readonly NewReads[])[];
  let broken: boolean;
  let now: number;
  const errors: unknown[] = [];
  const usage = () =>
    createUsage({
      quality: {
        addReads: async (reads) => {
          if (broken) throw new Error('away');
          written.push(reads);
        },
      },
      nowMs: () => now,
      onError: (error) => errors.push(error),
    });
  beforeEach(() => {
    vi.useFakeTimers();
    [written, broken, now] = [[], false, 1_000];
  });
  afterEach(() => void vi.useRealTimers());

  it('are written every ten seconds, each feature and reader once', async () => {
    const counting = usage();
    const [app, other, again] = [
      counting.counter('key:app', OF),
      counting.counter('http', OF),
      counting.counter('http', OF),
    ];
    counting.count(app, 1);
    counting.count(app, 100);
    counting.count(other, 1);
    now = 4_000;
    counting.count(again, 2);
    await vi.advanceTimersByTimeAsync(9_900);
    expect(written).toEqual([]);
    now = 11_000;
    await vi.advanceTimersByTimeAsync(100);
    expect(written).toHaveLength(1);
    expect(written[0]).toHaveLength(4);
    const told = (reader: string) => written[0]?.find((one) => one.reader === reader && one.feature === 'bili');
    expect(told('key:app')).toMatchObject({ set: 'labs', version: 2, reads: 2, entities: 101, firstAgoMs: 10_000 });
    expect(told('http')).toMatchObject({ reads: 2, entities: 3, firstAgoMs: 10_000, lastAgoMs: 0 });
    await vi.advanceTimersByTimeAsync(30_000);
    expect(written).toHaveLength(1);
    await counting.close();
  });

  it('are kept where they cannot be written, and go with the next batch or the end', async () => {
    const counting = usage();
    const counter = counting.counter('http', OF);
    broken = true;
    counting.count(counter, 1);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(errors).toHaveLength(1);
    counting.count(counter, 1);
    broken = false;
    await counting.close();
    expect(written[0]?.[0]).toMatchObject({ reads: 2, entities: 2 });
  });
});
