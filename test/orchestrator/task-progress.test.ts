import { expect, it } from 'vitest';
import { createProgressTeller } from '../../src/orchestrator/task-progress.ts';
import type { TaskProgress } from '../../src/stores/control/runs.ts';

function rig(record: (progress: TaskProgress) => Promise<void> = async () => {}) {
  let now = 0;
  const recorded: number[] = [];
  const lines: string[] = [];
  const teller = createProgressTeller({
    record: async (progress) => {
      recorded.push(progress.done);
      await record(progress);
    },
    log: (line) => lines.push(line),
    nowMs: () => now,
  });
  const tell = async (at: number, done: number, etaSeconds: number | null = null): Promise<void> => {
    now = at;
    teller.tell({ what: `s@1: writing ${done} of 100 rows`, done, total: 100, etaSeconds });
    await teller.settled();
  };
  return { tell, recorded, lines };
}

it('records at most once a second, and logs every ten seconds with the time left', async () => {
  const { tell, recorded, lines } = rig();
  for (const [at, done] of [
    [0, 1],
    [200, 2],
    [999, 3],
    [1_000, 4],
    [1_500, 5],
    [10_000, 6],
    [12_000, 7],
  ] as const)
    await tell(at, done, done === 6 ? 75 : null);
  expect(recorded).toEqual([1, 4, 6, 7]);
  expect(lines).toEqual(['s@1: writing 6 of 100 rows, about 1 min left']);
  // The end of a phase is no news: the next one tells.
  await tell(30_000, 100);
  expect(lines).toHaveLength(1);
});

it('goes on where the store is away', async () => {
  const { tell, recorded } = rig(async () => {
    throw new Error('away');
  });
  await tell(0, 1);
  await tell(2_000, 2);
  expect(recorded).toEqual([1, 2]);
});
