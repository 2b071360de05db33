import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createVersionCache } from '../../src/features/version-cache.ts';
import type { FeatureSetVersion } from '../../src/stores/control/feature-state.ts';

const MAX_AGE = 100;
const version = (rows: number): FeatureSetVersion => ({
  set: 'labs',
  version: 1,
  storage: 'labs',
  digest: 'd',
  structure: { keys: { id: 'int64' }, source: 's', query: null, eventTime: 'at', createdTime: null, features: {} },
  status: 'serving',
  eventWatermark: 5n,
  inputs: { s: 'x' },
  rows,
  parts: 1,
  registeredAt: new Date(0),
  servingSince: null,
  retiredAt: null,
  retiredWhy: null,
  swept: false,
  keptUntil: null,
  pushesSince: 0,
});

/** A store that answers when it is told to, what was there when it was asked. */
function harness() {
  const state = { now: 0, rows: 0 };
  const waiting: { readonly rows: number; answer(): void; fail(): void }[] = [];
  const cache = createVersionCache(
    {
      versions: () =>
        new Promise((resolve, reject) => {
          const { rows } = state;
          waiting.push({ rows, answer: () => resolve([version(rows)]), fail: () => reject(new Error('away')) });
        }),
    },
    () => state.now,
    MAX_AGE,
  );
  return { state, waiting, cache };
}
const settled = () => new Promise((resolve) => setImmediate(resolve));

it('lets no read wait while there are reads: what is known is asked for again before it is too old', async () => {
  const { state, waiting, cache } = harness();
  const first = cache.get();
  waiting.pop()?.answer();
  const known = await first;
  for (let turn = 0; turn < 20; turn += 1) {
    state.now += 30;
    // The same list for as long as nothing has changed.
    expect(cache.peek()).toBe(known);
    waiting.pop()?.answer();
    await settled();
  }
  state.rows = 7;
  state.now += 60;
  expect(cache.peek()).toBe(known);
  waiting.pop()?.answer();
  await settled();
  expect(cache.peek()).toEqual([version(7)]);
});

it('never tells what was recorded longer ago than it may, whatever comes late, fails or is forgotten', async () => {
  const step = fc.constantFrom(
    'wait',
    'wait',
    'change',
    'answer oldest',
    'answer newest',
    'fail',
    'get',
    'peek',
    'forget',
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const { state, waiting, cache } = harness();
      /** What was recorded from when on. */
      const history = [{ from: 0, rows: 0 }];
      let forgotten = 0;
      const oldest = (at: number): number =>
        history.findLast(({ from }) => from <= Math.max(at - MAX_AGE, forgotten))?.rows ?? 0;
      const reads: Promise<void>[] = [];
      const judge = (at: number, found: readonly FeatureSetVersion[]): void => {
        expect(found[0]?.rows).toBeGreaterThanOrEqual(at);
      };
      for (const next of steps) {
        if (next === 'wait') state.now += 17;
        else if (next === 'change') {
          state.now += 1;
          state.rows += 1;
          history.push({ from: state.now, rows: state.rows });
        } else if (next === 'answer oldest') waiting.shift()?.answer();
        else if (next === 'answer newest') waiting.pop()?.answer();
        else if (next === 'fail') waiting.shift()?.fail();
        else if (next === 'forget') {
          cache.forget();
          forgotten = state.now;
        } else if (next === 'peek') {
          const least = oldest(state.now);
          const found = cache.peek();
          if (found !== undefined) judge(least, found);
        } else {
          const least = oldest(state.now);
          reads.push(
            cache.get().then(
              (found) => judge(least, found),
              (error: Error) => expect(error.message).toBe('away'),
            ),
          );
        }
        await settled();
      }
      for (const one of waiting) one.answer();
      await Promise.all(reads);
    }),
    { numRuns: 200 },
  );
});
