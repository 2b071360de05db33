/** Which answers are kept, at what rate, and what becomes of them while the control store is away. */
import { describe, expect, it, vi } from 'vitest';
import { type AnswerLogOptions, createAnswerLog } from '../../src/features/answer-log.ts';
import type { AnswerLogStore, NewAnswer } from '../../src/stores/control/answer-log.ts';
import { seededRandom } from '../../src/training/random.ts';

function opened(change: Partial<AnswerLogOptions> & { readonly append?: AnswerLogStore['append'] } = {}) {
  const written: NewAnswer[] = [];
  const prune = vi.fn(async () => {});
  let now = 0;
  let ids = 0;
  const random = seededRandom(7);
  const log = createAnswerLog({
    store: { append: change.append ?? (async (rows) => void written.push(...rows)), list: async () => [], prune },
    sample: 0.01,
    keepMs: 1_000,
    newId: () => `id-${ids++}`,
    random: () => random.next(),
    monotonicMs: () => now,
    ...change,
  });
  const add = () =>
    log.add({
      reader: 'http',
      entity: { id: 9_007_199_254_740_993n },
      at: '2026-01-01T00:00:00Z',
      reads: [
        { set: 'labs', version: 2, features: [['n', 5n]], record: { sequence: 1, eventTime: 'e' }, expired: false },
        { set: 'other', version: 1, features: [['x', null]], record: null, expired: false },
      ],
      latencyMs: 0,
    });
  return { log, written, prune, add, pass: (ms: number) => (now += ms) };
}

const drawn = ({ log, pass }: ReturnType<typeof opened>, requests: number, everyMs: number): number => {
  let count = 0;
  for (let at = 0; at < requests; at += 1) {
    pass(everyMs);
    if (log.isDrawn()) count += 1;
  }
  return count;
};

describe('the answer log', () => {
  it('draws about the share of the requests that is asked for', () => {
    expect(drawn(opened(), 100_000, 100) / 1_000).toBeCloseTo(1, 0);
    expect(drawn(opened({ sample: 0.25 }), 10_000, 1_000) / 2_500).toBeCloseTo(1, 0);
    expect(drawn(opened({ sample: 1 }), 50, 1_000)).toBe(50);
    expect(drawn(opened({ sample: 0 }), 10_000, 1_000)).toBe(0);
  });

  it('draws ten a second at most, however many requests there are', () => {
    expect(drawn(opened({ sample: 1 }), 10_000, 1)).toBeLessThanOrEqual(110);
    expect(drawn(opened({ sample: 1 }), 10_000, 1)).toBeGreaterThanOrEqual(100);
  });

  it('writes what was answered with what it was read from, integers beyond 2^53 as text', async () => {
    const one = opened();
    one.add();
    await one.log.close();
    expect(one.written).toMatchObject([
      {
        id: 'id-0',
        reader: 'http',
        entity: { id: '9007199254740993' },
        reads: {
          at: '2026-01-01T00:00:00Z',
          sets: {
            'labs@2': { version: 2, values: { n: '5' }, sequence: 1, event_time: 'e' },
            'other@1': { version: 1, values: { x: null } },
          },
        },
      },
    ]);
    expect(one.prune).toHaveBeenCalledWith({ keepMs: 1_000, most: 100_000 });
  });

  it('forgets old ones once a minute while it writes, and goes on where that fails', async () => {
    const errors: unknown[] = [];
    const one = opened({ onError: (error) => errors.push(error) });
    one.prune.mockRejectedValueOnce(new Error('away'));
    for (let at = 0; at < 4; at += 1) {
      one.add();
      await one.log.close();
      one.pass(30_000);
    }
    expect(one.prune).toHaveBeenCalledTimes(2);
    expect(errors).toHaveLength(1);
    expect(one.log.status()).toMatchObject({ written: 4, dropped: 0 });
  });

  it('holds a thousand while the control store does not answer, and counts what it drops', () => {
    const one = opened({ append: () => new Promise(() => {}) });
    for (let at = 0; at < 2_500; at += 1) one.add();
    const { pending, written, dropped } = one.log.status();
    expect(pending).toBeLessThanOrEqual(1_000);
    expect(written).toBe(0);
    expect(dropped).toBeGreaterThanOrEqual(1_300);
  });
});
