import { expect, it } from 'vitest';
import { overlapped } from '../../src/lib/overlapped.ts';

/** A promise and what settles it. */
function later(): { readonly promise: Promise<void>; readonly done: () => void } {
  let done = (): void => {};
  const promise = new Promise<void>((resolve) => {
    done = resolve;
  });
  return { promise, done };
}

it('makes the next item while the one before is worked on, and no further one', async () => {
  const told: string[] = [];
  const first = later();
  const secondMade = later();
  async function* items() {
    for (const item of [1, 2, 3]) {
      told.push(`made ${item}`);
      if (item === 2) secondMade.done();
      yield item;
    }
  }
  const done = overlapped(items(), async (item) => {
    told.push(`begun ${item}`);
    if (item === 1) await first.promise;
    told.push(`ended ${item}`);
  });
  await secondMade.promise;
  expect(told).toEqual(['made 1', 'begun 1', 'made 2']);
  first.done();
  await done;
  const worked = told.filter((one) => !one.startsWith('made'));
  expect(worked).toEqual([1, 2, 3].flatMap((item) => [`begun ${item}`, `ended ${item}`]));
});

it('fails with what the work fails with, and begins nothing after it', async () => {
  const begun: number[] = [];
  async function* items() {
    yield 1;
    yield 2;
    yield 3;
  }
  const done = overlapped(items(), async (item) => {
    begun.push(item);
    throw new Error(`no ${item}`);
  });
  await expect(done).rejects.toThrow('no 1');
  expect(begun).toEqual([1]);
});

it('waits for the work that is under way before it fails with what makes the items', async () => {
  const work = later();
  const asked = later();
  let ended = false;
  async function* items() {
    yield 1;
    asked.done();
    throw new Error('no more');
  }
  const done = overlapped(items(), async () => {
    await work.promise;
    ended = true;
  });
  await asked.promise;
  work.done();
  await expect(done).rejects.toThrow('no more');
  expect(ended).toBe(true);
});
