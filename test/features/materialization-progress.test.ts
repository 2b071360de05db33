import { expect, it } from 'vitest';
import { type MaterializationProgress, startPhase } from '../../src/features/materialization-progress.ts';

it('estimates the time left by the pace of the phase', () => {
  const told: MaterializationProgress[] = [];
  let now = 1_000;
  const of = { featureSet: 's', version: 2, phase: 'writing' } as const;
  const phase = startPhase(
    (progress) => told.push(progress),
    of,
    400,
    () => now,
  );
  now += 10_000;
  phase.add(100);
  now += 5_000;
  phase.add(200);
  phase.total(350);
  phase.add(50);
  expect(told.map(({ done, total, etaSeconds }) => [done, total, etaSeconds])).toEqual([
    [0, 400, null],
    [100, 400, 30],
    [300, 400, 5],
    [300, 350, 3],
    [350, 350, 0],
  ]);
  expect(told[1]?.what).toBe('s@2: writing 100 of 400 rows');
});
