/** Works on each item while the next one is made: one is worked on and one is made at a time, in their order. */
export async function overlapped<T>(items: AsyncIterable<T>, work: (item: T) => Promise<void>): Promise<void> {
  let working: Promise<void> = Promise.resolve();
  try {
    for await (const item of items) {
      await working;
      working = work(item);
      // Its failure is heard with the next item, or at the end.
      working.catch(() => {});
    }
  } finally {
    // Nothing goes on after this has ended, however it ended.
    await Promise.allSettled([working]);
  }
  await working;
}
