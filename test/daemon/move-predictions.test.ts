/** The daemon's loop that moves predictions: told, tried again, ended. */
import { expect, it, vi } from 'vitest';
import { startMovingPredictions } from '../../src/daemon/move-predictions.ts';

function daemon(move: (signal: AbortSignal) => Promise<{ moved: number; tables: number; pruned: number }>) {
  const told: string[] = [];
  const log = {
    info: (line: string) => void told.push(line),
    warn: (line: string, fields?: Readonly<Record<string, unknown>>) =>
      void told.push(`${line}: ${fields?.['reason']}`),
    error: () => {},
  };
  return { told, moving: startMovingPredictions({ movePredictions: move }, log, 5) };
}

it('tells what it moved, goes on after what failed, and says nothing where nothing was due', async () => {
  let round = 0;
  const { told, moving } = daemon(async () => {
    round += 1;
    if (round === 1) throw new Error('the store is away');
    return round === 2 ? { moved: 12, tables: 2, pruned: 3 } : { moved: 0, tables: 0, pruned: 0 };
  });
  await vi.waitFor(() => expect(round).toBeGreaterThan(3));
  await moving.stop();
  expect(told).toEqual([
    'moving predictions: the store is away',
    'moved 12 predictions to the offline store',
    'deleted 3 predictions from the control store: the offline store keeps them',
  ]);
});

it('ends what is under way when it is stopped, one round at a time', async () => {
  let running = 0;
  let most = 0;
  const { told, moving } = daemon(async (signal) => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    running -= 1;
    throw signal.reason;
  });
  await vi.waitFor(() => expect(running).toBe(1));
  await moving.stop();
  expect([running, most]).toEqual([0, 1]);
  expect(told).toEqual([]);
});
